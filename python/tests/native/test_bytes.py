"""Binaries of Elixir where Python wants bytes: annotated parameters, and the hint where nothing says so."""

import etf
import pytest
from etf import Atom, struct_map
from session import ProtocolError, call, method, module, name, ref, step, value

SOURCE = """
import functools

def plain(a, b=None, *more, **named): return repr((a, b, more, named))
def data(a, data: bytes, text: str = "", *, key: bytes = b"", other=None): return repr((a, data, text, key, other))
def quoted(data: "bytes"): return repr(data)
def lazy(data: "Missing", more: bytes): return repr((data, more))

@functools.wraps(data)
def wrapped(*args, **kwargs): return data(*args, **kwargs)

class Box:
    def __init__(self, data: bytes): self.data = data
    def put(self, data: bytes): return repr(data)
    @classmethod
    def make(cls, data: bytes): return repr(data)
    @staticmethod
    def fixed(data: bytes): return repr(data)

class Bare: pass
"""


@pytest.fixture(scope="module")
def functions(shared, lane):
    shared.run(SOURCE)
    return lane


def test_parameters_annotated_bytes(functions):
    def called(function, *args, **kwargs):
        return functions.do(name(function), call(*args, **kwargs)).decode()

    assert called("plain", "x", "y", k="z") == "('x', 'y', (), {'k': 'z'})"
    assert called("data", "x", "é") == "('x', b'\\xc3\\xa9', '', b'', None)"
    assert called("data", "x", b"\xff", "t", key="k", other="o") == "('x', b'\\xff', 't', b'k', 'o')"
    assert called("data", "x", data="d", key=[b"in a list"]) == "('x', b'd', '', ['in a list'], None)"
    assert called("quoted", "x") == "b'x'"
    assert called("lazy", "x", "y") == "('x', b'y')"
    assert called("wrapped", "x", "y", key="k") == "('x', b'y', '', b'k', None)"
    # What is no binary goes as it is.
    assert called("quoted", Atom("atom")) == "'atom'"
    assert called("quoted", 1) == "1"
    assert called("quoted", struct_map("SnakeBridge.Bytes", data=b"x")) == "b'x'"
    # Lists of small integers come in their own form.
    assert (
        functions.do(name("data"), step("call", etf.Raw(b"k\0\2\1\2"), [])).decode()
        == "(1, 2, '', b'', None)"
    )


def test_a_ref_to_text_stays_that(functions):
    text = functions.do(value("text"), **{"as": "ref"})
    assert functions.do(name("quoted"), call(ref(text))) == b"'text'"


def test_methods_and_classes(functions):
    box = ref(functions.do(name("Box"), call("x")))
    assert functions.do(value(box), step("attr", "data"), step("fun", "repr")) == b"b'x'"
    assert functions.do(value(box), method("put", "y")) == b"b'y'"
    assert functions.do(value(box), step("attr", "put"), call("y")) == b"b'y'"
    assert functions.do(name("Box"), method("make", "y")) == b"b'y'"
    assert functions.do(name("Box"), method("fixed", "y")) == b"b'y'"
    assert (
        functions.do(name("Box"), method("put", ref(functions.do(value("s"), **{"as": "ref"})), "y"))
        == b"b'y'"
    )
    with pytest.raises(ProtocolError) as error:
        functions.do(name("Bare"), call("x"))
    assert error.value.python[Atom("class")] == b"TypeError"


@pytest.mark.parametrize(
    ("target", "steps"),
    [
        (module("hashlib"), [method("sha256", "x")]),
        (module("zlib"), [method("compress", "x")]),
        (module("base64"), [method("b64encode", "x")]),
        (module("hmac"), [method("new", "key", "x", "sha256")]),
        (module("io"), [method("BytesIO"), method("write", "x")]),
        (module("re"), [method("compile", struct_map("SnakeBridge.Bytes", data=b"a")), method("match", "x")]),
        (value(struct_map("SnakeBridge.Bytes", data=b"a")), []),
        (module("builtins"), [method("bytes", "x")]),
    ],
)
def test_the_hint_where_bytes_are_wanted(lane, target, steps):
    if not steps:
        # `b"a" + "x"`, for a value that stays in Python.
        target = value(ref(lane.do(target, **{"as": "ref"})))
        steps = [step("op", "add", "x")]
    with pytest.raises(ProtocolError) as error:
        lane.do(target, *steps)
    assert error.value.python[Atom("class")] == b"TypeError"
    assert b"SnakeBridge.bytes" in error.value.python[Atom("hint")]


@pytest.mark.parametrize(
    ("target", "steps"),
    [
        (module("os"), [method("listdir", 1.5)]),
        (module("os"), [method("fspath", 1)]),
        (module("os.path"), [method("join", "a", struct_map("SnakeBridge.Bytes", data=b"a"))]),
        (module("builtins"), [method("len", 1)]),
        (module("builtins"), [method("int", "x")]),
    ],
)
def test_no_hint_elsewhere(lane, target, steps):
    with pytest.raises(ProtocolError) as error:
        lane.do(target, *steps)
    assert error.value.python.get(Atom("hint")) is None
