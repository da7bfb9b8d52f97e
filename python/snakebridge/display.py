"""What cells show: mime bundles, and the events that carry them.

A bundle maps mime types to values as Python's libraries give them; `encode` makes them what the protocol wants.
It does not format objects for IPython, which has its own formatters (`shell`), only for the plain engine.
"""

import sys

from snakebridge import tracebacks

# A text that nobody reads to the end should not fill the session's record.
LONGEST_TEXT = 1_000_000

_METHODS = {
    "text/html": "_repr_html_",
    "text/markdown": "_repr_markdown_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "application/pdf": "_repr_pdf_",
    "image/jpeg": "_repr_jpeg_",
    "text/latex": "_repr_latex_",
    "application/json": "_repr_json_",
    "application/javascript": "_repr_javascript_",
}

_TEXT_TYPES = {"application/xml", "application/javascript", "application/x-latex"}
_BINARY_FAMILIES = {"image", "audio", "video", "font"}
_BINARY_TYPES = {"application/pdf", "application/octet-stream"}


def is_text(mime):
    """Whether a mime type's data is text."""
    mime = mime.partition(";")[0].strip()
    return mime.startswith("text/") or mime.endswith("+xml") or mime in _TEXT_TYPES


def is_json(mime):
    """Whether a mime type's data is JSON."""
    mime = mime.partition(";")[0].strip()
    return mime == "application/json" or mime.endswith(("+json", ".json"))


def is_binary(mime):
    """Whether a mime type's data travels as raw bytes."""
    mime = mime.partition(";")[0].strip()
    return mime.partition("/")[0] in _BINARY_FAMILIES or mime in _BINARY_TYPES


def to_json(value):
    """JSON text. What JSON does not know is written as its text; what it cannot hold (nan, half characters) is not."""
    if type(value) is dict and not value:
        return "{}"
    import json

    try:
        text = json.dumps(value, default=str, ensure_ascii=False, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(value, default=str), parse_constant=lambda _name: None)
        text = json.dumps(finite, ensure_ascii=False)
    return text.encode(errors="replace").decode()


def bounded(text):
    """The text, or its beginning and a word about the rest."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}... ({len(text) - LONGEST_TEXT:,} more characters)"


def encode(bundle):
    """The bundle as the protocol has it: text where text is due, bytes elsewhere. Values of None are left out."""
    encoded = {}
    for mime, value in bundle.items():
        if value is None or not isinstance(mime, str):
            continue
        encoded[mime] = _encode_value(mime, value)
    return encoded


def _encode_value(mime, value):
    if is_json(mime) or isinstance(value, (dict, list)):
        return to_json(value)
    import binascii

    if isinstance(value, (bytes, bytearray, memoryview)):
        if is_text(mime):
            return bytes(value).decode(errors="replace")
        # Of a type that nobody here knows, notebooks have bytes as base64.
        return bytes(value) if is_binary(mime) else binascii.b2a_base64(value, newline=False).decode()
    text = tracebacks.clean(value if type(value) is str else str(value))
    if not is_binary(mime) or is_text(mime):
        return bounded(text) if mime == "text/plain" else text
    # Libraries hand images around as base64 text, as notebooks store them.
    try:
        return binascii.a2b_base64(text) if text.isascii() else text.encode()
    except binascii.Error:
        return text.encode()


class Publisher:
    """Sends what is to be shown to where the current thread's output goes."""

    def __init__(self, native):
        self._native = native

    def result(self, data, metadata=None):
        """The value of the running cell."""
        self._native.emit("result", {"cell": None, "data": encode(data), "metadata": to_json(metadata or {})})

    def display(self, data, metadata=None, display_id=None, update=False):
        """Something to show; with `update`, in the place of what was shown under that id."""
        body = {
            "cell": None,
            "data": encode(data),
            "metadata": to_json(metadata or {}),
            "display_id": None if display_id is None else str(display_id),
            "update": bool(update),
        }
        self._native.emit("display", body)

    def clear(self, wait=False):
        """Takes away what the cell has shown; with `wait`, only when there is something new to show."""
        self._native.emit("clear", (None, bool(wait)))

    def error(self, error, hint=None, lines=None):
        """The error that ended the cell."""
        body = {
            "cell": None,
            "class": type(error).__name__,
            "message": tracebacks.message(error),
            "traceback": tracebacks.lines(error) if lines is None else tracebacks.shorten(lines),
            "hint": hint,
        }
        self._native.emit("error", body)


