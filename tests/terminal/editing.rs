//! Editing at the prompt: languages, lines, history, commands.

use crate::screen::{Setup, Terminal};

const TAB: &str = "\t";
const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

#[test]
fn the_banner_names_the_keys_and_the_prompt_comes_at_once() {
    let terminal = Terminal::start();
    let lines = terminal.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("SnakeBridge "), "{lines:?}");
    assert!(
        lines[1].contains("Tab at an empty prompt switches the language"),
        "{lines:?}"
    );
}

#[test]
fn tab_at_an_empty_prompt_switches_the_language_and_back() {
    let terminal = Terminal::start();
    terminal.write(TAB).prompt("python> ");
    terminal.write(TAB).prompt("elixir> ");
    // The screen holds one prompt: it changes in place.
    assert_eq!(terminal.lines().len(), 3, "{:?}", terminal.lines());
}

#[test]
fn tab_behind_text_does_not_switch() {
    let terminal = Terminal::start();
    terminal.keys("zzz").write(TAB).keys("1").prompt("elixir> zzz1");
}

#[test]
fn tab_after_erasing_everything_switches() {
    let terminal = Terminal::start();
    terminal.keys("a\x7f").write(TAB).prompt("python> ");
}

#[test]
fn commands_switch_the_language() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal.enter(":ex").prompt("elixir> ");
}

#[test]
fn help_lists_the_commands_and_keys() {
    let terminal = Terminal::start();
    terminal
        .enter(":help restart")
        .line(":restart python|elixir|all")
        .prompt("elixir> ");
    terminal
        .enter(":help")
        .text(":vars [PATTERN]")
        .write(" ")
        .text("Tab at an empty prompt")
        .write("q")
        .prompt("elixir> ");
    terminal
        .enter(":help nothing")
        .line("note: there is no command :nothing")
        .prompt("elixir> ");
}

#[test]
fn an_unfinished_cell_goes_on_below_indented() {
    let terminal = Terminal::start();
    terminal.keys("if true do\r").prompt("   ...>   ");
    terminal.keys("1\r").prompt("   ...>   ");
    terminal.keys("end").prompt("   ...> end");
    assert!(terminal.lines().contains(&"elixir> if true do".to_owned()));
}

#[test]
fn clauses_of_python_move_under_their_statement() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal.keys("def f(x):\r").prompt("   ...>     ");
    terminal.keys("try:\r").prompt("   ...>         ");
    terminal.keys("x / 0\r").prompt("   ...>         ");
    terminal.keys("except ").prompt("   ...>     except ");
    terminal.keys("ArithmeticError:\r").prompt("   ...>         ");
    terminal.keys("return 41 + x\r").prompt("   ...>     ");
    terminal.keys("else:\r").line("   ...>     else:");
    terminal.keys("return 0\r\r").prompt("python> ");
    terminal.enter("f(1)").line("42").prompt("python> ");
}

#[test]
fn lines_that_end_in_ctrl_j_run_one_by_one() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal
        .write("x = 40\nx + 2\nif x:\n    print('a', 'b')\n\nx + 3\nx -")
        .line("42")
        .line("a b")
        .line("43")
        .prompt("python> x -");
    terminal.write("4\n").line("36").prompt("python> ");
}

#[test]
fn where_the_cursor_is_said_to_be_is_nothing_that_is_typed() {
    let terminal = Terminal::start();
    terminal.keys("40 + ");
    terminal.write("\x1b\x1b[12;16R2").prompt("elixir> 40 + 2");
    terminal.write("\r").line("42").prompt("elixir> ");
}

#[test]
fn enter_on_blank_lines_leads_out_of_a_stray_quote() {
    let terminal = Terminal::start();
    terminal
        .paste("\"abc")
        .keys("\r")
        .text("Enter runs it as it is, Ctrl-C drops it");
    terminal.write("\r").prompt("elixir> ");
}

#[test]
fn ctrl_c_drops_the_entry_and_its_language_stays() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal.keys("def f():\r").prompt("   ...>     ");
    terminal.write(CTRL_C).prompt("python> ");
}

#[test]
fn what_is_typed_behind_ctrl_c_is_not_lost() {
    let terminal = Terminal::start();
    terminal.enter("1 + 1").line("2").prompt("elixir> ");
    terminal
        .write("dropped\x0340 + 2\r1 + 6\r:ok")
        .line("42")
        .line("7")
        .prompt("elixir> :ok");
}

