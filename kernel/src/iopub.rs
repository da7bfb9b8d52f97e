//! IOPub: what cells do, told to every client. One task owns the socket and sends what the queue holds, in order.
//!
//! Nothing is dropped: a slow client holds back the queue, a full queue holds back who publishes, and that holds back
//! the code that prints. Until the first client has subscribed the queue is kept, for a while.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use zeromq::{SocketRecv, SocketSend, XPubSocket, ZmqMessage};

use crate::message::{Parent, Signer};
use crate::tell;

/// How many messages may wait for the socket.
const QUEUE: usize = 1024;

/// How long messages are kept for a first client.
const FIRST_CLIENT: Duration = Duration::from_secs(10);

/// A handle on the queue.
#[derive(Clone, Debug)]
pub(crate) struct IoPub {
    queue: mpsc::Sender<Item>,
    signer: Arc<Signer>,
}

#[derive(Debug)]
enum Item {
    Message(ZmqMessage),
    /// Answered when all before it has been handed to the socket.
    Flush(oneshot::Sender<()>),
}

/// The state of the kernel, or of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Busy,
    Idle,
}

impl IoPub {
    /// Starts the task that owns the socket.
    pub(crate) fn start(socket: XPubSocket, signer: Arc<Signer>) -> IoPub {
        let (queue, items) = mpsc::channel(QUEUE);
        tokio::spawn(serve(socket, items, Arc::clone(&signer)));
        IoPub { queue, signer }
    }

    /// Tells all clients.
    pub(crate) async fn publish(&self, parent: &Parent, msg_type: &str, content: impl Serialize) {
        self.publish_with(parent, msg_type, &Map::new(), content, &[])
            .await;
    }

    /// The same, with metadata and raw data.
    pub(crate) async fn publish_with(
        &self,
        parent: &Parent,
        msg_type: &str,
        metadata: &Map<String, Value>,
        content: impl Serialize,
        buffers: &[Bytes],
    ) {
        let topic = Bytes::from(format!("kernel.{}.{msg_type}", self.signer.session()));
        match self
            .signer
            .write(&[topic], msg_type, parent, metadata, &content, buffers)
        {
            // Fails only when the task has ended, with the kernel.
            Ok(message) => drop(self.queue.send(Item::Message(message)).await),
            Err(error) => tell(&format!("a {msg_type} cannot be written: {error}")),
        }
    }

    /// Says that the kernel, or what it does for a request, is in that state.
    pub(crate) async fn state(&self, parent: &Parent, state: State) {
        let state = match state {
            State::Starting => "starting",
            State::Busy => "busy",
            State::Idle => "idle",
        };
        self.publish(parent, "status", json!({"execution_state": state}))
            .await;
    }

    /// Waits until all that was published before is with the socket.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.queue.send(Item::Flush(done)).await.is_ok() {
            let _ = flushed.await;
        }
    }
}

async fn serve(mut socket: XPubSocket, mut items: mpsc::Receiver<Item>, signer: Arc<Signer>) {
    let mut open = false;
    let patience = Instant::now() + FIRST_CLIENT;
    loop {
        tokio::select! {
            // The socket learns of clients only here.
            received = socket.recv() => match received {
                Ok(message) => {
                    if let Some((1, topic)) = message.get(0).and_then(|frame| frame.split_first()) {
                        open = true;
                        welcome(&mut socket, &signer, topic).await;
                    }
                }
                // A client that went away in the middle of something.
                Err(error) => {
                    tell(&format!("IOPub: {error}"));
                    tokio::task::yield_now().await;
                }
            },
            () = sleep_until(patience), if !open => open = true,
            // The branch's body sends, so that no write is given up half-way.
            item = items.recv(), if open => match item {
                Some(Item::Message(message)) => send(&mut socket, message).await,
                Some(Item::Flush(done)) => drop(done.send(())),
                None => return,
            },
        }
    }
}

/// Tells a client that its subscription has taken effect: what is published from here on reaches it.
async fn welcome(socket: &mut XPubSocket, signer: &Signer, topic: &[u8]) {
    let content = json!({"subscription": String::from_utf8_lossy(topic)});
    let first = [Bytes::copy_from_slice(topic)];
    if let Ok(message) = signer.write(
        &first,
        "iopub_welcome",
        &Parent::default(),
        &Map::new(),
        &content,
        &[],
    ) {
        send(socket, message).await;
    }
}

async fn send(socket: &mut XPubSocket, message: ZmqMessage) {
    if let Err(error) = socket.send(message).await {
        tell(&format!("IOPub: {error}"));
    }
}
