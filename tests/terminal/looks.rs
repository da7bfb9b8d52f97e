//! What the terminal can and wants to show.

use crate::screen::Setup;

#[test]
fn no_color_means_no_colours_but_a_full_editor() {
    let terminal = Setup::new().env("NO_COLOR", "1").start();
    terminal.keys("def f, do: :a");
    terminal.write("\x03").prompt("elixir> ");
    terminal.enter("1 / 0").text("ArithmeticError").prompt("elixir> ");
    let raw = terminal.raw();
    for sequence in raw.split("\x1b[").skip(1) {
        let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(0);
        let colour = sequence[end..].starts_with('m') && !matches!(&sequence[..end], "" | "0");
        assert!(!colour, "a colour: {:?}", &sequence[..=end]);
    }
}

#[test]
fn code_and_results_have_colours() {
    let terminal = Setup::new().start();
    terminal.enter("x = :atom").line(":atom").prompt("elixir> ");
    terminal.keys("def");
    let raw = terminal.raw();
    let coloured = |text: &str| raw.contains(&format!("m{text}\x1b[0m"));
    assert!(coloured(":atom") && coloured("def"), "{raw:?}");
}

#[test]
fn a_dumb_terminal_gets_lines_and_no_escapes() {
    let mut terminal = Setup::new().env("TERM", "dumb").start();
    terminal.line("elixir> ");
    assert!(terminal.lines()[1].contains(":ex and :py switch the language"));
    terminal.enter("1 +").prompt("   ...> ");
    terminal.enter("2").line("3").prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal.enter("def f():").prompt("   ...> ");
    terminal.enter("    return 41 + 1").prompt("   ...> ");
    terminal.enter("").prompt("python> ");
    terminal.enter("f()").line("42").prompt("python> ");
    terminal.enter("input('name? ') + '!'").prompt("name? ");
    terminal.enter("you").line("'you!'").prompt("python> ");
    terminal.write("abc\x03").prompt("python> ");
    terminal.write("\x04");
    assert!(terminal.ended().success());
    assert!(!terminal.raw().contains('\x1b'), "{:?}", terminal.raw());
}
