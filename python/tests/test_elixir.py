"""What cells and questions know of Elixir: its modules, and the names that it owns."""

from etf import Atom


def test_completion_of_elixirs_modules(fresh):
    beam = fresh.beam()
    request = fresh.own.start("complete", {Atom("source"): "ex.Enum.ma", Atom("cursor"): 10})
    lane = fresh.callback_lane(beam)
    op, ident, name, module = lane.recv()
    assert (op, name, module) == ("req", "exports", b"Enum")
    lane.send((Atom("ok"), ident, ["map", "max", "member?", "sum"]))
    answer = fresh.own.answer(request)
    assert [item[Atom("text")] for item in answer[Atom("items")]] == [b"map", b"max"]
    request = fresh.own.start("complete", {Atom("source"): "ex.E", Atom("cursor"): 4})
    _, ident, _, module = lane.recv()
    assert module is None
    lane.send((Atom("ok"), ident, ["Enum", "MyApp"]))
    answer = fresh.own.answer(request)
    assert [(i[Atom("text")], i[Atom("kind")]) for i in answer[Atom("items")]] == [(b"Enum", b"module")]


def test_without_elixir_nothing_is_offered(fresh):
    assert fresh.ask("complete", source="ex.Enum.ma", cursor=10)["items"] == []
    assert "ex" in {item["text"] for item in fresh.ask("complete", source="ex", cursor=2)["items"]}


def test_names_of_elixir_are_read_and_not_listed(fresh):
    beam = fresh.beam()
    value = (Atom("value"), [1, 2])
    assert beam.request("bind", [("region", value), ("rows", value)]) is True
    outcome = fresh.execute("own = sum(rows)\nown")
    assert outcome.result == "3"
    assert outcome.answer["reads"] == ["rows"]
    assert outcome.answer["writes"] == ["own"]
    assert [entry["name"] for entry in fresh.ask("names")] == ["own"]
    fresh.execute("region = 'Python'")
    assert [entry["name"] for entry in fresh.ask("names")] == ["own", "region"]


def test_elixir_completes_members_of_python_objects(fresh):
    fresh.execute(
        "class Thing:\n    def method(self, a) -> str: 'Says.'\n    value = 1\nthings = {'one': [Thing()]}"
    )
    lane = fresh.lane()

    def members(*steps, **asked):
        asked = {Atom(key): value for key, value in asked.items()}
        steps = [(Atom(step), *key) for step, *key in steps]
        return lane.request("members", ((Atom("name"), "things"), steps, asked))

    def texts(*steps, **asked):
        return [item[Atom("text")] for item in members(*steps, **asked)]

    path = [("item", "one"), ("item", 0)]
    assert members(*path, prefix="m") == [
        {
            Atom("text"): b"method",
            Atom("kind"): b"method",
            Atom("detail"): b"(a) -> str",
            Atom("doc"): b"Says.",
        }
    ]
    assert texts(*path, ("attr", "method"), ("call",), prefix="upp") == [b"upper"]
    assert texts(*path, ("attr", "method"), what=Atom("arguments")) == [b"a="]
    assert texts(what=Atom("keys")) == [b"one"]
    assert b"dumps" in texts(("import", "json"))
    assert texts(("import", "wave"), prefix="op") == [b"open"]
    assert texts(("attr", "nothing")) == []