#[test]
fn ctrl_d_leaves_an_empty_prompt_and_no_other() {
    let mut terminal = Terminal::start();
    terminal.keys("x").write(CTRL_D).keys("y").prompt("elixir> xy");
    terminal.write(CTRL_C).prompt("elixir> ");
    terminal.write(CTRL_D);
    assert!(terminal.ended().success());
    assert!(
        terminal.raw().ends_with('\n'),
        "the shell's prompt starts on a line of its own"
    );
}

#[test]
fn quit_leaves() {
    let mut terminal = Terminal::start();
    terminal.enter(":quit");
    assert!(terminal.ended().success());
}

#[test]
fn history_is_one_and_brings_the_language_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let terminal = Setup::new().state(directory.path()).start();
    terminal.enter(":help vars").prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal.enter(":help quit").prompt("python> ");
    terminal.enter(":ex").prompt("elixir> ");
    terminal.enter(":help ex").prompt("elixir> ");
    drop(terminal);
    let terminal = Setup::new().state(directory.path()).start();
    terminal.write(UP).prompt("elixir> :help ex");
    terminal.write(UP).prompt("python> :help quit");
    terminal.write(UP).prompt("elixir> :help vars");
    terminal.write(DOWN).prompt("python> :help quit");
    terminal.write(DOWN).prompt("elixir> :help ex");
    terminal.write(DOWN).prompt("elixir> ");
    terminal
        .write("\x12help q")
        .text("search: help q")
        .write("\r")
        .prompt("python> :help quit");
}

#[test]
fn a_cell_of_many_lines_is_one_entry_of_history() {
    let terminal = Terminal::start();
    terminal.paste("x = [\n  1,\n  2\n]").prompt("   ...> ]");
    terminal.write("\r").prompt("elixir> ");
    terminal.write(UP).line("elixir> x = [").line("   ...> ]");
}

#[test]
fn a_history_that_cannot_be_kept_is_said_once_and_the_prompt_works() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(directory.path().join("snakebridge/history.jsonl")).unwrap();
    let terminal = Setup::new().state(directory.path()).start();
    terminal.text("cannot be used");
    terminal.enter(":help quit").prompt("elixir> ");
    terminal.write(UP).prompt("elixir> :help quit");
}

#[test]
fn a_pasted_block_waits_for_enter_and_keeps_its_shape() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal
        .paste("def f(x):\r\n    if x:\r\n        return 1\r\n\r\n    return 2")
        .prompt("   ...>     return 2");
    let lines = terminal.lines();
    let block = &lines[lines.len() - 5..];
    assert_eq!(block[0], "python> def f(x):");
    assert_eq!(block[2], "   ...>         return 1");
}

#[test]
fn a_block_that_arrives_as_keys_keeps_its_shape() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal
        .write("def f(x):\r    if x:\r        return 'yes'\r    return 'no'\r\rf(1)\r")
        .line("'yes'")
        .prompt("python> ");
    assert!(
        terminal
            .lines()
            .contains(&"   ...>         return 'yes'".to_owned()),
        "{:?}",
        terminal.lines()
    );
}

#[test]
fn the_edges_of_the_screen_do_no_harm() {
    let terminal = Terminal::start();
    let long = "x".repeat(100);
    terminal.write(&long).text(&"x".repeat(69));
    terminal.resize(24, 40).keys("y").text("xy");
    terminal.resize(24, 120).keys("z").text(&format!("{long}yz"));
    terminal.write(CTRL_C).prompt("elixir> ");
    terminal.resize(6, 20).enter(":py").prompt("python> ");
}

#[test]
fn completion_knows_the_commands() {
    let terminal = Terminal::start();
    terminal.keys(":res").write(TAB).prompt("elixir> :restart");
    terminal.keys(" ").write(TAB).line("elixir> :restart");
    terminal.text("python").text("all");
}

#[test]
fn backspace_in_the_indentation_takes_a_step() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal.keys("if x:\r").prompt("   ...>     ");
    terminal.write("\x7f").prompt("   ...> ");
    terminal.write(TAB).prompt("   ...>     ");
}
