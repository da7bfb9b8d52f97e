//! The kernel's sockets: bound before anything else is started; requests that come in, and the way back to a client.
//!
//! What a client does to its connection is its own business: it ends that connection, and nothing else.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Map;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, split};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use crate::connection::ConnectionInfo;
use crate::error::{Error, Result};
use crate::message::{Message, Seen, Signer};
use crate::outbox::Outbox;
use crate::tell;
use crate::zmtp::{self, SocketType};

/// How long a peer may take to say that it is one.
const GREETING_TIME: Duration = Duration::from_secs(10);

/// After a connection could not be taken, as when too many files are open.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// How many requests of a channel are read ahead.
const READ_AHEAD: usize = 64;

/// How much may wait for a client that does not read its answers; what comes then is dropped, as ZeroMQ's ROUTER does.
const ANSWERS_BYTES: usize = 256 << 20;

/// How often a client that does not read its answers is thought of.
const PATIENCE: Duration = Duration::from_secs(60);

/// All five, bound.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) shell: Listener,
    pub(crate) control: Listener,
    pub(crate) stdin: Listener,
    pub(crate) iopub: Listener,
    pub(crate) heartbeat: Listener,
}

impl Sockets {
    /// Binds them all.
    pub(crate) async fn bind(info: &ConnectionInfo) -> Result<Sockets> {
        remove_files(info);
        Ok(Sockets {
            shell: Listener::bind(info, info.shell_port).await?,
            control: Listener::bind(info, info.control_port).await?,
            stdin: Listener::bind(info, info.stdin_port).await?,
            iopub: Listener::bind(info, info.iopub_port).await?,
            heartbeat: Listener::bind(info, info.hb_port).await?,
        })
    }
}

/// Removes what the sockets of `ipc` leave in the file system, before the start and at the end: a kernel that was killed
/// is started again at the same paths.
pub(crate) fn remove_files(info: &ConnectionInfo) {
    for port in info.ports() {
        let endpoint = info.endpoint(port);
        let Some(path) = endpoint.strip_prefix("ipc://") else {
            return;
        };
        // Anything else was not made by a kernel.
        if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Where clients connect.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

/// A connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Listener {
    async fn bind(info: &ConnectionInfo, port: u16) -> Result<Listener> {
        let endpoint = info.endpoint(port);
        let address = endpoint.split_once("://").map_or("", |(_, address)| address);
        let bound = match info.transport.as_str() {
            "ipc" => UnixListener::bind(address).map(Listener::Ipc),
            // What ZeroMQ calls all interfaces.
            _ => TcpListener::bind(address.replace('*', "0.0.0.0"))
                .await
                .map(Listener::Tcp),
        };
        bound.map_err(|error| Error::Bind {
            endpoint,
            problem: error.to_string(),
        })
    }

    async fn next(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Small messages are not to wait for others.
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Listener::Ipc(listener) => Ok(Box::new(listener.accept().await?.0)),
        }
    }

    /// Greets peers, and has each attended to in a task of its own, under the identity that it has given.
    pub(crate) async fn serve<F>(
        self,
        name: &'static str,
        own: SocketType,
        attend: impl Fn(Box<dyn Stream>, Bytes) -> F + Clone + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        loop {
            let mut stream = match self.next().await {
                Ok(stream) => stream,
                Err(error) => {
                    tell(&format!("{name}: {error}"));
                    sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            let attend = attend.clone();
            tokio::spawn(async move {
                match timeout(GREETING_TIME, zmtp::greet(&mut stream, own)).await {
                    Ok(Ok(identity)) => attend(stream, identity).await,
                    Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                        tell(&format!("{name}: a connection was refused: {error}"));
                    }
                    // It only looked whether somebody listens.
                    Ok(Err(_)) | Err(_) => {}
                }
            });
        }
    }
}

/// Tells of a connection that has ended in another way than being closed.
fn ended(name: &str, end: &io::Result<()>) {
    if let Err(error) = end
        && error.kind() == io::ErrorKind::InvalidData
    {
        tell(&format!("{name}: a connection was closed: {error}"));
    }
}

/// Answers heartbeats with what they hold, for as long as the kernel lives.
pub(crate) async fn beat(listener: Listener) {
    let echo = async |mut stream: Box<dyn Stream>| -> io::Result<()> {
        while let Some(message) = zmtp::read(&mut stream).await? {
            stream.write_all(&zmtp::encode(&message)).await?;
        }
        Ok(())
    };
    let attend = move |stream, _| async move { ended("heartbeat", &echo(stream).await) };
    listener.serve("heartbeat", SocketType::Reply, attend).await;
}

/// The clients of a channel, by the identities under which their requests come and their answers go.
#[derive(Debug)]
struct Router {
    name: &'static str,
    clients: Mutex<Clients>,
    /// Something has been written, or a client has gone.
    progress: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Clients {
    known: HashMap<Bytes, Arc<Outbox>>,
    last: u32,
}

impl Router {
    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client that comes again under its identity takes the place of its old connection.
    fn join(&self, identity: Bytes) -> Connected<'_> {
        let outbox = Outbox::new(ANSWERS_BYTES, &self.progress);
        let mut clients = self.lock();
        let identity = if identity.is_empty() {
            clients.last = clients.last.wrapping_add(1);
            // Those that clients choose do not start so.
            Bytes::from([&[0], clients.last.to_be_bytes().as_slice()].concat())
        } else {
            identity
        };
        clients.known.insert(identity.clone(), Arc::clone(&outbox));
        Connected {
            router: self,
            identity,
            outbox,
        }
    }

    async fn attend(&self, stream: Box<dyn Stream>, identity: Bytes, requests: &mpsc::Sender<Vec<Bytes>>) {
        let client = self.join(identity);
        let (reader, mut writer) = split(stream);
        let mut reader = BufReader::new(reader);
        let read = async {
            while let Some(mut message) = zmtp::read(&mut reader).await? {
                message.insert(0, client.identity.clone());
                if requests.send(message).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        let end = tokio::select! {
            end = read => end,
            end = client.outbox.feed(&mut writer, PATIENCE, || ()) => end,
        };
        ended(self.name, &end);
    }
}

/// A client for as long as its connection is served.
struct Connected<'a> {
    router: &'a Router,
    identity: Bytes,
    outbox: Arc<Outbox>,
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        let known = &mut self.router.lock().known;
        if known
            .get(&self.identity)
            .is_some_and(|outbox| Arc::ptr_eq(outbox, &self.outbox))
        {
            known.remove(&self.identity);
        }
        self.outbox.close();
    }
}

/// Where requests of a channel arrive.
#[derive(Debug)]
pub(crate) struct Incoming {
    name: &'static str,
    requests: mpsc::Receiver<Vec<Bytes>>,
    signer: Arc<Signer>,
    seen: Seen,
}

/// The way back to the clients of a channel.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    router: Arc<Router>,
    signer: Arc<Signer>,
}

