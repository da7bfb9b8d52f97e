//! Functions of Python as arguments of a call to Elixir: there they are functions too.
//!
//! Anywhere else a function is an object like others, and goes as a ref: there it is looked into, kept, handed on.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;

use super::Result;
use super::describe::type_name;
use super::from_python::{TAGGED, encode_value};
use super::types::Types;
use crate::refs::Refs;
use crate::term::Writer;

/// A function of Elixir takes a fixed number of arguments. No more than these.
const MAX_ARITY: usize = 10;

/// Writes an argument of a call: a function as a function, all else as a value.
pub fn encode_argument(object: &Bound<'_, PyAny>, refs: &Refs, out: &mut Writer) -> Result<()> {
    let py = object.py();
    let class = object.get_type();
    if !Types::get(py)?.functions.iter().any(|known| class.is(known)) {
        return encode_value(object, refs, out);
    }
    let arity = match arity(object) {
        Ok(arity) => arity,
        // Most functions of C do not tell.
        Err(error) if error.is_instance_of::<PyException>(py) => 1,
        Err(interrupt) => return Err(interrupt.into()),
    };
    out.raw(TAGGED);
    out.tuple_header(4)?;
    out.atom("$function")?;
    out.u64(refs.hold(object));
    out.binary(type_name(class.as_any()).as_bytes())?;
    out.u64(arity as u64);
    Ok(())
}

/// With how many arguments a function is meant to be called: those that it needs; one where it needs none but takes
/// some.
fn arity(function: &Bound<'_, PyAny>) -> PyResult<usize> {
    const VAR_POSITIONAL: u8 = 2;
    let py = function.py();
    let inspect = py.import(intern!(py, "inspect"))?;
    let signature = inspect.call_method1(intern!(py, "signature"), (function,))?;
    let parameters = signature
        .getattr(intern!(py, "parameters"))?
        .call_method0(intern!(py, "values"))?;
    let (mut needed, mut takes) = (0, false);
    for parameter in parameters.try_iter()? {
        let parameter = parameter?;
        let kind: u8 = parameter.getattr(intern!(py, "kind"))?.extract()?;
        // Behind it come those that have names only.
        if kind > VAR_POSITIONAL {
            break;
        }
        takes = true;
        let default = parameter.getattr(intern!(py, "default"))?;
        if kind < VAR_POSITIONAL && default.is(parameter.getattr(intern!(py, "empty"))?) {
            needed += 1;
        }
    }
    Ok(match needed {
        0 => usize::from(takes),
        needed => needed.min(MAX_ARITY),
    })
}
