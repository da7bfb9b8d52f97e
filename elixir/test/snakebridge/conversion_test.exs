defmodule SnakeBridge.ConversionTest do
  @moduledoc "Each row of the conversion's tables, both ways, through a real worker; and the page made of them."
  use ExUnit.Case, async: true

  alias SnakeBridge.{BridgeError, Conversion, Probe, Ref}

  @page Path.expand("../../../docs/conversion.md", __DIR__)

  setup_all do
    imports = Enum.map_join(Conversion.imports(), "\n", &"import #{&1}")

    source = """
    #{imports}
    def same(value, source):
        expected = eval(source)
        if type(value) is dict:
            return value == expected
        return type(value) is type(expected) and repr(value) == repr(expected)
    def echo(value):
        return value
    """

    %{python: Probe.run(source)}
  end

  defp python(names, source, opts \\ []), do: SnakeBridge.call!("builtins", "eval", [source, names], [], opts)

  defp elixir(source) do
    source =
      if Code.ensure_loaded?(Duration),
        do: source,
        else: String.replace(source, "%Duration", "%SnakeBridge.Duration")

    source |> Code.eval_string() |> elem(0)
  end

  for {source, elixir, back, _} <- Conversion.from_python() do
    @source source
    @elixir elixir
    @back back

    test "from Python: #{source}", %{python: names} do
      case @elixir do
        ":ref" ->
          assert %Ref{} = ref = python(names, @source)
          assert SnakeBridge.same?(ref, SnakeBridge.apply!(names["echo"], [ref]))
          if @back != "", do: assert(SnakeBridge.apply!(names["same"], [ref, @back]))

        expected ->
          value = python(names, @source)
          assert value === elixir(expected)
          assert SnakeBridge.apply!(names["same"], [value, @back])
      end
    end
  end

  # `SnakeBridge.Duration` has the fields of a timedelta alone.
  written =
    for row <- Conversion.from_elixir(),
        Code.ensure_loaded?(Duration) or not (elem(row, 0) =~ "week:"),
        do: row

  for {source, python, back, _} <- written do
    @source source
    @python python
    @back back

    test "from Elixir: #{source}", %{python: names} do
      value = elixir(@source)

      case @python do
        "error" ->
          assert {:error, %BridgeError{reason: :not_convertible} = error} =
                   SnakeBridge.apply(names["echo"], [value])

          assert error.hint

        "" ->
          assert %Ref{} = SnakeBridge.apply!(names["echo"], [value], [], as: :ref)

        python ->
          assert SnakeBridge.apply!(names["same"], [value, python])
      end

      case @back do
        "" -> :ok
        ":ref" -> assert %Ref{} = SnakeBridge.apply!(names["echo"], [value])
        back -> assert SnakeBridge.apply!(names["echo"], [value]) === elixir(back)
      end
    end
  end

  for {as, source, elixir, _} <- Conversion.targets(), elixir != "" do
    @as String.to_atom(as)
    @source source
    @elixir elixir

    test "as: :#{as}", %{python: names} do
      case @elixir do
        ":ref" -> assert %Ref{} = python(names, @source, as: @as)
        expected -> assert python(names, @source, as: @as) === elixir(expected)
      end
    end
  end

  test "the page is what the module says" do
    assert File.read(@page) == {:ok, Conversion.markdown()},
           "docs/conversion.md is not of this version\n" <>
             ~S|hint: cd elixir && mix run --no-start -e 'File.write!("../docs/conversion.md", SnakeBridge.Conversion.markdown())'|
  end
end
