//! A terminal to test in: a pseudo-terminal with an emulator behind it, which answers when asked for the cursor.
//!
//! Nothing here sleeps: whoever waits for something on the screen is woken by each change of it, and gives up at a
//! deadline, showing the screen.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;

/// How long anything may take. Children start within seconds; the rest is for busy machines.
const DEADLINE: Duration = Duration::from_secs(60);

/// Longer than the editor waits for more of a batch of keys: once many keys have come at once, or a resize, it takes all
/// that follow within a tenth of a second of each other, Ctrl-C as well, before it acts on the first.
const BATCH: Duration = Duration::from_millis(150);

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).expect("a screen has rows and columns")
}

type Writer = Arc<Mutex<Box<dyn Write + Send>>>;

/// Answers the questions that programs put to terminals.
struct Answers {
    writer: Writer,
    /// What it says of its background, and what somebody types just before and after that.
    background: Option<(String, String, String)>,
}

impl vt100::Callbacks for Answers {
    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        _: Option<u8>,
        _: Option<u8>,
        parameters: &[&[u16]],
        c: char,
    ) {
        if c == 'n' && parameters == [[6]] {
            let (row, column) = screen.cursor_position();
            // A program that has ended does not read its answer.
            let _ = write!(self.writer.lock().unwrap(), "\x1b[{};{}R", row + 1, column + 1);
        }
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, parameters: &[&[u8]]) {
        if parameters == [b"11".as_slice(), b"?".as_slice()]
            && let Some((before, colour, after)) = &self.background
        {
            let _ = write!(
                self.writer.lock().unwrap(),
                "{before}\x1b]11;{colour}\x1b\\{after}"
            );
        }
    }
}

struct Emulator {
    parser: vt100::Parser<Answers>,
    /// Everything that was written, for what an emulator does not keep.
    raw: Vec<u8>,
    /// How much had been written when something was last typed.
    typed_at: usize,
    ended: bool,
}

/// How to start one.
pub(crate) struct Setup {
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    state: Option<PathBuf>,
    background: Option<(String, String, String)>,
    /// Rows and columns.
    size: (u16, u16),
    /// What starts the program, with its arguments; else it starts by itself.
    starter: Vec<String>,
}

impl Setup {
    pub(crate) fn new() -> Setup {
        Setup {
            environment: Vec::new(),
            arguments: Vec::new(),
            state: None,
            background: None,
            size: (ROWS, COLUMNS),
            starter: Vec::new(),
        }
    }

    pub(crate) fn size(mut self, rows: u16, columns: u16) -> Setup {
        self.size = (rows, columns);
        self
    }

