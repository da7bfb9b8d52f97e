//! The `do` request: a target, and steps taken in order, each on the value of the one before.
//!
//! It runs what Elixir asks of Python, and nothing else: no sockets, no answers. Nor does it wait: where something is to
//! be awaited it says so, and goes on from there with what came of it.

mod annotated;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule, PySlice, PyString, PyTuple};
use pyo3::{PyTypeInfo, intern};

use crate::import::{attribute, module};
use crate::marshal::{Decoder, Encoding, Failure, Result};
use crate::refs::Refs;
use crate::term::{Reader, Token};

/// A `do` request, its parts still encoded.
#[derive(Debug, Clone, Copy)]
pub struct Do<'a> {
    target: &'a [u8],
    steps: &'a [u8],
    /// What the result is to become.
    pub encoding: Encoding,
    /// The cell that the call belongs to.
    pub cell: Option<u64>,
}

/// How far the steps of a call have come.
#[derive(Debug)]
pub enum Progress<'py> {
    /// All are taken. This is the result.
    Done(Bound<'py, PyAny>),
    /// This is to be awaited; the steps go on from `next` with what comes of it.
    Await {
        /// What is to be awaited.
        awaitable: Bound<'py, PyAny>,
        /// The step to go on from.
        next: usize,
    },
}

/// What a `do` request was, in short: for the record of calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Shape {
    /// The module, or the class of the object that was called.
    pub module: String,
    /// The name that was called.
    pub name: String,
    /// The classes of the arguments.
    pub args: Vec<String>,
}

/// The session that a call is made in.
pub trait Scope {
    /// Comes before the first step of a request.
    fn enter(&self, py: Python<'_>) -> PyResult<()>;

    /// The value of a name of the session, or of a builtin: where `{name, _}` targets are found.
    fn find<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>>;

    /// Calls a function as code of the session does.
    fn call<'py>(
        &self,
        function: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>>;
}

impl<'a> Do<'a> {
    /// Takes the body of a request apart.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self> {
        reader.expect_tuple(3)?;
        let target = reader.skip()?;
        let steps = reader.skip()?;
        let mut call = Do {
            target,
            steps,
            encoding: Encoding::Auto,
            cell: None,
        };
        let Token::Map(options) = reader.token()? else {
            return Err(bad("the options of a call are no map"));
        };
        for _ in 0..options {
            match (reader.expect_atom()?.as_ref(), reader.token()?) {
                ("as", Token::Atom(name)) => {
                    call.encoding = Encoding::named(&name)
                        .ok_or_else(|| bad(format!("`as: :{name}` is none of {}", Encoding::names())))?;
                }
                ("cell", Token::Int(cell)) => call.cell = u64::try_from(cell).ok(),
                ("cell", Token::Atom(_)) => {}
                (name, value) => {
                    return Err(bad(format!("the option {name} with {} is unknown", value.kind())));
                }
            }
        }
        Ok(call)
    }

    /// Finds what the steps start from.
    pub fn start<'py>(
        &self,
        py: Python<'py>,
        refs: &Refs,
        scope: &dyn Scope,
        shape: Option<&mut Shape>,
    ) -> Result<Bound<'py, PyAny>> {
        scope.enter(py)?;
        let target = &mut Reader::fragment(self.target);
        find(py, Decoder::new(py, refs), scope, target, shape)
    }

    /// Takes the steps from `from` on, as far as nothing is to be awaited. `step` counts them, for the error of one that
    /// fails.
    pub fn proceed<'py>(
        &self,
        refs: &Refs,
        scope: &dyn Scope,
        mut value: Bound<'py, PyAny>,
        from: usize,
        step: &mut usize,
        mut shape: Option<&mut Shape>,
    ) -> Result<Progress<'py>> {
        let decoder = Decoder::new(value.py(), refs);
        let mut reader = Reader::fragment(self.steps);
        let count = match reader.token()? {
            Token::Nil => 0,
            Token::List(count) => count,
            other => return Err(bad(format!("the steps of a call are {}", other.kind()))),
        };
        for index in 0..count {
            if index < from {
                reader.skip()?;
                continue;
            }
            let Token::Tuple(size) = reader.token()? else {
                return Err(bad("a step of a call is no tuple"));
            };
            let name = reader.expect_atom()?;
            if size == 1 && name == "await" {
                *step = index;
                let next = index + 1;
                return Ok(Progress::Await {
                    awaitable: value,
                    next,
                });
            }
            // What a step gives is what a call of its own would give: steps together mean the same as one by one.
            if index > from && is_coroutine(&value)? {
                let (awaitable, next) = (value, index);
                return Ok(Progress::Await { awaitable, next });
            }
            *step = index;
            value = take(
                decoder,
                scope,
                (&name, size),
                &mut reader,
                value,
                shape.as_deref_mut(),
            )?;
        }
        if count > 0 && !reader.end_list() {
            return Err(bad("the steps of a call are no proper list"));
        }
        // A result that is a coroutine: awaited once, as by a last step.
        if from <= count && self.encoding != Encoding::Ref && is_coroutine(&value)? {
            return Ok(Progress::Await {
                awaitable: value,
                next: count + 1,
            });
        }
        Ok(Progress::Done(value))
    }
}

