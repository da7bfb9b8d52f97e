//! The sending side of a connection: frames in order, and the text that goes before them.
//!
//! Any thread may send. What the socket does not take at once waits here, and the I/O thread sends it when it can;
//! text of output streams waits as text, so that many small writes become one event. Nothing here needs the
//! interpreter, and no lock is held while waiting.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_core::term::Writer;
use bridge_core::wire::{frame_header, op};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::descriptors::{Descriptor, forked};

/// More than this may not wait to be sent: who writes waits instead.
pub(crate) const HIGH_WATER: usize = 8 << 20;

/// Text is sent without waiting for the I/O thread when so much has gathered.
const TEXT_BATCH: usize = 64 << 10;

/// The most text of one event.
const TEXT_EVENT: usize = 256 << 10;

const HEADER: usize = 4;

/// `stdout` or `stderr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Conn {
    /// Unique in the process.
    pub(crate) id: u64,
    socket: Descriptor,
    out: Mutex<Out>,
    /// Nothing more can be sent.
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Out {
    /// Whole frames; of the first, `sent` bytes have gone.
    queue: VecDeque<Vec<u8>>,
    sent: usize,
    queued: usize,
    /// Takes the buffer of what has gone, where it is wanted.
    buffer: Option<Vec<u8>>,
    text: Vec<Text>,
    text_bytes: usize,
}

#[derive(Debug)]
struct Text {
    cell: Option<u64>,
    stream: Stream,
    text: String,
}

/// What is left to do after text was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The I/O thread knows already that there is text.
    Known,
    /// The I/O thread should be told.
    New,
    /// Too much waits: the writer should wait for the peer.
    TooMuch,
}

impl Conn {
    pub(crate) fn new(socket: Descriptor) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        no_sigpipe(&socket);
        Conn {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            socket,
            out: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Whether the peer takes nothing more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Ends the connection, for both sides and all threads.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        *self.out() = Out::default();
    }

    /// Sends a message, after the text that has gathered. `frame` is what [`frame`] began; its buffer is left empty,
    /// for the next one. Returns whether all of it has gone.
    pub(crate) fn send(&self, frame: &mut Vec<u8>) -> bool {
        let gone = self.put(frame, false);
        if !gone {
            // Whoever does not wait for the rest to go relies on the I/O thread.
            crate::io::wake();
        }
        gone
    }

    /// As [`send`](Conn::send), for a caller who waits for the rest to go, and asks for the buffer ([`sent`](Conn::sent))
    /// when it has.
    pub(crate) fn begin(&self, frame: &mut Vec<u8>) -> bool {
        self.put(frame, true)
    }

    /// The buffer of the last frame that went after [`begin`](Conn::begin), empty.
    pub(crate) fn sent(&self) -> Vec<u8> {
        self.out().buffer.take().unwrap_or_default()
    }

    fn put(&self, frame: &mut Vec<u8>, keep: bool) -> bool {
        if self.is_closed() || forked() || !finish(frame) {
            frame.clear();
            return true;
        }
        let mut out = self.out();
        self.take_text(&mut out);
        let mut from = 0;
        if out.queue.is_empty() {
            match send(&self.socket, frame, flags()) {
                Ok(sent) if sent == frame.len() => {
                    drop(out);
                    if frame.capacity() > TEXT_EVENT && !keep {
                        *frame = Vec::new();
                    }
                    frame.clear();
                    return true;
                }
                Ok(sent) => from = sent,
                Err(error) if retry(error) => {}
                Err(_) => {
                    drop(out);
                    self.close();
                    frame.clear();
                    return true;
                }
            }
            out.sent = from;
        }
        out.queued += frame.len() - from;
        out.queue.push_back(std::mem::take(frame));
        if keep {
            out.buffer = Some(Vec::new());
        }
        false
    }

    /// Adds text of a stream, to be sent soon, or with the next message.
    pub(crate) fn write(&self, cell: Option<u64>, stream: Stream, text: &str) -> Waiting {
        if self.is_closed() || forked() {
            return Waiting::Known;
        }
        let mut out = self.out();
        let was_empty = out.text_bytes == 0;
        out.text_bytes += text.len();
        match out.text.last_mut() {
            Some(last) if last.cell == cell && last.stream == stream && last.text.len() < TEXT_EVENT => {
                last.text.push_str(text);
            }
            _ => out.text.push(Text {
                cell,
                stream,
                text: text.to_owned(),
            }),
        }
        if out.text_bytes >= TEXT_BATCH {
            self.take_text(&mut out);
            self.drain(&mut out);
            return match out.queued {
                0 => Waiting::Known,
                queued if queued > HIGH_WATER => Waiting::TooMuch,
                _ => Waiting::New,
            };
        }
        match was_empty {
            true => Waiting::New,
            false => Waiting::Known,
        }
    }

