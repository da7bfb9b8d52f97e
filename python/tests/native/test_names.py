"""Names of the session: what Elixir writes, what Python sees of it, and who owns it then."""

import etf
import pytest
from etf import PID, Atom, struct_map
from session import call, name, text_of

LAZY = Atom("lazy")


def bound(term):
    return (Atom("value"), term)


def printed(session, source, serve=None):
    answer, events = session.run(source, serve)
    assert answer[Atom("status")] == "ok", events
    return text_of(events)


def test_names_of_elixir(session):
    beam = session.beam()
    lane = session.lane("main")
    binds = [
        ("x", bound(1)),
        ("s", bound("text")),
        ("pid", bound(PID)),
        ("fun", bound(etf.export("Elixir.Enum", "map", 2))),
    ]
    assert beam.request("bind", binds) is True
    assert lane.request("read", ["x", "y", "s"]) == {b"x": "elixir", b"y": "unbound", b"s": "elixir"}
    assert printed(session, "def f(): return x\nprint(x, s, f())") == "1 text 1\n"
    answers = lane.request("read", ["x", "f", "pid"])
    assert answers.pop(b"f")[1][1][0] == "$ref"
    assert answers == {b"x": "elixir", b"pid": "elixir"}
    # Elixir writes again: seen also inside of the function that was defined earlier.
    beam.request("bind", [("x", bound(2))])
    assert printed(session, "print(f())") == "2\n"
    # Python takes the name over.
    printed(session, "x = 3")
    assert lane.request("read", ["x"]) == {b"x": ("value", 3)}
    assert lane.request("read", ["x"]) == {b"x": ("value", 3)}
    # And Elixir again.
    beam.request("bind", [("x", bound(4))])
    assert lane.request("read", ["x"]) == {b"x": "elixir"}
    assert printed(session, "print(x)") == "4\n"


def test_names_that_no_cell_of_python_has_seen_are_completed(session):
    def texts(source):
        answer = session.own.request("complete", {Atom("source"): source, Atom("cursor"): len(source)})
        return [item[Atom("text")] for item in answer[Atom("items")]]

    beam = session.beam()
    beam.request("bind", [("total_small", bound(1)), ("total_large", LAZY), ("total?", bound(True))])
    assert texts("total_") == [b"total_large", b"total_small"]
    printed(session, "1")
    assert texts("total_") == [b"total_small", b"total_large"]
    printed(session, "del total_small")
    assert texts("total_") == [b"total_large"]


def test_what_python_deletes_is_unbound(session):
    beam = session.beam()
    lane = session.lane("main")
    beam.request("bind", [("x", bound(1))])
    printed(session, "del x")
    assert lane.request("read", ["x"]) == {b"x": "unbound"}
    printed(session, "y = 1\ndel y")
    assert lane.request("read", ["y"]) == {b"y": "unbound"}


def test_mutation_makes_a_name_pythons(session):
    beam = session.beam()
    lane = session.lane("main")
    beam.request(
        "bind", [("xs", bound([1, 2])), ("m", bound({"a": [1]})), ("t", bound(([1],))), ("n", bound([1]))]
    )
    printed(session, "xs.append(3); m['a'].append(2); t[0].append(2); n == n")
    answers = lane.request("read", ["xs", "m", "t", "n"])
    assert answers == {
        b"xs": ("value", [1, 2, 3]),
        b"m": ("value", {b"a": [1, 2]}),
        b"t": ("value", ([1, 2],)),
        b"n": "elixir",
    }


def test_assigning_the_same_value_takes_a_name_over_only_if_it_is_another_object(session):
    beam = session.beam()
    lane = session.lane("main")
    beam.request("bind", [("xs", bound([1, 2]))])
    printed(session, "xs = [1, 2]")
    assert lane.request("read", ["xs"]) == {b"xs": ("value", [1, 2])}


def test_large_values_are_fetched_when_they_are_mentioned(session):
    beam = session.beam()
    main = session.lane("main")
    beam.request("bind", [("big", LAZY), ("other", LAZY)])
    request = session.start_cell("print(len(big))")
    lane = session.callback_lane(beam)
    _, ident, op, names = lane.recv()
    assert (op, names) == ("read", [b"big"])
    lane.send((Atom("ok"), ident, {"big": list(range(1000))}))
    events = []
    session.main.answer(request, events)
    assert text_of(events) == "1000\n"
    assert main.request("read", ["big", "other"]) == {b"big": "elixir", b"other": "elixir"}
    # A word of an earlier source counts: a function may use it.
    beam.request("bind", [("big", LAZY)])
    request = session.start_cell("print('x')")
    _, ident, op, names = lane.recv()
    assert (op, names) == ("read", [b"big"])
    lane.send((Atom("ok"), ident, {"big": [1]}))
    session.main.answer(request, [])


def test_a_large_value_replaces_pythons_older_one(session):
    beam = session.beam()
    main = session.lane("main")
    printed(session, "data = 1")
    beam.request("bind", [("data", LAZY)])
    assert main.request("read", ["data"]) == {b"data": "elixir"}
    request = session.start_cell("print(data)")
    lane = session.callback_lane(beam)
    lane.send((Atom("ok"), lane.recv()[1], {"data": "new"}))
    events = []
    session.main.answer(request, events)
    assert text_of(events) == "new\n"


