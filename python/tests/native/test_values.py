"""Values both ways, over a real socket: what Python gives Elixir, and what Elixir gives Python."""

import math

import etf
import pytest
from etf import PID, Atom, Raw, struct_map
from hypothesis import given, settings
from hypothesis import strategies as st
from session import ProtocolError, call, method, module, name, ref, step, value


def evaluate(lane, source, **options):
    """The value of an expression."""
    return lane.do(module("builtins"), method("eval", source), **options)


def repr_of(lane, term):
    """How Python sees a term of Elixir."""
    return lane.do(value(term), step("fun", "repr")).decode()


@pytest.mark.parametrize(
    ("source", "term"),
    [
        ("None", None),
        ("True", True),
        ("0", 0),
        ("-1", -1),
        ("255", 255),
        ("256", 256),
        ("2**31 - 1", 2**31 - 1),
        ("2**31", 2**31),
        ("-2**63", -(2**63)),
        ("2**63", 2**63),
        ("-2**64 + 1", -(2**64) + 1),
        ("2**5000", 2**5000),
        ("-0.0", -0.0),
        ("1e308", 1e308),
        ("float('nan')", Atom("nan")),
        ("float('inf')", Atom("infinity")),
        ("float('-inf')", Atom("neg_infinity")),
        ("''", b""),
        ("'aé€𝄞'", "aé€𝄞".encode()),
        ("b'\\xff\\x00'", b"\xff\x00"),
        ("bytearray(b'\\xff')", b"\xff"),
        ("memoryview(b'abcdef')[1:3]", b"bc"),
        ("memoryview(b'abcdef')[::2]", b"ace"),
        ("[]", []),
        ("[1, 'x', None]", [1, b"x", None]),
        ("list(range(300))", list(range(300))),
        ("()", ()),
        ("(1, (2, (3,)))", (1, (2, (3,)))),
        ("tuple(range(300))", tuple(range(300))),
        ("{}", {}),
        ("{'a': 1, 2: [3], (4, 5): None}", {b"a": 1, 2: [3], (4, 5): None}),
        ("{b'x': 1, b'y': 2}", {b"x": 1, b"y": 2}),
    ],
)
def test_plain_values_to_elixir(lane, source, term):
    found = evaluate(lane, source)
    assert found == term
    assert type(found) is type(term)
    assert math.copysign(1, found) == math.copysign(1, term) if type(term) is float else True


@pytest.mark.parametrize(
    ("source", "term"),
    [
        ("set()", ("$set", [])),
        ("{3}", ("$set", [3])),
        ("frozenset([(1, 2)])", ("$set", [(1, 2)])),
        ("range(5)", ("$range", 0, 4, 1)),
        ("range(0)", ("$range", 0, -1, 1)),
        ("range(10, 0, -3)", ("$range", 10, 1, -3)),
        ("range(2**70)", ("$range", 0, 2**70 - 1, 1)),
        ("1+2j", ("$complex", 1.0, 2.0)),
        ("complex('nan')", ("$complex", Atom("nan"), 0.0)),
        ("__import__('datetime').date(2024, 2, 29)", ("$date", 2024, 2, 29)),
        ("__import__('datetime').time(1, 2, 3, 4)", ("$time", 1, 2, 3, 4)),
        ("__import__('datetime').datetime(2024, 1, 2, 3, 4, 5, 6)", ("$naive", 2024, 1, 2, 3, 4, 5, 6)),
        (
            "__import__('datetime').datetime(2024, 1, 2, tzinfo=__import__('datetime').timezone.utc)",
            ("$aware", 2024, 1, 2, 0, 0, 0, 0, 0, b"Etc/UTC"),
        ),
        (
            "__import__('datetime').datetime(2024, 7, 2, tzinfo=__import__('zoneinfo').ZoneInfo('Europe/Paris'))",
            ("$aware", 2024, 7, 2, 0, 0, 0, 0, 7200, b"Europe/Paris"),
        ),
        (
            "__import__('datetime').datetime(2024, 7, 2, tzinfo=__import__('datetime').timezone("
            "__import__('datetime').timedelta(hours=-3, minutes=-30)))",
            ("$aware", 2024, 7, 2, 0, 0, 0, 0, -12600, None),
        ),
        ("__import__('datetime').timedelta(microseconds=-1)", ("$timedelta", -1, 86399, 999999)),
    ],
)
def test_tagged_values_to_elixir(lane, source, term):
    assert evaluate(lane, source) == ("$tagged", term)
    # Also inside of something.
    assert evaluate(lane, f"[1, {{'k': {source}}}]") == ("$tagged", [1, {b"k": term}])


