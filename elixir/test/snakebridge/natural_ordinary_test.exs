defmodule SnakeBridge.NaturalOrdinaryTest do
  @moduledoc "The same source, compiled with and without natural syntax, must be the same program."
  use ExUnit.Case, async: true

  import ExUnit.CaptureIO, only: [with_io: 2]

  @moduletag :capture_log
  @source Path.expand("../fixtures/ordinary.ex", __DIR__)
  @external_resource @source

  setup_all do
    %{plain: compile("Plain", ""), natural: compile("Natural", "use SnakeBridge")}
  end

  # Modules of another name, so that both are there at once; what names them is made the same again afterwards.
  defp compile(prefix, use) do
    Code.put_compiler_option(:docs, true)
    Code.put_compiler_option(:debug_info, true)

    source =
      @source
      |> File.read!()
      |> String.replace("# USE", use)
      |> String.replace("Ordinary", "Ordinary#{prefix}")

    {{modules, diagnostics}, _} =
      with_io(:stderr, fn -> Code.with_diagnostics(fn -> Code.compile_string(source, "ordinary.ex") end) end)

    modules = Map.new(modules)
    module = Module.concat(["Ordinary#{prefix}"])
    %{prefix: prefix, module: module, beam: modules[module], diagnostics: diagnostics}
  end

  defp neutral(term, prefix) when is_binary(term) do
    term
    |> String.replace("Ordinary#{prefix}", "Ordinary")
    |> String.replace(~r/#Function<[^>]*>/, "#Function<>")
  end

  defp neutral(term, prefix) when is_atom(term) do
    text = Atom.to_string(term)
    if String.contains?(text, "Ordinary"), do: {:module, neutral(text, prefix)}, else: term
  end

  defp neutral(term, prefix) when is_list(term), do: map_improper(term, &neutral(&1, prefix))

  defp neutral(term, prefix) when is_tuple(term),
    do: term |> Tuple.to_list() |> neutral(prefix) |> List.to_tuple()

  defp neutral(term, prefix) when is_map(term), do: term |> Map.to_list() |> neutral(prefix) |> Map.new()
  defp neutral(term, _) when is_function(term), do: {:function, Function.info(term, :arity)}
  defp neutral(term, _) when is_pid(term) or is_reference(term), do: :unique
  defp neutral(term, _), do: term

  defp map_improper([head | tail], fun), do: [fun.(head) | map_improper(tail, fun)]
  defp map_improper([], _), do: []
  defp map_improper(tail, fun), do: fun.(tail)

  defp run(%{module: module, prefix: prefix}, name) do
    try do
      {:value, apply(module, name, [])}
    rescue
      # What natural syntax adds.
      error -> {:error, error.__struct__, error |> Exception.message() |> String.replace(~r/\nhint: .*/, "")}
    catch
      kind, reason -> {kind, reason}
    end
    |> neutral(prefix)
  end

  test "every function gives the same value or the same exception", %{plain: plain, natural: natural} do
    names = for {name, 0} <- plain.module.__info__(:functions), "case_" <> _ <- ["#{name}"], do: name
    assert length(names) > 70

    for name <- names do
      assert {name, run(natural, name)} == {name, run(plain, name)}
    end
  end

  test "the rewriting took place", %{natural: natural, plain: plain} do
    calls = fn %{beam: beam} ->
      {:ok, {_, [imports: imports]}} = :beam_lib.chunks(beam, [:imports])
      for {SnakeBridge.Natural.Runtime, name, _} <- imports, uniq: true, do: name
    end

    assert calls.(plain) == []
    expected = ~w(field invoke invoke_with call call_with capture chain add eq neg truth pow band)a
    assert expected -- calls.(natural) == []
  end

  test "the compiler says the same", %{plain: plain, natural: natural} do
    said = fn %{diagnostics: diagnostics, prefix: prefix} ->
      diagnostics |> Enum.map(&{&1.severity, neutral(&1.message, prefix), &1.position}) |> Enum.sort()
    end

    # Types that the plain program is known to have are not known where a ref may be.
    assert said.(natural) -- said.(plain) == []
  end

  test "documentation, specifications, callbacks and exports stay", %{plain: plain, natural: natural} do
    docs = fn %{beam: beam} ->
      {:ok, {_, [{~c"Docs", chunk}]}} = :beam_lib.chunks(beam, [~c"Docs"])
      {:docs_v1, anno, language, format, module_doc, meta, docs} = :erlang.binary_to_term(chunk)
      [{anno, language, format, module_doc, Map.delete(meta, :source_path)} | docs]
    end

    specs = fn %{beam: beam, prefix: prefix} ->
      {:ok, specs} = Code.Typespec.fetch_specs(beam)
      neutral(specs, prefix)
    end

    assert neutral(docs.(natural), "Natural") -- neutral(docs.(plain), "Plain") == []
    assert specs.(natural) == specs.(plain)
    assert natural.module.__info__(:functions) == plain.module.__info__(:functions)
    assert natural.module.__info__(:macros) == plain.module.__info__(:macros)
    assert natural.module.__info__(:deprecated) == plain.module.__info__(:deprecated)
    attributes = &neutral(Keyword.drop(&1.module.__info__(:attributes), [:vsn]), &1.prefix)
    assert attributes.(natural) == attributes.(plain)
  end
end