/// Whether an object is a coroutine. Costs next to nothing for what is not awaitable at all.
fn is_coroutine(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static COROUTINE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    // SAFETY: the object is alive, and so is its type; any slot may be asked for.
    let slot = unsafe { ffi::PyType_GetSlot(value.get_type().as_type_ptr(), ffi::Py_am_await) };
    if slot.is_null() {
        return Ok(false);
    }
    let py = value.py();
    let class = COROUTINE.get_or_try_init(py, || {
        let class = py.import("collections.abc")?.getattr("Coroutine")?;
        Ok::<_, PyErr>(class.unbind())
    })?;
    value.is_instance(class.bind(py))
}

/// Reads the target of a call, and finds it.
pub fn target<'py>(
    py: Python<'py>,
    refs: &Refs,
    scope: &dyn Scope,
    reader: &mut Reader<'_>,
) -> Result<Bound<'py, PyAny>> {
    find(py, Decoder::new(py, refs), scope, reader, None)
}

fn bad(message: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::refuse("bad_message", message)
}

fn find<'py>(
    py: Python<'py>,
    decoder: Decoder<'_, 'py>,
    scope: &dyn Scope,
    reader: &mut Reader<'_>,
    shape: Option<&mut Shape>,
) -> Result<Bound<'py, PyAny>> {
    reader.expect_tuple(2)?;
    match reader.expect_atom()?.as_ref() {
        "module" => {
            let name = reader.expect_str()?;
            if let Some(shape) = shape {
                name.clone_into(&mut shape.module);
            }
            Ok(module(py, name)?)
        }
        "name" => {
            let name = reader.expect_str()?;
            if let Some(shape) = shape {
                name.clone_into(&mut shape.name);
            }
            match scope.find(py, name)? {
                Some(value) => Ok(value),
                None => Err(
                    pyo3::exceptions::PyNameError::new_err(format!("name '{name}' is not defined")).into(),
                ),
            }
        }
        "value" => decoder.value(reader),
        other => Err(bad(format!("a call cannot start from a {other}"))),
    }
}

