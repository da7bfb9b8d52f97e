//! Cells at the prompt: results, output, questions, interrupts, deaths.

use std::process::Command;

use crate::screen::{Setup, Terminal, process_ends};

const TAB: &str = "\t";
const CTRL_C: &str = "\x03";

fn python() -> Terminal {
    let terminal = Terminal::start();
    terminal.enter(":py").prompt("python> ");
    terminal
}

#[test]
fn both_languages_share_names() {
    let terminal = Terminal::start();
    terminal.enter("x = 20").line("20").prompt("elixir> ");
    terminal.enter(":py x * 2 + 1").line("41").prompt("elixir> ");
    terminal.write(TAB).prompt("python> ");
    terminal.enter("y = [x, 'a']").prompt("python> ");
    terminal.enter(":ex y").line("[20, \"a\"]").prompt("python> ");
    terminal
        .enter(":vars")
        .text("y")
        .text("elixir")
        .prompt("python> ");
}

#[test]
fn an_atom_is_an_atom_and_a_leading_space_makes_code() {
    let terminal = Terminal::start();
    terminal.enter(":ok").line(":ok").prompt("elixir> ");
    terminal.enter(" :help").line(":help").prompt("elixir> ");
    terminal.enter(":py  1 + 1").line("2").prompt("elixir> ");
}

#[test]
fn cells_of_many_lines_run_in_both_languages() {
    let terminal = Terminal::start();
    terminal.keys("defmodule A do\r").prompt("   ...>   ");
    terminal.keys("def f(x) do\r").prompt("   ...>     ");
    terminal.keys("x * 2\r").prompt("   ...>     ");
    terminal
        .keys("end\r")
        .keys("end\r")
        .text("{:module, A")
        .prompt("elixir> ");
    assert!(
        terminal.lines().contains(&"   ...>   end".to_owned()),
        "{:?}",
        terminal.lines()
    );
    terminal.enter("A.f(21)").line("42").prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal.keys("def g(x):\r").prompt("   ...>     ");
    terminal.keys("return x * 3\r\r").prompt("python> ");
    terminal.enter("g(14)").line("42").prompt("python> ");
    terminal
        .paste("def h(x):\n    y = x\n\n    return y\n")
        .write("\r")
        .prompt("python> ");
    terminal.enter("h('pasted')").line("'pasted'").prompt("python> ");
}

#[test]
fn output_streams_and_a_carriage_return_rewrites_its_line() {
    let terminal = python();
    terminal.enter("import sys, time").prompt("python> ");
    terminal
        .enter("for i in range(3): sys.stdout.write(f'\\r{i} of 3'); sys.stdout.flush(); time.sleep(0.1)\r");
    terminal.line("2 of 3").prompt("python> ");
    assert!(
        !terminal.lines().iter().any(|line| line.contains("0 of 3")),
        "{:?}",
        terminal.lines()
    );
}

#[test]
fn an_error_is_shown_and_the_prompt_goes_on() {
    let terminal = python();
    terminal
        .enter("1 / 0")
        .text("ZeroDivisionError: division by zero")
        .prompt("python> ");
    terminal
        .enter(":ex raise \"oh\"")
        .text("RuntimeError")
        .text("oh")
        .prompt("python> ");
    terminal
        .enter(":hlep")
        .text("SyntaxError")
        .text("hint: there is no command :hlep; :help is one")
        .prompt("python> ");
}

#[test]
fn ctrl_c_interrupts_the_cell_and_not_the_program() {
    let terminal = python();
    terminal
        .enter("import time; kept = 1; print('sleeping'); time.sleep(100)")
        .line("sleeping");
    terminal
        .write(CTRL_C)
        .text("KeyboardInterrupt")
        .prompt("python> ");
    terminal.enter("kept").line("1").prompt("python> ");
    terminal
        .enter(":ex IO.puts(\"sleeping too\"); Process.sleep(100_000)")
        .line("sleeping too");
    terminal.write(CTRL_C).prompt("python> ");
    terminal.enter(":ex 1 + 1").line("2").prompt("python> ");
}

#[test]
fn ctrl_c_ends_a_flood_of_output_at_once() {
    let terminal = python();
    terminal.enter("n = 0").prompt("python> ");
    terminal
        .paste("while True:\n    n += 1\n    print('flood', n)\n")
        .write("\r")
        .written("flood 2000");
    terminal
        .write(CTRL_C)
        .text("KeyboardInterrupt")
        .prompt("python> ");
    terminal.write("\x0c").prompt("python> ");
    terminal.enter("n > 1000, n").text("(True, ").prompt("python> ");
}

