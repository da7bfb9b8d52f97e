//! Documentation, and what results, pictures and displays look like.

use crate::screen::{Setup, Terminal};

const PNG: &str = "b'\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0\\rIHDR\\0\\0\\0\\1\\0\\0\\0\\1\\x08\\2\\0\\0\\0\\x90wS\\xde\\0\\0\\0\\x0cIDATx\\x9cc\\xf8\\xcf\\xc0\\0\\0\\3\\1\\1\\0\\xc9\\xfe\\x92\\xef\\0\\0\\0\\0IEND\\xaeB`\\x82'";

fn python(setup: Setup) -> Terminal {
    let terminal = setup.start();
    terminal.enter(":py").prompt("python> ");
    terminal
}

#[test]
fn documentation_of_both_languages_at_both_prompts() {
    let terminal = Setup::new().start();
    terminal
        .enter("h String.valid?")
        .line("String.valid?(string, algorithm \\\\ :default)")
        .text("Checks whether string contains only valid characters.");
    terminal.write("q").prompt("elixir> ");
    terminal.enter("xs = [1, 2]").line("[1, 2]").prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal
        .enter("ex.Enum.zip_reduce?")
        .line("Enum.zip_reduce(enums, acc, reducer)");
    terminal.write("q").prompt("python> ");
    terminal.enter("xs?").line("xs :: list").prompt("python> ");
    terminal
        .paste("def area(r: float) -> float:\n    \"\"\"An area.\n\n    Args:\n        r: the ``radius``\n    \"\"\"\n    return r\n")
        .prompt("   ...> ");
    terminal.write("\r").prompt("python> ");
    terminal
        .enter("area?")
        .line("    area(r: float) -> float")
        .line("Parameters")
        .line("• r: the radius")
        .prompt("python> ");
    terminal.write("\x0c").prompt("python> ");
    terminal
        .enter("area??")
        .line("    def area(r: float) -> float:")
        .line("        return r")
        .prompt("python> ");
    terminal.enter(":ex").prompt("elixir> ");
    terminal.write("\x0c").prompt("elixir> ");
    terminal
        .enter("h area")
        .line("• r: the radius")
        .prompt("elixir> ");
    terminal
        .enter("h nothing.there")
        .text("nothing is known of nothing.there")
        .prompt("elixir> ");
}

#[test]
fn long_documentation_is_paged_and_configuration_can_say_no() {
    let terminal = Setup::new().env("PAGER", "echo $LESS; sed -n 1,2p").start();
    terminal
        .enter("h Enum.chunk_every")
        .line("-RFXK")
        .line("Enum.chunk_every(enumerable, count)");
    terminal.prompt("elixir> ");
    let terminal = Setup::new()
        .env("PAGER", "")
        .env("PATH", &path_without_less())
        .start();
    terminal
        .enter("h Enum.chunk_every")
        .text("-- more -- Space: next screen");
    terminal.write("\x03").prompt("elixir> ");
    terminal
        .enter("h Enum.chunk_every")
        .text("-- more -- Space: next screen");
    terminal.write(" ").no_text("Shortcut to");
    terminal.write("q").prompt("elixir> ");

    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("snakebridge");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "[display]\npager = false\n").unwrap();
    let terminal = Setup::new()
        .env("PAGER", "echo paged")
        .state(state.path())
        .start();
    terminal
        .enter("h Enum.chunk_every")
        .text("Stream.cycle([0])")
        .prompt("elixir> ");
}

/// Everything that is needed but `less`, by links.
fn path_without_less() -> String {
    let path = std::env::var("PATH").unwrap();
    let folder = tempfile::tempdir().unwrap().keep();
    for directory in std::env::split_paths(&path) {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_name() != "less" {
                let _ = std::os::unix::fs::symlink(entry.path(), folder.join(entry.file_name()));
            }
        }
    }
    folder.to_string_lossy().into_owned()
}

