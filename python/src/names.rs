//! Names of the session, seen from Python: which of its globals are copies of Elixir's, and which are Python's own.
//!
//! Elixir says what it has written (`bind`); that waits here until the main thread next runs something. A copy stays
//! Elixir's until Python has put another object in its place, or has changed what is in it.

mod caller;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bridge_core::marshal::{
    ElixirTerm, Encoding, Failure, decode_value, digest, encode_value, encode_value_as, pin,
};
use bridge_core::steps::Scope;
use bridge_core::term::{Error, Reader, Token, Writer};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyFrozenSet, PyList, PySet, PyString, PyTuple};

use crate::worker::Worker;
use crate::{callback, main_thread};

/// A container of more items goes to Elixir as a ref.
const VALUE_ITEMS: usize = 100_000;

static TABLE: Mutex<Option<Table>> = Mutex::new(None);
/// Whether Elixir may have written something since it was last taken in.
static WRITTEN: AtomicBool = AtomicBool::new(false);
/// Held while what Elixir has written is put into the globals.
static TAKING: Mutex<()> = Mutex::new(());

#[derive(Default)]
struct Table {
    /// What Elixir has written, and is not in the globals yet. A later write replaces an earlier one.
    written: BTreeMap<String, Written>,
    /// The names that Elixir owns.
    owned: HashMap<String, Owned>,
    /// Every word of the Python sources of this session.
    words: HashSet<String>,
}

/// What Elixir has sent of a name.
enum Written {
    /// Its value, encoded.
    Value(Vec<u8>),
    /// The value is large, and is fetched when the name occurs.
    Lazy,
}

/// A name that Elixir owns.
enum Owned {
    /// The object that was put into the globals, and what was in it, if that can change.
    Copy(Py<PyAny>, Option<u64>),
    /// It has not been fetched.
    Lazy(Fetching),
}

/// How it went with a value that is fetched when its name occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetching {
    /// No source has mentioned it yet.
    Ahead,
    /// It could not be read; from now on only a source that mentions it has it tried again.
    Failed {
        /// The user knows.
        told: bool,
    },
}

fn table() -> MutexGuard<'static, Option<Table>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes in what Elixir has written. Without the interpreter.
pub(crate) fn bind(reader: &mut Reader<'_>) -> Result<(), Error> {
    let mut written = Vec::new();
    let count = match reader.token()? {
        Token::Nil => 0,
        Token::List(count) => count,
        other => return Err(unexpected(reader, "a list of names", &other)),
    };
    for _ in 0..count {
        reader.expect_tuple(2)?;
        let name = reader.expect_str()?.to_owned();
        match reader.token()? {
            Token::Atom(lazy) if lazy == "lazy" => written.push((name, Written::Lazy)),
            Token::Tuple(2) => {
                reader.expect_atom()?;
                written.push((name, Written::Value(reader.skip()?.to_vec())));
            }
            other => return Err(unexpected(reader, "`{value, _}` or `lazy`", &other)),
        }
    }
    end_list(reader, count)?;
    let mut table = table();
    table.get_or_insert_default().written.extend(written);
    WRITTEN.store(true, Ordering::Release);
    Ok(())
}

fn end_list(reader: &mut Reader<'_>, count: usize) -> Result<(), Error> {
    match count == 0 || reader.end_list() {
        true => Ok(()),
        false => {
            let offset = reader.offset();
            Err(Error::Unexpected {
                offset,
                expected: "a proper list",
                found: "an improper one",
            })
        }
    }
}

fn unexpected(reader: &Reader<'_>, expected: &'static str, found: &Token<'_>) -> Error {
    Error::Unexpected {
        offset: reader.offset(),
        expected,
        found: found.kind(),
    }
}

