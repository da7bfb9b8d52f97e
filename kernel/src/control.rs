//! The control channel: served at once, whatever a cell is doing.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::kernel::Kernel;
use crate::shell::{around, question, still_busy};
use crate::sockets::{Incoming, Outgoing};
use crate::subshells;

/// Serves control requests, each by itself.
pub(crate) async fn serve(kernel: Arc<Kernel>, control: Outgoing, mut requests: Incoming) {
    #[derive(Deserialize, Default)]
    struct Shutdown {
        #[serde(default)]
        restart: bool,
    }
    loop {
        let request = requests.next().await;
        match request.header.msg_type.as_str() {
            "shutdown_request" => {
                let Shutdown { restart } = request.content().unwrap_or_default();
                let content = json!({"status": "ok", "restart": restart});
                around(&kernel, &request, async {
                    control.send(&request, "shutdown_reply", &content).await;
                    // Every client learns it.
                    kernel.iopub.tell(&request.parent, "shutdown_reply", &content);
                })
                .await;
                kernel.end();
            }
            "interrupt_request" => {
                let id = request.header.subshell_id.as_deref();
                let mut content: Value = json!({"status": "ok"});
                match id.map(|_| kernel.subshells.of(&request)) {
                    None => kernel.session.interrupt(),
                    Some(Some(subshell)) => kernel.session.interrupt_in(subshell),
                    Some(None) => content = subshells::unknown(id),
                }
                around(&kernel, &request, async {
                    control.send(&request, "interrupt_reply", &content).await;
                })
                .await;
            }
            // In the order in which they came.
            "create_subshell_request" | "delete_subshell_request" | "list_subshell_request" => {
                let content = subshells::answer(&kernel, &request);
                let msg_type = request.header.msg_type.replace("_request", "_reply");
                around(&kernel, &request, control.send(&request, &msg_type, &content)).await;
                still_busy(&kernel);
            }
            _ => {
                tokio::spawn(question(Arc::clone(&kernel), control.clone(), request));
            }
        }
    }
}
