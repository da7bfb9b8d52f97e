//! ZMTP 3.0, the protocol of ZeroMQ's connections: greetings, frames, messages. It opens no sockets and knows no
//! Jupyter.
//!
//! Whoever can reach a port can send anything here before a signature is looked at. So nothing is allocated ahead of
//! what has arrived, all lengths have limits, and whatever is wrong is an error of that one connection.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The most frames, and bytes, that a message may have. Uploads to widgets are large.
const MESSAGE_FRAMES: usize = 10_000;
const MESSAGE_BYTES: usize = (1 << 31) - 1;

/// The most that a command holds.
const COMMAND_BYTES: usize = 64 * 1024;

/// Memory for a frame is had in pieces of this size, as it arrives.
const PIECE_BYTES: usize = 1 << 20;

/// A frame's flags: more frames of its message follow; its length has eight bytes, not one; it is a command.
const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// The version's major number, where in a greeting it stands, and how long a greeting is.
const MAJOR: u8 = 3;
const MAJOR_AT: usize = 10;
const GREETING_BYTES: usize = 64;

/// What a socket of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketType {
    Router,
    Publisher,
    Reply,
}

impl SocketType {
    fn name(self) -> &'static str {
        match self {
            SocketType::Router => "ROUTER",
            SocketType::Publisher => "XPUB",
            SocketType::Reply => "REP",
        }
    }

    fn fits(self, other: &[u8]) -> bool {
        match self {
            SocketType::Router => matches!(other, b"DEALER" | b"REQ" | b"ROUTER"),
            SocketType::Publisher => matches!(other, b"SUB" | b"XSUB"),
            SocketType::Reply => matches!(other, b"REQ" | b"DEALER"),
        }
    }
}

/// Makes a peer's acquaintance. Gives the identity that it wants to be known by; it is empty where it does not care.
///
/// # Errors
/// When it goes away, speaks another protocol, or is no peer for a socket of this type.
pub(crate) async fn greet(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    own: SocketType,
) -> io::Result<Bytes> {
    let mut greeting = BytesMut::zeroed(GREETING_BYTES);
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[MAJOR_AT] = MAJOR;
    greeting[12..16].copy_from_slice(b"NULL");
    stream.write_all(&greeting).await?;
    let mut theirs = [0; GREETING_BYTES];
    stream.read_exact(&mut theirs).await?;
    if theirs[0] != 0xff || theirs[9] & 1 == 0 || theirs[MAJOR_AT] < MAJOR || &theirs[12..17] != b"NULL\0" {
        return Err(malformed("no greeting of ZMTP 3 without encryption"));
    }
    stream.write_all(&ready(own)).await?;
    let Some((flags, command)) = read_frame(stream, COMMAND_BYTES).await? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let properties = command
        .strip_prefix(b"\x05READY")
        .filter(|_| flags & COMMAND != 0);
    let properties = properties.ok_or_else(|| malformed("no READY"))?;
    match property(properties, "Socket-Type") {
        Some(theirs) if own.fits(theirs) => {}
        _ => return Err(malformed("a socket of a type that does not fit")),
    }
    let identity = property(properties, "Identity").unwrap_or_default();
    match identity.len() {
        0..=255 => Ok(Bytes::copy_from_slice(identity)),
        _ => Err(malformed("an identity that is too long")),
    }
}

fn ready(own: SocketType) -> Bytes {
    let mut body = BytesMut::new();
    body.put_slice(b"\x05READY\x0bSocket-Type");
    body.put_u32(u32::try_from(own.name().len()).unwrap_or_default());
    body.put_slice(own.name().as_bytes());
    let mut frame = BytesMut::new();
    put_frame(&mut frame, COMMAND, &body);
    frame.freeze()
}

/// The value of a property of a READY, of which the names' case means nothing.
fn property<'a>(mut properties: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    while let Some((length, rest)) = properties.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        if name.eq_ignore_ascii_case(wanted.as_bytes()) {
            return Some(value);
        }
        properties = rest;
    }
    None
}

/// The next message; `None` when the peer has gone. Commands are passed over.
///
/// # Errors
/// When the connection breaks, or what comes is no message.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<Bytes>>> {
    let mut message = Vec::new();
    let mut left = MESSAGE_BYTES;
    while let Some((flags, body)) = read_frame(stream, left).await? {
        if flags & COMMAND != 0 {
            continue;
        }
        left -= body.len();
        message.push(body);
        if flags & MORE == 0 {
            return Ok(Some(message));
        }
        if message.len() == MESSAGE_FRAMES {
            return Err(malformed("a message of too many frames"));
        }
    }
    Ok(None)
}

