//! Objects that hold no others: numbers, text, bytes, ranges, dates and times.

use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyInt, PyString};
use pyo3::{PyTypeInfo, ffi, intern};

use super::{Encoder, exactly};
use crate::marshal::numpy::Scalar;
use crate::marshal::types::Moment;
use crate::marshal::{Failure, MAX_INTEGER_BYTES, Result};
use crate::term::Writer;

impl<'py> Encoder<'_, 'py> {
    pub(super) fn int(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        let mut overflow = 0;
        // SAFETY: `object` is alive and its exact type is int, for which this cannot raise.
        let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(object.as_ptr(), &raw mut overflow) };
        match overflow {
            0 => self.out.int(value),
            _ => big(object, self.out)?,
        }
        Ok(())
    }

    pub(super) fn float(&mut self, value: f64) -> Result<()> {
        self.ambiguous.leaves += u64::from(value.is_nan());
        float(value, self.out)
    }

    pub(super) fn text(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        let text = object.cast::<PyString>().map_err(PyErr::from)?;
        match text.to_str() {
            Ok(text) => Ok(self.out.binary(text.as_bytes())?),
            // A lone surrogate has no UTF-8, so the object stays where it is.
            Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(object.py()) => self.reference(object),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn bytes(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        self.ambiguous.leaves += 1;
        let bytes = object.cast::<PyBytes>().map_err(PyErr::from)?;
        Ok(self.out.binary(bytes.as_bytes())?)
    }

    pub(super) fn complex(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        let py = object.py();
        let attribute = |name| object.getattr(name)?.extract::<f64>();
        let (re, im) = (attribute(intern!(py, "real"))?, attribute(intern!(py, "imag"))?);
        self.tag("$complex", 2)?;
        self.float(re)?;
        self.float(im)
    }

    pub(super) fn scalar(&mut self, object: &Bound<'py, PyAny>, scalar: Scalar) -> Result<()> {
        match scalar {
            Scalar::Bool => self.out.bool(object.is_truthy()?),
            Scalar::Int => self.int(&exactly::<PyInt>(object)?)?,
            Scalar::Float => self.float(object.extract()?)?,
            Scalar::Complex => self.complex(object)?,
            Scalar::Text => self.text(object)?,
            Scalar::Bytes => self.bytes(object)?,
        }
        Ok(())
    }

    pub(super) fn range(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        let py = object.py();
        let [start, stop, step] =
            [intern!(py, "start"), intern!(py, "stop"), intern!(py, "step")].map(|name| object.getattr(name));
        let (start, stop, step) = (start?, stop?, step?);
        let numbers = (
            start.extract::<i64>(),
            stop.extract::<i64>(),
            step.extract::<i64>(),
        );
        self.tag("$range", 3)?;
        match numbers {
            (Ok(start), Ok(stop), Ok(step)) => {
                self.out.int(start);
                // Elixir's last item is inclusive, Python's stop is not. One less than `i64::MIN` is not writable
                // here, but no range starts below it either.
                self.out.int(stop.saturating_sub(step.signum()));
                self.out.int(step);
            }
            _ => {
                let last = match step.gt(0)? {
                    true => stop.sub(1)?,
                    false => stop.add(1)?,
                };
                for number in [start, last, step] {
                    self.int(&number)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn moment(&mut self, object: &Bound<'py, PyAny>, moment: Moment) -> Result<()> {
        match moment {
            Moment::DateTime => self.datetime(object),
            Moment::Date => {
                self.tag("$date", 3)?;
                self.fields(object, &["year", "month", "day"])
            }
            // Elixir has no time of day with a zone.
            Moment::Time if !object.getattr(intern!(object.py(), "tzinfo"))?.is_none() => {
                self.reference(object)
            }
            Moment::Time => {
                self.tag("$time", 4)?;
                self.fields(object, &["hour", "minute", "second", "microsecond"])
            }
            Moment::Duration => {
                self.tag("$timedelta", 3)?;
                self.fields(object, &["days", "seconds", "microseconds"])
            }
        }
    }

    fn datetime(&mut self, object: &Bound<'py, PyAny>) -> Result<()> {
        const FIELDS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "microsecond"];
        let py = object.py();
        let zone = object.getattr(intern!(py, "tzinfo"))?;
        if zone.is_none() {
            self.tag("$naive", 7)?;
            return self.fields(object, &FIELDS);
        }
        // A zone may be any code: what does not answer with whole seconds keeps the object where it is.
        let Some(offset) = object
            .call_method0(intern!(py, "utcoffset"))
            .ok()
            .and_then(|offset| whole_seconds(&offset))
        else {
            return self.reference(object);
        };
        let name = match zone.is(&self.types.utc) {
            true => Some("Etc/UTC".to_owned()),
            false => zone
                .getattr_opt(intern!(py, "key"))
                .ok()
                .flatten()
                .and_then(|key| key.extract::<String>().ok()),
        };
        self.tag("$aware", 9)?;
        self.fields(object, &FIELDS)?;
        self.out.int(offset);
        match name {
            Some(name) => self.out.binary(name.as_bytes())?,
            None => self.out.atom("nil")?,
        }
        Ok(())
    }

    pub(super) fn fields(&mut self, object: &Bound<'py, PyAny>, names: &[&str]) -> Result<()> {
        for name in names {
            let value = object
                .getattr(PyString::intern(object.py(), name))?
                .extract::<i64>()?;
            self.out.int(value);
        }
        Ok(())
    }
}

pub(in crate::marshal) fn float(value: f64, out: &mut Writer) -> Result<()> {
    match value {
        value if value.is_finite() => out.float(value)?,
        value if value.is_nan() => out.atom("nan")?,
        value if value > 0.0 => out.atom("infinity")?,
        _ => out.atom("neg_infinity")?,
    }
    Ok(())
}

/// An integer above 64 bits.
pub(in crate::marshal) fn big(object: &Bound<'_, PyAny>, out: &mut Writer) -> Result<()> {
    static INT_BIT_LENGTH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static INT_TO_BYTES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = object.py();
    // The methods of int itself: `encode_plain` comes here with subclasses too.
    let method = |cell: &'static PyOnceLock<Py<PyAny>>, name: &str| -> PyResult<Bound<'_, PyAny>> {
        let method = cell.get_or_try_init(py, || PyInt::type_object(py).getattr(name).map(Bound::unbind))?;
        Ok(method.bind(py).clone())
    };
    let negative = object.lt(0)?;
    let magnitude = if negative { object.neg()? } else { object.clone() };
    let bits: usize = method(&INT_BIT_LENGTH, "bit_length")?
        .call1((&magnitude,))?
        .extract()?;
    let length = bits.div_ceil(8);
    if length > MAX_INTEGER_BYTES {
        return Err(Failure::not_convertible(format!(
            "an integer of {bits} bits is larger than BEAM can hold"
        ))
        .with_hint("send it as text: str(n), or hex(n)"));
    }
    let bytes = method(&INT_TO_BYTES, "to_bytes")?.call1((&magnitude, length, intern!(py, "little")))?;
    Ok(out.big(negative, bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes())?)
}

/// The seconds of a timedelta, if it has no fraction.
fn whole_seconds(offset: &Bound<'_, PyAny>) -> Option<i64> {
    let py = offset.py();
    let field = |name| offset.getattr(name).ok()?.extract::<i64>().ok();
    match field(intern!(py, "microseconds"))? {
        0 => Some(field(intern!(py, "days"))? * 86_400 + field(intern!(py, "seconds"))?),
        _ => None,
    }
}