@pytest.mark.parametrize(
    ("source", "type_name"),
    [
        ("object()", b"builtins.object"),
        ("int", b"builtins.type"),
        ("len", b"builtins.builtin_function_or_method"),
        ("__import__('math')", b"builtins.module"),
        ("'\\ud800'", b"builtins.str"),
        ("__import__('collections').OrderedDict(a=1)", b"collections.OrderedDict"),
        ("__import__('enum').IntEnum('E', 'A').A", None),
        ("type('S', (str,), {})('x')", None),
        ("type('L', (list,), {})([1])", None),
        ("__import__('decimal').Decimal('1.5')", b"decimal.Decimal"),
        ("__import__('datetime').time(1, tzinfo=__import__('datetime').timezone.utc)", b"datetime.time"),
        ("(i for i in [])", b"builtins.generator"),
    ],
)
def test_everything_else_is_a_ref(lane, source, type_name):
    tag, (kind, ident, found) = evaluate(lane, source)
    assert (tag, kind) == ("$tagged", "$ref")
    assert ident > 0
    assert type_name is None or found == type_name


@pytest.fixture
def np(lane):
    """The source that imports numpy, where the worker has it."""
    source = "__import__('numpy')"
    try:
        evaluate(lane, source)
    except ProtocolError:
        pytest.skip("the worker has no numpy")
    return source


@pytest.mark.parametrize(
    ("source", "term"),
    [
        ("np.isnan(1.0)", False),
        ("np.bool_(True)", True),
        ("np.int8(-3)", -3),
        ("np.uint16(7)", 7),
        ("np.int64(-2**63)", -(2**63)),
        ("np.uint64(2**64 - 1)", 2**64 - 1),
        ("np.longlong(5)", 5),
        ("np.float16(0.5)", 0.5),
        ("np.float32(0.1)", 0.10000000149011612),
        ("np.float64(0.1)", 0.1),
        ("np.float64('nan')", Atom("nan")),
        ("np.float32('-inf')", Atom("neg_infinity")),
        ("np.str_('aé')", "aé".encode()),
        ("np.bytes_(b'\\xff')", b"\xff"),
        ("[np.int32(1), (np.float64(2.5), {np.str_('k'): np.bool_(False)})]", [1, (2.5, {b"k": False})]),
        ("{np.int64(1): 'a', np.float32(0.5): 'b'}", {1: b"a", 0.5: b"b"}),
        ("np.array([1, 2]).sum()", 3),
    ],
)
def test_scalars_of_numpy(lane, np, source, term):
    found = evaluate(lane, f"(lambda np: {source})({np})")
    assert found == term
    assert type(found) is type(term)


def test_scalars_of_numpy_that_are_tagged(lane, np):
    for class_ in ("complex64", "complex128"):
        assert evaluate(lane, f"{np}.{class_}(1-2j)") == ("$tagged", ("$complex", 1.0, -2.0))
    assert evaluate(lane, f"{{{np}.int64(3)}}") == ("$tagged", ("$set", [3]))
    assert evaluate(lane, f"{{{np}.bytes_(b'x'): 1, 'x': 2}}")[1][0] == "$ref"


@pytest.mark.parametrize(
    "source",
    [
        "longdouble(1)",
        "datetime64('2024-01-01')",
        "timedelta64(1)",
        "void(b'x')",
        "array(1)",
        "int64",
    ],
)
def test_what_stays_with_numpy(lane, np, source):
    assert evaluate(lane, f"{np}.{source}")[1][0] == "$ref"


def test_subclasses_of_numpys_scalars_are_refs(lane, np):
    assert evaluate(lane, f"type('Metres', ({np}.float64,), {{}})(1.5)")[1][0] == "$ref"
    assert evaluate(lane, f"{np}.float64(1.5)", **{"as": "ref"})[1][0] == "$ref"


