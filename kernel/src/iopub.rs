//! IOPub: what cells do, told to every client.
//!
//! **Nothing is dropped.** Each client has a queue of its own. A full one holds back who publishes output, and that
//! holds back the code that prints: so memory is bounded. States and answers are never held back, so that a kernel whose
//! output nobody takes can still be asked, interrupted and ended.
//!
//! **A stalled client does not hold up the others for long.** One whose queue is full and which has taken nothing for
//! [`PATIENCE`] while there are other clients is given up: what waits for it is thrown away, it gets nothing more, and
//! its connection is closed when it reads again; ZeroMQ then connects anew. A client that is merely slow, and one that
//! is alone, is waited for.
//!
//! Until the first client has subscribed, what is published is kept for it, for [`FIRST_CLIENT`].
//!
//! ZeroMQ's own publishers do not do this: they drop messages for a client that is slow, or wait for all clients one
//! after the other.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncRead, split};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::message::{Parent, Signer};
use crate::outbox::Outbox;
use crate::sockets::{Listener, Stream};
use crate::tell;
use crate::zmtp::{self, SocketType};

/// How much may wait for a client before who publishes waits too.
const QUEUE_BYTES: usize = 4 << 20;

/// How long a client with a full queue may take nothing while there are others.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long messages are kept for a first client.
const FIRST_CLIENT: Duration = Duration::from_secs(10);

/// A handle on what is published, and to whom.
#[derive(Clone, Debug)]
pub(crate) struct IoPub {
    hub: Arc<Hub>,
    signer: Arc<Signer>,
}

/// The state of the kernel, or of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Busy,
    Idle,
}

impl IoPub {
    /// Takes clients from now on.
    pub(crate) fn start(listener: Listener, signer: Arc<Signer>) -> IoPub {
        let hub = Arc::new(Hub::new());
        let iopub = IoPub { hub, signer };
        let of = iopub.clone();
        let attend = move |stream, _| {
            let iopub = of.clone();
            async move { iopub.attend(stream).await }
        };
        tokio::spawn(listener.serve("IOPub", SocketType::Publisher, attend));
        let hub = Arc::clone(&iopub.hub);
        tokio::spawn(async move {
            sleep(FIRST_CLIENT).await;
            hub.leave(KEPT);
        });
        iopub
    }

    /// Tells all clients. Waits while one of them has too much to read still.
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
        if let Some(message) = self.message(parent, msg_type, metadata, content, buffers) {
            self.hub.until(|clients| !clients.any(Outbox::is_full)).await;
            self.hub.hand_out(&message);
        }
    }

    /// Says that the kernel, or what it does for a request, is in that state. Waits for nobody.
    pub(crate) fn state(&self, parent: &Parent, state: State) {
        let state = match state {
            State::Starting => "starting",
            State::Busy => "busy",
            State::Idle => "idle",
        };
        self.tell(parent, "status", json!({"execution_state": state}));
    }

    /// Tells all clients something short, however much they have to read still.
    pub(crate) fn tell(&self, parent: &Parent, msg_type: &str, content: impl Serialize) {
        if let Some(message) = self.message(parent, msg_type, &Map::new(), content, &[]) {
            self.hub.hand_out(&message);
        }
    }

    /// Waits until all that was published is with the system, which sees to it that it arrives.
    pub(crate) async fn flush(&self) {
        self.hub
            .until(|clients| !clients.any(|outbox| !outbox.is_empty()))
            .await;
    }

    fn message(
        &self,
        parent: &Parent,
        msg_type: &str,
        metadata: &Map<String, Value>,
        content: impl Serialize,
        buffers: &[Bytes],
    ) -> Option<Message> {
        let topic = Bytes::from(format!("kernel.{}.{msg_type}", self.signer.session()));
        let first = [topic.clone()];
        match self
            .signer
            .write(&first, msg_type, parent, metadata, &content, buffers)
        {
            Ok(message) => Some(Message::new(topic, &message)),
            Err(error) => {
                tell(&format!("a {msg_type} cannot be written: {error}"));
                None
            }
        }
    }

    /// Serves one client until its connection ends: how it does so is the client's own business.
    async fn attend(self, stream: Box<dyn Stream>) {
        let (mut reader, mut writer) = split(stream);
        let client = self.hub.join();
        let stalled = || {
            if self.hub.give_up(client.number) {
                tell(
                    "IOPub: a client that reads nothing was given up, for others wait; when it reads again, \
                     it is connected anew",
                );
            }
        };
        tokio::select! {
            _ = self.listen(client.number, &mut reader) => {}
            _ = client.outbox.feed(&mut writer, PATIENCE, stalled) => {}
        }
    }

    async fn listen(&self, number: u64, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        while let Some(wish) = zmtp::read(reader).await? {
            match wish.as_slice() {
                [wish] if wish.first() == Some(&1) => {
                    let topic = wish.slice(1..);
                    let welcome = self.welcome(&topic);
                    self.hub.subscribe(number, topic, welcome);
                }
                [wish] if wish.first() == Some(&0) => self.hub.unsubscribe(number, &wish[1..]),
                _ => {}
            }
        }
        Ok(())
    }

    /// What tells a client that its subscription has taken effect: what is published from here on reaches it.
    fn welcome(&self, topic: &Bytes) -> Option<Bytes> {
        let content = json!({"subscription": String::from_utf8_lossy(topic)});
        let (none, first) = (Parent::default(), [topic.clone()]);
        let message = self
            .signer
            .write(&first, "iopub_welcome", &none, &Map::new(), &content, &[]);
        message.ok().map(|message| zmtp::encode(&message))
    }
}

