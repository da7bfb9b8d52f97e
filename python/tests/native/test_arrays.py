"""Arrays and tables both ways: whatever exports its memory, and what the struct `SnakeBridge.Array` becomes."""

import functools
import struct
import subprocess
import sys
import time

import pytest
from etf import Atom, struct_map
from hypothesis import given, settings
from hypothesis import strategies as st
from session import PATIENCE, PYTHON, ProtocolError, Session, method, module, step, value

# Of the protocol: each with numpy's spelling, and that of the module struct where it has one.
DTYPES = {
    "bool": ("?", "?"),
    "s8": ("i1", "b"),
    "s16": ("i2", "h"),
    "s32": ("i4", "i"),
    "s64": ("i8", "q"),
    "u8": ("u1", "B"),
    "u16": ("u2", "H"),
    "u32": ("u4", "I"),
    "u64": ("u8", "Q"),
    "f16": ("f2", None),
    "f32": ("f4", "f"),
    "f64": ("f8", "d"),
    "c64": ("c8", None),
    "c128": ("c16", None),
}


@functools.cache
def is_installed(package):
    """Whether the worker's interpreter has it."""
    find = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([PYTHON, "-c", find], check=False).returncode == 0


def installed(*names):
    """Marks a test that needs these packages."""
    missing = sorted({package for package in names if not is_installed(package)})
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def evaluate(lane, source, **options):
    """The value of an expression, which may name these modules."""
    lane.do(module("builtins"), method("exec", "import array, ctypes, sys", namespace(lane)))
    return lane.do(module("builtins"), method("eval", source, namespace(lane)), **options)


def namespace(lane):
    """The globals of the worker's `__main__`, as an argument."""
    tagged = lane.do(module("__main__"), step("attr", "__dict__"), **{"as": "ref"})
    _, (_, ident, kind) = tagged
    return struct_map("SnakeBridge.Ref", session=None, worker=1, id=ident, type=kind)


def array_of(lane, source):
    """Type, shape and data of the array that an expression gives."""
    tag, (kind, dtype, shape, data) = evaluate(lane, source, **{"as": "array"})
    assert (tag, kind) == ("$tagged", "$array")
    return str(dtype), shape, data


def refusal(lane, source, kind="array"):
    """Message and hint with which an expression is refused."""
    with pytest.raises(ProtocolError) as caught:
        evaluate(lane, source, **{"as": kind})
    tag, reason, message, hint = caught.value.error
    assert (tag, reason) == ("bridge", "not_convertible")
    return message.decode(), hint.decode()


def sent(dtype, shape, data):
    """The struct as Elixir sends it."""
    return struct_map("SnakeBridge.Array", dtype=Atom(dtype), shape=shape, data=data)


@pytest.fixture(scope="module")
def bare():
    """A lane of a worker that finds no numpy, pyarrow or polars."""
    session = Session()
    try:
        lane = session.lane()
        hide = "import sys\nfor name in ('numpy', 'pyarrow', 'polars'): sys.modules[name] = None"
        lane.do(module("builtins"), method("exec", hide))
        yield lane
    finally:
        session.close()


# --- from Python, without numpy ---