def test_a_ref_comes_back_as_the_same_object(lane):
    tagged = evaluate(lane, "[object()] * 2")
    first, second = tagged[1]
    assert first[1] != second[1], "an id is never used twice"
    assert lane.do(value(ref(("$tagged", first))), step("is", ref(("$tagged", second)))) is True


def test_cyclic_structures_are_refs(lane):
    lane.do(
        module("builtins"),
        method("exec", "import builtins; builtins.c = [1]; c.append(c); builtins.d = {'me': [c, {}]}"),
    )
    assert evaluate(lane, "c")[1][0] == "$ref"
    _tag, tree = evaluate(lane, "d")
    assert tree[b"me"][0][0] == "$ref"
    lane.do(
        module("builtins"), method("exec", "d['me'][1]['up'] = d['me']; d['self'] = ({'deep': [[[d]]]},)")
    )
    assert evaluate(lane, "d")[1][0] == "$ref"
    # Shared, but not cyclic.
    assert evaluate(lane, "(lambda x: [x, x, (x,)])([1])") == [[1], [1], ([1],)]


def test_a_cycle_below_many_levels(lane):
    source = """
def build(depth):
    inner = []
    outer = inner
    for _ in range(depth):
        outer = [outer]
    inner.append(outer)
    return [outer, 7]
"""
    found = evaluate(lane, f"(lambda d: (exec({source!r}, d), d['build'](100))[1])({{}})")
    assert found[1][0][0] == "$ref"
    assert found[1][1] == 7


def test_released_refs_leave_nothing(shared, lane):
    before = shared.control.request("usage", None)[Atom("refs")]
    # What had to be taken back holds nothing.
    evaluate(lane, "(lambda l: (l.append(l), l)[1])([object(), object()])")
    tagged = evaluate(lane, "[object(), object()]")[1]
    assert shared.control.request("usage", None)[Atom("refs")] == before + 3
    with pytest.raises(ProtocolError):
        evaluate(lane, "[object(), 1 << 10**7]")
    assert shared.control.request("usage", None)[Atom("refs")] == before + 3
    assert shared.control.request("release", [tagged[0][1], tagged[1][1], 10**9, -1]) is True
    assert shared.control.request("usage", None)[Atom("refs")] == before + 1
    with pytest.raises(ProtocolError) as error:
        lane.do(value(ref(("$tagged", tagged[0]))))
    assert error.value.reason == "ref_gone"


def test_keys_that_would_become_one(lane):
    assert evaluate(lane, "{'a': 1, b'a': 2}")[1][0] == "$ref"
    assert evaluate(lane, "{'a': 1, b'b': 2}") == {b"a": 1, b"b": 2}
    assert evaluate(lane, "{float('nan'): 1, float('nan'): 2}")[1][0] == "$ref"
    assert evaluate(lane, "{('a', b'x'): 1, (b'a', 'x'): 2}")[1][0] == "$ref"


@pytest.mark.parametrize(
    "source",
    [
        "{b'x', 'x'}",
        "frozenset({b'x', 'x'})",
        "{float('nan'), float('nan')}",
        "{('a', b'x'), (b'a', 'x')}",
        "{frozenset({'a', b'b'}), frozenset({b'a', 'b'})}",
        "{frozenset({'a', b'b'}): 1, frozenset({b'a', 'b'}): 2}",
    ],
)
def test_items_that_would_become_one(lane, source):
    assert evaluate(lane, source)[1][0] == "$ref"
    # Only that one stays in Python.
    assert evaluate(lane, f"[{source}, 1]")[1][0][0] == "$ref"


def test_items_that_stay_apart(lane):
    _, (tag, items) = evaluate(lane, "{b'x', 'y', float('nan')}")
    assert tag == "$set"
    assert len(items) == 3
    assert evaluate(lane, "{frozenset({b'x'})}") == ("$tagged", ("$set", [("$set", [b"x"])]))


def test_items_of_elixir_that_would_become_one(lane):
    # Written by hand: 1 and 1.0 are one key to Python's dict.
    mixed = Raw(etf.encode(struct_map("MapSet", map=Raw(b"t\0\0\0\2a\1jF?\xf0\0\0\0\0\0\0j")))[1:])
    with pytest.raises(ProtocolError) as error:
        repr_of(lane, mixed)
    assert error.value.reason == "not_convertible"
    assert b"set" in error.value.error[2]
    # And the lane goes on.
    assert repr_of(lane, struct_map("MapSet", map={1: [], "a": []})) in ("{1, 'a'}", "{'a', 1}")


