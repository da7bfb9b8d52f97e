//! The completion menu: the candidates in columns (name, kind, signature or type), and beside them, or below in a
//! narrow terminal, the documentation of the one that is selected.
//!
//! This is its state, as reedline's engine drives it; `draw` is what it looks like. Its height does not change while
//! it is open, whatever is selected, so that nothing on the screen jumps. Where there is nothing to complete it is
//! nothing: no row, no message, and the keys mean what they mean without it.

mod draw;

use std::cell::Cell;

use reedline::menu_functions::{CompletionDisplay, resolve_completer_input};
use reedline::{Completer, CompletionResult, Editor, Menu, MenuEvent, MenuSettings, Painter, Suggestion};

use crate::completion::SHOWN;
use crate::line::Line;
use crate::lookup::{Asker, Lookup, Subject};
use crate::prompt::INDICATOR;
use draw::{Area, Row};

/// The menu's name in key bindings.
pub(crate) const COMPLETION: &str = "completion";

/// The completion menu.
pub(crate) struct CompletionMenu {
    settings: MenuSettings,
    line: Line,
    lookup: Lookup,
    active: bool,
    answer: Answer,
    /// Whether an answer that is final was shown since the menu was opened.
    opened: bool,
    values: CompletionDisplay,
    /// What stands in the line where the candidates would.
    typed: String,
    selected: usize,
    /// The first candidate that is shown; drawing moves it as far as the selected one needs.
    first: Cell<usize>,
    event: Option<MenuEvent>,
    screen: (u16, u16),
}

/// How final the last answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    None,
    Pending,
    Stale,
    Final,
}

impl CompletionMenu {
    pub(crate) fn new(line: Line, lookup: Lookup) -> CompletionMenu {
        CompletionMenu {
            settings: MenuSettings::default()
                .with_name(COMPLETION)
                .with_marker(INDICATOR)
                .with_word_chars("_?!:.%/"),
            line,
            lookup,
            active: false,
            answer: Answer::None,
            opened: false,
            values: CompletionDisplay::default(),
            typed: String::new(),
            selected: 0,
            first: Cell::new(0),
            event: None,
            screen: (80, 24),
        }
    }

    fn area(&self) -> Area {
        let (columns, rows) = self.screen;
        Area::new(usize::from(columns), usize::from(rows), self.get_values().len())
    }

    fn apply(&mut self, event: MenuEvent, editor: &mut Editor, completer: &mut dyn Completer) {
        let count = self.get_values().len();
        let last = count.saturating_sub(1);
        let page = self.area().list.saturating_sub(1).max(1);
        match event {
            MenuEvent::Activate(updated) | MenuEvent::Edit(updated) => {
                self.reload(updated, editor, completer);
            }
            MenuEvent::NextElement | MenuEvent::MoveDown => {
                self.selected = if self.selected >= last {
                    0
                } else {
                    self.selected + 1
                };
            }
            MenuEvent::PreviousElement | MenuEvent::MoveUp => {
                self.selected = self.selected.checked_sub(1).unwrap_or(last);
            }
            MenuEvent::NextPage => self.selected = (self.selected + page).min(last),
            MenuEvent::PreviousPage => self.selected = self.selected.saturating_sub(page),
            MenuEvent::Deactivate | MenuEvent::MoveLeft | MenuEvent::MoveRight => {}
        }
    }

    /// The source in which the selected candidate stands where what it completes does.
    fn subject(&self) -> Option<Subject> {
        let candidate = self.get_values().get(self.selected)?;
        self.line.subject(candidate.span.start, &candidate.value)
    }
}

impl Menu for CompletionMenu {
    fn settings(&self) -> &MenuSettings {
        &self.settings
    }

    /// A menu that has learnt that there is nothing gives the arrow keys back.
    fn is_active(&self) -> bool {
        self.active && (self.answer != Answer::Final || !self.get_values().is_empty())
    }

    fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    fn clear_input(&mut self) {}

    fn on_activate(&mut self) {
        self.values = CompletionDisplay::default();
        self.answer = Answer::None;
        self.opened = false;
    }

    fn menu_event(&mut self, event: MenuEvent) {
        self.handle_menu_event(&event);
        self.event = Some(event);
    }

    fn can_quick_complete(&self) -> bool {
        true
    }

    fn can_partially_complete(
        &mut self,
        values_updated: bool,
        editor: &mut Editor,
        completer: &mut dyn Completer,
    ) -> bool {
        if !values_updated {
            self.update_values(editor, completer);
        }
        // Those that were left out may have less in common.
        if self.get_values().len() >= SHOWN {
            return false;
        }
        let extended = self.values.common_prefix(editor);
        if extended {
            self.update_values(editor, completer);
        }
        extended
    }

    fn update_values(&mut self, editor: &mut Editor, completer: &mut dyn Completer) {
        let (text, position) = resolve_completer_input(editor, &mut None, &self.settings);
        let (result, ranges) = completer.complete_with_base_ranges(&text, position);
        self.answer = match &result {
            CompletionResult::Fresh { .. } => Answer::Final,
            CompletionResult::Stale { .. } => Answer::Stale,
            CompletionResult::Pending => Answer::Pending,
        };
        self.opened |= self.answer == Answer::Final;
        let start = result.suggestions().first().map(|first| first.span.start);
        if let Some(values) = CompletionDisplay::from_result(result, &ranges, editor) {
            self.typed = start
                .and_then(|start| text.get(start..position))
                .unwrap_or_default()
                .to_owned();
            // What stands in the line already is nothing to choose. The engine would take it for the single candidate
            // and take that by Enter, which the menu, closed, would leave to the line.
            self.values = match values.suggestions() {
                [single] if single.value == self.typed => CompletionDisplay::default(),
                _ => values,
            };
            self.reset_position();
        }
    }

    fn reset_position(&mut self) {
        self.selected = 0;
        self.first.set(0);
    }

    fn update_working_details(
        &mut self,
        editor: &mut Editor,
        completer: &mut dyn Completer,
        painter: &Painter,
    ) {
        self.screen = (painter.screen_width(), painter.screen_height());
        if let Some(event) = self.event.take() {
            self.apply(event, editor, completer);
        }
    }

    fn replace_in_buffer(&self, editor: &mut Editor) {
        self.values.accept(self.selected, editor, None);
    }

    fn menu_required_lines(&self, _: u16) -> u16 {
        self.min_rows()
    }

    fn menu_string(&self, available_lines: u16, use_ansi_coloring: bool) -> String {
        if self.get_values().is_empty() {
            return String::new();
        }
        let area = self.area().within(usize::from(available_lines));
        let first = draw::scrolled(self.first.get(), self.selected, area.list);
        self.first.set(first);
        let rows: Vec<Row<'_>> = self
            .get_values()
            .iter()
            .map(|suggestion| Row::new(suggestion, &self.typed))
            .collect();
        let found = self
            .subject()
            .and_then(|subject| self.lookup.find(Asker::Menu, &subject));
        draw::menu(
            &rows,
            self.selected,
            first,
            found.as_deref(),
            area,
            use_ansi_coloring,
        )
    }

    fn min_rows(&self) -> u16 {
        if self.get_values().is_empty() {
            return 0;
        }
        u16::try_from(self.area().rows()).unwrap_or(u16::MAX)
    }

    fn get_values(&self) -> &[Suggestion] {
        self.values.suggestions()
    }

    fn results_are_provisional(&self) -> bool {
        matches!(self.answer, Answer::Pending | Answer::Stale)
    }

    fn is_awaiting_first_answer(&self) -> bool {
        !self.opened
    }
}
