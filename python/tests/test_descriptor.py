"""Looking into objects: signatures, documentation, kinds and short values, without running their code."""

import functools
import types

import pytest

from snakebridge import descriptor, signatures

TOUCHED = []


class Loud:
    """Does something whenever it is touched."""

    def __repr__(self):
        TOUCHED.append("repr")
        return "loud"

    def __getattr__(self, name):
        TOUCHED.append(name)
        raise AttributeError(name)

    def __eq__(self, other):
        TOUCHED.append("eq")
        return True

    __hash__ = None


LOUD = Loud()


@pytest.fixture(autouse=True)
def nothing_is_touched():
    """No test here may run code of an object."""
    TOUCHED.clear()
    yield
    assert TOUCHED == []


def plain(a, b=2, /, c: int = 3, *rest: str, d, e="x", **more) -> list:
    """Says so."""


def strange(
    a=LOUD, b: LOUD = None, c=print, d=Loud, e=(1, LOUD), f: "list" = -1.5, g: "list[int] | None" = None
):
    pass


class Slots:
    """With slots."""

    __slots__ = ("empty", "full")

    def __init__(self, full):
        self.full = full


class Made:
    def __new__(cls, size, *, name=None):
        return super().__new__(cls)


class Called:
    def __call__(self, argument):
        pass

    @staticmethod
    def static(a):
        pass

    @classmethod
    def of(cls, b):
        pass


@functools.wraps(plain)
def wrapper(*args, **kwargs):
    pass


@functools.lru_cache
def cached(key):
    """Cached."""


def lying():
    pass


lying.__signature__ = LOUD


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (plain, "(a, b=2, /, c: int = 3, *rest: str, d, e='x', **more) -> list"),
        (wrapper, "(a, b=2, /, c: int = 3, *rest: str, d, e='x', **more) -> list"),
        (
            strange,
            "(a=..., b=None, c=print, d=test_descriptor.Loud, e=(1, <test_descriptor.Loud>), f: list = -1.5, "
            "g: list[int] | None = None)",
        ),
        (Slots, "(full)"),
        (Made, "(size, *, name=None)"),
        (Called, "()"),
        (Called(), "(argument)"),
        (Called().of, "(b)"),
        (Called.static, "(a)"),
        (cached, "(key)"),
        (len, "(obj, /)"),
        ([].append, "(object, /)"),
        (lying, ""),
        (LOUD, ""),
        (5, ""),
    ],
)
def test_signatures(value, text):
    assert signatures.signature_text(value) == text


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (plain, "function"),
        (len, "function"),
        (cached, "function"),
        ([].append, "function"),
        (list.append, "method"),
        (Called().of, "method"),
        (Slots, "class"),
        (types, "module"),
        (Called(), "variable"),
        (LOUD, "variable"),
        (5, "variable"),
    ],
)
def test_kinds(value, kind):
    assert descriptor.kind(value) == kind


def test_attributes():
    assert descriptor.attribute(Slots(5), "full") == 5
    assert descriptor.attribute(Slots(5), "empty") is descriptor.NOTHING
    assert descriptor.attribute(LOUD, "missing") is descriptor.NOTHING
    assert descriptor.attribute(types, "FunctionType") is types.FunctionType
    assert descriptor.attribute(3j, "imag") == 3.0
    assert descriptor.member_kind(Slots(5), "full") == ("variable", 5)
    assert descriptor.member_kind(Called, "of")[0] == "method"
    assert "__repr__" in descriptor.member_names(LOUD)
    assert "append" in descriptor.member_names([])
    assert "mro" in descriptor.member_names(Loud)


def test_a_property_named_dict_hides_the_own_attributes():
    class Hidden:
        __dict__ = property(lambda self: LOUD.x)

    assert descriptor.instance_dict(Hidden()) == {}


def test_documentation():
    assert descriptor.documentation(plain) == "Says so."
    assert descriptor.documentation(cached) == "Cached."
    assert descriptor.documentation(Slots) == "With slots."
    assert descriptor.documentation(Slots(1)) == "With slots."
    assert descriptor.documentation(LOUD) == "Does something whenever it is touched."
    assert descriptor.documentation(Made) == ""
    assert descriptor.documentation(types).startswith("Define names for built-in types")


def test_items():
    assert descriptor.item({"a": 1}, "a") == 1
    assert descriptor.item([1, 2], -1) == 2
    assert descriptor.item([1], 5) is descriptor.NOTHING
    assert descriptor.item(LOUD, 0) is descriptor.NOTHING


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (1.5, "1.5"),
        ("it's", '"it\'s"'),
        (b"x", "b'x'"),
        (..., "Ellipsis"),
        (range(3), "range(0, 3)"),
        ([], "[]"),
        ([1, [2, [3, [4]]]], "[1, [2, [3, [...]]]]"),
        ({"a": LOUD}, "{'a': <test_descriptor.Loud>}"),
        ((LOUD,), "(<test_descriptor.Loud>,)"),
        (frozenset(), "frozenset()"),
        (frozenset([1]), "frozenset({1})"),
        (LOUD, ""),
        (Loud, "<class test_descriptor.Loud>"),
        (plain, "<function plain>"),
        (types, "<module types>"),
    ],
)
def test_short_values(value, text):
    assert descriptor.short_value(value) == text


def test_long_values_are_short():
    for value in (
        "x" * 10**6,
        list(range(10**6)),
        dict.fromkeys(range(1000), "y" * 1000),
        1 << 100_000,
        [["z" * 500] * 9] * 9,
    ):
        assert 0 < len(descriptor.short_value(value)) < 300


def test_type_names():
    assert descriptor.type_name(5) == "int"
    assert descriptor.type_name(LOUD) == "test_descriptor.Loud"
    assert descriptor.type_name(types) == "module"
