"""What a caller wants a value to become (`as:`), and what decoders make of it, over a real socket."""

import pytest
from etf import Atom
from session import ProtocolError, call, evaluate, name, value


def test_as(lane):
    assert evaluate(lane, "[1]", **{"as": "ref"})[1][0] == "$ref"
    assert (
        evaluate(lane, "__import__('collections').OrderedDict(a=(1, object))", **{"as": "auto"})[1][0]
        == "$ref"
    )
    assert evaluate(lane, "__import__('collections').Counter('aab')", **{"as": "value"}) == {b"a": 2, b"b": 1}
    assert evaluate(lane, "[__import__('enum').IntEnum('E', 'A B').B, True]", **{"as": "value"}) == [2, True]
    assert evaluate(lane, "__import__('enum').Enum('E', {'A': 'a'}, type=str).A", **{"as": "value"}) == b"a"
    assert evaluate(lane, "__import__('array').array('i', [1, 2])", **{"as": "value"}) == [1, 2]
    with pytest.raises(ProtocolError) as error:
        evaluate(lane, "object()", **{"as": "value"})
    assert error.value.reason == "not_convertible"
    with pytest.raises(ProtocolError) as error:
        evaluate(lane, "1", **{"as": "nix"})
    assert error.value.reason == "bad_message"
    assert b"auto, ref, value, list" in error.value.error[2]


COLLECTIONS = "__import__('collections')"


@pytest.mark.parametrize(
    ("wish", "source", "term"),
    [
        ("list", "(x * x for x in range(4))", [0, 1, 4, 9]),
        ("list", "{'a': 1}.items()", [(b"a", 1)]),
        ("list", f"{COLLECTIONS}.deque([1, [2]])", [1, [2]]),
        ("list", "type('L', (list,), {})([1])", [1]),
        ("list", "[1]", [1]),
        ("list", "'ab'", [b"a", b"b"]),
        ("list", "()", []),
        ("map", f"{COLLECTIONS}.OrderedDict(b=1, a=2)", {b"b": 1, b"a": 2}),
        ("map", f"{COLLECTIONS}.defaultdict(list, x=[1])", {b"x": [1]}),
        ("map", "zip('ab', (1, 2))", {b"a": 1, b"b": 2}),
        ("map", "__import__('types').MappingProxyType({1: 2})", {1: 2}),
        ("set", "[1, 1]", ("$tagged", ("$set", [1]))),
        ("set", "{'a': 1}.keys()", ("$tagged", ("$set", [b"a"]))),
        ("text", "__import__('fractions').Fraction(1, 3)", b"1/3"),
        ("text", "12", b"12"),
        ("text", "'t'", b"t"),
        ("bytes", "b'\\xff'", b"\xff"),
        ("bytes", "bytearray(b'ab')", b"ab"),
        ("bytes", "memoryview(b'abcdef')[::-2]", b"fdb"),
        ("bytes", "__import__('array').array('B', [1, 2])", b"\1\2"),
        ("bytes", "__import__('io').BytesIO(b'xyz').getbuffer()", b"xyz"),
    ],
)
def test_as_a_target(lane, wish, source, term):
    found = evaluate(lane, source, **{"as": wish})
    assert found == term
    assert type(found) is type(term)


@pytest.mark.parametrize(
    ("wish", "source", "word"),
    [
        ("bytes", "'text'", b"buffer"),
        ("bytes", "object()", b"buffer"),
        ("text", "'\\ud800'", b"surrogate"),
        ("value", "'\\ud800'", b"surrogate"),
        ("list", "(lambda l: (l.append(l), l)[1])([])", b"contains itself"),
        ("value", "(lambda l: (l.append(l), l)[1])([])", b"contains itself"),
        ("map", "{'a': 1, b'a': 2}", b"become one"),
        ("value", "[{'a': 1, b'a': 2}]", b"become one"),
        ("set", "{'a', b'a'}", b"become one"),
    ],
)
def test_as_a_target_that_cannot_be(lane, wish, source, word):
    with pytest.raises(ProtocolError) as error:
        evaluate(lane, source, **{"as": wish})
    assert error.value.reason == "not_convertible"
    assert word in error.value.error[2]
    assert f"as: :{wish}".encode() in error.value.error[3]


@pytest.mark.parametrize(
    ("wish", "source", "class_"),
    [("list", "1", b"TypeError"), ("map", "[1]", b"TypeError"), ("set", "[[]]", b"TypeError")],
)
def test_as_a_target_that_python_refuses(lane, wish, source, class_):
    with pytest.raises(ProtocolError) as error:
        evaluate(lane, source, **{"as": wish})
    assert error.value.python[Atom("class")] == class_


