//! The commands of the prompt, numbers of cells, the shell, and what the start tells.

use std::path::Path;
use std::process::Command;

use crate::screen::{Setup, Terminal};

const CTRL_C: &str = "\x03";

fn python() -> Terminal {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal
}

/// The screen's lines after the last one that starts so.
fn after(terminal: &Terminal, start: &str) -> Vec<String> {
    let lines = terminal.lines();
    let at = lines.iter().rposition(|line| line.starts_with(start)).unwrap();
    lines[at + 1..].to_vec()
}

#[test]
fn cells_have_numbers_and_results_are_found_by_them() {
    let terminal = Terminal::start();
    terminal.written("elixir(1)");
    terminal.enter("40 + 2").line("42").prompt("elixir> ");
    terminal.written("elixir(2)");
    terminal.enter(":py 'a' + 'b'").line("'ab'").prompt("elixir> ");
    terminal.enter("v(1) + 1").line("43").prompt("elixir> ");
    terminal.enter("v() * 2").line("86").prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal
        .enter("Out[2] + '!', _")
        .line("('ab!', 'ab')")
        .prompt("python> ");
    terminal
        .enter("1 / 0")
        .text("ZeroDivisionError")
        .prompt("python> ");
    terminal.written("python(7)");
}

#[test]
fn a_marker_in_the_first_line_names_the_language() {
    let terminal = Terminal::start();
    terminal.enter("%%python").prompt("   ...> ");
    terminal
        .enter("[n * 2 for n in (1, 2)]")
        .line("[2, 4]")
        .prompt("elixir> ");
}

#[test]
fn time_tells_how_long_a_cell_took_and_on_which_processors() {
    let terminal = Terminal::start();
    terminal
        .enter(":time 1 + 1")
        .line("2")
        .text("; processor time ")
        .prompt("elixir> ");
    terminal.enter(":py :time").prompt("elixir> ");
    terminal
        .enter(":time")
        .text("note: time what?")
        .prompt("elixir> ");
    terminal.enter(":time x = 7").prompt("elixir> ");
    terminal.enter("x").line("7").prompt("elixir> ");
}

#[test]
fn timeit_measures_both_languages_and_counts_requests() {
    let terminal = Terminal::start();
    terminal.enter("n = 10").line("10").prompt("elixir> ");
    terminal
        .enter(":timeit n + 1")
        .text("best ")
        .text("of 5 measurements");
    terminal
        .text("evaluated, as cells are; code in modules is compiled, and faster")
        .prompt("elixir> ");
    terminal
        .enter(":timeit SnakeBridge.call(:math, :sqrt, [n])")
        .text("each run makes 1 request to Python; one that does nothing takes ")
        .prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal.write("\x0c").prompt("python> ");
    terminal
        .enter(":timeit sum(range(n))")
        .text("of 5 measurements")
        .prompt("python> ");
    terminal
        .enter(":timeit 1 /")
        .text("SyntaxError")
        .prompt("python> ");
    terminal
        .enter(":timeit undefined")
        .text("NameError")
        .prompt("python> ");
    terminal.enter(":timeit while True: pass");
    terminal.text("Ctrl-C stops it");
    terminal
        .write(CTRL_C)
        .text("KeyboardInterrupt")
        .prompt("python> ");
}

#[test]
fn memory_and_refs_are_told_with_the_names_that_hold_them() {
    let terminal = Terminal::start();
    terminal
        .enter("parts = [SnakeBridge.call(:fractions, :Fraction, [1]), SnakeBridge.call(:builtins, :object)]")
        .prompt("elixir> ");
    terminal.enter(":py ys = list(range(10_000))").prompt("elixir> ");
    terminal
        .enter(":mem")
        .text("the prompt")
        .text("Python")
        .prompt("elixir> ");
    let told = after(&terminal, "elixir> :mem");
    let line = told.iter().find(|line| line.starts_with("ys")).unwrap();
    assert!(line.contains("kB") && line.ends_with("python"), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("parts")), "{told:?}");
    terminal.enter(":refs").text("held by parts").prompt("elixir> ");
    let told = after(&terminal, "elixir> :refs");
    assert!(
        told.iter()
            .any(|line| line.starts_with("fractions.Fraction") && line.ends_with("1  held by parts")),
        "{told:?}"
    );
    terminal.enter("parts = nil").line("nil").prompt("elixir> ");
    terminal.enter(":refs").prompt("elixir> ");
}