@pytest.mark.parametrize(
    ("source", "dtype", "shape", "data"),
    [
        ("b'ab'", "u8", (2,), b"ab"),
        ("bytearray()", "u8", (0,), b""),
        ("array.array('d', [1.5, -2.0])", "f64", (2,), struct.pack("2d", 1.5, -2.0)),
        ("array.array('f', [1.5])", "f32", (1,), struct.pack("f", 1.5)),
        ("array.array('q')", "s64", (0,), b""),
        ("array.array('B', [1, 2])", "u8", (2,), b"\x01\x02"),
        ("memoryview(bytes(range(6))).cast('H', [3])", "u16", (3,), bytes(range(6))),
        ("memoryview(bytes(range(24))).cast('i', [2, 3])", "s32", (2, 3), bytes(range(24))),
        ("memoryview(bytes(8)).cast('q', [])", "s64", (), bytes(8)),
        ("memoryview(bytes(range(6)))[::2]", "u8", (3,), b"\x00\x02\x04"),
        ("memoryview(bytes(range(6)))[::-1]", "u8", (6,), bytes(range(5, -1, -1))),
        ("memoryview(array.array('h', [1, 2, 3]))[::-2]", "s16", (2,), struct.pack("2h", 3, 1)),
        ("memoryview(b'ab').cast('c')", "u8", (2,), b"ab"),
        ("memoryview(b'\\1\\0').cast('?')", "bool", (2,), b"\x01\x00"),
        ("(ctypes.c_int32 * 2)(1, 2)", "s32", (2,), struct.pack("2i", 1, 2)),
        ("((ctypes.c_double * 2) * 1)((0.5, 1.5))", "f64", (1, 2), struct.pack("2d", 0.5, 1.5)),
        ("(ctypes.c_uint32.__ctype_be__ * 2)(1, 2)", "u32", (2,), struct.pack("2I", 1, 2)),
        ("(ctypes.c_uint32.__ctype_le__ * 2)(1, 2)", "u32", (2,), struct.pack("2I", 1, 2)),
    ],
)
def test_what_exports_its_memory_becomes_an_array(bare, source, dtype, shape, data):
    assert array_of(bare, source) == (dtype, shape, data)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("[1, 2]", "a builtins.list is no array"),
        ("'text'", "a builtins.str is no array"),
        ("(ctypes.c_void_p * 2)()", "has no counterpart"),
        ("type('Tensor', (), {'__array__': None})()", "by way of numpy, which is not installed"),
    ],
)
def test_what_is_no_array_is_refused_with_a_hint(bare, source, says):
    message, hint = refusal(bare, source)
    assert says in message
    assert hint


def test_an_error_of_the_exporter_arrives(bare):
    evaluate(bare, "sys.modules['__main__'].__dict__.update(gone=memoryview(b'x'))")
    evaluate(bare, "gone.release()")
    with pytest.raises(ProtocolError) as caught:
        evaluate(bare, "gone", **{"as": "array"})
    assert caught.value.python[Atom("class")] == b"ValueError"


def test_the_memory_is_free_again_afterwards(bare):
    evaluate(bare, "sys.modules['__main__'].__dict__.update(held=bytearray(b'abc'))")
    assert array_of(bare, "held")[2] == b"abc"
    # Refused with a BufferError while a view of it lives.
    evaluate(bare, "held.append(1)")
    assert array_of(bare, "held")[2] == b"abc\x01"


@installed("numpy")
def test_an_array_above_the_longest_message_is_refused_before_it_is_copied(lane):
    # All items are one: three gigabytes to send, eight bytes of memory.
    numpy = "__import__('numpy')"
    message, hint = refusal(lane, f"{numpy}.broadcast_to({numpy}.zeros(1), (3 << 27,))")
    assert "3221225472 bytes, more than a message can hold" in message
    assert "in parts" in hint


# --- to Python, without numpy ---


@pytest.mark.parametrize("dtype", [dtype for dtype, (_, code) in DTYPES.items() if code])
def test_an_array_becomes_a_memoryview_where_there_is_no_numpy(bare, dtype):
    code = DTYPES[dtype][1]
    data = struct.pack(f"6{code}", *range(6)) if code != "?" else bytes([0, 1, 1, 0, 0, 1])
    target = value(sent(dtype, (2, 3), data))
    assert bare.do(target, step("attr", "format")) == code.encode()
    assert bare.do(target, step("attr", "shape")) == (2, 3)
    assert bare.do(target, step("attr", "readonly")) is False
    assert bare.do(target, step("item", (1, 2))) == struct.unpack(f"6{code}", data)[5]
    assert bare.do(target, **{"as": "array"}) == ("$tagged", ("$array", dtype, (2, 3), data))