def test_items_of_a_target_may_be_refs(lane):
    tag, [(kind, _, type_name), one] = evaluate(lane, "iter([object(), 1])", **{"as": "list"})
    assert (tag, kind, type_name, one) == ("$tagged", "$ref", b"builtins.object", 1)


def test_bytes_of_numpy(lane, np):
    found = evaluate(lane, f"{np}.arange(4, dtype='<u2')[::2]", **{"as": "bytes"})
    assert found == b"\0\0\2\0"
    with pytest.raises(ProtocolError) as error:
        evaluate(lane, f"{np}.array([{{}}], dtype=object)", **{"as": "bytes"})
    assert b"Python objects" in error.value.error[2]


# --- decoders ---


@pytest.fixture
def decoders(shared):
    """Registers decoders for one test."""
    beam = shared.beam()

    def register(*pairs):
        assert beam.request("decoders", list(pairs)) is True

    yield register
    register()
    beam.close()


UUID = "__import__('uuid').UUID(int=7)"


def test_decoders(lane, decoders):
    text = b"00000000-0000-0000-0000-000000000007"
    assert evaluate(lane, UUID)[1][0] == "$ref"
    decoders(
        ("uuid.UUID", "builtins.str"), ("decimal.Decimal", "str"), ("fractions.Fraction", "builtins.str")
    )
    custom = ("$custom", b"uuid.UUID", text)
    assert evaluate(lane, UUID) == ("$tagged", custom)
    assert evaluate(lane, f"[1, {{'k': {UUID}}}]") == ("$tagged", [1, {b"k": custom}])
    assert evaluate(lane, UUID, **{"as": "value"}) == ("$tagged", custom)
    assert evaluate(lane, UUID, **{"as": "ref"})[1][0] == "$ref"
    assert evaluate(lane, UUID, **{"as": "text"}) == text
    assert evaluate(lane, "__import__('decimal').Decimal('1.50')") == (
        "$tagged",
        ("$custom", b"decimal.Decimal", b"1.50"),
    )
    # By exact type.
    assert evaluate(lane, "type('U', (__import__('uuid').UUID,), {})(int=7)")[1][0] == "$ref"
    decoders()
    assert evaluate(lane, UUID)[1][0] == "$ref"


def test_what_decoders_give(shared, lane, decoders):
    shared.run(
        "class Point:\n"
        "    def __init__(self, x): self.x = x\n"
        "def tree(p): return {'x': p.x, 'more': [object()]}\n"
        "def same(p): return Point(p.x)\n"
        "def raises(p): raise ValueError('no')\n"
        "def stops(p): raise KeyboardInterrupt\n"
        "import sys; sys.modules['points'] = sys.modules[Point.__module__]; Point.__module__ = 'points'\n"
    )
    point = (name("Point"), call(3))
    decoders(("points.Point", "points.tree"))
    tag, (custom, class_, tree) = lane.do(*point)
    assert (tag, custom, class_, tree[b"x"], tree[b"more"][0][0]) == (
        "$tagged",
        "$custom",
        b"points.Point",
        3,
        "$ref",
    )
    held = shared.control.request("usage", None)[Atom("refs")]
    decoders(("points.Point", "points.same"))
    with pytest.raises(ProtocolError) as error:
        lane.do(*point)
    assert error.value.reason == "not_convertible"
    assert b"points.same" in error.value.error[2]
    decoders(("points.Point", "points.raises"))
    with pytest.raises(ProtocolError) as error:
        lane.do(*point)
    assert error.value.python[Atom("class")] == b"ValueError"
    assert b"the decoder of points.Point" in error.value.python[Atom("notes")][0]
    decoders(("points.Point", "points.nothing"))
    with pytest.raises(ProtocolError) as error:
        lane.do(*point)
    assert error.value.python[Atom("class")] == b"AttributeError"
    # Nothing of what failed is held, and the object can be had.
    assert shared.control.request("usage", None)[Atom("refs")] == held
    assert lane.do(*point, **{"as": "ref"})[1][0] == "$ref"


def test_malformed_decoders(shared):
    beam = shared.beam()
    for body in (None, [1], [("a",)], [(b"\xff", "x")], {"a": "b"}):
        with pytest.raises(ProtocolError) as error:
            beam.request("decoders", body)
        assert error.value.reason == "bad_message"
    beam.close()


def test_what_gives_mocks_for_itself_has_no_value(shared, lane):
    shared.run(
        "from unittest import mock\nmocked = mock.MagicMock()\nclass Nest:\n    def tolist(self): return [Nest()]"
    )
    with pytest.raises(ProtocolError) as error:
        lane.do(name("mocked"), **{"as": "value"})
    assert error.value.reason == "not_convertible"
    with pytest.raises(ProtocolError) as error:
        lane.do(name("Nest"), call(), **{"as": "value"})
    assert error.value.reason == "too_deep"
    assert lane.do(value(1)) == 1
