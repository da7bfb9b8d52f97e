defmodule SnakeBridge.Stub do
  @moduledoc """
  Tests without Python: stands where a session would, and answers calls from functions that the test gives, or from a
  recording of what Python answered once.

      # config/test.exs
      config :snakebridge, executor: SnakeBridge.Stub

  Then every session and pool of the application is a stub, and no Python is started. All of the API goes to it: `call`,
  `get`, methods, attributes, natural syntax, wrappers, streams, contexts, `inspect/1`.

      iex> alias SnakeBridge.Stub
      iex> {:ok, _} = Stub.start_link(name: Docs.Python)
      iex> Stub.stub("math.sqrt", fn [x], _ -> :math.sqrt(x) end, session: Docs.Python)
      iex> SnakeBridge.call("math", "sqrt", [16], [], session: Docs.Python)
      {:ok, 4.0}

  ## Answers

  A name is dotted, `"math.sqrt"`; of a method it begins with the class's name as the object's ref tells it:
  `"pandas.DataFrame.head"`, or `"str.upper"` for values. What it stands for is a value, or a function of the positional
  arguments (of a method the object is the first of them) and a map of the keyword arguments, with names as text. What
  the function gives is what the call gives; what it raises of Python's exceptions is its error:

      iex> SnakeBridge.Stub.start_link(name: Docs.Errors)
      iex> SnakeBridge.Stub.stub("json.loads", fn [_], _ -> raise SnakeBridge.Py.ValueError, "no JSON" end, session: Docs.Errors)
      iex> {:error, error} = SnakeBridge.call("json", "loads", ["{"], [], session: Docs.Errors)
      iex> error.message
      "no JSON"

  A call that has no answer raises `SnakeBridge.Stub.UnexpectedCallError` where it was made, also from functions that
  give `{:error, exception}`: it is a mistake of the test, and no result.

  ## Whose answers

  Answers belong to the process that gives them, as do expectations: tests may be `async: true`. They hold for calls
  of that process and of the processes which it started (`Task`, and whatever keeps `$callers`); for others, as a
  `GenServer` of the application, say `allow/2`. Answers given with `for: :all`, as in `test_helper.exs`, hold for
  everybody who has none of their own.

  ## What differs from Python

  It computes nothing: items, slices and length of values are there, operators of objects are methods (`"__add__"`).
  Functions that are given to Python are not called unless an answer does it. Values arrive as the answer gives them.
  """

  alias SnakeBridge.{Lane, Ref, Session}
  alias SnakeBridge.Py.Hierarchy
  alias SnakeBridge.Stub.{Answers, Recording, Server, UnexpectedCallError}

  @compile {:no_warn_undefined, ExUnit.Callbacks}

  @typedoc """
  `session:` is the session whose place the stub has, default `SnakeBridge.Session`; `for: :all` gives an answer to
  everybody.
  """
  @type opts :: [session: Session.t(), for: :all]
  @typedoc "A value, or a function of positional and keyword arguments."
  @type answer :: term() | ([term()], %{optional(String.t()) => term()} -> term())

  @doc """
  Starts a stub in the place of a session, where the configuration has not done so: in `test_helper.exs`, or under the
  test's supervisor. Options are those of a session: `name:`, default `SnakeBridge.Session`, and for recordings `python:`,
  `cd:`, `env:`.
  """
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(opts \\ []), do: :session |> SnakeBridge.Options.check!(opts) |> Server.start_link()

  @doc false
  def child_spec(opts), do: %{id: Keyword.get(opts, :name, Session), start: {__MODULE__, :start_link, [opts]}}

  # --- answers ---

  @doc """
  Has a name answered, any number of times. `:run` stands for Python source, of `SnakeBridge.run/3` and of drops: the
  arguments are the source and its bindings. What a drop is to assign is given as `{:bound, value, %{"name" => 1}}`.
  """
  @spec stub(String.t() | :run, answer(), opts()) :: :ok
  def stub(name, answer, opts \\ []), do: ask(opts, {:stub, key(opts), name(name), checked(answer)})

  @doc """
  Has a name answered `times:` (default 1) times, and expects that it is: see `verify!/1`. Expectations of one name are
  used in the order in which they were given, before what `stub/3` said; a call beyond them raises.
  """
  @spec expect(String.t() | :run, answer(), [{:times, pos_integer()} | {:session, Session.t()}]) :: :ok
  def expect(name, answer, opts \\ []) do
    times = Keyword.get(opts, :times, 1)

    if not (is_integer(times) and times > 0),
      do: raise(ArgumentError, "times: is a number above 0, got: #{inspect(times)}")

    ask(opts, {:expect, key(opts), name(name), times, checked(answer)})
  end

  defp name(:run), do: "snakebridge.drops.run"
  defp name(name) when is_binary(name) and name != "", do: name

  defp name(other),
    do:
      raise(
        ArgumentError,
        "what is answered is a dotted name, as \"math.sqrt\", or :run, got: #{inspect(other)}"
      )

  defp checked(answer) when is_function(answer) and not is_function(answer, 2),
    do: raise(ArgumentError, "an answer is a value or a function of two arguments: fn [x], kwargs -> ... end")

  defp checked(answer), do: answer

  @doc "Lets another process, by pid or name, have the answers of this one."
  @spec allow(pid() | atom(), opts()) :: :ok
  def allow(process, opts \\ []) do
    pid = if is_pid(process), do: process, else: Process.whereis(process)
    if pid == nil, do: raise(ArgumentError, "no process is called #{inspect(process)}")
    ask(opts, {:allow, self(), pid})
  end

  @doc """
  Raises where an expectation of this process has not been met.

  What was expected by all (`for: :all`) is not looked at.
  """
  @spec verify!(opts()) :: :ok
  def verify!(opts \\ []), do: verify_of(self(), opts)

  @doc """
  Like `verify!/1`, when the test has ended. May stand as `setup :verify_on_exit!`.

  Not for a stub that the test itself supervises, which has ended by then: there say `verify!/1` at the test's end.
  """
  @spec verify_on_exit!(opts() | map()) :: :ok
  def verify_on_exit!(opts \\ []) do
    opts = if is_map(opts), do: [], else: opts
    owner = self()
    ask(opts, {:keep, owner})

    ExUnit.Callbacks.on_exit({__MODULE__, session(opts)}, fn ->
      try do
        verify_of(owner, opts)
      after
        ask(opts, {:forget, owner})
      end
    end)
  end

  defp verify_of(owner, opts) do
    case ask(opts, {:missing, owner}) do
      [] ->
        :ok

      missing ->
        lines =
          for {name, wanted, came} <- missing,
              do: "\n  #{name}: expected #{times(wanted)}, came #{times(came)}"

        raise UnexpectedCallError, message: "calls that were expected have not been made:#{lines}"
    end
  end

  defp times(1), do: "once"
  defp times(count), do: "#{count} times"

  @doc """
  The calls of this process, and of those that have its answers, in order: name, positional arguments, keyword arguments.

      iex> {:ok, _} = SnakeBridge.Stub.start_link(name: Docs.Calls)
      iex> SnakeBridge.Stub.stub("math.comb", 10, session: Docs.Calls)
      iex> SnakeBridge.call!("math", "comb", [5, 2], [], session: Docs.Calls)
      iex> SnakeBridge.Stub.calls(session: Docs.Calls)
      [{"math.comb", [5, 2], %{}}]
  """
  @spec calls(opts()) :: [{String.t(), [term()], map()}]
  def calls(opts \\ []), do: ask(opts, {:calls, key(opts)})

  # --- objects and exceptions ---

  @doc """
  An object that a stub gives: a ref, as of an object in Python.

      iex> {:ok, _} = SnakeBridge.Stub.start_link(name: Docs.Objects)
      iex> df = SnakeBridge.Stub.object("pandas.DataFrame", session: Docs.Objects,
      ...>   attributes: %{shape: {3, 2}}, methods: %{head: fn [n], _ -> Enum.take([1, 2, 3], n) end})
      iex> {SnakeBridge.attr!(df, "shape"), SnakeBridge.method!(df, "head", [2]), inspect(df)}
      {{3, 2}, [1, 2], "#Python<<pandas.DataFrame>>"}

  Options:

    * `:attributes` - a map or keyword list of values
    * `:methods` - the same of answers; the object is not among their arguments. Operators too: `__add__:`, `__getitem__:`
    * `:value` - what the object is as a value: with it items, length, iteration and `as: :value` are answered. An
      enumerable may be infinite
    * `:repr` - what `inspect/1` and `to_string/1` show
  """
  @spec object(String.t(), keyword()) :: Ref.t()
  def object(type, opts \\ []) when is_binary(type) do
    {session, opts} = Keyword.pop(opts, :session, Session)

    with [wrong | _] <- Keyword.keys(opts) -- [:attributes, :methods, :value, :repr],
         do:
           raise(
             ArgumentError,
             "an object of a stub has no #{wrong}:, but attributes:, methods:, value:, repr:"
           )

    named = fn members -> Map.new(members, fn {name, value} -> {to_string(name), checked(value)} end) end

    Answers.put(session, %Answers.Object{
      type: type,
      attributes: named.(Keyword.get(opts, :attributes, [])),
      methods: named.(Keyword.get(opts, :methods, [])),
      value: opts[:value],
      valued: Keyword.has_key?(opts, :value),
      repr: opts[:repr]
    })
  end

  @doc """
  An exception of a library's class, to be raised in an answer. `bases` are the classes that it extends, nearest first;
  the builtin among them says which module it has in Elixir, `Exception` where there is none.

      iex> error = SnakeBridge.Stub.exception("requests.exceptions.ConnectionError", "refused", ["OSError"])
      iex> {error.__struct__, error.class, error.message}
      {SnakeBridge.Py.OSError, "ConnectionError", "refused"}
  """
  @spec exception(String.t(), String.t(), [String.t()]) :: Exception.t()
  def exception(class, message, bases \\ ["Exception"]) do
    {module, name} =
      case class |> String.split(".") |> Enum.split(-1) do
        {[], [name]} -> {"builtins", name}
        {module, [name]} -> {Enum.join(module, "."), name}
      end

    mro = Enum.uniq(["#{module}.#{name}" | Enum.flat_map(bases, &mro/1)])
    SnakeBridge.Fault.exception({:python, %{class: name, module: module, message: message, mro: mro}})
  end

  defp mro(base) do
    if base in Enum.map(Hierarchy.names(), &to_string/1),
      do: base |> String.to_existing_atom() |> Hierarchy.mro(),
      else: [base]
  end

  # --- recordings ---

  @doc """
  Runs a function with real Python, and writes what it answered to the file. Gives what the function gives.

  What is recorded are the calls of this process and of those that it starts, to the session that the stub stands for;
  nothing is written where the function raises. What Python prints, and calls that it makes of Elixir functions, are no
  part of a recording. Paths and times among the arguments can be made `any()` in the file.
  """
  @spec record(Path.t(), (-> result), opts()) :: result when result: term()
  def record(path, function, opts \\ []) do
    case ask(opts, {:record, self(), path}) do
      {:ok, _} -> :ok
      {:error, error} -> raise error
    end

    try do
      function.()
    catch
      kind, reason ->
        ask(opts, {:recorded, self()})
        :erlang.raise(kind, reason, __STACKTRACE__)
    else
      result ->
        opts |> ask({:recorded, self()}) |> Recording.write()
        result
    end
  end

  @doc """
  Has calls of this process, and of those that it starts, answered from the file, from now on. What the file does not
  know raises `SnakeBridge.Stub.UnexpectedCallError`.
  """
  @spec replay(Path.t(), opts()) :: :ok
  def replay(path, opts \\ []) do
    recording = Recording.read!(path, session(opts), Session.attached(session(opts)))
    ask(opts, {:replay, self(), recording})
  end

  @doc """
  Runs a function with the answers of a file: recorded where the file is not there yet or `SNAKEBRIDGE_RECORD` is set,
  played else.

      test "the mean" do
        SnakeBridge.Stub.recorded("test/recordings/mean.exs", fn ->
          assert Wine.mean("test/wine.csv") == 5.8
        end)
      end
  """
  @spec recorded(Path.t(), (-> result), opts()) :: result when result: term()
  def recorded(path, function, opts \\ []) do
    if System.get_env("SNAKEBRIDGE_RECORD") in [nil, "", "0"] and File.exists?(path) do
      :ok = replay(path, opts)

      try do
        function.()
      after
        ask(opts, {:recorded, self()})
      end
    else
      record(path, function, opts)
    end
  end

  # --- for lanes ---

  @doc "Whether a session is a stub. Takes no message."
  @spec stub?(term()) :: boolean()
  def stub?(session), do: :persistent_term.get({__MODULE__, session}, false)

  @doc "The module that configured sessions are started by, nil for Python itself."
  @spec executor() :: module() | nil
  def executor do
    case Application.get_env(:snakebridge, :executor) do
      executor when executor in [nil, __MODULE__] ->
        executor

      other ->
        raise ArgumentError,
              "config :snakebridge, executor: is SnakeBridge.Stub or nothing, got: #{inspect(other)}"
    end
  end

  @doc "What a lane's request of a session would give."
  @spec request(Session.t(), atom(), term(), keyword()) :: {:ok, term()} | {:error, Exception.t()}
  def request(session, op, body, opts) do
    {mode, generation} = Server.ask(session, {:mode, callers()})

    case {op, mode} do
      {:do, :answers} ->
        {target, steps, wire} = body

        if ref = foreign(opts[:ref], generation),
          do: {:error, Session.gone(ref)},
          else: Answers.run(session, target, steps, wire)

      {:batch, :answers} ->
        {:ok, Enum.map(body, fn {target, steps, wire} -> Answers.run(session, target, steps, wire) end)}

      {_, {:record, key, python}} ->
        record(session, key, python, {op, body, opts})

      {:do, {:replay, key}} ->
        play(session, key, body)

      {:batch, {:replay, key}} ->
        {:ok, Enum.map(body, &play(session, key, &1))}

      _ ->
        {:error, Session.unavailable(session, "it is a stub, and has no names of cells")}
    end
  end

  defp foreign(%Ref{worker: worker}, generation) when worker == generation, do: nil
  defp foreign(ref, _), do: ref

  @doc "The calling process and those that started it, nearest first."
  @spec callers() :: [pid()]
  def callers, do: [self() | Process.get(:"$callers") || []]

  defp play(session, key, request) do
    case Server.ask(session, {:play, key, request}) do
      {:ok, answer} ->
        answer

      {:none, written, nearest} ->
        nearest =
          if nearest == [],
            do: "nothing is recorded there",
            else: "nearest: " <> Enum.join(nearest, "\n           ")

        raise UnexpectedCallError,
          message: "this was not recorded: #{written}\n  #{nearest}",
          hint: "record again where Python is: SNAKEBRIDGE_RECORD=1 mix test"
    end
  end

  # Python's own refs belong to its session; those that callers see to the stub, which they are sent to.
  defp record(session, key, python, {op, body, opts}) do
    opts = if ref = opts[:ref], do: Keyword.put(opts, :ref, rehome(ref, session, python)), else: opts
    answer = python |> Lane.request(op, rehome(body, session, python), opts) |> rehome(python, session)

    case {op, answer} do
      {:batch, {:ok, answers}} ->
        for {request, answer} <- Enum.zip(body, answers),
            do: Server.ask(session, {:note, key, request, answer})

      {:do, _} ->
        Server.ask(session, {:note, key, body, answer})

      _ ->
        :ok
    end

    answer
  end

  defp rehome(%Ref{session: from} = ref, from, to), do: %{ref | session: to}
  defp rehome([head | tail], from, to), do: [rehome(head, from, to) | rehome(tail, from, to)]

  defp rehome(tuple, from, to) when is_tuple(tuple),
    do: tuple |> Tuple.to_list() |> rehome(from, to) |> List.to_tuple()

  defp rehome(%{__exception__: true, ref: %Ref{} = ref} = error, from, to),
    do: %{error | ref: rehome(ref, from, to)}

  defp rehome(%SnakeBridge.Make{} = make, from, to),
    do: %{make | args: rehome(make.args, from, to), kwargs: rehome(make.kwargs, from, to)}

  defp rehome(%MapSet{} = set, from, to), do: MapSet.new(set, &rehome(&1, from, to))

  defp rehome(map, from, to) when is_map(map) and not is_struct(map),
    do: Map.new(map, fn {key, value} -> {rehome(key, from, to), rehome(value, from, to)} end)

  # What Python hands to it are objects of Python, and what it gives may be one of the stub's.
  for arity <- 0..8 do
    args = Macro.generate_arguments(arity, __MODULE__)

    defp rehome(function, from, to) when is_function(function, unquote(arity)) do
      fn unquote_splicing(args) ->
        function |> Kernel.apply(rehome(unquote(args), to, from)) |> rehome(from, to)
      end
    end
  end

  defp rehome(other, _, _), do: other

  # --- helpers ---

  defp key(opts), do: if(opts[:for] == :all, do: :all, else: self())
  defp session(opts), do: Keyword.get(opts, :session, Session)

  # The default session is started by whoever needs it first.
  defp ask(opts, question) do
    session = session(opts)

    if session == Session and executor() == __MODULE__ and Process.whereis(Session) == nil,
      do: Session.ensure_default()

    if not stub?(session) do
      raise ArgumentError,
            "#{inspect(session)} is no stub\n" <>
              "hint: config :snakebridge, executor: SnakeBridge.Stub in config/test.exs, " <>
              "or SnakeBridge.Stub.start_link(name: #{inspect(session)}) before its first use"
    end

    Server.ask(session, question)
  end
end
