"""Which names of the session a cell reads, binds and unbinds."""

import sys
import types
import weakref

import pytest

from snakebridge import analysis
from snakebridge.namespace import Namespace


def of_nobody(_name):
    """Elixir has no names here."""
    return False


def effects(source, before="", status="ok"):
    """Runs `before`, then the cell; returns (reads, writes, deletes)."""
    namespace = Namespace(types.ModuleType("__main__"))
    exec(before, namespace.globals)
    observed = analysis.Observation(namespace, str, source)
    try:
        exec(compile(source, "cell 1", "exec"), namespace.globals)
    except Exception:
        status = "error"
    found = observed.effects(status, of_nobody)
    return found["reads"], found["writes"], found["deletes"]


@pytest.mark.parametrize(
    ("source", "before", "expected"),
    [
        # Binding, by all means that Python has.
        ("x = 1", "", ([], ["x"], [])),
        ("a, (b, *c) = 1, (2, 3)", "", ([], ["a", "b", "c"], [])),
        ("x: int = 1", "", ([], ["x"], [])),
        ("x: int", "", ([], [], [])),
        ("x += 1", "x = 1", (["x"], ["x"], [])),
        ("import os.path", "", ([], ["os"], [])),
        ("import os.path as p", "", ([], ["p"], [])),
        ("from math import pi as π", "", ([], ["π"], [])),
        ("def f(a): b = a", "", ([], ["f"], [])),
        ("class C:\n    y = 1", "", ([], ["C"], [])),
        ("for i in range(3): pass", "", ([], ["i"], [])),
        ("with open('/dev/null') as file: pass", "", ([], ["file"], [])),
        ("print(n := 2)", "", ([], ["n"], [])),
        ("[m := v for v in [1]]", "", ([], ["m"], [])),
        ("match [1, 2]:\n    case [h, *t]: pass", "", ([], ["h", "t"], [])),
        ("def f():\n    global g\n    g = 1\nf()", "", ([], ["f", "g"], [])),
        ("exec('e = 1')", "", ([], ["e"], [])),
        ("globals()['k'] = 1", "", ([], ["k"], [])),
        # The same object again is a write.
        ("x = x", "x = []", (["x"], ["x"], [])),
        ("x = 1", "x = 1", ([], ["x"], [])),
        ("for x in [1]: pass", "x = 1", ([], ["x"], [])),
        # What is not bound.
        ("if False:\n    never = 1", "", ([], [], [])),
        ("def f():\n    global g\n    g = 1", "", ([], ["f"], [])),
        ("x.append(1)", "x = []", (["x"], [], [])),
        # Unbinding.
        ("del x", "x = 1", ([], [], ["x"])),
        ("x = 1\ndel x", "", ([], [], [])),
        ("del x\nx = 2", "x = 1", ([], ["x"], [])),
        ("try:\n    1/0\nexcept Exception as e: pass", "e = 1", ([], [], ["e"])),
        ("def f():\n    global x\n    del x\nf()", "x = 1", ([], ["f"], ["x"])),
        # Reading the session, not what the cell itself has bound.
        ("y = x", "x = 1", (["x"], ["y"], [])),
        ("x = 2\ny = x", "x = 1", ([], ["x", "y"], [])),
        ("y = x\nx = 2", "x = 1", (["x"], ["x", "y"], [])),
        ("for i in [1]:\n    y = i", "i = 0; y = 0", ([], ["i", "y"], [])),
        ("if c:\n    x = 2\ny = x", "x = 1; c = False", (["c", "x"], ["x", "y"], [])),
        ("if c:\n    x = 2\nelse:\n    x = 3\ny = x", "x = 1; c = False", (["c"], ["x", "y"], [])),
        (
            "try:\n    x = f()\nexcept Exception: pass\ny = x",
            "x = 1\ndef f(): 1/0",
            (["f", "x"], ["x", "y"], []),
        ),
        ("try:\n    x = 2\nfinally:\n    z = x", "x = 1", (["x"], ["x", "z"], [])),
        ("while True:\n    x = 2\n    break\ny = x", "x = 1", ([], ["x", "y"], [])),
        ("y = a and (x := 2)\nz = x", "x = 1; a = 0", (["a", "x"], ["x", "y", "z"], [])),
        ("len([1])", "", ([], [], [])),
        ("len([1])", "def len(x): return 0", (["len"], [], [])),
        ("y = nothing", "", ([], [], [])),
        # Scopes.
        ("y = [x for x in [1]]", "x = 1", ([], ["y"], [])),
        ("y = [z for x in [1]]", "x = 1; z = 2", (["z"], ["y"], [])),
        ("y = [x for x in x]", "x = [1]", (["x"], ["y"], [])),
        ("y = sorted([1], key=lambda x: x + k)", "x = 1; k = 2", (["k"], ["y"], [])),
        ("def f(x): return x", "x = 1", ([], ["f"], [])),
        ("def f(a=x): return k", "x = 1; k = 1; a = 1", (["k", "x"], ["f"], [])),
        ("def f(): return k\nk = 2\nf()", "k = 1", ([], ["f", "k"], [])),
        ("class C:\n    x = x\n    y = x", "x = 1", (["x"], ["C"], [])),
        ("class C:\n    x = 1\n    y = x\n    def m(self): return x", "x = 1", (["x"], ["C"], [])),
        ("@d\ndef f(): pass", "def d(f): return f", (["d"], ["f"], [])),
        # Through functions of the session.
        ("y = f()", "k = 1\ndef f(): return k", (["f", "k"], ["y"], [])),
        ("y = f()", "k = 1\ndef g(): return k\ndef f(): return g()", (["f", "g", "k"], ["y"], [])),
        ("k = 2\ny = f()", "k = 1\ndef f(): return k", (["f"], ["k", "y"], [])),
        ("y = C().m()", "k = 1\nclass C:\n    def m(self): return k", (["C", "k"], ["y"], [])),
        ("y = c.m()", "k = 1\nclass C:\n    def m(self): return k\nc = C()", (["c", "k"], ["y"], [])),
        (
            "y = p()",
            "import functools\nk = 1\ndef f(): return k\np = functools.partial(f)",
            (["k", "p"], ["y"], []),
        ),
        (
            "y = f()",
            "import functools\nk = 1\n@functools.lru_cache\ndef f(): return k",
            (["f", "k"], ["y"], []),
        ),
        # Magics, as IPython's transformation leaves them.
        (
            "get_ipython().run_line_magic('time', 'y = x + 1')",
            "x = 1\nclass get_ipython:\n    def run_line_magic(self, name, text): pass",
            (["get_ipython", "x"], [], []),
        ),
    ],
)
def test_effects(source, before, expected):
    assert effects(source, before) == expected


