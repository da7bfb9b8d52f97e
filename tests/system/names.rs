//! One namespace, two views.

use crate::harness::Snakebridge;

/// Runs `setup` in Python, then checks what each Elixir expression gives.
#[track_caller]
fn elixir_reads(setup: &str, expect: &[(&str, &str)]) {
    let mut script = format!("%%python\n{setup}\n");
    for (expression, _) in expect {
        script += &format!("%%elixir\n{expression}\n");
    }
    let run = Snakebridge::script(&script, []).run().ok();
    for (i, (expression, value)) in expect.iter().enumerate() {
        assert_eq!(run.result(i as u64 + 2), *value, "{expression}");
    }
}

#[test]
fn every_way_to_bind_a_name_in_python() {
    let setup = r##"
import math
import os.path as osp
from math import tau, floor as down
from string import *
a = b = 1
c, (d, *e) = 1, (2, 3, 4)
f: int = 5
g: str
h = 0; h += 6
for i in range(8): pass
with open("/dev/null") as stream: pass
def fun(x): return x + 1
class Box: value = 9
async def co(): return 10
if (walrus := 11): pass
try: 1/0
except ZeroDivisionError as error: kept = repr(error)
match [1, 12]:
    case [1, matched]: pass
def set_global():
    global made
    made = 13
set_global()
exec("executed = 14")
globals()["planted"] = 15
gone = 1
del gone
inner = [comp for comp in range(3)]
id = 16
list = [17]
"##;
    elixir_reads(
        setup,
        &[
            ("math.floor(2.5)", "2"),
            ("osp.join(\"a\", \"b\")", "\"a/b\""),
            ("down.(tau)", "6"),
            ("digits", "\"0123456789\""),
            ("{a, b, c, d, e}", "{1, 1, 1, 2, [3, 4]}"),
            ("{f, h, i}", "{5, 6, 7}"),
            ("stream.closed", "true"),
            ("fun.(1)", "2"),
            ("py.Box.value", "9"),
            ("walrus", "11"),
            ("kept", "\"ZeroDivisionError('division by zero')\""),
            ("matched", "12"),
            ("made", "13"),
            ("executed", "14"),
            ("planted", "15"),
            ("inner", "[0, 1, 2]"),
            ("{id, list}", "{16, [17]}"),
        ],
    );
}

#[test]
fn what_python_did_not_bind_is_undefined_in_elixir() {
    for name in ["gone", "comp", "error", "g", "local"] {
        let setup = "%%python\ngone = 1\ndel gone\n[comp for comp in [1]]\ng: int\ntry: 1/0\nexcept Exception as error: pass\ndef f():\n    local = 1\nf()\n";
        let run = Snakebridge::script(&format!("{setup}%%elixir\n{name}\n"), [])
            .run()
            .code(1);
        assert!(
            run.error(2).to_string().contains("undefined variable"),
            "{name}: {}",
            run.error(2)
        );
    }
}

#[test]
fn the_last_writer_of_a_name_wins() {
    let script = r##"
x = 1
%%python
x = x + 1
%%elixir
x = x * 10
%%python
print(x)
y = [1]
%%elixir
y
%%python
y.append(2)
%%elixir
y
%%elixir
y = y ++ [3]
%%python
y.append(4)
%%elixir
y
%%python
del x
%%elixir
x
"##;
    let run = Snakebridge::script(script, ["--keep-going"]).run().code(1);
    assert_eq!(run.result(3), "20");
    assert_eq!(run.printed(4, "stdout"), "20\n");
    assert_eq!(run.result(5), "[1]");
    assert_eq!(run.result(7), "[1, 2]");
    assert_eq!(run.result(8), "[1, 2, 3]");
    assert_eq!(run.result(10), "[1, 2, 3, 4]");
    assert!(run.error(12).to_string().contains("undefined variable"));
}

#[test]
fn reading_never_writes_back() {
    let script = r##"
%%python
n = 1
class Counter(list): pass
c = Counter([1])
%%elixir
{n, c}
:ok
%%python
print(n, type(c).__name__, c is keep if "keep" in globals() else "same")
keep = c
%%elixir
c
%%python
print(c is keep)
"##;
    let run = Snakebridge::script(script, []).run().ok();
    assert_eq!(run.printed(3, "stdout"), "1 Counter same\n");
    assert_eq!(run.printed(5, "stdout"), "True\n");
}

#[test]
fn elixir_names_are_seen_by_functions_that_python_defined_earlier() {
    let script = r##"
%%python
def rate(): return tax * 2
%%elixir
tax = 21
square = fn x -> x * x end
big = Enum.to_list(1..50_000)
%%python
print(rate(), square(7), sum(map(square, [1, 2, 3])), len(big), eval("len(big)"))
"##;
    let run = Snakebridge::script(script, []).run().ok();
    assert_eq!(run.printed(3, "stdout"), "42 49 14 50000 50000\n");
}

#[test]
fn opaque_terms_come_back_identical() {
    let script = r##"
me = self(); ref = make_ref(); uri = URI.parse("http://example.org/x")
%%python
box = [me, ref, uri]
%%elixir
[a, b, c] = box
{a == me, b == ref, c == uri}
"##;
    let run = Snakebridge::script(script, []).run().ok();
    assert_eq!(run.result(3), "{true, true, true}");
}

#[test]
fn a_failed_cell_leaves_the_names_that_it_did_not_assign() {
    let script = r##"
%%python
v = 1
%%python
if False: v = 2
raise RuntimeError("no")
%%elixir
v
%%elixir
w = 5
%%elixir
raise "no"; w = 6
%%python
w
"##;
    let run = Snakebridge::script(script, ["--keep-going"]).run().code(1);
    assert_eq!(run.result(3), "1");
    assert_eq!(run.result(6), "5");
}

#[test]
fn a_huge_container_is_a_ref_and_says_so() {
    let run = Snakebridge::script(
        "%%python\nhuge = list(range(100_001))\n%%elixir\nSnakeBridge.ref?(huge)\n",
        [],
    )
    .run()
    .ok();
    assert_eq!(run.result(2), "true");
    assert!(run.printed(2, "stderr").contains("huge"), "{}", run.stdout);
}

#[test]
fn shadowed_builtins_and_special_names() {
    let script = r##"
%%python
X_train = [1]
_private = 2
input = 3
%%elixir
{py.X_train, _private, input, py.len([1, 2])}
%%elixir
type = "t"
%%python
type
"##;
    let run = Snakebridge::script(script, []).run().ok();
    assert_eq!(run.result(2), "{[1], 2, 3, 2}");
    assert_eq!(run.result(4), "'t'");
}
