//! Room for a few calls more, while an exception is told that was raised where Python had none left.
//!
//! Python's limit is one for all threads, and so is this: it is lifted while anybody tells such an exception, and is what
//! it was when the last one has. It adds nothing to a thread's stack, which the worker watches by itself.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use pyo3::ffi::{Py_GetRecursionLimit, Py_SetRecursionLimit};

/// How many calls rendering takes at most, with what it reads its lines from.
const CALLS: i32 = 150;

/// How many hold some, and the limit as it was before the first.
static TAKEN: Mutex<(usize, i32)> = Mutex::new((0, 0));

/// Lifts the limit while it lives.
pub(super) struct Headroom<'py>(Python<'py>);

impl<'py> Headroom<'py> {
    pub(super) fn take(py: Python<'py>) -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.0 == 0 {
            // SAFETY: the thread is attached to the interpreter.
            let limit = unsafe { Py_GetRecursionLimit() };
            *taken = (0, limit);
            set(py, limit.saturating_add(CALLS));
        }
        taken.0 += 1;
        Self(py)
    }
}

impl Drop for Headroom<'_> {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        taken.0 = taken.0.saturating_sub(1);
        // SAFETY: the thread is attached to the interpreter.
        let now = unsafe { Py_GetRecursionLimit() };
        // Code that ran meanwhile may have set one of its own.
        if taken.0 == 0 && now == taken.1.saturating_add(CALLS) {
            set(self.0, taken.1);
        }
    }
}

fn set(_py: Python<'_>, limit: i32) {
    // SAFETY: the thread is attached to the interpreter, and the limit is positive.
    unsafe { Py_SetRecursionLimit(limit) };
}
