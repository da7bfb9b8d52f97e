defmodule SnakeBridge.RoundTripTest do
  @moduledoc "Terms made at random go to Python and come back as their stated normal form, or end with a clear error."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, Probe, Ref, Terms}

  @count 1_000

  setup_all do
    %{echo: Probe.run("def echo(x): return x\ndef call(f): return f()")}
  end

  # -0.0 is 0.0 to `===` before OTP 27.
  defp same?(a, b),
    do: a === b and :erlang.term_to_binary(a, [:deterministic]) == :erlang.term_to_binary(b, [:deterministic])

  test "from Elixir and back", %{echo: names} do
    first = ExUnit.configuration()[:seed] * @count
    echo = names["echo"]

    for seed <- first..(first + @count - 1) do
      term = Terms.term(seed)

      case {Terms.normal(term), SnakeBridge.apply(echo, [term])} do
        {{:ok, form}, {:ok, found}} ->
          assert same?(form, found),
                 "seed #{seed}: #{inspect(term)}\n  came back as #{inspect(found)}\n  and not as #{inspect(form)}"

        {:error, {:error, %BridgeError{reason: :not_convertible} = error}} ->
          assert error.message != "" and error.hint != nil, "seed #{seed}: #{inspect(error)}"

        {expected, found} ->
          flunk(
            "seed #{seed}: #{inspect(term)}\n  came back as #{inspect(found)}\n  and not as #{inspect(expected)}"
          )
      end
    end
  end

  test "as the answer of a callback", %{echo: names} do
    first = ExUnit.configuration()[:seed] * @count

    for seed <- first..(first + 300) do
      term = Terms.term(seed)

      case {Terms.normal(term), SnakeBridge.apply(names["call"], [fn -> term end])} do
        {{:ok, form}, {:ok, found}} ->
          assert same?(form, found), "seed #{seed}: #{inspect(term)}"

        {:error, {:error, _}} ->
          :ok

        {expected, found} ->
          flunk("seed #{seed}: #{inspect(term)} gave #{inspect(found)} and not #{inspect(expected)}")
      end
    end
  end

  test "at the limits", %{echo: names} do
    echo = &SnakeBridge.apply(names["echo"], [&1])
    nest = fn count, inner, wrap -> Enum.reduce(1..count, inner, fn _, term -> wrap.(term) end) end

    for wrap <- [&[&1], &{&1}, &%{1 => &1}] do
      deep = nest.(9_990, 0, wrap)
      assert {:ok, ^deep} = echo.(deep)

      for depth <- [10_001, 300_000] do
        assert {:error, %BridgeError{reason: :too_deep, hint: hint}} = echo.(nest.(depth, 0, wrap))
        assert hint
      end
    end

    for digits <- [4_300, 10_000, 1_000_000], sign <- [1, -1] do
      integer = sign * Bitwise.bsl(7, digits * 3)
      assert {:ok, ^integer} = echo.(integer)
    end

    assert {:error, %BridgeError{reason: :not_convertible}} = echo.(Bitwise.bsl(1, 524_280 * 8))
    assert {:ok, 1} = echo.(1)
    shared = Enum.to_list(1..10)
    assert {:ok, [^shared, {^shared}, %{"k" => ^shared}]} = echo.([shared, {shared}, %{"k" => shared}])
  end

  # The other way round: objects made in Python, judged there.
  @source File.read!(Path.expand("../support/objects.py", __DIR__))

  test "from Python and back" do
    names = Probe.run(@source)
    first = ExUnit.configuration()[:seed] * @count
    {make, judge} = {names["make"], names["judge"]}

    for seed <- first..(first + @count - 1) do
      case SnakeBridge.apply(make, [seed]) do
        {:ok, value} -> assert {seed, SnakeBridge.apply(judge, [seed, value])} == {seed, {:ok, nil}}
        error -> flunk("seed #{seed}: #{inspect(error)}")
      end
    end
  end

  test "from Python and back, one by one" do
    names = Probe.run(@source)

    for name <- SnakeBridge.apply!(names["cases"], []) do
      case SnakeBridge.apply(names["case"], [name]) do
        {:ok, value} -> assert {name, SnakeBridge.apply(names["judge"], [name, value])} == {name, {:ok, nil}}
        error -> flunk("#{name}: #{inspect(error)}")
      end
    end

    for {name, reason} <- SnakeBridge.apply!(names["refusals"], []) do
      assert {:error, %BridgeError{hint: hint} = error} = SnakeBridge.apply(names["case"], [name]), name
      assert {name, Atom.to_string(error.reason)} == {name, reason}
      assert hint
      assert %Ref{} = SnakeBridge.apply!(names["case"], [name], [], as: :ref)
    end
  end
end