def test_limits(lane):
    def nest(depth):
        return f"__import__('functools').reduce(lambda x, _: [x], range({depth}), 0)"

    term = lane.start("do", (module("builtins"), [method("eval", nest(9000))], {}))
    data = lane.recv_bytes()
    assert data.count(b"l\x00\x00\x00\x01") >= 9000 and term
    for source, reason in [(nest(20_000), "too_deep"), ("1 << 5_000_000", "not_convertible")]:
        with pytest.raises(ProtocolError) as error:
            evaluate(lane, source)
        assert error.value.reason == reason
        assert error.value.error[3], "a hint"
    assert evaluate(lane, "1 << 4_000_000") == 1 << 4_000_000


@pytest.mark.parametrize(
    "source", ["{int: 1}", "{(1, int): 1}", "{frozenset([int]): 1}", "{int}", "frozenset([int, 1])"]
)
def test_what_is_found_by_objects_stays_where_it_can_be_found(lane, source):
    assert evaluate(lane, source)[1][0] == "$ref"
    assert evaluate(lane, f"[1, {{'k': {source}}}]")[1][1][b"k"][0] == "$ref"


def test_objects_as_values_leave_a_dict_a_map(lane):
    assert evaluate(lane, "{'k': int}")[1][b"k"][0] == "$ref"


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


# --- from Elixir ---


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (None, "None"),
        (Atom("cuda"), "'cuda'"),
        (Atom("nan"), "nan"),
        (Atom("infinity"), "inf"),
        (Atom("neg_infinity"), "-inf"),
        (2**64, "18446744073709551616"),
        (-(2**100), str(-(2**100))),
        (b"\xff", "b'\\xff'"),
        ("é", "'é'"),
        (Raw(b"k\x00\x03abc"), "[97, 98, 99]"),
        ({Atom("a"): [1, (2.5,)]}, "{'a': [1, (2.5,)]}"),
        (struct_map("SnakeBridge.Bytes", data=b"text"), "b'text'"),
        (struct_map("MapSet", map={(1, 2): []}), "{(1, 2)}"),
        (struct_map("MapSet", map={}), "set()"),
        ([struct_map("MapSet", map={1: [], "x": []}), 3], None),
        (struct_map("Range", first=1, last=10, step=3), "range(1, 11, 3)"),
        (struct_map("Range", first=5, last=1, step=-1), "range(5, 0, -1)"),
        (
            struct_map("Date", calendar=Atom("Elixir.Calendar.ISO"), year=2024, month=2, day=29),
            "datetime.date(2024, 2, 29)",
        ),
        (
            struct_map(
                "Time", calendar=Atom("Elixir.Calendar.ISO"), hour=1, minute=2, second=3, microsecond=(4, 6)
            ),
            "datetime.time(1, 2, 3, 4)",
        ),
        (struct_map("SnakeBridge.Duration", day=1, second=2, microsecond=(3, 6)), None),
        (struct_map("SnakeBridge.Complex", re=1.0, im=Atom("nan")), "(1+nanj)"),
    ],
)
def test_terms_to_python(lane, term, text):
    found = repr_of(lane, term)
    if text is not None:
        assert found == text


def naive(name="NaiveDateTime", **more):
    fields = {
        "year": 2024,
        "month": 10,
        "day": 27,
        "hour": 2,
        "minute": 30,
        "second": 0,
        "microsecond": (5, 6),
        **more,
    }
    return struct_map(name, calendar=Atom("Elixir.Calendar.ISO"), **fields)


