//! The I/O thread. It never takes the interpreter, so it answers whatever user code does: control connections, new
//! lanes, output that waits, what C code prints, peers that hang up, the host's end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use bridge_core::marshal::set_decoders;
use bridge_core::term::{Reader, Token, Writer};
use bridge_core::wire::{FrameReader, Hello, Message, Peer, Role, ThreadKind, op};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::conn::Conn;
use crate::lane::{Kind, Lane};
use crate::message::{self, Head};
use crate::newcomers::{Listener, Newcomer};
use crate::wake::Wake;
use crate::worker::{Worker, worker};
use crate::{callback, capture, descriptors, interrupt, lanes, lifetime, main_thread, names};

/// How long text may wait for more of it.
const TEXT_DELAY: Duration = Duration::from_millis(15);

/// How long the main thread may take to end the process after `shutdown`.
const SHUTDOWN_TIME: Duration = Duration::from_millis(1500);

static WAKE: OnceLock<Wake> = OnceLock::new();
static TEXT: AtomicBool = AtomicBool::new(false);
static CONNS: Mutex<Vec<Weak<Conn>>> = Mutex::new(Vec::new());

/// Tells the I/O thread that text waits.
pub(crate) fn wake_for_text() {
    if !TEXT.swap(true, Ordering::AcqRel) {
        wake();
    }
}

/// Has the I/O thread look again at what there is.
pub(crate) fn wake() {
    if let Some(wake) = WAKE.get()
        && !descriptors::forked()
    {
        wake.wake();
    }
}

/// Has the I/O thread send what waits on a connection.
pub(crate) fn watch(conn: &Arc<Conn>) {
    let mut conns = conns();
    conns.retain(|conn| conn.strong_count() > 0);
    conns.push(Arc::downgrade(conn));
}

/// Reports something malformed to the host.
pub(crate) fn fault(text: &str) {
    let Some(worker) = worker() else { return };
    // A peer that sends nothing but nonsense must not fill the memory with reports of it.
    if worker.host.is_full() {
        return;
    }
    if let Ok(mut event) = message::event(op::FAULT, |out| out.binary(text.as_bytes())) {
        worker.host.send(&mut event);
    }
}

fn conns() -> std::sync::MutexGuard<'static, Vec<Weak<Conn>>> {
    CONNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A control connection.
struct Control {
    conn: Arc<Conn>,
    reader: FrameReader,
    is_host: bool,
}

/// What the I/O thread holds.
struct Io {
    worker: &'static Worker,
    wake: &'static Wake,
    listener: Option<Listener>,
    controls: Vec<Control>,
    newcomers: Vec<Newcomer>,
    flush_at: Option<Instant>,
    exit_at: Option<Instant>,
}