#[test]
fn a_second_ctrl_c_ends_what_does_not_stop_and_names_what_was_lost() {
    let terminal = Terminal::start();
    terminal.enter("here = 7").line("7").prompt("elixir> ");
    terminal.enter(":py").prompt("python> ");
    terminal.enter("lost_name = 1").prompt("python> ");
    terminal
        .enter("import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])")
        .prompt("python> ");
    terminal.enter("print('stuck'); time.sleep(100)").line("stuck");
    terminal
        .write(CTRL_C)
        .text("note: still running; if it does not listen its process is ended, in two seconds");
    terminal.write(CTRL_C).prompt("python> ");
    assert!(
        terminal
            .lines()
            .iter()
            .filter(|line| line.contains("lost_name"))
            .count()
            > 1,
        "{:?}",
        terminal.lines()
    );
    terminal.enter(":ex here").line("7").prompt("python> ");
    terminal.enter("1 + 1").line("2").prompt("python> ");
}

#[test]
fn questions_are_answered_at_the_terminal() {
    let terminal = python();
    terminal
        .enter("print('abc', end=' '); name = input('name? ')")
        .prompt("abc name? ");
    terminal.keys("you\r").prompt("python> ");
    terminal.enter("name").line("'you'").prompt("python> ");
    terminal
        .enter("import getpass; secret = getpass.getpass('secret: ')")
        .prompt("secret: ");
    terminal.write("hidden\r").prompt("python> ");
    assert!(!terminal.raw().contains("hidden"));
    terminal.enter("secret[::-1]").line("'neddih'").prompt("python> ");
    terminal.enter(":ex IO.gets(\"line? \")").prompt("line? ");
    terminal.keys("text\r").line("\"text\\n\"").prompt("python> ");
    terminal.enter("input('eof? ')").prompt("eof? ");
    terminal.write("\x04").text("EOFError").prompt("python> ");
    terminal.enter("input('stop? ')").prompt("stop? ");
    terminal
        .write(CTRL_C)
        .text("KeyboardInterrupt")
        .prompt("python> ");
}

#[test]
fn a_worker_that_dies_is_said_and_the_next_cell_has_a_new_one() {
    let terminal = python();
    terminal.enter("import os, signal; gone = 1").prompt("python> ");
    terminal
        .enter("os.kill(os.getpid(), signal.SIGKILL)")
        .text("gone")
        .prompt("python> ");
    terminal.enter("40 + 2").line("42").prompt("python> ");
}

#[test]
fn a_death_at_the_prompt_is_told_above_what_is_typed() {
    let terminal = python();
    terminal
        .enter("import os; lost_name = 1; os.getpid()")
        .prompt("python> ");
    let lines = terminal.lines();
    let worker = lines.iter().find(|line| line.parse::<u32>().is_ok()).unwrap();
    terminal.keys("typed");
    assert!(
        Command::new("kill")
            .args(["-9", worker])
            .status()
            .unwrap()
            .success()
    );
    terminal
        .text("killed by signal 9")
        .text("lost_name, os.")
        .prompt("python> typed");
}

#[test]
fn a_worker_that_dies_ends_its_question() {
    let terminal = python();
    terminal
        .enter("import os, threading; threading.Timer(0.5, lambda: os._exit(3)).start(); input('name? ')");
    terminal.prompt("name? ").prompt("python> ");
    terminal.enter("40 + 2").line("42").prompt("python> ");
}

#[test]
fn a_restart_forgets_the_names_of_one_language() {
    let terminal = python();
    terminal.enter("gone = 1").prompt("python> ");
    terminal.enter(":ex kept = 2").line("2").prompt("python> ");
    terminal
        .enter(":restart python")
        .line("note: Python was restarted. Names lost: gone.")
        .prompt("python> ");
    terminal.enter("gone").text("NameError").prompt("python> ");
    terminal.enter(":ex kept").line("2").prompt("python> ");
    terminal
        .enter(":restart")
        .line("hint: `:restart python`, `:restart elixir` or `:restart all`")
        .prompt("python> ");
}

#[test]
fn late_output_stands_above_the_prompt_and_what_is_typed_stays() {
    let terminal = python();
    terminal
        .enter("import threading; go = threading.Event(); more = threading.Event()")
        .prompt("python> ");
    terminal
        .enter("def late(): go.wait(); print('one\\ntwo'); more.wait(); print('half', end='', flush=True)\r");
    terminal.prompt("python> ");
    terminal.enter("threading.Thread(target=late).start(); threading.Timer(0.5, go.set).start(); threading.Timer(1, more.set).start()");
    terminal.prompt("python> ").keys("typed");
    terminal
        .line("one")
        .line("two")
        .line("half")
        .prompt("python> typed");
}

#[test]
fn a_flood_of_late_output_leaves_the_prompt_usable() {
    let terminal = python();
    terminal
        .enter("import threading; stop = threading.Event()")
        .prompt("python> ");
    terminal
        .enter("def flood():\r    while not stop.is_set(): print('late')\r")
        .prompt("python> ");
    terminal
        .enter("threading.Thread(target=flood).start()")
        .line("late");
    terminal.enter("stop.set()").prompt("python> ");
    terminal
        .enter("'still ' + 'here'")
        .written("'still here'")
        .prompt("python> ");
}

