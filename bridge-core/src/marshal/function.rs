//! What a function of Elixir says of itself: its name and how many arguments it takes, read off its encoded term.

use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::term::{OpaqueKind, Reader, Token};

/// A function of Elixir, described.
pub(super) struct Function {
    /// As Elixir shows it.
    pub(super) name: String,
    arity: Option<u8>,
}

impl Function {
    /// Reads an encoded function (without a version byte).
    pub(super) fn of(encoded: &[u8]) -> Function {
        let (name, arity) = match Reader::fragment(encoded).token() {
            Ok(Token::Opaque(OpaqueKind::Export, bytes)) => (export(bytes), None),
            Ok(Token::Opaque(OpaqueKind::Fun, bytes)) => (closure(bytes), bytes.get(5).copied()),
            _ => (None, None),
        };
        match name {
            Some((name, found)) => Function {
                name,
                arity: arity.or(found),
            },
            None => Function {
                name: "#Function<...>".to_owned(),
                arity,
            },
        }
    }

    /// Its signature: that many positional arguments, the last of which is a keyword list where there are some with names;
    /// so one without arguments takes none with names either.
    pub(super) fn signature<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let inspect = py.import("inspect")?;
        let parameter = inspect.getattr("Parameter")?;
        let parameters = PyList::empty(py);
        match self.arity {
            Some(arity) => {
                let kind = parameter.getattr("POSITIONAL_ONLY")?;
                for number in 1..=arity {
                    parameters.append(parameter.call1((format!("arg{number}"), &kind))?)?;
                }
            }
            None => parameters.append(parameter.call1(("args", parameter.getattr("VAR_POSITIONAL")?))?)?,
        }
        if self.arity != Some(0) {
            parameters.append(parameter.call1(("options", parameter.getattr("VAR_KEYWORD")?))?)?;
        }
        inspect.call_method1("Signature", (parameters,))
    }
}

/// `&Module.function/arity`: its parts follow its tag.
fn export(bytes: &[u8]) -> Option<(String, Option<u8>)> {
    let mut parts = Parts(bytes.get(1..)?);
    match (parts.next()?, parts.next()?, parts.next()?) {
        (Token::Atom(module), Token::Atom(function), Token::Int(arity)) => {
            let name = format!("&{}.{function}/{arity}", module_name(&module));
            Some((name, u8::try_from(arity).ok()))
        }
        _ => None,
    }
}

/// `#Function<index.uniq/arity in Module>`. Behind tag and size (5 bytes) come arity (1), a digest (16), an index (4), the
/// number of captured terms (4), the module, and the two numbers by which the BEAM shows it.
fn closure(bytes: &[u8]) -> Option<(String, Option<u8>)> {
    let arity = *bytes.get(5)?;
    let mut parts = Parts(bytes.get(30..)?);
    match (parts.next()?, parts.next()?, parts.next()?) {
        (Token::Atom(module), Token::Int(index), Token::Int(uniq)) => {
            let name = format!("#Function<{index}.{uniq}/{arity} in {}>", module_name(&module));
            Some((name, Some(arity)))
        }
        _ => None,
    }
}

fn module_name(module: &str) -> String {
    match module.strip_prefix("Elixir.") {
        Some(name) => name.to_owned(),
        None => format!(":{module}"),
    }
}

struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let mut reader = Reader::fragment(self.0);
        let token = reader.token().ok()?;
        self.0 = &self.0[reader.offset()..];
        Some(token)
    }
}
