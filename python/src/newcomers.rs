//! New connections to the worker: who may connect, and the hello that each must say first.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use bridge_core::wire::{FrameReader, Hello, Message};
use rustix::buffer::spare_capacity;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use crate::descriptors::Descriptor;
use crate::io::fault;
use crate::message;

/// How long a new connection may take to say hello.
const HELLO_TIME: Duration = Duration::from_secs(10);

/// The longest hello.
const HELLO_BYTES: usize = 64 << 10;

/// Where lanes come in.
pub(crate) struct Listener(Descriptor);

impl Listener {
    /// Listens on a path, for this user alone.
    pub(crate) fn bind(path: &str) -> std::io::Result<Self> {
        // The permission is right from the start: the socket is made under a mask, in a directory of mode 0700.
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let socket = UnixListener::bind(path);
        rustix::process::umask(before);
        let socket = socket?;
        socket.set_nonblocking(true)?;
        Ok(Listener(Descriptor::new(socket.into())))
    }

    /// The connections that have come in since the last look.
    pub(crate) fn accept(&self) -> Vec<Newcomer> {
        let mut newcomers = Vec::new();
        while let Ok(socket) = accept(&self.0) {
            let socket = Descriptor::new(socket);
            if !is_own_user(&socket) {
                fault("a process of another user tried to connect to the worker, and was refused");
            } else if rustix::io::ioctl_fionbio(&socket, true).is_ok() {
                newcomers.push(Newcomer {
                    socket,
                    reader: FrameReader::default(),
                    since: Instant::now(),
                });
            }
        }
        newcomers
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A connection that has not said hello.
pub(crate) struct Newcomer {
    pub(crate) socket: Descriptor,
    /// What has come, also behind the hello.
    pub(crate) reader: FrameReader,
    since: Instant,
}

/// Why a connection is refused: the protocol's reason, and the message. None for one that only looked whether anybody
/// listens here: it has ended, and has said nothing.
type Refusal = Option<(&'static str, String)>;

impl Newcomer {
    /// When its time to say hello is over.
    pub(crate) fn deadline(&self) -> Instant {
        self.since + HELLO_TIME
    }

    /// The hello, once it is here.
    pub(crate) fn hear(&mut self) -> Result<Option<Hello>, Refusal> {
        let bad = |message: String| Some(("bad_message", message));
        match recv(
            &self.socket,
            spare_capacity(self.reader.buffer()),
            RecvFlags::DONTWAIT,
        ) {
            Ok((_, 0)) if self.reader.buffer().is_empty() => return Err(None),
            Ok((_, 0)) => return Err(bad("the connection ended before its hello".to_owned())),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(bad(error.to_string())),
        }
        if self.reader.buffer().len() > HELLO_BYTES {
            return Err(bad(format!("a hello of more than {HELLO_BYTES} bytes")));
        }
        let Some(frame) = self.reader.next_frame().map_err(|error| bad(error.to_string()))? else {
            return match self.deadline() <= Instant::now() {
                true => Err(bad("no hello came in time".to_owned())),
                false => Ok(None),
            };
        };
        match Message::decode(frame) {
            Ok(Message::Hello(hello)) => match hello.check_version() {
                Ok(()) => Ok(Some(hello)),
                Err(error) => Err(Some(("version", error.to_string()))),
            },
            Ok(_) => Err(bad("the first message is no hello".to_owned())),
            Err(error) => Err(bad(error.to_string())),
        }
    }

    /// Ends the connection, having said why. A peer that does not listen hears nothing.
    pub(crate) fn refuse(self, refusal: Refusal) {
        let Some((reason, text)) = refusal else { return };
        let mut answer = message::refusal(0, reason, &text, None);
        crate::conn::Conn::new(self.socket).send(&mut answer);
        fault(&format!("a connection was refused: {text}"));
    }
}

impl AsFd for Newcomer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(target_os = "linux")]
fn accept(listener: &Descriptor) -> rustix::io::Result<OwnedFd> {
    rustix::net::accept_with(listener, rustix::net::SocketFlags::CLOEXEC)
}

#[cfg(not(target_os = "linux"))]
fn accept(listener: &Descriptor) -> rustix::io::Result<OwnedFd> {
    let socket = rustix::net::accept(listener)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn is_own_user(socket: &Descriptor) -> bool {
    let peer = rustix::net::sockopt::socket_peercred(socket);
    peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

#[cfg(not(target_os = "linux"))]
fn is_own_user(socket: &Descriptor) -> bool {
    use std::os::fd::AsRawFd;
    let (mut user, mut group) = (0, 0);
    // SAFETY: the socket is open, and both places to write to live here.
    let found = unsafe { libc::getpeereid(socket.as_fd().as_raw_fd(), &raw mut user, &raw mut group) };
    found == 0 && user == rustix::process::geteuid().as_raw()
}
