//! One connection of a child: messages in, messages out.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::wire::{self, FrameReader, Hello, Malformed, Message};

/// A connection whose peer has said who it is.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) hello: Hello,
    pub(crate) reader: MessageReader,
    pub(crate) writer: MessageWriter,
}

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the connection ended")]
    Ended,
    #[error(transparent)]
    Frame(#[from] wire::Error),
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
}

/// The half that reads.
#[derive(Debug)]
pub(crate) struct MessageReader {
    half: OwnedReadHalf,
    frames: FrameReader,
}

/// The half that writes; clones write to the same connection, a message after the other.
///
/// Sending never waits: a task writes what waits, and messages to children are small and few.
#[derive(Clone, Debug)]
pub(crate) struct MessageWriter(mpsc::UnboundedSender<Vec<u8>>);

pub(super) fn split(stream: UnixStream) -> (MessageReader, MessageWriter) {
    let (read, write) = stream.into_split();
    let (sender, queue) = mpsc::unbounded_channel();
    spawn_local(write_all(write, queue));
    (
        MessageReader {
            half: read,
            frames: FrameReader::default(),
        },
        MessageWriter(sender),
    )
}

impl MessageReader {
    /// The next message, or what is wrong with the next frame. May be dropped and called again.
    ///
    /// # Errors
    /// [`Lost`]: nothing more will come.
    pub(crate) async fn next(&mut self) -> Result<Result<Message, Malformed>, Lost> {
        loop {
            if let Some(frame) = self.frames.next_frame()? {
                return Ok(Message::decode(frame));
            }
            if self.half.read_buf(self.frames.buffer()).await? == 0 {
                self.frames.finish()?;
                return Err(Lost::Ended);
            }
        }
    }
}

impl MessageWriter {
    /// Sends a message. On a connection that has ended nothing happens: who reads from it hears of the end.
    ///
    /// # Errors
    /// When the message cannot be encoded or is too large.
    pub(crate) fn send(&self, message: &Message) -> Result<(), wire::Error> {
        let frame = message.to_frame()?;
        let _ = self.0.send(frame);
        Ok(())
    }
}

async fn write_all(mut half: OwnedWriteHalf, mut queue: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = queue.recv().await {
        if half.write_all(&frame).await.is_err() {
            return;
        }
    }
}
