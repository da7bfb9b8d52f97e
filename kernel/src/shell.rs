//! The shell channel: requests in the order in which they came.
//!
//! Cells run one after the other, in each subshell. Questions (completion, documentation, history) are answered while a cell runs:
//! a client that waits for the end of a long cell to show a completion has stopped wanting it.

use std::sync::Arc;

use bridge_core::session::MAIN;
use serde_json::json;
use tokio::sync::mpsc;

use crate::iopub::State;
use crate::kernel::Kernel;
use crate::message::Message;
use crate::sockets::{Incoming, Outgoing};
use crate::{cell, comm, questions, subshells, tell, variables};

/// Takes requests in; those that run code go to the queue.
pub(crate) async fn serve(kernel: Arc<Kernel>, shell: Outgoing, mut requests: Incoming) {
    loop {
        let request = requests.next().await;
        let refused = match request.header.msg_type.as_str() {
            "execute_request" => kernel.subshells.push(request),
            "comm_open" | "comm_msg" | "comm_close" => {
                variables::take(&kernel, request).and_then(|request| kernel.subshells.push(request))
            }
            _ if kernel.subshells.of(&request).is_none() => Some(request),
            _ => {
                tokio::spawn(question(Arc::clone(&kernel), shell.clone(), request));
                None
            }
        };
        if let Some(request) = refused {
            tokio::spawn(refuse(Arc::clone(&kernel), shell.clone(), request));
        }
    }
}

/// Answers a request for a subshell that is not there. Comms have no answer, but their clients wait for the idle.
async fn refuse(kernel: Arc<Kernel>, shell: Outgoing, request: Message) {
    around(&kernel, &request, async {
        let content = subshells::unknown(request.header.subshell_id.as_deref());
        match reply_type(&request.header.msg_type) {
            Some(msg_type) => shell.send(&request, &msg_type, &content).await,
            None => tell(&format!("a {}: {}", request.header.msg_type, content["evalue"])),
        }
    })
    .await;
    still_busy(&kernel);
}

/// Runs what is queued in a subshell.
pub(crate) async fn work(
    kernel: Arc<Kernel>,
    shell: Outgoing,
    stdin: Outgoing,
    subshell: u64,
    mut queue: mpsc::UnboundedReceiver<Message>,
) {
    while let Some(request) = queue.recv().await {
        let aborted = match request.header.msg_type.as_str() {
            "execute_request" => cell::execute(&kernel, &shell, &stdin, subshell, &request, &mut queue).await,
            _ => {
                comm::deliver(&kernel, &stdin, subshell, &request).await;
                Vec::new()
            }
        };
        for waiting in aborted {
            if waiting.header.msg_type == "execute_request" {
                let content = json!({"status": "aborted"});
                around(&kernel, &waiting, shell.send(&waiting, "execute_reply", &content)).await;
            } else {
                comm::deliver(&kernel, &stdin, subshell, &waiting).await;
            }
        }
        if subshell != MAIN {
            still_busy(&kernel);
        }
    }
}

/// Answers a request that runs no code of the user, between the words busy and idle.
pub(crate) async fn question(kernel: Arc<Kernel>, channel: Outgoing, request: Message) {
    let Some(msg_type) = reply_type(&request.header.msg_type) else {
        return tell(&format!(
            "a message of type {:?} is not known",
            request.header.msg_type
        ));
    };
    around(&kernel, &request, async {
        let content = match questions::answer(&kernel, &request).await {
            Ok(content) => content,
            Err(problem) => json!({
                "status": "error", "ename": "InvalidRequest", "evalue": problem, "traceback": [],
            }),
        };
        channel.send(&request, &msg_type, &content).await;
    })
    .await;
    still_busy(&kernel);
}

/// Clients take the last word for the kernel's: a cell of the main shell that runs is not over.
pub(crate) fn still_busy(kernel: &Kernel) {
    let parent = {
        let running = kernel.running();
        let main = running.iter().find(|running| running.subshell == MAIN);
        main.map(|running| running.request.parent.clone())
    };
    if let Some(parent) = parent {
        kernel.iopub.state(&parent, State::Busy);
    }
}

/// Says busy before and idle after, as around every request.
pub(crate) async fn around(kernel: &Kernel, request: &Message, work: impl Future<Output = ()>) {
    kernel.iopub.state(&request.parent, State::Busy);
    work.await;
    kernel.iopub.state(&request.parent, State::Idle);
}

fn reply_type(request: &str) -> Option<String> {
    request
        .strip_suffix("_request")
        .map(|what| format!("{what}_reply"))
}
