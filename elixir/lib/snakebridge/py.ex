defmodule SnakeBridge.Py do
  @moduledoc """
  The Python names of a session, and the exceptions of Python.

  ## Names

  A value of this struct stands for the names: `py.X_train`, `py.len(xs)`, `py["name"]` with natural syntax.
  A name is looked up among the globals of the session's cells, then among Python's builtins.

  ## Exceptions

  Each builtin exception of Python has a module here: `SnakeBridge.Py.ValueError`, `SnakeBridge.Py.KeyError`, ...
  An exception of any other class arrives as its nearest builtin ancestor, and names its own class.

      iex> try do
      ...>   SnakeBridge.call!("json", "loads", ["[1,"])
      ...> rescue
      ...>   error in SnakeBridge.Py.ValueError -> {error.module, error.class}
      ...> end
      {"json.decoder", "JSONDecodeError"}

  `rescue` knows no inheritance; `kinds/1` lists a class with all builtins below it, as `except LookupError` means it:

      iex> require SnakeBridge.Py
      iex> try do
      ...>   SnakeBridge.call!("operator", "getitem", [%{}, "missing"])
      ...> rescue
      ...>   error in SnakeBridge.Py.kinds(LookupError) -> error.class
      ...> end
      "KeyError"

  and `is_kind/2` is a guard for any class, of any library:

      iex> import SnakeBridge.Py, only: [is_kind: 2]
      iex> case SnakeBridge.call("json", "loads", ["[1,"]) do
      ...>   {:error, error} when is_kind(error, "json.decoder.JSONDecodeError") -> :no_json
      ...> end
      :no_json

  They all have the same fields:

  | field | |
  |---|---|
  | `class`, `module` | the Python class: its qualified name, and the module that defines it (nil where it does not say) |
  | `message` | `str(error)`; of a very long one the beginning |
  | `mro` | the class and those that it extends, nearest first, as `module.qualname` |
  | `kinds` | the same as the keys of a map, builtins also without `builtins.`: for `is_kind/2` |
  | `traceback` | a list of `t:frame/0`, outermost first |
  | `text` | the traceback as Python prints it |
  | `notes` | what `add_note` added |
  | `cause`, `context` | the exception behind `raise .. from ..`, and the one that was being handled; nil where there is none |
  | `group` | the exceptions in an exception group |
  | `step` | in `SnakeBridge.steps/3`, the step that raised, from 0 |
  | `hint` | what to do about it, where the bridge knows |
  | `ref` | the exception object itself: `SnakeBridge.attr!(error.ref, "errno")`; nil where its lifetime could not be kept |

  `Exception.message/1`, and with it crash logs, ExUnit and IEx, tells the class, the message, the notes, the innermost
  frames of the traceback, and the hint:

      iex> {:error, error} = SnakeBridge.run("int('one')")
      iex> Exception.message(error) =~ ~r/^ValueError: invalid literal .* 'one'\\n  at run \\d+:1 in <module>: int\\('one'\\)$/
      true
      iex> inspect(error)
      "#SnakeBridge.Py.ValueError<invalid literal for int() with base 10: 'one'>"

  An exception that passes through Elixir back into Python is the same object there.
  Elixir code that Python calls may raise one of its own: `raise SnakeBridge.Py.KeyError, "x"` is Python's `KeyError("x")`.
  """

  @behaviour Access

  alias SnakeBridge.Py.Hierarchy

  @type t :: %__MODULE__{session: atom() | pid()}

  @typedoc "Where in Python's code: `line` counts from 1; `file` is `cell N` in a cell."
  @type frame :: %{file: String.t(), line: non_neg_integer(), name: String.t(), source: String.t()}

  defstruct session: SnakeBridge.Session

  # --- names ---

  @impl Access
  def fetch(%__MODULE__{} = py, name) when is_binary(name), do: {:ok, SnakeBridge.steps!(py, [{:attr, name}])}

  @impl Access
  def get_and_update(_, _, _), do: cannot()

  @impl Access
  def pop(_, _), do: cannot()

  @spec cannot() :: no_return()
  defp cannot, do: raise(ArgumentError, "names of Python are assigned in Python cells")

  # --- exceptions ---

  @doc """
  Builtin exceptions of Python and all builtins below them, for `rescue`: a list of modules, at compile time.

  Takes a name (`LookupError`, `SnakeBridge.Py.LookupError`, `"LookupError"`) or a list of names.
  A class of a library is none of them: rescue its nearest builtin, or use `is_kind/2`.

      iex> require SnakeBridge.Py
      iex> SnakeBridge.Py.kinds(LookupError)
      [SnakeBridge.Py.LookupError, SnakeBridge.Py.IndexError, SnakeBridge.Py.KeyError]
  """
  defmacro kinds(names) do
    names
    |> List.wrap()
    |> Enum.flat_map(&modules(&1, __CALLER__))
    |> Enum.uniq()
  end

  defp text(name, env) do
    case Macro.expand(name, env) do
      module when is_atom(module) -> module |> inspect() |> String.replace_prefix("SnakeBridge.Py.", "")
      text when is_binary(text) -> text
      other -> Macro.to_string(other)
    end
  end

  defp modules(name, env) do
    text = text(name, env)

    Hierarchy.modules_below(String.replace_prefix(text, "builtins.", "")) ||
      raise ArgumentError, """
      #{text} is no builtin exception of Python
      hint: a class of a library arrives as its nearest builtin; tell it by \
      `catch :error, e when SnakeBridge.Py.is_kind(e, #{inspect(text)})`\
      """
  end

  @doc """
  Whether an exception is one of Python and of a class or below it: `isinstance(error, cls)`, by name.

  The name is `module.qualname`, as text; one without a dot is a builtin's, which may be an alias, as in `kinds/1`:
  `is_kind(error, ValueError)`. Allowed in guards.

      iex> {:error, error} = SnakeBridge.call("math", "sqrt", [-1])
      iex> require SnakeBridge.Py
      iex> {SnakeBridge.Py.is_kind(error, "ValueError"), SnakeBridge.Py.is_kind(error, "OSError")}
      {true, false}
  """
  defmacro is_kind(error, name) do
    name =
      case name do
        {:__aliases__, _, _} -> name |> modules(__CALLER__) |> hd() |> text(__CALLER__)
        text -> text
      end

    quote(do: SnakeBridge.Py.is_named_kind(unquote(error), unquote(name)))
  end

  @doc false
  defguard is_named_kind(error, name)
           when is_map(error) and is_map_key(error, :kinds) and
                  is_map(:erlang.map_get(:kinds, error)) and
                  is_map_key(:erlang.map_get(:kinds, error), name)
end
