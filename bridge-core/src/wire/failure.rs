//! What an error answer says.

use crate::term::Term;

/// What an error answer says. Any term can be read as one: a message that is an error stays one, however it looks.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// Python code raised; the map that describes the exception.
    Python(Term),
    /// Elixir code failed.
    Elixir {
        /// `error`, `exit` or `throw`.
        kind: String,
        /// The exception, or what was thrown.
        reason: Term,
        /// The formatted message.
        text: String,
        /// Where: the frames as Elixir prints them, innermost first.
        trace: Vec<String>,
    },
    /// The bridge refuses.
    Bridge {
        /// One of those that the protocol lists.
        reason: String,
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// Something else.
    Other(Term),
}

impl Failure {
    /// The bridge's own.
    pub fn bridge(reason: &str, message: impl Into<String>) -> Failure {
        Failure::Bridge {
            reason: reason.to_owned(),
            message: message.into(),
            hint: None,
        }
    }

    /// Reads the third part of an error message.
    pub fn from_term(term: Term) -> Failure {
        let text = |term: &Term| term.as_str().map(str::to_owned);
        match term.as_tuple() {
            Some([tag, exception]) if tag.as_atom() == Some("python") && exception.as_map().is_some() => {
                Failure::Python(exception.clone())
            }
            Some([tag, kind, reason, message, trace]) if tag.as_atom() == Some("elixir") => {
                match (kind.as_atom(), text(message), trace.as_list()) {
                    (Some(kind), Some(text), Some(trace))
                        if trace.iter().all(|frame| frame.as_str().is_some()) =>
                    {
                        Failure::Elixir {
                            kind: kind.to_owned(),
                            reason: reason.clone(),
                            text,
                            trace: trace.iter().filter_map(Term::as_str).map(str::to_owned).collect(),
                        }
                    }
                    _ => Failure::Other(term),
                }
            }
            Some([tag, reason, message, hint]) if tag.as_atom() == Some("bridge") => {
                match (reason.as_atom(), text(message)) {
                    (Some(reason), Some(message)) if hint.is_nil() || hint.as_str().is_some() => {
                        Failure::Bridge {
                            reason: reason.to_owned(),
                            message,
                            hint: text(hint),
                        }
                    }
                    _ => Failure::Other(term),
                }
            }
            _ => Failure::Other(term),
        }
    }

    /// The third part of an error message.
    pub fn to_term(&self) -> Term {
        match self {
            Failure::Python(exception) => Term::tuple([Term::atom("python"), exception.clone()]),
            Failure::Elixir {
                kind,
                reason,
                text,
                trace,
            } => Term::tuple([
                Term::atom("elixir"),
                Term::atom(kind.as_str()),
                reason.clone(),
                text.into(),
                Term::list(trace.iter().map(String::as_str)),
            ]),
            Failure::Bridge {
                reason,
                message,
                hint,
            } => Term::tuple([
                Term::atom("bridge"),
                Term::atom(reason.as_str()),
                message.into(),
                hint.as_ref().into(),
            ]),
            Failure::Other(term) => term.clone(),
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Failure::Bridge { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }
}

/// One line, for people.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Python(exception) => {
                let field = |name| exception.get(name).and_then(Term::as_str).unwrap_or("?");
                write!(f, "{}: {}", field("class"), field("message"))
            }
            Failure::Elixir { text, .. } => f.write_str(text),
            Failure::Bridge { message, .. } => f.write_str(message),
            Failure::Other(term) => write!(f, "{term:.300}"),
        }
    }
}
