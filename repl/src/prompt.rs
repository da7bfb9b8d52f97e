//! The prompt: which language the next cell is in. Its text and colour carry no meaning for code.

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

/// What stands before the further lines of a cell, as wide as `elixir> `.
pub(crate) const CONTINUATION: &str = "   ...> ";

/// The prompt of the language that the line is in.
pub(crate) struct LanguagePrompt(pub(crate) Line);

impl Prompt for LanguagePrompt {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0.shown_language().name())
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
        Cow::Borrowed(CONTINUATION)
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let outcome = match search.status {
            PromptHistorySearchStatus::Passing => "search",
            PromptHistorySearchStatus::Failing => "not found",
        };
        Cow::Owned(format!(" ({outcome}: {})> ", search.term))
    }

    fn get_prompt_color(&self) -> Color {
        colour(self.0.shown_language())
    }

    fn get_indicator_color(&self) -> Color {
        colour(self.0.shown_language())
    }

    fn get_prompt_multiline_color(&self) -> Color {
        colour(self.0.shown_language())
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
