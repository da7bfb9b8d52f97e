//! Subshells (JEP 91): cells and comms that run beside the main shell's. Each has a queue of its own, and its place in
//! the session. The main shell is the one without an id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bridge_core::session::MAIN;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::kernel::Kernel;
use crate::message::Message;
use crate::shell;
use crate::sockets::Outgoing;

/// The queues of a kernel.
pub(crate) struct Subshells {
    shell: Outgoing,
    stdin: Outgoing,
    open: Mutex<BTreeMap<Option<String>, Subshell>>,
}

struct Subshell {
    /// Its number in the session.
    number: u64,
    queue: mpsc::UnboundedSender<Message>,
}

impl Subshells {
    /// None yet, not even the main shell: see [`Subshells::start`].
    pub(crate) fn new(shell: Outgoing, stdin: Outgoing) -> Subshells {
        Subshells {
            shell,
            stdin,
            open: Mutex::default(),
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<Option<String>, Subshell>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the subshell that a request names in its header, if it is there.
    pub(crate) fn of(&self, request: &Message) -> Option<u64> {
        let open = self.open();
        open.get(&request.header.subshell_id)
            .map(|subshell| subshell.number)
    }

    /// Puts a request into the queue of its subshell; gives it back where that is not there.
    pub(crate) fn push(&self, request: Message) -> Option<Message> {
        match self.open().get(&request.header.subshell_id) {
            Some(subshell) => subshell.queue.send(request).err().map(|back| back.0),
            None => Some(request),
        }
    }
}

/// Starts to serve the main shell.
pub(crate) fn start(kernel: &Arc<Kernel>) {
    add(kernel, None, MAIN);
}

fn add(kernel: &Arc<Kernel>, id: Option<String>, number: u64) {
    let (queue, requests) = mpsc::unbounded_channel();
    let subshells = &kernel.subshells;
    let (shell, stdin) = (subshells.shell.clone(), subshells.stdin.clone());
    tokio::spawn(shell::work(Arc::clone(kernel), shell, stdin, number, requests));
    subshells.open().insert(id, Subshell { number, queue });
}

/// The content of the answer to a request that creates, deletes or lists them.
pub(crate) fn answer(kernel: &Arc<Kernel>, request: &Message) -> Value {
    match request.header.msg_type.as_str() {
        "create_subshell_request" => create(kernel),
        "delete_subshell_request" => delete(kernel, request),
        _ => list(kernel),
    }
}

fn create(kernel: &Arc<Kernel>) -> Value {
    let id = uuid::Uuid::new_v4().to_string();
    add(kernel, Some(id.clone()), kernel.session.open_subshell());
    json!({"status": "ok", "subshell_id": id})
}

/// The cell that runs there is stopped, and what waits is answered with an error.
fn delete(kernel: &Kernel, request: &Message) -> Value {
    #[derive(Deserialize)]
    struct Delete {
        subshell_id: String,
    }
    let id = match request.content() {
        Ok(Delete { subshell_id }) => Some(subshell_id),
        Err(problem) => return error("InvalidRequest", &problem),
    };
    let removed = kernel.subshells.open().remove(&id);
    match removed {
        Some(subshell) => {
            kernel.session.close_subshell(subshell.number);
            json!({"status": "ok"})
        }
        None => unknown(id.as_deref()),
    }
}

fn list(kernel: &Kernel) -> Value {
    let open = kernel.subshells.open();
    let ids: Vec<&String> = open.keys().flatten().collect();
    json!({"status": "ok", "subshell_id": ids})
}

/// The content of the answer to a request for a subshell that is not there.
pub(crate) fn unknown(id: Option<&str>) -> Value {
    let id = id.unwrap_or_default();
    let problem = format!("no subshell has the id {id:?}: it was deleted, or belongs to another kernel");
    error("UnknownSubshell", &problem)
}

fn error(ename: &str, evalue: &str) -> Value {
    json!({"status": "error", "ename": ename, "evalue": evalue, "traceback": []})
}
