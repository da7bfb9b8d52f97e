//! Where the children connect.

use std::os::unix::net::UnixListener as StdListener;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::connection::{self, Connection};
use super::{Directory, Lost};
use crate::error::{Error, Result};
use crate::wire::{Failure, Hello, Message, Peer, Role};

/// Who connects says hello within this time.
const HELLO_TIME: Duration = Duration::from_secs(10);

/// Binds the socket that children connect to. Before a runtime is there, so that its caller hears of failures.
pub(crate) fn bind(directory: &Directory) -> Result<StdListener> {
    let path = directory.host_socket();
    let listener = StdListener::bind(&path).map_err(|error| Error::file("cannot listen on", &path, error))?;
    listener
        .set_nonblocking(true)
        .map_err(|error| Error::file("cannot listen on", &path, error))?;
    Ok(listener)
}

/// Accepts connections for ever, greets them, and hands them over. A connection that goes wrong ends alone.
pub(crate) async fn accept(listener: UnixListener, connections: mpsc::UnboundedSender<Connection>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connections = connections.clone();
                spawn_local(async move {
                    if let Ok(Some(connection)) = tokio::time::timeout(HELLO_TIME, greet(stream)).await {
                        let _ = connections.send(connection);
                    }
                });
            }
            // Such as too many open files: what was closed meanwhile makes room.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn greet(stream: UnixStream) -> Option<Connection> {
    let same_user = stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == rustix::process::getuid().as_raw());
    if !same_user {
        return None;
    }
    let (mut reader, writer) = connection::split(stream);
    let refuse = |failure| {
        // The connection may be gone already.
        let _ = writer.send(&Message::Error { id: 0, failure });
        None
    };
    let hello = match reader.next().await {
        Ok(Ok(Message::Hello(hello))) => hello,
        Ok(Ok(_)) => return refuse(Failure::bridge("bad_message", "a connection starts with a hello")),
        Ok(Err(malformed)) => return refuse(Failure::bridge("bad_message", malformed.to_string())),
        Err(Lost::Frame(error)) => return refuse(Failure::bridge("bad_message", error.to_string())),
        Err(_) => return None,
    };
    if let Err(error) = hello.check_version() {
        return refuse(Failure::Bridge {
            reason: "version".into(),
            message: error.to_string(),
            hint: Some("all parts of snakebridge must come from one release".into()),
        });
    }
    if hello.peer == Peer::Host
        || (hello.role == Role::Control && hello.peer == Peer::Worker && hello.socket.is_none())
    {
        return refuse(Failure::bridge(
            "bad_message",
            "the host takes workers, which listen, and BEAMs",
        ));
    }
    writer
        .send(&Message::Hello(Hello::new(
            Peer::Host,
            hello.role,
            std::process::id(),
        )))
        .ok()?;
    Some(Connection {
        hello,
        reader,
        writer,
    })
}
