"""Completion: what is offered, what it replaces, and that nothing of the user's runs for it."""

import sys

import pytest
from etf import Atom

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
        for what in ("attributes", "keys", "arguments"):
            session.assistant.members(value, [], {"what": what})
            session.assistant.members(value, [("item", 0), ("attr", "boom"), ("call",)], {"what": what})
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
    path = [("attr", "path")]
    assert [i["text"] for i in session.assistant.members(module, path, {"prefix": "jo"})] == ["join"]
    assert session.assistant.members(module, [("attr", "nowhere")], {}) == []
    evil = session.namespace.globals["evil"]
    assert session.assistant.members(evil, [("attr", "boom")], {}) == []
    assert session.namespace.globals["touched"] == []
    function = session.assistant.members(module, [("attr", "walk")], {"what": "arguments", "prefix": "top"})
    assert [(i["text"], i["detail"]) for i in function] == [("top=", ""), ("topdown=", "= True")]
    missing = session.assistant.members(module, [("import", "no_such_module_here")], {})
    assert missing == []


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
        ("words[-1].uppe", "upper"),
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
        ("open('/', (1), buf", "buffering="),
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


FRAMES = """
import collections, contextlib, dataclasses, datetime, functools, sys, typing
import numpy as np, pandas as pd
df = pd.DataFrame({"a": ["x", "y"], "b": [1, 2], "two words": [1.0, 2.0]})
arr = np.array([1, 2])
"""

