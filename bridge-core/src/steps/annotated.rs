//! Parameters annotated `bytes`: there a binary of Elixir arrives as bytes, also where it is text.
//!
//! It looks at functions written in Python alone: others do not say what they take. Only the binary itself counts, not
//! one inside of another value, and not a ref to text.

use std::collections::HashSet;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple, PyType};

use crate::marshal::{Result, is_method, is_python_function};
use crate::term::{Reader, Token};

/// So many decorators are looked through.
const WRAPPERS: usize = 16;

/// The arguments of a call, `sent` being what they were read from: the list of those by position, then of pairs.
pub(super) fn arguments<'py>(
    function: &Bound<'py, PyAny>,
    args: Bound<'py, PyTuple>,
    kwargs: Option<Bound<'py, PyDict>>,
    sent: &mut Reader<'_>,
) -> Result<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
    let py = function.py();
    let is_text = |value: &Bound<'_, PyAny>| value.is_exact_instance_of::<PyString>();
    let any_text = args.iter_borrowed().any(|value| is_text(&value))
        || kwargs
            .as_ref()
            .is_some_and(|kwargs| kwargs.iter().any(|(_, value)| is_text(&value)));
    if !any_text {
        return Ok((args, kwargs));
    }
    let Some(wanted) = Wanted::of(function)? else {
        return Ok((args, kwargs));
    };
    let mut changed: Vec<Bound<'py, PyAny>> = args.iter().collect();
    if let Token::List(_) = sent.token()? {
        for (index, arg) in changed.iter_mut().enumerate() {
            let term = sent.skip()?;
            if wanted.at(index)
                && let Token::Binary(bytes) = Reader::fragment(term).token()?
            {
                *arg = PyBytes::new(py, bytes).into_any();
            }
        }
        sent.end_list();
    }
    if let Some(kwargs) = &kwargs {
        sent.token()?;
        for _ in 0..kwargs.len() {
            sent.expect_tuple(2)?;
            let name = match sent.token()? {
                Token::Binary(name) => String::from_utf8_lossy(name).into_owned(),
                Token::Atom(name) => name.into_owned(),
                _ => String::new(),
            };
            let term = sent.skip()?;
            if wanted.names.contains(&name)
                && let Token::Binary(bytes) = Reader::fragment(term).token()?
            {
                kwargs.set_item(name, PyBytes::new(py, bytes))?;
            }
        }
    }
    Ok((PyTuple::new(py, changed)?, kwargs))
}

/// The parameters of a function that want bytes.
struct Wanted {
    names: HashSet<String>,
    /// The names of those that can be given by position, without `self`.
    positional: Vec<String>,
}

impl Wanted {
    fn at(&self, index: usize) -> bool {
        self.positional
            .get(index)
            .is_some_and(|name| self.names.contains(name))
    }

    /// None where there are none, or the function does not tell.
    fn of(function: &Bound<'_, PyAny>) -> Result<Option<Self>> {
        let py = function.py();
        let (mut function, bound) = if is_method(function)? {
            (function.getattr(intern!(py, "__func__"))?, true)
        } else if function.is_instance_of::<PyType>() {
            (function.getattr(intern!(py, "__init__"))?, true)
        } else {
            (function.clone(), false)
        };
        if !is_python_function(&function)? {
            return Ok(None);
        }
        for _ in 0..WRAPPERS {
            match function.getattr_opt(intern!(py, "__wrapped__"))? {
                Some(inner) if is_python_function(&inner)? => function = inner,
                _ => break,
            }
        }
        // Annotations may be evaluated only now, and may be wrong: that is no reason to fail.
        let Ok(annotations) = function.getattr(intern!(py, "__annotations__")) else {
            return Ok(None);
        };
        let Ok(annotations) = annotations.cast::<PyDict>() else {
            return Ok(None);
        };
        let wants = |annotation: &Bound<'_, PyAny>| {
            annotation.is(py.get_type::<PyBytes>())
                || annotation
                    .cast_exact::<PyString>()
                    .is_ok_and(|text| text.to_str().is_ok_and(|text| text == "bytes"))
        };
        let names: HashSet<String> = annotations
            .iter()
            .filter(|(_, annotation)| wants(annotation))
            .filter_map(|(name, _)| name.extract().ok())
            .collect();
        if names.is_empty() {
            return Ok(None);
        }
        let code = function.getattr(intern!(py, "__code__"))?;
        let count: usize = code.getattr(intern!(py, "co_argcount"))?.extract()?;
        let variables: Vec<String> = code.getattr(intern!(py, "co_varnames"))?.extract()?;
        let positional = variables
            .into_iter()
            .take(count)
            .skip(usize::from(bound))
            .collect();
        Ok(Some(Wanted { names, positional }))
    }
}
