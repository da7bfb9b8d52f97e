"""Completion: what is offered, what it replaces, and that nothing of the user's runs for it."""

import sys

import pytest

EVIL = """
import sys
touched = []
class Meta(type):
    def __getattribute__(cls, name): touched.append("meta " + name); return super().__getattribute__(name)
    def __instancecheck__(cls, value): touched.append("instancecheck"); return True
    def __dir__(cls): touched.append("meta dir"); return []
class Evil(metaclass=Meta):
    slot_like = 1
    def __init__(self): object.__setattr__(self, "own", 1)
    @property
    def boom(self): touched.append("property"); print("loud"); import time; time.sleep(60); raise ValueError
    def method(self, first, second=2, *, third: int = 3): "Says something."
    @classmethod
    def made(cls, given): "Makes one."
    def __getattr__(self, name): touched.append("getattr " + name); raise AttributeError(name)
    def __getattribute__(self, name): touched.append("getattribute " + name); return object.__getattribute__(self, name)
    def __dir__(self): touched.append("dir"); return []
    def __repr__(self): touched.append("repr"); return "evil"
    def __eq__(self, other): touched.append("eq"); return True
    def __hash__(self): touched.append("hash"); return 1
    def __bool__(self): touched.append("bool"); return True
    def __len__(self): touched.append("len"); return 3
    def __getitem__(self, key): touched.append("getitem"); return self
    def __call__(self, argument): touched.append("call")
    __class__ = property(lambda self: touched.append("class") or int)
class Lazy(dict):
    def __missing__(self, key): touched.append("missing"); return 1
    def __getitem__(self, key): touched.append("getitem"); return 1
    def keys(self): touched.append("keys"); return []
    def __iter__(self): touched.append("iter"); return iter([])
evil = Evil()
lazy = Lazy(known=evil)
holder = [evil, {"deep": evil}]
def function(a, b=evil, *rest, c: "words" = 1, **more): "Documented."
touched.clear()
"""


def test_nothing_of_the_user_runs(session, capsys):
    session.run(EVIL)
    sources = [
        "evil.",
        "evil.bo",
        "evil.boom.",
        "evil.missing.",
        "Evil.",
        "holder[0].",
        "holder[1]['deep'].m",
        "lazy.",
    ]
    sources += [
        "lazy['",
        "lazy[",
        "lazy['known'].",
        "evil(",
        "evil.method(",
        "function(",
        "evil[",
        "evil[0].",
        "ev",
        "",
    ]
    for source in sources:
        session.complete(source)
        session.assistant.inspect(source, len(source), 1)
    for value in (session.namespace.globals["evil"], session.namespace.globals["Evil"]):
        session.assistant.members(value, "")
    session.assistant.names()
    assert session.namespace.globals["touched"] == []
    assert capsys.readouterr().out == ""


def test_members_of_an_object(session):
    session.run(EVIL)
    items = {item["text"]: item for item in session.complete("evil.")["items"]}
    assert {"boom", "method", "made", "own", "slot_like"} == set(items)
    assert items["boom"]["kind"] == "property"
    assert items["method"] == {
        "text": "method",
        "kind": "method",
        "detail": "(first, second=2, *, third: int = 3)",
        "doc": "Says something.",
    }
    assert items["made"]["detail"] == "(given)"
    assert items["own"]["detail"] == "int"


def test_members_by_a_path(session):
    # Elixir cells ask for `os.path.jo` so.
    session.run(EVIL + "\nimport os")
    module = session.namespace.globals["os"]
    assert [item["text"] for item in session.assistant.members(module, "path.jo")] == ["join"]
    assert session.assistant.members(module, "nowhere.jo") == []
    evil = session.namespace.globals["evil"]
    assert session.assistant.members(evil, "boom.anything") == []
    assert session.namespace.globals["touched"] == []


