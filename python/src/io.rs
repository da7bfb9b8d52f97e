//! The I/O thread. It never takes the interpreter, so it answers whatever user code does: control connections, new
//! lanes, output that waits, what C code prints, peers that hang up, the host's end.

use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use bridge_core::term::{Limits, Reader, Token, Writer, inflate};
use bridge_core::wire::{FrameReader, Hello, Message, Peer, Role, ThreadKind, op};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::conn::Conn;
use crate::descriptors::Descriptor;
use crate::lane::{Kind, Lane};
use crate::message::{self, Head};
use crate::wake::Wake;
use crate::worker::{Worker, worker};
use crate::{callback, capture, descriptors, interrupt, lanes, main_thread, names};

/// How long text may wait for more of it.
const TEXT_DELAY: Duration = Duration::from_millis(15);

/// How long a new connection may take to say hello.
const HELLO_TIME: Duration = Duration::from_secs(10);

/// The longest hello.
const HELLO_BYTES: usize = 64 << 10;

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
    if let Some(wake) = WAKE.get() {
        if !descriptors::forked() {
            wake.wake();
        }
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
    if let Ok(mut event) = message::event(op::FAULT, |out| out.binary(text.as_bytes())) {
        worker.host.send(&mut event);
        wake();
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

/// A connection that has not said hello.
struct Newcomer {
    socket: UnixStream,
    reader: FrameReader,
    since: Instant,
}

/// Where lanes come in.
pub(crate) struct Listener {
    socket: UnixListener,
    _registered: Descriptor,
}

impl Listener {
    /// Listens on a path, for this user alone.
    pub(crate) fn bind(path: &str) -> std::io::Result<Self> {
        // The permission is right from the start: the socket is made under a mask, in a directory of mode 0700.
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let socket = UnixListener::bind(path);
        rustix::process::umask(before);
        let socket = socket?;
        socket.set_nonblocking(true)?;
        let _registered = Descriptor::new(socket.try_clone()?.into());
        Ok(Listener { socket, _registered })
    }
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
                .map(|listener| PollFd::new(&listener.socket, PollFlags::IN)),
        );
        fds.extend(
            self.newcomers
                .iter()
                .map(|newcomer| PollFd::new(&newcomer.socket, PollFlags::IN)),
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
        let newcomers: Vec<bool> = ready.by_ref().take(self.newcomers.len()).collect();
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
            self.accept();
        }
        self.hear_hellos(&newcomers);
        self.flush_text(&conns);
        if self.exit_at.is_some_and(|at| at <= Instant::now()) {
            end_process();
        }
    }

    fn timeout(&self, pipes: &[capture::Pipe]) -> Option<Timespec> {
        let newcomer = self
            .newcomers
            .iter()
            .map(|newcomer| newcomer.since + HELLO_TIME)
            .min();
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

    fn accept(&mut self) {
        let Some(listener) = &self.listener else { return };
        while let Ok((socket, _)) = listener.socket.accept() {
            if socket.set_nonblocking(true).is_err() {
                continue;
            }
            if !is_own_user(&socket) {
                fault("a process of another user tried to connect to the worker, and was refused");
                continue;
            }
            self.newcomers.push(Newcomer {
                socket,
                reader: FrameReader::default(),
                since: Instant::now(),
            });
        }
    }

    fn hear_hellos(&mut self, ready: &[bool]) {
        let mut waiting = Vec::with_capacity(self.newcomers.len());
        let newcomers = std::mem::take(&mut self.newcomers);
        for (index, mut newcomer) in newcomers.into_iter().enumerate() {
            let ready = ready.get(index).copied().unwrap_or(true);
            match ready.then(|| newcomer.hear()) {
                Some(Ok(Some(hello))) => self.welcome(newcomer, &hello),
                Some(Err(reason)) => refuse(&newcomer.socket, &reason),
                _ if newcomer.since.elapsed() > HELLO_TIME => {
                    refuse(&newcomer.socket, "no hello came in time")
                }
                _ => waiting.push(newcomer),
            }
        }
        self.newcomers = waiting;
    }

    fn welcome(&mut self, newcomer: Newcomer, hello: &Hello) {
        let kind = match (hello.role, hello.token) {
            (Role::Control, _) => None,
            (Role::Lane(_), Some(_)) => Some(Kind::Callback),
            (Role::Lane(ThreadKind::Main), None) => Some(Kind::BeamMain),
            (Role::Lane(ThreadKind::Own), None) => Some(Kind::BeamOwn),
        };
        // The thread of a lane waits in the read itself.
        if newcomer.socket.set_nonblocking(kind.is_none()).is_err() {
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
            callback::set_beam(Some(conn.clone()));
            self.controls.push(Control {
                conn,
                reader: newcomer.reader,
                is_host: false,
            });
            // What came behind the hello is there already.
            self.serve_controls(&vec![true; self.controls.len()]);
            return;
        };
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

    fn serve_controls(&mut self, ready: &[bool]) {
        let mut index = 0;
        let mut controls = std::mem::take(&mut self.controls);
        controls.retain_mut(|control| {
            let ready = ready.get(index).copied().unwrap_or(false);
            index += 1;
            if !ready || self.serve_control(control) {
                return true;
            }
            match control.is_host {
                // Nobody is left to work for.
                true => end_process(),
                false => callback::beam_gone(&control.conn),
            }
            control.conn.close();
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
                        if let Some(mut answer) = self.serve_frame(control, &frame) {
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
                Ok((_, 0)) => return false,
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return true,
                Err(_) => return false,
            }
        }
    }

    fn serve_frame(&mut self, control: &Control, frame: &[u8]) -> Option<Vec<u8>> {
        let bytes = match inflate(frame, &Limits::default()) {
            Ok(bytes) => bytes,
            Err(error) => {
                fault(&format!("a frame on a control connection is no term: {error}"));
                return None;
            }
        };
        let head = Reader::new(&bytes)
            .map_err(|error| message::NoMessage {
                id: None,
                reason: error.to_string(),
            })
            .and_then(|mut reader| message::head(&mut reader).map(|head| (head, reader)));
        match head {
            Ok((Head::Request { id, op }, mut reader)) => {
                let mut out = message::ok(Vec::new(), id);
                Some(match self.perform(control, &op, &mut reader, &mut out) {
                    Ok(()) => out.into_bytes(),
                    Err(Refused::UnknownOp) => {
                        let message = format!("the worker's control connection serves no operation {op:?}");
                        message::refusal(id, "unknown_op", &message, None)
                    }
                    Err(Refused::Body(error)) => {
                        message::refusal(id, "bad_message", &format!("the body of {op:?}: {error}"), None)
                    }
                })
            }
            Ok((Head::Event { op }, mut reader)) => {
                if op == op::ELIXIR && control.is_host {
                    if let Ok(state) = reader.expect_atom() {
                        callback::set_elixir_state(&state);
                    }
                } else {
                    fault(&format!("an event {op:?} on a control connection"));
                }
                None
            }
            Ok((Head::Ok { id } | Head::Error { id }, _)) => {
                fault(&format!("an answer to request {id}, which was not made"));
                None
            }
            Err(malformed) => match malformed.id {
                Some(id) => Some(message::refusal(id, "bad_message", &malformed.reason, None)),
                None => {
                    fault(&malformed.reason);
                    None
                }
            },
        }
    }

    fn perform(
        &mut self,
        control: &Control,
        op: &str,
        reader: &mut Reader<'_>,
        out: &mut Writer,
    ) -> Result<(), Refused> {
        match op {
            op::PING => out.raw(reader.skip()?),
            op::INTERRUPT => {
                let cell = reader.expect_int()?;
                out.bool(u64::try_from(cell).is_ok_and(interrupt::interrupt_cell));
            }
            op::USAGE => self.usage(out)?,
            op::RELEASE => {
                lanes::release(ids(reader)?);
                out.bool(true);
            }
            op::BIND => {
                names::bind(reader)?;
                out.bool(true);
            }
            op::SHUTDOWN => {
                out.bool(true);
                self.exit_at = Some(Instant::now() + SHUTDOWN_TIME);
                main_thread::shut_down();
                interrupt::interrupt_all();
            }
            _ => return Err(Refused::UnknownOp),
        }
        let _ = control;
        Ok(())
    }

    fn usage(&self, out: &mut Writer) -> Result<(), Refused> {
        out.map_header(3)?;
        out.atom("refs")?;
        out.u64(self.worker.refs.count() as u64);
        out.atom("lanes")?;
        out.u64(lanes::count() as u64);
        out.atom("memory_bytes")?;
        out.u64(memory_bytes());
        Ok(())
    }
}

impl Newcomer {
    /// The hello, once it is here.
    fn hear(&mut self) -> Result<Option<Hello>, String> {
        match recv(
            &self.socket,
            spare_capacity(self.reader.buffer()),
            RecvFlags::DONTWAIT,
        ) {
            Ok((_, 0)) => return Err("the connection ended before its hello".to_owned()),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
        if self.reader.buffer().len() > HELLO_BYTES {
            return Err(format!("a hello of more than {HELLO_BYTES} bytes"));
        }
        match self.reader.next_frame().map_err(|error| error.to_string())? {
            None => Ok(None),
            Some(frame) => match Message::decode(frame) {
                Ok(Message::Hello(hello)) => {
                    hello.check_version().map_err(|error| error.to_string())?;
                    Ok(Some(hello))
                }
                Ok(_) => Err("the first message is no hello".to_owned()),
                Err(error) => Err(error.to_string()),
            },
        }
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

fn ids(reader: &mut Reader<'_>) -> Result<Vec<u64>, bridge_core::term::Error> {
    Ok(match reader.token()? {
        Token::Nil => Vec::new(),
        // A list of small integers comes as text.
        Token::String(bytes) => bytes.iter().map(|&byte| u64::from(byte)).collect(),
        Token::List(count) => {
            let mut ids = Vec::with_capacity(count);
            for _ in 0..count {
                // What is below zero is no id of ours.
                ids.extend(u64::try_from(reader.expect_int()?));
            }
            ids
        }
        other => {
            return Err(bridge_core::term::Error::Unexpected {
                offset: reader.offset(),
                expected: "a list of ids",
                found: other.kind(),
            });
        }
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

/// Tells a peer why it is not welcome. A peer that does not listen hears nothing.
fn refuse(socket: &UnixStream, reason: &str) {
    let message = message::refusal(0, "version", reason, None);
    let mut frame = (message.len() as u32 - 4).to_be_bytes().to_vec();
    frame.extend_from_slice(&message[4..]);
    let _ = rustix::net::send(socket, &frame, rustix::net::SendFlags::DONTWAIT);
    fault(&format!("a connection was refused: {reason}"));
}

#[cfg(target_os = "linux")]
fn is_own_user(socket: &UnixStream) -> bool {
    let peer = rustix::net::sockopt::socket_peercred(socket);
    peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

#[cfg(not(target_os = "linux"))]
fn is_own_user(socket: &UnixStream) -> bool {
    use std::os::fd::AsRawFd;
    let (mut user, mut group) = (0, 0);
    // SAFETY: the socket is open, and both places to write to live here.
    let found = unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut user, &raw mut group) };
    found == 0 && user == rustix::process::geteuid().as_raw()
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