#[test]
fn vars_takes_a_pattern() {
    let terminal = Terminal::start();
    terminal
        .enter("sales = 1; costs = 2")
        .line("2")
        .prompt("elixir> ");
    terminal.enter(":py df = [1, 2]").prompt("elixir> ");
    terminal
        .enter(":vars *s")
        .text("sales  elixir")
        .prompt("elixir> ");
    let told = after(&terminal, "elixir> :vars *s");
    assert!(!told.iter().any(|line| line.starts_with("df")), "{told:?}");
    terminal
        .enter(":vars nothing")
        .text("note: no name is like nothing");
}

#[test]
fn a_file_of_cells_is_loaded_up_to_the_first_that_fails() {
    let terminal = Terminal::start();
    let folder = terminal.directory();
    let text = "%%python\nx = 20\n\n%%elixir\ny = x + 1\n\n%%python\n1 / 0\n\n%%python\nz = 3\n";
    std::fs::write(folder.join("steps.cells"), text).unwrap();
    terminal
        .enter(":load steps.cells")
        .line("python> x = 20")
        .line("elixir> y = x + 1")
        .line("21")
        .text("ZeroDivisionError")
        .text("note: 1 cell of steps.cells did not run")
        .prompt("elixir> ");
    terminal.enter("y * 2").line("42").prompt("elixir> ");
    terminal
        .enter(":load nowhere.py")
        .text("note: nowhere.py cannot be loaded: No such file")
        .prompt("elixir> ");
    terminal
        .enter(":load a.docx")
        .text("hint: name it .ipynb, .livemd, .py, .exs or .cells")
        .prompt("elixir> ");
    // Names of files are completed.
    terminal
        .keys(":load ste")
        .write("\t")
        .prompt("elixir> :load steps.cells");
}

#[test]
fn the_sessions_cells_are_saved_in_every_format_and_loaded_again() {
    let terminal = Terminal::start();
    let folder = terminal.directory();
    terminal.enter("x = 20").line("20").prompt("elixir> ");
    terminal.enter(":py x + 1").line("21").prompt("elixir> ");
    terminal
        .enter(":py 1 / 0")
        .text("ZeroDivisionError")
        .prompt("elixir> ");
    terminal
        .enter(":save all.ipynb")
        .text("2 cells written to all.ipynb; 1 cell that did not go well left out")
        .prompt("elixir> ");
    let notebook = std::fs::read_to_string(folder.join("all.ipynb")).unwrap();
    assert!(
        notebook.contains("\"execute_result\"") && notebook.contains("\"21\""),
        "{notebook}"
    );
    terminal
        .enter(":save some.py 1-2")
        .text("2 cells written to some.py")
        .prompt("elixir> ");
    let script = std::fs::read_to_string(folder.join("some.py")).unwrap();
    assert_eq!(script, "# %% [elixir]\n# x = 20\n\n# %%\nx + 1\n");
    terminal
        .enter(":save first.exs 1")
        .text("1 cell written")
        .prompt("elixir> ");
    assert_eq!(
        std::fs::read_to_string(folder.join("first.exs")).unwrap(),
        "x = 20\n"
    );
    terminal
        .enter(":save first.exs 2")
        .text("note: first.exs exists already")
        .text("hint: `:save -f FILE` replaces it")
        .prompt("elixir> ");
    terminal
        .enter(":save -f first.exs 2-")
        .text("2 cells written")
        .prompt("elixir> ");
    terminal
        .enter(":save x.cells 9")
        .text("there are no such cells")
        .prompt("elixir> ");
    terminal.enter("x = 0").line("0").prompt("elixir> ");
    terminal.enter(":load some.py").line("20").prompt("elixir> ");
    terminal.enter("x").line("20").prompt("elixir> ");
}

#[test]
fn what_is_not_recorded_is_not_saved() {
    let terminal = Setup::new().argument("--no-record").start();
    terminal.enter("1").line("1").prompt("elixir> ");
    terminal
        .enter(":save x.py")
        .text("note: nothing of this session is kept")
        .prompt("elixir> ");
}

