//! Colours for what is being typed.
//!
//! The engine asks at every paint for the whole text, so lines that have not changed are kept with the state of the
//! parser before them; after an edit only the lines from there on are read again, until the state is as it was.
//! Reading a line takes up to a millisecond, so a paint reads a few; a thread reads the rest (of a pasted block, or
//! behind a quote that was just opened) and asks for another paint. The grammars are loaded on that thread too, and
//! text is plain until then.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bridge_core::language::Language;
use nu_ansi_term::{Color, Style};
use reedline::{AutoPairContext, Highlighter, StyledText};
use syntect::highlighting::{self as theme, FontStyle, HighlightIterator, HighlightState, Theme};
use syntect::parsing::{ParseState, ScopeStack, SyntaxReference, SyntaxSet};
use two_face::theme::EmbeddedThemeName;

use crate::entry::{Entry, Part, cells};
use crate::line::Line;
use crate::theme::{Background, background};
use crate::{pairs, tty};

/// How long the text is held at a time to read lines of it: by a paint, or by the thread, for which a paint waits.
const BUDGET: Duration = Duration::from_millis(2);

/// How often what the thread has read so far is painted.
const REPAINT: Duration = Duration::from_millis(100);

/// The highlighter of the line.
pub(crate) struct CellHighlighter {
    line: Line,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    cells: Mutex<Cells>,
    unfinished: Condvar,
}

#[derive(Default)]
struct Cells {
    of: [Cell; 2],
    /// The text that was painted last, when not all of it has been read.
    unfinished: Option<(Language, String)>,
    /// What the colours are for.
    background: Option<Background>,
}

impl CellHighlighter {
    /// `repaint` asks the engine for another paint.
    pub(crate) fn new(line: Line, repaint: impl Fn() + Send + 'static) -> CellHighlighter {
        let shared = Arc::new(Shared::default());
        let reader = Arc::clone(&shared);
        std::thread::spawn(move || {
            load();
            repaint();
            loop {
                reader.read_unfinished(&repaint);
            }
        });
        CellHighlighter { line, shared }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Cells> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Some(background());
        if cells.background != now {
            cells.background = now;
            cells.of = Default::default();
        }
        cells
    }

    fn colour(&self, language: Language, source: &str, cursor: usize, styled: &mut StyledText) {
        let Some(grammars) = GRAMMARS.get() else {
            styled.push((Style::new(), source.to_owned()));
            return;
        };
        let mut cells = self.lock();
        let cell = &mut cells.of[language as usize];
        let finished = cell.update(grammars, language, source);
        let cursor_line = source.as_bytes()[..cursor]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        cell.show(cursor_line, tty::size().0, styled);
        cells.unfinished = (!finished).then(|| (language, source.to_owned()));
        if !finished {
            self.unfinished.notify_one();
        }
    }

    /// Waits for a text that a paint could not finish, and reads on until it, or one that came after it, is finished.
    fn read_unfinished(&self, repaint: &impl Fn()) {
        let mut cells = self
            .unfinished
            .wait_while(self.lock(), |cells| cells.unfinished.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        let mut painted = Instant::now();
        while let (Some((language, source)), Some(grammars)) = (cells.unfinished.clone(), GRAMMARS.get()) {
            if cells.of[language as usize].update(grammars, language, &source) {
                cells.unfinished = None;
            }
            // Let a paint have its turn.
            drop(cells);
            if painted.elapsed() > REPAINT {
                repaint();
                painted = Instant::now();
            }
            std::thread::yield_now();
            cells = self.lock();
        }
        drop(cells);
        repaint();
    }
}

impl Highlighter for CellHighlighter {
    fn highlight(&self, text: &str, cursor: usize) -> StyledText {
        self.line.painted(text, cursor);
        let mut styled = StyledText::new();
        match Entry::parse(text, self.line.language()) {
            Entry::Blank => styled.push((Style::new(), text.to_owned())),
            Entry::Command { command, .. } => {
                let (name, rest) = text.split_at(1 + command.name.len());
                styled.push((command_style(), name.to_owned()));
                styled.push((Style::new(), rest.to_owned()));
            }
            Entry::Code {
                language,
                source,
                offset,
                ..
            } => {
                let parts = if text.starts_with(':') && offset > 0 {
                    vec![Part {
                        language,
                        source,
                        offset,
                    }]
                } else {
                    cells(text, self.line.language())
                };
                let mut end = 0;
                for part in parts {
                    if part.offset > end {
                        styled.push((command_style(), text[end..part.offset].to_owned()));
                    }
                    end = part.offset + part.source.len();
                    let cursor = cursor.clamp(part.offset, end) - part.offset;
                    self.shared
                        .colour(part.language, part.source, cursor, &mut styled);
                }
            }
        }
        styled
    }

