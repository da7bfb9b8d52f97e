defmodule SnakeBridge.Pinned do
  @moduledoc """
  A term on its way to Python that holds refs which nothing else need hold: in the environment of a function, in a
  struct, in an answer. They are kept alive until the worker has let go of the term: see `SnakeBridge.Pins`.
  """

  @type t :: %__MODULE__{id: pos_integer(), term: term()}

  @enforce_keys [:id, :term]
  defstruct [:id, :term]
end

defmodule SnakeBridge.Pins do
  @moduledoc """
  Refs inside of terms: which there are, and keeping them alive while Python has the term.

  It releases nothing: see `SnakeBridge.Collector`, which keeps what is pinned.
  """

  alias SnakeBridge.{Collector, Native, Pinned, Ref}

  @typedoc "What is to be held while Python has some terms."
  @opaque pins :: [{pid(), pos_integer(), [Native.resource()]}]

  @doc """
  Wraps a term that is to be sent to Python and whose refs are these, so that their objects can be held until Python has
  dropped the term: from `hold/1` on. Where refs are not released by themselves, the term stays as it is.

      iex> SnakeBridge.Pins.pin({:a, 1}, [])
      {{:a, 1}, []}
  """
  @spec pin(term(), [Ref.t()]) :: {term() | Pinned.t(), pins()}
  def pin(term, refs) do
    with [resource | _] = resources <- for(%Ref{resource: r} <- refs, r != nil, do: r),
         owner when owner != nil <- Native.owner(resource) do
      id = System.unique_integer([:positive])
      {%Pinned{id: id, term: term}, [{owner, id, resources}]}
    else
      _ -> {term, []}
    end
  end

  @doc "Holds what is pinned: just before the terms are sent, for nobody will let go of what is not."
  @spec hold(pins() | nil) :: :ok
  def hold(pins) when pins in [[], nil], do: :ok

  def hold(pins) do
    for {owner, id, resources} <- pins, do: Collector.pin(owner, id, resources)
    :ok
  end

  @doc "Lets go of what is pinned: the terms could not be sent."
  @spec drop(pins() | nil) :: :ok
  def drop(pins) when pins in [[], nil], do: :ok

  def drop(pins) do
    for {owner, id, _} <- pins, do: Collector.unpin(owner, id)
    :ok
  end

  @doc """
  Keeps the refs in a term alive up to here.

  The collector takes what the code behind does not use: without this the object that a call is about could be released
  while the call is on its way.
  """
  @spec keep(term()) :: :ok
  # Never inlined, as it is called from other modules.
  def keep(_), do: :ok

  @doc """
  The refs in a term, each once: in lists, tuples, maps, structs, and in the environments of functions.

      iex> SnakeBridge.Pins.refs([1, %{"a" => {"text"}}])
      []

      iex> ref = SnakeBridge.call!("builtins", "object")
      iex> SnakeBridge.Pins.refs([ref, fn -> ref end]) == [ref]
      true
  """
  @spec refs(term()) :: [Ref.t()]
  def refs(term), do: term |> find([]) |> Enum.uniq_by(&{&1.session, &1.worker, &1.id})

  # Not every map that says it is one, in an error of the other side, is one.
  defp find(%Ref{session: _, worker: _, id: _} = ref, found), do: [ref | found]
  defp find([head | tail], found), do: find(tail, find(head, found))
  defp find(tuple, found) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> find(found)
  defp find(map, found) when is_map(map), do: find_in_map(:maps.next(:maps.iterator(map)), found)

  defp find(function, found) when is_function(function) do
    {:env, env} = :erlang.fun_info(function, :env)
    find(env, found)
  end

  defp find(_, found), do: found

  defp find_in_map(:none, found), do: found

  defp find_in_map({key, value, rest}, found),
    do: find_in_map(:maps.next(rest), find(value, find(key, found)))
end
