//! Mime bundles: one thing to show, in one or more forms.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// One form of a thing to show.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Text, SVG, HTML, Markdown, JavaScript.
    Text(String),
    /// `application/json` and its relatives.
    Json(Value),
    /// Images and all else: raw bytes.
    Bytes(Vec<u8>),
}

impl Data {
    /// The text, of a form that is text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes that a child sent, read as the mime type wants it.
    ///
    /// # Errors
    /// Says what is wrong when a type of text is not UTF-8, or a type of JSON is no JSON.
    pub fn from_bytes(mime: &str, bytes: Vec<u8>) -> Result<Data, String> {
        let kind = Kind::of(mime);
        if kind == Kind::Bytes {
            return Ok(Data::Bytes(bytes));
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if kind == Kind::Unknown => return Ok(Data::Bytes(error.into_bytes())),
            Err(_) => return Err(format!("{mime} is not UTF-8")),
        };
        match kind {
            Kind::Json => serde_json::from_str(&text)
                .map(Data::Json)
                .map_err(|error| format!("{mime} is no JSON: {error}")),
            _ => Ok(Data::Text(text)),
        }
    }
}

/// One thing in several forms, keyed by mime type.
///
/// As JSON it is what Jupyter writes: text as text, JSON as JSON, bytes in base64.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle(pub BTreeMap<String, Data>);

impl Bundle {
    /// A bundle of plain text alone.
    pub fn plain(text: impl Into<String>) -> Bundle {
        Bundle(BTreeMap::from([(
            "text/plain".to_owned(),
            Data::Text(text.into()),
        )]))
    }

    /// The form of that type.
    pub fn get(&self, mime: &str) -> Option<&Data> {
        self.0.get(mime)
    }

    /// The text of that type.
    pub fn text(&self, mime: &str) -> Option<&str> {
        self.get(mime).and_then(Data::text)
    }

    /// How large all forms are, about.
    pub(super) fn bytes(&self) -> usize {
        let forms = self.0.values().map(|data| match data {
            Data::Text(text) => text.len(),
            Data::Json(value) => json_bytes(value),
            Data::Bytes(bytes) => bytes.len(),
        });
        forms.sum()
    }
}

/// Of a tree that a parser has bounded in depth.
fn json_bytes(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(json_bytes).sum(),
            Value::Object(map) => map.iter().map(|(key, value)| key.len() + json_bytes(value)).sum(),
            _ => 0,
        }
}

/// How a mime type travels.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Json,
    Bytes,
    /// As text where it is UTF-8, as Jupyter has all that is no JSON; else as bytes.
    Unknown,
}

impl Kind {
    fn of(mime: &str) -> Kind {
        let mime = mime.split(';').next().unwrap_or(mime).trim();
        let family = mime.split('/').next().unwrap_or(mime);
        // Vega-Lite's own type ends with a dot and `json`.
        if mime == "application/json" || mime.ends_with("+json") || mime.ends_with(".json") {
            Kind::Json
        } else if mime.starts_with("text/")
            || mime.ends_with("+xml")
            || matches!(
                mime,
                "application/xml" | "application/javascript" | "application/x-latex"
            )
        {
            Kind::Text
        } else if matches!(family, "image" | "audio" | "video" | "font")
            || matches!(mime, "application/pdf" | "application/octet-stream")
        {
            Kind::Bytes
        } else {
            Kind::Unknown
        }
    }
}

impl Serialize for Bundle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (mime, data) in &self.0 {
            match data {
                Data::Text(text) => map.serialize_entry(mime, text)?,
                Data::Json(value) => map.serialize_entry(mime, value)?,
                Data::Bytes(bytes) => map.serialize_entry(mime, &STANDARD.encode(bytes))?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Bundle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bundle, D::Error> {
        let forms = BTreeMap::<String, Value>::deserialize(deserializer)?;
        Ok(Bundle(
            forms
                .into_iter()
                .map(|(mime, value)| (Kind::of(&mime), mime, value))
                .map(read_form)
                .collect(),
        ))
    }
}

/// Notebooks of others hold anything: what does not fit its type is kept as it is.
fn read_form((kind, mime, value): (Kind, String, Value)) -> (String, Data) {
    let data = match (kind, value) {
        (Kind::Json, value) => Data::Json(value),
        (Kind::Text, Value::String(text)) => Data::Text(text),
        (Kind::Bytes, Value::String(text)) => {
            let compact: String = text.split_ascii_whitespace().collect();
            STANDARD.decode(compact).map_or(Data::Text(text), Data::Bytes)
        }
        // Notebook files may split a text into its lines.
        (kind, Value::Array(lines)) if lines.iter().all(Value::is_string) => {
            let text: String = lines.iter().filter_map(Value::as_str).collect();
            return read_form((kind, mime, Value::String(text)));
        }
        (_, value) => Data::Json(value),
    };
    (mime, data)
}
