defmodule SnakeBridge.Generator.NamesTest do
  @moduledoc "Names of Python become names of Elixir and come back, whatever they are."
  use ExUnit.Case, async: true

  alias SnakeBridge.Generator.Names

  @pieces ~w(a b end fn do new def when nil py py_ pyx pyx_ _ __ A Z AF INET 0 9 é ö 漢 5f 2d - . ! ? @ & = and __info__
             __functions__ module_info quote unquote camelCase True)

  defp name, do: for(_ <- 1..:rand.uniform(5), into: "", do: Enum.random(@pieces))

  defp function?(name) do
    case Code.string_to_quoted("def #{name}(x), do: x") do
      {:ok, {:def, _, [{_, _, [{:x, _, nil}]}, [do: _]]}} -> true
      _ -> false
    end
  end

  test "there and back, without two that come to one" do
    seed = ExUnit.configuration()[:seed]
    :rand.seed(:exsss, seed)

    for place <- [:module, :class] do
      names = for _ <- 1..5_000, uniq: true, do: name()
      mangled = Map.new(names, &{Names.to_elixir(&1, place), &1})
      assert map_size(mangled) == length(names), "seed #{seed}"

      for {elixir, python} <- mangled do
        assert Names.to_python(elixir, place) == python,
               "seed #{seed}: #{inspect(python)} is #{inspect(elixir)}"

        assert elixir =~ ~r/\A[a-z_][A-Za-z0-9_]*\z/, "seed #{seed}: #{inspect(python)} is #{inspect(elixir)}"
        assert function?(elixir), "seed #{seed}: #{inspect(python)} is #{inspect(elixir)}"
      end
    end
  end

  test "what is an ordinary name stays as it is" do
    for name <- ~w(sqrt linspace abs max use get call __call__ _private assertEqual x2 py pyx py_x),
        do: assert(Names.to_elixir(name) == name)
  end

  test "a name is as good as any text" do
    for name <- ["", "_", "__", "\n", "\"", "\#{1}", "a b", "😀", "py_py_X"],
        do: assert(name |> Names.to_elixir() |> Names.to_python() == name)
  end

  test "modules have names that can be written" do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])

    for _ <- 1..2_000, name = name(), name != "" do
      path = Names.module(String.replace(name, ".", "") <> "." <> name()) |> Enum.join(".")
      assert {:ok, {:__aliases__, _, _}} = Code.string_to_quoted(path), inspect(name)
    end
  end

  test "a module of Elixir is not taken" do
    for path <- ~w(string enum task calendar decimal wrapper), do: assert(["Py" <> _] = Names.module(path))
    assert Names.module("email.string") == ["Email", "String"]
  end

  test "variables are different from each other and from what is taken" do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])

    for _ <- 1..500 do
      names = for _ <- 1..6, do: name()
      variables = Names.variables(names, ["kwargs", "opts", "ref"])
      assert Enum.uniq(variables) == variables
      assert variables -- ["kwargs", "opts", "ref"] == variables

      for variable <- variables do
        assert {:ok, {name, _, nil}} = Code.string_to_quoted(variable)
        assert is_atom(name)
      end
    end
  end
end
