//! What the prompt looks like: whole screens with their colours, small and large, on light and on dark, and in tmux.

use std::process::Command;

use crate::screen::{Setup, Terminal};

const LIGHT: &str = "rgb:ffff/ffff/ffff";
const DARK: &str = "rgb:1e1e/1e1e/1e1e";

/// A class whose members are the same in each version of either language.
const SHAPE: &str = "class Shape:\n    name = 'square'\n    def area(self, scale: float = 1.0) -> float:\n        \"\"\"The area.\n\n        In square metres, times `scale`.\n        \"\"\"\n    def around(self): 'How long its edge is.'\n\n";

fn terminal(rows: u16, columns: u16, background: &str) -> Terminal {
    let terminal = Setup::new()
        .env("COLORTERM", "truecolor")
        .env("TMUX", "")
        .size(rows, columns)
        .background("", background, "")
        .start();
    // Both languages are up, and what has been said of it is gone.
    terminal.enter(":py 20 + 22").line("42").prompt("elixir> ");
    terminal.write("\x0c").prompt("elixir> ");
    terminal
}

/// Results, a table, Markdown and an error.
fn results(terminal: &Terminal) -> String {
    terminal
        .enter("[name: \"text\", n: 2.5, done: nil, kind: :atom]")
        .prompt("elixir> ");
    terminal
        .enter("[[name: \"one\", n: 1], [name: \"twenty\", n: 20]]")
        .line("twenty  20")
        .prompt("elixir> ");
    terminal
        .enter("SnakeBridge.Display.markdown(\"# Title\\n\\n* **a** `b`\\n\\n```elixir\\ndef f(x), do: x # c\\n```\")")
        .line("Title")
        .prompt("elixir> ");
    terminal
        .enter("1 + :a")
        .text("(ArithmeticError)")
        .prompt("elixir> ");
    terminal.enter(":help hlep").text("hint:").prompt("elixir> ");
    terminal.painted("elixir> ")
}

/// A cell that is typed, with what has been said of its members, and the signature of a call.
fn typing(terminal: &Terminal) -> [String; 2] {
    terminal.enter(":py").prompt("python> ");
    terminal
        .paste(SHAPE)
        .text("How long")
        .write("\x1b\r")
        .prompt("python> ");
    terminal.enter("shape = Shape()").prompt("python> ");
    terminal.write("\x0c").prompt("python> ");
    terminal.keys("def f(n):\r");
    terminal.keys("return shape.a").write("\t");
    terminal.text("square metres");
    let menu = terminal.settled().painted("python> ");
    terminal.write("\x1b").no_text("square metres");
    terminal.keys("ea(");
    terminal.text("scale: float").settled();
    (menu, terminal.painted("python> ")).into()
}

#[test]
fn a_small_dark_screen() {
    let terminal = terminal(24, 80, DARK);
    insta::assert_snapshot!("results_24x80_dark", results(&terminal));
    let [menu, call] = typing(&terminal);
    insta::assert_snapshot!("menu_24x80_dark", menu);
    insta::assert_snapshot!("call_24x80_dark", call);
}

#[test]
fn a_small_light_screen() {
    let terminal = terminal(24, 80, LIGHT);
    insta::assert_snapshot!("results_24x80_light", results(&terminal));
    let [menu, call] = typing(&terminal);
    insta::assert_snapshot!("menu_24x80_light", menu);
    insta::assert_snapshot!("call_24x80_light", call);
}

#[test]
fn a_large_dark_screen() {
    let terminal = terminal(50, 200, DARK);
    insta::assert_snapshot!("results_50x200_dark", results(&terminal));
    let [menu, call] = typing(&terminal);
    insta::assert_snapshot!("menu_50x200_dark", menu);
    insta::assert_snapshot!("call_50x200_dark", call);
}

#[test]
fn a_large_light_screen() {
    let terminal = terminal(50, 200, LIGHT);
    insta::assert_snapshot!("results_50x200_light", results(&terminal));
    let [menu, call] = typing(&terminal);
    insta::assert_snapshot!("menu_50x200_light", menu);
    insta::assert_snapshot!("call_50x200_light", call);
}

/// A server of tmux of the test's own, which ends with it.
struct Tmux(String);

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}

/// tmux knows what the terminal around it can do, and stands between.
#[test]
fn in_tmux_it_looks_the_same() {
    if Command::new("tmux").arg("-V").output().is_err() {
        return;
    }
    let server = Tmux(format!("snakebridge-{}", std::process::id()));
    // One row more, for tmux's own line, which says what time it is.
    let terminal = Setup::new()
        .env("COLORTERM", "truecolor")
        .env("COLORFGBG", "15;0")
        .size(25, 80)
        .within(&[
            "tmux",
            "-L",
            &server.0,
            "-f",
            "/dev/null",
            "-T",
            "RGB",
            "new-session",
        ])
        .spawn();
    terminal.prompt_starts("elixir>");
    terminal.enter(":py 20 + 22").line("42").prompt_starts("elixir>");
    terminal.write("\x0c").no_text("42");
    terminal
        .enter("[name: \"text\", n: 2.5]")
        .line("[name: \"text\", n: 2.5]");
    terminal.enter(":py").prompt_starts("python>");
    terminal.keys("su").write("\t").text("> sum");
    terminal.write("\x1b").no_text("> sum");
    terminal.keys("m([40, 2])").write("\r").line("42");
    terminal.resize(35, 100).keys("x").text("python> x");
    terminal.write("\x03").prompt_starts("python>");
    terminal
        .paste("y = [\n    1,\n]")
        .text("   ...> ]")
        .write("\r")
        .prompt_starts("python>");
    terminal.enter("y").line("[1]");
    let painted = terminal.settled().painted("elixir> ");
    let lines: Vec<&str> = painted.lines().take(9).collect();
    insta::assert_snapshot!("tmux", lines.join("\n"));
}
