"""An independent codec of the External Term Format, for tests: small, slow and strict.

Atoms are `Atom`, but nil, true and false are None, True and False. Binaries are bytes; text given to `encode` becomes a
binary. Identifiers, funs and improper lists are `Raw`, their encoded bytes.
"""

import struct


class Atom(str):
    """An atom."""

    __slots__ = ()

    def __repr__(self):
        return f":{self}"


class Raw(bytes):
    """A term that is encoded already."""


def struct_map(name, /, **fields):
    """A struct of Elixir."""
    return {Atom("__struct__"): Atom(f"Elixir.{name}"), **{Atom(key): value for key, value in fields.items()}}


def encode(term):
    """A whole term, with its version byte."""
    return b"\x83" + _encode(term)


def _atom(name):
    text = name.encode()
    return (
        struct.pack(">BB", 119, len(text)) + text
        if len(text) < 256
        else struct.pack(">BH", 118, len(text)) + text
    )


def _encode(term):
    if term is None or term is True or term is False:
        return _atom({None: "nil", True: "true", False: "false"}[term])
    if isinstance(term, Raw):
        return bytes(term)
    if isinstance(term, Atom):
        return _atom(term)
    if isinstance(term, int):
        return _encode_int(term)
    if isinstance(term, float):
        return struct.pack(">Bd", 70, term)
    if isinstance(term, str):
        term = term.encode("utf-8", "surrogatepass")
    if isinstance(term, bytes):
        return struct.pack(">BI", 109, len(term)) + term
    if isinstance(term, list):
        return struct.pack(">BI", 108, len(term)) + b"".join(map(_encode, term)) + b"j" if term else b"j"
    if isinstance(term, tuple):
        head = struct.pack(">BB", 104, len(term)) if len(term) < 256 else struct.pack(">BI", 105, len(term))
        return head + b"".join(map(_encode, term))
    if isinstance(term, dict):
        pairs = (_encode(key) + _encode(value) for key, value in term.items())
        return struct.pack(">BI", 116, len(term)) + b"".join(pairs)
    raise TypeError(f"no term: {term!r}")


def _encode_int(value):
    if 0 <= value < 256:
        return struct.pack(">BB", 97, value)
    if -(2**31) <= value < 2**31:
        return struct.pack(">Bi", 98, value)
    size = (abs(value).bit_length() + 7) // 8
    head = struct.pack(">BB", 110, size) if size < 256 else struct.pack(">BI", 111, size)
    return head + bytes([value < 0]) + abs(value).to_bytes(size, "little")


def decode(data):
    """The term of a whole encoding; nothing may follow it."""
    assert data[0] == 131, data[:20]
    term, end = _decode(data, 1)
    assert end == len(data), f"{len(data) - end} bytes follow the term"
    return term


def _items(data, at, count):
    items = []
    for _ in range(count):
        item, at = _decode(data, at)
        items.append(item)
    return items, at


def _decode(data, at):
    tag = data[at]
    at += 1
    if tag == 97:
        return data[at], at + 1
    if tag == 98:
        return struct.unpack_from(">i", data, at)[0], at + 4
    if tag in (110, 111):
        size, at = (data[at], at + 1) if tag == 110 else (struct.unpack_from(">I", data, at)[0], at + 4)
        value = int.from_bytes(data[at + 1 : at + 1 + size], "little")
        return (-value if data[at] else value), at + 1 + size
    if tag == 70:
        return struct.unpack_from(">d", data, at)[0], at + 8
    if tag in (119, 118, 115, 100):
        size, at = (
            (data[at], at + 1) if tag in (119, 115) else (struct.unpack_from(">H", data, at)[0], at + 2)
        )
        name = data[at : at + size].decode()
        return {"nil": None, "true": True, "false": False}.get(name, Atom(name)), at + size
    if tag == 109:
        size = struct.unpack_from(">I", data, at)[0]
        return bytes(data[at + 4 : at + 4 + size]), at + 4 + size
    if tag == 106:
        return [], at
    if tag == 107:
        size = struct.unpack_from(">H", data, at)[0]
        return list(data[at + 2 : at + 2 + size]), at + 2 + size
    if tag == 108:
        start = at - 1
        items, at = _items(data, at + 4, struct.unpack_from(">I", data, at)[0])
        tail, at = _decode(data, at)
        return (items if tail == [] else Raw(data[start:at])), at
    if tag in (104, 105):
        size, at = (data[at], at + 1) if tag == 104 else (struct.unpack_from(">I", data, at)[0], at + 4)
        items, at = _items(data, at, size)
        return tuple(items), at
    if tag == 116:
        count = struct.unpack_from(">I", data, at)[0]
        items, at = _items(data, at + 4, 2 * count)
        pairs = dict(zip(map(_key, items[::2]), items[1::2], strict=False))
        assert len(pairs) == count, "a map with the same key twice"
        return pairs, at
    if tag == 88:
        _, end = _decode(data, at)
        return Raw(data[at - 1 : end + 12]), end + 12
    if tag == 113:
        start = at - 1
        for _ in range(3):
            _, at = _decode(data, at)
        return Raw(data[start:at]), at
    raise ValueError(f"tag {tag} at {at - 1}")


def _key(term):
    return repr(term) if isinstance(term, (list, dict)) else term


PID = Raw(b"\x58" + _atom("node@host") + bytes(12))


def export(module, function, arity):
    """`&Module.function/arity`."""
    return Raw(b"q" + _atom(module) + _atom(function) + struct.pack(">BB", 97, arity))
