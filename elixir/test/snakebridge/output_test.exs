defmodule SnakeBridge.OutputTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  setup_all do
    {:ok, host: start()}
  end

  setup %{host: host}, do: own(host)

  test "stdout and stderr arrive in the order in which they were printed", %{host: host} do
    cell = run(host, ~s|IO.write("a"); IO.write(:stderr, "b"); IO.write("c"); IO.write("d")|)
    assert [{:stdout, "a"}, {:stderr, "b"}, {:stdout, "cd"}] == streams(cell)
  end

  # Neighbours of one stream may come in one event or several.
  defp streams(cell) do
    for({:stream, {_, name, text}} <- cell.events, do: {name, text})
    |> Enum.chunk_by(&elem(&1, 0))
    |> Enum.map(fn [{name, _} | _] = chunk -> {name, Enum.map_join(chunk, &elem(&1, 1))} end)
  end

  test "the result comes after all output", %{host: host} do
    cell = run(host, "for i <- 1..100, do: IO.puts(i)\n:last")
    assert {:result, _} = List.last(cell.events)
    assert cell.stdout == Enum.map_join(1..100, &"#{&1}\n")
  end

  test "nothing is lost of much output", %{host: host} do
    cell = run(host, ~s|for i <- 1..20_000, do: IO.puts("line \#{i}"); :ok|)
    assert cell.stdout == Enum.map_join(1..20_000, &"line #{&1}\n")
    cell = run(host, ~s|IO.write(String.duplicate("é", 2_000_000))|)
    assert cell.stdout == String.duplicate("é", 2_000_000)
  end

  test "all kinds of text are UTF-8 in the end", %{host: host} do
    for {source, text} <- [
          {~s|IO.puts("größe ✓")|, "größe ✓\n"},
          {~s|:io.format("~ts ~p~n", ["é", ~c"abc"])|, "é \"abc\"\n"},
          {~s|:io.put_chars([0x20AC, "x", [?y]])|, "€xy"},
          {~s|IO.binwrite("é")|, "é"},
          {~s|IO.binwrite(<<255, 65>>)|, "ÿA"},
          {~s|IO.puts(<<255, 97, 254>>)|, "\uFFFDa\uFFFD\n"},
          {~s|IO.write([<<0xC3>>, "abc", 300])|, "\uFFFDabcĬ"},
          {~s|:file.write(Process.group_leader(), [1, <<2>>])|, "\x01\x02"},
          {~s|IO.write("")|, ""}
        ] do
      cell = run(host, source)
      assert cell.error == nil, "#{source}: #{inspect(cell.error)}"
      assert cell.stdout == text, source
    end
  end

  test "an I/O request that makes no sense is refused, and the cell goes on", %{host: host} do
    source = """
    ask = fn request ->
      reference = make_ref()
      send(Process.group_leader(), {:io_request, self(), reference, request})
      receive do {:io_reply, ^reference, answer} -> answer end
    end
    [
      ask.(:nonsense),
      ask.({:put_chars, :unicode, :no_text}),
      ask.({:put_chars, :unicode, :erlang, :error, [:oops]}),
      ask.({:get_until, :unicode, "", :no_module, :no_function, []}),
      ask.({:requests, [{:put_chars, :unicode, "one "}, {:put_chars, :unicode, "two"}]}),
      ask.({:get_geometry, :rows})
    ]
    """

    cell = run(host, source, inputs: ["x"])

    assert plain(cell.result) ==
             "[\n  error: :request,\n  error: :put_chars,\n  error: :put_chars,\n  error: :request,\n  :ok,\n  error: :enotsup\n]" or
             plain(cell.result) =~ "{:error, :request}"

    assert cell.stdout == "one two"
  end

  test "what a process of the cell prints later still belongs to the cell", %{host: host} do
    cell =
      begin_cell(
        host,
        ~s|spawn(fn -> Process.sleep(100); IO.puts("late"); IO.puts(:stderr, "late error") end); :ok|
      )

    assert %{status: :ok, stdout: ""} = end_cell(cell)
    next = begin_cell(host, ~s|Process.sleep(300); IO.puts("now")|)
    assert %{stdout: "now\n", stderr: ""} = end_cell(next)
    assert_receive {:frame, :control, {:ev, :stream, {^cell, :stdout, "late\n"}}}
    assert_receive {:frame, :control, {:ev, :stream, {^cell, :stderr, "late error\n"}}}
  end

  test "endless late output holds nothing up" do
    host = start()
    own(host)

    source =
      "printer = spawn(fn -> Stream.repeatedly(fn -> IO.puts(String.duplicate(\"x\", 100)) end) |> Stream.run() end)"

    cell = begin_cell(host, source)
    assert %{status: :ok} = end_cell(cell)
    assert_receive {:frame, :control, {:ev, :stream, {^cell, :stdout, _}}}, 5_000
    assert {:ok, :alive} = request(host, :control, :ping, :alive)
    assert value(host, "Process.exit(printer, :kill)") == "true"
    assert value(host, "Process.alive?(printer)") == "false"
  end

  test "a task's output is its cell's", %{host: host} do
    assert %{stdout: "task\n"} = run(host, ~s|Task.async(fn -> IO.puts("task") end) \|> Task.await()|)
  end

  test "processes that are no cell's print to the cell that runs", %{host: host} do
    assert %{stdout: "user\n"} = run(host, ~s|IO.puts(:user, "user")|)

    source = ~s|spawn(fn -> Process.group_leader(self(), Process.whereis(:user)); IO.puts("led by user") end)|
    assert %{stdout: "led by user\n"} = run(host, source <> "; Process.sleep(100)")
  end

  test "the log is the cell's stderr, also of processes that crash", %{host: host} do
    cell = run(host, ~s|require Logger; Logger.warning("careful")|)
    assert plain(cell.stderr) =~ "[warning] careful"

    cell = run(host, ~s|spawn(fn -> raise "crash" end); Process.sleep(200)|)
    assert plain(cell.stderr) =~ "(RuntimeError) crash"
    assert cell.status == :ok
  end

  test "warnings are shown once, with the line, as stderr", %{host: host} do
    cell = run(host, "defmodule Unused do\n  def f do\n    x = 1\n    2\n  end\nend")
    assert length(String.split(cell.stderr, "is unused")) == 2
    text = plain(cell.stderr)
    assert text =~ "3 │     x = 1"
    assert text =~ "└─ cell #{number(cell)}:3:5: Unused.f/0"
  end

  test "warnings of the user's own show no frames of ours", %{host: host} do
    cell =
      run(
        host,
        "defmodule Warns do\n  def now do\n    IO.warn(\"careful\")\n    :ok\n  end\nend\nWarns.now()"
      )

    text = plain(cell.stderr)
    assert text =~ "warning: careful"
    assert text =~ "cell #{number(cell)}:3: Warns.now/0"
    refute text =~ "SnakeBridge"
    refute text =~ "erl_eval"
  end

  test "warnings of the cell itself name the cell", %{host: host} do
    cell = run(host, "word = \"watch out\"\nIO.warn(word)")
    assert plain(cell.stderr) == "warning: watch out\n  cell #{number(cell)}\n\n"
    cell = run(host, "Enum.map([1], fn _ -> IO.warn(\"careful\") end)")
    text = plain(cell.stderr)
    assert text =~ ~r/^warning: careful\n(  .*\n)*  cell #{number(cell)}\n\n$/
    refute text =~ ~r/erl_eval|SnakeBridge/
  end

  test "defining a module again makes no noise", %{host: host} do
    assert %{stderr: ""} = run(host, "defmodule Again do\n  def f, do: 1\nend")
    assert %{stderr: ""} = run(host, "defmodule Again do\n  def f, do: 2\nend")
    assert value(host, "Again.f()") == "2"
  end

  defp number(cell), do: Enum.find_value(cell.events, fn {_, body} -> is_map(body) && body.cell end)

  test "input: lines, characters, terms, end", %{host: host} do
    cell = run(host, ~s|IO.gets("name? ")|, inputs: ["Ada"])
    assert {:input, {_, "name? ", false}} = List.keyfind(cell.events, :input, 0)
    assert plain(cell.result) == ~s|"Ada\\n"|

    assert value(host, ~s|{IO.getn("", 2), IO.getn("", 2)}|, inputs: ["abc"]) == ~s|{"ab", "c\\n"}|
    assert value(host, "IO.read(:line)", inputs: ["é"]) == ~s|"é\\n"|
    assert value(host, "IO.read(:line)", inputs: [:eof]) == ":eof"
    assert value(host, "IO.read(:eof)", inputs: ["one", "two", :eof]) == ~s|"one\\ntwo\\n"|
    assert value(host, ~s|:io.read("")|, inputs: ["{a,", "1}."]) == "{:ok, {:a, 1}}"
    assert value(host, ~s|:io.fread("", ~c"~d ~d")|, inputs: ["3 4"]) == "{:ok, [3, 4]}"

    assert value(host, "IO.stream(:stdio, :line) |> Enum.to_list()", inputs: ["x", "y", :eof]) ==
             ~s|["x\\n", "y\\n"]|

    cell = run(host, ":io.get_password()", inputs: ["secret"])
    assert {:input, {_, "", true}} = List.keyfind(cell.events, :input, 0)
  end

  test "others print while a process waits for input", %{host: host} do
    source = """
    spawn(fn -> for i <- 1..3 do Process.sleep(20); IO.puts(i) end end)
    IO.gets("? ")
    """

    cell = begin_cell(host, source)
    assert_receive {:frame, :main, {:req, id, :input, {^cell, "? ", false}}}, 5_000
    assert_receive {:frame, :main, {:ev, :stream, {^cell, :stdout, "3\n"}}}, 5_000
    send_frame(host, :main, {:ok, id, "go"})
    assert plain(end_cell(cell).result) == ~s|"go\\n"|
  end

  test "two processes that ask are asked one after the other", %{host: host} do
    source =
      ~s|for i <- 1..2 do Task.async(fn -> IO.gets("\#{i}? ") end) end \|> Task.await_many() \|> Enum.sort()|

    assert value(host, source, inputs: ["a", "b"]) == ~s|["a\\n", "b\\n"]|
  end

  test "nobody is asked for a cell that has ended", %{host: host} do
    run(host, ~s|me = self(); spawn(fn -> Process.sleep(50); send(me, {:got, IO.gets("late? ")}) end); :ok|)
    assert value(host, "receive do message -> message end") == "{:got, :eof}"
  end
end
