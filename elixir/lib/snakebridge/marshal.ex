defmodule SnakeBridge.Marshal do
  @moduledoc """
  Values on their way to Python, and from there.

  What goes to Python passes `encode/1` once. Most terms are sent as they are, for the worker reads any term: only structs
  of others are asked what they want to be there (`SnakeBridge.Encoder`), and refs are noted.
  What comes is decoded: the tagged terms of the frame protocol become Elixir's own. A term that is not tagged is what it
  is, and is not walked.
  """

  alias SnakeBridge.{BridgeError, Decoder, Encoder, Make, Native, Pinned, Pins, Ref, Scope, Session}

  @typedoc "Where refs belong: the session, the generation of its worker and that one's bin. A lane is one."
  @type home :: %{
          :session => atom() | pid(),
          :generation => pos_integer(),
          :bin => Native.bin(),
          optional(atom()) => term()
        }

  @duration if Code.ensure_loaded?(Duration), do: Duration, else: SnakeBridge.Duration

  # Structs that the worker reads, and that hold no other terms.
  @leaves [Date, Time, NaiveDateTime, DateTime, Duration, Range, Complex] ++
            [SnakeBridge.Bytes, SnakeBridge.Array, SnakeBridge.Arrow] ++
            [SnakeBridge.Duration, SnakeBridge.Complex, Pinned]

  # --- to Python ---

  @doc """
  A term as it is sent to Python; the refs in it, wherever they are; and what of them is to be held when it is sent.

  Raises `SnakeBridge.BridgeError` where an implementation of `SnakeBridge.Encoder` fails.

      iex> SnakeBridge.Marshal.encode(%{"a" => [1, {:b, "c"}]})
      {%{"a" => [1, {:b, "c"}]}, [], []}

      iex> ref = SnakeBridge.call!("builtins", "object")
      iex> SnakeBridge.Marshal.encode(%{"a" => [1, {ref}]})
      {%{"a" => [1, {ref}]}, [ref], []}
  """
  @spec encode(term()) :: {term(), [Ref.t()], Pins.pins()}
  def encode(term) do
    if plain?(term) do
      {term, [], []}
    else
      {term, {refs, pins}} = build(term, {[], []})
      {term, refs, pins}
    end
  end

  @doc "Like `encode/1`, for an answer of this side: its refs are to be held until Python has dropped it."
  @spec encode_answer(term(), home()) :: {term(), Pins.pins()}
  def encode_answer(term, home) do
    case encode(term) do
      {term, [], []} ->
        {term, []}

      {term, [ref | _] = refs, pins} ->
        with {:ok, _} <- one_home(refs), true <- at_home?(ref, home) do
          {term, outer} = Pins.pin(term, refs)
          {term, outer ++ pins}
        else
          {:error, error} -> raise error
          false -> raise strangers(ref, home)
        end
    end
  end

  @doc "One of these refs, when all are of one worker: the one that the term which holds them must go to."
  @spec one_home([Ref.t()]) :: {:ok, Ref.t() | nil} | {:error, Exception.t()}
  def one_home([]), do: {:ok, nil}

  def one_home([%Ref{session: session, worker: worker} = ref | refs]) do
    case Enum.find(refs, &(&1.session != session or &1.worker != worker)) do
      nil -> {:ok, ref}
      other -> {:error, strangers(ref, %{session: other.session, generation: other.worker, type: other.type})}
    end
  end

  defp at_home?(ref, home), do: ref.session == home.session and ref.worker == home.generation

  defp strangers(ref, home) do
    {here, there} =
      if ref.session == home.session,
        do: {"worker #{ref.worker}", "worker #{home.generation} of the session #{inspect(home.session)}"},
        else: {"the session #{inspect(ref.session)}", "the session #{inspect(home.session)}"}

    %BridgeError{
      reason: :not_convertible,
      message:
        "a #{ref.type} of #{here} cannot go together with a #{Map.get(home, :type, "call")} of #{there}",
      hint: "an object stays in its own worker: hand its value over, or make it again in the other"
    }
  end

  # Whether the term goes as it is, and holds no refs. It is asked of every term, so it makes nothing.
  defp plain?(leaf) when is_number(leaf) or is_binary(leaf) or is_atom(leaf), do: true
  defp plain?([head | tail]) when is_number(head) or is_binary(head) or is_atom(head), do: plain?(tail)
  defp plain?([head | tail]), do: plain?(head) and plain?(tail)
  defp plain?(tuple) when is_tuple(tuple), do: plain_tuple?(tuple, tuple_size(tuple))
  defp plain?(%MapSet{map: map}) when is_map(map), do: plain_map?(:maps.next(:maps.iterator(map)))
  defp plain?(struct) when is_struct(struct), do: :erlang.map_get(:__struct__, struct) in @leaves
  defp plain?(map) when is_map(map), do: plain_map?(:maps.next(:maps.iterator(map)))
  defp plain?(other), do: not is_function(other)

  defp plain_tuple?(_, 0), do: true
  defp plain_tuple?(tuple, size), do: plain?(elem(tuple, size - 1)) and plain_tuple?(tuple, size - 1)

  defp plain_map?(:none), do: true

  defp plain_map?({key, value, rest}),
    do: plain?(key) and plain?(value) and plain_map?(:maps.next(rest))

  # With what was found: the refs, and those of them that are to be held.
  defp build(%Ref{} = ref, {refs, pins}), do: {ref, {[ref | refs], pins}}

  defp build([head | tail], found) do
    {head, found} = build(head, found)
    {tail, found} = build(tail, found)
    {[head | tail], found}
  end

  defp build(tuple, found) when is_tuple(tuple) do
    {items, found} = tuple |> Tuple.to_list() |> build(found)
    {List.to_tuple(items), found}
  end

  defp build(%MapSet{map: map} = set, found) when is_map(map) do
    {items, found} = set |> MapSet.to_list() |> build(found)
    {items |> MapSet.new() |> whole(MapSet.size(set), "items of a set"), found}
  end

  defp build(%Make{args: args, kwargs: kwargs} = make, found) do
    {{args, kwargs}, found} = build({args, kwargs}, found)
    {%{make | args: args, kwargs: kwargs}, found}
  end

  defp build(%module{} = struct, found) when module in @leaves, do: {struct, found}

  defp build(%module{} = struct, found) do
    case encode_struct(struct, module) do
      # Opaque: its bytes are kept in Python for as long as that likes.
      %^module{} = same -> pin(same, found)
      other -> build(other, found)
    end
  end

  defp build(map, found) when is_map(map) do
    {pairs, found} = map |> Map.to_list() |> build(found)
    {pairs |> Map.new() |> whole(map_size(map), "keys of a map"), found}
  end

  defp build(function, found) when is_function(function), do: pin(function, found)
  defp build(leaf, found), do: {leaf, found}

  defp pin(term, {refs, pins} = found) do
    case Pins.refs(term) do
      [] ->
        {term, found}

      inside ->
        {term, more} = Pins.pin(term, inside)
        {term, {inside ++ refs, more ++ pins}}
    end
  end

  defp encode_struct(struct, module) do
    Encoder.encode(struct)
  catch
    kind, reason ->
      message =
        "SnakeBridge.Encoder failed for a #{inspect(module)}: " <>
          Exception.format_banner(kind, reason, __STACKTRACE__)

      reraise BridgeError, [reason: :not_convertible, message: message], __STACKTRACE__
  end

  # Of two that became one, one would be lost.
  defp whole(%MapSet{} = set, size, what), do: whole(set, MapSet.size(set), size, what)
  defp whole(map, size, what), do: whole(map, map_size(map), size, what)
  defp whole(same, size, size, _), do: same

  defp whole(_, _, _, what) do
    raise BridgeError,
      reason: :not_convertible,
      message: "two #{what} become the same on the other side",
      hint: "`as: :ref` leaves an object in Python; towards Python, rename one of them"
  end

  # --- from Python ---

  @doc """
  Decodes a value. Raises `SnakeBridge.BridgeError` where a decoder fails.

      iex> home = %{session: SnakeBridge.Session, generation: 1, bin: nil}
      iex> SnakeBridge.Marshal.decode([1, "two"], home)
      [1, "two"]
      iex> SnakeBridge.Marshal.decode({:"$tagged", %{"days" => {:"$set", [1, 2]}}}, home)
      %{"days" => MapSet.new([1, 2])}
  """
  @spec decode(term(), home()) :: term()
  def decode({:"$tagged", term}, home) do
    walk(term, home)
  rescue
    error in BridgeError ->
      # Nobody will ever hold these.
      Session.release(home.session, home.generation, ids(term, []))
      reraise error, __STACKTRACE__
  end

  def decode(term, _), do: term

  @doc "Decodes the answer of a request."
  @spec decode_answer(term(), home()) :: {:ok, term()} | {:error, Exception.t()}
  def decode_answer({:"$tagged", _} = value, home) do
    {:ok, decode(value, home)}
  rescue
    error in BridgeError -> {:error, error}
  end

  def decode_answer(value, _), do: {:ok, value}

  defp ids({:"$ref", id, _}, ids), do: [id | ids]
  defp ids({:"$function", id, _, _}, ids), do: [id | ids]
  defp ids({:"$term", _}, ids), do: ids
  defp ids([head | tail], ids), do: ids(tail, ids(head, ids))
  defp ids(tuple, ids) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> ids(ids)
  defp ids(map, ids) when is_map(map), do: map |> Map.to_list() |> ids(ids)
  defp ids(_, ids), do: ids

  defp walk({:"$ref", id, type}, %{session: session, generation: worker, bin: bin}),
    do: Scope.note(%Ref{session: session, worker: worker, id: id, type: type, resource: Native.hold(bin, id)})

  defp walk({:"$function", id, type, arity}, home), do: function(walk({:"$ref", id, type}, home), arity)
  defp walk({:"$term", term}, _), do: term

  defp walk({:"$array", dtype, shape, data}, _),
    do: %SnakeBridge.Array{dtype: dtype, shape: shape, data: data}

  defp walk({:"$arrow", data}, _), do: %SnakeBridge.Arrow{data: data}
  defp walk({:"$custom", class, value}, home), do: Decoder.decode(class, walk(value, home))

  defp walk({:"$set", items}, home),
    do: items |> walk(home) |> MapSet.new() |> whole(length(items), "items of a set")

  defp walk({:"$range", first, last, step}, _), do: Range.new(first, last, step)
  defp walk({:"$complex", re, im}, _), do: SnakeBridge.Complex.new(re, im)
  defp walk({:"$date", year, month, day}, _), do: %Date{year: year, month: month, day: day}

  defp walk({:"$time", hour, minute, second, us}, _),
    do: %Time{hour: hour, minute: minute, second: second, microsecond: microsecond(us)}

  defp walk({:"$naive", year, month, day, hour, minute, second, us}, _) do
    %NaiveDateTime{
      year: year,
      month: month,
      day: day,
      hour: hour,
      minute: minute,
      second: second,
      microsecond: microsecond(us)
    }
  end

  defp walk({:"$aware", year, month, day, hour, minute, second, us, offset, zone}, _) do
    {time_zone, abbreviation} = zone(zone, offset)

    %DateTime{
      year: year,
      month: month,
      day: day,
      hour: hour,
      minute: minute,
      second: second,
      microsecond: microsecond(us),
      utc_offset: offset,
      std_offset: 0,
      time_zone: time_zone,
      zone_abbr: abbreviation
    }
  end

  defp walk({:"$timedelta", days, seconds, us}, _),
    do: struct!(@duration, day: days, second: seconds, microsecond: microsecond(us))

  defp walk([head | tail], home), do: [walk(head, home) | walk(tail, home)]
  defp walk(map, home) when is_map(map) and not is_struct(map), do: walk_map(map, home)
  defp walk(tuple, home) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> walk(home) |> List.to_tuple()
  defp walk(other, _), do: other

  defp walk_map(map, home) do
    pairs = for {key, value} <- map, into: %{}, do: {walk(key, home), walk(value, home)}
    whole(pairs, map_size(map), "keys of a map")
  end

  for arity <- 0..10 do
    args = Macro.generate_arguments(arity, __MODULE__)

    defp function(ref, unquote(arity)),
      do: fn unquote_splicing(args) -> SnakeBridge.apply!(ref, unquote(args)) end
  end

  defp microsecond(0), do: {0, 0}
  defp microsecond(us), do: {us, 6}

  # Only the offset at that moment is known, no rules of the zone: this needs no time zone database.
  defp zone(zone, 0) when zone in [nil, "UTC", "Etc/UTC"], do: {"Etc/UTC", "UTC"}
  defp zone(nil, offset), do: {offset_text(offset), offset_text(offset)}
  defp zone(zone, offset), do: {zone, offset_text(offset)}

  defp offset_text(offset) do
    sign = if offset < 0, do: "-", else: "+"
    minutes = div(abs(offset), 60)
    pad = &String.pad_leading(Integer.to_string(&1), 2, "0")
    sign <> pad.(div(minutes, 60)) <> ":" <> pad.(rem(minutes, 60))
  end
end
