"""The golden frames: one of every message, as the BEAM writes it. What is sent to a worker is sent to a real one."""

import json
import pathlib
import struct

import etf
import pytest
from etf import Atom
from session import EndedError, Session, call, name

FRAMES = pathlib.Path(__file__).resolve().parents[3] / "tests" / "golden" / "frames"
MANIFEST = json.loads((FRAMES / "manifest.json").read_text())
MESSAGES = {message["name"]: message for message in MANIFEST["messages"]}


def term_of(notation):
    """The term of the manifest's notation (see the README beside it)."""
    if notation is None or isinstance(notation, (bool, int)):
        return notation
    if isinstance(notation, str):
        return notation.encode()
    if isinstance(notation, list):
        return [term_of(item) for item in notation]
    [(kind, content)] = notation.items()
    return {
        "atom": lambda: Atom(content),
        "int": lambda: int(content),
        "float": lambda: float(content),
        "bytes": lambda: bytes.fromhex(content),
        "tuple": lambda: tuple(map(term_of, content)),
        "map": lambda: {term_of(key): term_of(value) for key, value in content},
        "opaque": lambda: etf.Raw(bytes.fromhex(content)),
    }[kind]()


def payload(message):
    """A frame's bytes without its length."""
    data = (FRAMES / message["file"]).read_bytes()
    assert struct.unpack(">I", data[:4])[0] == len(data) - 4
    return data[4:]


@pytest.mark.parametrize("message", list(MESSAGES.values()), ids=list(MESSAGES))
def test_the_tests_own_codec(message):
    term = term_of(message["term"])
    assert etf.decode(payload(message)) == term
    assert etf.decode(etf.encode(term)) == term


def requests():
    """What a worker is asked."""
    for message in MESSAGES.values():
        parts = message["term"].get("tuple", [None])
        to_worker = message["from"] in ("host", "beam") and message["connection"] in (
            "host_main",
            "host_own",
            "host_control",
            "worker_control",
            "worker_lane",
        )
        # `attach`, `worker` and `broken` are between the host and the BEAM; Elixir's cells are not Python's.
        others = ("attach", "worker", "broken", "execute_elixir")
        if to_worker and parts[0] == {"atom": "req"} and message["name"] not in others:
            yield pytest.param(message, id=message["name"])


@pytest.mark.parametrize("message", list(requests()))
def test_requests(session, message):
    session.run("import string as df\ndef f(*args): return repr(args)\ntotal = 1")
    connections = {"host_main": session.main, "host_own": session.own, "host_control": session.control}
    connection = connections.get(message["connection"]) or (
        session.beam() if message["connection"] == "worker_control" else session.lane()
    )
    connection.send_bytes(payload(message))
    ident = term_of(message["term"])[1]
    while True:
        answer = connection.recv()
        if answer[0] != "ev":
            break
        assert answer[1] in ("stream", "result"), answer
    assert answer[1] == ident
    # These are about objects that this session has not: what matters is that they were understood.
    if answer[0] == "error":
        assert message["name"] in ("do_steps", "do_target_ref"), answer
        assert answer[2][:2] != ("bridge", "bad_message")


def test_values_from_elixir(session):
    session.run("def f(*args): return repr(args)")
    lane = session.lane()
    lane.send_bytes(payload(MESSAGES["do_values_from_elixir"]))
    # A map of the BEAM has no order.
    text = lane.recv()[2].decode().replace("{'b': 2, 'a': 1}", "{'a': 1, 'b': 2}")
    assert text == (
        "(None, True, 'cuda', nan, inf, -inf, -1, 1208925819614629174706176, 1.5, 'text', b'\\xff\\x00', [1, [2]], "
        "(1, 2), {'a': 1, 'b': 2}, {1, 2}, range(1, 11, 3), datetime.date(2026, 11, 20), "
        "datetime.time(8, 40, 19, 123), datetime.datetime(2026, 11, 20, 8, 40, 19, 123), "
        "datetime.datetime(2026, 11, 20, 8, 40, 19, tzinfo=datetime.timezone.utc), "
        "datetime.timedelta(days=1, seconds=2, microseconds=3), (1-2j), b'text', <Elixir &String.upcase/1>)"
    )


def test_values_from_python(session):
    session.run("""
import datetime, decimal, zoneinfo
def values(term):
    day = datetime.datetime(2026, 11, 20, 8, 40, 19)
    return [
        object(), term, {1, 2}, range(1, 11, 3), 1-2j, day.date(), datetime.time(8, 40, 19, 123),
        day.replace(microsecond=123), day.replace(tzinfo=zoneinfo.ZoneInfo('Europe/Berlin')),
        day.replace(tzinfo=datetime.timezone(datetime.timedelta(minutes=-30))), datetime.timedelta(microseconds=-1),
        decimal.Decimal('1.50'), float('nan'), {'plain': [1.5, 'text', b'\\xff']},
    ]
""")
    assert session.beam().request("decoders", [("decimal.Decimal", "builtins.str")]) is True
    expected = term_of(MESSAGES["do_values_from_python"]["term"])[2][1]
    found = session.lane().do(name("values"), call(etf.PID))[1]
    assert found[0][0] == expected[0][0] and found[0][2] == expected[0][2]
    assert found[1] == ("$term", etf.PID) and expected[1][0] == "$term"
    assert found[2:] == expected[2:]


@pytest.mark.parametrize("message", MANIFEST["malformed"], ids=lambda message: message["name"])
@pytest.mark.parametrize("where", ["control", "own lane", "main lane", "beam"])
def test_malformed_frames(session: Session, message, where):
    if where == "control":
        connection = session.control
        if message["reaction"] == "close":
            pytest.skip("the end of the host's control connection ends the worker")
    else:
        connection = session.beam() if where == "beam" else session.lane(where.split()[0])
    connection.sock.sendall((FRAMES / message["file"]).read_bytes())
    if message["name"] == "bad_end_inside":
        connection.sock.shutdown(1)
    if message["reaction"] == "answer":
        answer = connection.recv()
        assert answer[0] == "error"
        assert answer[2][:2] in (("bridge", "bad_message"), ("bridge", "unknown_op"))
    else:
        tag, op, text = session.control.recv()
        assert (tag, op) == ("ev", "fault") and text
    if message["reaction"] == "close":
        with pytest.raises(EndedError):
            connection.recv()
    elif where in ("control", "beam"):
        assert connection.request("ping", 1) == 1
    else:
        assert connection.do((Atom("value"), 1)) == 1
