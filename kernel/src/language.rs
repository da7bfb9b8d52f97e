//! The language that a request is about: of a cell that is to run, and of a question about one.
//!
//! What is written decides, and nothing is guessed: the first line `%%python` or `%%elixir`; else the request's
//! metadata, our own key before that of editors; else the kernelspec's.

use bridge_core::language::Language;
use serde_json::{Map, Value};

/// The language of `code`, and the code as that language sees it.
pub(crate) fn of(code: &str, metadata: &Map<String, Value>, default: Language) -> (Language, String) {
    let (marked, source) = Language::split_marker(code);
    let language = marked.or_else(|| named_in(metadata)).unwrap_or(default);
    (language, source)
}

fn named_in(metadata: &Map<String, Value>) -> Option<Language> {
    let named = |outer: &str, inner: &str| {
        metadata
            .get(outer)?
            .get(inner)?
            .as_str()
            .and_then(Language::from_name)
    };
    named("snakebridge", "language").or_else(|| named("vscode", "languageId"))
}
