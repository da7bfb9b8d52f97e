defmodule SnakeBridge.Py.Hierarchy do
  @moduledoc """
  The builtin exceptions of Python 3.10 to 3.14 and what extends what: the one list that the modules
  `SnakeBridge.Py.ValueError` and so on are made from.
  """

  # name: bases, as Python has them.
  @bases [
    BaseException: [],
    BaseExceptionGroup: [:BaseException],
    GeneratorExit: [:BaseException],
    KeyboardInterrupt: [:BaseException],
    SystemExit: [:BaseException],
    Exception: [:BaseException],
    ArithmeticError: [:Exception],
    FloatingPointError: [:ArithmeticError],
    OverflowError: [:ArithmeticError],
    ZeroDivisionError: [:ArithmeticError],
    AssertionError: [:Exception],
    AttributeError: [:Exception],
    BufferError: [:Exception],
    EOFError: [:Exception],
    ExceptionGroup: [:BaseExceptionGroup, :Exception],
    ImportError: [:Exception],
    ModuleNotFoundError: [:ImportError],
    LookupError: [:Exception],
    IndexError: [:LookupError],
    KeyError: [:LookupError],
    MemoryError: [:Exception],
    NameError: [:Exception],
    UnboundLocalError: [:NameError],
    OSError: [:Exception],
    BlockingIOError: [:OSError],
    ChildProcessError: [:OSError],
    ConnectionError: [:OSError],
    BrokenPipeError: [:ConnectionError],
    ConnectionAbortedError: [:ConnectionError],
    ConnectionRefusedError: [:ConnectionError],
    ConnectionResetError: [:ConnectionError],
    FileExistsError: [:OSError],
    FileNotFoundError: [:OSError],
    InterruptedError: [:OSError],
    IsADirectoryError: [:OSError],
    NotADirectoryError: [:OSError],
    PermissionError: [:OSError],
    ProcessLookupError: [:OSError],
    TimeoutError: [:OSError],
    ReferenceError: [:Exception],
    RuntimeError: [:Exception],
    NotImplementedError: [:RuntimeError],
    PythonFinalizationError: [:RuntimeError],
    RecursionError: [:RuntimeError],
    StopAsyncIteration: [:Exception],
    StopIteration: [:Exception],
    SyntaxError: [:Exception],
    IndentationError: [:SyntaxError],
    TabError: [:IndentationError],
    SystemError: [:Exception],
    TypeError: [:Exception],
    ValueError: [:Exception],
    UnicodeError: [:ValueError],
    UnicodeDecodeError: [:UnicodeError],
    UnicodeEncodeError: [:UnicodeError],
    UnicodeTranslateError: [:UnicodeError],
    Warning: [:Exception],
    BytesWarning: [:Warning],
    DeprecationWarning: [:Warning],
    EncodingWarning: [:Warning],
    FutureWarning: [:Warning],
    ImportWarning: [:Warning],
    PendingDeprecationWarning: [:Warning],
    ResourceWarning: [:Warning],
    RuntimeWarning: [:Warning],
    SyntaxWarning: [:Warning],
    UnicodeWarning: [:Warning],
    UserWarning: [:Warning]
  ]

  # Python's other names for some.
  @aliases %{EnvironmentError: :OSError, IOError: :OSError}

  # On Python 3.10 exception groups come from this package.
  @backport for name <- [:BaseExceptionGroup, :ExceptionGroup],
                into: %{},
                do: {"exceptiongroup.#{name}", Module.concat(SnakeBridge.Py, name)}

  @modules for {name, _} <- @bases,
               into: @backport,
               do: {"builtins.#{name}", Module.concat(SnakeBridge.Py, name)}

  @doc "The names of all, each behind its bases."
  @spec names() :: [atom()]
  def names, do: Keyword.keys(@bases)

  @doc """
  A class and those that it extends, nearest first, as `module.qualname`.

      iex> SnakeBridge.Py.Hierarchy.mro(:KeyError)
      ~w(builtins.KeyError builtins.LookupError builtins.Exception builtins.BaseException builtins.object)
  """
  @spec mro(atom()) :: [String.t()]
  def mro(name), do: Enum.map(linear(name), &"builtins.#{&1}") ++ ["builtins.object"]

  # What several bases have in common comes behind them all.
  defp linear(name) do
    above = @bases |> Keyword.fetch!(name) |> Enum.flat_map(&linear/1)
    [name | above |> Enum.reverse() |> Enum.uniq() |> Enum.reverse()]
  end

  @doc """
  The modules of a class and of all builtins that extend it; nil where Python has no such exception.

      iex> SnakeBridge.Py.Hierarchy.modules_below("LookupError")
      [SnakeBridge.Py.LookupError, SnakeBridge.Py.IndexError, SnakeBridge.Py.KeyError]
  """
  @spec modules_below(String.t()) :: [module()] | nil
  def modules_below(name) do
    with name when name != nil <- known(name) do
      for other <- names(), name in linear(other), do: Module.concat(SnakeBridge.Py, other)
    end
  end

  defp known(name) do
    Enum.find(names(), &(Atom.to_string(&1) == name)) ||
      Enum.find_value(@aliases, fn {other, meant} -> if Atom.to_string(other) == name, do: meant end)
  end

  @doc "The module of the nearest builtin in an mro: no atom is made of what Python says."
  @spec nearest([String.t()]) :: module()
  def nearest(mro), do: Enum.find_value(mro, SnakeBridge.Py.BaseException, &Map.get(@modules, &1))

  @doc """
  What `SnakeBridge.Py.is_kind/2` looks into: the names of an mro, those of builtins also without their module.
  """
  @spec kinds([String.t()]) :: %{String.t() => true}
  def kinds(mro), do: for(name <- mro, short <- names(name), into: %{}, do: {short, true})

  defp names("builtins." <> short = name), do: [name, short]
  defp names("exceptiongroup." <> short = name), do: [name, "builtins." <> short, short]
  defp names(name), do: [name]
end
