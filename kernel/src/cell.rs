//! A cell's way through the kernel: from an execute request to its events, its reply and what comes late.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bridge_core::language::Language;
use bridge_core::session::{Cell, CellRequest, Event, LateEvents, Status, StreamName, error_lines};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::kernel::Kernel;
use crate::message::{Message, Parent};
use crate::restart::{self, Refused};
use crate::shell::around;
use crate::sockets::{Incoming, Outgoing};
use crate::{comm, language};

/// The most text that one stream message carries.
const STREAM_BYTES: usize = 1 << 20;

/// A cell that runs.
pub(crate) struct Running {
    number: u64,
    pub(crate) subshell: u64,
    pub(crate) request: Message,
    /// The message by which it asks its user something, while it does.
    question: Option<String>,
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
#[derive(Default)]
pub(crate) struct Ended {
    /// Its number, if clients see it.
    count: Option<u64>,
    failure: Option<Failure>,
    expressions: Map<String, Value>,
    payload: Vec<Value>,
}

struct Failure {
    ename: String,
    evalue: String,
    traceback: Vec<String>,
}

impl Ended {
    fn failed(ename: &str, evalue: String) -> Ended {
        Ended {
            failure: Some(Failure {
                ename: ename.to_owned(),
                evalue,
                traceback: Vec::new(),
            }),
            ..Ended::default()
        }
    }
}

/// Runs a cell and answers its request. Where it fails, and its client wants that, it gives the requests that had come
/// by then: they counted on this cell. Those that come after its answer do not.
pub(crate) async fn execute(
    kernel: &Kernel,
    shell: &Outgoing,
    stdin: &Outgoing,
    subshell: u64,
    request: &Message,
    queue: &mut mpsc::UnboundedReceiver<Message>,
) -> Vec<Message> {
    let mut waiting = Vec::new();
    around(kernel, request, async {
        let content = match request.content::<Execute>() {
            Ok(execute) => {
                let (content, failed) = cell(kernel, stdin, subshell, request, &execute).await;
                if failed && execute.stop_on_error {
                    waiting = sent_before(queue).await;
                }
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
    waiting
}

/// The requests that had been sent when a cell failed: those that wait, and what is on its way through the sockets, which
/// takes a turn of the runtime to be read, one to be sorted, and one to come here.
async fn sent_before(queue: &mut mpsc::UnboundedReceiver<Message>) -> Vec<Message> {
    const QUIET_TURNS: usize = 4;
    let mut waiting = Vec::new();
    let mut quiet = 0;
    while quiet < QUIET_TURNS {
        tokio::task::yield_now().await;
        quiet += 1;
        while let Ok(request) = queue.try_recv() {
            waiting.push(request);
            quiet = 0;
        }
    }
    waiting
}

async fn cell(
    kernel: &Kernel,
    stdin: &Outgoing,
    subshell: u64,
    request: &Message,
    execute: &Execute,
) -> (Value, bool) {
    let (language, source) = language::of(&execute.code, &request.metadata, kernel.language);
    let mut cell = CellRequest::new(language, source);
    cell.subshell = subshell;
    cell.silent = execute.silent;
    cell.store_history = execute.store_history.unwrap_or(true) && !execute.silent;
    cell.allow_input = execute.allow_stdin;
    cell.colors = Some(true);
    cell.parent = request.parent.text().map(str::to_owned);
    cell.expressions = execute
        .user_expressions
        .clone()
        .unwrap_or_default()
        .into_iter()
        .collect();
    // Clients ask for expressions alone.
    let nothing = execute.code.trim().is_empty() && cell.expressions.is_empty();
    let ended = match restart::wanted(&execute.code) {
        Some(wanted) => again(kernel, request, wanted, execute).await,
        None if nothing => Ended::default(),
        None => run(kernel, stdin, request, cell, &execute.code).await,
    };
    let count = ended
        .count
        .unwrap_or_else(|| kernel.count.load(Ordering::Relaxed));
    let mut content = json!({
        "status": "ok", "execution_count": count, "payload": ended.payload,
        "user_expressions": ended.expressions,
    });
    if let Some(failure) = &ended.failure {
        content["status"] = "error".into();
        content["ename"] = failure.ename.as_str().into();
        content["evalue"] = failure.evalue.as_str().into();
        content["traceback"] = failure.traceback.as_slice().into();
    }
    (content, ended.failure.is_some())
}

/// Starts languages again, as a cell that is the kernel's own: it has no number.
async fn again(
    kernel: &Kernel,
    request: &Message,
    wanted: Result<&[Language], Refused>,
    execute: &Execute,
) -> Ended {
    let count = kernel.count.load(Ordering::Relaxed);
    let (iopub, parent) = (&kernel.iopub, &request.parent);
    if !execute.silent {
        let content = json!({"code": execute.code, "execution_count": count});
        iopub.publish(parent, "execute_input", content).await;
    }
    let restarted = match wanted {
        Ok(languages) => restart::restart(kernel, languages).await,
        Err(refused) => Err(refused),
    };
    match restarted {
        Ok(text) => {
            let name = StreamName::Stdout;
            show(kernel, parent, Event::Stream { name, text }, count).await;
            Ended::default()
        }
        Err(Refused { class, message, hint }) => {
            let mut ended = Ended::failed(class, message);
            if let Some(failure) = &mut ended.failure {
                failure.traceback = error_lines(class, &failure.evalue, Vec::new(), hint);
                if !execute.silent {
                    let Failure {
                        ename,
                        evalue,
                        traceback,
                    } = failure;
                    let content = json!({"ename": ename, "evalue": evalue, "traceback": traceback});
                    iopub.publish(parent, "error", content).await;
                }
            }
            ended
        }
    }
}

/// Runs a cell, or delivers a comm's message, and publishes what it does. `code` is the cell as its client wrote it.
pub(crate) async fn run(
    kernel: &Kernel,
    stdin: &Outgoing,
    request: &Message,
    cell: CellRequest,
    code: &str,
) -> Ended {
    let (silent, stored, subshell) = (cell.silent, cell.store_history, cell.subshell);
    let (language, source) = (cell.language, cell.source.clone());
    let running = match kernel.session.execute(cell) {
        Ok(running) => running,
        Err(error) => return Ended::failed("SessionError", error.to_string()),
    };
    kernel.remember(running.number, &request.parent);
    if !silent {
        // What a traceback calls the cell is what stands before it in the notebook.
        kernel.count.fetch_max(running.number, Ordering::Relaxed);
        if stored {
            kernel.history.add(running.number, language, &source);
        }
        let content = json!({"code": code, "execution_count": running.number});
        kernel
            .iopub
            .publish(&request.parent, "execute_input", content)
            .await;
    }
    let number = running.number;
    kernel.running().push(Running {
        number,
        subshell,
        request: request.clone(),
        question: None,
    });
    let mut ended = follow(kernel, stdin, request, running, silent).await;
    kernel.running().retain(|running| running.number != number);
    kernel.variables.may_have_changed();
    ended.count = (!silent).then_some(number);
    ended
}

/// Publishes what a cell does until it ends.
async fn follow(kernel: &Kernel, stdin: &Outgoing, request: &Message, mut cell: Cell, silent: bool) -> Ended {
    let count = cell.number;
    let mut ended = Ended::default();
    let mut next = None;
    loop {
        if next.is_none() {
            next = cell.events.next().await;
        }
        let Some(event) = next.take() else { return ended };
        match event {
            Event::Finished { status, .. } => {
                if status != Status::Ok && ended.failure.is_none() {
                    let failed = Ended::failed("Interrupted", "the cell was interrupted".to_owned());
                    ended.failure = failed.failure;
                }
                return ended;
            }
            Event::Stream { name, mut text } => {
                // What has come meanwhile goes along: a message each would be the dearest part of printing.
                while text.len() < STREAM_BYTES {
                    match cell.events.try_next() {
                        Ok(Some(Event::Stream {
                            name: same,
                            text: more,
                        })) if same == name => text.push_str(&more),
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
                let question = Outgoing::id();
                note_question(kernel, count, Some(question.clone()));
                stdin.send_as(question, request, "input_request", &content);
            }
            Event::Error {
                class,
                message,
                traceback,
                hint,
            } => {
                let traceback = error_lines(&class, &message, traceback, hint);
                if !silent || request.header.msg_type != "execute_request" {
                    let content = json!({"ename": class, "evalue": message, "traceback": traceback});
                    kernel.iopub.publish(&request.parent, "error", content).await;
                }
                ended.failure = Some(Failure {
                    ename: class,
                    evalue: message,
                    traceback,
                });
            }
            Event::Expressions { values } => {
                ended.expressions = values
                    .into_iter()
                    .map(|(name, value)| (name, expression(value)))
                    .collect();
            }
            Event::Display { data, metadata, .. } if is(&metadata, "page") => {
                ended
                    .payload
                    .push(json!({"source": "page", "data": data, "start": 0}));
            }
            Event::Display { metadata, .. } if is(&metadata, "ask_exit") => {
                ended
                    .payload
                    .push(json!({"source": "ask_exit", "keepkernel": false}));
            }
            Event::Display { data, metadata, .. } if is(&metadata, "next_input") => {
                ended.payload.push(json!({
                    "source": "set_next_input",
                    "text": data.text("text/plain"),
                    "replace": is(&metadata, "replace"),
                }));
            }
            event => show(kernel, &request.parent, event, count).await,
        }
    }
}

/// Whether our own metadata say this of a display.
fn is(metadata: &Map<String, Value>, what: &str) -> bool {
    metadata
        .get("snakebridge")
        .and_then(|own| own.get(what))
        .is_some_and(|value| value == true)
}

fn expression(value: Event) -> Value {
    match value {
        Event::Result { data, metadata } => json!({"status": "ok", "data": data, "metadata": metadata}),
        Event::Error {
            class,
            message,
            traceback,
            ..
        } => json!({"status": "error", "ename": class, "evalue": message, "traceback": traceback}),
        _ => json!({"status": "error", "ename": "Unknown", "evalue": "", "traceback": []}),
    }
}

/// Publishes one thing that a cell showed.
async fn show(kernel: &Kernel, parent: &Parent, event: Event, count: u64) {
    let iopub = &kernel.iopub;
    match event {
        Event::Stream { name, text } => {
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
            if let Some(text) = data.text("text/plain") {
                kernel.history.value(count, text);
            }
            let content = json!({"execution_count": count, "data": data, "metadata": metadata});
            iopub.publish(parent, "execute_result", content).await;
        }
        Event::Comm { comm } => comm::publish(kernel, parent, comm).await,
        Event::Started { .. }
        | Event::Error { .. }
        | Event::Input { .. }
        | Event::Expressions { .. }
        | Event::Finished { .. } => {}
    }
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
        let number = asking(&kernel, &message);
        let (Some(number), "input_reply") = (number, message.header.msg_type.as_str()) else {
            continue;
        };
        // What clients send for an end of file.
        let text = message
            .content::<Answer>()
            .ok()
            .map(|answer| answer.value)
            .filter(|text| text != "\u{4}");
        note_question(&kernel, number, None);
        kernel.session.answer_input(number, text);
    }
}

fn note_question(kernel: &Kernel, number: u64, question: Option<String>) {
    let mut running = kernel.running();
    if let Some(running) = running.iter_mut().find(|running| running.number == number) {
        running.question = question;
    }
}

/// The cell that a user answers: of those that this client has been asked by the one whose question the answer names, and
/// with clients that name none the first. What other clients send on their own is no answer.
fn asking(kernel: &Kernel, answer: &Message) -> Option<u64> {
    let running = kernel.running();
    let mut asking = running
        .iter()
        .filter(|running| running.question.is_some() && running.request.identities == answer.identities);
    let named = asking
        .clone()
        .find(|running| running.question.as_ref() == Some(&answer.answers));
    named.or(asking.next()).map(|running| running.number)
}
