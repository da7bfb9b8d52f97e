"""Calls: every step, targets, errors, and the shape in which they are counted."""

import etf
import pytest
from etf import Atom, struct_map
from session import ProtocolError, call, method, module, name, ref, step, text_of, value


def test_targets(shared, lane):
    assert lane.do(module("math"), method("sqrt", 16)) == 4.0
    assert lane.do(module("os.path"), step("attr", "__name__")) == b"posixpath"
    assert lane.do(module("xml.etree.ElementTree"), step("attr", "__name__")) == b"xml.etree.ElementTree"
    shared.run("answer = 42\ndef twice(x): return 2 * x")
    assert lane.do(name("answer")) == 42
    assert lane.do(name("twice"), call(4)) == 8
    assert lane.do(name("len"), call([1, 2])) == 2
    assert lane.do(value("abc")) == b"abc"
    with pytest.raises(ProtocolError) as error:
        lane.do(name("missing"))
    assert error.value.python[Atom("class")] == b"NameError"
    with pytest.raises(ProtocolError) as error:
        lane.do(module("no_such_module"))
    assert error.value.python[Atom("class")] == b"ModuleNotFoundError"
    assert b"builtins.ImportError" in error.value.python[Atom("mro")]


def test_submodules_are_imported(lane):
    assert (
        lane.do(module("xml"), step("attr", "dom"), step("attr", "minidom"), step("attr", "__name__"))
        == b"xml.dom.minidom"
    )
    assert lane.do(module("wsgiref"), step("attr", "util"), step("attr", "__name__")) == b"wsgiref.util"
    with pytest.raises(ProtocolError) as error:
        lane.do(module("xml"), step("attr", "nix"))
    assert error.value.python[Atom("class")] == b"AttributeError"


@pytest.mark.parametrize(
    ("start", "steps", "result"),
    [
        ("abc", [method("upper")], b"ABC"),
        ([3, 1, 2], [method("index", 1)], 1),
        ({"a": [1, 2]}, [step("item", "a"), step("item", 1)], 2),
        ([0, 1, 2, 3, 4], [step("slice", 1, 4, None)], [1, 2, 3]),
        ([0, 1, 2, 3, 4], [step("slice", None, None, -2)], [4, 2, 0]),
        ("abc", [step("fun", "repr")], b"'abc'"),
        (12, [step("fun", "str")], b"12"),
        ([1], [step("fun", "len")], 1),
        ([], [step("fun", "bool")], False),
        (3, [step("unary", "neg")], -3),
        (3, [step("unary", "pos")], 3),
        (3, [step("unary", "invert")], -4),
        (-3, [step("unary", "abs")], 3),
        (3, [step("unary", "not")], False),
        (None, [step("is", None)], True),
        ([1, 2], [step("fun", "iter"), step("fun", "next")], 1),
        ([1], [step("set_item", 0, "x")], [b"x"]),
        ({}, [step("set_item", (1, 2), "x")], {(1, 2): b"x"}),
        ([1, 2], [], [1, 2]),
    ],
)
def test_steps(lane, start, steps, result):
    assert lane.do(value(start), *steps) == result


@pytest.mark.parametrize(
    ("operator", "left", "right", "result"),
    [
        ("add", 7, 3, 10),
        ("sub", 7, 3, 4),
        ("mul", 7, 3, 21),
        ("truediv", 7, 2, 3.5),
        ("floordiv", 7, 2, 3),
        ("mod", 7, 3, 1),
        ("pow", 2, 10, 1024),
        ("and", 6, 3, 2),
        ("or", 6, 3, 7),
        ("xor", 6, 3, 5),
        ("lshift", 1, 4, 16),
        ("rshift", 16, 4, 1),
        ("eq", 1, 1.0, True),
        ("ne", 1, 2, True),
        ("lt", 1, 2, True),
        ("le", 2, 2, True),
        ("gt", 1, 2, False),
        ("ge", 1, 2, False),
        ("contains", [1, 2], 2, True),
    ],
)
def test_operators(lane, operator, left, right, result):
    assert lane.do(value(left), step("op", operator, right)) == result
    assert lane.do(value(right), step("rop", operator, left)) == result


def test_matmul_and_attributes(shared, lane):
    shared.run(
        "class M:\n    def __matmul__(self, other): return ('m', other)\n    def __rmatmul__(self, other): return ('r', other)\nm = M()"
    )
    assert lane.do(name("m"), step("op", "matmul", 2)) == (b"m", 2)
    assert lane.do(name("m"), step("rop", "matmul", 2)) == (b"r", 2)
    assert lane.do(name("m"), step("set_attr", "x", [1]), step("attr", "x")) == [1]
    assert b"x" in lane.do(name("m"), step("fun", "dir"))
    assert lane.do(name("m"), step("fun", "hash")) == lane.do(name("hash"), call(ref(lane.do(name("m")))))


