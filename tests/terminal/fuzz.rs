//! Random keys: whatever is pressed, the program neither ends nor hangs, and the prompt answers afterwards.
//!
//! `SNAKEBRIDGE_FUZZ_KEYS` says how many keys, `SNAKEBRIDGE_FUZZ_SEED` which ones. The long form takes minutes, and
//! `cargo test` because nextest ends what takes long: `SNAKEBRIDGE_FUZZ_KEYS=100000 cargo test --test terminal fuzz`.

use crate::screen::{Setup, Terminal};

/// How many keys are pressed where nobody says otherwise.
const KEYS: usize = 2000;

/// How many keys go by before the prompt must answer.
const STRETCH: usize = 200;

/// What is pressed. Nothing that leaves, suspends, runs for long or opens an editor.
const PRESSED: [&str; 75] = [
    "a",
    "d",
    "e",
    "n",
    "x",
    "1",
    "2",
    " ",
    " ",
    ".",
    ",",
    "_",
    "=",
    ":",
    "|",
    ">",
    "<",
    "-",
    "%",
    "#",
    "?",
    "~",
    "\\",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\"\"\"",
    "do",
    "end",
    "fn",
    "def ",
    "Enum.ma",
    "pri",
    ":he",
    "日",
    "é",
    "👩‍👩‍👧",
    "\t",
    "\t",
    "\t",
    "\x1b[Z",
    "\r",
    "\r",
    "\x1b\r",
    "\x0f",
    "\x7f",
    "\x7f",
    "\x1b[3~",
    "\x1b[A",
    "\x1b[B",
    "\x1b[C",
    "\x1b[D",
    "\x1b[5~",
    "\x1b[6~",
    "\x1b[H",
    "\x1b[F",
    "\x1b[1;5C",
    "\x1b[1;5D",
    "\x1b",
    "\x12",
    "\x01",
    "\x05",
    "\x0b",
    "\x15",
    "\x17",
    "\x19",
    "\x1f",
    "\x07",
    "\x14",
    "\x0c",
];

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

#[track_caller]
fn answers(terminal: &Terminal, round: usize) {
    let said = 7_000_000 + round;
    // Out of searches and menus, and out of what was typed or runs; then the language says a number that was not there.
    // Keys may still be on their way when the prompt looks empty, and come before these.
    for _ in 0..20 {
        terminal
            .write("\x1b")
            .settled()
            .cleared(&["elixir> ", "python> "]);
        terminal.enter(&format!(":py {said} + 1"));
        if terminal.shows(&(said + 1).to_string()) {
            return;
        }
    }
    terminal.text(&(said + 1).to_string());
}

fn fuzz(setup: Setup, seed: usize) {
    let terminal = setup.start();
    terminal.enter(":py 1 + 1").line("2").prompt("elixir> ");
    let keys = number("SNAKEBRIDGE_FUZZ_KEYS").unwrap_or(KEYS);
    let seed = number("SNAKEBRIDGE_FUZZ_SEED").unwrap_or(seed);
    let mut random = Random(seed as u64);
    for round in 0..keys.div_ceil(STRETCH) {
        for _ in 0..STRETCH {
            match random.below(200) {
                0 => drop(terminal.paste("x = [\n  1,\n>>> y\n\n")),
                1 => drop(terminal.resize(
                    5 + u16::try_from(random.below(50)).unwrap(),
                    20 + u16::try_from(random.below(180)).unwrap(),
                )),
                // Keys that come together, and keys that the editor sees one by one.
                2..=10 => drop(terminal.settled()),
                _ => drop(terminal.write(PRESSED[random.below(PRESSED.len())])),
            }
        }
        answers(&terminal, round);
    }
}

#[test]
fn random_keys_do_no_harm() {
    fuzz(Setup::new(), 1);
}

#[test]
fn random_keys_do_no_harm_with_the_keys_of_vi() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("snakebridge");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "[editor]\nkeys = 'vi'\n").unwrap();
    // An editor that does nothing: vi's `v` opens it.
    fuzz(Setup::new().state(state.path()).env("VISUAL", "true"), 2);
}
