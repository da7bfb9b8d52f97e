defmodule SnakeBridge.Steps do
  @moduledoc """
  What every call of the API comes to: a target, the steps from there, and the session that they go to.

  Names become steps, what is sent is encoded, the refs in it say where it goes. It looks at no options, for the API has
  done that, and sends nothing itself: see `SnakeBridge.Lane`.
  """

  alias SnakeBridge.{BridgeError, Lane, Marshal, Options, Pool, Py, Ref, Session, Telemetry}

  # --- names ---

  @doc """
  A name of Python as text.

      iex> {SnakeBridge.Steps.text(:sqrt), SnakeBridge.Steps.text("date.today")}
      {"sqrt", "date.today"}
  """
  @spec text(SnakeBridge.name()) :: String.t()
  def text(name) when is_binary(name), do: name
  def text(name) when is_atom(name) and name not in [nil, true, false], do: Atom.to_string(name)

  def text(other),
    do: raise(ArgumentError, "a name of Python is text or an atom, got: #{Options.shown(other)}")

  @doc """
  The steps to a dotted name; the last of them is what the function makes of the last name.

      iex> SnakeBridge.Steps.path("date.today", &{:method, &1, [], []})
      [{:attr, "date"}, {:method, "today", [], []}]
  """
  @spec path(SnakeBridge.name(), (String.t() -> tuple())) :: [tuple()]
  def path(name, last) do
    name = text(name)

    # Nearly none has a dot, and splitting costs more than all else here.
    case :binary.match(name, ".") do
      :nomatch ->
        [last.(name)]

      _ ->
        {names, [name]} = name |> String.split(".") |> Enum.split(-1)
        Enum.map(names, &{:attr, &1}) ++ [last.(name)]
    end
  end

  @doc """
  Keyword arguments as they are sent.

      iex> SnakeBridge.Steps.kwargs(reverse: true)
      [{"reverse", true}]
  """
  @spec kwargs(SnakeBridge.kwargs()) :: [{String.t(), term()}]
  def kwargs([]), do: []

  def kwargs(kwargs) when is_list(kwargs) or (is_map(kwargs) and not is_struct(kwargs)),
    do: Enum.map(kwargs, &kwarg/1)

  def kwargs(other),
    do: raise(ArgumentError, "keyword arguments are a keyword list or a map, got: #{Options.shown(other)}")

  defp kwarg({name, value}), do: {text(name), value}

  defp kwarg(other) do
    raise ArgumentError,
          "keyword arguments are pairs of a name and a value, but one is #{Options.shown(other)}\n" <>
            "hint: positional arguments stand in the list before them"
  end

  # --- targets ---

  @doc "Takes the steps: `SnakeBridge.steps/3`, with options that are known to be right. `ref:` names the worker."
  @spec run(SnakeBridge.target(), [tuple()], keyword()) :: SnakeBridge.result()
  def run(%Ref{} = ref, steps, opts), do: request(nil, {:value, ref}, steps, opts)
  def run(%Py{session: session}, steps, opts), do: run_names(session, steps, opts)

  def run({kind, _} = target, steps, opts) when kind in [:module, :name, :value],
    do: request(nil, target, steps, opts)

  def run(value, _, _) do
    message =
      "#{Options.shown(value)} is a value of Elixir, not an object of Python\n" <>
        "hint: with `as: :ref` the call that gave it leaves the object in Python"

    {:error, %ArgumentError{message: message}}
  end

  defp run_names(session, [{kind, name} | steps], opts) when kind in [:attr, :item],
    do: request(session, {:name, name}, steps, opts)

  defp run_names(session, [{:method, name, args, kwargs} | steps], opts),
    do: request(session, {:name, name}, [{:call, args, kwargs} | steps], opts)

  defp run_names(_, _, _),
    do: {:error, %ArgumentError{message: "py stands for the names of Python: py.name, py.name(...)"}}

  # --- requests ---

  # `names` is the session whose names it speaks of.
  defp request(names, target, steps, opts) do
    with {:ok, {target, steps}, opts} <- encode({target, steps}, opts),
         {:ok, session} <- session(names, opts) do
      send(session, :do, {target, steps, wire(opts)}, target, steps, opts)
    end
  end

  @doc "Takes several lists of steps, each from its own target, in one request."
  @spec batch([{SnakeBridge.target(), [tuple()]}], keyword()) ::
          {:ok, [SnakeBridge.result()]} | {:error, Exception.t()}
  def batch(calls, opts) do
    wire = wire(opts)

    with {:ok, calls, opts} <-
           calls |> Enum.map(fn {target, steps} -> {target, steps, wire} end) |> encode(opts),
         {:ok, session} <- session(nil, opts) do
      send(session, :batch, calls, {:name, "batch"}, [{:call, calls, []}], opts)
    end
  end

  defp send(session, op, body, target, steps, opts) do
    if Telemetry.loaded?(),
      do: Telemetry.span(session, target, steps, opts, fn -> Lane.request(session, op, body, opts) end),
      else: Lane.request(session, op, body, opts)
  end

  defp wire(opts), do: if(as = opts[:as], do: %{as: as}, else: %{})

  # With the ref whose worker it goes to, and what is to be kept alive for it.
  defp encode(term, opts) do
    case Marshal.encode(term) do
      {term, [], []} ->
        {:ok, term, opts}

      {term, refs, pins} ->
        with {:ok, ref} <- Marshal.one_home(refs),
             do: {:ok, term, [{:ref, ref}, {:pins, pins} | opts]}
    end
  rescue
    error in BridgeError -> {:error, error}
  end

  # A session that is a pool's member is meant where its pool is named.
  defp session(names, opts) do
    case {names, opts[:ref]} do
      {nil, nil} -> {:ok, opts |> Keyword.get(:session, Session) |> Pool.named()}
      {nil, %Ref{session: session}} -> {:ok, session}
      {names, nil} -> {:ok, names}
      {names, ref} -> session_of_names(names, ref)
    end
  end

  defp session_of_names(names, %Ref{session: session} = ref) do
    if GenServer.whereis(names) == GenServer.whereis(session) or Pool.member?(names, session),
      do: {:ok, session},
      else: Marshal.one_home([ref, %Ref{session: names, worker: ref.worker, id: 0, type: "name"}])
  end
end