/// Starts the I/O thread.
pub(crate) fn start(
    worker: &'static Worker,
    listener: Option<Listener>,
    reader: FrameReader,
) -> std::io::Result<()> {
    let wake = Wake::new()?;
    let wake = WAKE.get_or_init(|| wake);
    watch(&worker.host);
    let host = Control {
        conn: worker.host.clone(),
        reader,
        is_host: true,
    };
    let mut io = Io {
        worker,
        wake,
        listener,
        controls: vec![host],
        newcomers: Vec::new(),
        flush_at: None,
        exit_at: None,
    };
    let run = move || {
        block_signals(None);
        loop {
            let round = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| io.round()));
            if round.is_err() {
                fault("the worker's I/O thread failed inside and goes on");
                // Without the host's connection nobody would notice the host's end.
                if !io.controls.iter().any(|control| control.is_host) {
                    end_process();
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("snakebridge-io".to_owned())
        .spawn(run)?;
    Ok(())
}

/// Blocks a signal, or all of them, in this thread: they belong to the main thread.
pub(crate) fn block_signals(only: Option<libc::c_int>) {
    // SAFETY: plain calls on a set of signals that lives here.
    unsafe {
        let mut set = std::mem::zeroed();
        match only {
            Some(signal) => {
                libc::sigemptyset(&raw mut set);
                libc::sigaddset(&raw mut set, signal);
            }
            None => {
                libc::sigfillset(&raw mut set);
            }
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

impl Io {
    /// Waits for something to do, and does it.
    fn round(&mut self) {
        let conns: Vec<Arc<Conn>> = conns().iter().filter_map(Weak::upgrade).collect();
        let stuck: Vec<Arc<Conn>> = conns.iter().filter(|conn| conn.is_stuck()).cloned().collect();
        let lanes = lanes::watched();
        let pipes = capture::pipes();

        let mut fds = vec![PollFd::new(self.wake, PollFlags::IN)];
        fds.extend(
            self.listener
                .iter()
                .map(|listener| PollFd::new(listener, PollFlags::IN)),
        );
        fds.extend(
            self.newcomers
                .iter()
                .map(|newcomer| PollFd::new(newcomer, PollFlags::IN)),
        );
        fds.extend(
            self.controls
                .iter()
                .map(|control| PollFd::new(&*control.conn, PollFlags::IN)),
        );
        fds.extend(lanes.iter().map(|lane| PollFd::new(&*lane.conn, hang_up())));
        fds.extend(stuck.iter().map(|conn| PollFd::new(&**conn, PollFlags::OUT)));
        fds.extend(pipes.iter().map(|pipe| {
            PollFd::new(
                pipe,
                if pipe.is_held_back() {
                    PollFlags::empty()
                } else {
                    PollFlags::IN
                },
            )
        }));
        match poll(&mut fds, self.timeout(pipes).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // Cannot happen with descriptors that are ours; better slow than spinning.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
        let mut ready = fds
            .iter()
            .map(|fd| !fd.revents().is_empty())
            .collect::<Vec<_>>()
            .into_iter();
        drop(fds);

        // In the order of the list above.
        if ready.next() == Some(true) {
            self.wake.clear();
        }
        let accept = self.listener.is_some() && ready.next() == Some(true);
        ready.by_ref().take(self.newcomers.len()).for_each(drop);
        let controls: Vec<bool> = ready.by_ref().take(self.controls.len()).collect();
        let hung: Vec<bool> = ready.by_ref().take(lanes.len()).collect();
        let sendable: Vec<bool> = ready.by_ref().take(stuck.len()).collect();
        let readable: Vec<bool> = ready.collect();

        for (lane, _) in lanes.iter().zip(hung).filter(|(_, hung)| *hung) {
            lanes::hung_up(lane);
        }
        self.serve_controls(&controls);
        for (conn, _) in stuck.iter().zip(sendable).filter(|(_, ready)| *ready) {
            conn.flush();
        }
        for (pipe, _) in pipes.iter().zip(readable).filter(|(_, ready)| *ready) {
            if !pipe.is_held_back() {
                pipe.pump();
            }
        }
        if accept {
            self.newcomers
                .extend(self.listener.iter().flat_map(Listener::accept));
        }
        self.hear_hellos();
        lifetime::tell(callback::connected().as_deref());
        self.flush_text(&conns);
        if self.exit_at.is_some_and(|at| at <= Instant::now()) {
            end_process();
        }
    }

    fn timeout(&self, pipes: &[capture::Pipe]) -> Option<Timespec> {
        let newcomer = self.newcomers.iter().map(Newcomer::deadline).min();
        // Held-back pipes are looked at again now and then: what holds them back may end without a sign.
        let held_back = pipes
            .iter()
            .any(capture::Pipe::is_held_back)
            .then(|| Instant::now() + Duration::from_millis(100));
        let next = [self.flush_at, self.exit_at, newcomer, held_back]
            .into_iter()
            .flatten()
            .min()?;
        let left = next.saturating_duration_since(Instant::now());
        Some(Timespec {
            tv_sec: left.as_secs() as _,
            tv_nsec: left.subsec_nanos() as _,
        })
    }

    /// Sends text a little after it was first written, so that many writes go together.
    fn flush_text(&mut self, conns: &[Arc<Conn>]) {
        if TEXT.load(Ordering::Acquire) {
            let at = *self.flush_at.get_or_insert_with(|| Instant::now() + TEXT_DELAY);
            if at <= Instant::now() {
                self.flush_at = None;
                TEXT.store(false, Ordering::Release);
                conns.iter().for_each(|conn| conn.flush());
            }
        }
    }

    fn hear_hellos(&mut self) {
        let newcomers = std::mem::take(&mut self.newcomers);
        for mut newcomer in newcomers {
            match newcomer.hear() {
                Ok(Some(hello)) => self.welcome(newcomer, &hello),
                Ok(None) => self.newcomers.push(newcomer),
                Err(refusal) => newcomer.refuse(refusal),
            }
        }
    }

    fn welcome(&mut self, newcomer: Newcomer, hello: &Hello) {
        let kind = match (hello.role, hello.token) {
            (Role::Control, _) => None,
            (Role::Lane(_), Some(_)) => Some(Kind::Callback),
            (Role::Lane(ThreadKind::Main), None) => Some(Kind::BeamMain),
            (Role::Lane(ThreadKind::Own), None) => Some(Kind::BeamOwn),
        };
        // The thread of a lane waits in the read itself.
        if rustix::io::ioctl_fionbio(&newcomer.socket, kind.is_none()).is_err() {
            return;
        }
        let conn = Arc::new(Conn::new(newcomer.socket));
        let mut answer = Hello::new(Peer::Worker, hello.role, std::process::id());
        answer.generation = Some(self.worker.refs.generation());
        match Message::Hello(answer).to_frame() {
            Ok(mut frame) => conn.send(&mut frame),
            Err(_) => return,
        };
        watch(&conn);
        let Some(kind) = kind else {
            callback::set_beam(conn.clone());
            lifetime::set_collects(hello.collects);
            self.controls.push(Control {
                conn,
                reader: newcomer.reader,
                is_host: false,
            });
            // What came behind the hello is there already.
            self.serve_control_now();
            return;
        };
        // What the BEAM has said before it opened the lane holds for that lane: so far it may be unread.
        self.serve_control_now();
        let lane = Arc::new(Lane::new(conn, kind, hello.cell, newcomer.reader));
        match (kind, hello.token) {
            (_, Some(token)) => callback::lane_opened(token, lane),
            (Kind::BeamMain, None) => {
                lanes::watch(&lane);
                main_thread::add_lane(lane);
            }
            (_, None) => {
                lanes::watch(&lane);
                lanes::start_thread(lane);
            }
        }
    }

    fn serve_control_now(&mut self) {
        self.serve_controls(&vec![true; self.controls.len()]);
    }

    fn serve_controls(&mut self, ready: &[bool]) {
        let mut index = 0;
        let mut controls = std::mem::take(&mut self.controls);
        controls.retain_mut(|control| {
            let ready = ready.get(index).copied().unwrap_or(false);
            index += 1;
            if !ready || self.serve_control(control) {
                return true;
            }
            // First: who asks it for a lane from here on sees that.
            control.conn.close();
            match control.is_host {
                // Nobody is left to work for.
                true => end_process(),
                false => callback::beam_gone(&control.conn),
            }
            false
        });
        self.controls = controls;
    }

    /// Serves what has arrived; false once the connection is over.
    fn serve_control(&mut self, control: &mut Control) -> bool {
        loop {
            loop {
                match control.reader.take_frame() {
                    Ok(Some(frame)) => {
                        let mut answer = self.serve_frame(control.is_host, &frame);
                        if !answer.is_empty() {
                            control.conn.send(&mut answer);
                        }
                        control.reader.reuse(frame);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        fault(&error.to_string());
                        return false;
                    }
                }
            }
            match recv(
                &*control.conn,
                spare_capacity(control.reader.buffer()),
                RecvFlags::DONTWAIT,
            ) {
                Ok((_, 0)) => {
                    if let Err(error) = control.reader.finish() {
                        fault(&error.to_string());
                    }
                    return false;
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Serves a message; the answer is empty where none is due.
    fn serve_frame(&mut self, is_host: bool, frame: &[u8]) -> Vec<u8> {
        message::read(frame, |message| match message {
            Ok((Head::Request { id, op }, mut reader)) => {
                let mut out = message::ok(Vec::new(), id);
                let outcome = self.perform(&op, &mut reader, &mut out);
                match outcome.and_then(|()| Ok(reader.finish()?)) {
                    Ok(()) => out.into_bytes(),
                    Err(Refused::UnknownOp) => {
                        let message = format!("the worker's control connection serves no operation {op:?}");
                        message::refusal(id, "unknown_op", &message, None)
                    }
                    Err(Refused::Body(error)) => {
                        message::refusal(id, "bad_message", &format!("the body of {op:?}: {error}"), None)
                    }
                }
            }
            Ok((Head::Event { op }, mut reader)) if op == op::ELIXIR && is_host => {
                match reader.expect_atom() {
                    Ok(state) => callback::set_elixir_state(&state),
                    Err(error) => fault(&format!("the body of {op:?}: {error}")),
                }
                Vec::new()
            }
            Ok((Head::Event { op }, mut reader)) if op == op::OPEN_LANE && is_host => {
                match reader.expect_int().map(u64::try_from) {
                    Ok(Ok(token)) => lanes::start_subshell(token),
                    _ => fault(&format!("the body of {op:?} is no token")),
                }
                Vec::new()
            }
            Ok((Head::Event { op }, _)) => {
                fault(&format!("an event {op:?} on a control connection"));
                Vec::new()
            }
            Ok((Head::Ok { id } | Head::Error { id }, _)) => {
                fault(&format!("an answer to request {id}, which was not made"));
                Vec::new()
            }
            Err(malformed) => malformed.answer(),
        })
    }

    fn perform(&mut self, op: &str, reader: &mut Reader<'_>, out: &mut Writer) -> Result<(), Refused> {
        match op {
            op::PING => out.raw(reader.skip()?),
            op::INTERRUPT => {
                let cell = reader.expect_int()?;
                out.bool(u64::try_from(cell).is_ok_and(interrupt::interrupt_cell));
            }
            op::HEARD => {
                let cell = reader.expect_int()?;
                out.bool(u64::try_from(cell).is_ok_and(interrupt::has_heard));
            }
            op::USAGE => {
                reader.skip()?;
                self.usage(out)?;
            }
            op::RELEASE => {
                lanes::release(ids(reader)?);
                out.bool(true);
            }
            op::BIND => {
                names::bind(reader)?;
                out.bool(true);
            }
            op::DECODERS => {
                set_decoders(decoders(reader)?);
                out.bool(true);
            }
            op::SHUTDOWN => {
                reader.skip()?;
                out.bool(true);
                self.exit_at = Some(Instant::now() + SHUTDOWN_TIME);
                main_thread::shut_down();
                interrupt::interrupt_all();
            }
            _ => return Err(Refused::UnknownOp),
        }
        Ok(())
    }

    fn usage(&self, out: &mut Writer) -> Result<(), Refused> {
        let (abandoned, longest) = lanes::abandoned();
        out.map_header(5)?;
        out.atom("abandoned")?;
        out.u64(abandoned as u64);
        out.atom("abandoned_ms")?;
        out.u64(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX));
        out.atom("refs")?;
        out.u64(self.worker.refs.count() as u64);
        out.atom("lanes")?;
        out.u64(lanes::count() as u64);
        out.atom("memory_bytes")?;
        out.u64(memory_bytes());
        Ok(())
    }
}

/// Why a request on control is refused.
enum Refused {
    UnknownOp,
    Body(bridge_core::term::Error),
}

impl From<bridge_core::term::Error> for Refused {
    fn from(error: bridge_core::term::Error) -> Self {
        Refused::Body(error)
    }
}

/// A list of pairs of texts.
fn decoders(reader: &mut Reader<'_>) -> Result<Vec<(String, String)>, bridge_core::term::Error> {
    let offset = reader.offset();
    let unexpected = |found| bridge_core::term::Error::Unexpected {
        offset,
        expected: "a list of decoders",
        found,
    };
    let count = match reader.token()? {
        Token::Nil => return Ok(Vec::new()),
        Token::List(count) => count,
        other => return Err(unexpected(other.kind())),
    };
    let mut decoders = Vec::with_capacity(count);
    for _ in 0..count {
        reader.expect_tuple(2)?;
        decoders.push((reader.expect_str()?.to_owned(), reader.expect_str()?.to_owned()));
    }
    match reader.end_list() {
        true => Ok(decoders),
        false => Err(unexpected("an improper list")),
    }
}

fn ids(reader: &mut Reader<'_>) -> Result<Vec<u64>, bridge_core::term::Error> {
    let offset = reader.offset();
    let unexpected = |found| bridge_core::term::Error::Unexpected {
        offset,
        expected: "a list of ids",
        found,
    };
    Ok(match reader.token()? {
        Token::Nil => Vec::new(),
        // A list of small integers comes as text.
        Token::String(bytes) => bytes.iter().map(|&byte| u64::from(byte)).collect(),
        Token::List(count) => {
            let mut ids = Vec::with_capacity(count);
            for _ in 0..count {
                match reader.token()? {
                    Token::Int(id) => ids.extend(u64::try_from(id)),
                    // None of ours is so large.
                    Token::BigInt { .. } => {}
                    other => return Err(unexpected(other.kind())),
                }
            }
            match reader.end_list() {
                true => ids,
                false => return Err(unexpected("an improper list")),
            }
        }
        other => return Err(unexpected(other.kind())),
    })
}

/// Ends this process and all that it started, at once: user code may hang anywhere.
fn end_process() -> ! {
    // SAFETY: plain calls. The group is killed only if it is our own; this process is in it and dies here.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            libc::kill(0, libc::SIGKILL);
        }
        libc::_exit(1)
    }
}

/// What to wait for on a lane that another thread reads: only its end.
fn hang_up() -> PollFlags {
    #[cfg(target_os = "linux")]
    return PollFlags::RDHUP;
    #[cfg(not(target_os = "linux"))]
    return PollFlags::HUP;
}

#[cfg(target_os = "linux")]
fn memory_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * page_bytes()
}

#[cfg(target_os = "linux")]
fn page_bytes() -> u64 {
    // SAFETY: a plain call.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> u64 {
    // SAFETY: a plain call that fills what lives here. What it tells is the most that was ever used.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage.ru_maxrss as u64
    }
}