def test_shapes_without_numpy(bare):
    assert bare.do(value(sent("f64", (), struct.pack("d", 2.5))), step("item", ())) == 2.5
    assert bare.do(value(sent("s16", (0,), b"")), step("fun", "len")) == 0
    with pytest.raises(ProtocolError, match="an empty array of 2 dimensions needs numpy"):
        bare.do(value(sent("s16", (0, 3), b"")))
    with pytest.raises(ProtocolError, match="an array of f16 needs numpy"):
        bare.do(value(sent("f16", (1,), b"\x00\x00")))


@pytest.mark.parametrize(
    ("dtype", "shape", "data", "says"),
    [
        ("f65", (1,), b"", "dtype f65 is unknown"),
        ("f64", [1], bytes(8), "shape is no tuple of lengths"),
        ("f64", (-1,), bytes(8), "shape is no tuple of lengths"),
        ("f64", (1.0,), bytes(8), "shape is no tuple of lengths"),
        ("f64", (2,), bytes(8), r"shape \[2\] of f64 does not fit its 8 bytes"),
        ("f64", (2**40, 2**40), bytes(8), "does not fit"),
        ("f64", (1,), 5, "data is no binary"),
    ],
)
def test_a_malformed_array_is_refused(bare, dtype, shape, data, says):
    with pytest.raises(ProtocolError, match=says):
        bare.do(value(sent(dtype, shape, data)), step("fun", "repr"))


# --- with numpy ---


@installed("numpy")
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_arrays_survive_the_way_there_and_back(shared, data):
    """Any type, shape, order of memory and order of bytes."""
    numpy = pytest.importorskip("numpy")

    lane = getattr(shared, "arrays", None) or shared.lane()
    shared.arrays = lane
    dtype = data.draw(st.sampled_from(sorted(DTYPES)))
    shape = tuple(data.draw(st.lists(st.integers(0, 4), max_size=4)))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = numpy.random.default_rng(seed)
    kind = numpy.dtype(DTYPES[dtype][0])
    raw = rng.integers(0, 256 if dtype != "bool" else 2, [*shape, kind.itemsize], dtype="u1").tobytes()
    term = sent(dtype, shape, raw)
    there = value(term)
    assert lane.do(there, **{"as": "array"}) == ("$tagged", ("$array", dtype, shape, raw))

    # The same items in memory of another order, with bytes of another order.
    order = data.draw(st.sampled_from(["C", "F", "A"]))
    bytes_order = data.draw(st.sampled_from(["<", ">", "="]))
    steps = [method("astype", kind.newbyteorder(bytes_order).str, order=order)]
    expected = numpy.frombuffer(bytearray(raw), kind).reshape(shape)
    for _ in shape[:2]:
        axis = data.draw(st.integers(0, len(shape) - 1))
        by = data.draw(st.sampled_from([-2, -1, 1, 2]))
        cut = (slice(None),) * axis + (slice(None, None, by),)
        expected = expected[cut]
        terms = tuple(etf_slice(lane, part) for part in cut)
        steps.append(step("item", terms))
    found = lane.do(there, *steps, **{"as": "array"})
    copied = expected.astype(kind.newbyteorder(bytes_order)).astype(kind)
    assert found == ("$tagged", ("$array", dtype, expected.shape, copied.tobytes()))


def etf_slice(lane, part):
    """A slice of the worker's, as an argument."""
    tagged = lane.do(module("builtins"), method("slice", part.start, part.stop, part.step), **{"as": "ref"})
    _, (_, ident, kind) = tagged
    return struct_map("SnakeBridge.Ref", session=None, worker=1, id=ident, type=kind)


