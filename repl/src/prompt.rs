//! The prompt: which language the next cell is in, and its number, by which `v(3)`, `Out[3]` and errors name it. Its
//! text and colour carry no meaning for code.

use std::borrow::Cow;

use bridge_core::language::Language;
use nu_ansi_term::Color;
use reedline::{Prompt, PromptEditMode, PromptHistorySearch, PromptHistorySearchStatus, PromptViMode};

use crate::line::Line;

/// What stands between the language's name and what is typed.
pub(crate) const INDICATOR: &str = "> ";

/// The same in vi's modes that do not insert: as wide, so that nothing moves.
const NORMAL: &str = ": ";
const VISUAL: &str = "/ ";

/// What stands before the first line of a cell.
pub(crate) fn first(language: Language, number: u64) -> String {
    format!("{language}({number}){INDICATOR}")
}

/// What stands before its further lines, as wide.
pub(crate) fn continuation(language: Language, number: u64) -> String {
    format!("{:>width$}", "...> ", width = first(language, number).len())
}

/// The prompt of the language that the line is in.
pub(crate) struct LanguagePrompt {
    pub(crate) line: Line,
    /// The number of the next cell.
    pub(crate) number: u64,
}

impl Prompt for LanguagePrompt {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{}({})", self.line.shown_language(), self.number))
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed(match mode {
            PromptEditMode::Vi(PromptViMode::Normal) => NORMAL,
            PromptEditMode::Vi(PromptViMode::Visual) => VISUAL,
            _ => INDICATOR,
        })
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Owned(continuation(self.line.shown_language(), self.number))
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let outcome = match search.status {
            PromptHistorySearchStatus::Passing => "search",
            PromptHistorySearchStatus::Failing => "not found",
        };
        Cow::Owned(format!(" ({outcome}: {})> ", search.term))
    }

    fn get_prompt_color(&self) -> Color {
        colour(self.line.shown_language())
    }

    fn get_indicator_color(&self) -> Color {
        colour(self.line.shown_language())
    }

    fn get_prompt_multiline_color(&self) -> Color {
        colour(self.line.shown_language())
    }
}

/// The colour that stands for a language wherever one does: readable on black and on white.
fn colour(language: Language) -> Color {
    match language {
        Language::Elixir => Color::Purple,
        Language::Python => Color::Green,
    }
}

/// The prompt of a question that a cell asks: its own text, and nothing else.
pub(crate) struct Question<'a>(pub(crate) &'a str);

impl Prompt for Question<'_> {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_history_search_indicator(&self, _: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn get_prompt_color(&self) -> Color {
        Color::Default
    }

    fn get_indicator_color(&self) -> Color {
        Color::Default
    }
}
