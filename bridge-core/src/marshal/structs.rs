//! Structs of Elixir that have a counterpart in Python.
//!
//! A struct whose content the counterpart cannot hold (a date of another calendar, a duration of months) stays a term
//! of Elixir, like every other struct.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyComplex, PyDict};

use super::pin::PINNED;
use super::to_python::decode_value;
use super::types::Types;
use super::{Failure, Result, array};
use crate::refs::Refs;
use crate::term::{Reader, Token};

/// The fields of a struct, each as its encoded bytes.
pub(super) struct Struct<'a> {
    name: Cow<'a, str>,
    fields: Vec<(Cow<'a, str>, &'a [u8])>,
}

/// What becomes of a struct.
pub(super) enum Counterpart<'a, 'py> {
    Object(Bound<'py, PyAny>),
    /// A set: the map whose keys are its items.
    Set(&'a [u8]),
    /// What calling something gives.
    Make(Make<'a>),
    /// Its term, which Elixir keeps whole, and the number by which it does.
    Pinned(u64, &'a [u8]),
    /// It stays a term.
    None,
}

/// A call that an object is to be made by; its arguments are still encoded.
pub(super) struct Make<'a> {
    pub(super) path: &'a str,
    pub(super) args: &'a [u8],
    pub(super) kwargs: &'a [u8],
}

/// The struct whose map head a reader has just passed, if it is one. The reader is moved behind it only then.
///
/// A struct's keys are atoms, and in a map atoms come before text; so maps keyed by text cost one look.
pub(super) fn fields<'a>(reader: &mut Reader<'a>, pairs: usize) -> Option<Struct<'a>> {
    let mut ahead = reader.clone();
    let mut name = None;
    for _ in 0..pairs {
        match ahead.token().ok()? {
            Token::Atom(key) if key == "__struct__" => {
                let Token::Atom(value) = ahead.token().ok()? else {
                    return None;
                };
                name = Some(value);
                break;
            }
            Token::Atom(_) => ahead.skip().ok()?,
            _ => return None,
        };
    }
    let name = name?;
    let mut ahead = reader.clone();
    let mut fields = Vec::with_capacity(pairs.min(16));
    for _ in 0..pairs {
        match ahead.token().ok()? {
            Token::Atom(key) => fields.push((key, ahead.skip().ok()?)),
            _ => return None,
        }
    }
    *reader = ahead;
    Some(Struct { name, fields })
}

impl<'a> Struct<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, term)| *term)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .map(|(name, _)| name.as_ref())
            .filter(|name| !name.starts_with("__"))
    }

    /// The number and the term, if this is a pinned one.
    pub(super) fn pinned(&self) -> Option<(u64, &'a [u8])> {
        (self.name.strip_prefix("Elixir.")? == PINNED).then_some(())?;
        Some((u64::try_from(self.int("id")?).ok()?, self.get("term")?))
    }

    /// The counterpart in Python.
    pub(super) fn counterpart<'py>(&self, py: Python<'py>, refs: &Refs) -> Result<Counterpart<'a, 'py>> {
        let Some(name) = self.name.strip_prefix("Elixir.") else {
            return Ok(Counterpart::None);
        };
        let object = match name {
            "SnakeBridge.Ref" => Some(self.reference(py, refs)?),
            "SnakeBridge.Bytes" => {
                self.fields
                    .iter()
                    .find_map(|(_, term)| match Reader::fragment(term).token() {
                        Ok(Token::Binary(bytes)) => Some(PyBytes::new(py, bytes).into_any()),
                        _ => None,
                    })
            }
            "SnakeBridge.Array" => Some(array::decode(
                py,
                self.get("dtype"),
                self.get("shape"),
                self.get("data"),
            )?),
            "SnakeBridge.Arrow" => Some(array::decode_table(py, self.get("data"))?),
            "MapSet" => return Ok(self.get("map").map_or(Counterpart::None, Counterpart::Set)),
            PINNED => {
                let (id, term) = self.pinned().ok_or_else(|| {
                    Failure::refuse(
                        "bad_message",
                        "a pinned term without its number, or without the term",
                    )
                })?;
                return Ok(Counterpart::Pinned(id, term));
            }
            "SnakeBridge.Make" => return self.make().map(Counterpart::Make),
            "Range" => self.range(py, refs)?,
            "Date" => self.built(py, |types| &types.date, &["year", "month", "day"]),
            "Time" => self
                .clock()
                .and_then(|clock| call(py, |types| &types.time, clock)),
            "NaiveDateTime" => self.wall(py, None),
            "DateTime" => self.aware(py),
            "Duration" | "SnakeBridge.Duration" => self.timedelta(py),
            "Complex" | "SnakeBridge.Complex" => {
                let part = |name| number(self.get(name)?);
                part("re")
                    .zip(part("im"))
                    .map(|(re, im)| PyComplex::from_doubles(py, re, im).into_any())
            }
            _ => None,
        };
        Ok(object.map_or(Counterpart::None, Counterpart::Object))
    }

    fn reference<'py>(&self, py: Python<'py>, refs: &Refs) -> Result<Bound<'py, PyAny>> {
        let field = |name| self.int(name).and_then(|number| u64::try_from(number).ok());
        let (Some(worker), Some(id)) = (field("worker"), field("id")) else {
            return Err(Failure::refuse(
                "bad_message",
                "a ref without the numbers of its worker and its object",
            ));
        };
        if worker != refs.generation() {
            let now = refs.generation();
            return Err(Failure::refuse(
                "ref_gone",
                format!(
                    "this ref belongs to worker {worker} of the session, which is gone; worker {now} runs now"
                ),
            )
            .with_hint("make the object again"));
        }
        refs.get(py, id).ok_or_else(|| {
            Failure::refuse(
                "ref_gone",
                format!("the object of this ref (number {id}) has been released"),
            )
            .with_hint("make the object again, and release it later")
        })
    }

    fn make(&self) -> Result<Make<'a>> {
        match (self.text("path"), self.get("args"), self.get("kwargs")) {
            (Some(path), Some(args), Some(kwargs)) => Ok(Make { path, args, kwargs }),
            _ => Err(Failure::refuse(
                "bad_message",
                "a SnakeBridge.Make without the text of its path, its args and its kwargs",
            )),
        }
    }

    fn range<'py>(&self, py: Python<'py>, refs: &Refs) -> Result<Option<Bound<'py, PyAny>>> {
        let integer = |name| {
            let term = self.get(name)?;
            match Reader::fragment(term).token() {
                Ok(Token::Int(_) | Token::BigInt { .. }) => {
                    Some(decode_value(py, refs, &mut Reader::fragment(term)))
                }
                _ => None,
            }
        };
        let (Some(first), Some(last), Some(step)) = (integer("first"), integer("last"), integer("step"))
        else {
            return Ok(None);
        };
        let (first, last, step) = (first?, last?, step?);
        let stop = match step.gt(0)? {
            true => last.add(1)?,
            false => last.sub(1)?,
        };
        Ok(call(py, |types| &types.range, (first, stop, step)))
    }

    fn aware<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let offset = self.int("utc_offset")?.checked_add(self.int("std_offset")?)?;
        let zone = self.text("time_zone")?;
        let types = Types::get(py).ok()?;
        if zone == "Etc/UTC" && offset == 0 {
            return self.wall(py, Some(types.utc.bind(py).clone()));
        }
        self.zoned(py, zone, offset).or_else(|| {
            let offset = timedelta(py, &[("seconds", offset)])?;
            let name = self.text("zone_abbr").unwrap_or(zone);
            let zone = types.timezone.bind(py).call1((offset, name)).ok()?;
            self.wall(py, Some(zone))
        })
    }

    /// The time in its named zone, where Python knows the zone and agrees about the offset.
    fn zoned<'py>(&self, py: Python<'py>, zone: &str, offset: i64) -> Option<Bound<'py, PyAny>> {
        let zone = py
            .import("zoneinfo")
            .ok()?
            .getattr("ZoneInfo")
            .ok()?
            .call1((zone,))
            .ok()?;
        let wall = self.wall(py, Some(zone))?;
        [0, 1].into_iter().find_map(|fold| {
            let kwargs = PyDict::new(py);
            kwargs.set_item("fold", fold).ok()?;
            let time = wall.call_method("replace", (), Some(&kwargs)).ok()?;
            let found = time
                .call_method0("utcoffset")
                .ok()?
                .call_method0("total_seconds")
                .ok()?;
            (found.extract::<f64>().ok()? == offset as f64).then_some(time)
        })
    }

    fn timedelta<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let field = |name| {
            self.get(name)
                .map_or(Some(0), |term| Reader::fragment(term).expect_int().ok())
        };
        if field("year")? != 0 || field("month")? != 0 {
            return None;
        }
        let microsecond = self.get("microsecond").map_or(Some(0), microsecond)?;
        timedelta(
            py,
            &[
                ("weeks", field("week")?),
                ("days", field("day")?),
                ("hours", field("hour")?),
                ("minutes", field("minute")?),
                ("seconds", field("second")?),
                ("microseconds", microsecond),
            ],
        )
    }

    fn wall<'py>(&self, py: Python<'py>, zone: Option<Bound<'py, PyAny>>) -> Option<Bound<'py, PyAny>> {
        if !self.is_iso() {
            return None;
        }
        let (year, month, day) = (self.int("year")?, self.int("month")?, self.int("day")?);
        let (hour, minute, second, microsecond) = self.clock()?;
        call(
            py,
            |types| &types.datetime,
            (year, month, day, hour, minute, second, microsecond, zone),
        )
    }

    fn clock(&self) -> Option<(i64, i64, i64, i64)> {
        if !self.is_iso() {
            return None;
        }
        let microsecond = microsecond(self.get("microsecond")?)?;
        Some((
            self.int("hour")?,
            self.int("minute")?,
            self.int("second")?,
            microsecond,
        ))
    }

    fn built<'py>(
        &self,
        py: Python<'py>,
        class: impl Fn(&Types) -> &Py<pyo3::types::PyType>,
        names: &[&str; 3],
    ) -> Option<Bound<'py, PyAny>> {
        if !self.is_iso() {
            return None;
        }
        let [a, b, c] = names.map(|name| self.int(name));
        call(py, class, (a?, b?, c?))
    }

    fn is_iso(&self) -> bool {
        self.get("calendar").is_none_or(|term| {
            Reader::fragment(term)
                .expect_atom()
                .is_ok_and(|calendar| calendar == "Elixir.Calendar.ISO")
        })
    }

    fn int(&self, name: &str) -> Option<i64> {
        Reader::fragment(self.get(name)?).expect_int().ok()
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        Reader::fragment(self.get(name)?).expect_str().ok()
    }
}

