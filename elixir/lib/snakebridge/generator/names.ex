defmodule SnakeBridge.Generator.Names do
  @moduledoc """
  What Python's names are called in Elixir, and the way back.

  | Python | Elixir | |
  |---|---|---|
  | `sqrt`, `assertEqual`, `_replace` | the same | whatever can be a function's name |
  | `end`, `for`, `def` | `end_`, `for_`, `def_` | reserved words, special forms, and what generated modules define or use |
  | `end_` | `end__` | so that none is taken |
  | `IGNORECASE`, `_` | `py_IGNORECASE`, `py__` | capitalised ones, and underscores |
  | `a-b`, `größe` | `pyx_a_2d_b`, `pyx_gr_f6__df_e` | all others, with the code points of what is not a letter or digit |

  In a class `new` is the constructor, so that a method of that name is `new_`.

  It knows names alone: whether two modules come to one name is seen to by `SnakeBridge.Generator.Modules`.
  """

  # Of the language, and `def`, which generated modules use.
  @reserved ~w(true false nil and or not in when fn do end catch rescue after else
               def quote unquote unquote_splicing super case cond for receive try with alias require import
               module_info behaviour_info
               __info__ __struct__ __impl__ __behaviour__ __protocol__ __deriving__ __after_verify__
               __python__ __functions__ __classes__ __search__ __aliases__ __block__)

  @reserved_of %{module: @reserved, class: ["new" | @reserved]}

  @typedoc "What the name stands in."
  @type place :: :module | :class

  @doc """
  The name of a function in Elixir.

      iex> for name <- ["sqrt", "end", "end_", "IGNORECASE", "a-b"], do: SnakeBridge.Generator.Names.to_elixir(name)
      ["sqrt", "end_", "end__", "py_IGNORECASE", "pyx_a_2d_b"]

      iex> SnakeBridge.Generator.Names.to_elixir("new", :class)
      "new_"
  """
  @spec to_elixir(String.t(), place()) :: String.t()
  def to_elixir(name, place \\ :module) do
    cond do
      not (name =~ ~r/\A[A-Za-z_][A-Za-z0-9_]*\z/) or String.starts_with?(name, "pyx_") ->
        "pyx_" <> encode(name)

      reserved?(name, place) ->
        name <> "_"

      name =~ ~r/\A(py_)*([A-Z].*|_+)\z/ ->
        "py_" <> name

      true ->
        name
    end
  end

  @doc """
  The name in Python of a function that `to_elixir/2` named.

      iex> for name <- ["sqrt", "end_", "end__", "py_IGNORECASE", "pyx_a_2d_b"], do: SnakeBridge.Generator.Names.to_python(name)
      ["sqrt", "end", "end_", "IGNORECASE", "a-b"]
  """
  @spec to_python(String.t(), place()) :: String.t()
  def to_python(name, place \\ :module)
  def to_python("pyx_" <> encoded, _), do: decode(encoded)

  def to_python(name, place) do
    cond do
      name =~ ~r/\A(py_)+([A-Z].*|_+)\z/ -> String.replace_prefix(name, "py_", "")
      reserved?(name, place) -> String.replace_suffix(name, "_", "")
      true -> name
    end
  end

  # With any underscores behind it, for each of those is a name of its own.
  defp reserved?(name, place) do
    Enum.any?(@reserved_of[place], fn reserved ->
      String.starts_with?(name, reserved) and
        name |> String.replace_prefix(reserved, "") |> String.trim("_") == ""
    end)
  end

  defp encode(name) do
    for <<char::utf8 <- name>>, into: "" do
      if char in ?a..?z or char in ?A..?Z or char in ?0..?9,
        do: <<char>>,
        else: "_" <> String.downcase(Integer.to_string(char, 16)) <> "_"
    end
  end

  defp decode(encoded) do
    Regex.replace(~r/_([0-9a-f]+)_/, encoded, fn _, hex -> <<String.to_integer(hex, 16)::utf8>> end)
  end

  # --- modules ---

  # A module's whole name is an atom, of 255 characters at most.
  @longest_part 120

  # What Elixir up to 1.20 has at the top level, and libraries whose modules this one looks for, or may.
  @elixir ~w(Access Agent Application ArgumentError ArithmeticError Atom BadArityError BadBooleanError
             BadFunctionError BadMapError BadStructError Base Behaviour Bitwise Calendar CaseClauseError Code
             Collectable CompileError CondClauseError Config Date DateTime Dict Duration DynamicSupervisor EEx
             ErlangError Elixir Enum Enumerable ErlangError Exception ExUnit File Float FunctionClauseError GenEvent
             GenServer HashDict HashSet Hex IEx IO Inspect Integer JSON Kernel KeyError Keyword List Logger Macro Map
             MapSet MatchError MismatchedDelimiterError Mix Module NaiveDateTime Node OptionParser PartitionSupervisor
             Path Port Process Protocol Range Record Regex Registry RuntimeError Set Stream String StringIO Supervisor
             SyntaxError System SystemLimitError Task Time TokenMissingError TryClauseError Tuple URI
             UndefinedFunctionError UnicodeConversionError Version WithClauseError) ++
            ~w(Complex Decimal Explorer Kino Livebook Nx Table SnakeBridge Wrapper)

  @doc """
  The names of a module in Elixir, from its dotted path.

      iex> SnakeBridge.Generator.Names.module("sklearn.linear_model")
      ["Sklearn", "LinearModel"]
      iex> SnakeBridge.Generator.Names.module("string")
      ["PyString"]
  """
  @spec module(String.t()) :: [String.t()]
  def module(path) do
    [first | rest] = path |> String.split(".") |> Enum.map(&part/1)
    [if(first in @elixir, do: "Py" <> first, else: first) | rest]
  end

  @doc """
  One part of a module's name, of a module or a class.

      iex> for name <- ["linear_model", "ndarray", "LinAlgError", "_lib", "3d"], do: SnakeBridge.Generator.Names.part(name)
      ["LinearModel", "Ndarray", "LinAlgError", "Lib", "Py3d"]
  """
  @spec part(String.t()) :: String.t()
  def part(name) do
    part =
      for piece <- String.split(name, "_", trim: true), into: "" do
        {first, rest} = String.split_at(piece, 1)
        ascii(String.upcase(first, :ascii) <> rest)
      end

    part = String.slice(part, 0, @longest_part)
    if part =~ ~r/\A[A-Z]/, do: part, else: "Py" <> part
  end

  defp ascii(text) do
    for <<char::utf8 <- text>>, into: "" do
      if char in ?a..?z or char in ?A..?Z or char in ?0..?9,
        do: <<char>>,
        else: "U" <> Integer.to_string(char, 16)
    end
  end

  # --- variables ---

  @doc """
  Names for a function's arguments, all different, and none of `taken`.

      iex> SnakeBridge.Generator.Names.variables(["X", "x", "end", "_a", "opts", "é"], ["opts"])
      ["x", "x2", "end_", "a", "opts2", "arg6"]
  """
  @spec variables([String.t()], [String.t()]) :: [String.t()]
  def variables(names, taken) do
    {variables, _} =
      names
      |> Enum.with_index(1)
      |> Enum.map_reduce(taken, fn {name, index}, taken ->
        variable = name |> variable(index) |> free(taken)
        {variable, [variable | taken]}
      end)

    variables
  end

  defp variable(name, index) do
    name = name |> String.trim_leading("_") |> String.downcase(:ascii)

    cond do
      not (name =~ ~r/\A[a-z][a-z0-9_]{0,199}\z/) -> "arg#{index}"
      reserved?(name, :module) -> name <> "_"
      true -> name
    end
  end

  defp free(name, taken) do
    if name in taken,
      do: Enum.find(Stream.map(Stream.iterate(2, &(&1 + 1)), &"#{name}#{&1}"), &(&1 not in taken)),
      else: name
  end
end