def test_a_failing_cell_writes_only_what_is_seen_to_have_changed():
    assert effects("x = 2\n1/0\ny = 1\nz = z", "y = 1; z = 1; x = 1") == (["z"], ["x"], [])


def test_import_star_binds_what_it_brings():
    reads, writes, _ = effects("from math import *")
    assert reads == []
    assert {"pi", "sqrt"} <= set(writes)


def test_names_that_are_not_the_users_are_left_out():
    namespace = Namespace(types.ModuleType("__main__"))
    namespace.put(Out={}, _=1)
    namespace.globals["__dunder__"] = 1
    assert namespace.snapshot() == {}
    namespace.globals["_"] = 2
    assert namespace.snapshot() == {"_": 2}


def test_a_source_that_is_no_python_still_tells_what_was_seen():
    namespace = Namespace(types.ModuleType("__main__"))
    observed = analysis.Observation(namespace, str, "x = (")
    namespace.globals["x"] = 1
    assert observed.effects("error", of_nobody) == {"reads": [], "writes": ["x"], "deletes": []}


def test_properties_and_classes_of_values_are_not_asked():
    touched = []
    namespace = Namespace(types.ModuleType("__main__"))
    namespace.globals["touched"] = touched
    exec(
        "class Evil:\n"
        "    __class__ = property(lambda self: touched.append('class'))\n"
        "    __dict__ = property(lambda self: touched.append('dict'))\n"
        "    def __getattr__(self, name): touched.append(name)\n"
        "    def __eq__(self, other): touched.append('eq')\n"
        "    def __bool__(self): touched.append('bool')\n"
        "evil = Evil()",
        namespace.globals,
    )
    observed = analysis.Observation(namespace, str, "evil")
    assert observed.effects("ok", of_nobody)["reads"] == ["evil", "touched"]
    assert touched == []


def test_a_value_that_is_replaced_is_not_kept():
    namespace = Namespace(types.ModuleType("__main__"))
    exec("class Big: pass\nbig = Big()", namespace.globals)
    gone = weakref.ref(namespace.globals["big"])
    observed = analysis.Observation(namespace, str, "big = None")
    namespace.globals["big"] = None
    assert gone() is None
    assert observed.effects("ok", of_nobody)["writes"] == ["big"]


def test_warnings_of_the_compiler_are_the_engines_business(recwarn):
    assert effects("x = '\\d'")[1] == ["x"]
    assert len(recwarn) == 1


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of 3.12")
def test_type_parameters_are_no_names_of_the_session():
    assert effects("def f[T](x: T) -> T: return x\ntype A[U] = list[U]", "T = U = x = 1") == (
        [],
        ["A", "f"],
        [],
    )
