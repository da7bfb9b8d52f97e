//! The debugger of Python cells: Jupyter's debug requests, answered by debugpy in the worker and, for what notebooks
//! have and the Debug Adapter Protocol has not, by the kernel.
//!
//! debugpy is the user's, is started at the first request, and listens on a local port; the kernel is its only client.
//! A cell that is to stop is written to a file first (`dumpCell`), under whose name Python then compiles it. Elixir
//! cells run as ever.

mod adapter;
mod cells;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::session::{CellRequest, Event};
use serde_json::{Value, json};

use crate::kernel::Kernel;
use crate::message::{Message, Parent};
use adapter::Adapter;
use cells::CellFiles;

/// How long debugpy may take to be ready for what comes after an attach.
const ATTACH: Duration = Duration::from_secs(20);

/// What of the worker's Python half is called, in an expression.
const HALF: &str = "__import__('snakebridge.debugger', fromlist=['_'])";

/// The kernel's debugger.
pub(crate) struct Debugger {
    files: CellFiles,
    adapter: tokio::sync::Mutex<Option<Adapter>>,
    /// Held by the one client that starts or attaches.
    starting: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
}

/// What clients that come later are told.
#[derive(Default)]
struct Seen {
    breakpoints: BTreeMap<String, Value>,
    stopped: BTreeSet<i64>,
    /// What debugpy has said of itself; it says so once.
    capabilities: Option<Value>,
    attached: bool,
}