/// A channel's two directions.
pub(crate) fn channel(name: &'static str, listener: Listener, signer: &Arc<Signer>) -> (Outgoing, Incoming) {
    let router = Arc::new(Router {
        name,
        clients: Mutex::default(),
        progress: Arc::default(),
    });
    let (sender, requests) = mpsc::channel(READ_AHEAD);
    let of = Arc::clone(&router);
    let attend = move |stream, identity| {
        let (router, sender) = (Arc::clone(&of), sender.clone());
        async move { router.attend(stream, identity, &sender).await }
    };
    tokio::spawn(listener.serve(name, SocketType::Router, attend));
    (
        Outgoing {
            router,
            signer: Arc::clone(signer),
        },
        Incoming {
            name,
            requests,
            signer: Arc::clone(signer),
            seen: Seen::default(),
        },
    )
}

impl Incoming {
    /// The next message that can be read. What cannot is told and passed over.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            let Some(frames) = self.requests.recv().await else {
                // Only the end of the kernel ends who listens.
                std::future::pending::<()>().await;
                continue;
            };
            match self.signer.read(frames, &mut self.seen) {
                Ok(message) => return message,
                Err(refused) => tell(&format!("{}: a message was refused: {refused}", self.name)),
            }
        }
    }
}

impl Outgoing {
    /// Answers a request, or asks its client something. A client that has gone is passed over.
    #[expect(
        clippy::unused_async,
        reason = "who answers does not care whether that takes time"
    )]
    pub(crate) async fn send(&self, to: &Message, msg_type: &str, content: &impl Serialize) {
        self.send_as(Outgoing::id(), to, msg_type, content);
    }

    /// An id for a message.
    pub(crate) fn id() -> String {
        uuid::Uuid::new_v4().to_string()
    }

    /// The same, under an id by which the answer is known.
    pub(crate) fn send_as(&self, id: String, to: &Message, msg_type: &str, content: &impl Serialize) {
        let name = self.router.name;
        let parts = (&to.parent, &Map::new());
        let message = self
            .signer
            .write_as(id, &to.identities, msg_type, parts, content, &[]);
        let message = match message {
            Ok(message) => message,
            Err(error) => return tell(&format!("{name}: a {msg_type} cannot be written: {error}")),
        };
        let Some((identity, message)) = message.split_first() else {
            return;
        };
        let outbox = self.router.lock().known.get(identity).cloned();
        match outbox {
            Some(outbox) if outbox.is_full() => tell(&format!(
                "{name}: a {msg_type} was dropped, for its client does not read what it has"
            )),
            Some(outbox) => outbox.push(zmtp::encode(message)),
            None => tell(&format!("{name}: the client that a {msg_type} is for has gone")),
        }
    }

    /// Waits until all that was sent is with the system, which sees to it that it arrives.
    pub(crate) async fn flush(&self) {
        loop {
            // From here on no progress is missed.
            let progress = self.router.progress.notified();
            if self.router.lock().known.values().all(|outbox| outbox.is_empty()) {
                return;
            }
            progress.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zeromq::{DealerSocket, ReqSocket, Socket, SocketRecv, SocketSend, SubSocket, ZmqMessage};

    use super::*;
    use crate::iopub::{IoPub, State};
    use crate::message::Parent;

    async fn connected<S: Socket>(info: &ConnectionInfo, port: u16) -> S {
        let mut socket = S::new();
        socket.connect(&info.endpoint(port)).await.unwrap();
        socket
    }

    /// Another implementation of ZeroMQ than those of the tests' other clients.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn clients_of_another_zeromq_are_served() {
        let folder = tempfile::tempdir().unwrap();
        let info: ConnectionInfo = serde_json::from_value(json!({
            "transport": "ipc", "ip": folder.path().join("k"), "key": "key",
            "shell_port": 1, "control_port": 2, "stdin_port": 3, "iopub_port": 4, "hb_port": 5,
        }))
        .unwrap();
        let sockets = Sockets::bind(&info).await.unwrap();
        let signer = Arc::new(Signer::new(&info.key));
        let iopub = IoPub::start(sockets.iopub, Arc::clone(&signer));
        let (outgoing, mut incoming) = channel("shell", sockets.shell, &signer);
        tokio::spawn(beat(sockets.heartbeat));

        let mut heartbeat: ReqSocket = connected(&info, info.hb_port).await;
        heartbeat.send(ZmqMessage::from("ping")).await.unwrap();
        assert_eq!(heartbeat.recv().await.unwrap().get(0).unwrap(), "ping");

        let mut subscriber: SubSocket = connected(&info, info.iopub_port).await;
        subscriber.subscribe("").await.unwrap();
        iopub.state(&Parent::default(), State::Starting);
        let welcome = subscriber.recv().await.unwrap();
        assert!(String::from_utf8_lossy(welcome.get(3).unwrap()).contains("iopub_welcome"));
        let status = subscriber.recv().await.unwrap();
        assert!(status.get(0).unwrap().ends_with(b".status"));

        let mut dealer: DealerSocket = connected(&info, info.shell_port).await;
        let none = Map::new();
        let request = signer.write(&[], "kernel_info_request", &Parent::default(), &none, &none, &[]);
        let request = std::collections::VecDeque::from(request.unwrap());
        dealer
            .send(ZmqMessage::try_from(request.clone()).unwrap())
            .await
            .unwrap();
        // A message is taken once.
        dealer.send(ZmqMessage::try_from(request).unwrap()).await.unwrap();
        let request = incoming.next().await;
        let large = json!({"text": "x".repeat(3 << 20)});
        outgoing.send(&request, "kernel_info_reply", &large).await;
        let reply = dealer.recv().await.unwrap();
        assert_eq!(reply.get(5).unwrap(), &serde_json::to_vec(&large).unwrap());

        drop(dealer);
        timeout(Duration::from_secs(20), async {
            while !outgoing.router.lock().known.is_empty() {
                outgoing.router.progress.notified().await;
            }
            outgoing.flush().await;
            iopub.flush().await;
        })
        .await
        .unwrap();
        remove_files(&info);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
