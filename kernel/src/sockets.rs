//! The kernel's sockets, bound before anything else is started, and the way back to a client.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Map;
use zeromq::{
    RepSocket, RouterRecvHalf, RouterSendHalf, RouterSocket, Socket, SocketRecv, SocketSend, XPubSocket,
};

use crate::connection::ConnectionInfo;
use crate::error::{Error, Result};
use crate::message::{Message, Seen, Signer};
use crate::tell;

/// All five, bound.
pub(crate) struct Sockets {
    pub(crate) shell: RouterSocket,
    pub(crate) control: RouterSocket,
    pub(crate) stdin: RouterSocket,
    pub(crate) iopub: XPubSocket,
    pub(crate) heartbeat: RepSocket,
}

impl Sockets {
    /// Binds them all.
    pub(crate) async fn bind(info: &ConnectionInfo) -> Result<Sockets> {
        async fn bound<S: Socket>(info: &ConnectionInfo, port: u16) -> Result<S> {
            let endpoint = info.endpoint(port);
            let mut socket = S::new();
            match socket.bind(&endpoint).await {
                Ok(_) => Ok(socket),
                Err(error) => Err(Error::Bind {
                    endpoint,
                    problem: error.to_string(),
                }),
            }
        }
        Ok(Sockets {
            shell: bound(info, info.shell_port).await?,
            control: bound(info, info.control_port).await?,
            stdin: bound(info, info.stdin_port).await?,
            iopub: bound(info, info.iopub_port).await?,
            heartbeat: bound(info, info.hb_port).await?,
        })
    }
}

/// Answers heartbeats with what they hold, for as long as the kernel lives.
pub(crate) async fn beat(mut heartbeat: RepSocket) {
    loop {
        let answered = match heartbeat.recv().await {
            Ok(message) => heartbeat.send(message).await,
            Err(error) => Err(error),
        };
        // A client that went away before its answer is none of the others' business.
        if let Err(error) = answered {
            tell(&format!("heartbeat: {error}"));
            tokio::task::yield_now().await;
        }
    }
}

/// Where requests of a channel arrive.
pub(crate) struct Incoming {
    name: &'static str,
    socket: RouterRecvHalf,
    signer: Arc<Signer>,
    seen: Seen,
}

/// The way back to the clients of a channel.
#[derive(Clone)]
pub(crate) struct Outgoing {
    name: &'static str,
    socket: RouterSendHalf,
    signer: Arc<Signer>,
}

/// A channel's two directions.
pub(crate) fn channel(
    name: &'static str,
    socket: RouterSocket,
    signer: &Arc<Signer>,
) -> (Outgoing, Incoming) {
    let (send, receive) = socket.split();
    (
        Outgoing {
            name,
            socket: send,
            signer: Arc::clone(signer),
        },
        Incoming {
            name,
            socket: receive,
            signer: Arc::clone(signer),
            seen: Seen::default(),
        },
    )
}

impl Incoming {
    /// The next message that can be read. What cannot is told and passed over.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            match self.socket.recv().await {
                Ok(frames) => match self.signer.read(frames, &mut self.seen) {
                    Ok(message) => return message,
                    Err(refused) => tell(&format!("{}: a message was refused: {refused}", self.name)),
                },
                Err(error) => {
                    tell(&format!("{}: {error}", self.name));
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

impl Outgoing {
    /// Answers a request, or asks its client something. A client that has gone is passed over.
    pub(crate) async fn send(&self, to: &Message, msg_type: &str, content: &impl Serialize) {
        let message = match self
            .signer
            .write(&to.identities, msg_type, &to.parent, &Map::new(), content, &[])
        {
            Ok(message) => message,
            Err(error) => return tell(&format!("{}: a {msg_type} cannot be written: {error}", self.name)),
        };
        if let Err(error) = self.socket.clone().send(message).await {
            tell(&format!("{}: {msg_type} to a client: {error}", self.name));
        }
    }
}
