defmodule SnakeBridge.Iteration do
  @moduledoc """
  A walk through a Python iterable, some items at a time: what `SnakeBridge.stream/2` gives, and `Enumerable` of refs.

      iex> {:ok, squares} = SnakeBridge.run("(n * n for n in range(10))")
      iex> squares |> SnakeBridge.stream!(chunk: 2) |> Stream.map(&(&1 + 1)) |> Enum.take(3)
      [1, 2, 5]

  Nothing is computed that is not asked for, but for the rest of a chunk: the first has one item (of a container, more),
  the next 8, then twice as many each, to 512; `chunk:` sets the most. A chunk that took 20 ms is handed over as it is,
  so a slow iterator's items come one by one. So do the objects of an iterator, for they may change when it goes on: a
  group of `itertools.groupby` is used up then, an image shows its next frame. Where other items depend on what is done
  with the one before, say `chunk: 1`.

  Asynchronous iterators and generators are walked through on the worker's event loop, by one task from start to end.

  An exception arrives after the items that came before it. A generator is closed (its `finally` runs) when the consumer
  stops early, raises or throws, and when its process ends.

  It holds no items and makes none: it only asks for them.
  """

  alias SnakeBridge.{BridgeError, Fault, Ref, Steps}

  @python "snakebridge.iteration"
  @most 512

  @enforce_keys [:ref]
  defstruct [:ref, timeout: :infinity, chunk: @most]

  @typedoc "`chunk`: the most items of one round trip. `timeout`: in milliseconds, for each."
  @type t :: %__MODULE__{ref: Ref.t(), chunk: pos_integer(), timeout: timeout()}

  @doc "An iteration of a ref, with the options of `SnakeBridge.stream/2`, which are known to be right."
  @spec new(Ref.t(), keyword()) :: t()
  def new(%Ref{} = ref, opts) do
    %__MODULE__{
      ref: ref,
      chunk: Keyword.get(opts, :chunk, @most),
      timeout: Keyword.get(opts, :timeout, :infinity)
    }
  end

  # --- Enumerable ---

  @doc "`Enumerable.reduce/3`."
  @spec reduce(t(), Enumerable.acc(), Enumerable.reducer()) :: Enumerable.result()
  def reduce(%__MODULE__{} = iteration, {:cont, acc}, function) do
    iteration
    |> call!("begin", [iteration.ref, iteration.chunk])
    |> walk({:cont, acc}, function, iteration)
  end

  def reduce(_, {:halt, acc}, _), do: {:halted, acc}
  def reduce(iteration, {:suspend, acc}, function), do: {:suspended, acc, &reduce(iteration, &1, function)}

  # What is walked through: the number that Python gave the iteration, nil when it is over there, and the items at hand.
  defp walk({nil, []}, {:cont, acc}, _, _), do: {:done, acc}

  defp walk({number, []}, {:cont, acc}, function, iteration),
    do: iteration |> call!("take", [number]) |> walk({:cont, acc}, function, iteration)

  defp walk({number, items}, {:cont, _} = acc, function, iteration) do
    feed(items, acc, function)
  catch
    kind, reason ->
      if number != nil, do: call(iteration, "close", [number])
      :erlang.raise(kind, reason, __STACKTRACE__)
  else
    {rest, acc} -> walk({number, rest}, acc, function, iteration)
  end

  defp walk({number, _}, {:halt, acc}, _, iteration) do
    if number != nil, do: close(iteration, number)
    {:halted, acc}
  end

  defp walk(state, {:suspend, acc}, function, iteration),
    do: {:suspended, acc, &walk(state, &1, function, iteration)}

  defp feed([item | rest], {:cont, acc}, function), do: feed(rest, function.(item, acc), function)
  defp feed(rest, acc, _), do: {rest, acc}

  # The consumer has what it wants: a worker that is gone meanwhile has closed the generator as well.
  defp close(iteration, number) do
    case call(iteration, "close", [number]) do
      {:error, error} when not is_struct(error, BridgeError) -> Fault.reraise!(error)
      _ -> :ok
    end
  end

  # All of it is asked of the worker that has the ref.
  defp call(%{ref: ref, timeout: timeout}, name, args),
    do: Steps.run({:module, @python}, [{:method, name, args, []}], ref: ref, timeout: timeout)

  defp call!(iteration, name, args) do
    case call(iteration, name, args) do
      {:ok, value} -> value
      {:error, error} -> Fault.reraise!(error)
    end
  end

  defimpl Enumerable do
    def reduce(iteration, acc, function), do: SnakeBridge.Iteration.reduce(iteration, acc, function)
    def count(iteration), do: Enumerable.count(iteration.ref) |> own()
    def member?(iteration, value), do: Enumerable.member?(iteration.ref, value) |> own()
    def slice(iteration), do: Enumerable.slice(iteration.ref) |> own()

    defp own({:error, _}), do: {:error, __MODULE__}
    defp own(answer), do: answer
  end

  # --- what refs know without walking ---

  # Of these `len` is the number of items that iteration gives; of a data frame it is the number of rows, while iteration
  # gives columns. What is not known is counted by iteration.
  @builtin ~w(list tuple dict set frozenset str range bytes bytearray dict_keys dict_values dict_items)
  @containers Enum.map(@builtin, &"builtins.#{&1}") ++
                ~w(collections.deque collections.OrderedDict collections.defaultdict collections.Counter)
  @sized ["numpy.ndarray" | @containers]
  @sliced ~w(builtins.list builtins.tuple builtins.str builtins.range builtins.bytes builtins.bytearray numpy.ndarray)

  @doc "`Enumerable.count/1` of a ref."
  @spec count(Ref.t()) :: {:ok, non_neg_integer()} | {:error, module()}
  def count(%Ref{type: type} = ref) when type in @sized do
    case SnakeBridge.steps(ref, [{:fun, :len}]) do
      {:ok, count} -> {:ok, count}
      {:error, _} -> {:error, Enumerable.SnakeBridge.Ref}
    end
  end

  def count(_), do: {:error, Enumerable.SnakeBridge.Ref}

  @doc """
  `Enumerable.member?/2` of a ref: asked of Python where its `in` and Elixir's `===` mean the same; and for refs, which
  `===` never finds, since each sending of an object is a ref of its own.
  """
  @spec member?(Ref.t(), term()) :: {:ok, boolean()} | {:error, module()}
  def member?(%Ref{} = ref, value)
      when is_number(value) or is_binary(value) or is_boolean(value) or value == nil or is_struct(value, Ref) do
    case call(new(ref, []), "has", [ref, value]) do
      {:ok, answer} when is_boolean(answer) -> {:ok, answer}
      _ -> {:error, Enumerable.SnakeBridge.Ref}
    end
  end

  def member?(_, _), do: {:error, Enumerable.SnakeBridge.Ref}

  @doc "`Enumerable.slice/1` of a ref."
  @spec slice(Ref.t()) :: {:ok, non_neg_integer(), Enumerable.slicing_fun()} | {:error, module()}
  def slice(%Ref{type: type} = ref) when type in @sliced do
    with {:ok, count} <- count(ref),
         do: {:ok, count, &call!(new(ref, []), "part", [ref, &1, &2, &3])}
  end

  def slice(_), do: {:error, Enumerable.SnakeBridge.Ref}

  # --- Collectable ---

  @doc "`Collectable.into/1` of a ref: items are added by `extend` or `update`, many at a time."
  @spec into(Ref.t()) :: {Ref.t(), (term(), Collectable.command() -> term())}
  def into(%Ref{} = ref) do
    put = fn items -> call!(new(ref, []), "put", [ref, Enum.reverse(items)]) end

    {{[], 0},
     fn
       {items, @most}, {:cont, item} ->
         put.(items)
         {[item], 1}

       {items, count}, {:cont, item} ->
         {[item | items], count + 1}

       {items, _}, :done ->
         if items != [], do: put.(items)
         ref

       _, :halt ->
         :ok
     end}
  end
end
