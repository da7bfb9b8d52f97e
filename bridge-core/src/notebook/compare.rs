//! Whether two runs of a cell put out the same: as text, without what differs from one run to the next by its nature.

use base64::Engine as _;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::Output;
use crate::ansi::without_escapes;

/// Lines of a difference that are shown.
const MOST_LINES: usize = 40;

/// What these outputs say, without colours, addresses and identifiers of processes. Pictures are their kind and size.
///
/// ```
/// use bridge_core::notebook::{Output, as_text};
/// let printed = Output::Stream { name: "stdout".into(), text: "<object at 0x7f12ab34cd>\n".into() };
/// assert_eq!(as_text(&[printed]), "<object at 0x…>\n");
/// ```
pub fn as_text(outputs: &[Output]) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(words);
    };
    for output in outputs {
        match output {
            Output::Stream { text, .. } => line(text),
            Output::Error { class, message, .. } => line(&format!("{class}: {message}\n")),
            Output::Display { data, .. } | Output::Result { data, .. } => {
                if let Some(Value::String(plain)) = data.get("text/plain") {
                    line(plain);
                }
                for (mime, content) in data.iter().filter(|(mime, _)| mime.starts_with("image/")) {
                    line(&picture(mime, content));
                }
            }
        }
    }
    unnamed(&without_escapes(&text))
}

/// How the second differs from the first, line by line; `None` when it does not.
///
/// ```
/// use bridge_core::notebook::difference;
/// assert_eq!(difference("a\nb\n", "a\nb\n"), None);
/// assert_eq!(difference("a\nb\n", "a\nc\n").unwrap(), "- b\n+ c\n");
/// ```
pub fn difference(before: &str, now: &str) -> Option<String> {
    let (before, now) = (before.trim_end(), now.trim_end());
    if before == now {
        return None;
    }
    let diff = TextDiff::from_lines(before, now);
    let changes = diff.iter_all_changes().filter_map(|change| match change.tag() {
        ChangeTag::Delete => Some(('-', change)),
        ChangeTag::Insert => Some(('+', change)),
        ChangeTag::Equal => None,
    });
    let mut lines: Vec<String> = changes
        .map(|(sign, change)| format!("{sign} {}\n", change.value().trim_end_matches('\n')))
        .collect();
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("and {more} more lines\n"));
    }
    Some(lines.concat())
}

/// A picture's kind, and its size where its file says that at its beginning.
fn picture(mime: &str, content: &Value) -> String {
    let size = content.as_str().filter(|_| mime == "image/png").and_then(|text| {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).take(32).collect();
        let head = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
        let number = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
        Some(format!(" {}x{}", number(16)?, number(20)?))
    });
    format!("<{mime}{}>\n", size.unwrap_or_default())
}

/// The text without what names a thing of this one process.
fn unnamed(text: &str) -> String {
    const NAMES: [&str; 4] = ["#PID<", "#Reference<", "#Port<", "#Function<"];
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['0', '#']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = NAMES.into_iter().find(|name| rest.starts_with(name));
        if let Some(name) = name
            && let Some(end) = rest.find('>')
        {
            plain.push_str(name);
            plain.push('…');
            rest = &rest[end..];
        } else if let Some(address) = rest.strip_prefix("0x")
            && let digits = address.len() - address.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len()
            && digits >= 6
        {
            plain.push_str("0x…");
            rest = &address[digits..];
        } else {
            plain.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_of_one_process_are_not_compared() {
        let check = |text: &str, expect: &str| assert_eq!(unnamed(text), expect, "{text}");
        check("#PID<0.123.0> and 0x7f00aa11bb22.", "#PID<…> and 0x….");
        check("0x12 10 #tag #PID<", "0x12 10 #tag #PID<");
        check("é0é#Reference<0.1.2.3>", "é0é#Reference<…>");
    }

    #[test]
    fn pictures_are_compared_by_kind_and_size() {
        let png = base64::engine::general_purpose::STANDARD
            .encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x06");
        let data = json!({ "image/png": png, "text/plain": "<Figure>", "text/html": "<b>" });
        let shown = Output::Display {
            data: data.as_object().unwrap().clone(),
            metadata: Default::default(),
            display_id: None,
        };
        assert_eq!(as_text(&[shown]), "<Figure>\n<image/png 640x480>\n");
        assert_eq!(picture("image/png", &json!("no base64 at all")), "<image/png>\n");
        assert_eq!(picture("image/jpeg", &json!("aa")), "<image/jpeg>\n");
    }
}
