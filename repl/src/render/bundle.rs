//! What a mime bundle looks like as text.

use bridge_core::session::{Bundle, Data};

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

/// The form that reads best, and a line for each image: what it is and how large.
pub(super) fn text(bundle: &Bundle) -> String {
    let mut lines: Vec<String> = Vec::new();
    let readable = READABLE.iter().filter_map(|mime| bundle.get(mime));
    let described = |data: &Data| {
        data.text()
            .is_some_and(|text| DESCRIPTIONS.iter().any(|start| text.starts_with(start)))
    };
    let (opaque, clear): (Vec<&Data>, Vec<&Data>) = readable.partition(|data| described(data));
    if let Some(data) = clear.first() {
        lines.push(written(data));
    }
    for (mime, data) in &bundle.0 {
        if mime.starts_with("image/") {
            lines.push(label(mime, data));
        }
    }
    if lines.is_empty() {
        lines.extend(
            bundle
                .0
                .iter()
                .find(|(mime, _)| *mime != "text/plain")
                .map(|(mime, data)| label(mime, data)),
        );
    }
    if lines.is_empty() {
        lines.extend(opaque.first().map(|data| written(data)));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
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
