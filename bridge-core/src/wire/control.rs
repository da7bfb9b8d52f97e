//! What the host and its children tell each other beside cells.

use super::cell::cell_number;
use super::fields::{Fields, body, wrong};
use super::{Error, op};
use crate::term::Term;

/// Which worker the BEAM shall connect to: body of `attach`, answer to `worker`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attach {
    /// The worker's generation.
    pub generation: u64,
    /// Where it listens.
    pub socket: String,
}

impl Attach {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(term: &Term) -> Result<Attach, Error> {
        let fields = Fields::of(op::ATTACH, term)?;
        Ok(Attach {
            generation: fields.u64("generation")?,
            socket: fields.text("socket")?,
        })
    }

    /// The body.
    pub fn to_term(&self) -> Term {
        body([
            ("generation", self.generation.into()),
            ("socket", (&self.socket).into()),
        ])
    }
}

/// A worker died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detach {
    /// Its generation.
    pub generation: u64,
    /// How it died.
    pub reason: String,
    /// The cell that ran.
    pub cell: Option<u64>,
}

impl Detach {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(term: &Term) -> Result<Detach, Error> {
        let fields = Fields::of(op::DETACH, term)?;
        Ok(Detach {
            generation: fields.u64("generation")?,
            reason: fields.text("reason")?,
            cell: fields.optional_u64("cell")?,
        })
    }

    /// The body.
    pub fn to_term(&self) -> Term {
        body([
            ("generation", self.generation.into()),
            ("reason", (&self.reason).into()),
            ("cell", self.cell.into()),
        ])
    }
}

/// A worker answers wrongly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its generation.
    pub generation: u64,
    /// What it did.
    pub reason: String,
}

impl Broken {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(term: &Term) -> Result<Broken, Error> {
        let wrong = || wrong(op::BROKEN, "{generation, reason}", term);
        let Some([generation, reason]) = term.as_tuple() else {
            return Err(wrong());
        };
        Ok(Broken {
            generation: generation.as_u64().ok_or_else(wrong)?,
            reason: reason.as_str().ok_or_else(wrong)?.to_owned(),
        })
    }

    /// The body.
    pub fn to_term(&self) -> Term {
        Term::tuple([Term::from(self.generation), (&self.reason).into()])
    }
}

/// Whether callbacks from Python to Elixir can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElixirState {
    /// They can.
    Up,
    /// Not now.
    Down,
    /// There is no Elixir.
    Missing,
}

impl ElixirState {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(term: &Term) -> Result<ElixirState, Error> {
        match term.as_atom() {
            Some("up") => Ok(ElixirState::Up),
            Some("down") => Ok(ElixirState::Down),
            Some("missing") => Ok(ElixirState::Missing),
            _ => Err(wrong(op::ELIXIR, "`up`, `down` or `missing`", term)),
        }
    }

    /// The body.
    pub fn to_term(self) -> Term {
        Term::atom(match self {
            ElixirState::Up => "up",
            ElixirState::Down => "down",
            ElixirState::Missing => "missing",
        })
    }
}

/// A running cell asks the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRequest {
    /// Which cell.
    pub cell: Option<u64>,
    /// What to show before the answer.
    pub prompt: String,
    /// Whether the answer must not be shown or kept.
    pub password: bool,
}

impl InputRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Error::Body`].
    pub fn from_term(term: &Term) -> Result<InputRequest, Error> {
        let Some([cell, prompt, password]) = term.as_tuple() else {
            return Err(wrong(op::INPUT, "{cell, prompt, password}", term));
        };
        Ok(InputRequest {
            cell: cell_number(op::INPUT, cell)?,
            prompt: prompt
                .as_str()
                .ok_or_else(|| wrong(op::INPUT, "a text", prompt))?
                .to_owned(),
            password: password
                .as_bool()
                .ok_or_else(|| wrong(op::INPUT, "true or false", password))?,
        })
    }

    /// The body.
    pub fn to_term(&self) -> Term {
        Term::tuple([Term::from(self.cell), (&self.prompt).into(), self.password.into()])
    }
}