    /// The engine asks whoever sees the text.
    fn should_auto_pair(&self, context: &AutoPairContext<'_>) -> bool {
        pairs::wanted(context, self.line.language(), self.line.is_one_key())
    }
}

fn command_style() -> Style {
    Style::new().bold()
}

/// The grammars, and a theme for each background.
struct Grammars {
    syntaxes: SyntaxSet,
    themes: [Theme; 3],
}

static GRAMMARS: OnceLock<Grammars> = OnceLock::new();

/// Loads the grammars, and compiles what a first line needs.
fn load() {
    GRAMMARS.get_or_init(|| {
        let themes = two_face::theme::extra();
        // The terminal's own palette is readable on its background, whatever that is.
        let named = [
            EmbeddedThemeName::Ansi,
            EmbeddedThemeName::OneHalfLight,
            EmbeddedThemeName::OneHalfDark,
        ];
        Grammars {
            syntaxes: two_face::syntax::extra_newlines(),
            themes: named.map(|name| themes.get(name).clone()),
        }
    });
    let shared = Shared::default();
    let elixir = "def f(x), do: \"#{x}\" |> g(:a, 1.0) # c";
    let python = "def f(x: int): return f'{x}' + g('a', 1.0) # c";
    for (language, sample) in [(Language::Elixir, elixir), (Language::Python, python)] {
        shared.colour(language, sample, 0, &mut StyledText::new());
    }
}

/// The lines of a text, coloured as code of a language that is called so; as they are where it is not known.
pub(crate) fn code(language: &str, text: &str) -> Vec<String> {
    load();
    let name = match language {
        "iex" | "ex" => "elixir",
        "pycon" | "python-console" | "python3" | "ipython" => "python",
        "sh" | "console" | "shell" => "bash",
        name => name,
    };
    let found = GRAMMARS
        .get()
        .and_then(|grammars| Some((grammars, grammars.syntaxes.find_syntax_by_token(name)?)));
    let Some((grammars, syntax)) = found else {
        return text.lines().map(str::to_owned).collect();
    };
    let highlighter = theme::Highlighter::new(grammars.theme());
    let mut state = (
        ParseState::new(syntax),
        HighlightState::new(&highlighter, ScopeStack::new()),
    );
    text.split_inclusive('\n')
        .map(|line| {
            let pieces = read_line(grammars, &highlighter, &mut state, line);
            pieces
                .iter()
                .map(|(style, text)| match text.trim_end_matches('\n') {
                    "" => String::new(),
                    text => style.paint(text).to_string(),
                })
                .collect()
        })
        .collect()
}

impl Grammars {
    fn theme(&self) -> &Theme {
        &self.themes[match background() {
            Background::Light if has_many_colours() => 1,
            Background::Dark if has_many_colours() => 2,
            _ => 0,
        }]
    }

    fn syntax(&self, language: Language) -> &SyntaxReference {
        let name = match language {
            Language::Elixir => "Elixir",
            Language::Python => "Python",
        };
        self.syntaxes
            .find_syntax_by_name(name)
            .unwrap_or_else(|| self.syntaxes.find_syntax_plain_text())
    }
}

/// The text of one language as it was painted last.
#[derive(Default)]
struct Cell {
    lines: Vec<Painted>,
}

/// A line, its colours, and the state of the parser at its start; no state when the budget ran out before it.
struct Painted {
    text: String,
    before: Option<(ParseState, HighlightState)>,
    pieces: Vec<(Style, String)>,
}

impl Cell {
    /// Gives the text, coloured as far from the cursor as the screen can show. The engine lays out the whole text
    /// several times a paint, and every escape sequence costs it as much as what it colours.
    fn show(&self, cursor_line: usize, rows: usize, styled: &mut StyledText) {
        for (index, line) in self.lines.iter().enumerate() {
            if index.abs_diff(cursor_line) <= rows {
                styled.buffer.extend_from_slice(&line.pieces);
                continue;
            }
            match styled.buffer.last_mut() {
                Some((style, text)) if *style == Style::new() => text.push_str(&line.text),
                _ => styled.push((Style::new(), line.text.clone())),
            }
        }
    }