def test_elixir_that_is_gone_when_a_name_is_fetched(session):
    beam = session.beam()
    beam.request("bind", [("big", LAZY)])
    beam.close()
    session.control.send((Atom("ev"), Atom("elixir"), Atom("down")))
    session.control.request("ping", 1)
    answer, events = session.run("print('on')\nbig")
    assert answer[Atom("status")] == "error"
    assert "big could not be read" in text_of(events, "stderr")
    assert text_of(events) == "on\n"


DEEP = etf.Raw(b"l\0\0\0\1" * 12_000 + b"a\1" + b"j" * 12_000)


def test_a_name_that_cannot_be_read_is_told_once(session):
    beam = session.beam()
    beam.request("bind", [("deep", LAZY), ("big", LAZY)])
    values = {"deep": DEEP, "big": [1, 2]}
    lane = []

    def serve(count):
        if not lane:
            lane.append(session.callback_lane(beam))
        for _ in range(count):
            _, ident, op, names = lane[0].recv()
            assert op == "read"
            values_of = {name.decode(): values[name.decode()] for name in names}
            lane[0].send((Atom("ok"), ident, values_of))

    def cell(source, reads):
        request = session.start_cell(source)
        if reads:
            serve(reads)
        events = []
        session.main.answer(request, events)
        return text_of(events), text_of(events, "stderr")

    # Both at once, then one by one: the other can be read.
    out, err = cell("print(big)\ndef f(): return deep", 3)
    assert out == "[1, 2]\n"
    assert err.count("deep could not be read") == 1
    assert cell("print('on')", 0) == ("on\n", "")
    # Tried again where it is mentioned, in silence.
    assert cell("print('deep' in globals())", 1) == ("False\n", "")
    # Written again it is another value.
    beam.request("bind", [("deep", LAZY)])
    assert cell("print('on')", 1) == ("on\n", "")
    assert "deep could not be read" in cell("print('deep' in globals())", 1)[1]
    values["deep"] = [3]
    assert cell("print(deep)", 1) == ("[3]\n", "")


def test_names_of_elixir_in_calls_of_later_cells(session):
    beam = session.beam()
    lane = session.lane("main")
    beam.request("bind", [("x", bound(1)), ("big", LAZY)])
    request = session.start_cell("def f(): return x, big")
    fetching = session.callback_lane(beam)
    fetching.send((Atom("ok"), fetching.recv()[1], {"big": 10}))
    session.main.answer(request, [])
    assert lane.do(name("f"), call()) == (1, 10)
    # A cell of Elixir writes; the next one calls.
    beam.request("bind", [("x", bound(2)), ("big", LAZY), ("unused", LAZY)])

    def serve(op, body):
        assert (op, body) == ("read", [b"big"])
        return {"big": 20}

    assert lane.do(name("f"), call(), serve=serve) == (2, 20)
    assert lane.do(name("f"), call()) == (2, 20)
    assert lane.request("read", ["x", "big", "unused"]) == dict.fromkeys((b"x", b"big", b"unused"), "elixir")
    # Its own thread too: there is one set of globals.
    assert session.lane().do(name("f"), call()) == (2, 20)


def test_what_python_cannot_hold_is_there_all_the_same(session):
    beam = session.beam()
    improper = etf.Raw(b"l\0\0\0\1a\1a\2")
    beam.request("bind", [("odd", bound(improper)), ("fine", bound(1))])
    assert printed(session, "print(type(odd).__name__, fine)") == "ElixirTerm 1\n"
    assert session.lane("main").do(name("odd")) == ("$tagged", ("$term", improper))


def test_refs_among_the_names(session):
    beam = session.beam()
    lane = session.lane("main")
    printed(session, "class Thing: pass\nthing = Thing()")
    ref = lane.request("read", ["thing"])[b"thing"][1]
    _, (_, ident, type_name) = ref
    again = struct_map("SnakeBridge.Ref", session=None, worker=1, id=ident, type=type_name)
    beam.request("bind", [("mine", bound(again))])
    assert printed(session, "print(mine is thing)") == "True\n"
    assert lane.request("read", ["mine"]) == {b"mine": "elixir"}


def test_large_containers_are_refs(session):
    lane = session.lane("main")
    printed(session, "big = list(range(100_001)); fits = list(range(100_000)); size = {'n': big}")
    assert lane.request("read", ["big"])[b"big"][1][1][0] == "$ref"
    assert lane.request("read", ["fits"])[b"fits"] == ("value", list(range(100_000)))


def test_the_packages_own_names_are_nobodys(session):
    lane = session.lane("main")
    printed(session, "1")
    assert set(lane.request("read", ["Out", "_", "exit", "print"]).values()) == {"unbound"}
    printed(session, "_ = 5")
    assert lane.request("read", ["_"]) == {b"_": ("value", 5)}


@pytest.mark.parametrize(
    "body", [None, 1, [1], [("x",)], [("x", 1)], [(1, LAZY)], [("x", (Atom("value"), 1, 2))]]
)
def test_binds_that_are_none(session, body):
    from session import ProtocolError

    beam = session.beam()
    with pytest.raises(ProtocolError) as error:
        beam.request("bind", body)
    assert error.value.reason == "bad_message"
    assert beam.request("bind", []) is True


def test_names_in_calls(session):
    session.beam().request("bind", [("x", bound(20))])
    lane = session.lane("main")
    # Also before any cell of Python has run.
    assert lane.do(name("x")) == 20
    assert lane.do(name("abs"), call(-3)) == 3