/// A message on its way. Clones share the bytes.
#[derive(Clone, Debug)]
struct Message {
    topic: Bytes,
    bytes: Bytes,
}

impl Message {
    fn new(topic: Bytes, message: &[Bytes]) -> Message {
        Message {
            topic,
            bytes: zmtp::encode(message),
        }
    }
}

/// The place of the first client before it is there.
const KEPT: u64 = 0;

/// All clients.
#[derive(Debug)]
struct Hub {
    clients: Mutex<Clients>,
    /// Something has been written, or a client has gone.
    progress: Arc<Notify>,
}

#[derive(Debug)]
struct Clients {
    known: BTreeMap<u64, Client>,
    last: u64,
}

#[derive(Debug)]
struct Client {
    topics: Vec<Bytes>,
    outbox: Arc<Outbox>,
}

impl Clients {
    fn any(&self, is: impl Fn(&Outbox) -> bool) -> bool {
        self.known.values().any(|client| is(&client.outbox))
    }
}

impl Hub {
    fn new() -> Hub {
        let progress = Arc::new(Notify::new());
        let kept = Client {
            topics: vec![Bytes::new()],
            outbox: Outbox::new(QUEUE_BYTES, &progress),
        };
        Hub {
            clients: Mutex::new(Clients {
                known: BTreeMap::from([(KEPT, kept)]),
                last: KEPT,
            }),
            progress,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until that is so.
    async fn until(&self, is: impl Fn(&Clients) -> bool) {
        loop {
            // From here on no progress is missed.
            let progress = self.progress.notified();
            if is(&self.lock()) {
                return;
            }
            progress.await;
        }
    }

    fn hand_out(&self, message: &Message) {
        for client in self.lock().known.values() {
            if client.topics.iter().any(|topic| message.topic.starts_with(topic)) {
                client.outbox.push(message.bytes.clone());
            }
        }
    }

    fn join(&self) -> Connected<'_> {
        let outbox = Outbox::new(QUEUE_BYTES, &self.progress);
        let mut clients = self.lock();
        clients.last += 1;
        let number = clients.last;
        let client = Client {
            topics: Vec::new(),
            outbox: Arc::clone(&outbox),
        };
        clients.known.insert(number, client);
        Connected {
            hub: self,
            number,
            outbox,
        }
    }

    fn leave(&self, number: u64) {
        let left = self.lock().known.remove(&number);
        if let Some(client) = left {
            client.outbox.close();
        }
    }

    fn subscribe(&self, number: u64, topic: Bytes, welcome: Option<Bytes>) {
        let mut clients = self.lock();
        let kept = clients.known.remove(&KEPT);
        let Some(client) = clients.known.get_mut(&number) else {
            return;
        };
        client.topics.push(topic);
        welcome
            .into_iter()
            .for_each(|welcome| client.outbox.push(welcome));
        if let Some(kept) = kept {
            client.outbox.take_over(&kept.outbox);
            kept.outbox.close();
        }
    }

    fn unsubscribe(&self, number: u64, topic: &[u8]) {
        if let Some(client) = self.lock().known.get_mut(&number)
            && let Some(at) = client.topics.iter().position(|other| other == topic)
        {
            client.topics.remove(at);
        }
    }

    /// Gives a client up if it is that for which the others wait.
    fn give_up(&self, number: u64) -> bool {
        let clients = self.lock();
        let waits = |client: &Client| {
            !client.topics.is_empty() && !client.outbox.is_closed() && !client.outbox.is_full()
        };
        let others_wait = clients
            .known
            .iter()
            .any(|(other, client)| *other != number && waits(client));
        match clients.known.get(&number) {
            Some(client) if others_wait && client.outbox.is_full() => {
                client.outbox.close();
                true
            }
            _ => false,
        }
    }
}

/// A client for as long as its connection is served.
struct Connected<'a> {
    hub: &'a Hub,
    number: u64,
    outbox: Arc<Outbox>,
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.hub.leave(self.number);
    }
}