/// Puts into the globals what Elixir has written, before a cell of Python runs: small values always, large ones when
/// some source of the session mentions them.
pub(crate) fn apply(py: Python<'_>, worker: &Worker, source: &str) -> PyResult<()> {
    thread_local! {
        static HERE: Cell<bool> = const { Cell::new(false) };
    }
    // Making a value may call Elixir, and that come back.
    if HERE.get() {
        return Ok(());
    }
    let wanted = {
        // Who begins meanwhile finds all of them taken in.
        let _taking = TAKING
            .lock_py_attached(py)
            .unwrap_or_else(PoisonError::into_inner);
        HERE.set(true);
        let wanted = take_all(py, worker, source);
        HERE.set(false);
        wanted?
    };
    let mentioned: HashSet<&str> = words(source).collect();
    fetch(py, worker.globals.bind(py), &wanted, &|name| {
        mentioned.contains(name)
    })
}

/// Puts into the globals what has come with its value; returns the names whose values are to be fetched.
fn take_all(py: Python<'_>, worker: &Worker, source: &str) -> PyResult<Vec<String>> {
    let mentioned: HashSet<&str> = words(source).collect();
    let (written, wanted) = {
        let mut table = table();
        WRITTEN.store(false, Ordering::Release);
        let table = table.get_or_insert_default();
        table
            .words
            .extend(mentioned.iter().map(|word| (*word).to_owned()));
        let written = std::mem::take(&mut table.written);
        for (name, what) in &written {
            if matches!(what, Written::Lazy) {
                table.owned.insert(name.clone(), Owned::Lazy(Fetching::Ahead));
            }
        }
        let is_wanted = |name: &str, owned: &Owned| match owned {
            Owned::Copy(..) => false,
            Owned::Lazy(Fetching::Ahead) => table.words.contains(name),
            Owned::Lazy(Fetching::Failed { .. }) => mentioned.contains(name),
        };
        let wanted: Vec<String> = table
            .owned
            .iter()
            .filter(|(name, owned)| is_wanted(name, owned))
            .map(|(name, _)| name.clone())
            .collect();
        (written, wanted)
    };
    let globals = worker.globals.bind(py);
    let mut written = written.into_iter();
    while let Some((name, what)) = written.next() {
        let taken_in = match &what {
            Written::Value(term) => held(py, worker, term).and_then(|value| put(globals, &name, value)),
            // Python's older value must not be taken for Elixir's.
            Written::Lazy => globals.contains(&name).and_then(|there| match there {
                true => globals.del_item(&name),
                false => Ok(()),
            }),
        };
        if let Err(error) = taken_in {
            put_back(std::iter::once((name, what)).chain(written));
            return Err(error);
        }
    }
    Ok(wanted)
}

/// Has names taken in another time, unless Elixir has written them again.
fn put_back(names: impl Iterator<Item = (String, Written)>) {
    let mut table = table();
    let table = table.get_or_insert_default();
    for (name, what) in names {
        table.written.entry(name).or_insert(what);
    }
    WRITTEN.store(true, Ordering::Release);
}

/// A value of Elixir. What Python cannot hold is there all the same, as a term that can be handed back.
fn held<'py>(py: Python<'py>, worker: &Worker, term: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    match decode_value(py, &worker.refs, &mut Reader::fragment(term)) {
        Ok(value) => Ok(value),
        Err(_) => {
            let (term, pin) = pin::unwrap(term);
            Ok(Bound::new(py, ElixirTerm::new(term, pin))?.into_any())
        }
    }
}

/// Fetches values. Of one that cannot be read the user hears once, where `mentioned` says that it matters.
fn fetch(
    py: Python<'_>,
    globals: &Bound<'_, PyDict>,
    names: &[String],
    mentioned: &dyn Fn(&str) -> bool,
) -> PyResult<()> {
    if names.is_empty() {
        return Ok(());
    }
    let error = match callback::read_names(py, names) {
        Ok(values) => {
            for (name, value) in values.cast::<PyDict>()?.iter() {
                put(globals, name.cast::<PyString>()?.to_str()?, value)?;
            }
            return Ok(());
        }
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>(py) => return Err(error),
        Err(error) => error,
    };
    let [name] = names else {
        // One that cannot be read must not hide the others.
        return names
            .iter()
            .try_for_each(|name| fetch(py, globals, std::slice::from_ref(name), mentioned));
    };
    if failed(name, mentioned(name)) {
        let text = format!("Elixir's {name} could not be read: {}\n", error.value(py));
        py.import(intern!(py, "sys"))?
            .getattr(intern!(py, "stderr"))?
            .call_method1(intern!(py, "write"), (text,))?;
    }
    Ok(())
}

