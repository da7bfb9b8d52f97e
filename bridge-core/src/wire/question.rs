//! Questions about sources and names, and their answers.

use super::fields::{Fields, body, wrong};
use super::{Error, op};
use crate::term::Term;

/// A place in a source, of which something is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The source.
    pub source: String,
    /// The byte of it where the cursor is.
    pub cursor: usize,
    /// Types of Python, as `module.Class`, whose attributes and items may be evaluated for the answer.
    pub harmless: Vec<String>,
    /// How many items are wanted of a completion, the first ones; without it all.
    pub most: Option<u64>,
}

/// Ways to finish the name at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(serde::Serialize, serde::Deserialize))]
pub struct Completion {
    /// The byte where the replaced text starts.
    pub from: usize,
    /// The byte where it ends.
    pub to: usize,
    /// What may stand there, best first.
    pub items: Vec<CompletionItem>,
}

/// One way to finish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(serde::Serialize, serde::Deserialize))]
pub struct CompletionItem {
    /// What to insert.
    pub text: String,
    /// `function`, `module`, `class`, `keyword`, ...
    pub kind: String,
    /// A signature or a type, for the menu's second column.
    pub detail: Option<String>,
    /// Documentation.
    pub doc: Option<String>,
}

/// What is known of the name at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Whether anything is known.
    pub found: bool,
    /// Mime types and bytes.
    pub data: Vec<(String, Vec<u8>)>,
}

/// Whether a source can be run as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "host", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "host", serde(tag = "status", rename_all = "lowercase"))]
pub enum Completeness {
    /// It can.
    Complete,
    /// More lines must follow.
    Incomplete {
        /// Whitespace that the next line should start with.
        indent: String,
    },
    /// It cannot, and more lines will not help.
    Invalid,
}

/// A name that a language owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameInfo {
    /// The name.
    pub name: String,
    /// The value's type, for people.
    pub r#type: String,
    /// A length or a shape, for people.
    pub size: Option<String>,
    /// A short text of the value.
    pub value: String,
}

impl Question {
    fn fields(&self) -> [(&'static str, Term); 3] {
        [
            ("source", (&self.source).into()),
            ("cursor", self.cursor.into()),
            ("harmless", Term::list(self.harmless.iter().map(Term::from))),
        ]
    }
}

impl Completion {
    /// The question's body.
    pub fn question(question: &Question) -> Term {
        let most = question.most.map(|most| ("most", most.into()));
        body(question.fields().into_iter().chain(most))
    }

    /// Reads the answer to a question about `source`: `from` and `to` are bounds of characters in it.
    ///
    /// # Errors
    /// [`Error::Body`], as for all answers below.
    pub fn from_term(source: &str, term: &Term) -> Result<Completion, Error> {
        let fields = Fields::of(op::COMPLETE, term)?;
        let at = |name| {
            let at = usize::try_from(fields.u64(name)?).unwrap_or(usize::MAX);
            if source.is_char_boundary(at) {
                Ok(at)
            } else {
                let reason = format!("`{name}` is {at}, where no character of the source starts or ends");
                Err(Error::Body {
                    what: op::COMPLETE,
                    reason,
                })
            }
        };
        let (from, to) = (at("from")?, at("to")?);
        if from > to {
            return Err(Error::Body {
                what: op::COMPLETE,
                reason: format!("`from` is {from}, after `to`, {to}"),
            });
        }
        let items = fields
            .list("items")?
            .iter()
            .map(CompletionItem::from_term)
            .collect::<Result<_, _>>()?;
        Ok(Completion { from, to, items })
    }

    /// The answer.
    pub fn to_term(&self) -> Term {
        let item = |item: &CompletionItem| {
            body([
                ("text", (&item.text).into()),
                ("kind", (&item.kind).into()),
                ("detail", item.detail.as_ref().into()),
                ("doc", item.doc.as_ref().into()),
            ])
        };
        body([
            ("from", self.from.into()),
            ("to", self.to.into()),
            ("items", Term::list(self.items.iter().map(item))),
        ])
    }
}

impl CompletionItem {
    fn from_term(term: &Term) -> Result<CompletionItem, Error> {
        let fields = Fields::of(op::COMPLETE, term)?;
        Ok(CompletionItem {
            text: fields.text("text")?,
            kind: match fields.get("kind").and_then(Term::as_atom) {
                Some(kind) => kind.to_owned(),
                None => fields.optional_text("kind")?.unwrap_or_default(),
            },
            detail: fields.optional_text("detail")?,
            doc: fields.optional_text("doc")?,
        })
    }
}

impl Inspection {
    /// The question's body.
    pub fn question(question: &Question, detail: u8) -> Term {
        let [source, cursor, harmless] = question.fields();
        body([source, cursor, harmless, ("detail", detail.into())])
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(term: &Term) -> Result<Inspection, Error> {
        let fields = Fields::of(op::INSPECT, term)?;
        Ok(Inspection {
            found: fields.bool("found")?,
            data: fields.bytes_by_name("data")?,
        })
    }

    /// The answer.
    pub fn to_term(&self) -> Term {
        let data = self
            .data
            .iter()
            .map(|(mime, bytes)| (Term::from(mime), Term::binary(bytes.as_slice())));
        body([("found", self.found.into()), ("data", Term::map(data))])
    }
}

impl Completeness {
    /// The question's body.
    pub fn question(source: &str) -> Term {
        body([("source", source.into())])
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(term: &Term) -> Result<Completeness, Error> {
        let fields = Fields::of(op::IS_COMPLETE, term)?;
        match fields.atom("status")? {
            "complete" => Ok(Completeness::Complete),
            "incomplete" => Ok(Completeness::Incomplete {
                indent: fields.optional_text("indent")?.unwrap_or_default(),
            }),
            "invalid" => Ok(Completeness::Invalid),
            _ => Err(wrong(
                op::IS_COMPLETE,
                "a status `complete`, `incomplete` or `invalid`",
                term,
            )),
        }
    }

    /// The answer.
    pub fn to_term(&self) -> Term {
        let (status, indent) = match self {
            Completeness::Complete => ("complete", ""),
            Completeness::Incomplete { indent } => ("incomplete", indent.as_str()),
            Completeness::Invalid => ("invalid", ""),
        };
        body([("status", Term::atom(status)), ("indent", indent.into())])
    }
}

impl NameInfo {
    /// Reads the answer to `names`.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn list_from_term(term: &Term) -> Result<Vec<NameInfo>, Error> {
        let items = term.as_list().ok_or_else(|| wrong(op::NAMES, "a list", term))?;
        items.iter().map(NameInfo::from_term).collect()
    }

    fn from_term(term: &Term) -> Result<NameInfo, Error> {
        let fields = Fields::of(op::NAMES, term)?;
        let size = match fields.get("size").and_then(Term::as_i64) {
            Some(number) => Some(number.to_string()),
            None => fields.optional_text("size")?,
        };
        Ok(NameInfo {
            name: fields.text("name")?,
            r#type: fields.text("type")?,
            size,
            value: fields.text("value")?,
        })
    }

    /// One item of the answer.
    pub fn to_term(&self) -> Term {
        body([
            ("name", (&self.name).into()),
            ("type", (&self.r#type).into()),
            ("size", self.size.as_ref().into()),
            ("value", (&self.value).into()),
        ])
    }
}
