//! What clients ask besides running cells: answered while a cell runs, without running the user's code.

use std::sync::Arc;
use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::session::{ChildState, Completeness, Completion, CompletionItem};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::kernel::Kernel;
use crate::message::Message;
use crate::{codepoints, comm, debugger, info, language, usage};

/// How long an answer may take: clients wait for a second, and show then what they have.
const PATIENCE: Duration = Duration::from_millis(800);

/// What a cell's first line may be in any language: it is the kernel that understands it.
const FIRST_LINES: [&str; 2] = ["%%elixir", "%%python"];

/// A place in a cell, as its client asks about it and as the cell's language sees it.
struct Place {
    /// The cell as written.
    code: String,
    language: Language,
    /// What the language gets.
    source: String,
    /// The cursor, in bytes of `source`.
    cursor: usize,
    /// How many more bytes there are in `source` before its second line than in `code`.
    shift: isize,
    detail: u8,
}

impl Place {
    fn read(request: &Message, default: Language) -> Result<Place, String> {
        #[derive(Deserialize)]
        struct At {
            code: String,
            cursor_pos: Option<usize>,
            #[serde(default)]
            detail_level: u8,
        }
        let At {
            code,
            cursor_pos,
            detail_level,
        } = request.content()?;
        let (language, source) = language::of(&code, &request.metadata, default);
        let shift = source.len().cast_signed() - code.len().cast_signed();
        let at = cursor_pos.map_or(code.len(), |position| codepoints::to_byte(&code, position));
        let cursor = at.saturating_add_signed(shift).min(source.len());
        Ok(Place {
            code,
            language,
            source,
            cursor,
            shift,
            detail: detail_level.min(1),
        })
    }

    /// The code point of the cell as written at which that byte of `source` stands.
    fn outside(&self, byte: usize) -> usize {
        codepoints::of_byte(&self.code, byte.saturating_add_signed(-self.shift))
    }

    /// What is written before the cursor, if that is within the first line.
    fn first_line(&self) -> Option<&str> {
        let before = self.code.get(..self.cursor.saturating_add_signed(-self.shift))?;
        (!before.contains('\n')).then_some(before)
    }
}

/// The content of the answer.
///
/// # Errors
/// A sentence about what is wrong with the request, or about why there is no answer.
pub(crate) async fn answer(kernel: &Arc<Kernel>, request: &Message) -> Result<Value, String> {
    match request.header.msg_type.as_str() {
        "kernel_info_request" => Ok(info::answer(kernel)),
        "complete_request" => complete(kernel, &Place::read(request, kernel.language)?).await,
        "inspect_request" => inspect(kernel, &Place::read(request, kernel.language)?).await,
        "is_complete_request" => is_complete(kernel, request).await,
        "comm_info_request" => comm::info(kernel, request),
        "history_request" => history(kernel, request).await,
        "usage_request" => tokio::task::spawn_blocking(usage::answer)
            .await
            .map_err(|error| error.to_string())?,
        "debug_request" => debugger::answer(kernel, request).await,
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

async fn complete(kernel: &Kernel, place: &Place) -> Result<Value, String> {
    started(kernel, place.language).await;
    let asked = kernel
        .session
        .complete(place.language, &place.source, place.cursor);
    let mut found = match timeout(PATIENCE, asked).await {
        Ok(found) => found.map_err(|error| error.to_string())?,
        // Code that holds the language up is not the client's mistake, and a late answer is no use.
        Err(_late) => Completion {
            from: place.cursor,
            to: place.cursor,
            items: Vec::new(),
        },
    };
    let (mut start, end) = (place.outside(found.from), place.outside(found.to));
    let before = place.first_line().unwrap_or("");
    let lines = FIRST_LINES.iter().filter(|line| line.starts_with(before));
    if before.starts_with("%%") {
        start = 0;
        found.items.extend(lines.map(|line| CompletionItem {
            text: (*line).to_owned(),
            kind: "magic".to_owned(),
            ..CompletionItem::default()
        }));
        found.items.sort_by(|a, b| a.text.cmp(&b.text));
        found.items.dedup_by(|a, b| a.text == b.text);
    }
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

async fn inspect(kernel: &Kernel, place: &Place) -> Result<Value, String> {
    started(kernel, place.language).await;
    let asked = kernel
        .session
        .inspect(place.language, &place.source, place.cursor, place.detail);
    let found = match timeout(PATIENCE, asked).await {
        Ok(found) => found.map_err(|error| error.to_string())?,
        Err(_late) => return Ok(json!({"status": "ok", "found": false, "data": {}, "metadata": {}})),
    };
    Ok(json!({"status": "ok", "found": found.found, "data": found.data, "metadata": {}}))
}

async fn is_complete(kernel: &Kernel, request: &Message) -> Result<Value, String> {
    #[derive(Deserialize)]
    struct Code {
        code: String,
    }
    let Code { code } = request.content()?;
    if Language::from_marker(&code).is_some() {
        // The line that names a cell's language is no cell yet.
        return Ok(json!({"status": "incomplete", "indent": ""}));
    }
    let (language, source) = language::of(&code, &request.metadata, kernel.language);
    started(kernel, language).await;
    let asked = kernel.session.is_complete(language, &source);
    Ok(match timeout(PATIENCE, asked).await {
        Ok(Ok(Completeness::Complete)) => json!({"status": "complete"}),
        Ok(Ok(Completeness::Incomplete { indent })) => json!({"status": "incomplete", "indent": indent}),
        Ok(Ok(Completeness::Invalid)) => json!({"status": "invalid"}),
        // Running the cell will tell what is the matter with its language.
        Ok(Err(_)) | Err(_) => json!({"status": "unknown"}),
    })
}

async fn history(kernel: &Arc<Kernel>, request: &Message) -> Result<Value, String> {
    let wanted = request.content()?;
    let kernel = Arc::clone(kernel);
    tokio::task::spawn_blocking(move || kernel.history.answer(&wanted))
        .await
        .map_err(|error| error.to_string())
}