/// Takes the step of this name, with so many parts.
fn take<'py>(
    decoder: Decoder<'_, 'py>,
    scope: &dyn Scope,
    step: (&str, usize),
    reader: &mut Reader<'_>,
    value: Bound<'py, PyAny>,
    mut shape: Option<&mut Shape>,
) -> Result<Bound<'py, PyAny>> {
    let py = value.py();
    Ok(match step {
        ("attr", 2) => {
            let name = name(py, reader)?;
            note(&mut shape, &value, &name);
            attribute(&value, &name)?
        }
        ("call", 3) => {
            let mut sent = reader.clone();
            let args = decoder.arguments(reader)?;
            let kwargs = keywords(py, decoder, reader)?;
            note_args(&mut shape, &args);
            let (args, kwargs) = annotated::arguments(&value, args, kwargs, &mut sent)?;
            scope.call(value, args, kwargs)?
        }
        ("method", 4) => {
            let name = name(py, reader)?;
            let mut sent = reader.clone();
            let args = decoder.arguments(reader)?;
            let kwargs = keywords(py, decoder, reader)?;
            note(&mut shape, &value, &name);
            note_args(&mut shape, &args);
            let function = attribute(&value, &name)?;
            let (args, kwargs) = annotated::arguments(&function, args, kwargs, &mut sent)?;
            scope.call(function, args, kwargs)?
        }
        ("item", 2) => value.get_item(decoder.value(reader)?)?,
        ("slice", 4) => {
            let (start, stop, step) = (
                decoder.value(reader)?,
                decoder.value(reader)?,
                decoder.value(reader)?,
            );
            value.get_item(PySlice::type_object(py).call1((start, stop, step))?)?
        }
        ("set_attr", 3) => {
            let name = name(py, reader)?;
            value.setattr(&name, decoder.value(reader)?)?;
            value
        }
        ("set_item", 3) => {
            let key = decoder.value(reader)?;
            value.set_item(key, decoder.value(reader)?)?;
            value
        }
        ("op", 3) => {
            let operator = reader.expect_atom()?;
            binary(&operator, &value, &decoder.value(reader)?)?
        }
        ("rop", 3) => {
            let operator = reader.expect_atom()?;
            binary(&operator, &decoder.value(reader)?, &value)?
        }
        ("unary", 2) => unary(&reader.expect_atom()?, &value)?,
        ("is", 2) => {
            let other = decoder.value(reader)?;
            boolean(py, value.is(&other))
        }
        ("fun", 2) => fun(&reader.expect_atom()?, &value)?,
        (other, size) => {
            return Err(bad(format!(
                "{{{other}, ..}} with {size} parts is no step of a call"
            )));
        }
    })
}

fn note(shape: &mut Option<&mut Shape>, value: &Bound<'_, PyAny>, name: &Bound<'_, PyString>) {
    let Some(shape) = shape else { return };
    shape.name = name.to_string();
    shape.args.clear();
    if value.cast::<PyModule>().is_err() {
        shape.module = crate::marshal::type_name(value.get_type().as_any());
    }
}

fn note_args(shape: &mut Option<&mut Shape>, args: &Bound<'_, PyTuple>) {
    let Some(shape) = shape else { return };
    shape.args = args.iter().map(|arg| crate::marshal::kind(&arg)).collect();
}

fn name<'py>(py: Python<'py>, reader: &mut Reader<'_>) -> Result<Bound<'py, PyString>> {
    Ok(PyString::intern(py, reader.expect_str()?))
}

fn keywords<'py>(
    py: Python<'py>,
    decoder: Decoder<'_, 'py>,
    reader: &mut Reader<'_>,
) -> Result<Option<Bound<'py, PyDict>>> {
    let count = match reader.token()? {
        Token::Nil => return Ok(None),
        Token::List(count) => count,
        other => {
            return Err(bad(format!(
                "{} stands where keyword arguments should",
                other.kind()
            )));
        }
    };
    let kwargs = PyDict::new(py);
    for _ in 0..count {
        reader.expect_tuple(2)?;
        let name = match reader.token()? {
            Token::Binary(name) => std::str::from_utf8(name)
                .map(|name| PyString::intern(py, name))
                .map_err(|_| bad("the name of a keyword argument is not UTF-8"))?,
            Token::Atom(name) => PyString::intern(py, &name),
            other => {
                return Err(bad(format!(
                    "{} stands where the name of a keyword argument should",
                    other.kind()
                )));
            }
        };
        let value = decoder.value(reader)?;
        if kwargs.contains(&name)? {
            return Err(Failure::not_convertible(format!(
                "the keyword argument {name} is given twice"
            )));
        }
        kwargs.set_item(name, value)?;
    }
    match reader.end_list() {
        true => Ok(Some(kwargs)),
        false => Err(bad("the keyword arguments are no proper list")),
    }
}