def test_one_bad_attribute_does_not_empty_the_list(session):
    session.run(
        "class Bad:\n"
        "    def __get__(self, *args): raise SystemError\n"
        "class Odd:\n"
        "    bad = Bad()\n"
        "    good = 1\n"
        "    def f(self): pass\n"
        "    f.__wrapped__ = 3\n"
        "    f.__signature__ = 'nonsense'\n"
        "odd = Odd()"
    )
    assert session.texts("odd.") == ["bad", "f", "good"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("math.sq", "sqrt"),
        ("x = math.sq", "sqrt"),
        ("if x and math.sq", "sqrt"),
        ("f(1, math.sq", "sqrt"),
        ("math . sq", "sqrt"),
        ('f"{math.sq', "sqrt"),
        ('f"{{}} {math.sq', "sqrt"),
        ("'a;b'; math.sq", "sqrt"),
        ("[1,\n math.sq", "sqrt"),
        ("'text'.uppe", "upper"),
        ("words[0].uppe", "upper"),
        ("words[-1].uppe", "words[-1].uppe"),
        ("table['a'].uppe", "upper"),
        ("point.rea", "real"),
        ("pri", "print"),
        ("lamb", "lambda"),
        ("Words = 1; Wor", "Words"),
        ("def longname(argument):\n    return argu", "argument"),
        ("import mat", "math"),
        ("import os, mat", "math"),
        ("import xml.et", "etree"),
        ("from xm", "xml"),
        ("from xml imp", "import"),
        ("from xml ", "import"),
        ("from xml import et", "etree"),
        ("from math import sq", "sqrt"),
        ("from math import (cos, sq", "sqrt"),
        ("from os.path import joi", "join"),
        ("open('/', mo", "mode="),
        ("open(file=1, mo", "mode="),
        ("open('/', (1), mo", "mode="),
        ("greet(nam", "name="),
        ("greet.__wrapp", "greet.__wrapp"),
        ("Greeter(nam", "name="),
        ("greeter.say(wor", "words="),
        ("sorted(math.sq", "sqrt"),
        ("x.é = math.sq", "sqrt"),
    ],
)
def test_offers(session, source, expected):
    session.run(
        "import math\n"
        "words = ['a']; table = {'a': 'b'}; point = 1j\n"
        "def greet(name, *, loud=False): pass\n"
        "class Greeter:\n"
        "    def __init__(self, name): pass\n"
        "    def say(self, words): pass\n"
        "greeter = Greeter(1)"
    )
    texts = session.texts(source)
    if expected in source and not source.startswith(("Words", "def ")):
        # Nothing can be known there.
        assert texts == []
    else:
        assert expected in texts


@pytest.mark.parametrize(
    "source",
    [
        "# math.",
        "'math.",
        '"""\nmath.',
        "unknown.",
        "math.sqrt(4).",
        "x[math.pi].",
        "'",
        "f'{{math.",
        "import os as ",
        "1.",
    ],
)
def test_offers_nothing_where_nothing_is_known(session, source):
    session.run("import math")
    assert session.texts(source) == []


def test_private_names_only_when_asked_for(session):
    session.run("import math\n_hidden = 1")
    assert not any(text.startswith("_") for text in session.texts("math."))
    assert "__name__" in session.texts("math._")
    assert "_hidden" not in session.texts("")
    assert "_hidden" in session.texts("_hid")


def test_case_matters_only_if_it_finds_something(session):
    session.run("class Table: pass\ntable = 1")
    assert session.texts("Tab") == ["Table", "TabError"]
    assert session.texts("TABL") == ["Table", "table"]


def test_keys(session):
    session.run("d = {'alpha': 1, 'be\\'ta': 2, 'quo\"te': 3, 4: 5, ('t',): 6, None: 7}")
    assert session.texts("d['al") == ["alpha'"]
    assert session.texts('d["al') == ['alpha"']
    assert session.texts("d['al']", 5) == ["alpha"]
    assert session.texts('d["be') == ["be'ta\""]
    assert session.texts("d['be") == ["be\\'ta'"]
    assert session.texts('d["quo') == ['quo\\"te"']
    assert session.texts("d[")[:4] == ["'alpha'", '"be\'ta"', "'quo\"te'", "4"]
    assert session.texts("d[b'al") == []


