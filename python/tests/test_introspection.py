"""Introspection: what a document says of a module, and what is neither imported nor run for it."""

import json
import pathlib
import subprocess
import sys
import textwrap

import pytest

from snakebridge import introspection

PACKAGE_FOLDER = str(pathlib.Path(introspection.__file__).parents[2])


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Writes a library's files, and introspects it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def written(files, root="lib", **options):
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), encoding="utf-8")
        document = introspection.introspect(root, **options)
        json.dumps(document, allow_nan=False).encode()
        return document

    yield written
    for name in set(sys.modules) - before:
        del sys.modules[name]


def only(document):
    (module,) = document["modules"]
    return module


def named(listed, name):
    (found,) = [one for one in listed if one["name"] == name]
    return found


def names(listed):
    return [one["name"] for one in listed]


def function(library, source, name="f"):
    return named(only(library({"lib.py": source}))["functions"], name)


def test_a_document(library):
    document = library(
        {
            "lib.py": '''
            """A library."""
            __version__ = "1.2"
            LIMIT = 3
            def f(a, /, b: int, *rest, c: str = "x", **more) -> float:
                """Adds.

                Args:
                    b: a number
                """
            class C: pass
            '''
        }
    )
    assert document["schema"] == "snakebridge.introspection/1"
    assert document["root"] == "lib"
    assert document["package"] == {"name": "lib", "version": "1.2"}
    module = only(document)
    assert module["doc"]["summary"] == "A library."
    found = named(module["functions"], "f")
    assert found["signature"] == "known"
    assert [(p["name"], p["kind"], p["required"], p["default"]) for p in found["parameters"]] == [
        ("a", "positional_only", True, None),
        ("b", "positional_or_keyword", True, None),
        ("rest", "var_positional", False, None),
        ("c", "keyword_only", False, {"literal": "x"}),
        ("more", "var_keyword", False, None),
    ]
    assert found["returns"] == {"kind": "float", "confidence": "high"}
    assert found["doc"]["parameters"] == [{"name": "b", "type": "", "text": "a number"}]
    assert names(module["classes"]) == ["C"]
    assert module["constants"] == [
        {
            "name": "LIMIT",
            "path": "lib.LIMIT",
            "type": {"kind": "int", "confidence": "high"},
            "value": 3,
            "repr": "3",
        }
    ]


@pytest.mark.parametrize(
    "name", ["json", "math", "re", "pathlib", "collections", "sqlite3", "asyncio", "typing", "os"]
)
def test_of_the_standard_library(name):
    document = introspection.introspect(name)
    assert document["warnings"] == []
    assert document["modules"][0]["classes"] or document["modules"][0]["functions"]