fn binary<'py>(
    operator: &str,
    left: &Bound<'py, PyAny>,
    right: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>> {
    Ok(match operator {
        "add" => left.add(right)?,
        "sub" => left.sub(right)?,
        "mul" => left.mul(right)?,
        "truediv" => left.div(right)?,
        "floordiv" => left.floor_div(right)?,
        "mod" => left.rem(right)?,
        "pow" => left.pow(right, left.py().None())?,
        "matmul" => left.matmul(right)?,
        "and" => left.bitand(right)?,
        "or" => left.bitor(right)?,
        "xor" => left.bitxor(right)?,
        "lshift" => left.lshift(right)?,
        "rshift" => left.rshift(right)?,
        "eq" => left.rich_compare(right, pyo3::basic::CompareOp::Eq)?,
        "ne" => left.rich_compare(right, pyo3::basic::CompareOp::Ne)?,
        "lt" => left.rich_compare(right, pyo3::basic::CompareOp::Lt)?,
        "le" => left.rich_compare(right, pyo3::basic::CompareOp::Le)?,
        "gt" => left.rich_compare(right, pyo3::basic::CompareOp::Gt)?,
        "ge" => left.rich_compare(right, pyo3::basic::CompareOp::Ge)?,
        "contains" => boolean(left.py(), left.contains(right)?),
        other => return Err(bad(format!("{other} is no binary operator"))),
    })
}

fn unary<'py>(operator: &str, value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    Ok(match operator {
        "neg" => value.neg()?,
        "pos" => value.pos()?,
        "invert" => value.bitnot()?,
        "abs" => value.abs()?,
        "not" => boolean(value.py(), !value.is_truthy()?),
        other => return Err(bad(format!("{other} is no unary operator"))),
    })
}

fn fun<'py>(function: &str, value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let py = value.py();
    Ok(match function {
        "repr" => value.repr()?.into_any(),
        "str" => value.str()?.into_any(),
        "len" => value.len()?.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        "bool" => boolean(py, value.is_truthy()?),
        "iter" => value.try_iter()?.into_any(),
        "next" => {
            // SAFETY: the object is alive; what is no iterator is refused before.
            let next = unsafe {
                if ffi::PyIter_Check(value.as_ptr()) == 0 {
                    let class = crate::marshal::type_name(value.get_type().as_any());
                    let message = format!("'{class}' object is not an iterator");
                    return Err(pyo3::exceptions::PyTypeError::new_err(message).into());
                }
                Bound::from_owned_ptr_or_opt(py, ffi::PyIter_Next(value.as_ptr()))
            };
            match next {
                Some(item) => item,
                None => {
                    return Err(PyErr::take(py)
                        .unwrap_or_else(|| pyo3::exceptions::PyStopIteration::new_err(()))
                        .into());
                }
            }
        }
        "dir" => value.dir()?.into_any(),
        "hash" => value.hash()?.into_pyobject(py).map_err(PyErr::from)?.into_any(),
        "arity" => arity(value)?,
        other => return Err(bad(format!("{other} is no function that a step can apply"))),
    })
}

/// With how many arguments a callable is to be called as a function of Elixir, which takes a fixed number: as many as
/// it asks for, or one where it asks for none but takes some. None for what cannot be called.
fn arity<'py>(value: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let py = value.py();
    if !value.is_callable() {
        return Ok(py.None().into_bound(py));
    }
    let inspect = py.import(intern!(py, "inspect"))?;
    let (mut required, mut taken) = (0_usize, 0_usize);
    match inspect.call_method1(intern!(py, "signature"), (value,)) {
        Ok(signature) => {
            let parameters = signature
                .getattr(intern!(py, "parameters"))?
                .call_method0(intern!(py, "values"))?;
            for parameter in parameters.try_iter()? {
                let parameter = parameter?;
                let kind: u8 = parameter.getattr(intern!(py, "kind"))?.extract()?;
                // Positional only, positional or keyword, `*args`: the first three kinds.
                if kind <= 2 {
                    let default = parameter.getattr(intern!(py, "default"))?;
                    let has_none = default.is(&parameter.getattr(intern!(py, "empty"))?);
                    required += usize::from(kind < 2 && has_none);
                    taken += 1;
                }
            }
        }
        // Some builtins do not tell.
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyValueError>(py) => taken = 1,
        Err(error) => return Err(error.into()),
    }
    let arity = if required > 0 { required } else { taken.min(1) };
    Ok(arity.into_pyobject(py).map_err(PyErr::from)?.into_any())
}

fn boolean(py: Python<'_>, value: bool) -> Bound<'_, PyAny> {
    pyo3::types::PyBool::new(py, value).to_owned().into_any()
}
