//! Keys that edit: pairs, pastes, history and hints, the modes of vi, the user's editor.

use std::path::Path;

use crate::screen::{Setup, Terminal};

const TAB: &str = "\t";
const UP: &str = "\x1b[A";
const RIGHT: &str = "\x1b[C";
const LEFT: &str = "\x1b[D";
const CTRL_RIGHT: &str = "\x1b[1;5C";
const ESC: &str = "\x1b";
const CTRL_C: &str = "\x03";
const CTRL_R: &str = "\x12";

fn configured(state: &Path, text: &str) -> Setup {
    let folder = state.join("snakebridge");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), text).unwrap();
    Setup::new().state(state)
}

#[test]
fn brackets_and_quotes_come_in_pairs() {
    let terminal = Terminal::start();
    terminal.keys("f(").line("elixir> f()");
    terminal.keys("[").line("elixir> f([])");
    terminal.write("\x7f").line("elixir> f()");
    terminal.keys("\"it's").line("elixir> f(\"it's\")");
    terminal.keys("\")").prompt("elixir> f(\"it's\")");
    terminal.write(CTRL_C).prompt("elixir> ");
    // Not before a word.
    terminal
        .keys("x")
        .write(LEFT)
        .write("(")
        .text("(x")
        .write(CTRL_C)
        .prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal
        .keys("\"\"\"")
        .line("python> \"\"\"")
        .prompt("python> \"\"\"");
    terminal.write(CTRL_C).prompt("python> ");
    terminal.keys("x = {").line("python> x = {}");
    terminal
        .keys("\r")
        .line("   ...> }")
        .keys("1: 2")
        .line("   ...>     1: 2");
}

#[test]
fn pairs_can_be_turned_off() {
    let state = tempfile::tempdir().unwrap();
    let terminal = configured(state.path(), "[editor]\npairs = false\n").start();
    terminal.keys("f([\"").prompt("elixir> f([\"");
}

#[test]
fn a_blank_line_between_brackets_does_not_run_the_cell() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal.paste("total = [").prompt("python> total = [");
    terminal.keys("\r1,\r\r2]\r").prompt("python> ");
    terminal.enter("total").line("[1, 2]");
}

#[test]
fn a_paste_loses_its_prompts_and_output() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal
        .paste(">>> def twice(x):\r\n...     return 2 * x\r\n...\r\n>>> twice(21)\r\n42\r\n")
        .prompt("   ...> twice(21)");
    terminal.write("\r").line("42").prompt("python> ");
    terminal
        .paste("In [3]: for n in (1, 2):\n   ...:     print(n + 10)\n   ...: \n11\n12\n")
        .text("print(n + 10)");
    terminal.write("\r").line("12").prompt("python> ");
    let block: Vec<String> = terminal.lines();
    assert!(!block.iter().any(|line| line.contains("In [3]")), "{block:?}");
}

#[test]
fn cells_of_both_languages_are_pasted_as_one_entry() {
    let terminal = Terminal::start();
    terminal
        .paste("iex(1)> xs = [1,\n...(1)>   2]\n[1, 2]\niex(2)> :ok\n")
        .prompt("   ...> :ok");
    terminal.write("\r").line(":ok").prompt("elixir> ");
    terminal
        .paste("elixir> ys = [3, 4]\n[3, 4]\npython> sum(ys)\n7\nelixir> ys\n")
        .line("   ...> %%python")
        .prompt("   ...> ys");
    terminal.write("\r").line("7").prompt("elixir> ");
    let lines = terminal.lines();
    assert_eq!(lines[lines.len() - 2], "[3, 4]", "{lines:?}");
}

#[test]
fn a_first_line_names_the_language_of_an_entry() {
    let terminal = Terminal::start();
    terminal.keys("%%python\r").prompt("   ...> ");
    terminal.keys("if True:\r").prompt("   ...>     ");
    terminal
        .keys("print('in python')\r\r")
        .line("in python")
        .prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal
        .keys("%%elixir\rto_string(:atom)\r")
        .line("\"atom\"")
        .prompt("python> ");
}

