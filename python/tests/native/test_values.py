"""What Python's values become in Elixir, over a real socket."""

import math

import etf
import pytest
from etf import Atom, Raw, struct_map
from session import ProtocolError, evaluate, method, module, ref, repr_of, step, value


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
