//! Comms: messages between objects of Python and their views in a front end. The kernel carries them, knows which are
//! open, and closes them when Python cannot any more.

use std::sync::Arc;

use bridge_core::session::{CellRequest, ChildState, Comm, CommKind};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::kernel::Kernel;
use crate::message::{Message, Parent};
use crate::shell::around;
use crate::sockets::Outgoing;
use crate::{cell, tell, variables};

/// A comm message of a client.
#[derive(Deserialize)]
struct Content<'a> {
    comm_id: String,
    target_name: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Delivers a client's message to Python. There is no reply; what it makes Python do is shown as of a cell.
pub(crate) async fn deliver(kernel: &Kernel, stdin: &Outgoing, subshell: u64, request: &Message) {
    let kind = match request.header.msg_type.as_str() {
        "comm_open" => CommKind::Open,
        "comm_close" => CommKind::Close,
        _ => CommKind::Message,
    };
    let content: Content<'_> = match request.content() {
        Ok(content) => content,
        Err(problem) => return tell(&problem),
    };
    let comm = Comm {
        kind,
        id: content.comm_id,
        target: content.target_name,
        data: content.data.map_or("{}", RawValue::get).to_owned(),
        metadata: Value::Object(request.metadata.clone()).to_string(),
        buffers: request.buffers.iter().map(|buffer| buffer.to_vec()).collect(),
    };
    note(kernel, &comm);
    around(kernel, request, async {
        let mut delivery = CellRequest::comm(comm);
        delivery.parent = request.parent.text().map(str::to_owned);
        delivery.subshell = subshell;
        cell::run(kernel, stdin, request, delivery, "").await;
    })
    .await;
}

/// Publishes a message that Python sends to its views.
pub(crate) async fn publish(kernel: &Kernel, parent: &Parent, comm: Comm) {
    note(kernel, &comm);
    let raw = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| json!({}));
    let mut content = json!({"comm_id": comm.id, "data": raw(&comm.data)});
    let msg_type = match comm.kind {
        CommKind::Open => {
            content["target_name"] = comm.target.into();
            "comm_open"
        }
        CommKind::Message => "comm_msg",
        CommKind::Close => "comm_close",
    };
    let metadata = match raw(&comm.metadata) {
        Value::Object(metadata) => metadata,
        _ => Map::new(),
    };
    let buffers: Vec<Bytes> = comm.buffers.into_iter().map(Bytes::from).collect();
    kernel
        .iopub
        .publish_with(parent, msg_type, &metadata, content, &buffers)
        .await;
}

/// Tells clients that a comm is no more, where nobody in Python does.
pub(crate) async fn publish_close(kernel: &Kernel, parent: &Parent, id: &str) {
    let content = json!({"comm_id": id, "data": {}});
    kernel.iopub.publish(parent, "comm_close", content).await;
}

/// Closes the comms of each Python that ends, for as long as the kernel lives: what they belonged to is gone. When the
/// kernel itself ends, its clients see that, and keep what they show.
pub(crate) async fn close_with_python(kernel: Arc<Kernel>) {
    let mut children = kernel.session.children();
    let mut up = None;
    loop {
        let now = match children.borrow_and_update().python {
            ChildState::Up { generation, .. } => Some(generation),
            _ => None,
        };
        if up.is_some() && up != now && !kernel.is_ending() {
            let mut closed = Vec::new();
            kernel.comms().retain(|id, target| {
                let stays = target == variables::TARGET;
                if !stays {
                    closed.push(id.clone());
                }
                stays
            });
            let parent = kernel.parent_of(None);
            for id in closed {
                publish_close(&kernel, &parent, &id).await;
            }
        }
        up = now;
        if children.changed().await.is_err() {
            return;
        }
    }
}

fn note(kernel: &Kernel, comm: &Comm) {
    let mut comms = kernel.comms();
    match comm.kind {
        CommKind::Open => {
            let target = comm.target.clone().unwrap_or_default();
            comms.insert(comm.id.clone(), target);
        }
        CommKind::Message => {}
        CommKind::Close => drop(comms.remove(&comm.id)),
    }
}

/// The answer to a `comm_info_request`.
pub(crate) fn info(kernel: &Kernel, request: &Message) -> Result<Value, String> {
    #[derive(Deserialize)]
    struct Wanted {
        target_name: Option<String>,
    }
    let Wanted { target_name } = request.content()?;
    let comms = kernel.comms();
    let wanted = |target: &String| {
        target_name
            .as_ref()
            .is_none_or(|name| name.is_empty() || name == target)
    };
    let found: Map<String, Value> = comms
        .iter()
        .filter(|(_, target)| wanted(target))
        .map(|(id, target)| (id.clone(), json!({"target_name": target})))
        .collect();
    Ok(json!({"status": "ok", "comms": found}))
}