def test_keys_of_a_data_frame(session):
    pytest.importorskip("pandas")
    session.run("import pandas as pd\ndf = pd.DataFrame({'one': [1], 'two words': [2], 3: [4]})")
    assert session.texts("df['") == ["one'", "two words'"]
    assert [i for i in session.complete("df.")["items"] if i["kind"] == "column"] == [
        {"text": "one", "kind": "column", "detail": "", "doc": ""}
    ]


def test_offsets_are_bytes(session):
    session.run("import math")
    source = "é = 'ü' + math.sq"
    answer = session.complete(source)
    raw = source.encode()
    assert raw[answer["from"] : answer["to"]] == b"sq"
    inside = session.complete("π = math.sq; é = 1", 10)
    assert (inside["from"], inside["to"]) == (10, 11)


def test_a_cursor_that_is_nowhere(session):
    for cursor in (-1, 1000):
        assert session.assistant.complete("é", cursor)["items"] is not None
    # In the middle of a character.
    assert session.assistant.complete("é", 1)["from"] == 0


def test_arguments_that_are_given_already_are_not_offered(session):
    session.run("def f(first, /, second, *, third, **more): pass")
    assert session.texts("f(1, ")[:2] == ["second=", "third="]
    assert session.texts("f(1, second=2, ")[0] == "third="
    assert "second=" not in session.texts("f(1, second=")


def test_imports_do_not_import(session, tmp_path, monkeypatch):
    package = tmp_path / "loud_package"
    package.mkdir()
    (package / "__init__.py").write_text(
        "raise SystemExit('imported')\nvisible = 1\ndef function(): pass\n_private = 2"
    )
    (package / "part.py").write_text("raise SystemExit('imported')")
    (tmp_path / "not-a-name.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert "loud_package" in session.texts("import loud")
    assert session.texts("import loud_package.") == ["part"]
    assert session.texts("from loud_package import ") == ["function", "part", "visible"]
    assert session.texts("from loud_package import pa") == ["part"]
    assert "loud_package" not in sys.modules


def test_a_new_module_is_seen(session, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    assert session.texts("import brand_new") == []
    (tmp_path / "brand_new_one.py").write_text("")
    assert session.texts("import brand_new") == ["brand_new_one"]


def test_a_member_that_appears_meanwhile_does_no_harm(session):
    """Another thread changes what is being looked at."""
    import threading

    session.run("class Thing: pass\nthing = Thing()\nd = {}")
    thing, d = session.namespace.globals["thing"], session.namespace.globals["d"]
    stop = threading.Event()

    def change():
        n = 0
        while not stop.is_set():
            n += 1
            setattr(thing, f"name{n % 500}", n)
            d[f"key{n % 500}"] = n
            if n % 500 == 0:
                vars(thing).clear()
                d.clear()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(200):
            session.complete("thing.")
            session.complete("d['")
            session.assistant.names()
    finally:
        stop.set()
        thread.join()


def test_many_members(session):
    session.run("class Many: pass\nmany = Many()\nvars(many).update({f'name{i}': i for i in range(3000)})")
    assert len(session.texts("many.")) == 3000


def test_names_of_the_session_come_first(session):
    session.run("zebra = 1")
    texts = session.texts("")
    assert texts[0] == "zebra"
    assert texts.index("zebra") < texts.index("abs") < texts.index("while")


def test_magics_are_offered_where_there_are_some(session):
    session.assistant._completion._magics = lambda: (["time", "timeit"], ["time", "html"])
    assert session.texts("%tim") == ["%time", "%timeit"]
    assert session.texts("%%ht") == ["%%html"]
    assert session.texts("x = 1\n%%ht") == []
    assert session.texts("x = 5 %timei") == []
    assert session.complete("x = 1\n  %tim")["from"] == 8


@pytest.mark.parametrize(
    "source", ["(" * 5000, "[" * 5000 + "x.", "'" * 999, "a." * 3000, "\\", "\x00", "a[" * 2000 + "0"]
)
def test_strange_sources_do_no_harm(session, source):
    session.complete(source)
    session.assistant.inspect(source, len(source), 1)
    session.assistant.is_complete(source)