def test_the_same_bytes_in_each_process():
    def run(seed):
        command = [sys.executable, "-m", "snakebridge.introspection", "collections"]
        done = subprocess.run(
            command,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": PACKAGE_FOLDER},
            capture_output=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    assert run("1") == run("2")


# --- signatures and types ---


def text(tree):
    """A type in one line, as Python would write it."""
    kind, parts = tree["kind"], [text(part) for part in tree.get("of", ())]
    if kind == "union":
        return " | ".join(parts)
    if kind == "literal":
        return f"Literal{tree['values']}"
    if kind == "tuple" and tree.get("variadic"):
        parts.append("...")
    if kind == "callable" and tree.get("variadic"):
        parts.insert(0, "...")
    word = tree["name"] if kind in ("class", "type_var", "protocol", "typed_dict") else kind
    return f"{word}[{', '.join(parts)}]" if parts else word


ANNOTATIONS = {
    "int": "int",
    "None": "none",
    "Any": "any",
    "object": "any",
    "int | None": "int | none",
    "Optional[str]": "str | none",
    "Union[int, str, int]": "int | str",
    "list[int]": "list[int]",
    "List[Dict[str, float]]": "list[dict[str, float]]",
    "tuple[int, ...]": "tuple[int, ...]",
    "tuple[int, str]": "tuple[int, str]",
    "Literal['a', 1, True, None]": "Literal['a', 1, True, None]",
    "Callable[[int, str], bool]": "callable[int, str, bool]",
    "Callable[..., bool]": "callable[..., bool]",
    "type[C]": "type[lib.C]",
    "C": "lib.C",
    "'C'": "lib.C",
    "list['C']": "list[lib.C]",
    "Iterable[int]": "iterable[int]",
    "Iterator[bytes]": "iterator[bytes]",
    "Mapping[str, C]": "dict[str, lib.C]",
    "Sequence[C]": "iterable[lib.C]",
    "Annotated[int, 'seconds']": "int",
    "Awaitable[int]": "awaitable[int]",
    "Coroutine[Any, Any, int]": "awaitable[int]",
    "Generator[int, None, str]": "generator[int, none, str]",
    "frozenset[int]": "frozenset[int]",
    "T": "T[int]",
    "Movie": "lib.Movie",
    "Runs": "lib.Runs",
    "Box[int]": "lib.Box[int]",
    "decimal.Decimal": "decimal.Decimal",
    "UserId": "int",
    "NoReturn": "typing.NoReturn",
}


@pytest.mark.parametrize("future", ["", "from __future__ import annotations"])
@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_types(library, annotation, future):
    source = f"""
        {future}
        import decimal
        from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
        from typing import *
        T = TypeVar("T", bound=int)
        UserId = NewType("UserId", int)
        class C: pass
        class Movie(TypedDict):
            title: str
        class Runs(Protocol):
            def run(self): ...
        class Box(Generic[T]): pass
        def f(x: {annotation}) -> {annotation}: ...
    """
    found = function(library, source)
    assert text(found["parameters"][0]["type"]) == ANNOTATIONS[annotation]
    assert found["returns"] == found["parameters"][0]["type"]
    assert found["returns"]["confidence"] == "high"


def test_annotations_as_texts_are_not_evaluated(library, tmp_path):
    touch = f"open({str(tmp_path / 'made')!r}, 'w')"
    source = f"def f(x: {touch!r}, y: 'C[' = 1) -> '__import__(\"os\").x': ..."
    found = function(library, source)
    assert [p["type"]["kind"] for p in found["parameters"]] == ["unknown", "unknown"]
    assert not (tmp_path / "made").exists()


def test_a_typed_dict_tells_its_fields(library):
    source = """
        from typing import TypedDict
        class Movie(TypedDict, total=False):
            title: str
        def f(x: Movie): ...
    """
    document = library({"lib.py": source})
    (parameter,) = named(only(document)["functions"], "f")["parameters"]
    assert parameter["type"]["kind"] == "typed_dict"
    assert parameter["type"]["fields"] == {"title": {"kind": "str", "confidence": "high"}}
    movie = named(only(document)["classes"], "Movie")
    assert movie["kind"] == "typed_dict"
    assert [(p["name"], p["required"]) for p in movie["constructor"]["parameters"]] == [("title", False)]


def test_defaults(library):
    source = """
        import enum
        class Color(enum.Enum):
            RED = 1
        class Loud:
            def __repr__(self): raise RuntimeError
        def f(a=1, b=1.5, c=float("inf"), d="x", e=None, g=(1, 2), h=[1], i=Color.RED, j=Loud(), k=b"z",
              l="x" * 1000, m={3, 1, 2}, n=print, o=10**100, p="\\udc80", q={"a": [None]}): ...
    """
    found = function(library, source)
    assert {p["name"]: p["default"] for p in found["parameters"]} == {
        "a": {"literal": 1},
        "b": {"literal": 1.5},
        "c": {"repr": "inf"},
        "d": {"literal": "x"},
        "e": {"literal": None},
        "g": {"repr": "(1, 2)"},
        "h": {"literal": [1]},
        "i": {"repr": "Color.RED"},
        "j": {"repr": "<lib.Loud>"},
        "k": {"repr": "b'z'"},
        "l": {"repr": "'" + "x" * 199 + "..."},
        "m": {"repr": "{1, 2, 3}"},
        "n": {"repr": "<function print>"},
        "o": {"repr": "1" + "0" * 100},
        "p": {"repr": "'\\udc80'"},
        "q": {"literal": {"a": [None]}},
    }
    assert not any(p["required"] for p in found["parameters"])


def test_kinds_of_functions(library):
    source = """
        import functools
        async def wait(): ...
        async def stream(): yield 1
        def count(): yield 1
        @functools.lru_cache
        def cached(a, b=2): ...
        partly = functools.partial(cached, 1)
        class Calls:
            def __call__(self, x): ...
        calls = Calls()
        def wraps(g):
            @functools.wraps(g)
            def inner(*args, **kwargs): ...
            return inner
        @wraps
        def decorated(a, *, b): ...
    """
    listed = only(library({"lib.py": source}))["functions"]
    assert [(f["name"], f["kind"], f["async"], f["generator"]) for f in listed] == [
        ("cached", "function", False, False),
        ("calls", "callable", False, False),
        ("count", "function", False, True),
        ("decorated", "function", False, False),
        ("partly", "function", False, False),
        ("stream", "function", True, True),
        ("wait", "function", True, False),
        ("wraps", "function", False, False),
    ]
    found = {f["name"]: names(f["parameters"]) for f in listed}
    assert found["cached"] == ["a", "b"]
    assert found["calls"] == ["x"]
    assert found["decorated"] == ["a", "b"]
    assert found["partly"] == ["b"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python notes overloads since 3.11")
def test_overloads(library):
    source = """
        from typing import overload
        @overload
        def f(x: int) -> int: ...
        @overload
        def f(x: str, y: bool) -> str: ...
        def f(x, y=None): ...
    """
    found = function(library, source)
    assert [(names(o["parameters"]), text(o["returns"])) for o in found["overloads"]] == [
        (["x"], "int"),
        (["x", "y"], "str"),
    ]


def test_deprecations(library):
    source = '''
        def f():
            """Old.

            .. deprecated:: 1.2
               Use g.
            """
        def g(a):
            """New.

            Parameters
            ----------
            a : int
                .. deprecated:: 1.0
            """
        def h(): ...
        h.__deprecated__ = "Use g."
        def i():
            """DEPRECATED: use g."""
        def j(x):
            """New.

            .. deprecated:: 1.6

               Using ``j()`` with a list is deprecated.
            """
        def k():
            """Old.

            .. deprecated:: 1.6

               Using this is no good.

            More.
            """
    '''
    listed = only(library({"lib.py": source}))["functions"]
    assert {f["name"]: f["deprecated"] for f in listed} == {
        "f": "1.2 Use g.",
        "g": None,
        "h": "Use g.",
        "i": "use g.",
        "j": None,
        "k": "1.6 Using this is no good.",
    }


def test_signatures_of_c_functions():
    module = only(introspection.introspect("math"))
    assert {f["kind"] for f in module["functions"]} == {"builtin"}
    sqrt = named(module["functions"], "sqrt")
    assert sqrt["signature"] == "text"
    assert [(p["name"], p["kind"]) for p in sqrt["parameters"]] == [("x", "positional_only")]


DOCUMENTED = {
    "f(a, b=None)\n\nText.": ["a", "b?"],
    "f(a[, b[, c]]) -> int": ["a", "b?", "c?"],
    "f(a, /, b, *, c=1, **more)": ["a", "b", "c?", "**more"],
    "f(x[, out1], / [, out=(None, None)], *, where=True[, axis])": ["x", "out1?", "out?", "where?", "axis?"],
    "f(stop) -> range\nf(start, stop[, step]) -> range": ["start", "stop?", "step?"],
    "f(\n    a,\n    b='(',\n)\n\nText.": ["a", "b?"],
    "O.f(a) -> str": ["a"],
    "Does f(a).": None,
    "f(a) of course is": None,
    "f(a b)": None,
    "f(": None,
}


@pytest.mark.parametrize("documentation", DOCUMENTED)
def test_signatures_of_documentation(library, documentation):
    source = f"""
        class Unread:
            __signature__ = None
            __doc__ = {documentation!r}
            __call__ = len
        f = Unread()
    """
    found = function(library, source)
    if DOCUMENTED[documentation] is None:
        assert found["signature"] == "unknown"
        assert [p["kind"] for p in found["parameters"]] == ["var_positional", "var_keyword"]
    else:
        stars = {"var_positional": "*", "var_keyword": "**"}
        assert found["signature"] == "docstring"
        assert [
            stars.get(p["kind"], "") + p["name"] + ("" if p["required"] or p["kind"] in stars else "?")
            for p in found["parameters"]
        ] == DOCUMENTED[documentation]


def test_types_of_documentation(library):
    source = '''
        def f(a, b, c, d):
            """Does.

            Parameters
            ----------
            a : int or str, optional
            b, c : {'x', 'y'}, default 'x'
            d : list of float
                More.

            Returns
            -------
            bool
                Whether.

            Raises
            ------
            ValueError
                If not.

            Examples
            --------
            >>> f(1)
            True
            """
    '''
    found = function(library, source)
    assert [text(p["type"]) for p in found["parameters"]] == [
        "int | str",
        "Literal['x', 'y']",
        "Literal['x', 'y']",
        "list[float]",
    ]
    assert found["returns"] == {"kind": "bool", "confidence": "low"}
    doc = found["doc"]
    assert doc["style"] == "numpydoc"
    assert doc["summary"] == "Does."
    assert names(doc["parameters"]) == ["a", "b", "c", "d"]
    assert doc["returns"] == [{"name": "", "type": "bool", "text": "Whether."}]
    assert doc["raises"] == [{"type": "ValueError", "text": "If not."}]
    assert doc["examples"] == [">>> f(1)\nTrue"]


# --- stubs ---


STUBBED = {
    "lib/__init__.py": "from lib.inner import f, g, C\n__all__ = ['f', 'g', 'C', 'h']\nh = None",
    "lib/inner.py": """
        class Unread:
            __signature__ = None
            __call__ = len
            __name__ = "f"
        f = Unread()
        def g(a, b=1): ...
        class C:
            m = Unread()
            def n(self, x): ...
    """,
    "lib/__init__.pyi": "from lib.inner import *\nh: None",
    "lib/inner.pyi": """
        import sys
        from typing import TypeVar, overload, Union
        from typing_extensions import TypeAlias, deprecated, Self
        T = TypeVar("T")
        Number: TypeAlias = Union[int, float]
        Text = str | None
        @overload
        def f(x: int, /) -> int: ...
        @overload
        def f(x: str, y: Text = ...) -> list[C]: ...
        if sys.version_info >= (3, 8):
            @deprecated("old")
            def g(a: Number, b: int = 1) -> T: ...
        else:
            def g(): ...
        class C:
            def n(self, x: int) -> Self: ...
    """,
}


@pytest.mark.parametrize("apart", [False, True])
def test_stubs(library, apart):
    files = {
        name.replace("lib/", "lib-stubs/", apart and name.endswith("i")): t for name, t in STUBBED.items()
    }
    module = only(library(files))
    f, g = named(module["functions"], "f"), named(module["functions"], "g")
    assert f["signature"] == "stub"
    assert [(p["name"], p["required"], text(p["type"])) for p in f["parameters"]] == [
        ("x", True, "int | str"),
        ("y", False, "str | none"),
    ]
    assert [text(o["returns"]) for o in f["overloads"]] == ["int", "list[lib.C]"]
    assert g["signature"] == "known"
    assert [text(p["type"]) for p in g["parameters"]] == ["int | float", "int"]
    assert g["parameters"][0]["type"]["confidence"] == "medium"
    assert g["returns"]["kind"] == "type_var"
    assert g["deprecated"] == "old"
    n = named(named(module["classes"], "C")["methods"], "n")
    assert text(n["returns"]) == "lib.C"


# --- classes ---


def test_a_class(library):
    source = '''
        import abc, functools
        RUN = []
        class Base:
            def inherited(self): ...
        class _Hidden:
            def from_hidden(self): ...
        class C(Base, _Hidden, abc.ABC):
            """A class."""
            limit: int = 3
            field: str
            def __init__(self, a, *, b=1):
                """Makes one."""
            def m(self, x): ...
            @classmethod
            def c(cls, x): ...
            @staticmethod
            def s(x): ...
            @property
            def p(self) -> int:
                """A property."""
                RUN.append("p")
            @property
            def q(self): ...
            @q.setter
            def q(self, value): ...
            @functools.cached_property
            def r(self) -> str: ...
            def _private(self): ...
            @abc.abstractmethod
            def must(self): ...
            class Inner: pass
            __slots__ = ("slot",)
    '''
    module = only(library({"lib.py": source}))
    assert names(module["classes"]) == ["Base", "C"]
    found = named(module["classes"], "C")
    assert found["kind"] == "class"
    assert found["bases"] == ["lib.Base", "lib._Hidden", "abc.ABC"]
    assert found["mro"] == ["lib.C", "lib.Base", "lib._Hidden", "abc.ABC", "object"]
    assert found["abstract"]
    assert found["doc"]["summary"] == "A class."
    assert found["constructor"]["doc"]["summary"] == "Makes one."
    assert names(found["constructor"]["parameters"]) == ["a", "b"]
    assert [(m["name"], m["kind"], names(m["parameters"]), m.get("from")) for m in found["methods"]] == [
        ("c", "classmethod", ["x"], None),
        ("from_hidden", "method", [], "lib._Hidden"),
        ("m", "method", ["x"], None),
        ("must", "method", [], None),
        ("s", "staticmethod", ["x"], None),
    ]
    assert [(p["name"], p["settable"], text(p["type"])) for p in found["properties"]] == [
        ("p", False, "int"),
        ("q", True, "unknown"),
        ("r", True, "str"),
        ("slot", True, "unknown"),
    ]
    attributes = {a["name"]: a for a in found["attributes"]}
    assert attributes["limit"]["value"] == 3
    assert attributes["field"]["of_instance"]
    assert text(attributes["Inner"]["type"]) == "type[lib.C.Inner]"
    assert sys.modules["lib"].RUN == []


def test_fields_of_dataclasses_are_of_their_objects_also_where_the_class_has_the_default(library):
    source = """
        import dataclasses, typing
        @dataclasses.dataclass
        class Data:
            a: int
            b: str = "x"
            c: typing.ClassVar[int] = 1
    """
    data = named(only(library({"lib.py": source}))["classes"], "Data")
    found = {a["name"]: (a.get("of_instance", False), a["value"]) for a in data["attributes"]}
    assert found == {"a": (True, None), "b": (True, "x"), "c": (False, 1)}


def test_what_a_call_of_an_object_does_is_a_method(library):
    source = """
        class Model:
            def __call__(self, question, *, steps=1): pass
            def __len__(self): pass
    """
    model = named(only(library({"lib.py": source}))["classes"], "Model")
    assert [(m["name"], names(m["parameters"])) for m in model["methods"]] == [
        ("__call__", ["question", "steps"])
    ]


def test_kinds_of_classes(library):
    source = """
        import collections, dataclasses, enum, typing
        class Color(enum.Enum):
            RED = 1
            BLUE = "b"
        class Bad(ValueError): pass
        @dataclasses.dataclass
        class Data:
            a: int
            b: str = "x"
        class Named(typing.NamedTuple):
            a: int
        Old = collections.namedtuple("Old", "a b")
        class Runs(typing.Protocol):
            def run(self) -> int: ...
        class Plain: pass
    """
    listed = {c["name"]: c for c in only(library({"lib.py": source}))["classes"]}
    assert {name: c["kind"] for name, c in listed.items()} == {
        "Color": "enum",
        "Bad": "exception",
        "Data": "dataclass",
        "Named": "named_tuple",
        "Old": "named_tuple",
        "Runs": "protocol",
        "Plain": "class",
    }
    assert [(a["name"], a["value"]) for a in listed["Color"]["attributes"]] == [("BLUE", "b"), ("RED", 1)]
    assert [(p["name"], text(p["type"])) for p in listed["Data"]["constructor"]["parameters"]] == [
        ("a", "int"),
        ("b", "str"),
    ]
    assert [(p["name"], text(p["type"])) for p in listed["Named"]["properties"]] == [("a", "int")]
    assert names(listed["Named"]["constructor"]["parameters"]) == ["a"]
    assert listed["Plain"]["constructor"]["parameters"] == []


def test_hostile_objects(library):
    source = """
        import sys
        TOUCHED = []
        class Meta(type):
            def __getattribute__(cls, name):
                TOUCHED.append(name)
                raise RuntimeError
            def __repr__(cls): raise RuntimeError
        class Loud(metaclass=Meta):
            def __getattribute__(self, name):
                TOUCHED.append(name)
                raise SystemExit
            def __repr__(self): raise SystemExit
            def __eq__(self, other): raise SystemExit
            __hash__ = None
            def m(self): ...
        loud = Loud()
        class Descriptor:
            def __get__(self, instance, owner): TOUCHED.append("get")
        class Has:
            d = Descriptor()
            value = loud
        huge = "x" * 10_000_000
        many = list(range(1_000_000))
        globals()["not a name"] = 1
        globals()["half\\udc80"] = 1
        TOUCHED.clear()
    """
    module = only(library({"lib.py": source}))
    assert names(module["classes"]) == ["Descriptor", "Has", "Loud", "Meta"]
    assert "not a name" in names(module["constants"])
    assert "half\\udc80" in names(module["constants"])
    assert all(len(c["repr"]) < 300 for c in module["constants"])
    assert names(named(module["classes"], "Has")["properties"]) == ["d"]
    touched = [x for x in sys.modules["lib"].TOUCHED if x not in ("__mro__", "__class__")]
    assert touched == []


def test_classes_that_equal_everything_or_nothing(library):
    source = """
        class Meta(type):
            def __eq__(cls, other): raise RuntimeError
        class Bad(metaclass=Meta): pass
        class Yes(type):
            def __eq__(cls, other): return True
        class Odd(metaclass=Yes): pass
        odd, bad = Odd(), Bad()
        def f(): ...
    """
    assert "f" in names(only(library({"lib.py": source}))["functions"])


# --- modules ---


PACKAGE = {
    "lib/__init__.py": "from lib.core import f\nfrom json import dumps\nfrom math import pi\nimport os\nLIMIT = 1",
    "lib/core.py": "def f(): ...\ndef g(): ...\nclass C: ...",
    "lib/sub/__init__.py": "from lib.core import f, C\nfrom . import deep",
    "lib/sub/deep.py": "def h(): ...",
    "lib/_private.py": "def p(): ...",
    "lib/raises.py": "raise ValueError('no\\nway')",
    "lib/leaves.py": "import sys; sys.exit(3)",
    "lib/prints.py": "print('out')",
    "lib/tests/__init__.py": "raise ValueError",
}


def test_only_what_is_asked_for_is_imported(library):
    document = library(PACKAGE)
    module = only(document)
    assert names(module["functions"]) == ["f"]
    assert module["functions"][0]["path"] == "lib.f"
    assert names(module["constants"]) == ["LIMIT"]
    assert not module["explicit"]
    assert module["is_package"]
    assert module["submodules"] == ["lib.core", "lib.leaves", "lib.prints", "lib.raises", "lib.sub"]
    assert {name for name in sys.modules if name.startswith("lib.")} == {"lib.core"}


def test_depth(library):
    document = library(PACKAGE, depth=1)
    assert names(document["modules"]) == ["lib", "lib.core", "lib.prints", "lib.sub"]
    assert [w["path"] for w in document["warnings"]] == ["lib.leaves", "lib.raises"]
    assert document["warnings"][1]["message"] == "lib.raises cannot be imported: ValueError: no way"
    core = named(document["modules"], "lib.core")
    # Where users find it, and nowhere else.
    assert names(core["functions"]) == ["g"]
    assert core["aliases"] == [{"name": "f", "target": "lib.f"}]
    assert names(core["classes"]) == ["C"]
    assert named(document["modules"], "lib.sub")["aliases"] == [
        {"name": "C", "target": "lib.core.C"},
        {"name": "f", "target": "lib.f"},
    ]


def test_include_and_exclude(library):
    document = library(PACKAGE, include=["sub.deep", "lib._private", "missing"], exclude=["f", "*.raises"])
    assert names(document["modules"]) == ["lib", "lib._private", "lib.sub.deep"]
    assert named(document["modules"], "lib")["functions"] == []
    assert named(document["modules"], "lib._private")["functions"][0]["path"] == "lib._private.p"
    assert "lib.raises" not in named(document["modules"], "lib")["submodules"]
    assert document["warnings"] == [
        {"path": "lib.missing", "message": "included, but there is nothing of that name"}
    ]


def test_private(library):
    document = library(
        {"lib.py": "def _f(): ...\ndef f(): ...\nclass C:\n    def _m(self): ..."}, private=True
    )
    assert names(only(document)["functions"]) == ["_f", "f"]
    assert names(only(document)["classes"][0]["methods"]) == ["_m"]


def test_a_lazy_module(library):
    files = {
        "lib/__init__.py": """
            import importlib
            __all__ = ["f", "sub", "broken"]
            def __getattr__(name):
                if name == "f":
                    return importlib.import_module("lib._impl").f
                if name == "sub":
                    return importlib.import_module("lib.sub")
                raise AttributeError(name)
        """,
        "lib/_impl.py": "def f(a): ...",
        "lib/sub.py": "",
    }
    document = library(files)
    assert names(only(document)["functions"]) == ["f"]
    assert only(document)["functions"][0]["path"] == "lib.f"
    assert only(document)["submodules"] == ["lib.sub"]
    assert "lib.sub" not in sys.modules
    (warning,) = document["warnings"]
    assert warning["path"] == "lib.broken"


def test_cycles_of_reexports(library):
    files = {
        "lib/__init__.py": "from lib.a import *\nfrom lib.b import *",
        "lib/a.py": "import lib.b\nfrom lib import b\ndef fa(): ...\n",
        "lib/b.py": "def fb(): ...\nfrom lib.a import *\nimport lib\nroot = lib",
    }
    document = library(files, depth=3)
    assert {m["name"]: names(m["functions"]) for m in document["modules"]} == {
        "lib": ["fa", "fb"],
        "lib.a": [],
        "lib.b": [],
    }


def test_a_root_that_is_not_there():
    with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere_at_all'"):
        introspection.introspect("nowhere_at_all")


@pytest.mark.parametrize(
    "source", ["raise ValueError('no')", "import sys; sys.exit()", "import nowhere_at_all", "1 +"]
)
def test_a_root_that_cannot_be_imported(library, source):
    with pytest.raises(ImportError, match="lib cannot be imported"):
        library({"lib.py": source})


# --- the command ---


def command(folder, *arguments):
    environment = {"PYTHONPATH": f"{folder}:{PACKAGE_FOLDER}"}
    return subprocess.run(
        [sys.executable, "-m", "snakebridge.introspection", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
    )


def test_the_command_prints_the_document_alone(tmp_path):
    (tmp_path / "lib.py").write_text("import os\nprint('py')\nos.system('echo program')\ndef f(): ...")
    done = command(tmp_path, "lib")
    assert done.returncode == 0
    assert json.loads(done.stdout)["root"] == "lib"
    assert "py" in done.stderr
    assert "program" in done.stderr


def test_the_command_by_its_path_sees_the_users_modules(tmp_path):
    (tmp_path / "values.py").write_text("def f(): ...")
    (tmp_path / "snakebridge").mkdir()
    (tmp_path / "snakebridge" / "__init__.py").write_text("raise ValueError")
    file = pathlib.Path(introspection.__file__).with_name("__main__.py")
    done = subprocess.run(
        [sys.executable, file, "values"], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert names(only(json.loads(done.stdout))["functions"]) == ["f"]


def test_the_command_writes_a_file(tmp_path):
    done = command(tmp_path, "json", "-o", "out.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads((tmp_path / "out.json").read_text())["root"] == "json"


def test_the_command_says_what_is_wrong(tmp_path):
    done = command(tmp_path, "nowhere_at_all")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "snakebridge: No module named 'nowhere_at_all'\nhint: install it for this Python"
    )
    done = command(tmp_path, "json", "-o", "no/such/folder")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr


def test_an_import_that_hangs(tmp_path):
    (tmp_path / "lib.py").write_text("import time\ntime.sleep(60)")
    done = command(tmp_path, "lib", "--import-seconds", "0.2")
    assert done.returncode == 1
    assert "takes longer than 0.2 s" in done.stderr
