//! What C code and child processes write to descriptors 1 and 2: read from pipes that stand there, and sent where the
//! output of what runs then goes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::conn::{Conn, Stream, Waiting};
use crate::descriptors::{Descriptor, forked};
use crate::{interrupt, threads};

/// At the end of a cell no more than this is read of what has been written so far: a child process may never stop.
const DRAIN_BYTES: usize = 4 << 20;

static CAPTURE: OnceLock<[Pipe; 2]> = OnceLock::new();

/// One of the two pipes, the reading end.
#[derive(Debug)]
pub(crate) struct Pipe {
    read: Descriptor,
    stream: Stream,
    /// The beginning of a character whose rest has not arrived. Held while reading, so that what is read by two
    /// threads keeps its order.
    tail: Mutex<Vec<u8>>,
}

/// A pipe that children do not inherit.
pub(crate) fn pipe() -> std::io::Result<(OwnedFd, OwnedFd)> {
    #[cfg(target_os = "linux")]
    return Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?);
    #[cfg(not(target_os = "linux"))]
    {
        let ends = rustix::pipe::pipe()?;
        for end in [&ends.0, &ends.1] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        }
        Ok(ends)
    }
}

/// Puts pipes in the place of descriptors 1 and 2, and makes C's stdout write whole lines.
pub(crate) fn install() -> std::io::Result<()> {
    flush_c();
    let mut pipes = Vec::with_capacity(2);
    for stream in [Stream::Stdout, Stream::Stderr] {
        let (read, write) = pipe()?;
        rustix::io::ioctl_fionbio(&read, true)?;
        match stream {
            Stream::Stdout => rustix::stdio::dup2_stdout(&write)?,
            Stream::Stderr => rustix::stdio::dup2_stderr(&write)?,
        }
        pipes.push(Pipe {
            read: Descriptor::new(read),
            stream,
            tail: Mutex::default(),
        });
    }
    // SAFETY: `stdout` is C's own, valid for the life of the process; without a buffer given, C makes one.
    unsafe { libc::setvbuf(c_stdout(), std::ptr::null_mut(), libc::_IOLBF, 1 << 14) };
    if let Ok(pipes) = <[Pipe; 2]>::try_from(pipes) {
        // Installed twice it would read what nobody writes to.
        let _ = CAPTURE.set(pipes);
    }
    Ok(())
}

/// The pipes, for who waits for them.
pub(crate) fn pipes() -> &'static [Pipe] {
    CAPTURE.get().map_or(&[], |pipes| pipes)
}

/// Sends all that has been written to the descriptors, before something else is sent. `flush`: also what stays in
/// C's buffer until a line ends. Fails only when a signal's handler raises while the peer takes nothing.
pub(crate) fn drain(py: Python<'_>, flush: bool) -> PyResult<()> {
    let Some(pipes) = CAPTURE.get().filter(|_| !forked()) else {
        return Ok(());
    };
    if flush {
        py.detach(flush_c);
    }
    let mut fds = pipes.each_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN));
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    if !matches!(poll(&mut fds, Some(&now)), Ok(1..)) {
        // What the I/O thread has read already may not be where it belongs yet.
        pipes.iter().for_each(|pipe| drop(pipe.tail()));
        return Ok(());
    }
    for pipe in pipes {
        let mut left = DRAIN_BYTES;
        while left > 0 {
            match py.detach(|| pipe.pump()) {
                0 => break,
                count => left = left.saturating_sub(count),
            }
            while let Some((conn, _)) = destination().filter(|(conn, _)| conn.is_full() && !conn.is_closed())
            {
                py.detach(|| conn.wait_to_send(Duration::from_millis(50)));
                py.check_signals()?;
            }
        }
    }
    Ok(())
}

/// Sends the beginnings of characters whose rest has not come: the cell that began them is over.
pub(crate) fn finish() {
    for pipe in CAPTURE.get().filter(|_| !forked()).into_iter().flatten() {
        let rest = std::mem::take(&mut *pipe.tail());
        if !rest.is_empty() {
            pipe.pass_on(&String::from_utf8_lossy(&rest));
        }
    }
}

impl Pipe {
    /// Whether what could be read would have nowhere to go.
    pub(crate) fn is_held_back(&self) -> bool {
        destination().is_some_and(|(conn, _)| conn.is_full())
    }

    fn tail(&self) -> MutexGuard<'_, Vec<u8>> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads once, and sends it on; returns how many bytes it was.
    pub(crate) fn pump(&self) -> usize {
        let mut tail = self.tail();
        // Not on the stack: this is reached from within calls that nest.
        let mut buffer = vec![0_u8; 64 << 10];
        let Ok(count @ 1..) = rustix::io::read(&self.read, &mut buffer) else {
            return 0;
        };
        let bytes = match tail.is_empty() {
            true => &buffer[..count],
            false => {
                tail.extend_from_slice(&buffer[..count]);
                tail.as_slice()
            }
        };
        let (text, rest) = whole_characters(bytes);
        let rest = rest.to_vec();
        self.pass_on(&text);
        *tail = rest;
        count
    }

    fn pass_on(&self, text: &str) {
        if let Some((conn, cell)) = destination()
            && conn.write(cell, self.stream, text) == Waiting::New
        {
            crate::io::wake_for_text();
        }
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

fn destination() -> Option<(Arc<Conn>, Option<u64>)> {
    interrupt::foreground().or_else(|| threads::destination_of_cell(None))
}

/// The text of all whole characters, and the beginning of one that is cut off at the end. What is no UTF-8 is
/// replaced.
pub(crate) fn whole_characters(bytes: &[u8]) -> (std::borrow::Cow<'_, str>, &[u8]) {
    let cut = match std::str::from_utf8(bytes) {
        Ok(text) => return (text.into(), &[]),
        // The last character is cut off, or the end of the input is within four bytes of something else that is
        // wrong; only the former may wait for more.
        Err(_) => (1..=bytes.len().min(3))
            .map(|length| bytes.len() - length)
            .find(|&start| {
                std::str::from_utf8(&bytes[start..])
                    .is_err_and(|e| e.valid_up_to() == 0 && e.error_len().is_none())
            })
            .unwrap_or(bytes.len()),
    };
    let (whole, rest) = bytes.split_at(cut);
    (String::from_utf8_lossy(whole), rest)
}

fn flush_c() {
    // SAFETY: C's own stream, valid for the life of the process.
    unsafe { libc::fflush(c_stdout()) };
}

#[cfg(target_os = "macos")]
fn c_stdout() -> *mut libc::FILE {
    unsafe extern "C" {
        #[link_name = "__stdoutp"]
        static mut STDOUT: *mut libc::FILE;
    }
    // SAFETY: set by C before any other code runs.
    unsafe { STDOUT }
}

#[cfg(not(target_os = "macos"))]
fn c_stdout() -> *mut libc::FILE {
    unsafe extern "C" {
        #[link_name = "stdout"]
        static mut STDOUT: *mut libc::FILE;
    }
    // SAFETY: set by C before any other code runs.
    unsafe { STDOUT }
}
