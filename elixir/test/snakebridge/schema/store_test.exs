defmodule SnakeBridge.Schema.StoreTest do
  @moduledoc "What is kept is what was given, or nothing: also after damage, and with several writers."
  use ExUnit.Case, async: true

  import SnakeBridge.MadeUp

  alias SnakeBridge.Schema.Store

  setup do
    store =
      Path.join(System.tmp_dir!(), "snakebridge-store-#{System.pid()}-#{System.unique_integer([:positive])}")

    on_exit(fn -> File.rm_rf!(store) end)
    %{store: store}
  end

  defp library(name \\ "f"), do: document("m", [module("m", %{"functions" => [function("m.#{name}", [])]})])

  defp files(store),
    do: store |> Path.join("**") |> Path.wildcard(match_dot: true) |> Enum.filter(&File.regular?/1)

  test "one document has one file, whatever it is found by", %{store: store} do
    assert {:ok, hash} = Store.put(store, :key, library())
    assert {:ok, ^hash} = Store.put(store, :other, library())
    assert Store.list(store) == [hash]
    assert Store.fetch(store, :key) == {:ok, library()}
    assert Store.fetch(store, :other) == {:ok, library()}
    assert Store.fetch(store, :third) == :error
  end

  test "a damaged file is none, and is written again", %{store: store} do
    {:ok, hash} = Store.put(store, :key, library())
    whole = for path <- files(store), do: {path, File.read!(path)}
    assert length(whole) == 2

    for {path, content} <- whole,
        damaged <- [
          "",
          binary_part(content, 0, div(byte_size(content), 2)),
          content <> "x",
          :binary.replace(content, binary_part(content, 20, 1), <<0>>),
          :erlang.term_to_binary(:anything)
        ] do
      File.write!(path, damaged)
      assert Store.fetch(store, :key) == :error
      assert {:ok, ^hash} = Store.put(store, :key, library())
      assert Store.fetch(store, :key) == {:ok, library()}
    end
  end

  test "a file that names what is not there, or something outside, is none", %{store: store} do
    {:ok, hash} = Store.put(store, :key, library())
    [key] = for path <- files(store), path =~ "/keys/", do: path

    for other <- [String.duplicate("0", 64), "../keys/" <> Path.basename(key), "", hash <> "\n"] do
      File.write!(key, other)
      assert Store.fetch(store, :key) == :error
    end
  end

  test "content that would make atoms is refused", %{store: store} do
    atom = "snakebridge_never_made_#{System.unique_integer([:positive])}"

    name =
      <<131, 104, 2, 109, 0::24, byte_size("snakebridge.store/1"), "snakebridge.store/1", 116, 1::32, 119,
        byte_size(atom)>> <> atom <> <<97, 1>>

    hash = :sha256 |> :crypto.hash(name) |> Base.encode16(case: :lower)
    File.mkdir_p!(Path.join(store, "documents"))
    File.write!(Path.join([store, "documents", hash]), name)

    assert Store.get(store, hash) == :error
    assert_raise ArgumentError, fn -> String.to_existing_atom(atom) end
  end

  test "writers of the same, and readers meanwhile, do each other no harm", %{store: store} do
    documents = for index <- 1..4, do: library("f#{index}")

    results =
      1..80
      |> Task.async_stream(
        fn index ->
          document = Enum.at(documents, rem(index, 4))
          {:ok, _} = Store.put(store, :key, document)
          Store.fetch(store, :key)
        end,
        max_concurrency: 16
      )
      |> Enum.map(fn {:ok, result} -> result end)

    assert Enum.all?(results, fn {:ok, document} -> document in documents end)
    assert length(Store.list(store)) == 4
    refute Enum.any?(files(store), &(&1 =~ ".part"))

    assert Store.sweep(store) == :ok
    assert [_] = Store.list(store)
    assert {:ok, _} = Store.fetch(store, :key)
  end

  test "a key is about all that is asked, and who is" do
    key = Store.key("m", depth: 1, private: false)
    assert Store.key("m", private: false, depth: 1) == key
    for other <- [[depth: 2, private: false], [depth: 1], []], do: refute(Store.key("m", other) == key)
    refute Store.key("n", depth: 1, private: false) == key
  end

  test "a store that cannot be written says so", %{store: store} do
    File.write!(store, "a file")
    assert {:error, :enotdir} = Store.put(store, :key, library())
    assert Store.fetch(store, :key) == :error
  end
end
