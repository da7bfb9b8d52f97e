"""Awaiting, batches and what callers leave open, on lanes of both kinds."""

import time

import etf
import pytest
from etf import Atom
from session import ProtocolError, call, method, module, name, ref, step, text_of, value

FUN = etf.export("Elixir.Enum", "map", 2)

SOURCE = """
import asyncio, contextvars
log = []
variable = contextvars.ContextVar("variable", default="unset")

async def echo(x, seconds=0):
    await asyncio.sleep(seconds)
    return x

async def fail(message):
    raise ValueError(message)

async def say(text):
    print(text)
    await asyncio.sleep(0.01)
    print(text)

async def hang():
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise

async def asking(f, x):
    await asyncio.sleep(0)
    return f(x)

class Manager:
    def __enter__(self):
        log.append("enter")
    def __exit__(self, kind, error, trace):
        log.append(f"exit {kind.__name__}: {error.kind} {error}")
"""


@pytest.fixture(scope="module")
def names(shared):
    shared.run(SOURCE)


@pytest.fixture(params=["own", "main"])
def lane(request, shared, names):
    lane = shared.lane(thread=request.param)
    yield lane
    lane.close()


def test_a_coroutine_as_the_result_is_awaited(lane):
    assert lane.do(name("echo"), call(5)) == 5
    assert lane.do(name("echo"), call([1, 2]), step("await"), step("item", 1)) == 2
    coroutine = lane.do(name("echo"), call(5), **{"as": "ref"})
    assert lane.do(value(ref(coroutine)), step("await")) == 5


def test_what_is_no_awaitable_is_a_type_error_at_its_step(lane):
    with pytest.raises(ProtocolError) as error:
        lane.do(module("math"), step("attr", "pi"), step("await"))
    assert error.value.python[Atom("class")] == b"TypeError"
    assert error.value.python[Atom("step")] == 1


def test_an_exception_carries_no_frame_of_the_bridge(lane):
    with pytest.raises(ProtocolError) as error:
        lane.do(name("fail"), call("no"))
    text = error.value.python[Atom("text")].decode()
    assert "raise ValueError(message)" in text
    assert "awaiting" not in text


def test_what_is_printed_comes_before_the_answer(lane):
    events = []
    lane.do(name("say"), call("words"), events=events)
    assert text_of(events) == "words\nwords\n"


def test_a_coroutine_calls_elixir_on_the_lane_of_its_caller(lane):
    def serve(op, body):
        assert op == "apply"
        # While it serves, the other side may ask for more; of that, another coroutine.
        return lane.do(name("echo"), call(body[1][0] + 1))

    assert lane.do(name("asking"), call(FUN, 1), serve=serve) == 2


def test_the_end_of_the_caller_cancels_the_task(shared, names):
    for thread in ("own", "main"):
        lane = shared.lane(thread=thread)
        lane.do(name("log"), method("clear"))
        lane.start("do", (name("hang"), [call()], {}))
        time.sleep(0.2)
        lane.close()
        with_log = shared.lane()
        wait_for(with_log, b"cancelled")
        with_log.close()


def test_a_batch_has_a_result_for_each_call(lane):
    calls = [
        (name("echo"), [call(1)], {}),
        (module("math"), [method("sqrt", -1.0)], {}),
        (name("echo"), [call(3)], {}),
        (name("fail"), [call("no")], {}),
    ]
    first, second, third, fourth = lane.request("batch", calls)
    assert (first, third) == ((Atom("ok"), 1), (Atom("ok"), 3))
    assert second[0] == fourth[0] == "error"
    assert fourth[1][1][Atom("message")] == b"no"
    assert lane.request("batch", []) == []


@pytest.mark.parametrize("body", [5, [5], [(name("echo"), 7, {})]])
def test_a_batch_that_is_none_is_refused(lane, body):
    try:
        answer = lane.request("batch", body)
        assert [kind for kind, _ in answer] == ["error"]
    except ProtocolError as error:
        assert error.reason == "bad_message"
    assert lane.do(name("echo"), call(1)) == 1


def test_contexts_are_left_when_the_lane_ends(shared, names):
    for thread in ("own", "main"):
        lane = shared.lane(thread=thread)
        lane.do(name("log"), method("clear"))
        manager = lane.do(name("Manager"), call())
        number, entered = lane.do(module("snakebridge.contexts"), method("enter", ref(manager)))
        assert isinstance(number, int) and entered in (None, "nil")
        lane.close()
        with_log = shared.lane()
        wait_for(with_log, b"exit ElixirError: exit the Elixir process ended inside of with_python")
        with_log.close()


def wait_for(lane, entry):
    deadline = time.monotonic() + 30
    while entry not in (found := lane.do(name("log"))):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
