//! Python's buffer protocol: the memory of an object, without a copy.
//!
//! Declared by hand, for the limited API has it from Python 3.11 on only. The functions and the struct are the same in
//! every Python from 3.10 on.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int, c_void};

use pyo3::ffi::{self, Py_ssize_t};
use pyo3::prelude::*;

use super::{Failure, Result};
use crate::term::Writer;
use crate::wire::MAX_FRAME_BYTES;

/// `Py_buffer`.
#[repr(C)]
struct View {
    buf: *mut c_void,
    obj: *mut ffi::PyObject,
    len: Py_ssize_t,
    itemsize: Py_ssize_t,
    readonly: c_int,
    ndim: c_int,
    format: *mut c_char,
    shape: *mut Py_ssize_t,
    strides: *mut Py_ssize_t,
    suboffsets: *mut Py_ssize_t,
    internal: *mut c_void,
}

/// Any memory layout, read only, with format: `PyBUF_FULL_RO`.
const FULL_RO: c_int = 0x011C;
const C_ORDER: c_char = b'C' as c_char;

unsafe extern "C" {
    fn PyObject_CheckBuffer(object: *mut ffi::PyObject) -> c_int;
    fn PyObject_GetBuffer(object: *mut ffi::PyObject, view: *mut View, flags: c_int) -> c_int;
    fn PyBuffer_IsContiguous(view: *const View, order: c_char) -> c_int;
    fn PyBuffer_ToContiguous(into: *mut c_void, view: *const View, len: Py_ssize_t, order: c_char) -> c_int;
    fn PyBuffer_Release(view: *mut View);
}

/// The memory of an object. While it lives the object cannot give it up.
pub(super) struct Buffer<'py> {
    py: Python<'py>,
    /// On the heap, for some exporters point into it.
    view: Box<View>,
}

impl<'py> Buffer<'py> {
    /// The object's memory; none where it does not export any.
    pub(super) fn of(object: &Bound<'py, PyAny>) -> PyResult<Option<Self>> {
        let py = object.py();
        // SAFETY: the object is alive and the interpreter attached.
        if unsafe { PyObject_CheckBuffer(object.as_ptr()) } == 0 {
            return Ok(None);
        }
        let null = std::ptr::null_mut();
        let mut view = Box::new(View {
            buf: null,
            obj: null.cast(),
            len: 0,
            itemsize: 1,
            readonly: 1,
            ndim: 0,
            format: null.cast(),
            shape: null.cast(),
            strides: null.cast(),
            suboffsets: null.cast(),
            internal: null,
        });
        // SAFETY: as above; the view is a whole `Py_buffer` that stays where it is until it is released.
        match unsafe { PyObject_GetBuffer(object.as_ptr(), &raw mut *view, FULL_RO) } {
            0 => Ok(Some(Buffer { py, view })),
            _ => Err(PyErr::fetch(py)),
        }
    }

    /// How many bytes its items take.
    pub(super) fn len(&self) -> usize {
        usize::try_from(self.view.len).unwrap_or(0)
    }

    pub(super) fn item_size(&self) -> usize {
        usize::try_from(self.view.itemsize).unwrap_or(0)
    }

    /// What an item is, as the module `struct` spells it.
    pub(super) fn format(&self) -> Cow<'_, str> {
        if self.view.format.is_null() {
            return Cow::Borrowed("B");
        }
        // SAFETY: not null, so it is text that ends with a zero and lives as long as the view.
        unsafe { CStr::from_ptr(self.view.format) }.to_string_lossy()
    }

    pub(super) fn shape(&self) -> Vec<usize> {
        let dimensions = usize::try_from(self.view.ndim).unwrap_or(0);
        if self.view.shape.is_null() {
            // Allowed where there is one dimension, or none.
            let items = self.len() / self.item_size().max(1);
            return vec![items; dimensions];
        }
        // SAFETY: not null, so it points to as many numbers as there are dimensions, alive as long as the view.
        let shape = unsafe { std::slice::from_raw_parts(self.view.shape, dimensions) };
        shape
            .iter()
            .map(|&length| usize::try_from(length).unwrap_or(0))
            .collect()
    }

    /// Writes the items as a binary, in C order, unless no message could hold it.
    pub(super) fn write(&self, out: &mut Writer) -> Result<()> {
        let length = self.len();
        // Some room is for what goes around it.
        if length > MAX_FRAME_BYTES - 4096 {
            return Err(Failure::not_convertible(format!(
                "the result takes {length} bytes, more than a message can hold"
            ))
            .with_hint("ask for it in parts, or keep it in Python and ask for a ref"));
        }
        if let Some(bytes) = self.contiguous() {
            return Ok(out.binary(bytes)?);
        }
        out.binary_header(length)?;
        let into = out.zeros(length).as_mut_ptr().cast();
        // SAFETY: the view is filled in, and `into` has room for all its items: the function refuses another length
        // than the view's.
        match unsafe { PyBuffer_ToContiguous(into, &raw const *self.view, self.view.len, C_ORDER) } {
            0 => Ok(()),
            _ => Err(PyErr::fetch(self.py).into()),
        }
    }

    /// The memory itself, where the items lie one behind the other in C order.
    fn contiguous(&self) -> Option<&[u8]> {
        if self.view.len <= 0 {
            return Some(&[]);
        }
        // SAFETY: the view is filled in.
        if self.view.buf.is_null() || unsafe { PyBuffer_IsContiguous(&raw const *self.view, C_ORDER) } == 0 {
            return None;
        }
        // SAFETY: contiguous and not null: `len` bytes, which the exporter keeps as long as the view. No code of
        // Python changes them while this thread is attached and only copies them.
        Some(unsafe { std::slice::from_raw_parts(self.view.buf.cast(), self.len()) })
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        // SAFETY: filled in by `PyObject_GetBuffer`, released once, and the interpreter is attached.
        unsafe { PyBuffer_Release(&raw mut *self.view) }
    }
}
