defmodule SnakeBridge.Marshal do
  @moduledoc """
  Values that come from Python: turns the tagged terms of the frame protocol into Elixir's own.

  A term that is not tagged is what it is, and is not walked. The other direction needs no work here: the worker reads
  any term as it was sent.
  """

  alias SnakeBridge.{Native, Ref, Scope}

  @typedoc "Where refs belong: the session, the generation of its worker and that one's bin. A lane is one."
  @type home :: %{
          :session => atom() | pid(),
          :generation => pos_integer(),
          :bin => Native.bin(),
          optional(atom()) => term()
        }

  @duration if Code.ensure_loaded?(Duration), do: Duration, else: SnakeBridge.Duration

  @doc """
  Decodes a value.

      iex> home = %{session: SnakeBridge.Session, generation: 1, bin: nil}
      iex> SnakeBridge.Marshal.decode([1, "two"], home)
      [1, "two"]
      iex> SnakeBridge.Marshal.decode({:"$tagged", %{"days" => {:"$set", [1, 2]}}}, home)
      %{"days" => MapSet.new([1, 2])}
  """
  @spec decode(term(), home()) :: term()
  def decode({:"$tagged", term}, home), do: walk(term, home)
  def decode(term, _), do: term

  defp walk({:"$ref", id, type}, %{session: session, generation: worker, bin: bin}),
    do: Scope.note(%Ref{session: session, worker: worker, id: id, type: type, resource: Native.hold(bin, id)})

  defp walk({:"$function", id, type, arity}, home), do: function(walk({:"$ref", id, type}, home), arity)
  defp walk({:"$term", term}, _), do: term

  defp walk({:"$array", dtype, shape, data}, _),
    do: %SnakeBridge.Array{dtype: dtype, shape: shape, data: data}

  defp walk({:"$arrow", data}, _), do: %SnakeBridge.Arrow{data: data}
  defp walk({:"$set", items}, home), do: items |> walk(home) |> MapSet.new()
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
    for {key, value} <- map, into: %{}, do: {walk(key, home), walk(value, home)}
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