/// A message as it stands on the wire.
pub(crate) fn encode(message: &[Bytes]) -> Bytes {
    let length = message.iter().map(|frame| frame.len() + 9).sum();
    let mut bytes = BytesMut::with_capacity(length);
    let last = message.len().saturating_sub(1);
    for (at, frame) in message.iter().enumerate() {
        put_frame(&mut bytes, if at < last { MORE } else { 0 }, frame);
    }
    bytes.freeze()
}

fn put_frame(bytes: &mut BytesMut, flags: u8, body: &[u8]) {
    match u8::try_from(body.len()) {
        Ok(length) => bytes.put_slice(&[flags, length]),
        Err(_) => {
            bytes.put_u8(flags | LONG);
            bytes.put_u64(body.len() as u64);
        }
    }
    bytes.put_slice(body);
}

/// Flags and body; `None` at the end.
async fn read_frame(stream: &mut (impl AsyncRead + Unpin), most: usize) -> io::Result<Option<(u8, Bytes)>> {
    let flags = match stream.read_u8().await {
        Ok(flags) => flags,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if flags > MORE | LONG | COMMAND {
        return Err(malformed("a frame with flags that there are not"));
    }
    let length = match flags & LONG {
        0 => u64::from(stream.read_u8().await?),
        _ => stream.read_u64().await?,
    };
    let most = if flags & COMMAND == 0 { most } else { COMMAND_BYTES };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > most {
        return Err(malformed("a message that is too long"));
    }
    let mut body = BytesMut::with_capacity(length.min(PIECE_BYTES));
    while body.len() < length {
        body.reserve((length - body.len()).min(PIECE_BYTES));
        let left = length - body.len();
        if stream.read_buf(&mut (&mut body).limit(left)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Some((flags, body.freeze())))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    fn on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn messages(bytes: &[u8]) -> io::Result<Vec<Vec<Bytes>>> {
        on(async {
            let mut bytes = bytes;
            let mut found = Vec::new();
            while let Some(message) = read(&mut bytes).await? {
                found.push(message);
            }
            Ok(found)
        })
    }

    #[test]
    fn messages_are_read_as_they_are_written() {
        let message = [
            Bytes::from_static(b"topic"),
            Bytes::new(),
            Bytes::from(vec![7; 3 << 20]),
        ];
        let bytes = encode(&message);
        assert_eq!(&bytes[..9], b"\x01\x05topic\x01\0");
        assert_eq!(&bytes[9..18], b"\x02\0\0\0\0\0\x30\0\0");
        let twice = [bytes.as_ref(), b"\x04\x03cmd", bytes.as_ref()].concat();
        assert_eq!(messages(&twice).unwrap(), [message.clone(), message]);
    }

    #[test]
    fn what_is_no_message_is_an_error_and_no_memory_is_had_for_it() {
        for bytes in [
            b"\x02\x40\0\0\0\0\0\0\0".as_slice(),
            b"\x02\0\0\0\0\xff\xff\xff\xff",
            b"\x06\0\0\0\0\x7f\xff\xff\xff",
            b"\xff\x01\x01",
            b"\0\x05\x01",
            b"\x02\0",
        ] {
            assert!(messages(bytes).is_err(), "{bytes:?}");
        }
        let frames = b"\x01\0".repeat(MESSAGE_FRAMES);
        assert!(messages(&frames).is_err());
    }

    /// What the peer of a socket that publishes would say.
    fn greeted(greeting: &[u8]) -> io::Result<Bytes> {
        on(async {
            let (mut own, mut theirs) = duplex(1024);
            theirs.write_all(greeting).await.unwrap();
            greet(&mut own, SocketType::Publisher).await
        })
    }

    #[test]
    fn only_peers_that_fit_are_greeted() {
        let mut greeting = [0; GREETING_BYTES];
        (greeting[0], greeting[9], greeting[MAJOR_AT]) = (0xff, 0x7f, MAJOR);
        greeting[12..16].copy_from_slice(b"NULL");
        let with = |rest: &[u8]| greeted(&[&greeting, rest].concat());
        let subscriber = with(b"\x04\x28\x05READY\x0bsocket-type\0\0\0\x03SUB\x08Identity\0\0\0\x02id");
        assert_eq!(subscriber.unwrap(), "id");
        assert!(with(b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER").is_err());
        assert!(with(b"\x04\x1c\x05READY\x0bSocket-Type\x7f\0\0\x06DEALER").is_err());
        assert!(with(b"\x04\x06\x05ERROR").is_err());
        assert!(greeted(&[b'G'; GREETING_BYTES]).is_err());
        greeting[12..17].copy_from_slice(b"CURVE");
        assert!(greeted(&greeting).is_err());
    }
}