def test_arguments(shared, lane):
    shared.run("def show(*args, **kwargs): return (args, kwargs)")
    assert lane.do(name("show"), call(1, "x", end=None)) == ((1, b"x"), {b"end": None})
    # A list of small integers, as Elixir writes it.
    lane.send_bytes(
        b"\x83h\4w\3reqa\x63w\2doh\3"
        + b"h\2w\4namem\0\0\0\4show"
        + b"l\0\0\0\1h\3w\4callk\0\3\1\2\3jj"
        + b"t\0\0\0\0"
    )
    assert lane.recv() == ("ok", 99, ((1, 2, 3), {}))
    with pytest.raises(ProtocolError) as error:
        lane.do(name("show"), (Atom("call"), [], [("a", 1), ("a", 2)]))
    assert error.value.reason == "not_convertible"
    assert lane.do(name("show"), (Atom("call"), [], [(Atom("a"), 1)])) == ((), {b"a": 1})


@pytest.mark.parametrize(
    ("source", "arity"),
    [
        ("lambda: 1", 0),
        ("lambda x: x", 1),
        ("lambda x, y, z=1: x", 2),
        ("lambda x=1: x", 1),
        ("lambda *xs: xs", 1),
        ("lambda *, k=1: k", 0),
        ("len", 1),
        ("print", 1),
        ("int", 1),
        ("'a'.join", 1),
        ("__import__('functools').partial(pow, 2)", 1),
        ("5", None),
    ],
)
def test_the_arity_of_callables(lane, source, arity):
    assert lane.do(name("eval"), call(source), step("fun", "arity")) == arity


def test_iteration(lane):
    iterator = ref(lane.do(value([1, 2]), step("fun", "iter")))
    assert [lane.do(value(iterator), step("fun", "next")) for _ in range(2)] == [1, 2]
    with pytest.raises(ProtocolError) as error:
        lane.do(value(iterator), step("fun", "next"))
    assert error.value.python[Atom("class")] == b"StopIteration"
    with pytest.raises(ProtocolError) as error:
        lane.do(value([1]), step("fun", "next"))
    assert error.value.python[Atom("class")] == b"TypeError"


def test_the_failing_step_is_told(lane):
    with pytest.raises(ProtocolError) as error:
        lane.do(value([1]), step("fun", "len"), step("op", "add", 1), method("nope"))
    assert error.value.python[Atom("step")] == 2


@pytest.mark.parametrize(
    "body",
    [
        None,
        (1, 2, 3),
        (value(1), [(Atom("fly"), 1)], {}),
        (value(1), [(Atom("op"), Atom("fly"), 1)], {}),
        (value(1), [(Atom("unary"), Atom("fly"))], {}),
        (value(1), [(Atom("fun"), Atom("fly"))], {}),
        (value(1), [(Atom("attr"), 5)], {}),
        (value(1), [Atom("attr")], {}),
        (value(1), Atom("attr"), {}),
        (value(1), [(Atom("call"), 5, [])], {}),
        (value(1), [(Atom("call"), [], [5])], {}),
        (value(1), [], []),
        (value(1), [], {Atom("fly"): 1}),
        ((Atom("planet"), "x"), [], {}),
    ],
)
def test_bodies_that_are_none(lane, body):
    with pytest.raises(ProtocolError) as error:
        lane.request("do", body)
    assert error.value.reason == "bad_message"
    assert lane.do(value(1)) == 1


def test_unknown_operations(shared, lane):
    for connection in (shared.control, shared.own, shared.main, lane):
        with pytest.raises(ProtocolError) as error:
            connection.request("fly", None)
        assert error.value.reason == "unknown_op"


def test_members(shared, lane):
    shared.run("class Point:\n    def __init__(self): self.x = 1\np = Point()")
    asked = {Atom("what"): Atom("attributes"), Atom("prefix"): "x"}
    members = lane.request("members", (name("p"), [], asked))
    assert [member[Atom("text")] for member in members] == [b"x"]


def test_exceptions_tell_all(shared, lane):
    source = """
class Odd(ValueError):
    def __str__(self): raise RuntimeError
def fail(how):
    if how == 'odd': raise Odd
    if how == 'exit': raise SystemExit(3)
    if how == 'cause':
        try: fail('plain')
        except ValueError as error: raise KeyError('k') from error
    if how == 'context':
        try: fail('plain')
        except ValueError: raise KeyError('k')
    if how == 'ring':
        a, b = ValueError('a'), ValueError('b')
        a.__context__, b.__context__ = b, a
        raise a
    if how == 'huge': raise ValueError('x' * 10**7)
    if how == 'surrogate': raise ValueError('\\ud800')
    if how == 'notes':
        error = ValueError('x'); error.__notes__ = ['one', 2, object]
        raise error
    raise ValueError('plain')
"""
    answer, events = shared.run(source)
    assert answer[Atom("status")] == "ok", events

    def fail(how):
        with pytest.raises(ProtocolError) as error:
            lane.do(name("fail"), call(how))
        return {str(key): value for key, value in error.value.python.items()}

    plain = fail("")
    assert (plain["class"], plain["module"], plain["message"]) == (b"ValueError", b"builtins", b"plain")
    assert plain["mro"][:2] == [b"builtins.ValueError", b"builtins.Exception"]
    frame = plain["traceback"][-1]
    assert frame[Atom("source")] == b"raise ValueError('plain')"
    assert (frame[Atom("file")], frame[Atom("name")]) == (f"cell {shared.cell}".encode(), b"fail")
    assert b"ValueError: plain" in plain["text"]
    assert plain["cause"] is None and plain["context"] is None
    assert b"__str__ failed" in fail("odd")["message"]
    assert fail("odd")["class"] == b"Odd"
    assert fail("exit")["class"] == b"SystemExit"
    assert fail("cause")["cause"][Atom("message")] == b"plain"
    assert fail("context")["context"][Atom("message")] == b"plain"
    assert fail("ring")["message"] == b"a"
    assert len(fail("huge")["message"]) < 10**6
    assert fail("surrogate")["message"] == b"\\ud800"
    assert fail("notes")["notes"][:2] == [b"one", b"2"]