impl Debugger {
    pub(crate) fn new() -> Debugger {
        Debugger {
            files: CellFiles::new(),
            adapter: tokio::sync::Mutex::default(),
            starting: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn adapter(&self) -> Option<Adapter> {
        let adapter = self.adapter.lock().await.clone();
        adapter.filter(Adapter::is_there)
    }
}

/// The answer to a `debug_request`: a response of the Debug Adapter Protocol.
///
/// # Errors
/// Where the request is none of that protocol. A refusal is a response.
pub(crate) async fn answer(kernel: &Arc<Kernel>, request: &Message) -> Result<Value, String> {
    let asked: Value = request.content()?;
    let command = asked["command"]
        .as_str()
        .ok_or("a debug_request needs a command")?;
    let arguments = asked.get("arguments").cloned().unwrap_or_else(|| json!({}));
    let mut response = json!({
        "type": "response", "command": command, "success": true,
        "seq": asked["seq"], "request_seq": asked["seq"],
    });
    match respond(kernel, &request.parent, command, arguments).await {
        Ok(body) => response["body"] = body,
        Err(problem) => {
            response["success"] = false.into();
            response["message"] = problem.as_str().into();
            response["body"] = json!({"error": {"id": 1, "format": problem, "showUser": true}});
        }
    }
    Ok(response)
}

async fn respond(
    kernel: &Arc<Kernel>,
    parent: &Parent,
    command: &str,
    arguments: Value,
) -> Result<Value, String> {
    let debugger = &kernel.debugger;
    match command {
        "debugInfo" => return Ok(info(debugger).await),
        "dumpCell" => {
            let code = arguments["code"]
                .as_str()
                .ok_or("dumpCell needs the cell's code")?;
            return debugger.files.write(code).map(|path| json!({"sourcePath": path}));
        }
        "source" => {
            let path = arguments["source"]["path"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            // Any file may be asked for, and some take long.
            return tokio::task::spawn_blocking(move || fs_err::read_to_string(path))
                .await
                .map_err(|error| error.to_string())?
                .map(|text| json!({"content": text}))
                .map_err(|error| error.to_string());
        }
        "inspectVariables" => return variables(kernel).await,
        // It is said to debugpy as soon as it may be, which is before its attach is answered.
        "configurationDone" => return Ok(json!({})),
        "initialize" => return initialize(kernel, parent, arguments).await,
        _ => {}
    }
    let Some(adapter) = debugger.adapter().await else {
        // Without debugpy there is still something to look at.
        return match command {
            "richInspectVariables" => rich(kernel, &arguments).await,
            "disconnect" => Ok(json!({})),
            _ => Err(format!("{command}: the debugger is not attached")),
        };
    };
    match command {
        "attach" => {
            let _alone = debugger.starting.lock().await;
            if debugger.seen().attached {
                return Ok(json!({}));
            }
            let body = attach(&adapter, arguments).await?;
            debugger.seen().attached = true;
            Ok(body)
        }
        "disconnect" => {
            let body = adapter.ask("disconnect", arguments).await;
            adapter.close();
            *debugger.adapter.lock().await = None;
            *debugger.seen() = Seen::default();
            body
        }
        "setBreakpoints" => {
            let path = arguments["source"]["path"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let wanted = arguments["breakpoints"].clone();
            let body = adapter.ask(command, arguments).await?;
            debugger.seen().breakpoints.insert(path, wanted);
            Ok(body)
        }
        "continue" | "next" | "stepIn" | "stepOut" => {
            // Where they stand next is told by an event.
            debugger.seen().stopped.clear();
            adapter.ask(command, arguments).await
        }
        "stackTrace" => adapter.ask(command, arguments).await.map(of_cells),
        "richInspectVariables" if arguments["frameId"].is_i64() => rich_in_frame(&adapter, &arguments).await,
        "richInspectVariables" => rich(kernel, &arguments).await,
        "copyToGlobals" => {
            let name = |key: &str| arguments[key].as_str().unwrap_or_default().to_owned();
            let expression = format!(
                "globals()[{:?}] = {}",
                name("dstVariableName"),
                name("srcVariableName")
            );
            let frame = &arguments["srcFrameId"];
            let copy = json!({"expression": expression, "frameId": frame, "context": "repl"});
            adapter.ask("evaluate", copy).await
        }
        _ => adapter.ask(command, arguments).await,
    }
}

async fn info(debugger: &Debugger) -> Value {
    let is_started = debugger.adapter().await.is_some();
    let seen = debugger.seen();
    let breakpoints: Vec<_> = seen
        .breakpoints
        .iter()
        .map(|(source, breakpoints)| json!({"source": source, "breakpoints": breakpoints}))
        .collect();
    json!({
        "isStarted": is_started,
        "hashMethod": "Murmur2",
        "hashSeed": cells::HASH_SEED,
        "tmpFilePrefix": debugger.files.prefix(),
        "tmpFileSuffix": cells::SUFFIX,
        "breakpoints": breakpoints,
        "stoppedThreads": seen.stopped,
        "richRendering": true,
        "exceptionPaths": ["Python Exceptions"],
        "copyToGlobals": true,
    })
}

/// Clients that come later, or at the same time, are told what the first one was: debugpy has one client, the kernel.
async fn initialize(kernel: &Arc<Kernel>, parent: &Parent, arguments: Value) -> Result<Value, String> {
    let debugger = &kernel.debugger;
    let _alone = debugger.starting.lock().await;
    if debugger.adapter().await.is_none() {
        start(kernel, parent).await?;
    }
    if let Some(known) = debugger.seen().capabilities.clone() {
        return Ok(known);
    }
    let adapter = debugger.adapter().await.ok_or("debugpy has gone")?;
    let capabilities = adapter.ask("initialize", arguments).await?;
    debugger.seen().capabilities = Some(capabilities.clone());
    Ok(capabilities)
}

/// Starts debugpy in the worker, between two cells, and connects to it.
async fn start(kernel: &Arc<Kernel>, parent: &Parent) -> Result<(), String> {
    let folder = kernel.debugger.files.folder()?;
    let started = expression(kernel, &format!("{HALF}.start({:?})", folder.display())).await?;
    let port = started["data"]["text/plain"]
        .as_str()
        .and_then(|text| text.trim().parse::<u16>().ok())
        .ok_or("debugpy did not say on which port it listens")?;
    let of = Arc::clone(kernel);
    let parent = parent.clone();
    let tell = move |event: Value| note(&of, &parent, event);
    let adapter = Adapter::connect(port, tell)
        .await
        .map_err(|error| error.to_string())?;
    // What an earlier Python stood at is gone with it.
    *kernel.debugger.seen() = Seen::default();
    *kernel.debugger.adapter.lock().await = Some(adapter);
    Ok(())
}

/// Tells clients of an event, and keeps in mind which threads stand.
fn note(kernel: &Kernel, parent: &Parent, event: Value) {
    {
        let mut seen = kernel.debugger.seen();
        let thread = event["body"]["threadId"].as_i64();
        match (event["event"].as_str(), thread) {
            (Some("stopped"), Some(thread)) => drop(seen.stopped.insert(thread)),
            (Some("continued" | "terminated"), _) => seen.stopped.clear(),
            _ => {}
        }
    }
    kernel.iopub.tell(parent, "debug_event", event);
}

/// debugpy answers an attach only after the configuration that it asks for in between.
async fn attach(adapter: &Adapter, mut arguments: Value) -> Result<Value, String> {
    arguments["connect"] = json!({"host": "127.0.0.1", "port": adapter.port()});
    let mut ready = adapter.ready();
    let attached = adapter.ask("attach", arguments);
    let configured = async {
        tokio::time::timeout(ATTACH, ready.wait_for(|ready| *ready))
            .await
            .map_err(|_| "debugpy does not get ready".to_owned())?
            .map_err(|_| "debugpy has gone".to_owned())?;
        adapter.ask("configurationDone", json!({})).await
    };
    // A refusal is not followed by any configuration.
    let (_, body) = tokio::try_join!(configured, attached)?;
    Ok(body)
}

/// A stack without what runs the cells.
fn of_cells(mut body: Value) -> Value {
    if let Some(frames) = body["stackFrames"].as_array_mut() {
        // The outermost is the worker's own.
        let of_cell = |frame: &Value| {
            let path = frame["source"]["path"].as_str().unwrap_or_default();
            frame["name"] == "<module>" && !path.ends_with("/snakebridge/worker.py")
        };
        if let Some(last) = frames.iter().rposition(of_cell) {
            frames.truncate(last + 1);
        }
        let total = frames.len();
        body["totalFrames"] = total.into();
    }
    body
}

/// The session's variables, as a client shows them that is not stopped anywhere.
async fn variables(kernel: &Kernel) -> Result<Value, String> {
    let names = kernel.session.names().await.map_err(|error| error.to_string())?;
    let variables: Vec<_> = names
        .iter()
        .filter(|name| name.language == Language::Python)
        .map(|name| {
            json!({
                "name": name.name, "type": name.r#type, "value": name.value, "variablesReference": 0,
                "evaluateName": name.name,
            })
        })
        .collect();
    Ok(json!({"variables": variables}))
}

/// A variable as a cell would show it.
async fn rich(kernel: &Kernel, arguments: &Value) -> Result<Value, String> {
    let name = arguments["variableName"].as_str().unwrap_or_default();
    expression(kernel, name).await
}

async fn rich_in_frame(adapter: &Adapter, arguments: &Value) -> Result<Value, String> {
    let name = arguments["variableName"].as_str().unwrap_or_default();
    let expression = format!("{HALF}.rich({name})");
    let evaluate = json!({"expression": expression, "frameId": arguments["frameId"], "context": "clipboard"});
    let body = adapter.ask("evaluate", evaluate).await?;
    let text = body["result"]
        .as_str()
        .unwrap_or_default()
        .trim_matches(['\'', '"']);
    // Written in digits, so that no quoting of texts within texts can come between.
    let bytes: Vec<u8> = (0..text.len() / 2)
        .filter_map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    serde_json::from_slice(&bytes).map_err(|_| format!("{name} cannot be shown"))
}

/// The value of an expression of Python, between two cells: `data` and `metadata`.
async fn expression(kernel: &Kernel, source: &str) -> Result<Value, String> {
    let mut cell = CellRequest::new(Language::Python, "pass");
    cell.silent = true;
    cell.store_history = false;
    cell.allow_input = false;
    cell.expressions = vec![("it".to_owned(), source.to_owned())];
    let mut running = kernel.session.execute(cell).map_err(|error| error.to_string())?;
    let mut found = Err("Python did not answer".to_owned());
    while let Some(event) = running.events.next().await {
        match event {
            Event::Expressions { values } => {
                found = match values.into_iter().next() {
                    Some((_, Event::Result { data, metadata })) => {
                        Ok(json!({"data": data, "metadata": Value::Object(metadata)}))
                    }
                    Some((_, Event::Error { class, message, .. })) => Err(match message.is_empty() {
                        true => class,
                        false => message,
                    }),
                    _ => found,
                };
            }
            Event::Finished { .. } => break,
            _ => {}
        }
    }
    found
}
