//! What clients ask besides running cells: answered while a cell runs, without running the user's code.

use std::sync::Arc;
use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::session::{ChildState, Completeness};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::codepoints;
use crate::comm;
use crate::info;
use crate::kernel::Kernel;
use crate::message::Message;
use crate::usage;

/// A source with a cursor in it.
#[derive(Deserialize)]
struct At {
    code: String,
    cursor_pos: usize,
    #[serde(default)]
    detail_level: u8,
}

/// The content of the answer.
///
/// # Errors
/// A sentence about what is wrong with the request, or about why there is no answer.
pub(crate) async fn answer(kernel: &Arc<Kernel>, request: &Message) -> Result<Value, String> {
    match request.header.msg_type.as_str() {
        "kernel_info_request" => Ok(info::answer(kernel)),
        "complete_request" => complete(kernel, &request.content::<At>()?).await,
        "inspect_request" => inspect(kernel, &request.content::<At>()?).await,
        "is_complete_request" => is_complete(kernel, request).await,
        "comm_info_request" => comm::info(kernel, request),
        "history_request" => history(kernel, request).await,
        "usage_request" => tokio::task::spawn_blocking(usage::answer)
            .await
            .map_err(|error| error.to_string())?,
        "connect_request" => Ok(json!({"status": "ok"})),
        other => Err(format!("this kernel answers no {other}")),
    }
}

/// How long a question waits for its language to start.
const START: Duration = Duration::from_secs(10);

/// Waits while a language is starting: clients ask as soon as they are connected.
async fn started(kernel: &Kernel, language: Language) {
    let mut children = kernel.session.children();
    let up = children.wait_for(|children| !matches!(children.of(language), ChildState::Starting));
    // What is not there by then answers for itself.
    let _ = timeout(START, up).await;
}

async fn complete(kernel: &Kernel, at: &At) -> Result<Value, String> {
    let (language, source, cursor) = locate(kernel, at);
    started(kernel, language).await;
    let found = kernel
        .session
        .complete(language, &source.text, cursor)
        .await
        .map_err(|error| error.to_string())?;
    let position = |byte| codepoints::of_byte(&at.code, source.outside(byte));
    let (start, end) = (position(found.from), position(found.to));
    let types: Vec<_> = found
        .items
        .iter()
        .map(|item| {
            json!({
                "start": start, "end": end, "text": item.text, "type": item.kind,
                "signature": item.detail.as_deref().unwrap_or(""),
            })
        })
        .collect();
    Ok(json!({
        "status": "ok",
        "matches": found.items.iter().map(|item| &item.text).collect::<Vec<_>>(),
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {"_jupyter_types_experimental": types},
    }))
}

async fn inspect(kernel: &Kernel, at: &At) -> Result<Value, String> {
    let (language, source, cursor) = locate(kernel, at);
    started(kernel, language).await;
    let found = kernel
        .session
        .inspect(language, &source.text, cursor, at.detail_level.min(1))
        .await
        .map_err(|error| error.to_string())?;
    Ok(json!({"status": "ok", "found": found.found, "data": found.data, "metadata": {}}))
}

async fn is_complete(kernel: &Kernel, request: &Message) -> Result<Value, String> {
    #[derive(Deserialize)]
    struct Code {
        code: String,
    }
    let Code { code } = request.content()?;
    let (marked, source) = Language::split_marker(&code);
    let language = marked.unwrap_or(kernel.language);
    started(kernel, language).await;
    let answer: Completeness = kernel
        .session
        .is_complete(language, &source)
        .await
        .map_err(|error| error.to_string())?;
    Ok(match answer {
        Completeness::Complete => json!({"status": "complete"}),
        Completeness::Incomplete { indent } => json!({"status": "incomplete", "indent": indent}),
        Completeness::Invalid => json!({"status": "invalid"}),
    })
}

async fn history(kernel: &Arc<Kernel>, request: &Message) -> Result<Value, String> {
    let wanted = request.content()?;
    let kernel = Arc::clone(kernel);
    tokio::task::spawn_blocking(move || kernel.history.answer(&wanted))
        .await
        .map_err(|error| error.to_string())
}

/// A cell's code as its language sees it.
struct Inside {
    text: String,
    /// How many more bytes there are before it, or in its first line, than in the cell as written.
    shift: isize,
}

impl Inside {
    fn outside(&self, byte: usize) -> usize {
        byte.saturating_add_signed(-self.shift)
    }
}

/// The language, the code and the cursor (in bytes) that a question is about.
fn locate(kernel: &Kernel, at: &At) -> (Language, Inside, usize) {
    let cursor = codepoints::to_byte(&at.code, at.cursor_pos);
    let (marked, text) = Language::split_marker(&at.code);
    let shift = text.len().cast_signed() - at.code.len().cast_signed();
    let language = marked.unwrap_or(kernel.language);
    let inside = Inside { text, shift };
    let cursor = cursor.saturating_add_signed(shift).min(inside.text.len());
    (language, inside, cursor)
}