    /// Sends what waits, as far as the socket takes it.
    pub(crate) fn flush(&self) {
        if forked() {
            return;
        }
        let mut out = self.out();
        self.take_text(&mut out);
        self.drain(&mut out);
    }

    /// Whether there are frames that the socket has not taken.
    pub(crate) fn is_stuck(&self) -> bool {
        !self.out().queue.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.out().queued > HIGH_WATER
    }

    /// Waits for the socket to take more, and gives it more.
    pub(crate) fn wait_to_send(&self, time: Duration) {
        let mut fds = [PollFd::new(&self.socket, PollFlags::OUT)];
        let time = Timespec {
            tv_sec: 0,
            tv_nsec: time.as_nanos().min(999_999_999) as _,
        };
        // A signal ends the wait early; the caller looks for it.
        let _ = poll(&mut fds, Some(&time));
        self.flush();
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns gathered text into events.
    fn take_text(&self, out: &mut Out) {
        if out.text_bytes == 0 {
            return;
        }
        out.text_bytes = 0;
        for Text { cell, stream, text } in std::mem::take(&mut out.text) {
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let mut end = rest.len().min(TEXT_EVENT);
                while !rest.is_char_boundary(end) {
                    end -= 1;
                }
                let (now, later) = rest.split_at(end);
                rest = later;
                let mut event = frame(now.len() + 64);
                if stream_event(&mut event, cell, stream, now).is_ok() {
                    let mut event = event.into_bytes();
                    if finish(&mut event) {
                        out.queued += event.len();
                        out.queue.push_back(event);
                    }
                }
            }
        }
        self.drain(out);
    }

    fn drain(&self, out: &mut Out) {
        while let Some(first) = out.queue.front() {
            match send(&self.socket, &first[out.sent..], flags()) {
                Ok(sent) => {
                    out.queued -= sent;
                    out.sent += sent;
                    if out.sent == first.len() {
                        let mut first = out.queue.pop_front().unwrap_or_default();
                        if out.buffer.is_some() {
                            first.clear();
                            out.buffer = Some(first);
                        }
                        out.sent = 0;
                    }
                }
                Err(error) if retry(error) => return,
                Err(_) => {
                    self.closed.store(true, Ordering::Relaxed);
                    *out = Out::default();
                    return;
                }
            }
        }
    }
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A message to be written, with room for its header.
pub(crate) fn frame(capacity: usize) -> Writer {
    frame_in(Vec::with_capacity(capacity))
}

/// A message to be written into a buffer that is at hand.
pub(crate) fn frame_in(mut buffer: Vec<u8>) -> Writer {
    buffer.clear();
    buffer.extend_from_slice(&[0; HEADER]);
    Writer::append_to(buffer)
}

/// Writes a frame's header, unless it is too long.
fn finish(frame: &mut [u8]) -> bool {
    let Some(length) = frame.len().checked_sub(HEADER) else {
        return false;
    };
    match frame_header(length) {
        Ok(header) => {
            frame[..HEADER].copy_from_slice(&header);
            true
        }
        Err(_) => false,
    }
}

fn stream_event(
    out: &mut Writer,
    cell: Option<u64>,
    stream: Stream,
    text: &str,
) -> Result<(), bridge_core::term::Error> {
    out.tuple_header(3)?;
    out.atom("ev")?;
    out.atom(op::STREAM)?;
    out.tuple_header(3)?;
    match cell {
        Some(cell) => out.u64(cell),
        None => out.atom("nil")?,
    }
    out.atom(stream.name())?;
    out.binary(text.as_bytes())
}

fn retry(error: Errno) -> bool {
    matches!(error, Errno::AGAIN | Errno::INTR | Errno::NOBUFS)
}

#[cfg(target_os = "linux")]
fn flags() -> SendFlags {
    SendFlags::DONTWAIT | SendFlags::NOSIGNAL
}

#[cfg(not(target_os = "linux"))]
fn flags() -> SendFlags {
    SendFlags::DONTWAIT
}

#[cfg(target_os = "linux")]
fn no_sigpipe(_socket: &Descriptor) {}

#[cfg(not(target_os = "linux"))]
fn no_sigpipe(socket: &Descriptor) {
    // Python ignores SIGPIPE anyway; user code might not.
    let _ = rustix::net::sockopt::set_socket_nosigpipe(socket, true);
}
