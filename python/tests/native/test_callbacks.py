"""Calls from Python to Elixir, nested calls, and what is printed and asked on the way."""

import contextlib
import time

import etf
import pytest
from etf import Atom, struct_map
from session import EndedError, ProtocolError, Session, call, method, module, name, ref, step, text_of, value

FUN = etf.export("Elixir.Enum", "map", 2)


def test_a_function_is_called_on_the_lane_that_waits(session):
    lane = session.lane()
    asked = []

    def serve(op, body):
        asked.append((op, body))
        return sum(body[1])

    session.run("def apply(f, *args, **kwargs): return f(*args, **kwargs)")
    assert lane.do(name("apply"), call(FUN, 1, 2), serve=serve) == 3
    assert asked == [("apply", (FUN, [1, 2], []))]
    assert lane.do(name("apply"), call(FUN, 1, unit="m"), serve=serve) == 1
    assert asked[1][1] == (FUN, [1], [(b"unit", b"m")])


def test_a_function_has_a_signature(session):
    session.run("""
import inspect
def signature(f): return str(inspect.signature(f))
""")
    lane = session.lane()
    assert lane.do(name("signature"), call(FUN)) == b"(arg1, arg2, /, **options)"
    assert lane.do(name("signature"), call(etf.export("a", "b", 0))) == b"()"


def test_a_function_takes_attributes_and_weak_references(session):
    session.run("""
import functools, inspect, weakref
def wrapped(f):
    g = functools.wraps(len)(f)
    return g.__name__, str(inspect.signature(g)), g.__wrapped__ is len
def remembered(f):
    weak = weakref.ref(f)
    alive = weak() is f
    del f
    return alive
""")
    lane = session.lane()
    assert lane.do(name("wrapped"), call(FUN)) == (b"len", b"(arg1, arg2, /, **options)", True)
    assert lane.do(name("remembered"), call(FUN)) is True


def test_values_in_callbacks(session):
    lane = session.lane()
    session.run("def give(f): return f({1}, object, f, print, k=(1,))")
    seen = []

    def serve(op, body):
        seen.append(body)
        return struct_map("MapSet", map={1: []})

    assert lane.do(name("give"), call(FUN), serve=serve) == ("$tagged", ("$set", [1]))
    function, args, kwargs = seen[0]
    assert function == FUN
    assert args[0] == ("$tagged", ("$set", [1]))
    assert args[1][1][0] == "$ref"
    assert args[2] == ("$tagged", ("$term", FUN))
    assert kwargs == [(b"k", (1,))]


def test_functions_as_arguments(session):
    lane = session.lane()
    session.run("""
import functools
class Thing:
    def method(self, a, b): return a + b
    def __call__(self): return 0
def two(a, b, c=1, *, d=2): return a * b
functions = [
    lambda: 5, lambda x: x, two, Thing().method, functools.partial(two, 3), lambda *a: a, lambda x=1: x, len, print,
    max, eval('lambda ' + ', '.join(f'a{i}' for i in range(12)) + ': 0'),
]
others = [Thing(), int, str.upper, type('F', (functools.partial,), {})(len), [len], 1]
def give(f, values, **kwargs): return f(*values, **kwargs)
""")
    seen = []

    def serve(op, body):
        seen.append(body)

    lane.do(module("builtins"), method("eval", "lambda f: give(f, functions, k=len)"), call(FUN), serve=serve)
    _, args, kwargs = seen.pop()
    assert [(tag, kind) for tag, (kind, *_) in args] == [("$tagged", "$function")] * len(args)
    assert [arity for _, (_, _, _, arity) in args] == [0, 1, 2, 2, 1, 1, 1, 1, 1, 1, 10]
    assert [name for _, (_, _, name, _) in args[2:5]] == [
        b"builtins.function",
        b"builtins.method",
        b"functools.partial",
    ]
    assert kwargs[0][1][1][0] == "$ref"
    # They are called as refs are.
    assert lane.do(value(ref(args[2])), call(6, 7)) == 42
    assert lane.do(value(ref(args[4])), call(5)) == 15
    # All else goes as ever, and so do functions in something.
    lane.do(module("builtins"), method("eval", "lambda f: give(f, others)"), call(FUN), serve=serve)
    _, args, _ = seen.pop()
    assert [arg[1][0] for arg in args[:4]] == ["$ref"] * 4
    assert args[4][1][0][0] == "$ref"
    assert args[5] == 1