/// Notes that a value could not be fetched; returns whether the user is to hear of it.
fn failed(name: &str, mentioned: bool) -> bool {
    match table().get_or_insert_default().owned.get_mut(name) {
        Some(Owned::Lazy(fetching)) => {
            let told = *fetching == Fetching::Failed { told: true };
            *fetching = Fetching::Failed {
                told: told || mentioned,
            };
            mentioned && !told
        }
        _ => false,
    }
}

fn put(globals: &Bound<'_, PyDict>, name: &str, value: Bound<'_, PyAny>) -> PyResult<()> {
    globals.set_item(PyString::intern(globals.py(), name), &value)?;
    let content = content(&value);
    let old = table()
        .get_or_insert_default()
        .owned
        .insert(name.to_owned(), Owned::Copy(value.unbind(), content));
    drop(old);
    Ok(())
}

/// What is in an object, as a number, if that can change.
fn content(value: &Bound<'_, PyAny>) -> Option<u64> {
    let can_change = value.cast_exact::<PyList>().is_ok()
        || value.cast_exact::<PyDict>().is_ok()
        || value.cast_exact::<PySet>().is_ok()
        || value.cast_exact::<PyTuple>().is_ok();
    can_change.then(|| digest(value))
}

/// Who owns names: `{value, V}` for Python's, `elixir`, or `unbound`.
pub(crate) fn read(
    py: Python<'_>,
    worker: &Worker,
    reader: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), Failure> {
    let count = match reader.token()? {
        Token::Nil => 0,
        Token::List(count) => count,
        other => return Err(unexpected(reader, "a list of names", &other).into()),
    };
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        names.push(reader.expect_str()?);
    }
    end_list(reader, count)?;
    names.sort_unstable();
    names.dedup();
    out.map_header(names.len())?;
    for name in names {
        out.binary(name.as_bytes())?;
        match owner(py, worker, name)? {
            Owner::Python(value) => {
                out.tuple_header(2)?;
                out.atom("value")?;
                let start = out.position();
                let written = match is_large(&value) {
                    true => encode_value_as(&value, Encoding::Ref, &worker.refs, out),
                    false => encode_value(&value, &worker.refs, out),
                };
                if written.is_err() {
                    // One value that Elixir cannot hold must not hide the others.
                    out.rewind(start);
                    encode_value_as(&value, Encoding::Ref, &worker.refs, out)?;
                }
            }
            Owner::Elixir => out.atom("elixir")?,
            Owner::Nobody => out.atom("unbound")?,
        }
    }
    Ok(())
}

enum Owner<'py> {
    Python(Bound<'py, PyAny>),
    Elixir,
    Nobody,
}

fn owner<'py>(py: Python<'py>, worker: &Worker, name: &str) -> PyResult<Owner<'py>> {
    let value = worker.globals.bind(py).get_item(name)?;
    let own = worker.hooks.bind(py).call_method0(intern!(py, "own_names"))?;
    let own = own.cast::<PyDict>()?.get_item(name)?;
    // The package's own (`In`, `_`, `exit`) are nobody's.
    let value = value.filter(|value| !own.is_some_and(|own| own.is(value)));
    let copy = {
        let table = table();
        let Some(table) = table.as_ref() else {
            return Ok(value.map_or(Owner::Nobody, Owner::Python));
        };
        if table.written.contains_key(name) {
            return Ok(Owner::Elixir);
        }
        match (table.owned.get(name), &value) {
            (Some(Owned::Lazy(_)), None) => return Ok(Owner::Elixir),
            (Some(Owned::Copy(object, content)), Some(value)) if object.is(value) => Some(*content),
            _ => None,
        }
    };
    // An object that may have changed is looked into without the lock.
    match (copy, value) {
        (Some(before), Some(value)) if before.is_none_or(|before| digest(&value) == before) => {
            Ok(Owner::Elixir)
        }
        (_, value) => {
            let old = table().as_mut().and_then(|table| table.owned.remove(name));
            drop(old);
            Ok(value.map_or(Owner::Nobody, Owner::Python))
        }
    }
}

