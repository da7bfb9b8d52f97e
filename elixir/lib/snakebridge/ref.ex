defmodule SnakeBridge.Ref do
  @moduledoc """
  An object that lives in Python.

  `session` and `worker` (its generation) say where, `id` which, `type` names its class for people.
  The object lives in Python while any term of the BEAM, in any process, holds its ref: `resource` is what the BEAM's
  garbage collector sees of it. Where that is nil (see `SnakeBridge.Native`), it lives until `SnakeBridge.release/1`, the
  end of `SnakeBridge.scope/1` or that of its worker.
  A ref can be handed to any process. With `use SnakeBridge`, `py do ... end`, and in cells, `ref.name` is the attribute
  of the Python object; elsewhere it is a field of this struct.

  It implements

  | protocol | |
  |---|---|
  | `Access` | `ref["a"]`, `ref[{1, 2}]`, `ref[1..2]` (a slice), `put_in(ref["a"], value)`, `pop_in/1`: as in Python, exceptions included |
  | `Enumerable` | lazy, in chunks; a generator is closed when the consumer stops: see `SnakeBridge.Iteration` |
  | `Collectable` | `Enum.into(1..3, ref)` adds to the Python object itself, by its `extend` or `update` |
  | `String.Chars` | `str(object)` |
  | `Inspect` | `repr(object)`, bounded in length and time; another process asks for it |
  | `SnakeBridge.Display` | what a Python cell shows for the object: HTML, pictures, .. |
  """

  @behaviour Access

  import SnakeBridge.Py, only: [is_kind: 2]

  alias SnakeBridge.{Fault, Lane, Looker, Render, Session}

  @type t :: %__MODULE__{
          session: Session.t(),
          worker: pos_integer(),
          id: integer(),
          type: String.t(),
          resource: SnakeBridge.Native.resource()
        }

  @enforce_keys [:session, :worker, :id]
  defstruct [:session, :worker, :id, :resource, type: "object"]

  @repr_ms 1_000
  @repr_length 4_000

  @impl Access
  def fetch(%__MODULE__{} = ref, key), do: {:ok, SnakeBridge.item!(ref, key)}

  @impl Access
  def get_and_update(%__MODULE__{} = ref, key, function) do
    current = current(ref, key)

    case function.(current) do
      {value, new} -> {value, SnakeBridge.put_item!(ref, key, new)}
      :pop -> {current, delete(ref, key)}
      other -> raise ArgumentError, "expected {value, new} or :pop, got: #{inspect(other)}"
    end
  end

  @impl Access
  def pop(%__MODULE__{} = ref, key) do
    value = SnakeBridge.item!(ref, key)
    {value, delete(ref, key)}
  end

  # What is not there yet may be put there.
  defp current(ref, key) do
    case SnakeBridge.item(ref, key) do
      {:ok, value} ->
        value

      {:error, error} when is_kind(error, "LookupError") ->
        nil

      {:error, error} ->
        Fault.reraise!(error)
    end
  end

  defp delete(ref, key) do
    SnakeBridge.steps!(ref, [{:method, "__delitem__", [index(key)], []}])
    ref
  end

  @doc """
  Orders two objects, or an object and a value, by Python's operators, so that `Enum.sort(refs, SnakeBridge.Ref)`,
  `Enum.max(refs, SnakeBridge.Ref)` and `Enum.sort_by(terms, function, SnakeBridge.Ref)` do.

  Raises what Python raises for them, and an `ArgumentError` where they are neither equal nor in order, as sets may be.
  Without it Elixir orders refs as terms, which says nothing of the objects: `Enum.sort/1`, `max/2`, guards.

      iex> [half, third] = for n <- [2, 3], do: SnakeBridge.call!("fractions", "Fraction", [1, n])
      iex> {SnakeBridge.Ref.compare(third, half), SnakeBridge.Ref.compare(half, 0.5)}
      {:lt, :eq}
      iex> [half, third] |> Enum.min(SnakeBridge.Ref) |> to_string()
      "1/3"
  """
  @spec compare(term(), term()) :: :lt | :eq | :gt
  def compare(a, b) do
    Enum.find([:lt, :eq, :gt], &holds?(a, &1, b)) ||
      raise ArgumentError, """
      #{inspect(a)} and #{inspect(b)} are neither equal nor in order
      hint: SnakeBridge.call!("builtins", "sorted", [refs]) sorts as Python does\
      """
  end

  defp holds?(a, operator, b) do
    case SnakeBridge.operator!(a, operator, b) do
      truth when is_boolean(truth) -> truth
      other -> SnakeBridge.steps!(other, [{:fun, :bool}])
    end
  end

  @doc "The step of the protocol that takes an item; a range is a slice."
  @spec item_step(term()) :: tuple()
  def item_step(%Range{} = range) do
    {start, stop, step} = slice(range)
    {:slice, start, stop, step}
  end

  def item_step(key), do: {:item, index(key)}

  @doc """
  `start`, `stop` and `step` of the slice that an inclusive range means.

      iex> SnakeBridge.Ref.slice(1..2)
      {1, 3, nil}

      iex> SnakeBridge.Ref.slice(1..-1//1)
      {1, nil, nil}

      iex> SnakeBridge.Ref.slice(5..0//-1)
      {5, nil, -1}
  """
  @spec slice(Range.t()) :: {integer(), integer() | nil, integer() | nil}
  def slice(%Range{first: first, last: last, step: step}) when step > 0 do
    {first, if(last == -1, do: nil, else: last + 1), if(step == 1, do: nil, else: step)}
  end

  def slice(%Range{first: first, last: last, step: step}),
    do: {first, if(last == 0, do: nil, else: last - 1), step}

  @doc """
  A key as Python takes it where no step stands for a slice: as of `__setitem__`, or in a tuple.

      iex> SnakeBridge.Ref.index({0, "a"})
      {0, "a"}

      iex> SnakeBridge.Ref.index({1..2, 0})
      {SnakeBridge.Encoder.make("slice", [1, 3, nil]), 0}
  """
  @spec index(term()) :: term()
  def index(%Range{} = range), do: SnakeBridge.Encoder.make("slice", range |> slice() |> Tuple.to_list())
  def index(key) when is_tuple(key), do: key |> Tuple.to_list() |> Enum.map(&index/1) |> List.to_tuple()
  def index(key), do: key

  @doc """
  What `inspect/1` shows between `#Python<` and `>`.

  Never raises, starts no worker, and waits for a second at most: then, and while Python is still at earlier ones that
  take longer, it is the type's name.
  """
  @spec repr(t()) :: String.t()
  def repr(%__MODULE__{} = ref) do
    steps = [{:fun, :repr}, {:slice, nil, @repr_length + 1, nil}]
    body = {{:value, ref}, steps, %{as: :value}}

    case Looker.look(ref.session, @repr_ms, fn -> Lane.request(ref.session, :do, body, ref: ref) end) do
      {:ok, {:ok, text}} when is_binary(text) -> cut(text)
      _ -> ref.type <> fate(ref)
    end
  rescue
    _ -> ref.type
  end

  defp cut(text) do
    case String.split_at(text, @repr_length) do
      {all, ""} -> all
      {beginning, _} -> beginning <> "..."
    end
  end

  defp fate(ref) do
    if Session.attached(ref.session) in [ref.worker, nil],
      do: "",
      else: ", of worker #{ref.worker} that has ended"
  end

  @doc """
  What is shown for the object: what a Python cell shows for it, and its metadata. The calling process asks, for what a
  cell shows is a part of the cell: it prints there, and is interrupted with it.

  Builtin types show nothing but their `repr`, so those are not asked; nor is a worker that has ended.
  An empty map: the object has shown itself.
  """
  @spec mime_bundle(t()) :: {%{String.t() => binary()}, String.t()} | %{String.t() => String.t()}
  def mime_bundle(%__MODULE__{type: "builtins." <> _} = ref), do: Render.result(ref)

  def mime_bundle(%__MODULE__{} = ref) do
    if Session.attached(ref.session) == ref.worker do
      case SnakeBridge.call("snakebridge.display", "bundle", [ref]) do
        {:ok, {%{"text/plain" => text} = data, metadata}} ->
          {%{data | "text/plain" => "#Python<" <> cut(text) <> ">"}, metadata}

        {:ok, {data, metadata}} ->
          {data, metadata}

        {:error, error} ->
          Fault.reraise!(error)
      end
    else
      Render.result(ref)
    end
  end

  defimpl Inspect do
    def inspect(ref, _), do: "#Python<" <> SnakeBridge.Ref.repr(ref) <> ">"
  end

  defimpl String.Chars do
    def to_string(ref), do: SnakeBridge.steps!(ref, [{:fun, :str}])
  end

  defimpl Enumerable do
    alias SnakeBridge.Iteration

    def reduce(ref, acc, function), do: ref |> Iteration.new([]) |> Iteration.reduce(acc, function)
    def count(ref), do: Iteration.count(ref)
    def member?(ref, value), do: Iteration.member?(ref, value)
    def slice(ref), do: Iteration.slice(ref)
  end

  defimpl Collectable do
    def into(ref), do: SnakeBridge.Iteration.into(ref)
  end
end