# --- the plain engine's formatting: what IPython's formatters do, for the methods that libraries define for them ---


def format_object(value):
    """The mime bundle of an object and its metadata."""
    data, metadata = _bundle_of(value)
    for mime, name in _METHODS.items():
        if mime not in data:
            _take(data, metadata, mime, _call(value, name))
    if "text/plain" not in data:
        data["text/plain"] = repr(value)
    return data, metadata


# How values of cells are formatted, once there is an engine that runs cells.
_engine = None


def use(engine):
    """From now on, what Elixir shows is formatted as for cells of Python."""
    global _engine
    _engine = engine


def bundle(value):
    """What Elixir shows for an object: its data and metadata, as the protocol has them. Nothing, if it shows itself."""
    if _engine is not None:
        data, metadata = _engine.show(value)
        if not data and not shows_itself(value):
            # Its `repr` has failed, and that was told.
            data = {"text/plain": object.__repr__(value)}
        return encode(data), to_json(metadata)
    # An application: no cell has set matplotlib up, and nobody takes what shows itself.
    if "matplotlib.figure" in sys.modules:
        import snakebridge.inline  # noqa: F401 - gives figures their picture
    data, metadata = format_object(value)
    return encode(data), to_json(metadata)


def _bundle_of(value):
    bundle = _call(value, "_repr_mimebundle_", include=None, exclude=None)
    if isinstance(bundle, tuple) and len(bundle) == 2:
        return dict(bundle[0]), dict(bundle[1])
    return (dict(bundle), {}) if isinstance(bundle, dict) else ({}, {})


def _take(data, metadata, mime, value):
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
        value, metadata[mime] = value
    if value is not None:
        data[mime] = value


def _call(value, name, **arguments):
    """Calls a method that the object's class has; a failing one is told, and does not count."""
    if isinstance(value, type) or not hasattr(type(value), name):
        return None
    try:
        return getattr(value, name)(**arguments)
    except NotImplementedError:
        return None
    except Exception as error:
        print("\n".join(tracebacks.lines(error)), file=sys.stderr)  # noqa: T201 - said to the user
        return None


class Display:
    """The functions that the plain engine gives to cells."""

    def __init__(self, publisher):
        self._publisher = publisher

    def display(
        self, *objects, display_id=None, raw=False, metadata=None, update=False, clear=False, **_ignored
    ):
        """Shows objects as richly as they can be shown. With `display_id` (a text, or True for a new one) it returns a
        handle, whose `update(object)` shows another object in the same place."""
        if clear:
            self._publisher.clear(wait=True)
        if display_id is True:
            import uuid

            display_id = uuid.uuid4().hex
        for value in objects:
            if raw:
                self._publisher.display(dict(value), metadata, display_id, update)
            elif shows_itself(value):
                value._ipython_display_()
            else:
                data, own = format_object(value)
                self._publisher.display(data, {**own, **(metadata or {})}, display_id, update)
        return Handle(self, display_id) if display_id is not None else None


class Handle:
    """A place where something is shown."""

    def __init__(self, display, display_id):
        self._display = display
        self.display_id = display_id

    def display(self, value, **arguments):
        """Shows another object in a new place of the same id."""
        self._display.display(value, display_id=self.display_id, **arguments)

    def update(self, value, **arguments):
        """Shows another object in the same place."""
        self._display.display(value, display_id=self.display_id, update=True, **arguments)

    def __repr__(self):
        return f"<Handle display_id={self.display_id}>"


def shows_itself(value):
    """Whether an object's class has its own way of being shown."""
    return not isinstance(value, type) and hasattr(type(value), "_ipython_display_")