/// `{microseconds, precision}`.
fn microsecond(term: &[u8]) -> Option<i64> {
    let mut reader = Reader::fragment(term);
    reader.expect_tuple(2).ok()?;
    reader.expect_int().ok()
}

fn number(term: &[u8]) -> Option<f64> {
    match Reader::fragment(term).token().ok()? {
        Token::Int(value) => Some(value as f64),
        Token::Float(value) => Some(value),
        Token::Atom(name) => special_float(&name),
        _ => None,
    }
}

/// The floats that BEAM writes as atoms.
pub(super) fn special_float(name: &str) -> Option<f64> {
    match name {
        "nan" => Some(f64::NAN),
        "infinity" => Some(f64::INFINITY),
        "neg_infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn timedelta<'py>(py: Python<'py>, fields: &[(&str, i64)]) -> Option<Bound<'py, PyAny>> {
    let kwargs = PyDict::new(py);
    for (name, value) in fields {
        kwargs.set_item(name, value).ok()?;
    }
    Types::get(py)
        .ok()?
        .timedelta
        .bind(py)
        .call((), Some(&kwargs))
        .ok()
}

/// An object of a class, or none where the class refuses the arguments.
fn call<'py, A>(
    py: Python<'py>,
    class: impl Fn(&Types) -> &Py<pyo3::types::PyType>,
    args: A,
) -> Option<Bound<'py, PyAny>>
where
    A: pyo3::call::PyCallArgs<'py>,
{
    class(Types::get(py).ok()?).bind(py).call1(args).ok()
}