def test_nested_to_a_depth_of_fifty(session):
    lane = session.lane()
    session.run("def down(f, n): return 0 if n == 0 else f(n - 1) + 1")

    def serve(op, body):
        _, [depth], _ = body
        return lane.do(name("down"), call(FUN, depth), serve=serve)

    assert lane.do(name("down"), call(FUN, 50), serve=serve) == 50


def test_endless_recursion_ends(session):
    lane = session.lane()
    session.run("def down(f, n): return f(n + 1)")
    depths = []

    def serve(op, body):
        depths.append(body[1][0])
        return lane.do(name("down"), call(FUN, depths[-1]), serve=serve)

    import sys

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        with pytest.raises(ProtocolError) as error:
            lane.do(name("down"), call(FUN, 0), serve=serve)
    finally:
        sys.setrecursionlimit(limit)
    assert b"RecursionError" in repr(error.value.error).encode()
    assert max(depths) > 100
    assert lane.do(value(1)) == 1


def test_an_error_of_elixir_comes_back_as_it_was(session):
    lane = session.lane()
    session.run("""
import snakebridge._native as native
def swallow(f):
    try: f()
    except native.ElixirError as error:
        return (error.kind, str(error), error.__notes__, error.reason)
def let_through(f): f()
def wrap(f):
    try: f()
    except native.ElixirError as error: raise KeyError('x') from error
""")
    raised = (
        Atom("elixir"),
        Atom("error"),
        struct_map("ArgumentError", message="bad", extra=etf.PID),
        "bad thing",
        ["cell 3:4: Shop.price/1", "cell 5:1"],
    )

    def serve(op, body):
        raise ProtocolError(raised)

    assert lane.do(name("swallow"), call(FUN), serve=serve)[1][:3] == (
        b"error",
        b"bad thing",
        [b"in Elixir:\n    cell 3:4: Shop.price/1\n    cell 5:1"],
    )
    with pytest.raises(ProtocolError) as error:
        lane.do(name("let_through"), call(FUN), serve=serve)
    assert etf.encode(error.value.error) == etf.encode(raised)
    with pytest.raises(ProtocolError) as error:
        lane.do(name("wrap"), call(FUN), serve=serve)
    # What was caught there is told as it was.
    assert etf.encode(error.value.python[Atom("cause")]) == etf.encode(raised)


def test_an_exception_that_went_through_elixir_is_the_same_object(session):
    lane = session.lane()
    session.run("""
class Mine(Exception): pass
thrown = Mine('m')
def inner(): raise thrown
def outer(f):
    try: f()
    except Mine as error: return error is thrown
""")

    def serve(op, body):
        try:
            return lane.do(name("inner"), call())
        except ProtocolError as error:
            exception = error.python
            fields = {Atom(key): exception[Atom(key)] for key in ("class", "module", "message", "mro")}
            raise ProtocolError((Atom("python"), fields)) from None

    assert lane.do(name("outer"), call(FUN), serve=serve) is True


def test_refusals_in_callbacks(session):
    lane = session.lane()
    session.run("""
import snakebridge._native as native
def ask(f):
    try: f()
    except native.BridgeError as error: return (error.reason, error.message, error.hint)
def fail(f): f()
""")

    def serve(op, body):
        raise ProtocolError((Atom("bridge"), Atom("ref_gone"), "it is gone", "make it again"))

    assert lane.do(name("ask"), call(FUN), serve=serve) == (b"ref_gone", b"it is gone", b"make it again")
    with pytest.raises(ProtocolError) as error:
        lane.do(name("fail"), call(FUN), serve=serve)
    assert error.value.error == ("bridge", "ref_gone", b"it is gone", b"make it again")


def test_a_cell_opens_a_lane_and_keeps_it(session):
    beam = session.beam()
    request = session.start_cell("a = ex.Enum.sum([1, 2])\nb = ex.erlang.system_info('x')\nprint(a + b)")
    lane = session.callback_lane(beam)
    assert lane.recv() == ("req", 1, "mfa", (b"Enum", b"sum", [[1, 2]], []))
    lane.send((Atom("ev"), Atom("stream"), (None, Atom("stdout"), "from elixir\n")))
    lane.send((Atom("ok"), 1, 3))
    assert lane.recv() == ("req", 2, "mfa", (b"erlang", b"system_info", [b"x"], []))
    lane.send((Atom("ok"), 2, 4))
    events = []
    answer = session.main.answer(request, events)
    assert text_of(events) == "from elixir\n7\n"
    shapes = {
        (shape[Atom("module")], shape[Atom("name")], shape[Atom("count")]) for shape in answer[Atom("calls")]
    }
    assert shapes == {(b"Enum", b"sum", 1), (b"erlang", b"system_info", 1)}
    request = session.start_cell("getattr(ex.Keyword, 'valid?')([])")
    assert lane.recv()[2:] == ("mfa", (b"Keyword", b"valid?", [[]], []))
    lane.send((Atom("ok"), 3, True))
    session.main.answer(request, events)


