//! The configuration file at the prompt.

use std::path::Path;

use crate::screen::Setup;

fn configured(state: &Path, text: &str) -> Setup {
    let folder = state.join("snakebridge");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), text).unwrap();
    Setup::new().state(state)
}

#[test]
fn the_first_prompts_language_and_the_cells_at_the_start_are_the_users() {
    let state = tempfile::tempdir().unwrap();
    let text = "language = 'python'\n[startup]\nelixir = 'region = \"north\"'\npython = '''\nimport math\nprint('hello')\n'''\n";
    let terminal = configured(state.path(), text).spawn();
    terminal.prompt("python> ");
    terminal.line("hello");
    terminal.enter("math.floor(2.5), region").line("(2, 'north')");
}

#[test]
fn a_cell_at_the_start_that_fails_says_so_and_the_prompt_works() {
    let state = tempfile::tempdir().unwrap();
    let terminal = configured(state.path(), "[startup]\npython = '1 / 0'\n").start();
    terminal.text("ZeroDivisionError");
    terminal.enter("1 + 1").line("2");
}

#[test]
fn what_is_wrong_in_the_file_is_told_and_the_rest_holds() {
    let state = tempfile::tempdir().unwrap();
    let terminal = configured(state.path(), "language = 'python'\n[editor]\nkeys = 'nano'\n").spawn();
    terminal.text("line 3: editor.keys cannot be that");
    terminal.text("hint: it may be \"emacs\" or \"vi\"");
    terminal.prompt("python> ");
}
