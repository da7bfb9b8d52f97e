"""Tables as Arrow's IPC stream and back, through pyarrow, or polars where only that is installed.

Anything that speaks Arrow's C interface is a table here. Which library reads or writes is decided here and nowhere
else; conversion to Elixir only carries the bytes.
"""

import io
import sys

# What a table calls its only column where that has no name.
COLUMN = "value"


def dump(table):
    """The stream's bytes, as something with their memory; None for what is no table."""
    if _is(table, "polars", "LazyFrame"):
        table = table.collect()
    if _is(table, "polars", "DataFrame", "Series"):
        return _dump_polars(table)
    if _is(table, "pandas", "Series"):
        table = table.to_frame(COLUMN if table.name is None else table.name)
    # Older pandas is known to pyarrow alone.
    known = _is(table, "pandas", "DataFrame")
    if not known and not any(hasattr(type(table), f"__arrow_c_{kind}__") for kind in ("stream", "array")):
        return None
    try:
        import pyarrow  # The user's, and slow to load.
    except ModuleNotFoundError:
        import polars

        return _dump_polars(polars.DataFrame(table))
    return _dump_pyarrow(pyarrow, table)


def _is(value, library, *names):
    """Whether a value is of one of these classes of a library, which another thread may be importing just now."""
    module = sys.modules.get(library)
    classes = (getattr(module, name, None) for name in names)
    return any(isinstance(value, cls) for cls in classes if isinstance(cls, type))


def _dump_polars(table):
    if not hasattr(table, "write_ipc_stream"):
        table = table.to_frame(table.name or COLUMN)
    stream = io.BytesIO()
    table.write_ipc_stream(stream)
    return stream.getbuffer()


def _dump_pyarrow(pyarrow, table):
    if isinstance(table, (pyarrow.Array, pyarrow.ChunkedArray)) and not isinstance(
        table, pyarrow.StructArray
    ):
        table = {COLUMN: table}
    table = pyarrow.table(table)
    stream = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def load(data):
    """The table that a stream's bytes hold; its columns lie in those bytes where the library can leave them there."""
    try:
        import pyarrow  # The user's, and slow to load.
    except ModuleNotFoundError:
        import polars

        return polars.read_ipc_stream(data)
    with pyarrow.ipc.open_stream(data) as reader:
        return reader.read_all()