def test_exports(session):
    beam = session.beam()
    request = session.start_cell("print(dir(ex.Enum), dir(ex))")
    lane = session.callback_lane(beam)
    assert lane.recv() == ("req", 1, "exports", b"Enum")
    lane.send((Atom("ok"), 1, ["map", "sum"]))
    assert lane.recv() == ("req", 2, "exports", None)
    lane.send((Atom("ok"), 2, ["Enum"]))
    events = []
    session.main.answer(request, events)
    assert text_of(events) == "['map', 'sum'] ['Enum']\n"


def test_calls_of_python_within_a_callback_of_a_cell(session):
    beam = session.beam()
    request = session.start_cell(
        "def back(x):\n    print('in back', x)\n    return x + 1\nprint(ex.Mine.run(back))"
    )
    lane = session.callback_lane(beam)
    _, ident, op, (_, _, [function], _) = lane.recv()
    assert op == "mfa"
    # The nested call runs in the thread that waits, and prints where the cell prints.
    assert lane.do(value(ref(function)), call(1)) == 2
    lane.send((Atom("ok"), ident, 5))
    events = []
    session.main.answer(request, events)
    assert text_of(events) == "in back 1\n5\n"


def test_the_end_of_a_callback_stops_what_python_does_for_it(session):
    beam = session.beam()
    source = "import time\ndef nap():\n    try: time.sleep(60)\n    finally: print('woken')\nex.Mine.run(nap)"
    request = session.start_cell(source)
    lane = session.callback_lane(beam)
    _, _, _, (_, _, [function], _) = lane.recv()
    lane.start("do", (value(ref(function)), [call()], {}))
    time.sleep(0.3)
    lane.close()
    events = []
    assert session.main.answer(request, events)[Atom("status")] == "error"
    assert text_of(events) == "woken\n"
    assert "went away" in next(body for op, body in events if op == "error")[Atom("message")].decode()


def test_output_of_c_code_in_a_callback_is_the_cells(session):
    beam = session.beam()
    request = session.start_cell("import os\nex.Mine.run(os.system)")
    lane = session.callback_lane(beam)
    _, ident, _, (_, _, [function], _) = lane.recv()
    assert lane.do(value(ref(function)), call("echo shell")) == 0
    lane.send((Atom("ok"), ident, None))
    events = []
    session.main.answer(request, events)
    assert text_of(events) == "shell\n"


def test_elixir_asks_for_input_during_a_callback(session):
    beam = session.beam()
    request = session.start_cell("print(ex.Mine.ask())")
    lane = session.callback_lane(beam)
    _, ident, _, _ = lane.recv()
    lane.send((Atom("req"), 9, Atom("input"), (None, "name? ", False)))
    events = []

    def serve(op, body):
        assert (op, body) == ("input", (1, b"name? ", False))
        return "Ada"

    message = session.main.recv()
    session.main.send((Atom("ok"), message[1], serve(str(message[2]), message[3])))
    assert lane.recv() == ("ok", 9, b"Ada")
    lane.send((Atom("ok"), ident, "done"))
    session.main.answer(request, events)
    assert text_of(events) == "done\n"


def test_threads_have_lanes_of_their_own(session):
    beam = session.beam()
    source = """
import threading
def work(n):
    found[n] = ex.Mine.work(n)
found = {}
threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
for t in threads: t.start()
for t in threads: t.join()
print(sorted(found.items()))
"""
    request = session.start_cell(source)
    lanes = [session.callback_lane(beam) for _ in range(3)]
    for lane in lanes:
        _, ident, _, (_, _, [n], _) = lane.recv()
        lane.send((Atom("ok"), ident, n * 10))
    events = []
    session.main.answer(request, events)
    assert text_of(events) == "[(0, 0), (1, 10), (2, 20)]\n"
    # The threads have ended, and their lanes with them.
    for lane in lanes:
        with pytest.raises(EndedError):
            lane.recv()