fn is_large(value: &Bound<'_, PyAny>) -> bool {
    let container = value.cast_exact::<PyList>().is_ok()
        || value.cast_exact::<PyTuple>().is_ok()
        || value.cast_exact::<PyDict>().is_ok()
        || value.cast_exact::<PySet>().is_ok()
        || value.cast_exact::<PyFrozenSet>().is_ok();
    container && value.len().is_ok_and(|length| length > VALUE_ITEMS)
}

/// The words of a source: all that could be a name.
fn words(source: &str) -> impl Iterator<Item = &str> {
    source
        .split(|c: char| !(c == '_' || c.is_alphanumeric()))
        .filter(|word| !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()))
}

/// The names that Elixir owns in Python's globals: they are not Python's to list.
pub(crate) fn owned_by_elixir(py: Python<'_>, worker: &Worker) -> PyResult<Vec<String>> {
    let names: Vec<String> = match table().as_ref() {
        Some(table) => table.owned.keys().chain(table.written.keys()).cloned().collect(),
        None => Vec::new(),
    };
    let mut elixir = Vec::new();
    for name in names {
        if matches!(owner(py, worker, &name)?, Owner::Elixir) {
            elixir.push(name);
        }
    }
    Ok(elixir)
}

/// The names that Elixir has written and of which the globals have no value yet: it comes when a cell needs it.
pub(crate) fn to_come() -> Vec<String> {
    let table = table();
    let Some(table) = table.as_ref() else {
        return Vec::new();
    };
    let lazy = table.owned.iter();
    let lazy = lazy.filter_map(|(name, owned)| matches!(owned, Owned::Lazy(_)).then_some(name));
    table.written.keys().chain(lazy).cloned().collect()
}

/// Whether a name is Elixir's.
pub(crate) fn is_of_elixir(py: Python<'_>, worker: &Worker, name: &str) -> PyResult<bool> {
    Ok(matches!(owner(py, worker, name)?, Owner::Elixir))
}

/// The session, as calls see it: its globals, then the builtins.
pub(crate) struct Globals<'a>(pub(crate) &'a Worker);

impl Scope for Globals<'_> {
    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        // A cell of Elixir has begun since: what it calls sees Elixir's names as they are now. Under the main shell's
        // cell of Python they do not change by what that calls.
        match WRITTEN.load(Ordering::Acquire)
            && !(main_thread::is_this() && main_thread::running_cell().is_some())
        {
            true => apply(py, self.0, ""),
            false => Ok(()),
        }
    }

    fn find<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        take_in(py, self.0, name)?;
        let key = PyString::intern(py, name);
        if let Some(value) = self.0.globals.bind(py).get_item(&key)? {
            return Ok(Some(value));
        }
        py.import(intern!(py, "builtins"))?.getattr_opt(key)
    }

    fn call<'py>(
        &self,
        function: Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        caller::call(self.0, function, args, kwargs)
    }
}

/// Puts one name into the globals if Elixir has written it and nothing has taken it in since.
fn take_in(py: Python<'_>, worker: &Worker, name: &str) -> PyResult<()> {
    let written = {
        let mut table = table();
        let Some(table) = table.as_mut() else {
            return Ok(());
        };
        match table.written.remove(name) {
            Some(Written::Lazy) => {
                table.owned.insert(name.to_owned(), Owned::Lazy(Fetching::Ahead));
                Some(Written::Lazy)
            }
            None if matches!(table.owned.get(name), Some(Owned::Lazy(_))) => Some(Written::Lazy),
            other => other,
        }
    };
    let globals = worker.globals.bind(py);
    match written {
        Some(Written::Value(term)) => put(globals, name, held(py, worker, &term)?),
        Some(Written::Lazy) => fetch(py, globals, &[name.to_owned()], &|_| true),
        None => Ok(()),
    }
}