LIBRARY = """
import contextlib, dataclasses, datetime, functools, math, typing
xs, d = ["s"], {"k": {"j": 1j}}
@dataclasses.dataclass
class Point:
    x: int = 1
    name: str = "p"
    def moved(self, by: float = 1.0, *, twice=False) -> "Point": return self
    def same(self) -> "typing.Self": return self
    @property
    def when(self) -> datetime.datetime: ...
    @property
    def raising(self): raise SystemExit
    def __getitem__(self, key) -> str: ...
p = Point()
class Made:
    def __init__(self, size): self.size = size
def found(x, *, name: str = "n", other=2) -> typing.Optional[datetime.date]: pass
def either() -> "None | int | str": pass
def many() -> typing.List["Point"]: pass
def kinds() -> type[Point]: pass
def documented():
    '''Makes.

    Returns
    -------
    out : str, of some length
        The text.
    '''
part = functools.partial(found, 1, name="z")
@contextlib.contextmanager
def opened() -> typing.Iterator[Point]: yield Point()
async def later() -> Point: ...
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("d['k']['j'].re", "real"),
        ("'abc'.upp", "upper"),
        ("'abc'.upper().low", "lower"),
        ("'a' 'b'.upp", "upper"),
        ("'a b'.split()[0].upp", "upper"),
        ("[1].app", "append"),
        ("[1][0].bit_l", "bit_length"),
        ("(1, 'a')[1].upp", "upper"),
        ("{'a': 1}.ite", "items"),
        ("f'{1}'.upp", "upper"),
        ("(1 + 2).bit_l", "bit_length"),
        ("('a' if xs else 'b').upp", "upper"),
        ("found(1).isof", "isoformat"),
        ("either().bit_l", "bit_length"),
        ("many()[0].mov", "moved"),
        ("kinds().mov", "moved"),
        ("documented().upp", "upper"),
        ("part().isof", "isoformat"),
        ("Point().na", "name"),
        ("Point().moved(1).na", "name"),
        ("Point().same().na", "name"),
        ("Point(\n 1)\\\n .moved(1).na", "name"),
        ("(p\n  .moved(1)\n  .moved(2)\n  .na", "name"),
        ("Made(1).si", "size"),
        ("p.when.isof", "isoformat"),
        ("p['k'].upp", "upper"),
        ("(await later()).na", "name"),
        ("open('f').readl", "readlines"),
        # What the same cell binds, above.
        ("x = Point()\nx.na", "name"),
        ("x = y = Point(); y.na", "name"),
        ("a, b = 1, Point()\nb.na", "name"),
        ("x: list[str] = []\nx[0].upp", "upper"),
        ("x = Point()\nx = x.name\nx.upp", "upper"),
        ("(n := Point())\nn.na", "name"),
        ("with open('f') as f:\n    f.readl", "readlines"),
        ("with open('f') as f: f.readl", "readlines"),
        ("with opened() as o:\n    o.na", "name"),
        ("for w in xs:\n    w.upp", "upper"),
        ("for i, w in enumerate(many()):\n    w.na", "name"),
        ("for a, b in zip(xs, many()): b.na", "name"),
        ("try:\n    1\nexcept (ValueError) as e:\n    e.ar", "args"),
        ("def own(a: Point, b=1):\n    return a.na", "name"),
        ("def own() -> Point: pass\nown().na", "name"),
        ("import json as j\nj.du", "dumps"),
        ("from datetime import date as day\nday(1, 1, 1).isof", "isoformat"),
        # Arguments.
        ("p.moved(tw", "twice="),
        ("Point(na", "name="),
        ("part(ot", "other="),
        ("print(found(1, ot", "other="),
        ("found(*xs, na", "name="),
        ("many()[0].moved(tw", "twice="),
        # Keys and names.
        ("d['k']['", "j'"),
        ("d.get('", "k'"),
        ("d['k'].pop('", "j'"),
        ("made = {'one': 1}\nmade['", "one'"),
        ("getattr(p, 'mov", "moved'"),
        ("f'{d[\"", 'k"'),
        ("@prop", "property"),
        ("except Val", "ValueError"),
        # Letters in between.
        ("math.sqt", "sqrt"),
        ("p.mvd", "moved"),
    ],
)
def test_offers_what_an_expression_will_be(session, source, expected):
    session.run(LIBRARY)
    assert expected in session.texts(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("df['a'].str.upp", "upper"),
        ("df.a.str.upp", "upper"),
        ("df.index.is_uni", "is_unique"),
        ("df.head().groupb", "groupby"),
        ("df.groupby('a').agg", "aggregate"),
        ("df.groupby('a')['b'].mea", "mean"),
        ("(df\n  .head()\n  .tail()\n  .groupb", "groupby"),
        ("df[df['b'] > 1].groupb", "groupby"),
        ("df.loc[0].to_fr", "to_frame"),
        ("df.iloc[0:1].groupb", "groupby"),
        ("df.T.groupb", "groupby"),
        ("(df['b'] + 1).to_fr", "to_frame"),
        ("pd.read_csv('f').groupb", "groupby"),
        ("pd.DataFrame().groupb", "groupby"),
        ("np.array([1]).resh", "reshape"),
        ("np.zeros(3).resh", "reshape"),
        ("x = np.array([1])\nx.resh", "reshape"),
        ("arr[0].bit_c", "bit_count"),
        ("df.loc[:, 'tw", "two words'"),
        ("df[['a', 'tw", "two words'"),
        ("df.groupby('tw", "two words'"),
        ("df.groupby(['a', 'tw", "two words'"),
        ("df.sort_values(by='tw", "two words'"),
        ("df.head()['a'].str.upp", "upper"),
        ("df.sort_values(asc", "ascending="),
    ],
)
def test_frames_and_arrays(session, source, expected):
    pytest.importorskip("pandas")
    session.run(FRAMES)
    texts = session.texts(source)
    if source == "df.head()['a'].str.upp":
        # Whether that column is of text, only the call would tell.
        assert texts in ([], [expected])
    else:
        assert expected in texts


def test_what_others_have_put_into_frames_is_not_run(session):
    pytest.importorskip("pandas")
    session.run(EVIL + FRAMES)
    session.run(
        "@pd.api.extensions.register_dataframe_accessor('mine')\n"
        "class Mine:\n"
        "    def __init__(self, frame): touched.append('accessor')\n"
        "pd.DataFrame.patched = property(lambda self: touched.append('property'))\n"
        "class Own(pd.DataFrame):\n"
        "    @property\n"
        "    def loud(self): touched.append('own property')\n"
        "    def __getitem__(self, key): touched.append('own item')\n"
        "    def __getattr__(self, name): touched.append('own getattr')\n"
        "own = Own({'a': [1]})\n"
        "class Label:\n"
        "    def __hash__(self): touched.append('hash'); return hash('a')\n"
        "    def __eq__(self, other): touched.append('eq'); return True\n"
        "odd = pd.DataFrame([[1, 2]], columns=pd.Index([Label(), 'b'], dtype=object))\n"
        "rows = pd.Series([1, 2], index=pd.Index([Label(), 'b'], dtype=object))\n"
        "held = np.empty(1, dtype=object); held[0] = evil\n"
        "keyed = {Label(): 1, evil: 2}\n"
        "class Fake: pass\n"
        "Fake.__module__, Fake.__qualname__ = 'pandas', 'DataFrame'\n"
        "Fake.loud = property(lambda self: touched.append('fake'))\n"
        "fake = Fake()\n"
        "touched.clear()"
    )
    for source in [
        "df.mine.",
        "df.patched.",
        "own.loud.",
        "own['a'].",
        "own.a.",
        "odd['a'].",
        "odd.a.",
        "odd['",
        "rows['a'].",
        "rows.loc['a'].",
        "held[0].",
        "held[0].boom.",
        "keyed['a'].",
        "keyed[1].",
        "keyed['",
        "fake.loud.",
    ]:
        session.complete(source)
        session.assistant.inspect(source, len(source), 1)
    assert session.namespace.globals["touched"] == []
    del sys.modules["pandas"].DataFrame.patched
    del sys.modules["pandas"].DataFrame.mine


def test_types_that_the_user_calls_harmless(session):
    session.run(
        "import time\n"
        "class Lazy:\n"
        "    @property\n"
        "    def text(self): return 'text'\n"
        "    @property\n"
        "    def slow(self): started.append(1); time.sleep(600)\n"
        "    @property\n"
        "    def loops(self):\n"
        "        while not done: pass\n"
        "    @property\n"
        "    def raises(self): raise SystemExit\n"
        "    def __getitem__(self, key): return {'key': key}\n"
        "class Heir(Lazy): pass\n"
        "Lazy.__module__ = Heir.__module__ = 'shop'\n"
        "started, done = [], []\n"
        "lazy, heir = Lazy(), Heir()"
    )

    def texts(source, *harmless):
        return [i["text"] for i in session.assistant.complete(source, len(source), harmless)["items"]]

    assert texts("lazy.text.upp") == []
    assert texts("lazy.text.upp", "shop.Lazy") == ["upper"]
    assert texts("lazy[1].ite", "shop.Lazy") == ["items"]
    # A subclass may do anything.
    assert texts("heir.text.upp", "shop.Lazy") == []
    assert texts("lazy.raises.", "shop.Lazy") == []
    assert texts("lazy.slow.", "shop.Lazy") == []
    assert session.namespace.globals["started"] == [1]
    # While that goes on nothing else is evaluated, and all else is there.
    assert texts("lazy.text.upp", "shop.Lazy") == []
    assert "text" in texts("lazy.", "shop.Lazy")


def test_a_look_that_never_ends(session):
    session.run(
        "class Loop:\n"
        "    @property\n"
        "    def loops(self):\n"
        "        while not done: pass\n"
        "done, loop = [], Loop()"
    )
    try:
        assert session.assistant.complete("loop.loops.", 11, ["Loop"])["items"] == []
    finally:
        session.namespace.globals["done"].append(1)


def test_keyword_arguments_say_what_they_take(session):
    session.run(LIBRARY)
    items = {item["text"]: item for item in session.complete("found(1, ")["items"][:2]}
    assert items == {
        "name=": {"text": "name=", "kind": "argument", "detail": "str = 'n'", "doc": ""},
        "other=": {"text": "other=", "kind": "argument", "detail": "= 2", "doc": ""},
    }


def test_keywords_where_they_can_stand(session):
    assert "return" in session.texts("ret")
    assert "return" in session.texts("if x: ret")
    assert "return" not in session.texts("x = ret")
    assert "lambda" in session.texts("x = lam")
    assert session.texts("raise ")[:2] == ["ArithmeticError", "AssertionError"]


def test_files(session, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "data.csv").write_text("")
    (tmp_path / "Data").mkdir()
    (tmp_path / "Data" / "deep.txt").write_text("")
    (tmp_path / ".hidden").write_text("")
    assert session.texts("open('da") == ["data.csv"]
    assert session.texts("open('DA") == ["Data/", "data.csv"]
    assert session.texts("open('") == ["Data/", "data.csv"]
    assert session.texts("open('.h") == [".hidden"]
    assert session.texts("x = ['Data/de") == ["deep.txt"]
    assert session.texts("open('~/da") == ["data.csv"]
    assert session.texts(f"open('{tmp_path}/da") == ["data.csv"]
    assert session.texts("x = '") == []
    assert session.texts("open('nowhere/da") == []
    assert session.texts("open('da\\0") == []
    answer = session.complete("open('Data/de")
    assert (answer["from"], answer["to"]) == (11, 13)
    session.assistant._completion._magics = lambda: (["run", "cd"], [])
    (tmp_path / "script.py").write_text("")
    assert session.texts("%run ") == ["Data/", "script.py"]
    assert session.texts("%cd ") == ["Data/"]
    assert session.texts("!cat da") == ["data.csv"]


def test_magics_and_what_follows_them(session):
    def timeit(line):
        """Times.

        Options:
          -n<N>: how often
          -r<R>: how many times
        """

    completion = session.assistant._completion
    completion._magics = lambda: (["timeit", "load_ext"], [])
    completion._magic = {"%timeit": timeit}.get
    session.run("import math")
    assert session.texts("%timeit -") == ["-n", "-r"] or "-n" in " ".join(session.texts("%timeit -"))
    assert session.texts("%timeit math.sq") == ["sqrt"]
    assert "json" in session.texts("%load_ext js")


def test_modules_that_are_not_imported_yet(session, tmp_path, monkeypatch):
    (tmp_path / "quiet_one.py").write_text("raise SystemExit('imported')\ndef visible(): pass")
    monkeypatch.syspath_prepend(tmp_path)
    assert session.texts("import quiet_one as q\nq.vis") == ["visible"]
    assert session.texts("import quiet_one\nquiet_one.vis") == ["visible"]
    assert session.texts("from quiet_one import visible\nvisible().x") == []
    assert "quiet_one" not in sys.modules


def test_ten_thousand_attributes_say_what_they_are(session):
    session.run(
        "class Many:\n"
        "    def method(self): pass\n"
        "    @property\n"
        "    def boom(self): raise SystemExit\n"
        "many = Many()\n"
        "vars(many).update({f'name{i}': i for i in range(10_000)})\n"
        "many.function = len"
    )
    items = {item["text"]: item for item in session.complete("many.")["items"]}
    assert len(items) == 10_003
    kinds = {name: items[name]["kind"] for name in ("method", "boom", "name1", "function")}
    assert kinds == {"method": "method", "boom": "property", "name1": "variable", "function": "function"}


def test_while_a_cell_runs(fresh):
    """What is evaluated for completion, and what is read off, both while a cell keeps the interpreter busy."""
    fresh.execute(
        "import collections\n"
        "class Shop:\n"
        "    @property\n"
        "    def name(self): return 'text'\n"
        "    def other(self) -> 'Shop': return self\n"
        "shop, stop = Shop(), []"
    )
    identity = fresh.start_cell("while not stop: pass")
    found = fresh.ask("complete", source="shop.other().na", cursor=15)
    assert [item["text"] for item in found["items"]] == ["name"]
    # The look may come too late; the answer does not.
    found = fresh.ask("complete", source="shop.name.upp", cursor=13, harmless=["Shop"])
    assert [item["text"] for item in found["items"]] in (["upper"], [])
    assert fresh.control.request("interrupt", fresh.cell) is True
    assert str(fresh.main.answer(identity, [])[Atom("status")]) == "interrupted"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class A:\n    size: int = 1\n    def f(self): pass\na = A()\na.", ["f", "size"]),
        ("class A:\n    def f(self): pass\nclass B(A):\n    def g(self): pass\nB().", ["f", "g"]),
        (
            "class A:\n    def __init__(self, n):\n        self.n = n\n    def f(self):\n        self.",
            ["f", "n"],
        ),
        ("class A:\n    x = 1\n    @classmethod\n    def f(cls):\n        cls.", ["f", "mro", "x"]),
        ("class A:\n    x = 1\n    @staticmethod\n    def f(y):\n        y.", []),
        ("class A:\n    def f(self):\n        def g(y):\n            y.", []),
        ("if 1:\n    class A:\n        def f(self) -> 'A': pass\n    A().f().f().", ["f"]),
        ("class A(Known):\n    def f(self): pass\nA().", ["f", "known"]),
    ],
)
def test_classes_are_known_before_they_have_run(session, source, expected):
    session.run("class Known:\n    def known(self): pass")
    assert sorted(session.texts(source)) == expected


def test_what_a_class_is_made_of_does_not_run_before_it_does(session):
    session.run(
        "ran = []\n"
        "class Known:\n"
        "    def __init_subclass__(cls): ran.append('subclass')\n"
        "def said(word): ran.append(word)"
    )
    source = (
        "class A(Known):\n"
        "    x = said('body')\n"
        "    @said\n"
        "    def f(self, a=said('default'), b: said('annotation') = 1): pass\n"
        "A().f("
    )
    assert {"a=", "b="} <= set(session.texts(source))
    assert "f" in session.texts(source.removesuffix("f("))
    known = session.namespace.globals
    assert (known["ran"], known["Known"].__subclasses__()) == ([], [])