def test_datetimes_to_python(lane):
    assert repr_of(lane, naive()) == "datetime.datetime(2024, 10, 27, 2, 30, 0, 5)"
    utc = naive("DateTime", utc_offset=0, std_offset=0, time_zone="Etc/UTC", zone_abbr="UTC")
    assert "timezone.utc" in repr_of(lane, utc)
    # An hour that occurs twice: the offset says which.
    for std_offset, offset in [(3600, "+02:00"), (0, "+01:00")]:
        paris = naive(
            "DateTime", utc_offset=3600, std_offset=std_offset, time_zone="Europe/Paris", zone_abbr="CET"
        )
        assert lane.do(value(paris), method("isoformat")).decode().endswith(offset)
        assert "Europe/Paris" in repr_of(lane, paris)
        assert lane.do(value(paris))[1][8:] == (3600 + std_offset, b"Europe/Paris")
    mars = naive("DateTime", utc_offset=1234, std_offset=0, time_zone="Mars/Crater", zone_abbr="MTC")
    assert lane.do(value(mars), method("tzname")) == b"MTC"
    duration = struct_map(
        "Duration", year=0, month=0, week=1, day=1, hour=1, minute=1, second=1, microsecond=(1, 6)
    )
    assert lane.do(value(duration)) == ("$tagged", ("$timedelta", 8, 3661, 1))


def make(path, *args, **kwargs):
    """What an encoder of Elixir gives for a type of its own."""
    return struct_map("SnakeBridge.Make", path=path, args=list(args), kwargs=kwargs)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        (make("decimal.Decimal", "1.50"), "Decimal('1.50')"),
        (make("fractions.Fraction", numerator=1, denominator=3), "Fraction(1, 3)"),
        (make("datetime.timezone", make("datetime.timedelta", hours=2)), None),
        (make("complex", 1, 2), "(1+2j)"),
        (make("builtins.tuple", [make("list", "ab"), 2]), "(['a', 'b'], 2)"),
        ([make("set"), {"k": make("dict", a=make("bytes", 2))}], "[set(), {'k': {'a': b'\\x00\\x00'}}]"),
        (make("bytes", [65, 66]), "b'AB'"),
        (make("bytes", Raw(b"k\0\2AB")), "b'AB'"),
        (make("xml.dom.minidom.Text.nodeType.__class__", "7"), "7"),
    ],
)
def test_what_elixir_has_python_make(lane, term, text):
    found = repr_of(lane, term)
    assert text is None or found == text


def test_what_is_made_of_what_is_made(lane):
    made = []
    for _ in range(150):
        made = Raw(etf._encode(make("list", [made])))
    assert repr_of(lane, made) == "[" * 150 + "[]" + "]" * 150


def test_what_cannot_be_made(shared, lane):
    held = shared.control.request("usage", None)[Atom("refs")]
    with pytest.raises(ProtocolError) as error:
        repr_of(lane, [1, make("int", "x")])
    assert error.value.python[Atom("class")] == b"ValueError"
    assert b"int, called for an argument" in error.value.python[Atom("notes")][0]
    for path, class_ in [
        ("nix.y", b"ModuleNotFoundError"),
        ("math.nix", b"AttributeError"),
        ("", b"AttributeError"),
    ]:
        with pytest.raises(ProtocolError) as error:
            repr_of(lane, make(path))
        assert error.value.python[Atom("class")] == class_
    for odd in (
        struct_map("SnakeBridge.Make", path="int"),
        struct_map("SnakeBridge.Make", path=1, args=[], kwargs={}),
        struct_map("SnakeBridge.Make", path="int", args=1, kwargs={}),
        struct_map("SnakeBridge.Make", path="int", args=[], kwargs=[]),
    ):
        with pytest.raises(ProtocolError) as error:
            repr_of(lane, odd)
        assert error.value.reason == "bad_message"
    assert shared.control.request("usage", None)[Atom("refs")] == held


@pytest.mark.parametrize(
    "term",
    [
        PID,
        struct_map("MyApp.User", name="x", age=3),
        struct_map("Date", calendar=Atom("Elixir.Mine"), year=1, month=1, day=1),
        struct_map("Date", calendar=Atom("Elixir.Calendar.ISO"), year=12024, month=1, day=1),
        struct_map(
            "Duration", year=1, month=0, week=0, day=0, hour=0, minute=0, second=0, microsecond=(0, 0)
        ),
        etf.export("Elixir.Enum", "map", 2),
        struct_map("MyApp.Odd", keys={(): Raw(b"l\0\0\0\1a\1a\2")}),
    ],
)
def test_what_python_cannot_hold_comes_back_as_it_was(lane, term):
    assert lane.request("ping", term) is not None
    tag, (kind, found) = lane.do(value(term))
    assert (tag, kind) == ("$tagged", "$term")
    assert etf.encode(found) == etf.encode(term)
    assert lane.do(value([term, term]), step("item", 0), step("op", "eq", term)) is True
    assert lane.do(value([term, 1])) == ("$tagged", [("$term", found), 1])
    assert lane.do(value(term), step("fun", "hash")) == lane.do(value(term), step("fun", "hash"))
    assert "Elixir" in repr_of(lane, term)


