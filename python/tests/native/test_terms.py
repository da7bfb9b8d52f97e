"""What terms of Elixir become in Python, and round trips, over a real socket."""

import etf
import pytest
from etf import PID, Atom, Raw, struct_map
from hypothesis import given, settings
from hypothesis import strategies as st
from session import ProtocolError, evaluate, method, ref, repr_of, step, value

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


def test_a_list_whose_tail_is_text(lane):
    assert lane.do(value(Raw(b"l\0\0\0\1a\1k\0\2\2\3"))) == [1, 2, 3]
    assert lane.do(value((Raw(b"l\0\0\0\1m\0\0\0\1xk\0\1\7"), 5))) == ([b"x", 7], 5)