#[test]
fn pictures_are_drawn_by_what_the_terminal_knows() {
    let show = format!("display({{'image/png': {PNG}}}, raw=True)");
    let terminal = python(Setup::new().env("TMUX", "").env("COLORTERM", ""));
    terminal
        .enter(&show)
        .text("[image/png, 1x1, ")
        .text("file:///")
        .prompt("python> ");
    let shown = terminal.lines().join("");
    let path = shown
        .split("file://")
        .nth(1)
        .unwrap()
        .split(".png")
        .next()
        .unwrap()
        .to_owned()
        + ".png";
    assert!(std::fs::read(&path).unwrap().starts_with(b"\x89PNG"), "{path}");

    let terminal = python(Setup::new().env("TERM", "xterm-kitty").env("TMUX", ""));
    terminal
        .enter(&show)
        .written("\x1b_Ga=T,f=100,")
        .prompt("python> ");
    let terminal = python(Setup::new().env("TERM_PROGRAM", "iTerm.app").env("TMUX", ""));
    terminal
        .enter(&show)
        .written("\x1b]1337;File=inline=1")
        .prompt("python> ");
    let terminal = python(
        Setup::new()
            .env("TMUX", "/tmp/tmux,1,0")
            .env("KITTY_WINDOW_ID", "1"),
    );
    terminal.enter(&show).text("▀").prompt("python> ");
    assert!(!terminal.raw().contains("\x1b_G"));
}

#[test]
fn displays_are_replaced_in_their_place() {
    let terminal = python(Setup::new());
    terminal
        .paste("a = display({'text/plain': 'one'}, raw=True, display_id='a')\nb = display({'text/plain': 'two'}, raw=True, display_id='b')\ndisplay({'text/plain': 'three'}, raw=True, display_id='a', update=True)")
        .text("display_id='a', update=");
    terminal.write("\r").line("three").line("two").prompt("python> ");
    assert!(
        !terminal.lines().iter().any(|line| line == "one"),
        "{:?}",
        terminal.lines()
    );
    terminal
        .enter("print('between'); display({'text/plain': 'four'}, raw=True, display_id='b', update=True)")
        .line("four")
        .line("two")
        .prompt("python> ");
}

#[test]
fn what_comes_late_stands_above_a_progress_line() {
    let terminal = python(Setup::new());
    terminal
        .enter("import threading, sys, time; go = threading.Event(); t = threading.Thread(target=lambda: (go.wait(), print('late')), daemon=True); t.start()")
        .prompt("python> ");
    terminal
        .enter("sys.stdout.write('\\r50%'); sys.stdout.flush(); go.set(); t.join(); input('go? '); sys.stdout.write('\\r100%\\n')")
        .line("late");
    terminal.text("go? ");
    let lines = terminal.lines();
    let at = |text: &str| lines.iter().position(|line| line.contains(text));
    assert!(at("late") < at("go? "), "{lines:?}");
    assert!(lines.iter().any(|line| line == "late"), "{lines:?}");
}

#[test]
fn markdown_is_rendered() {
    let terminal = Setup::new().start();
    terminal
        .enter("SnakeBridge.Display.markdown(\"# Title\\n\\n* **a** `b`\")")
        .line("Title")
        .line("• a b")
        .prompt("elixir> ");
    let terminal = Setup::new().env("NO_COLOR", "1").start();
    terminal
        .enter("SnakeBridge.Display.markdown(\"# Title\\n\\n* **a** `b`\")")
        .line("# Title")
        .line("- **a** `b`")
        .prompt("elixir> ");
}

#[test]
fn the_background_is_asked_for_and_no_key_is_lost() {
    let terminal = Setup::new()
        .env("COLORTERM", "truecolor")
        .env("COLORFGBG", "")
        .background("1 +", "rgb:ffff/ffff/ffff", " 41")
        .spawn();
    terminal.prompt("elixir> 1 + 41");
    terminal.write("\r").line("42").prompt("elixir> ");
    let light = colour_of(&terminal);
    let terminal = Setup::new()
        .env("COLORTERM", "truecolor")
        .background("", "rgb:1e1e/1e1e/1e1e", "")
        .start();
    assert_ne!(light, colour_of(&terminal));
    let terminal = Setup::new()
        .env("COLORTERM", "truecolor")
        .env("COLORFGBG", "")
        .start();
    terminal.enter("x = :atom").line(":atom").prompt("elixir> ");
    assert!(
        !terminal.raw().contains("38;2;"),
        "nobody has said what the background is"
    );
}

/// The colour that a keyword gets.
fn colour_of(terminal: &Terminal) -> String {
    terminal.enter("1").line("1").prompt("elixir> ");
    terminal
        .keys("def")
        .written("38;2;")
        .write("\x03")
        .prompt("elixir> ");
    let raw = terminal.raw();
    raw.rsplit("38;2;")
        .next()
        .unwrap()
        .split('m')
        .next()
        .unwrap()
        .to_owned()
}
