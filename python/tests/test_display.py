"""Mime bundles on their way to the host."""

import json

import pytest

from snakebridge import display


class Native:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = []

    def emit(self, op, body):
        """As the extension module's."""
        self.sent.append((op, body))


@pytest.mark.parametrize(
    ("mime", "value", "expected"),
    [
        ("text/plain", "é", "é"),
        ("text/plain", b"bytes \xff", "bytes �"),
        ("text/plain", "\ud800", "\\ud800"),
        ("text/plain", 5, "5"),
        ("text/html; charset=utf-8", "<b>", "<b>"),
        ("image/svg+xml", "<svg/>", "<svg/>"),
        ("application/javascript", "1", "1"),
        ("image/png", b"\x89PNG", b"\x89PNG"),
        ("image/png", memoryview(b"\x89PNG"), b"\x89PNG"),
        ("image/png", "iVBORw0=\n", b"\x89PNG\r"),
        ("image/png", "é", "é".encode()),
        ("image/png", "a", b"a"),
        ("application/json", {"a": [1, None]}, '{"a": [1, null]}'),
        ("application/json", [], "[]"),
        ("application/json", None, None),
        ("application/vnd.plotly.v1+json", {"x": float("nan"), "y": float("inf")}, '{"x": null, "y": null}'),
        ("application/json", {"half": "\ud800", "whole": "é"}, '{"half": "?", "whole": "é"}'),
        ("application/json", {"set": {1}}, '{"set": "{1}"}'),
    ],
)
def test_values(mime, value, expected):
    assert display.encode({mime: value}) == ({} if expected is None else {mime: expected})


def test_keys_that_are_no_text_are_left_out():
    assert display.encode({5: "x", "text/plain": "y"}) == {"text/plain": "y"}


def test_long_text_is_cut_and_long_html_is_not():
    long = "x" * (display.LONGEST_TEXT + 5)
    assert display.encode({"text/plain": long})["text/plain"].endswith("x... (5 more characters)")
    assert display.encode({"text/html": long})["text/html"] == long


def test_events():
    native = Native()
    publisher = display.Publisher(native)
    publisher.result({"text/plain": "1"})
    publisher.display({"text/plain": "2"}, {"m": float("nan")}, display_id=7, update=1)
    publisher.clear(wait=1)
    publisher.error(ValueError("x"), "do this")
    (_, result), (_, shown), clear, (_, error) = native.sent
    assert result == {"cell": None, "data": {"text/plain": "1"}, "metadata": "{}"}
    assert shown["display_id"] == "7"
    assert shown["update"] is True
    assert json.loads(shown["metadata"]) == {"m": None}
    assert clear == ("clear", (None, True))
    assert error == {
        "cell": None,
        "class": "ValueError",
        "message": "x",
        "traceback": ["ValueError: x"],
        "hint": "do this",
    }


def test_objects_are_formatted_by_their_classes_methods():
    class Rich:
        def __repr__(self):
            return "rich"

        def _repr_html_(self):
            return "<b>", {"w": 1}

        def _repr_latex_(self):
            raise NotImplementedError

    rich = Rich()
    rich._repr_png_ = lambda: b"not of the class"
    assert display.format_object(rich) == (
        {"text/html": "<b>", "text/plain": "rich"},
        {"text/html": {"w": 1}},
    )
    assert display.format_object(Rich)[0] == {"text/plain": repr(Rich)}
