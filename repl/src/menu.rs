//! The completion menu: reedline's menu for editors, but silent when there is nothing to complete.
//!
//! reedline writes `NO RECORDS FOUND` under the line then, which says nothing and moves what is below.

use reedline::{
    Completer, DescriptionMode, Editor, IdeMenu, Menu, MenuBuilder, MenuEvent, MenuSettings, Painter,
    Suggestion,
};

use nu_ansi_term::{Color, Style};

use crate::prompt::INDICATOR;

/// The menu's name in key bindings.
pub(crate) const COMPLETION: &str = "completion";

/// The completion menu.
pub(crate) struct CompletionMenu(IdeMenu);

impl CompletionMenu {
    pub(crate) fn new() -> CompletionMenu {
        CompletionMenu(
            IdeMenu::default()
                .with_name(COMPLETION)
                .with_marker(INDICATOR)
                .with_word_chars("_?!:.")
                .with_default_border()
                .with_max_completion_height(14)
                .with_min_completion_width(12)
                .with_max_completion_width(40)
                .with_description_mode(DescriptionMode::PreferRight)
                .with_min_description_width(20)
                .with_max_description_width(60)
                .with_max_description_height(10)
                .with_correct_cursor_pos(true)
                .with_text_style(Style::new())
                .with_selected_text_style(Style::new().reverse())
                .with_selected_match_text_style(Style::new().reverse().bold())
                .with_match_text_style(Style::new().bold())
                .with_description_text_style(Style::new().fg(Color::Cyan)),
        )
    }

    fn is_silent(&self) -> bool {
        self.0.get_values().is_empty()
    }
}

impl Menu for CompletionMenu {
    fn settings(&self) -> &MenuSettings {
        self.0.settings()
    }

    /// A menu that has learnt that there is nothing gives the arrow keys back.
    fn is_active(&self) -> bool {
        let waits = self.0.is_awaiting_first_answer() || self.0.results_are_provisional();
        self.0.is_active() && (waits || !self.is_silent())
    }

    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn clear_input(&mut self) {
        self.0.clear_input();
    }

    fn on_activate(&mut self) {
        self.0.on_activate();
    }

    fn on_deactivate(&mut self) {
        self.0.on_deactivate();
    }

    fn menu_event(&mut self, event: MenuEvent) {
        self.0.menu_event(event);
    }

    fn can_quick_complete(&self) -> bool {
        self.0.can_quick_complete()
    }

    fn can_partially_complete(
        &mut self,
        values_updated: bool,
        editor: &mut Editor,
        completer: &mut dyn Completer,
    ) -> bool {
        self.0.can_partially_complete(values_updated, editor, completer)
    }

    fn update_values(&mut self, editor: &mut Editor, completer: &mut dyn Completer) {
        self.0.update_values(editor, completer);
    }

    fn reset_position(&mut self) {
        self.0.reset_position();
    }

    fn update_working_details(
        &mut self,
        editor: &mut Editor,
        completer: &mut dyn Completer,
        painter: &Painter,
    ) {
        self.0.update_working_details(editor, completer, painter);
    }

    fn replace_in_buffer(&self, editor: &mut Editor) {
        self.0.replace_in_buffer(editor);
    }

    fn menu_required_lines(&self, terminal_columns: u16) -> u16 {
        if self.is_silent() {
            0
        } else {
            self.0.menu_required_lines(terminal_columns)
        }
    }

    fn menu_string(&self, available_lines: u16, use_ansi_coloring: bool) -> String {
        if self.is_silent() {
            String::new()
        } else {
            self.0.menu_string(available_lines, use_ansi_coloring)
        }
    }

    fn min_rows(&self) -> u16 {
        if self.is_silent() { 0 } else { self.0.min_rows() }
    }

    fn get_values(&self) -> &[Suggestion] {
        self.0.get_values()
    }

    fn results_are_provisional(&self) -> bool {
        self.0.results_are_provisional()
    }

    fn is_awaiting_first_answer(&self) -> bool {
        self.0.is_awaiting_first_answer()
    }

    fn set_cursor_pos(&mut self, position: (u16, u16)) {
        self.0.set_cursor_pos(position);
    }
}