def test_fields_of_a_struct(lane):
    user = struct_map("MyApp.User", name="x", roles=[Atom("admin")])
    assert lane.do(value(user), step("attr", "name")) == b"x"
    assert lane.do(value(user), step("attr", "roles")) == [b"admin"]
    assert b"roles" in lane.do(value(user), step("fun", "dir"))
    with pytest.raises(ProtocolError) as error:
        lane.do(value(user), step("attr", "nix"))
    assert error.value.python[Atom("class")] == b"AttributeError"
    assert b"MyApp.User" in error.value.python[Atom("message")]


@pytest.mark.parametrize(
    ("term", "word"),
    [
        (Raw(b"l\0\0\0\1a\1a\2"), b"improper"),
        (Raw(b"M\0\0\0\1\3\xe0"), b"bit string"),
        ({Atom("a"): 1, b"a": 2}, b"same"),
        (Raw(b"t\0\0\0\2" + etf._encode(1) + b"a\1" + etf._encode(1.0) + b"a\2"), b"same"),
        (Raw(b"t\0\0\0\1" + etf._encode([1]) + b"a\1"), b"list"),
        (struct_map("MapSet", map=Raw(b"t\0\0\0\1" + etf._encode({}) + b"j")), b"dict"),
    ],
)
def test_what_python_cannot_hold_at_all(lane, term, word):
    for place in (term, [term], {"k": (term,)}):
        with pytest.raises(ProtocolError) as error:
            lane.do(value(place))
        assert error.value.reason == "not_convertible"
        assert word in error.value.error[2]
        assert error.value.error[3]


def test_depth_towards_python(lane):
    deep = Raw(b"l\0\0\0\1" * 9_000 + b"j" + b"j" * 9_000)
    assert lane.do(value(deep), step("fun", "len")) == 1
    for unit, end in [(b"l\0\0\0\1", b"j"), (b"h\1", b""), (b"t\0\0\0\1a\1", b"")]:
        with pytest.raises(ProtocolError) as error:
            lane.do(value(Raw(unit * 100_000 + b"j" + end * 100_000)))
        assert error.value.reason == "too_deep"


def test_a_ref_of_another_worker(lane):
    tagged = evaluate(lane, "object()")
    with pytest.raises(ProtocolError) as error:
        lane.do(value(ref(tagged, worker=2)))
    assert error.value.reason == "ref_gone"
    with pytest.raises(ProtocolError) as error:
        lane.do(value(struct_map("SnakeBridge.Ref", id=1)))
    assert error.value.reason == "bad_message"


# --- round trips ---

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
keys = (
    st.integers()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.tuples(st.integers(), st.integers())
)
terms = st.deferred(
    lambda: leaves | st.lists(terms) | st.lists(terms).map(tuple) | st.dictionaries(keys, terms)
)


def plain(term):
    """The term as the tests' decoder gives it."""
    if isinstance(term, str):
        return term.encode()
    if isinstance(term, (list, tuple)):
        return type(term)(map(plain, term))
    if isinstance(term, dict):
        return {plain(key): plain(value) for key, value in term.items()}
    return term


@settings(max_examples=300, deadline=None)
@given(terms)
def test_round_trip(lane, term):
    assert repr(lane.do(value(term))) == repr(plain(term))


@settings(max_examples=200, deadline=None)
@given(st.binary())
def test_binaries_that_are_no_text(lane, data):
    found = lane.do(value(struct_map("SnakeBridge.Bytes", data=data)), method("__len__"))
    assert found == len(data)
    assert lane.do(value(data)) == data


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


def test_a_list_whose_tail_is_text(lane):
    assert lane.do(value(Raw(b"l\0\0\0\1a\1k\0\2\2\3"))) == [1, 2, 3]
    assert lane.do(value((Raw(b"l\0\0\0\1m\0\0\0\1xk\0\1\7"), 5))) == ([b"x", 7], 5)