#[test]
fn sessions_and_history_are_listed() {
    let terminal = Setup::new().argument("--session").argument("mine").start();
    terminal.enter(":py [n for n in 'abc']").prompt("elixir> ");
    terminal.enter("Enum.sum([1, 2])").line("3").prompt("elixir> ");
    terminal
        .enter(":sessions")
        .text("mine ")
        .text("snakebridge sessions resume NAME")
        .prompt("elixir> ");
    terminal
        .enter(":history ENUM")
        .line("     2  elixir  Enum.sum([1, 2])")
        .prompt("elixir> ");
    terminal
        .enter(":history 2")
        .line("     4  elixir  :history ENUM")
        .prompt("elixir> ");
    terminal
        .enter(":history neverthere")
        .text("note: no entry is like that")
        .prompt("elixir> ");
}

#[test]
fn a_record_that_is_continued_says_so() {
    let state = tempfile::tempdir().unwrap();
    let mut terminal = Setup::new()
        .state(state.path())
        .argument("--session")
        .argument("mine")
        .start();
    terminal.enter("x = 1").line("1").prompt("elixir> ");
    terminal.enter(":quit");
    terminal.ended();
    let terminal = Setup::new()
        .state(state.path())
        .argument("--session")
        .argument("mine")
        .start();
    terminal.text("note: the record of `mine` is continued after cell 1");
    terminal.written("elixir(2)");
}

#[test]
fn resuming_gives_the_answers_that_were_given() {
    let state = tempfile::tempdir().unwrap();
    let mut terminal = Setup::new()
        .state(state.path())
        .argument("--session")
        .argument("mine")
        .start();
    terminal.enter(":py name = input('who? ')").prompt("who? ");
    terminal.enter("you").prompt("elixir> ");
    terminal.enter(":quit");
    terminal.ended();
    let terminal = ["sessions", "resume", "mine", "--yes"]
        .into_iter()
        .fold(Setup::new().state(state.path()), Setup::argument)
        .start();
    terminal.line("who? you");
    terminal.enter("name").line("\"you\"").prompt("elixir> ");
}

#[test]
fn a_command_of_the_shell_has_the_terminal() {
    let terminal = python();
    terminal.enter("import os; x = 20; os.environ['REGION'] = 'north'; os.mkdir('below'); os.chdir('below')");
    terminal.prompt("python> ");
    terminal
        .enter("!basename \"$PWD\"; echo \"in $REGION\"")
        .line("below")
        .line("in north")
        .prompt("python> ");
    // It asks, and is a terminal.
    terminal
        .enter("!echo who; read name; test -t 0 && echo \"hello $name\"")
        .line("who");
    terminal.enter("you").line("hello you").prompt("python> ");
    // Ctrl-C ends it alone. (A shell that is just starting a program may miss it.)
    terminal.enter("!echo begun; exec sleep 100").line("begun");
    terminal.write(CTRL_C).prompt("python> ");
    terminal.enter("x").line("20").prompt("python> ");
    terminal
        .enter("!exit 3")
        .text("exit status: 3")
        .prompt("python> ");
    // In Elixir it means what it means there.
    terminal.enter(":ex !true").line("false").prompt("python> ");
}

