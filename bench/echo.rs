//! The floor under every call: a process that sends back each frame that it gets on a Unix socket.
//! `echo PATH` listens there, serves one connection, and ends with it.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

fn main() -> std::io::Result<()> {
    let path = std::env::args_os()
        .nth(1)
        .ok_or_else(|| std::io::Error::other("usage: echo PATH"))?;
    let (mut peer, _) = UnixListener::bind(path)?.accept()?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match peer.read(&mut buffer)? {
            0 => return Ok(()),
            read => peer.write_all(&buffer[..read])?,
        }
    }
}
