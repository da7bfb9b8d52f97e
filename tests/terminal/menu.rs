//! The completion menu, and what is shown of a call that is being written.

use crate::screen::{Setup, Terminal};

const TAB: &str = "\t";
const DOWN: &str = "\x1b[B";
const PAGE_DOWN: &str = "\x1b[6~";
const SHIFT_TAB: &str = "\x1b[Z";
const ESC: &str = "\x1b";
const CTRL_C: &str = "\x03";

/// Waits until the language can complete.
fn warm(terminal: &Terminal) {
    terminal.enter("1 + 1").line("2").prompt("elixir> ");
    terminal.enter(":py 1 + 2").line("3").prompt("elixir> ");
}

#[test]
fn candidates_stand_in_columns_beside_the_documentation() {
    let terminal = Terminal::start();
    warm(&terminal);
    terminal.keys("Enum.ma").write(TAB).text("> map ");
    terminal.text("map_every").text("function");
    terminal.text("Returns a list where each");
    terminal
        .write(DOWN)
        .text("> map_every ")
        .text("Returns a list of results of");
    terminal.write(TAB).text("> map_intersperse ");
    terminal.write(SHIFT_TAB).text("> map_every ");
    terminal
        .write("\r")
        .no_text("map_intersperse")
        .prompt("elixir> Enum.map_every");
    terminal.write(CTRL_C).prompt("elixir> ");
    terminal.keys("Enum.ma").write(TAB).text("> map ");
    terminal
        .keys("x")
        .text("> max ")
        .no_text("map_intersperse")
        .settled();
    terminal.write(ESC).no_text("max_by").prompt("elixir> Enum.max");
}

#[test]
fn tab_behind_a_whole_name_does_not_run_it() {
    let terminal = Terminal::start();
    warm(&terminal);
    terminal.enter(":py").prompt("python> ");
    terminal.enter("def boom(): pass").prompt("python> ");
    terminal.keys("boom").write(TAB).write(TAB).settled();
    terminal.keys("()").prompt("python> boom()");
    terminal.write(CTRL_C).prompt("python> ");
    terminal.keys("quit").write(TAB).settled();
    terminal.keys("s").prompt("python> quits");
}

#[test]
fn a_single_candidate_and_a_common_beginning_are_inserted_at_once() {
    let terminal = Terminal::start();
    warm(&terminal);
    terminal
        .keys("Enum.map_in")
        .write(TAB)
        .prompt("elixir> Enum.map_intersperse");
    terminal.write(CTRL_C).prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal.enter("prefix_one = prefix_two = 1").prompt("python> ");
    terminal
        .keys("pref")
        .write(TAB)
        .line("python> prefix_")
        .text("> prefix_one");
}

#[test]
fn where_there_is_nothing_there_is_nothing() {
    let terminal = Terminal::start();
    warm(&terminal);
    let before = terminal.lines().len();
    terminal
        .keys("zzzzzz")
        .write(TAB)
        .keys("1")
        .prompt("elixir> zzzzzz1");
    assert_eq!(terminal.lines().len(), before, "{:?}", terminal.lines());
}

#[test]
fn the_menu_fits_the_bottom_of_the_screen_and_every_width() {
    for (rows, columns) in [(24, 80), (50, 200), (24, 40), (10, 60)] {
        let terminal = Terminal::start();
        warm(&terminal);
        terminal.resize(rows, columns);
        terminal
            .enter("for n <- 1..60, do: IO.puts(\"line #{n}\")")
            .text("line 60")
            .prompt("elixir> ");
        terminal.keys("String.").write(TAB).line_starts("> ");
        let lines = terminal.lines();
        assert!(lines.iter().any(|line| line == "elixir> String."), "{lines:?}");
        for _ in 0..3 {
            terminal.write(PAGE_DOWN);
        }
        // The editor asks the terminal for the cursor; Esc in the midst of the answer would be a part of it.
        terminal.write(DOWN).text(" of ").settled();
        terminal.write(ESC).no_text(" of ").prompt("elixir> String.");
        terminal.write(CTRL_C).prompt("elixir> ");
    }
}

#[test]
fn completion_comes_while_a_thread_computes() {
    let terminal = Terminal::start();
    warm(&terminal);
    terminal.enter(":py").prompt("python> ");
    terminal
        .enter("import threading; stop = []; busy = threading.Thread(target=lambda: [0 for _ in iter(lambda: bool(stop), True)])")
        .prompt("python> ");
    terminal.enter("busy.start()").prompt("python> ");
    terminal
        .keys("threading.main_t")
        .write(TAB)
        .line("python> threading.main_thread");
    terminal.write(CTRL_C).prompt("python> ");
    terminal
        .enter("stop.append(1); busy.join(); 'joined'")
        .line("'joined'");
}

#[test]
fn a_call_shows_its_signature_below() {
    let terminal = Terminal::start();
    warm(&terminal);
    terminal.keys("Enum.map(").line("  Enum.map(enumerable, fun)");
    terminal.keys("xs, ").written("\x1b[1mfun");
    terminal.write(CTRL_C).prompt("elixir> ").no_text("enumerable");
    terminal
        .keys("xs |> Enum.reduce(")
        .line("  Enum.reduce(enumerable, fun)");
    terminal.write(CTRL_C).prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal
        .enter("def area(width, *, height=1): return width * height")
        .prompt("python> ");
    terminal.keys("area(").line("  area(width, *, height=1)");
    terminal.keys("2, height=").written("\x1b[1mheight=1");
    terminal.keys("3)\r").line("6").prompt("python> ");
    assert!(!terminal.lines().iter().any(|line| line.starts_with("  area(")));
}

#[test]
fn without_colours_the_menu_reads_the_same() {
    let terminal = Setup::new().env("NO_COLOR", "1").start();
    warm(&terminal);
    terminal
        .keys("Enum.ma")
        .write(TAB)
        .text("> map ")
        .text("function");
    terminal.write(DOWN).text("> map_every ");
}