    /// Reads what has changed, as far as the budget goes; whether that was all.
    fn update(&mut self, grammars: &Grammars, language: Language, source: &str) -> bool {
        let texts: Vec<&str> = source.split_inclusive('\n').collect();
        let kept = |(line, text): &(&Painted, &&str)| line.text == **text && line.before.is_some();
        let same = self.lines.iter().zip(&texts).take_while(kept).count();
        let mut rest = self.lines.split_off(same);
        let tail = rest
            .iter()
            .rev()
            .zip(texts[same..].iter().rev())
            .take_while(|(a, b)| a.text == ***b)
            .count();
        let highlighter = theme::Highlighter::new(grammars.theme());
        let started = Instant::now();
        // The state behind the lines that are kept: found by reading the last of them again.
        let mut state = match self.lines.pop() {
            Some(Painted {
                before: Some(before), ..
            }) => Some(before),
            _ => Some((
                ParseState::new(grammars.syntax(language)),
                HighlightState::new(&highlighter, ScopeStack::new()),
            )),
        };
        for (index, text) in texts.iter().enumerate().skip(self.lines.len()) {
            // In the unchanged tail, the old line is the one that is as far from the end.
            let left = texts.len() - index;
            let old = (left <= tail).then(|| rest.len() - left);
            if let Some(old) = old.filter(|old| state.is_some() && rest[*old].before == state) {
                self.lines.extend(rest.drain(old..));
                return self.is_finished();
            }
            if state.is_some() && started.elapsed() > BUDGET {
                state = None;
            }
            let before = state.clone();
            let pieces = match &mut state {
                Some(state) => read_line(grammars, &highlighter, state, text),
                None => match old {
                    Some(old) => std::mem::take(&mut rest[old].pieces),
                    None => vec![(Style::new(), (*text).to_owned())],
                },
            };
            self.lines.push(Painted {
                text: (*text).to_owned(),
                before,
                pieces,
            });
        }
        self.is_finished()
    }

    fn is_finished(&self) -> bool {
        self.lines.iter().all(|line| line.before.is_some())
    }
}

fn read_line(
    grammars: &Grammars,
    highlighter: &theme::Highlighter<'_>,
    (parser, colours): &mut (ParseState, HighlightState),
    text: &str,
) -> Vec<(Style, String)> {
    // A grammar that fails on a line costs that line its colours.
    let Ok(operations) = parser.parse_line(text, &grammars.syntaxes) else {
        return vec![(Style::new(), text.to_owned())];
    };
    let mut pieces: Vec<(Style, String)> = Vec::new();
    for (style, piece) in HighlightIterator::new(colours, &operations, text, highlighter) {
        let style = terminal_style(style);
        match pieces.last_mut() {
            Some((last, before)) if *last == style => before.push_str(piece),
            _ => pieces.push((style, piece.to_owned())),
        }
    }
    pieces
}

/// The theme's style in the terminal's palette. A colour without alpha is an index into the palette, and one with
/// alpha 1 the terminal's own: the convention of bat's themes for terminals.
fn terminal_style(style: theme::Style) -> Style {
    let colour = style.foreground;
    let mut terminal = Style::new();
    terminal.foreground = match (colour.a, colour.r) {
        (0, 0) => Some(Color::Black),
        (0, 1) => Some(Color::Red),
        (0, 2) => Some(Color::Green),
        (0, 3) => Some(Color::Yellow),
        (0, 4) => Some(Color::Blue),
        (0, 5) => Some(Color::Purple),
        (0, 6) => Some(Color::Cyan),
        (0, 7) => Some(Color::White),
        (0, index) => Some(Color::Fixed(index)),
        (1, _) => None,
        _ if has_true_colours() => Some(Color::Rgb(colour.r, colour.g, colour.b)),
        _ => Some(Color::Fixed(nearest(colour.r, colour.g, colour.b))),
    };
    terminal.is_bold = style.font_style.contains(FontStyle::BOLD);
    terminal.is_italic = style.font_style.contains(FontStyle::ITALIC);
    terminal.is_underline = style.font_style.contains(FontStyle::UNDERLINE);
    terminal
}

/// Whether the terminal says that it shows any colour.
pub(crate) fn has_true_colours() -> bool {
    std::env::var("COLORTERM").is_ok_and(|said| said == "truecolor" || said == "24bit")
}

/// Whether it shows more than the 16 of its palette.
pub(crate) fn has_many_colours() -> bool {
    has_true_colours() || std::env::var("TERM").is_ok_and(|term| term.contains("256color"))
}

/// The colour that comes closest, of the palette of 256: its cube of six steps, or its grays.
pub(crate) fn nearest(red: u8, green: u8, blue: u8) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |value: u8| {
        (0..6)
            .min_by_key(|step| STEPS[*step].abs_diff(value))
            .unwrap_or(0)
    };
    let distance = |r: u8, g: u8, b: u8| {
        let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
        square(r, red) + square(g, green) + square(b, blue)
    };
    let (r, g, b) = (step(red), step(green), step(blue));
    let mean = (u32::from(red) + u32::from(green) + u32::from(blue)) / 3;
    let gray = u8::try_from(mean.saturating_sub(3) / 10).unwrap_or(0).min(23);
    let level = 8 + 10 * gray;
    if distance(level, level, level) < distance(STEPS[r], STEPS[g], STEPS[b]) {
        return 232 + gray;
    }
    u8::try_from(16 + 36 * r + 6 * g + b).unwrap_or(15)
}

#[cfg(test)]
mod tests;
