//! The connection to debugpy: requests and their responses, and events, in the framing of the Debug Adapter Protocol.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

/// More than this is no message of debugpy.
const LONGEST: usize = 256 << 20;

/// A handle on the connection.
#[derive(Clone)]
pub(super) struct Adapter(Arc<Shared>);

struct Shared {
    port: u16,
    next: AtomicI64,
    there: AtomicBool,
    waiting: Mutex<HashMap<i64, oneshot::Sender<Value>>>,
    requests: mpsc::UnboundedSender<Option<Value>>,
    ready: watch::Sender<bool>,
}

impl Adapter {
    /// Connects to debugpy; `tell` gets its events.
    pub(super) async fn connect(
        port: u16,
        tell: impl Fn(Value) + Send + Sync + 'static,
    ) -> io::Result<Adapter> {
        let (reader, writer) = TcpStream::connect(("127.0.0.1", port)).await?.into_split();
        let (requests, queue) = mpsc::unbounded_channel();
        let adapter = Adapter(Arc::new(Shared {
            port,
            next: AtomicI64::new(1),
            there: AtomicBool::new(true),
            waiting: Mutex::default(),
            requests,
            ready: watch::Sender::new(false),
        }));
        tokio::spawn(write(writer, queue));
        tokio::spawn(adapter.clone().read(BufReader::new(reader), tell));
        Ok(adapter)
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port
    }

    /// Whether debugpy is still there.
    pub(super) fn is_there(&self) -> bool {
        self.0.there.load(Ordering::Relaxed)
    }

    /// Becomes true when debugpy takes breakpoints.
    pub(super) fn ready(&self) -> watch::Receiver<bool> {
        self.0.ready.subscribe()
    }

    /// Ends the connection.
    pub(super) fn close(&self) {
        let _ = self.0.requests.send(None);
    }

    /// Asks at once; the response's body may be waited for later.
    pub(super) fn ask(
        &self,
        command: &str,
        arguments: Value,
    ) -> impl Future<Output = Result<Value, String>> + use<> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (sender, response) = oneshot::channel();
        self.waiting().insert(number, sender);
        let request = json!({"seq": number, "type": "request", "command": command, "arguments": arguments});
        let _ = self.0.requests.send(Some(request));
        if !self.is_there() {
            self.waiting().clear();
        }
        async {
            let mut response = response.await.map_err(|_| "debugpy has gone".to_owned())?;
            match response["success"] == true {
                true => Ok(response["body"].take()),
                false => Err(response["message"]
                    .as_str()
                    .unwrap_or("debugpy refuses")
                    .to_owned()),
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<i64, oneshot::Sender<Value>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(self, mut reader: BufReader<OwnedReadHalf>, tell: impl Fn(Value)) {
        while let Ok(message) = receive(&mut reader).await {
            match message["type"].as_str() {
                Some("response") => {
                    let waiting = message["request_seq"]
                        .as_i64()
                        .and_then(|seq| self.waiting().remove(&seq));
                    if let Some(sender) = waiting {
                        let _ = sender.send(message);
                    }
                }
                Some("event") => {
                    if message["event"] == "initialized" {
                        self.0.ready.send_replace(true);
                    }
                    tell(message);
                }
                // Requests to clients (to start a terminal, say) are not for notebooks.
                _ => {}
            }
        }
        self.0.there.store(false, Ordering::Relaxed);
        self.waiting().clear();
        self.close();
    }
}

/// Writes what is asked, until the connection ends.
async fn write(mut writer: OwnedWriteHalf, mut queue: mpsc::UnboundedReceiver<Option<Value>>) {
    while let Some(Some(request)) = queue.recv().await {
        let body = request.to_string();
        let message = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        if writer.write_all(message.as_bytes()).await.is_err() {
            break;
        }
    }
    let _ = writer.shutdown().await;
}

async fn receive(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse::<usize>().ok();
            }
            Some(_) => {}
            None => break,
        }
    }
    let length = length.filter(|length| *length <= LONGEST);
    let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    reader.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}