/// A wheel, which is an archive with a description.
fn wheel(folder: &Path) {
    let script = "
import zipfile
with zipfile.ZipFile('fresh_module-1.0-py3-none-any.whl', 'w') as wheel:
    about = 'fresh_module-1.0.dist-info/'
    wheel.writestr('fresh_module.py', 'answer = 42')
    wheel.writestr(about + 'METADATA', 'Metadata-Version: 2.1\\nName: fresh-module\\nVersion: 1.0\\n')
    wheel.writestr(about + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: a test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr(about + 'RECORD', '')
";
    let made = Command::new("python3")
        .args(["-c", script])
        .current_dir(folder)
        .status();
    assert!(made.unwrap().success());
}

#[test]
fn what_pip_installs_can_be_imported_at_once() {
    let terminal = python();
    wheel(terminal.directory());
    terminal.enter("import os, sys; os.mkdir('packages'); sys.path.insert(0, os.path.abspath('packages'))");
    terminal.prompt("python> ");
    terminal
        .enter("import fresh_module")
        .text("ModuleNotFoundError")
        .prompt("python> ");
    terminal
        .enter(":pip install --no-deps --no-index --target packages ./fresh_module-1.0-py3-none-any.whl")
        .text("fresh")
        .prompt("python> ");
    terminal
        .enter("import fresh_module; fresh_module.answer")
        .line("42")
        .prompt("python> ");
    terminal.enter(":pip").text("note: pip what?").prompt("python> ");
}

#[test]
fn doctor_runs_at_the_prompt() {
    let terminal = Terminal::start();
    terminal
        .enter(":doctor")
        .text("python")
        .text("elixir")
        .prompt("elixir> ");
}

#[test]
fn settings_are_shown_and_changed() {
    let terminal = Terminal::start();
    terminal
        .enter(":set")
        .text("history.size")
        .text("* differs from the default")
        .prompt("elixir> ");
    terminal.enter(":set history.size 100").prompt("elixir> ");
    terminal
        .enter(":set history.size")
        .line("history.size = 100")
        .prompt("elixir> ");
    terminal
        .enter(":set history.size none")
        .text("note: history.size cannot be that")
        .prompt("elixir> ");
    terminal
        .enter(":set size 3")
        .text("hint: it is called history.size")
        .prompt("elixir> ");
    terminal
        .enter(":set language python")
        .text("note: language counts when a session starts")
        .prompt("elixir> ");
    terminal
        .keys(":set editor.pa")
        .write("\t")
        .prompt("elixir> :set editor.pairs");
}

#[test]
fn an_entry_for_the_other_language_or_no_command_gets_a_hint() {
    let terminal = Terminal::start();
    terminal
        .enter("import numpy as np")
        .text("hint: this looks like Python: Tab at an empty prompt")
        .prompt("elixir> ");
    terminal
        .enter(":py x |> f")
        .text("hint: this looks like Elixir")
        .prompt("elixir> ");
    terminal
        .enter(":py :tim")
        .text("hint: there is no command :tim; :time is one")
        .prompt("elixir> ");
    terminal
        .enter(":help tim")
        .text("note: there is no command :tim")
        .text("hint: :time is one")
        .prompt("elixir> ");
}

#[test]
fn exit_leaves_a_prompt_of_python() {
    let mut terminal = python();
    terminal.enter("exit()");
    assert!(terminal.ended().success());
}

#[test]
fn a_long_cell_shows_its_time_and_what_is_typed_meanwhile_is_kept() {
    let terminal = python();
    terminal.enter("import time; t = time.time() + 3\rwhile time.time() < t: time.sleep(0.01)\r");
    terminal.text(" s, Ctrl-C stops it");
    terminal.write("'typed ' + 'ahead'\r");
    terminal.line("'typed ahead'").prompt("python> ");
    terminal.no_text("Ctrl-C stops it");
    let took = terminal.lines().iter().any(|line| {
        let seconds = line.strip_suffix(" s").and_then(|line| line.parse::<f64>().ok());
        seconds.is_some_and(|seconds| seconds > 1.0)
    });
    assert!(took, "{:?}", terminal.lines());
}

#[test]
fn ctrl_c_takes_nothing_away_that_was_typed() {
    let terminal = python();
    terminal
        .enter("print('begun'); import time; time.sleep(100)")
        .line("begun");
    terminal.write("'kept' + '!'");
    terminal.write(&format!("{CTRL_C}\r"));
    terminal
        .text("KeyboardInterrupt")
        .line("'kept!'")
        .prompt("python> ");
}

#[test]
fn the_start_tells_versions_and_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new("python3")
        .args(["-m", "venv", "--without-pip"])
        .arg(folder.path().join("science"))
        .status();
    assert!(made.unwrap().success());
    let python = folder.path().join("science/bin/python");
    let terminal = Setup::new()
        .argument("--python")
        .argument(python.to_str().unwrap())
        .start();
    let first = &terminal.lines()[0];
    assert!(
        first.starts_with("SnakeBridge ") && first.contains(", Elixir 1."),
        "{first}"
    );
    assert!(
        first.contains(", Python 3.") && first.ends_with("science"),
        "{first}"
    );
    assert!(terminal.lines()[1].starts_with("Tab at an empty prompt switches the language"));
}
