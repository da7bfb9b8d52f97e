defmodule PyarrowTest do
  use LibraryCase, library: "pyarrow"

  setup_all do
    pa = import!("pyarrow")
    %{pa: pa, table: pa.table(%{"city" => ["Bern", "Genf", "Bern"], "n" => [3, 1, nil]})}
  end

  test "arrays and scalars", %{pa: pa} do
    a = pa.array([1, 2, nil], type: pa.int16())
    assert to_string(a.type) == "int16"
    assert a.null_count == 1
    assert a.to_pylist() == [1, 2, nil]
    assert a[1].as_py() == 2
    assert Enum.map(a, & &1.as_py()) == [1, 2, nil]
    assert a.slice(1).to_pylist() == [2, nil]
    assert a[0..1].to_pylist() == [1, 2]
    assert pa.array([~D[2024-02-29]]).to_pylist() == [~D[2024-02-29]]
    assert pa.array([bytes("x"), bytes("y")]).type == pa.binary()
    assert pa.array([%{"x" => 1, "y" => "a"}]).to_pylist() == [%{"x" => 1, "y" => "a"}]
    assert pa.array([[1, 2], []]).flatten().to_pylist() == [1, 2]
  end

  test "tables", %{pa: pa, table: table} do
    assert table.shape == {3, 2}
    assert table.column_names == ["city", "n"]
    assert table["n"].to_pylist() == [3, 1, nil]
    assert table.to_pydict()["city"] == ["Bern", "Genf", "Bern"]
    assert hd(table.to_pylist()) == %{"city" => "Bern", "n" => 3}
    assert table.schema.field("n").nullable == true
    more = table.append_column("one", pa.array([1, 1, 1]))
    assert more.drop_columns(["city"]).column_names == ["n", "one"]
    assert table.sort_by([{"n", "descending"}])["n"].to_pylist() == [3, 1, nil]
    assert table.group_by("city").aggregate([{"n", "sum"}]).to_pydict()["n_sum"] |> Enum.sort() == [1, 3]
    assert table.join(pa.table(%{"city" => ["Genf"], "x" => [9]}), "city")["x"].null_count == 2
  end

  test "compute, with expressions", %{pa: pa, table: table} do
    pc = import!("pyarrow.compute")
    assert pc.sum(table["n"]).as_py() == 4
    assert pc.equal(table["city"], "Bern").to_pylist() == [true, false, true]
    assert table.filter(pc.field("n") > 1).num_rows == 1
    assert table.filter(pc.field("n") >= 1 &&& pc.field("city") == "Genf").num_rows == 1
    assert pc.utf8_upper(pa.array(["é"])).to_pylist() == ["É"]
    assert pc.fill_null(table["n"], 0).to_pylist() == [3, 1, 0]
    assert pc.value_counts(table["city"]).to_pylist() |> length() == 2
  end

  test "parquet and IPC, in memory", %{pa: pa, table: table} do
    pq = import!("pyarrow.parquet")
    sink = pa."BufferOutputStream"()
    pq.write_table(table, sink, compression: "snappy")
    buffer = sink.getvalue()
    assert pq.read_table(pa."BufferReader"(buffer)).equals(table) == true
    assert is_binary(buffer.to_pybytes())

    again = pq.read_table(pa."BufferReader"(bytes(buffer.to_pybytes())), columns: ["n"])
    assert again.column_names == ["n"]

    stream = pa."BufferOutputStream"()
    writer = pa.ipc.new_stream(stream, table.schema)
    writer.write_table(table)
    writer.close()
    reader = pa.ipc.open_stream(stream.getvalue())
    assert Enum.map(reader, & &1.num_rows) == [3]
  end

  test "a source of batches that Elixir produces", %{pa: pa} do
    schema = pa.schema([{"x", pa.int64()}])
    batches = for n <- 1..3, do: pa.record_batch([pa.array([n, n])], schema: schema)
    reader = pa."RecordBatchReader".from_batches(schema, batches)
    assert reader.read_all()["x"].to_pylist() == [1, 1, 2, 2, 3, 3]
  end

  test "its exceptions", %{pa: pa, table: table} do
    assert %{class: "ArrowInvalid", mro: mro} = catch_error(pa.array([1, "a"], type: pa.int8()))
    assert "builtins.ValueError" in mro
    assert %{class: "KeyError"} = catch_error(table["nothing"])
    assert %{class: "ArrowTypeError"} = catch_error(pa.array([1], type: pa.string()))
    assert {:error, %{class: "ArrowInvalid"}} = call("pyarrow", "table", [%{"a" => [1], "b" => [1, 2]}])
  end

  test "to pandas and back", %{pa: pa, table: table} do
    df = table.to_pandas()
    assert df.shape == {3, 2}
    assert df["city"].tolist() == ["Bern", "Genf", "Bern"]
    assert pa."Table".from_pandas(df, preserve_index: false).column_names == ["city", "n"]
  end
end
