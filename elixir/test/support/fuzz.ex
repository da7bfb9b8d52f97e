defmodule SnakeBridge.Fuzz do
  @moduledoc """
  Frames that are nearly right: golden ones with some bytes changed, left out, doubled or put into each other, or with
  other terms in the place of theirs.

  All chances are of the calling process's `:rand`, which `seed/0` sets; the seed is printed, and `SNAKEBRIDGE_FUZZ_SEED`
  repeats a run. `SNAKEBRIDGE_FUZZ_FRAMES` says how many frames there are.
  """

  import Bitwise, only: [<<<: 2]

  alias SnakeBridge.TestJSON

  @golden Path.expand("../../../tests/golden/frames", __DIR__)
  # Tags of the External Term Format, and small numbers: a changed byte is often one of these.
  @telling [131, 70, 77, 80, 82, 88, 89, 90, 97, 98, 99, 100] ++
             [104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 115, 116, 118, 119] ++
             [0, 1, 2, 3, 4, 127, 128, 255]

  @doc "How many frames to send, unless the environment says otherwise."
  def frames(default), do: String.to_integer(System.get_env("SNAKEBRIDGE_FUZZ_FRAMES", "#{default}"))

  @doc "Seeds this process's `:rand`."
  def seed do
    seed =
      String.to_integer(
        System.get_env("SNAKEBRIDGE_FUZZ_SEED", "#{System.unique_integer([:positive]) + System.os_time()}")
      )

    IO.puts("SNAKEBRIDGE_FUZZ_SEED=#{seed}")
    :rand.seed(:exsss, seed)
    :ok
  end

  @doc "The golden frames of these connections that these processes send, without their lengths."
  def golden(connections, senders) do
    %{"messages" => messages} = @golden |> Path.join("manifest.json") |> File.read!() |> TestJSON.decode!()

    for message <- messages,
        message["connection"] in connections and message["from"] in senders do
      <<_::32, body::binary>> = @golden |> Path.join(message["file"]) |> File.read!()
      body
    end
  end

  @doc "One of these bodies, changed."
  def mutate(bodies) do
    body = Enum.random(bodies)

    case :rand.uniform(5) do
      n when n <= 2 -> body |> :erlang.binary_to_term() |> twist() |> :erlang.term_to_binary()
      n -> mutate(body, n - 2, bodies)
    end
  end

  # Another term in one place, or a few.
  defp twist(term) do
    case {:rand.uniform(5), term} do
      {1, _} ->
        stranger()

      {_, [_ | _]} ->
        at_one(term, &twist/1)

      {_, tuple} when is_tuple(tuple) and tuple_size(tuple) > 0 ->
        tuple |> Tuple.to_list() |> at_one(&twist/1) |> List.to_tuple()

      {_, map} when is_map(map) and map_size(map) > 0 ->
        map |> Map.to_list() |> at_one(&pair/1) |> Map.new()

      _ ->
        stranger()
    end
  end

  # A pair stays one.
  defp pair({key, value}), do: if(:rand.uniform(3) == 1, do: {twist(key), value}, else: {key, twist(value)})

  defp at_one(list, function) when length(list) > 0,
    do: List.update_at(list, :rand.uniform(length(list)) - 1, function)

  defp stranger do
    Enum.random(
      [
        nil,
        true,
        :nan,
        :ok,
        0,
        -1,
        255,
        1 <<< 70,
        -(1 <<< 200),
        0.5,
        "",
        "text",
        <<255, 0>>,
        <<1::3>>,
        [],
        {},
        %{}
      ] ++
        [
          [1 | 2],
          {:ok},
          {:"$tagged", 1},
          {:"$ref", -1, 1},
          {:"$set", :no},
          {:"$date", 2024, 13, 40},
          {:"$term", {}}
        ] ++
        [
          {:"$tagged", {:"$ref", "id", nil}},
          {:"$function", 1, "f", 300},
          {:"$range", 1, 9, 0},
          {:"$custom", "a", 1}
        ] ++
        [{:"$timedelta", nil, 1, 2}, {:"$array", :f64, {3}, "short"}, {:"$aware", 1}, {:bridge, "r", nil, 1}] ++
        [
          {:python, %{mro: [nil], cause: %{}}},
          %{__struct__: Range},
          %{__struct__: Date, year: "x"},
          self(),
          make_ref()
        ] ++
        [
          %{__struct__: SnakeBridge.Ref},
          %{__struct__: SnakeBridge.Make, path: ".."},
          %{__struct__: MapSet, map: 1}
        ] ++
        [
          &String.length/1,
          fn -> 1 end,
          List.duplicate([], 300),
          Enum.reduce(1..200, [], fn _, deep -> [deep] end)
        ]
    )
  end

  defp mutate(body, 0, _), do: body
  defp mutate(body, n, bodies), do: :rand.uniform(9) |> change(body, bodies) |> mutate(n - 1, bodies)

  defp change(_, <<>>, _), do: :rand.bytes(:rand.uniform(8))
  defp change(n, body, _) when n <= 4, do: replace(body, <<Enum.random(@telling)>>, 1)
  defp change(5, body, _), do: replace(body, :rand.bytes(1), 1)
  defp change(6, body, _), do: binary_part(body, 0, :rand.uniform(byte_size(body)) - 1)
  defp change(7, body, _), do: replace(body, <<>>, :rand.uniform(4))
  defp change(8, body, _), do: replace(body, part(body), 0)
  defp change(9, body, bodies), do: replace(body, bodies |> Enum.random() |> part(), :rand.uniform(16))

  defp replace(body, new, count) do
    at = :rand.uniform(byte_size(body)) - 1
    count = min(count, byte_size(body) - at)
    binary_part(body, 0, at) <> new <> binary_part(body, at + count, byte_size(body) - at - count)
  end

  defp part(<<>>), do: <<>>

  defp part(body) do
    at = :rand.uniform(byte_size(body)) - 1
    binary_part(body, at, :rand.uniform(min(32, byte_size(body) - at)))
  end
end