@installed("numpy")
def test_numpy_arrays_that_elixir_sent_can_be_written(lane):
    target = value(sent("s32", (2, 2), struct.pack("4i", 1, 2, 3, 4)))
    assert lane.do(target, step("fun", "repr")) == b"array([[1, 2],\n       [3, 4]], dtype=int32)"
    assert lane.do(target, step("set_item", 0, 9), method("tolist")) == [[9, 9], [3, 4]]
    assert lane.do(target, step("attr", "flags"), step("attr", "writeable")) is True


@installed("numpy")
@pytest.mark.parametrize(
    ("source", "dtype", "shape", "data"),
    [
        ("np.float32(1.5)", "f32", (), struct.pack("f", 1.5)),
        ("np.array(7)", "s64", (), struct.pack("q", 7)),
        ("np.zeros((0, 3), 'u2')", "u16", (0, 3), b""),
        ("np.broadcast_to(np.int8(3), (2, 2))", "s8", (2, 2), b"\x03" * 4),
        ("np.arange(6).reshape(2, 3).T", "s64", (3, 2), struct.pack("6q", 0, 3, 1, 4, 2, 5)),
        ("np.arange(4, dtype='>i4')[::-1]", "s32", (4,), struct.pack("4i", 3, 2, 1, 0)),
        ("np.array([1 + 2j], '>c8')", "c64", (1,), struct.pack("2f", 1, 2)),
        ("np.arange(3, dtype='u1').data", "u8", (3,), b"\x00\x01\x02"),
        ("type('T', (), {'__array__': lambda s, *a, **k: np.ones(2, 'i1')})()", "s8", (2,), b"\x01\x01"),
    ],
)
def test_arrays_of_numpy(lane, source, dtype, shape, data):
    assert array_of(lane, source.replace("np.", "__import__('numpy').")) == (dtype, shape, data)


@installed("numpy")
@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("np.array([None])", "items of object"),
        ("np.array(['a'])", "items of <U1"),
        ("np.array(['2024-01-01'], 'M8[D]')", "items of datetime64[D]"),
        ("np.zeros(2, [('a', 'i4'), ('b', 'f8')])", "items of [('a'"),
        ("np.zeros(2, 'g')", "items of "),
        ("np.ma.masked_array([1, 2], [True, False])", "would lose its mask"),
    ],
)
def test_arrays_without_a_counterpart(lane, source, says):
    message, hint = refusal(lane, source.replace("np.", "__import__('numpy')."))
    assert says in message
    assert hint


@installed("numpy", "ml_dtypes")
def test_bfloat16(lane):
    data = bytes.fromhex("803f0040") if sys.byteorder == "little" else bytes.fromhex("3f804000")
    there = value(sent("bf16", (2,), data))
    assert lane.do(there, method("tolist")) == [1.0, 2.0]
    assert lane.do(there, **{"as": "array"}) == ("$tagged", ("$array", "bf16", (2,), data))


@installed("numpy", "pandas")
def test_series_and_frames_of_pandas(lane):
    assert array_of(lane, "__import__('pandas').Series([1.5, 2.5])") == (
        "f64",
        (2,),
        struct.pack("2d", 1.5, 2.5),
    )
    frame = "__import__('pandas').DataFrame({'a': [1, 2], 'b': [3, 4]})"
    assert array_of(lane, frame) == ("s64", (2, 2), struct.pack("4q", 1, 3, 2, 4))


@installed("numpy", "jax")
def test_arrays_of_jax(lane):
    source = "__import__('jax').numpy.arange(3, dtype='float32') * 2"
    assert array_of(lane, source) == ("f32", (3,), struct.pack("3f", 0, 2, 4))
    assert array_of(lane, "__import__('jax').numpy.ones(2, 'bfloat16')")[:2] == ("bf16", (2,))


@installed("numpy", "PIL")
def test_images(lane):
    source = "__import__('PIL.Image').Image.new('RGB', (2, 1), (1, 2, 3))"
    assert array_of(lane, source) == ("u8", (1, 2, 3), bytes([1, 2, 3] * 2))


# --- tables ---


