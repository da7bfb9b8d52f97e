defmodule SnakeBridge.Keeper do
  @moduledoc """
  Keeps what cells of Elixir have made, outside of the process that evaluates them: the names that Elixir owns, the
  lexical environment (imports, aliases, requires) and the results of the last cells.

  It runs no code of the user's, so it outlives every evaluator.
  Names that Python owns are not here: they are read from Python each time a cell names them.
  """

  use GenServer

  alias SnakeBridge.Keeper.News

  # A value of at most this many terms and bytes is sent to Python with its name; a larger one when Python asks for it.
  @cheap_terms 256
  @cheap_bytes 4096
  @idle_ms 20

  @typedoc "A variable as `Code.eval_quoted_with_env/3` knows it: a name, or a name of a macro's own context."
  @type key :: atom() | {atom(), atom()}

  @typedoc "What a name is bound to in the worker."
  @type bound :: {String.t(), {:value, term()} | :lazy}

  @doc "Starts the keeper of this VM's session."
  @spec start() :: GenServer.on_start()
  def start, do: GenServer.start(__MODULE__, nil, name: __MODULE__)

  @doc """
  What a new evaluator, which is the caller, begins with: the binding, the environment (nil at the very start), and the
  flag of its news (`SnakeBridge.Keeper.News`).
  """
  @spec session() :: {[{key(), term()}], Macro.Env.t() | nil, :atomics.atomics_ref()}
  def session, do: call(:session)

  @doc "What other evaluators have written since the caller was last told: names (without a value: forgotten), environment."
  @spec news() :: {[{key(), {:value, term()} | :forgotten}], Macro.Env.t()}
  def news, do: call(:news)

  @doc "Takes in what an expression has bound, and the environment after it."
  @spec put([{key(), term()}], Macro.Env.t()) :: :ok
  def put(changes, env), do: call({:put, changes, env})

  @doc "Forgets names that are not Elixir's any more."
  @spec drop([atom()]) :: :ok
  def drop(names), do: call({:drop, names})

  @doc "Keeps the result of a cell; `{:variable, key}` stands for the value that this name has."
  @spec remember(pos_integer(), {:value, term()} | {:variable, key()}) :: :ok
  def remember(cell, result), do: call({:remember, cell, result})

  @doc "The results that are kept: `{:ok, value}` for one of them, else the numbers of the cells that have one."
  @spec result(integer()) :: {:ok, term()} | {:error, [pos_integer()]}
  def result(cell), do: call({:result, cell})

  @doc "The values of names, those that exist. Serves what was bound as `lazy` in the worker."
  @spec read([String.t()]) :: %{String.t() => term()}
  def read(names), do: call({:read, names})

  @doc "All names, to be bound in a worker that has just started."
  @spec all_names() :: [bound()]
  def all_names, do: call(:all_names)

  @doc "The names that were written since this was last asked, to be bound in the worker."
  @spec take_written() :: [bound()]
  def take_written, do: call(:take_written)

  @doc """
  Applies a function of ours to the variables (a map from name to value) and the environment, in the keeper's process: for
  questions whose answer is small while the values may be large. An exception in it is raised in the caller.
  """
  @spec view((%{atom() => term()}, Macro.Env.t() | nil -> result)) :: result when result: term()
  def view(function) do
    case call({:view, function}) do
      {:ok, result} -> result
      {:raised, kind, reason, stack} -> :erlang.raise(kind, reason, stack)
    end
  end

  @doc "Whether both languages can spell the name, and it is not ours."
  @spec shared?(atom()) :: boolean()
  def shared?(:py), do: false
  def shared?(name), do: not (name |> Atom.to_string() |> String.ends_with?(["?", "!"]))

  defp call(request), do: GenServer.call(__MODULE__, request, :infinity)

  # --- the process ---

  defstruct binding: %{}, env: nil, written: MapSet.new(), results: [], news: %{}, garbage: false

  @impl true
  def init(nil), do: {:ok, %__MODULE__{}}

  @impl true
  def handle_call(request, {caller, _}, state) do
    {answer, state} = serve(request, caller, state)
    {:reply, answer, state, @idle_ms}
  end

  # Refs to objects of Python are released when the terms that held them are collected.
  @impl true
  def handle_info(:timeout, state) do
    if state.garbage, do: :erlang.garbage_collect()
    {:noreply, %{state | garbage: false}}
  end

  # An evaluator has ended.
  def handle_info({:DOWN, _, :process, pid, _}, state),
    do: {:noreply, %{state | news: Map.delete(state.news, pid)}, @idle_ms}

  defp serve(:session, caller, state) do
    {flag, news} = News.join(state.news, caller, state.env)
    {{Map.to_list(state.binding), state.env, flag}, %{state | news: news}}
  end

  defp serve(:news, caller, state) do
    {names, news} = News.take(state.news, caller, state.env)

    changes =
      for name <- names do
        with {:ok, value} <- Map.fetch(state.binding, name),
             do: {name, {:value, value}},
             else: (:error -> {name, :forgotten})
      end

    {{changes, state.env}, %{state | news: news}}
  end

  defp serve({:put, changes, env}, caller, state) do
    written = for {name, _} <- changes, is_atom(name), into: state.written, do: name
    news = News.names(state.news, caller, Enum.map(changes, &elem(&1, 0)))
    {env, news} = News.env(news, caller, state.env, env)
    binding = Enum.into(changes, state.binding)
    {:ok, %{state | binding: binding, env: env, written: written, news: news, garbage: true}}
  end

  defp serve({:drop, names}, caller, state) do
    written = MapSet.difference(state.written, MapSet.new(names))
    news = News.names(state.news, caller, names)
    {:ok, %{state | binding: Map.drop(state.binding, names), written: written, news: news, garbage: true}}
  end

  defp serve(request, _, state), do: serve(request, state)

  defp serve({:remember, cell, result}, state) do
    value =
      case result do
        {:value, value} -> value
        {:variable, key} -> Map.get(state.binding, key)
      end

    {:ok, %{state | results: Enum.take([{cell, value} | state.results], kept_results()), garbage: true}}
  end

  defp serve({:result, cell}, state), do: {find_result(state.results, cell), state}

  defp serve({:read, names}, state) do
    values =
      for name <- names, key = existing_atom(name), is_map_key(state.binding, key), into: %{} do
        {name, Map.fetch!(state.binding, key)}
      end

    {values, state}
  end

  defp serve(:all_names, state) do
    names = for name <- Map.keys(state.binding), is_atom(name), do: name
    {bound(names, state), %{state | written: MapSet.new()}}
  end

  defp serve(:take_written, state), do: {bound(state.written, state), %{state | written: MapSet.new()}}

  defp serve({:view, function}, state) do
    variables = Map.filter(state.binding, fn {key, _} -> is_atom(key) end)

    answer =
      try do
        {:ok, function.(variables, state.env)}
      catch
        kind, reason -> {:raised, kind, reason, __STACKTRACE__}
      end

    {answer, state}
  end

  defp find_result(results, cell) when cell < 0 do
    case Enum.at(results, -cell - 1) do
      {_, value} -> {:ok, value}
      nil -> {:error, cells(results)}
    end
  end

  defp find_result(results, cell) do
    case List.keyfind(results, cell, 0) do
      {_, value} -> {:ok, value}
      nil -> {:error, cells(results)}
    end
  end

  defp cells(results), do: results |> Enum.map(&elem(&1, 0)) |> Enum.reverse()

  defp kept_results, do: Application.get_env(:iex, :history_size, 20)

  # --- names for Python ---

  defp bound(names, state) do
    for name <- names, shared?(name) do
      value = Map.fetch!(state.binding, name)
      {Atom.to_string(name), if(cheap?(value), do: {:value, value}, else: :lazy)}
    end
  end

  @doc false
  # Whether sending the term with every cell costs next to nothing. Looks at no more of it than that.
  def cheap?(term), do: spend(term, {@cheap_terms, @cheap_bytes}) != :over

  defp spend(_, :over), do: :over
  defp spend(_, {terms, bytes}) when terms <= 0 or bytes < 0, do: :over
  defp spend(term, {terms, bytes}) when is_bitstring(term), do: {terms - 1, bytes - byte_size(term)}
  defp spend([head | tail], left), do: spend(tail, spend(head, less(left)))
  defp spend(tuple, left) when is_tuple(tuple), do: spend_tuple(tuple, 0, less(left))
  defp spend(map, left) when is_map(map), do: spend_map(:maps.next(:maps.iterator(map)), less(left))

  defp spend(integer, {terms, bytes})
       when is_integer(integer) and integer not in -0x8000000000000000..0x7FFFFFFFFFFFFFFF,
       do: {terms - 1, bytes - :erts_debug.flat_size(integer) * 8}

  defp spend(function, {terms, bytes}) when is_function(function) do
    {:env, env} = :erlang.fun_info(function, :env)
    spend(env, {terms - 1, bytes})
  end

  defp spend(_, left), do: less(left)

  defp spend_tuple(tuple, index, left) when index == tuple_size(tuple) or left == :over, do: left
  defp spend_tuple(tuple, index, left), do: spend_tuple(tuple, index + 1, spend(elem(tuple, index), left))

  defp spend_map(_, :over), do: :over
  defp spend_map(:none, left), do: left
  defp spend_map({key, value, rest}, left), do: spend_map(:maps.next(rest), spend(value, spend(key, left)))

  defp less({terms, bytes}), do: {terms - 1, bytes}
  defp less(:over), do: :over

  defp existing_atom(text) do
    String.to_existing_atom(text)
  rescue
    ArgumentError -> nil
  end
end
