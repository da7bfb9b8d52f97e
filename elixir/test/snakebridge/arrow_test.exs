defmodule SnakeBridge.ArrowTest do
  @moduledoc "Tables through a real worker."
  use ExUnit.Case, async: true

  alias SnakeBridge.{Arrow, BridgeError, Installed}

  @libraries %{
    "pandas" => "DataFrame",
    "polars" => "DataFrame",
    "pyarrow" => "table"
  }

  for {module, class} <- @libraries do
    @tag skip: Installed.skip([module, "pyarrow"])
    test "a table of #{module}, there and back" do
      columns = %{"a" => [1, 2, nil], "b" => ["x", "é", "z"]}
      table = SnakeBridge.call!(unquote(module), unquote(class), [columns], [], as: :arrow)
      assert %Arrow{data: <<255, 255, 255, 255, _::binary>>} = table
      assert inspect(table) =~ ~r/^#SnakeBridge.Arrow<\d+ bytes>$/
      assert SnakeBridge.method!({:value, table}, "to_pydict") == columns

      assert SnakeBridge.call!("pyarrow", "concat_tables", [[table, table]]) |> SnakeBridge.attr!("num_rows") ==
               6
    end
  end

  test "a library that another thread is importing is not asked for what it has not got yet" do
    session = start_supervised!({SnakeBridge.Session, name: __MODULE__}) && __MODULE__

    SnakeBridge.run!("import sys, types; sys.modules.update(pandas=types.ModuleType('pandas'))", [],
      session: session
    )

    assert {:error, %BridgeError{reason: :not_convertible}} =
             SnakeBridge.call("builtins", "dict", [], [], as: :arrow, session: session)
  end

  test "what is no table is refused with a hint" do
    assert {:error, %BridgeError{reason: :not_convertible} = error} =
             SnakeBridge.call("builtins", "dict", [], [], as: :arrow)

    assert error.message == "a builtins.dict is no table: it has no Arrow interface"
    assert error.hint =~ "pyarrow.table(x)"
  end
end