def test_tables_need_a_library(bare):
    with pytest.raises(ProtocolError) as caught:
        bare.do(value(struct_map("SnakeBridge.Arrow", data=b"x")))
    _, reason, message, hint = caught.value.error
    assert reason == "not_convertible"
    assert b"neither is installed" in message
    assert b"install pyarrow" in hint


def test_what_is_no_table_is_refused_with_a_hint(bare):
    message, hint = refusal(bare, "[1, 2]", "arrow")
    assert "a builtins.list is no table" in message
    assert "pyarrow.table" in hint


TABLES = {
    "pyarrow": "__import__('pyarrow').table({'a': [1, 2], 'b': ['x', None]})",
    "pandas": "__import__('pandas').DataFrame({'a': [1, 2], 'b': ['x', None]})",
    "polars": "__import__('polars').DataFrame({'a': [1, 2], 'b': ['x', None]})",
}


@pytest.mark.parametrize("package", [pytest.param(p, marks=installed(p, "pyarrow")) for p in TABLES])
def test_tables_survive_the_way_there_and_back(lane, package):
    tag, (kind, data) = evaluate(lane, TABLES[package], **{"as": "arrow"})
    assert (tag, kind) == ("$tagged", "$arrow")
    there = value(struct_map("SnakeBridge.Arrow", data=data))
    assert lane.do(there, method("to_pydict")) == {b"a": [1, 2], b"b": [b"x", None]}
    assert lane.do(there, **{"as": "arrow"})[1][0] == "$arrow"


COLUMNS = {
    "__import__('pandas').Series([1, 2], name='n')": ("pandas", b"n"),
    "__import__('pandas').Series([1, 2])": ("pandas", b"value"),
    "__import__('polars').Series('n', [1, 2])": ("polars", b"n"),
    "__import__('pyarrow').array([1, 2])": ("pyarrow", b"value"),
    "__import__('pyarrow').chunked_array([[1], [2]])": ("pyarrow", b"value"),
}


@pytest.mark.parametrize(
    "source", [pytest.param(s, marks=installed(p, "pyarrow")) for s, (p, _) in COLUMNS.items()]
)
def test_a_column_is_a_table_of_one(lane, source):
    _, (_, data) = evaluate(lane, source, **{"as": "arrow"})
    there = value(struct_map("SnakeBridge.Arrow", data=data))
    assert lane.do(there, method("to_pydict")) == {COLUMNS[source][1]: [1, 2]}


@installed("polars")
def test_tables_where_only_polars_is_installed(session):
    lane = session.lane()
    lane.do(module("builtins"), method("exec", "import sys\nsys.modules['pyarrow'] = None"))
    _, (_, data) = evaluate(lane, TABLES["polars"], **{"as": "arrow"})
    there = value(struct_map("SnakeBridge.Arrow", data=data))
    assert lane.do(there, method("to_dict", as_series=False)) == {b"a": [1, 2], b"b": [b"x", None]}


@installed("pyarrow")
def test_what_is_no_stream_is_an_error_of_the_library(lane):
    with pytest.raises(ProtocolError) as caught:
        lane.do(value(struct_map("SnakeBridge.Arrow", data=b"nonsense")))
    assert b"ArrowInvalid" in caught.value.python[Atom("class")]


# --- memory ---


def test_an_idle_lane_gives_the_memory_of_large_messages_back(session):
    lane, beam = session.lane(), session.beam()

    def memory():
        return beam.request("usage", None)[Atom("memory_bytes")]

    before = memory()
    large = 64 << 20
    for _ in range(3):
        assert lane.do(value(b"\xff" * large), step("fun", "len")) == large
        assert len(lane.do(module("builtins"), method("bytes", large))) == large
    deadline = time.monotonic() + PATIENCE
    while memory() > before + large // 2:
        assert time.monotonic() < deadline, "the memory of the last messages is still held"
        time.sleep(0.05)
    # And works on.
    assert lane.do(value(b"\xff" * large), step("fun", "len")) == large
