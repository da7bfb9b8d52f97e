defmodule SnakeBridge.EncoderTest do
  @moduledoc "What structs become in Python, and what objects of some classes become in Elixir."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, Decoder, Encoder, Marshal, Probe, Py, Ref, Session}
  alias SnakeBridge.Encoded.{All, Except, Failing, Fraction, Only, Opaque}

  setup_all do
    source = """
    import decimal, fractions, uuid
    def echo(x): return x
    def call(f, *args): return f(*args)
    class Point:
        def __init__(self, x): self.x = x
        def parts(self): return {"x": self.x}
    def parts(point): return {"x": point.x, "self": [object()]}
    def fails(point): raise ValueError("not this one")
    """

    %{python: Probe.run(source)}
  end

  defp repr(term), do: SnakeBridge.call!("builtins", "repr", [term])

  describe "structs towards Python" do
    test "derive a map of their fields" do
      assert repr(%Only{x: 1, y: 2}) == "{'x': 1}"
      assert repr(%Except{x: 1, y: 2}) == "{'y': 2}"
      assert SnakeBridge.call!("builtins", "dict", [%All{x: 1, y: :z}]) == %{"x" => 1, "y" => "z"}
    end

    test "are asked wherever they stand" do
      assert repr([%{"k" => {%Only{x: %Only{x: 3}}}}]) == "[{'k': ({'x': {'x': 3}},)}]"
      assert SnakeBridge.call!("builtins", "dict", [], a: %Only{x: 1}) == %{"a" => %{"x" => 1}}
      assert repr(MapSet.new([%Fraction{over: 1, under: 2}])) == "{Fraction(1, 2)}"
      assert repr(%{%Fraction{over: 1, under: 2} => 1}) == "{Fraction(1, 2): 1}"
      assert SnakeBridge.operator!(1, :add, %Fraction{over: 1, under: 2}) |> to_string() == "3/2"
    end

    test "are asked in answers too", %{python: names} do
      assert SnakeBridge.apply!(names["call"], [fn -> %Only{x: 1} end]) == %{"x" => 1}

      assert SnakeBridge.apply!(names["call"], [fn -> [%Fraction{over: 1, under: 4}] end])
             |> hd()
             |> to_string() == "1/4"
    end

    test "have Python make an object" do
      assert repr(%Fraction{over: 2, under: 4}) == "Fraction(1, 2)"
      assert repr(Encoder.make("builtins.dict", [], a: %Only{x: 1})) == "{'a': {'x': 1}}"
      assert repr(Encoder.make("complex", [1, 2])) == "(1+2j)"

      assert {:error, %Py.ZeroDivisionError{notes: [note]}} =
               SnakeBridge.call("builtins", "repr", [%Fraction{over: 1, under: 0}])

      assert note =~ "fractions.Fraction"

      assert {:error, %Py.ModuleNotFoundError{}} =
               SnakeBridge.call("builtins", "repr", [Encoder.make("nix.da")])
    end

    test "are opaque otherwise, and come back as they were", %{python: names} do
      opaque = %Opaque{x: %Only{x: 1}, y: self()}
      assert SnakeBridge.apply!(names["echo"], [opaque]) == opaque
      assert SnakeBridge.apply!(names["echo"], [%{"k" => [opaque]}]) == %{"k" => [opaque]}
    end

    test "that fail say so, and nothing is sent", %{python: names} do
      for {how, text} <- [raise: "no way", throw: "no_way"] do
        assert {:error, %BridgeError{reason: :not_convertible} = error} =
                 SnakeBridge.call("builtins", "repr", [[%Failing{how: how}]])

        assert error.message =~ inspect(Failing)
        assert error.message =~ text
      end

      assert_raise BridgeError, ~r/Failing/, fn ->
        SnakeBridge.apply!(names["call"], [fn -> %Failing{} end])
      end

      assert repr(1) == "1"
    end

    test "that become the same key do not vanish" do
      map = %{%Only{x: 1, y: 1} => 1, %Only{x: 1, y: 2} => 2}
      assert {:error, %BridgeError{reason: :not_convertible}} = SnakeBridge.call("builtins", "repr", [map])
      set = MapSet.new(Map.keys(map))
      assert {:error, %BridgeError{reason: :not_convertible}} = SnakeBridge.call("builtins", "repr", [set])
    end

    test "derive only fields that there are" do
      for options <- [[only: [:z]], [except: [:z]], [only: [:x], except: [:x]], [some: 1]] do
        source = """
        defmodule SnakeBridge.EncoderTest.Wrong do
          @derive {SnakeBridge.Encoder, #{inspect(options)}}
          defstruct [:x]
        end
        """

        assert_raise ArgumentError, fn -> Code.eval_string(source) end
      end
    end
  end

  describe "refs" do
    test "are found anywhere" do
      ref = SnakeBridge.call!("builtins", "object")

      for term <- [
            ref,
            [1, ref],
            [1 | ref],
            %{"k" => {1, ref}},
            %{ref => 1},
            MapSet.new([ref]),
            %Only{x: ref},
            %Opaque{x: [ref]},
            fn -> ref end,
            Encoder.make("list", [[ref]]),
            Encoder.make("dict", [], a: ref)
          ] do
        assert {_, [^ref], _} = Marshal.encode(term)
      end

      assert {_, [], []} = Marshal.encode([%Only{y: ref}, &Enum.map/2, ~D[2024-01-01], 1..2, self()])
    end

    test "of two sessions cannot meet, in an answer neither" do
      start_supervised!({Session, name: __MODULE__.Other})
      here = SnakeBridge.call!("builtins", "list", [[1]], [], as: :ref)
      there = SnakeBridge.call!("builtins", "list", [[2]], [], as: :ref, session: __MODULE__.Other)
      # The refs say where a call goes, whatever else does.
      assert SnakeBridge.call!("builtins", "repr", [[%{"k" => there}]]) == "[{'k': [2]}]"
      assert SnakeBridge.call!("builtins", "repr", [[there]], [], session: Session) == "[[2]]"

      for {call, label} <- [
            {fn -> SnakeBridge.call("builtins", "repr", [[here, there]]) end, "arguments"},
            {fn -> SnakeBridge.method(here, "append", [%Opaque{x: there}]) end, "a struct"},
            {fn -> SnakeBridge.method(here, "append", [fn -> there end]) end, "a function"},
            {fn -> SnakeBridge.operator(here, :add, there) end, "an operator"},
            {fn -> SnakeBridge.steps(%SnakeBridge.Py{}, [{:method, "repr", [there], []}]) end, "names"}
          ] do
        assert {:error, %BridgeError{reason: :not_convertible} = error} = call.(), label
        assert error.message =~ inspect(__MODULE__.Other)
        assert error.message =~ "SnakeBridge.Session"
      end

      call = SnakeBridge.item!(Probe.run("def call(f): return f()"), "call")
      Process.put(:there, there)
      answer = fn -> [Process.get(:there)] end
      assert {:error, %BridgeError{reason: :not_convertible} = error} = SnakeBridge.apply(call, [answer])
      assert error.message =~ inspect(__MODULE__.Other)
      assert SnakeBridge.value!(here) == [1]
    end
  end

  describe "decoders" do
    test "of UUIDs and decimals are there" do
      assert SnakeBridge.call!("uuid", "UUID", [], int: 7) == "00000000-0000-0000-0000-000000000007"
      assert %Ref{type: "uuid.UUID"} = SnakeBridge.call!("uuid", "UUID", [], [int: 7], as: :ref)

      for text <- ["1.50", "-0", "1E+30", "123.456E-7", "NaN", "-Infinity", "Infinity"] do
        assert %Decimal{} = decimal = SnakeBridge.call!("decimal", "Decimal", [text])

        assert SnakeBridge.call!("builtins", "str", [decimal]) ==
                 SnakeBridge.call!("builtins", "str", [
                   SnakeBridge.call!("decimal", "Decimal", [text], [], as: :ref)
                 ])

        assert SnakeBridge.call!("decimal", "Decimal", [decimal]) == decimal
      end

      # One that the library cannot hold.
      assert {:error, %BridgeError{reason: :not_convertible} = error} =
               SnakeBridge.call("decimal", "Decimal", ["sNaN"])

      assert error.message =~ "decimal.Decimal"
      assert error.message =~ "sNaN"
      assert error.hint =~ "as: :ref"
      assert %Ref{} = SnakeBridge.call!("decimal", "Decimal", ["sNaN"], [], as: :ref)
    end

    test "are registered for sessions that run, and for those to come", %{python: names} do
      class = "EncoderTestPoint"
      point = names["Point"]
      SnakeBridge.put_attr!(point, "__module__", class)
      assert %Ref{} = SnakeBridge.apply!(point, [1])
      :ok = Decoder.register(class <> ".Point", "operator.attrgetter('x')", & &1)
      # No path: the error is Python's, and the object can be had.
      assert {:error, %Py.AttributeError{notes: [note]}} = SnakeBridge.apply(point, [1])
      assert note =~ class
      assert %Ref{} = SnakeBridge.apply!(point, [1], [], as: :ref)

      modules = SnakeBridge.get!("sys", "modules", as: :ref)
      holder = SnakeBridge.call!("types", "ModuleType", [class])
      for name <- ["parts", "fails"], do: SnakeBridge.put_attr!(holder, name, names[name])
      SnakeBridge.put_item!(modules, class, holder)

      :ok = Decoder.register(class <> ".Point", class <> ".parts", &{:point, &1["x"], &1["self"]})
      assert {:point, 1, [%Ref{}]} = SnakeBridge.apply!(point, [1])

      assert [{:point, 1, _}, %{"k" => {:point, 2, _}}] =
               SnakeBridge.call!("builtins", "list", [
                 [
                   SnakeBridge.apply!(point, [1], [], as: :ref),
                   %{"k" => SnakeBridge.apply!(point, [2], [], as: :ref)}
                 ]
               ])

      # In the arguments of a callback.
      assert SnakeBridge.apply!(names["call"], [
               fn {:point, x, _} -> x end,
               SnakeBridge.apply!(point, [3], [], as: :ref)
             ]) == 3

      :ok = Decoder.register(class <> ".Point", class <> ".fails", & &1)
      assert {:error, %Py.ValueError{notes: [note]}} = SnakeBridge.apply(point, [1])
      assert note =~ class <> ".fails"

      :ok = Decoder.register(class <> ".Point", class <> ".parts", fn _ -> exit(:tired) end)

      assert {:error, %BridgeError{reason: :not_convertible, message: message}} =
               SnakeBridge.apply(point, [1])

      assert message =~ "tired"

      assert {:error, %BridgeError{reason: :not_convertible}} =
               SnakeBridge.apply(names["call"], [fn _ -> 1 end, SnakeBridge.apply!(point, [3], [], as: :ref)])

      start_supervised!({Session, name: __MODULE__.Later})
      assert {class <> ".Point", class <> ".parts"} in Decoder.pairs()
      assert SnakeBridge.call!("uuid", "UUID", [], [int: 1], session: __MODULE__.Later) =~ "0001"
    end

    test "that fail leave nothing behind" do
      start_supervised!({Session, name: __MODULE__.Own})
      opts = [session: __MODULE__.Own]

      make =
        SnakeBridge.item!(
          Probe.run("import decimal\ndef make(): return [object(), decimal.Decimal('sNaN'), object()]", opts),
          "make"
        )

      {:ok, %{refs: before}} = Session.usage(__MODULE__.Own)
      assert {:error, %BridgeError{reason: :not_convertible}} = SnakeBridge.apply(make, [])
      {:ok, %{refs: refs}} = Session.usage(__MODULE__.Own)
      assert refs <= before
      assert SnakeBridge.ref?(make)
    end
  end
end