    /// Starts the program by another one, as its last argument.
    pub(crate) fn within(mut self, starter: &[&str]) -> Setup {
        self.starter = starter.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// The terminal says that its background is of that colour; `before` and `after` are typed at that moment.
    pub(crate) fn background(mut self, before: &str, colour: &str, after: &str) -> Setup {
        self.background = Some((before.into(), colour.into(), after.into()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Setup {
        self.environment.push((name.into(), value.into()));
        self
    }

    pub(crate) fn argument(mut self, argument: &str) -> Setup {
        self.arguments.push(argument.into());
        self
    }

    /// Keeps history, records and configuration there, not in a directory of its own.
    pub(crate) fn state(mut self, directory: &Path) -> Setup {
        self.state = Some(directory.into());
        self
    }

    /// Starts the program and waits for its first prompt.
    pub(crate) fn start(self) -> Terminal {
        let terminal = self.spawn();
        terminal.prompt("elixir> ");
        terminal
    }

    /// Starts the program.
    pub(crate) fn spawn(self) -> Terminal {
        let directory = tempfile::tempdir().unwrap();
        let state = self.state.unwrap_or_else(|| directory.path().join("state"));
        let pty = native_pty_system()
            .openpty(PtySize {
                rows: self.size.0,
                cols: self.size.1,
                pixel_width: 0,
                pixel_height: 0,
            })
            .unwrap();
        let program = env!("CARGO_BIN_EXE_snakebridge");
        let words: Vec<&str> = self.starter.iter().map(String::as_str).chain([program]).collect();
        let mut command = CommandBuilder::new(words[0]);
        command.args(&words[1..]);
        command.cwd(directory.path());
        command.args(&self.arguments);
        command.env_remove("NO_COLOR");
        command.env("TERM", "xterm-256color");
        command.env("XDG_STATE_HOME", &state);
        command.env("XDG_CONFIG_HOME", &state);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let writer: Writer = Arc::new(Mutex::new(pty.master.take_writer().unwrap()));
        let parser = vt100::Parser::new_with_callbacks(
            cells(self.size.0),
            cells(self.size.1),
            1000,
            Answers {
                writer: Arc::clone(&writer),
                background: self.background,
            },
        );
        let emulator = Emulator {
            parser,
            raw: Vec::new(),
            typed_at: 0,
            ended: false,
        };
        let shared = Arc::new((Mutex::new(emulator), Condvar::new()));
        let mut reader = pty.master.try_clone_reader().unwrap();
        let sink = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            loop {
                let read = reader.read(&mut bytes).unwrap_or(0);
                let mut emulator = sink.0.lock().unwrap();
                emulator.parser.process(&bytes[..read]);
                emulator.raw.extend_from_slice(&bytes[..read]);
                emulator.ended = read == 0;
                sink.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Terminal {
            shared,
            writer,
            child,
            master: pty.master,
            directory,
        }
    }
}

/// A running program and its screen.
pub(crate) struct Terminal {
    shared: Arc<(Mutex<Emulator>, Condvar)>,
    writer: Writer,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    directory: TempDir,
}

impl Terminal {
    /// Starts the program as usual and waits for its first prompt.
    pub(crate) fn start() -> Terminal {
        Setup::new().start()
    }

    /// Types text in one go.
    pub(crate) fn write(&self, text: &str) -> &Terminal {
        let mut emulator = self.emulator();
        emulator.typed_at = emulator.raw.len();
        drop(emulator);
        let mut writer = self.writer.lock().unwrap();
        writer.write_all(text.as_bytes()).unwrap();
        writer.flush().unwrap();
        self
    }

    /// Types text key by key, each one when the one before has moved the cursor.
    pub(crate) fn keys(&self, text: &str) -> &Terminal {
        for key in text.chars() {
            let before = self.emulator().parser.screen().cursor_position();
            self.write(key.encode_utf8(&mut [0; 4]));
            self.wait("an answer to a key", |emulator| {
                emulator.parser.screen().cursor_position() != before
            });
        }
        self
    }

    /// Types an entry and Enter, in one go.
    pub(crate) fn enter(&self, text: &str) -> &Terminal {
        self.write(&format!("{text}\r"))
    }

    /// Pastes as terminals with bracketed paste do.
    pub(crate) fn paste(&self, text: &str) -> &Terminal {
        self.write(&format!("\x1b[200~{text}\x1b[201~"))
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) -> &Terminal {
        self.emulator()
            .parser
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.resize(size).unwrap();
        self
    }

    /// Waits until some line of the screen reads so, apart from spaces at its end.
    #[track_caller]
    pub(crate) fn line(&self, line: &str) -> &Terminal {
        self.wait(&format!("the line {line:?}"), |emulator| {
            emulator.lines().iter().any(|shown| shown == line.trim_end())
        });
        self
    }

    /// Waits until some line of the screen starts so.
    #[track_caller]
    pub(crate) fn line_starts(&self, start: &str) -> &Terminal {
        self.wait(&format!("a line that starts {start:?}"), |emulator| {
            emulator.lines().iter().any(|shown| shown.starts_with(start))
        });
        self
    }

    /// Waits until the cursor's line starts so.
    #[track_caller]
    pub(crate) fn prompt_starts(&self, start: &str) -> &Terminal {
        self.wait(&format!("a prompt that starts {start:?}"), |emulator| {
            let (row, _) = emulator.parser.screen().cursor_position();
            let lines = emulator.lines();
            lines
                .get(usize::from(row))
                .is_some_and(|line| line.starts_with(start))
        });
        self
    }

    /// Presses Ctrl-C until the cursor stands at one of these prompts with nothing behind it.
    #[track_caller]
    pub(crate) fn cleared(&self, prompts: &[&str]) -> &Terminal {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.write("\x03").quiet_for(BATCH);
            let emulator = self.emulator();
            let (row, column) = emulator.parser.screen().cursor_position();
            let lines = emulator.lines();
            let line = lines.get(usize::from(row)).map_or("", String::as_str);
            let column = usize::from(column).saturating_sub(emulator.unnumbered(row).1);
            let found = prompts
                .iter()
                .any(|prompt| line == prompt.trim_end() && column == prompt.len());
            if found {
                break;
            }
            assert!(
                Instant::now() < deadline && !emulator.ended,
                "no prompt; the screen:\n{}",
                lines.join("\n")
            );
        }
        self
    }

    /// Waits until nothing has been written for a moment, or for a second: where anything may be on the screen.
    pub(crate) fn settled(&self) -> &Terminal {
        self.quiet_for(Duration::from_millis(25))
    }

    fn quiet_for(&self, quiet: Duration) -> &Terminal {
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut emulator = self.emulator();
        while Instant::now() < deadline {
            let written = emulator.raw.len();
            emulator = self.shared.1.wait_timeout(emulator, quiet).unwrap().0;
            if emulator.raw.len() == written {
                break;
            }
        }
        drop(emulator);
        self
    }

    /// Waits until the screen shows that text.
    #[track_caller]
    pub(crate) fn text(&self, text: &str) -> &Terminal {
        self.wait(&format!("the text {text:?}"), |emulator| {
            emulator.lines().join("\n").contains(text)
        });
        self
    }

    /// Whether the screen shows that text within three seconds.
    pub(crate) fn shows(&self, text: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(3);
        let mut emulator = self.emulator();
        loop {
            if emulator.lines().join("\n").contains(text) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            emulator = self.shared.1.wait_timeout(emulator, left).unwrap().0;
        }
    }

    /// Waits until the screen does not show that text any more.
    #[track_caller]
    pub(crate) fn no_text(&self, text: &str) -> &Terminal {
        self.wait(&format!("no text {text:?}"), |emulator| {
            !emulator.lines().join("\n").contains(text)
        });
        self
    }

    /// Waits until, after something was written since the last key, the cursor stands behind this text, which is all
    /// of its line, and nothing follows below.
    #[track_caller]
    pub(crate) fn prompt(&self, text: &str) -> &Terminal {
        self.wait(&format!("the prompt {text:?}"), |emulator| {
            let (row, column) = emulator.parser.screen().cursor_position();
            let lines = emulator.lines();
            let column = usize::from(column).saturating_sub(emulator.unnumbered(row).1);
            let below = lines.iter().skip(usize::from(row) + 1).all(String::is_empty);
            let line = lines.get(usize::from(row)).map_or("", String::as_str);
            let answered = emulator.raw.len() > emulator.typed_at;
            answered && below && line == text.trim_end() && column == text.chars().count()
        });
        self
    }

    /// Waits until the program has written that, whether or not it still is on the screen.
    #[track_caller]
    pub(crate) fn written(&self, text: &str) -> &Terminal {
        self.wait(&format!("the text {text:?}"), |emulator| {
            String::from_utf8_lossy(&emulator.raw).contains(text)
        });
        self
    }

    /// Everything that was written so far.
    pub(crate) fn raw(&self) -> String {
        String::from_utf8_lossy(&self.emulator().raw).into_owned()
    }

    /// The lines of the screen, without spaces at their ends and empty lines at its end.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = self.emulator().lines();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines
    }

    /// The lines of the screen with their colours and styles, from the first that starts so.
    pub(crate) fn painted(&self, from: &str) -> String {
        let emulator = self.emulator();
        let screen = emulator.parser.screen();
        let (rows, _) = screen.size();
        let first = emulator.lines().iter().position(|line| line.starts_with(from));
        let lines = (0..rows.get())
            .skip(first.unwrap_or(0))
            .map(|row| painted(screen, row));
        lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    /// Waits until the program has ended.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.wait("the end", |emulator| emulator.ended);
        self.child.wait().unwrap()
    }

    /// Where the program runs.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The program's process.
    pub(crate) fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    #[track_caller]
    fn wait(&self, what: &str, holds: impl Fn(&Emulator) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        let mut emulator = self.emulator();
        while !holds(&emulator) {
            let left = deadline.saturating_duration_since(Instant::now());
            let shown = || emulator.lines().join("\n");
            assert!(!left.is_zero(), "{what} did not come; the screen:\n{}", shown());
            assert!(
                !emulator.ended,
                "the program ended before {what}; the screen:\n{}",
                shown()
            );
            emulator = self.shared.1.wait_timeout(emulator, left).unwrap().0;
        }
    }

    fn emulator(&self) -> MutexGuard<'_, Emulator> {
        self.shared.0.lock().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Emulator {
    fn lines(&self) -> Vec<String> {
        let (rows, _) = self.parser.screen().size();
        (0..rows.get()).map(|row| self.unnumbered(row).0).collect()
    }

    /// A line without the number in its prompt, which no test wants to count, and how many columns that takes away.
    fn unnumbered(&self, row: u16) -> (String, usize) {
        let screen = self.parser.screen();
        let (_, columns) = screen.size();
        let line = screen
            .rows(0, columns.get())
            .nth(usize::from(row))
            .unwrap_or_default();
        let line = line.trim_end();
        let numbered = ["elixir(", "python("].into_iter().find_map(|start| {
            let rest = line.strip_prefix(start)?;
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            let typed = rest[end..].strip_prefix(')')?;
            Some((format!("{}{typed}", start.trim_end_matches('(')), end + 2))
        });
        let further = || {
            let typed = line.trim_start().strip_prefix("...>")?;
            let spaces = line.len() - line.trim_start().len();
            Some((format!("   ...>{typed}"), spaces.checked_sub(3)?))
        };
        numbered.or_else(further).unwrap_or((line.to_owned(), 0))
    }
}

/// A line in which what is not as the terminal's default stands between `⟨style⟩` and `⟨⟩`.
fn painted(screen: &vt100::Screen, row: u16) -> String {
    let (_, columns) = screen.size();
    let (mut line, mut last) = (String::new(), String::new());
    for cell in (0..columns.get()).filter_map(|column| screen.cell(row, column)) {
        let colour = |colour, mark: &str| match colour {
            vt100::Color::Default => String::new(),
            vt100::Color::Idx(n) => format!(" {mark}{n}"),
            vt100::Color::Rgb(red, green, blue) => format!(" {mark}#{red:02x}{green:02x}{blue:02x}"),
        };
        let words = [
            (cell.bold(), " bold"),
            (cell.dim(), " dim"),
            (cell.italic(), " italic"),
            (cell.underline(), " underline"),
            (cell.inverse(), " inverse"),
        ];
        let styles: String = words
            .iter()
            .filter(|(has, _)| *has)
            .map(|(_, word)| *word)
            .collect();
        let style = colour(cell.fgcolor(), "") + &colour(cell.bgcolor(), "on ") + &styles;
        if style != last {
            line.push_str(&format!("⟨{}⟩", style.trim_start()));
            last = style;
        }
        match cell.contents() {
            "" if cell.is_wide_continuation() => {}
            "" => line.push(' '),
            text => line.push_str(text),
        }
    }
    if !last.is_empty() {
        line.push_str("⟨⟩");
    }
    line.trim_end().to_owned()
}

/// Waits until no process has that number any more.
#[track_caller]
pub(crate) fn process_ends(process: u32) {
    let deadline = Instant::now() + DEADLINE;
    while Path::new(&format!("/proc/{process}")).exists() && is_alive(process) {
        assert!(Instant::now() < deadline, "process {process} still lives");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// Whether a process lives, and is no zombie that somebody will collect.
fn is_alive(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or("")
            .trim_start()
            .starts_with('Z')
    })
}
