defmodule SnakeBridge.Terms do
  @moduledoc """
  Terms made at random, and what each is to come back as from Python.

  A term is a function of its seed, so a failure can be had again.
  """

  alias SnakeBridge.Encoded.Opaque

  @duration if Code.ensure_loaded?(Duration), do: Duration, else: SnakeBridge.Duration

  @doc "The term of a seed."
  @spec term(integer()) :: term()
  def term(seed) do
    :rand.seed(:exsss, seed)
    any(Enum.random(0..4))
  end

  defp any(0), do: leaf()

  defp any(depth) do
    less = fn -> any(Enum.random(0..(depth - 1))) end

    pick([
      {4, fn -> leaf() end},
      {3, fn -> many(less) end},
      {3, fn -> many(less) |> List.to_tuple() end},
      {3, fn -> many(fn -> {key(1), less.()} end) |> Map.new() end},
      {1, fn -> many(fn -> {Enum.random([:a, :b, :c]), less.()} end) end},
      {1, fn -> many(fn -> key(2) end) |> MapSet.new() end},
      # What Python has not, or has not always.
      {0.1, fn -> [less.() | leaf()] end},
      {0.1, fn -> %{less.() => less.()} end},
      {0.2, fn -> %Opaque{x: less.(), y: self()} end},
      {0.2, fn -> {:env, (&fn -> &1 end).(leaf())} |> elem(1) end}
    ])
  end

  defp many(item), do: for(_ <- 1..Enum.random([1, 1, 2, 3, 8])//1, Enum.random(1..8) > 1, do: item.())

  defp key(0),
    do:
      pick([{3, fn -> text() end}, {3, fn -> integer() end}, {1, fn -> number() end}, {1, fn -> atom() end}])

  defp key(depth) do
    pick([
      {6, fn -> key(0) end},
      {1, fn -> many(fn -> key(depth - 1) end) |> List.to_tuple() end},
      {0.5, fn -> many(fn -> key(depth - 1) end) |> MapSet.new() end},
      {0.5, fn -> range() end},
      {0.5, fn -> date() end},
      {0.5, fn -> Enum.random([nil, true, false]) end}
    ])
  end

  defp leaf do
    pick([
      {3, fn -> integer() end},
      {3, fn -> number() end},
      {3, fn -> text() end},
      {2, fn -> atom() end},
      {1, fn -> bytes() end},
      {1, fn -> range() end},
      {1, fn -> date() end},
      {1, fn -> time() end},
      {1, fn -> naive() end},
      {1, fn -> utc() end},
      {1, fn -> duration() end},
      {1, fn -> SnakeBridge.Complex.new(float(), float()) end},
      {1, fn -> SnakeBridge.bytes(Enum.random([text(), bytes()])) end},
      {0.5,
       fn -> Enum.random([self(), make_ref(), &String.upcase/1, fn x -> x end, :erlang.ports() |> hd()]) end},
      {0.5, fn -> odd() end},
      {0.1, fn -> <<Enum.random(0..127)::7>> end}
    ])
  end

  defp integer,
    do:
      Enum.random([
        0,
        1,
        -1,
        255,
        256,
        2 ** 31,
        -(2 ** 31) - 1,
        2 ** 63,
        -(2 ** 63),
        2 ** 64,
        :rand.uniform(1000),
        -(10 ** Enum.random(0..400))
      ])

  defp number,
    do: pick([{5, fn -> float() end}, {1, fn -> Enum.random([:nan, :infinity, :neg_infinity]) end}])

  defp float,
    do:
      Enum.random([
        0.0,
        -0.0,
        1.0,
        -1.5,
        5.0e-324,
        1.7976931348623157e308,
        1.0e16,
        :rand.uniform(),
        :rand.normal() * 1.0e10
      ])

  defp text,
    do:
      Enum.random([
        "",
        "a",
        "b",
        "nan",
        "nil",
        "é",
        "𝄞\0",
        "e\u0301",
        "\uFFFF",
        "__struct__",
        String.duplicate("x", 300)
      ])

  defp bytes, do: Enum.random([<<255>>, <<0, 159>>, <<0xED, 0xA0, 0x80>>, <<"a", 254>>, <<0xC0, 0x80>>])
  defp atom, do: Enum.random([nil, true, false, :a, :b, :é, :"", Enum, :"$tagged", :"$ref", :undefined])
  defp range, do: Range.new(Enum.random(-5..5), Enum.random(-5..5), Enum.random([1, 2, 3, -1, -2, 7]))

  defp date,
    do: %Date{
      year: Enum.random([1, 1582, 1970, 2024, 9999, 0, -44, 12_024]),
      month: Enum.random(1..12),
      day: Enum.random(1..28)
    }

  defp time,
    do: %Time{
      hour: Enum.random(0..23),
      minute: Enum.random(0..59),
      second: Enum.random(0..59),
      microsecond: microsecond()
    }

  defp naive, do: NaiveDateTime.new!(date(), time())
  defp utc, do: DateTime.from_naive!(naive(), "Etc/UTC")
  defp microsecond, do: Enum.random([{0, 0}, {0, 6}, {120_000, 3}, {999_999, 6}, {1, 6}])

  defp duration do
    fields = for name <- [:day, :second], do: {name, Enum.random([0, 1, -1, 100_000])}

    months =
      if @duration == SnakeBridge.Duration,
        do: [],
        else: [month: Enum.random([0, 0, 0, 1]), week: Enum.random(-1..1), hour: Enum.random(-50..50)]

    struct!(@duration, [microsecond: Enum.random([{0, 0}, {-5, 6}, {999_999, 6}])] ++ fields ++ months)
  end

  # Maps that pass for structs.
  defp odd do
    Enum.random([
      %{__struct__: "text"},
      %{__struct__: :nothing, a: 1},
      %{__struct__: Date},
      %{__struct__: MapSet},
      %{__struct__: Range, first: 1, last: :x, step: 1},
      %{__struct__: Date, year: 2023, month: 2, day: 30, calendar: Calendar.ISO},
      %{:__struct__ => Enum, "k" => [1]}
    ])
  end

  defp pick(choices) do
    total = choices |> Enum.map(&elem(&1, 0)) |> Enum.sum()

    Enum.reduce_while(choices, :rand.uniform() * total, fn {weight, make}, left ->
      if left <= weight, do: {:halt, make.()}, else: {:cont, left - weight}
    end)
  end

  # --- what comes back ---

  @doc "What a term is to come back as, or `:error` where Python has nothing for it."
  @spec normal(term()) :: {:ok, term()} | :error
  def normal(term) do
    {:ok, form(term)}
  catch
    :error_expected -> :error
  end

  defp form(atom) when atom in [nil, true, false, :nan, :infinity, :neg_infinity], do: atom
  defp form(atom) when is_atom(atom), do: Atom.to_string(atom)
  defp form(bits) when is_bitstring(bits) and not is_binary(bits), do: throw(:error_expected)
  defp form([]), do: []
  defp form([head | tail]) when is_list(tail), do: [form(head) | form(tail)]
  defp form([_ | _]), do: throw(:error_expected)
  defp form(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> form() |> List.to_tuple()
  defp form(%SnakeBridge.Bytes{data: data}), do: data
  defp form(%SnakeBridge.Complex{} = complex), do: complex

  defp form(%MapSet{map: map} = set) when is_map(map),
    do: set |> Enum.map(&{form_of_key(&1), []}) |> whole() |> Map.keys() |> MapSet.new()

  defp form(%Range{last: last} = range) when is_integer(last), do: range
  defp form(%Date{year: year, day: day} = date) when year in 1..9999 and day < 30, do: date
  defp form(%Time{} = time), do: %{time | microsecond: us(time)}
  defp form(%NaiveDateTime{year: year} = time) when year in 1..9999, do: %{time | microsecond: us(time)}
  defp form(%DateTime{year: year} = time) when year in 1..9999, do: %{time | microsecond: us(time)}

  defp form(%@duration{} = duration) do
    if Map.get(duration, :month, 0) == 0 do
      {us, _} = duration.microsecond
      hours = Map.get(duration, :hour, 0)
      days = duration.day + 7 * Map.get(duration, :week, 0)
      total = ((days * 24 + hours) * 3600 + duration.second) * 1_000_000 + us
      seconds = Integer.floor_div(total, 1_000_000)
      us = Integer.mod(total, 1_000_000)

      struct!(@duration,
        day: Integer.floor_div(seconds, 86_400),
        second: Integer.mod(seconds, 86_400),
        microsecond: if(us == 0, do: {0, 0}, else: {us, 6})
      )
    else
      duration
    end
  end

  # The keys of a struct are atoms: this is a map.
  defp form(%{:__struct__ => Enum, "k" => _} = map), do: form_of_map(map)
  defp form(struct) when is_struct(struct), do: struct

  defp form(map) when is_map(map), do: form_of_map(map)
  defp form(leaf), do: leaf

  defp form_of_map(map) do
    map
    |> Map.to_list()
    |> Enum.map(fn {key, value} -> {form_of_key(key), form(value)} end)
    |> whole()
    |> Map.new(fn {key, [value]} -> {key, value} end)
  end

  defp us(%{microsecond: {0, _}}), do: {0, 0}
  defp us(%{microsecond: {us, _}}), do: {us, 6}

  # Keys with what they are equal by in Python: none of two may be lost.
  defp whole(pairs) do
    pairs = for {{key, equal}, value} <- pairs, do: {key, equal, value}
    if length(Enum.uniq_by(pairs, &elem(&1, 1))) < length(pairs), do: throw(:error_expected)
    Map.new(pairs, fn {key, _, value} -> {key, [value]} end)
  end

  defp form_of_key(key), do: {form(key), equal(key)}

  defp equal(flag) when is_boolean(flag), do: if(flag, do: 1, else: 0)
  defp equal(:nan), do: {:different, make_ref()}
  defp equal(atom) when atom in [nil, :infinity, :neg_infinity], do: {:itself, atom}
  defp equal(atom) when is_atom(atom), do: Atom.to_string(atom)
  defp equal(float) when is_float(float), do: if(trunc(float) == float, do: trunc(float), else: float)
  defp equal(list) when is_list(list), do: throw(:error_expected)
  defp equal(tuple) when is_tuple(tuple), do: {:tuple, tuple |> Tuple.to_list() |> Enum.map(&equal/1)}
  defp equal(%MapSet{map: map} = set) when is_map(map), do: {:set, MapSet.new(set, &equal/1)}
  defp equal(%Range{last: last} = range) when is_integer(last), do: {:range, range |> Enum.to_list()}
  defp equal(%SnakeBridge.Complex{re: re, im: im}) when im == 0, do: equal(re)
  defp equal(%SnakeBridge.Bytes{data: data}), do: {:bytes, data}
  defp equal(binary) when is_binary(binary), do: if(String.valid?(binary), do: binary, else: {:bytes, binary})
  defp equal(map) when is_map(map) and not is_struct(map), do: throw(:error_expected)
  defp equal(%{:__struct__ => Enum, "k" => _}), do: throw(:error_expected)
  defp equal(other), do: form(other)
end
