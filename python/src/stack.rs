//! How much of the thread's stack is left: mutual recursion of Python and Elixir must end in an exception.
//!
//! Python counts its own calls, but not how much stack the way through the bridge takes, and threads differ in theirs.

use std::cell::Cell;

use pyo3::exceptions::PyRecursionError;
use pyo3::prelude::*;

/// What a nested call, and whatever C code it may reach, is left with.
const RESERVE_BYTES: usize = 384 << 10;

thread_local! {
    /// The lowest address of the stack; 0 where it is unknown, 1 where it was not looked for yet.
    static LOWEST: Cell<usize> = const { Cell::new(1) };
}

/// Raises RecursionError where the stack is nearly used up.
pub(crate) fn check(_py: Python<'_>) -> PyResult<()> {
    let lowest = LOWEST.with(|cell| match cell.get() {
        1 => {
            let found = lowest_address().unwrap_or(0);
            cell.set(found);
            found
        }
        known => known,
    });
    let here = std::ptr::from_ref(&lowest) as usize;
    match lowest != 0 && here.saturating_sub(lowest) < RESERVE_BYTES {
        true => Err(PyRecursionError::new_err(
            "maximum recursion depth exceeded in calls between Python and Elixir",
        )),
        false => Ok(()),
    }
}

#[cfg(target_os = "linux")]
fn lowest_address() -> Option<usize> {
    // SAFETY: plain calls that fill what lives here; the attributes are destroyed where they were made.
    unsafe {
        let mut attributes = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return None;
        }
        let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
        let found = libc::pthread_attr_getstack(&raw const attributes, &raw mut lowest, &raw mut size);
        libc::pthread_attr_destroy(&raw mut attributes);
        (found == 0).then_some(lowest as usize)
    }
}

#[cfg(target_os = "macos")]
fn lowest_address() -> Option<usize> {
    // SAFETY: plain calls about the calling thread.
    unsafe {
        let this = libc::pthread_self();
        let highest = libc::pthread_get_stackaddr_np(this) as usize;
        highest.checked_sub(libc::pthread_get_stacksize_np(this))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn lowest_address() -> Option<usize> {
    None
}
