from etf import Atom
from session import call, module, step, text_of


def test_hello_and_ping(session):
    assert session.hello[Atom("peer")] == "worker"
    assert session.hello[Atom("socket")] == f"{session.directory}/worker.1.sock".encode()
    assert b"python" in session.hello[Atom("versions")] or Atom("python") in session.hello[Atom("versions")]
    assert session.control.request("ping", [1, Atom("x"), {"a": 1.5}]) == [1, Atom("x"), {b"a": 1.5}]


def test_cell_and_call(session):
    answer, events = session.run("x = 41\nprint('hello', x + 1)")
    assert answer[Atom("status")] == "ok", events
    assert text_of(events) == "hello 42\n"
    lane = session.lane()
    assert lane.do(module("math"), step("attr", "sqrt"), call(16)) == 4.0
    main = session.lane("main")
    assert main.do((Atom("name"), "x")) == 41
