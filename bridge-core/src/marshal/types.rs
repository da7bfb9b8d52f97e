//! Types and functions of Python's standard library that conversion needs, looked up once.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// What conversion takes from the standard library.
pub(crate) struct Types {
    pub(crate) date: Py<PyType>,
    pub(crate) time: Py<PyType>,
    pub(crate) datetime: Py<PyType>,
    pub(crate) timedelta: Py<PyType>,
    pub(crate) timezone: Py<PyType>,
    pub(crate) utc: Py<PyAny>,
    pub(crate) range: Py<PyType>,
    pub(crate) memoryview: Py<PyType>,
    /// The classes of what is a function and nothing else.
    pub(crate) functions: [Py<PyType>; 4],
}

/// What dates and times are written as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    Date,
    Time,
    DateTime,
    Duration,
}

impl Types {
    /// Which of dates and times a class is, or extends.
    pub(crate) fn moment(&self, is: impl Fn(&Py<PyType>) -> bool) -> Option<Moment> {
        // A datetime is a date too, so it comes first.
        let known = [
            (&self.datetime, Moment::DateTime),
            (&self.date, Moment::Date),
            (&self.time, Moment::Time),
            (&self.timedelta, Moment::Duration),
        ];
        known
            .into_iter()
            .find(|(class, _)| is(class))
            .map(|(_, moment)| moment)
    }

    pub(crate) fn get(py: Python<'_>) -> PyResult<&'static Types> {
        static TYPES: PyOnceLock<Types> = PyOnceLock::new();
        TYPES.get_or_try_init(py, || {
            let datetime = py.import("datetime")?;
            let builtins = py.import("builtins")?;
            let class = |module: &Bound<'_, PyModule>, name: &str| -> PyResult<Py<PyType>> {
                Ok(module.getattr(name)?.cast_into::<PyType>()?.unbind())
            };
            let types = py.import("types")?;
            let timezone = class(&datetime, "timezone")?;
            Ok(Types {
                date: class(&datetime, "date")?,
                time: class(&datetime, "time")?,
                datetime: class(&datetime, "datetime")?,
                timedelta: class(&datetime, "timedelta")?,
                utc: timezone.bind(py).getattr("utc")?.unbind(),
                timezone,
                range: class(&builtins, "range")?,
                memoryview: class(&builtins, "memoryview")?,
                functions: [
                    class(&types, "FunctionType")?,
                    class(&types, "BuiltinFunctionType")?,
                    class(&types, "MethodType")?,
                    class(&py.import("functools")?, "partial")?,
                ],
            })
        })
    }
}

/// Whether it is a function written in Python.
pub(crate) fn is_python_function(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let [function, ..] = &Types::get(object.py())?.functions;
    Ok(object.get_type().is(function))
}

/// Whether it is a method of an object, bound to it.
pub(crate) fn is_method(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let [_, _, method, ..] = &Types::get(object.py())?.functions;
    Ok(object.get_type().is(method))
}