def test_no_elixir(session):
    for state, text in [("missing", "no Elixir"), ("down", "down")]:
        session.control.send((Atom("ev"), Atom("elixir"), Atom(state)))
        session.control.request("ping", 1)
        answer, events = session.run("ex.Enum.sum([1])")
        assert answer[Atom("status")] == "error"
        [error] = [body for op, body in events if op == "error"]
        assert text in error[Atom("message")].decode()


def test_elixir_that_comes_late(session):
    session.control.send((Atom("ev"), Atom("elixir"), Atom("up")))
    request = session.start_cell("print(ex.Enum.sum([1]))")
    # Not `beam()`: the cell may ask for its lane before that has heard its answer.
    beam = session.connect(role="control")
    lane = session.callback_lane(beam)
    lane.send((Atom("ok"), lane.recv()[1], 1))
    events = []
    session.main.answer(request, events)
    assert text_of(events) == "1\n"


def test_elixir_goes_away_while_python_waits(session):
    beam = session.beam()
    request = session.start_cell("ex.Enum.sum([1])")
    lane = session.callback_lane(beam)
    lane.recv()
    lane.close()
    events = []
    assert session.main.answer(request, events)[Atom("status")] == "error"
    assert "went away" in next(body for op, body in events if op == "error")[Atom("message")].decode()
    # The next call asks for another.
    request = session.start_cell("ex.Enum.sum([1])")
    lane = session.callback_lane(beam)
    lane.send((Atom("ok"), lane.recv()[1], 1))
    assert session.main.answer(request, events)[Atom("status")] == "ok"


def test_library_mode():
    """No front end: the host is the BEAM, and is asked for lanes."""
    with contextlib.closing(Session(cells=False, host_peer="beam")) as session:
        lane = session.lane()
        assert lane.do(module("math"), method("sqrt", 4)) == 2.0
        events = []
        lane.do(name("print"), call("hello"), events=events)
        assert text_of(events) == "hello\n"
        source = "import threading, builtins; builtins.t = threading.Thread(target=lambda: print(ex.Enum.sum([2]))); t.start()"
        lane.do(name("exec"), call(source))
        callback = session.callback_lane(session.control)
        callback.send((Atom("ok"), callback.recv()[1], 2))
        assert session.control.recv() == ("ev", "stream", (None, "stdout", b"2\n"))


def test_odd_messages_while_python_waits(session):
    lane = session.lane()
    session.run("def apply(f): return f()")
    request = lane.start("do", (name("apply"), [call(FUN)], {}))
    _, ident, _, _ = lane.recv()
    lane.send((Atom("ok"), 4711, None))
    lane.send((Atom("ev"), Atom("unheard"), None))
    lane.send(Atom("nonsense"))
    lane.send((Atom("req"), 5, 6, 7))
    assert lane.recv()[:2] == ("error", 5)
    lane.send_bytes(b"junk")
    lane.send((Atom("ok"), ident, 8))
    assert lane.answer(request) == 8
    faults = [session.control.recv()[1] for _ in range(3)]
    assert faults == ["fault"] * 3


def test_functions_are_values(session):
    lane = session.lane()
    assert lane.do(value({"f": FUN}), step("item", "f"), step("op", "eq", FUN)) is True
    assert b"Enum.map/2" in lane.do(value(FUN), step("fun", "repr"))


def test_no_atoms_are_made_of_data(session):
    session.run("""
import snakebridge._native as native
def refuse():
    error = native.BridgeError('m')
    error.reason, error.message = 'surprise', 'm'
    raise error
def change(f, term):
    try: f()
    except native.ElixirError as error:
        error._term = term
        raise
""")
    lane = session.lane()
    with pytest.raises(ProtocolError) as error:
        lane.do(name("refuse"), call())
    assert error.value.error == ("bridge", "unavailable", b"m", None)

    def serve(op, body):
        raise ProtocolError((Atom("elixir"), Atom("error"), "reason", "text", []))

    # Neither bytes, nor another term of Elixir.
    for term in (b"\x77\x08surprise", etf.PID):
        with pytest.raises(ProtocolError) as error:
            lane.do(name("change"), call(FUN, term), serve=serve)
        assert error.value.python[Atom("class")] == b"ElixirError"


def test_elixir_goes_away_before_it_opens_a_lane(session):
    beam = session.beam()
    request = session.start_cell("ex.Enum.sum([1])")
    assert beam.recv()[1] == "open_lane"
    beam.close()
    events = []
    assert session.main.answer(request, events, timeout=10)[Atom("status")] == "error"
    assert "went away" in next(body for op, body in events if op == "error")[Atom("message")].decode()
