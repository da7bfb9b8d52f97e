//! The shell channel: requests in the order in which they came.
//!
//! Cells run one after the other. Questions (completion, documentation, history) are answered while a cell runs:
//! a client that waits for the end of a long cell to show a completion has stopped wanting it.

use std::sync::{Arc, PoisonError};

use serde_json::json;
use tokio::sync::mpsc;

use crate::iopub::State;
use crate::kernel::Kernel;
use crate::message::Message;
use crate::sockets::{Incoming, Outgoing};
use crate::{cell, comm, questions, tell};

/// Takes requests in; those that run code go to the queue.
pub(crate) async fn serve(
    kernel: Arc<Kernel>,
    shell: Outgoing,
    mut requests: Incoming,
    queue: mpsc::UnboundedSender<Message>,
) {
    loop {
        let request = requests.next().await;
        match request.header.msg_type.as_str() {
            "execute_request" | "comm_open" | "comm_msg" | "comm_close" => drop(queue.send(request)),
            _ => {
                tokio::spawn(question(Arc::clone(&kernel), shell.clone(), request));
            }
        }
    }
}

/// Runs what is queued.
pub(crate) async fn work(
    kernel: Arc<Kernel>,
    shell: Outgoing,
    stdin: Outgoing,
    mut queue: mpsc::UnboundedReceiver<Message>,
) {
    while let Some(request) = queue.recv().await {
        if request.header.msg_type != "execute_request" {
            comm::deliver(&kernel, &stdin, &request).await;
            continue;
        }
        for waiting in cell::execute(&kernel, &shell, &stdin, &request, &mut queue).await {
            if waiting.header.msg_type == "execute_request" {
                let content = json!({"status": "aborted"});
                around(&kernel, &waiting, shell.send(&waiting, "execute_reply", &content)).await;
            } else {
                comm::deliver(&kernel, &stdin, &waiting).await;
            }
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
    // Clients take the last word for the kernel's: a cell that runs is not over.
    let running = {
        let running = kernel.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(|running| running.request.parent.clone())
    };
    if let Some(parent) = running {
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