def test_calls_are_counted_by_shape(shared):
    lane = shared.lane(cell=77)
    for _ in range(3):
        lane.do(module("math"), method("sqrt", 16))
    lane.do(value([1]), method("index", 1))
    calls = lane.request("calls", 77)
    shapes = [
        tuple(call[Atom(key)] for key in ("module", "name", "args", "returns", "count")) for call in calls
    ]
    assert shapes == [
        (b"builtins.list", b"index", [b"int"], b"int", 1),
        (b"math", b"sqrt", [b"int"], b"float", 3),
    ]
    other = shared.lane()
    other.do(module("math"), method("floor", 1.5), cell=78)
    assert [call[Atom("name")] for call in other.request("calls", 78)] == [b"floor"]
    evaluator = shared.lane("main")
    evaluator.do(module("math"), method("ceil", 1.5))
    assert [call[Atom("name")] for call in evaluator.request("calls", 79)] == [b"ceil"]
    assert evaluator.request("calls", 80) == []


def test_a_term_that_is_compressed(lane):
    import struct
    import zlib

    import etf

    inner = etf._encode((Atom("req"), 5, Atom("do"), (value("x" * 1000), [step("fun", "len")], {})))
    lane.send_bytes(b"\x83P" + struct.pack(">I", len(inner)) + zlib.compress(inner))
    assert lane.recv() == ("ok", 5, 1000)


def test_structs_as_arguments(lane):
    bytes_ = struct_map("SnakeBridge.Bytes", data="abc")
    assert lane.do(value(bytes_), method("hex")) == b"616263"


CALLERS = """
import inspect, sys, warnings
thr = 3
def caller(): return inspect.currentframe().f_back
def of_caller(): return caller().f_back.f_globals is globals(), caller().f_back.f_locals is globals()
def name(): return sys._getframe(1).f_globals['thr'], sys._getframe(1).f_code.co_name
def warn(): warnings.warn("old", stacklevel=2)
class Thing:
    def method(self, k): return sys._getframe(1).f_globals['thr'] + k
def fail(): raise ValueError("no")
"""


@pytest.mark.parametrize("thread", ["main", "own"])
def test_the_caller_is_of_the_session(session, thread):
    lane = session.lane(thread)
    session.run(CALLERS)
    assert lane.do(name("of_caller"), call()) == (True, True)
    assert lane.do(name("name"), call()) == (3, b"<module>")
    assert lane.do(name("Thing"), call(), method("method", k=4)) == 7
    # What reads its caller's names, and writes them.
    assert lane.do(module("builtins"), method("eval", "thr + 1")) == 4
    lane.do(module("builtins"), method("exec", "written = 5"))
    assert lane.do(name("written")) == 5
    events = []
    lane.do(name("warn"), call(), events=events)
    assert "UserWarning: old" in text_of(events, "stderr")
    assert "snakebridge" not in text_of(events, "stderr")
    with pytest.raises(ProtocolError) as error:
        lane.do(name("fail"), call())
    frames = error.value.python[Atom("traceback")]
    assert [frame[Atom("name")] for frame in frames] == [b"fail"]
    assert b"<elixir>" not in error.value.python[Atom("text")]


def test_a_call_within_a_call(session):
    session.run(CALLERS + "def outer(f): return name(), f(1), name()")
    lane = session.lane()
    fun = etf.export("Elixir.Enum", "map", 2)
    assert lane.do(name("outer"), call(fun), serve=lambda op, body: lane.do(name("name"), call())) == (
        (3, b"outer"),
        (3, b"<module>"),
        (3, b"outer"),
    )


def test_query_of_pandas(session):
    answer, _ = session.run("import pandas\ndf = pandas.DataFrame({'a': [1, 5]})\nthr = 3")
    if answer[Atom("status")] != "ok":
        pytest.skip("the worker has no pandas")
    lane = session.lane()
    assert lane.do(name("df"), method("query", "a >= @thr"), step("fun", "len")) == 1