#[test]
fn members_of_a_live_object_complete_in_both_languages() {
    let terminal = python();
    terminal.paste("class Order:\n    \"\"\"An order.\"\"\"\n    def total_price(self, rate): \"\"\"Its price.\"\"\"; return 42\n    def total_weight(self): return 3\n\n").write("\r");
    terminal.prompt("python> ");
    terminal.enter("order = Order()").prompt("python> ");
    for prompt in ["python> ", "elixir> "] {
        terminal.write("\x0c").prompt(prompt);
        terminal.keys("order.tot").write(TAB);
        terminal.text("total_price").text("total_weight").text("rate");
        assert!(
            terminal.lines().contains(&format!("{prompt}order.total_")),
            "the common part: {:?}",
            terminal.lines()
        );
        terminal
            .keys("w")
            .no_text("total_price")
            .write("\r")
            .prompt(&format!("{prompt}order.total_weight"));
        terminal.write(CTRL_C).prompt(prompt);
        terminal.enter(":ex").prompt("elixir> ");
    }
    terminal
        .keys(":py order.total_p")
        .write(TAB)
        .text("elixir> :py order.total_price");
}

#[test]
fn what_is_typed_while_a_cell_runs_comes_after_it() {
    let terminal = python();
    terminal
        .enter("import time; print('busy'); time.sleep(0.7)")
        .line("busy");
    terminal
        .write("20 + 22\r21 * 2")
        .line("42")
        .text("python> 21 * 2");
    terminal.write("\r").prompt("python> ");
    assert_eq!(
        terminal.lines().iter().filter(|line| *line == "42").count(),
        2,
        "{:?}",
        terminal.lines()
    );
}

#[test]
fn leaving_ends_the_children() {
    let mut terminal = python();
    terminal
        .enter("import os; print('worker', os.getpid(), '.')")
        .text("worker ")
        .prompt("python> ");
    let line = terminal
        .lines()
        .into_iter()
        .find(|line| line.starts_with("worker "))
        .unwrap();
    let worker: u32 = line.split(' ').nth(1).unwrap().parse().unwrap();
    terminal
        .enter(":ex IO.puts(\"beam #{System.pid()} .\")")
        .text("beam ")
        .prompt("python> ");
    let line = terminal
        .lines()
        .into_iter()
        .find(|line| line.starts_with("beam "))
        .unwrap();
    let beam: u32 = line.split(' ').nth(1).unwrap().parse().unwrap();
    terminal.write("\x04");
    assert!(terminal.ended().success());
    process_ends(worker);
    process_ends(beam);
}

#[test]
fn a_missing_interpreter_is_said_with_its_mend_and_the_other_language_works() {
    let terminal = Setup::new()
        .argument("--python")
        .argument("/nowhere/python3")
        .start();
    terminal.text("error: python was not found").text("hint: ");
    terminal
        .prompt("elixir> ")
        .enter("1 + 1")
        .line("2")
        .prompt("elixir> ");
    terminal.enter(":py 1").prompt("elixir> ");
}

#[test]
fn a_cell_that_waits_for_its_language_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let slow = directory.path().join("python3");
    std::fs::write(
        &slow,
        "#!/bin/sh\ncase $* in *snakebridge*) sleep 2;; esac\nexec python3 \"$@\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&slow, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let terminal = Setup::new()
        .argument("--python")
        .argument(slow.to_str().unwrap())
        .start();
    terminal
        .enter(":py 40 + 2")
        .text("note: python is starting")
        .line("42")
        .prompt("elixir> ");
    terminal
        .enter(":restart python")
        .text("note: Python was restarted.")
        .prompt("elixir> ");
}

#[test]
fn a_signal_that_ends_the_program_leaves_the_terminal_as_it_was() {
    let mut terminal = python();
    terminal.keys("typed");
    let shown = Command::new("kill")
        .arg(terminal.process().to_string())
        .status()
        .unwrap();
    assert!(shown.success());
    assert!(!terminal.ended().success());
    assert!(
        terminal.raw().trim_end().ends_with("\x1b[?2004l"),
        "{:?}",
        terminal.raw()
    );
}

#[test]
fn a_terminal_that_is_closed_ends_the_children() {
    let terminal = python();
    terminal
        .enter("import os; print('worker', os.getpid(), '.')")
        .text("worker ")
        .prompt("python> ");
    let line = terminal
        .lines()
        .into_iter()
        .find(|line| line.starts_with("worker "))
        .unwrap();
    let worker: u32 = line.split(' ').nth(1).unwrap().parse().unwrap();
    drop(terminal);
    process_ends(worker);
}
