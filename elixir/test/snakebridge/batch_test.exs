defmodule SnakeBridge.BatchTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureIO
  require SnakeBridge.Py

  test "results stand in the order of the calls" do
    text = SnakeBridge.run!("'a,b'", [], as: :ref)

    assert SnakeBridge.batch([
             {"math", "sqrt", [16]},
             {:math, :comb, [5, 2]},
             {text, "split", [","]},
             {"builtins", "sorted", [[1, 3, 2]], reverse: true},
             {"builtins", "dict", [], %{"a" => 1}},
             {"datetime", "date.fromisoformat", ["2024-02-29"]}
           ]) == {:ok, [ok: 4.0, ok: 10, ok: ["a", "b"], ok: [3, 2, 1], ok: %{"a" => 1}, ok: ~D[2024-02-29]]}

    assert SnakeBridge.batch([]) == {:ok, []}
  end

  test "one that fails leaves the others alone" do
    assert {:ok, [{:ok, 1.0}, {:error, error}, {:error, missing}, {:ok, 2.0}]} =
             SnakeBridge.batch([
               {"math", "sqrt", [1]},
               {"math", "sqrt", [-1]},
               {"no_such_module", "f", []},
               {"math", "sqrt", [4]}
             ])

    assert %SnakeBridge.Py.ValueError{step: 0} = error
    assert SnakeBridge.Py.is_kind(missing, "ImportError")
  end

  test "a decoder that fails is the failure of its call alone" do
    class = SnakeBridge.run!("class BatchDecoded: pass\nBatchDecoded")
    :ok = SnakeBridge.Decoder.register("__main__.BatchDecoded", "str", fn _ -> raise "boom" end)
    worker = SnakeBridge.Session.attached()

    assert {:ok, [{:error, %SnakeBridge.BridgeError{reason: :not_convertible} = error}, {:ok, 2.0}]} =
             SnakeBridge.batch([{class, "__call__", []}, {"math", "sqrt", [4]}])

    assert error.message =~ "boom"
    assert SnakeBridge.call!("math", "sqrt", [16]) == 4.0
    assert SnakeBridge.Session.attached() == worker
  end

  test "refs, functions, and refs as results" do
    list = SnakeBridge.run!("[1]", [], as: :ref)
    results = SnakeBridge.batch!([{list, "append", [2]}, {"builtins", "len", [list]}, {list, "copy", []}])
    assert results == [nil, 2, [1, 2]]
    assert [copy, _] = SnakeBridge.batch!([{list, "copy", []}, {list, "copy", []}], as: :ref)
    assert SnakeBridge.value!(copy) == [1, 2]
    assert SnakeBridge.batch!([{"builtins", "map", [&(&1 + 1), [1, 2]]}]) |> hd() |> Enum.to_list() == [2, 3]
  end

  test "coroutines are awaited, one after the other, on any lane" do
    calls = for n <- 1..3, do: {"asyncio", "sleep", [0.01, n]}
    calls = calls ++ [{"math", "sqrt", [-1]}, {"asyncio", "sleep", ["x"]}, {"math", "sqrt", [4]}]
    kinds = &Enum.map(&1, fn {kind, _} -> kind end)

    for thread <- [:own, :main] do
      task =
        Task.async(fn ->
          SnakeBridge.Lane.put_thread(SnakeBridge.Session, thread)
          SnakeBridge.batch(calls)
        end)

      assert {:ok, [{:ok, 1}, {:ok, 2}, {:ok, 3}, _, _, {:ok, 2.0}] = results} = Task.await(task, 30_000)
      assert kinds.(results) == [:ok, :ok, :ok, :error, :error, :ok]
    end
  end

  test "batch! raises the first exception" do
    assert_raise SnakeBridge.Py.ValueError, fn ->
      SnakeBridge.batch!([{"math", "sqrt", [-1]}, {"builtins", "len", [5]}])
    end
  end

  test "output and callbacks" do
    test = self()
    tell = fn x -> send(test, {:told, x, self()}) && nil end

    assert capture_io(fn ->
             SnakeBridge.batch!([{"builtins", "print", ["a"]}, {"builtins", "print", ["b"]}])
           end) == "a\nb\n"

    run = SnakeBridge.run!("lambda f, x: f(x)")
    SnakeBridge.batch!([{run, "__call__", [tell, 1]}, {run, "__call__", [tell, 2]}])
    assert_received {:told, 1, ^test}
    assert_received {:told, 2, ^test}
  end

  test "a timeout is the whole batch's" do
    assert {:error, %SnakeBridge.BridgeError{reason: :timeout}} =
             SnakeBridge.batch([{"asyncio", "sleep", [0.01]}, {"asyncio", "sleep", [3600]}], timeout: 300)
  end
end