#[test]
fn earlier_cells_are_hinted_taken_and_searched_by_language() {
    let terminal = Terminal::start();
    terminal.enter("total = 1 + 41").line("42").prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal.enter("total_py = 'py' + 'thon'").prompt("python> ");
    terminal.keys("tot").line("python> total_py = 'py' + 'thon'");
    terminal.write(CTRL_RIGHT).keys("!").prompt("python> total_py!");
    terminal.keys("\x7f").line("python> total_py = 'py' + 'thon'");
    terminal.write(RIGHT).prompt("python> total_py = 'py' + 'thon'");
    terminal.write(CTRL_C).prompt("python> ");
    terminal
        .write(CTRL_R)
        .keys("41")
        .line("elixir (search: 41)> total = 1 + 41");
    terminal
        .write("\r")
        .prompt("elixir> total = 1 + 41")
        .write(CTRL_C)
        .prompt("python> ");
    // Up looks for what begins so, in both languages.
    terminal.keys("total ").write(UP).prompt("elixir> total = 1 + 41");
}

#[test]
fn hints_can_be_turned_off() {
    let state = tempfile::tempdir().unwrap();
    let terminal = configured(state.path(), "[editor]\nhints = false\n").start();
    terminal.enter(":help quit").prompt("elixir> ");
    terminal.keys(":h").write(RIGHT).keys("x").prompt("elixir> :hx");
}

#[test]
fn commands_that_switch_are_not_in_the_history() {
    let terminal = Terminal::start();
    terminal.enter(":help quit").prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal.enter(":ex").prompt("elixir> ");
    terminal.write(UP).prompt("elixir> :help quit");
}

#[test]
fn vi_keys_show_their_mode_and_ours_still_work() {
    let state = tempfile::tempdir().unwrap();
    let terminal = configured(state.path(), "[editor]\nkeys = 'vi'\n").start();
    terminal.write(TAB).prompt("python> ");
    terminal.write(TAB).prompt("elixir> ");
    terminal.keys("1 + 2").write(ESC).text("elixir: 1 + 2");
    terminal.write("0x").line("elixir:  + 2");
    terminal.write("i40").prompt_starts("elixir> 40 + 2");
    terminal.write("\r").line("42").prompt("elixir> ");
    terminal.keys("[1").write("\r").line("[1]");
}

#[test]
fn the_cell_goes_to_the_users_editor_and_comes_back() {
    let state = tempfile::tempdir().unwrap();
    let script = state.path().join("editor.sh");
    std::fs::write(&script, "#!/bin/sh\nprintf '%s * 2' \"$(cat \"$1\")\" > \"$1\"\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = script.to_str().unwrap();
    let terminal = Setup::new().state(state.path()).env("VISUAL", script).start();
    terminal.keys("21").write("\x18\x05").text("elixir> 21 * 2");
    terminal.write("\r").line("42").prompt("elixir> ");
    drop(terminal);
    let terminal = configured(state.path(), "[editor]\nkeys = 'vi'\n")
        .env("VISUAL", script)
        .start();
    terminal
        .keys("4")
        .write(ESC)
        .text("elixir: 4")
        .write("v")
        .text("4 * 2");
}

#[test]
fn what_was_done_can_be_undone_and_done_again() {
    let terminal = Terminal::start();
    terminal.keys("alpha beta").write("\x17").prompt("elixir> alpha ");
    terminal.write("\x1f").prompt("elixir> alpha beta");
    terminal.write("\x07").prompt("elixir> alpha ");
}

#[test]
fn python_is_left_as_people_leave_python() {
    for word in ["exit", "quit()"] {
        let mut terminal = Terminal::start();
        terminal.enter(":py").prompt("python> ");
        terminal.enter(word);
        assert!(terminal.ended().success());
    }
}

#[test]
fn a_cell_taller_than_the_screen_can_be_edited() {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    let lines: Vec<String> = (1..=60).map(|n| format!("v{n} = {n}")).collect();
    terminal.paste(&lines.join("\n")).text("v60 = 60");
    for _ in 0..50 {
        terminal.write(UP);
    }
    terminal.text("v10 = 10");
    terminal.write("\x05").keys("00").text("v10 = 1000");
    terminal.write("\x1b\r").prompt("python> ");
    terminal.enter("v10 + v60").line("1060");
}

#[test]
fn wide_characters_keep_their_places() {
    let terminal = Terminal::start();
    terminal.keys("\"日本語\"").line("elixir> \"日本語\"");
    terminal
        .write(LEFT)
        .write(LEFT)
        .write("x")
        .line("elixir> \"日本x語\"");
    terminal.write("\x7f\x7f").line("elixir> \"日語\"");
    terminal.write("\r").line("\"日語\"").prompt("elixir> ");
}
