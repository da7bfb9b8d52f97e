//! What a mime bundle looks like as text.

use bridge_core::session::{Bundle, Data};
use serde_json::{Map, Value};

use super::Look;
use crate::images::{self, Images};
use crate::markdown;

/// The forms that are text to read, best first.
const READABLE: [&str; 5] = [
    "text/plain",
    "text/markdown",
    "text/latex",
    "application/json",
    "text/x-python",
];

/// IPython describes its Markdown, LaTeX and their like as `<IPython.core.display.Markdown object>`; ours is that of what
/// has no text.
const DESCRIPTIONS: [&str; 2] = ["<IPython.core.display.", "#SnakeBridge.MimeBundle<"];

/// The form that reads best, and each image, or a line that says what it is.
pub(super) fn text(bundle: &Bundle, metadata: &Map<String, Value>, look: Look) -> String {
    let mut lines: Vec<String> = Vec::new();
    let readable = READABLE
        .iter()
        .filter_map(|mime| Some((*mime, bundle.get(mime)?)));
    let described = |data: &Data| {
        data.text()
            .is_some_and(|text| DESCRIPTIONS.iter().any(|start| text.starts_with(start)))
    };
    let (opaque, clear): (Vec<_>, Vec<_>) = readable.partition(|(_, data)| described(data));
    if let Some((mime, data)) = clear.first() {
        // Where the text is the Markdown itself, it stands for it.
        let is_markdown = bundle.get("text/markdown") == Some(*data) || *mime == "text/markdown";
        lines.push(match data.text() {
            Some(text) if is_markdown && look.terminal => markdown::render(text, look.width(), look.colours),
            _ => look.text(&written(data)),
        });
    }
    for (mime, data) in &bundle.0 {
        if mime.starts_with("image/") {
            lines.push(picture(mime, data, metadata.get(mime), look));
        }
    }
    if lines.is_empty() {
        lines.extend(
            bundle
                .0
                .iter()
                .find(|(mime, _)| *mime != "text/plain")
                .map(|(mime, data)| picture(mime, data, None, look)),
        );
    }
    if lines.is_empty() {
        lines.extend(opaque.first().map(|(_, data)| look.text(&written(data))));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// A form that is not text to read: drawn, or saved for a program that can show it, or named.
fn picture(mime: &str, data: &Data, metadata: Option<&Value>, look: Look) -> String {
    let name = label(mime, data);
    let side = |name: &str| u32::try_from(metadata?.get(name)?.as_u64()?).ok();
    match data {
        Data::Bytes(bytes) => images::show(mime, bytes, &name, look.images, (side("width"), side("height"))),
        Data::Text(text) if look.images != Images::Named => {
            images::show(mime, text.as_bytes(), &name, Images::Saved, (None, None))
        }
        _ => name,
    }
}

fn written(data: &Data) -> String {
    match data {
        Data::Text(text) => text.trim_end_matches('\n').to_owned(),
        Data::Json(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        Data::Bytes(bytes) => size(bytes.len()),
    }
}

/// A form that cannot be shown here.
fn label(mime: &str, data: &Data) -> String {
    let bytes = match data {
        Data::Text(text) => text.len(),
        Data::Json(value) => value.to_string().len(),
        Data::Bytes(bytes) => bytes.len(),
    };
    let size = size(bytes);
    match data {
        Data::Bytes(image) => match dimensions(image) {
            Some((width, height)) => format!("[{mime}, {width}x{height}, {size}]"),
            None => format!("[{mime}, {size}]"),
        },
        _ => format!("[{mime}, {size}]"),
    }
}

/// The width and height that a PNG, a GIF or a JPEG states.
fn dimensions(image: &[u8]) -> Option<(u32, u32)> {
    if image.starts_with(b"\x89PNG\r\n\x1a\n") {
        let side = |at: usize| image.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
        return Some((side(16)?, side(20)?));
    }
    if image.starts_with(b"GIF8") {
        let side = |at: usize| {
            image
                .get(at..at + 2)?
                .try_into()
                .ok()
                .map(u16::from_le_bytes)
                .map(u32::from)
        };
        return Some((side(6)?, side(8)?));
    }
    image.strip_prefix(b"\xff\xd8").and_then(jpeg_dimensions)
}

/// Walks the segments of a JPEG up to the frame header.
fn jpeg_dimensions(mut segments: &[u8]) -> Option<(u32, u32)> {
    loop {
        let [0xff, marker, high, low, ..] = *segments else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
        if frame {
            let side = |at: usize| {
                segments
                    .get(at..at + 2)?
                    .try_into()
                    .ok()
                    .map(u16::from_be_bytes)
                    .map(u32::from)
            };
            return Some((side(7)?, side(5)?));
        }
        segments = segments.get(2 + length.max(2)..)?;
    }
}

/// A size for people.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
