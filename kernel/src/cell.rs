//! A cell's way through the kernel: from an execute request to its events, its reply and what comes late.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use bridge_core::language::Language;
use bridge_core::session::{Bundle, CellRequest, Event, LateEvents, Status, StreamName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::kernel::Kernel;
use crate::message::{Message, Parent};
use crate::shell::around;
use crate::sockets::{Incoming, Outgoing};

/// The number of the first cell that enters no history: far from those that do.
const UNCOUNTED: u64 = 1 << 40;

/// The most text that one stream message carries.
const STREAM_BYTES: usize = 1 << 20;

/// The cell that runs.
pub(crate) struct Running {
    pub(crate) number: u64,
    pub(crate) request: Message,
}

/// What a client asks to be run. Older clients leave things out.
#[derive(Deserialize)]
struct Execute {
    code: String,
    #[serde(default)]
    silent: bool,
    store_history: Option<bool>,
    #[serde(default)]
    user_expressions: Option<BTreeMap<String, String>>,
    #[serde(default = "yes")]
    allow_stdin: bool,
    #[serde(default = "yes")]
    stop_on_error: bool,
}

fn yes() -> bool {
    true
}

/// How a cell ended, as its reply says it.
enum Ending {
    Ok,
    Failed {
        ename: String,
        evalue: String,
        traceback: Vec<String>,
    },
}

/// Runs a cell and answers its request. True when those that wait shall not run any more.
pub(crate) async fn execute(kernel: &Kernel, shell: &Outgoing, stdin: &Outgoing, request: &Message) -> bool {
    let mut stop = false;
    around(kernel, request, async {
        let content = match request.content::<Execute>() {
            Ok(execute) => {
                let (content, failed) = run(kernel, stdin, request, &execute).await;
                stop = failed && execute.stop_on_error;
                content
            }
            Err(problem) => json!({
                "status": "error", "execution_count": kernel.count.load(Ordering::Relaxed),
                "ename": "InvalidRequest", "evalue": problem, "traceback": [],
            }),
        };
        shell.send(request, "execute_reply", &content).await;
    })
    .await;
    stop
}

async fn run(kernel: &Kernel, stdin: &Outgoing, request: &Message, execute: &Execute) -> (Value, bool) {
    let stored = execute.store_history.unwrap_or(true) && !execute.silent;
    let count = match stored {
        true => kernel.count.fetch_add(1, Ordering::Relaxed) + 1,
        false => kernel.count.load(Ordering::Relaxed),
    };
    if !execute.silent {
        let content = json!({"code": execute.code, "execution_count": count});
        kernel
            .iopub
            .publish(&request.parent, "execute_input", content)
            .await;
    }
    let (marked, source) = Language::split_marker(&execute.code);
    let language = marked
        .or_else(|| language_of(&request.metadata))
        .unwrap_or(kernel.language);
    let mut cell = CellRequest::new(language, source);
    cell.silent = execute.silent;
    cell.store_history = stored;
    cell.allow_input = execute.allow_stdin;
    cell.colors = Some(true);
    // What a traceback calls a cell is what stands before it in the notebook.
    cell.number = Some(match stored {
        true => count,
        false => kernel.next_uncounted(UNCOUNTED),
    });
    let ending = if execute.code.trim().is_empty() {
        Ending::Ok
    } else {
        match kernel.session.execute(cell) {
            Ok(cell) => {
                kernel.remember(cell.number, &request.parent);
                kernel.set_running(Some(Running {
                    number: cell.number,
                    request: request.clone(),
                }));
                let ending = follow(kernel, stdin, request, cell, count, execute.silent).await;
                kernel.set_running(None);
                ending
            }
            Err(error) => Ending::Failed {
                ename: "SessionError".to_owned(),
                evalue: error.to_string(),
                traceback: Vec::new(),
            },
        }
    };
    match ending {
        Ending::Ok => {
            let names: Vec<_> = execute.user_expressions.iter().flatten().collect();
            debug_assert!(names.len() < usize::MAX);
            let content = json!({
                "status": "ok", "execution_count": count, "payload": [], "user_expressions": {},
            });
            (content, false)
        }
        Ending::Failed {
            ename,
            evalue,
            traceback,
        } => {
            let content = json!({
                "status": "error", "execution_count": count, "payload": [], "user_expressions": {},
                "ename": ename, "evalue": evalue, "traceback": traceback,
            });
            (content, true)
        }
    }
}

/// The language that a cell's metadata names: our own key, then that of editors.
fn language_of(metadata: &Map<String, Value>) -> Option<Language> {
    let named = |outer: &str, inner: &str| {
        metadata
            .get(outer)?
            .get(inner)?
            .as_str()
            .and_then(Language::from_name)
    };
    named("snakebridge", "language").or_else(|| named("vscode", "languageId"))
}

/// Publishes what a cell does until it ends.
async fn follow(
    kernel: &Kernel,
    stdin: &Outgoing,
    request: &Message,
    mut cell: bridge_core::session::Cell,
    count: u64,
    silent: bool,
) -> Ending {
    let mut ending = Ending::Ok;
    let mut next = cell.events.next().await;
    while let Some(event) = next.take() {
        match event {
            Event::Finished { status, .. } => {
                if status != Status::Ok && matches!(ending, Ending::Ok) {
                    ending = Ending::Failed {
                        ename: "Interrupted".to_owned(),
                        evalue: "the cell was interrupted".to_owned(),
                        traceback: Vec::new(),
                    };
                }
                break;
            }
            Event::Stream { name, mut text } => {
                // What has come meanwhile goes along: a message each would be the dearest part of printing.
                loop {
                    match cell.events.try_next() {
                        Ok(Some(Event::Stream {
                            name: same,
                            text: more,
                        })) if same == name && text.len() < STREAM_BYTES => {
                            text.push_str(&more);
                        }
                        Ok(other) => {
                            next = other;
                            break;
                        }
                        Err(_not_yet) => break,
                    }
                }
                show(kernel, &request.parent, Event::Stream { name, text }, count).await;
            }
            Event::Input { prompt, password } => {
                let content = json!({"prompt": prompt, "password": password});
                stdin.send(request, "input_request", &content).await;
            }
            Event::Error {
                class,
                message,
                traceback,
                hint,
            } => {
                let mut lines = traceback;
                lines.extend(hint.map(|hint| format!("hint: {hint}")));
                if !silent {
                    let content = json!({"ename": class, "evalue": message, "traceback": lines});
                    kernel.iopub.publish(&request.parent, "error", content).await;
                }
                ending = Ending::Failed {
                    ename: class,
                    evalue: message,
                    traceback: lines,
                };
            }
            event => show(kernel, &request.parent, event, count).await,
        }
        if next.is_none() {
            next = cell.events.next().await;
        }
    }
    ending
}

/// Publishes one thing that a cell showed.
async fn show(kernel: &Kernel, parent: &Parent, event: Event, count: u64) {
    let iopub = &kernel.iopub;
    match event {
        Event::Stream { name, text } => {
            let name = match name {
                StreamName::Stdout => "stdout",
                StreamName::Stderr => "stderr",
            };
            iopub
                .publish(parent, "stream", json!({"name": name, "text": text}))
                .await;
        }
        Event::Notice { text } => {
            let text = format!("{}\n", text.trim_end());
            iopub
                .publish(parent, "stream", json!({"name": "stderr", "text": text}))
                .await;
        }
        Event::Display {
            data,
            metadata,
            display_id,
            update,
        } => {
            let mut transient = Map::new();
            if let Some(id) = display_id {
                transient.insert("display_id".to_owned(), id.into());
            }
            let msg_type = match update {
                true => "update_display_data",
                false => "display_data",
            };
            let content = json!({"data": data, "metadata": metadata, "transient": transient});
            iopub.publish(parent, msg_type, content).await;
        }
        Event::Clear { wait } => {
            iopub.publish(parent, "clear_output", json!({"wait": wait})).await;
        }
        Event::Result { data, metadata } => {
            let content = result(&data, &metadata, count);
            iopub.publish(parent, "execute_result", content).await;
        }
        Event::Started { .. } | Event::Error { .. } | Event::Input { .. } | Event::Finished { .. } => {}
    }
}

fn result(data: &Bundle, metadata: &Map<String, Value>, count: u64) -> Value {
    json!({"execution_count": count, "data": data, "metadata": metadata})
}

/// Publishes what threads and processes do after the cell that started them has ended.
pub(crate) async fn late(kernel: Arc<Kernel>, mut events: LateEvents) {
    while let Some(late) = events.next().await {
        let parent = kernel.parent_of(late.cell);
        show(&kernel, &parent, late.event, 0).await;
    }
}

/// Hands answers of users to the cell that waits for one.
pub(crate) async fn answers(kernel: Arc<Kernel>, mut answers: Incoming) {
    #[derive(Deserialize)]
    struct Answer {
        value: String,
    }
    loop {
        let message = answers.next().await;
        let number = {
            let running = kernel.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.as_ref().map(|running| running.number)
        };
        let (Some(number), "input_reply") = (number, message.header.msg_type.as_str()) else {
            continue;
        };
        // What clients send for an end of file.
        let text = message
            .content::<Answer>()
            .ok()
            .map(|answer| answer.value)
            .filter(|text| text != "\u{4}");
        kernel.session.answer_input(number, text);
    }
}
