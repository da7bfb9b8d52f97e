//! The control channel: served at once, whatever a cell is doing.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::kernel::Kernel;
use crate::shell::{around, question};
use crate::sockets::{Incoming, Outgoing};

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
                kernel.session.interrupt();
                let content: Value = json!({"status": "ok"});
                around(&kernel, &request, async {
                    control.send(&request, "interrupt_reply", &content).await;
                })
                .await;
            }
            _ => {
                tokio::spawn(question(Arc::clone(&kernel), control.clone(), request));
            }
        }
    }
}
