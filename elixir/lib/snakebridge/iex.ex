defmodule SnakeBridge.IEx do
  @moduledoc """
  Python in IEx: a line in `.iex.exs`.

      use SnakeBridge.IEx

  It gives

    * natural syntax in what is typed: `df.head(3)`, `df["a"] + 1`, `py.len(xs)`; Python itself in `~PY".."`
    * completion of Python's names: `df.gro` and Tab
    * `h df.groupby`, `i df`
    * the helpers `py_info`, `py_modules`, `py_methods`, `py_doc`, `py_search`: see `SnakeBridge.IEx.Helpers`

  Options: `syntax: false` and `completion: false` leave that as IEx has it.

  A shell on another node (`--remsh`) has all but the completion. A second `use` changes nothing.
  """

  alias SnakeBridge.IEx.Terminal
  alias SnakeBridge.Options

  # All but `h`, which is a name of IEx: the parser knows of it.
  @helpers [
    py_info: 0,
    py_info: 1,
    py_doc: 1,
    py_methods: 1,
    py_methods: 2,
    py_modules: 0,
    py_modules: 1,
    py_search: 1,
    py_search: 2
  ]

  @doc "What `use SnakeBridge.IEx` does; the options are above."
  defmacro __using__(opts) do
    quote do
      require SnakeBridge
      import SnakeBridge, only: [py: 1, sigil_PY: 2]
      import SnakeBridge.IEx.Helpers, only: unquote(@helpers)
      SnakeBridge.IEx.start(unquote(opts))
    end
  end

  @doc false
  @spec start(keyword()) :: :ok
  def start(opts) do
    opts = Options.check!(:iex, opts)
    # Where the library is no dependency of a project but only on the path.
    {:ok, _} = Application.ensure_all_started(:snakebridge)
    if Keyword.get(opts, :syntax, true), do: IEx.configure(parser: {__MODULE__, :parse, []})
    if Keyword.get(opts, :completion, true), do: Terminal.start()
    :ok
  end

  # Macros of IEx that it expands itself, before anything is evaluated.
  @own [:import_file, :import_file_if_available]

  @doc """
  The parser for IEx: its own, with natural syntax in what was typed.

  Each statement stands for itself, as it does without this: what one has imported, defined or bound is there for the
  next.
  """
  @spec parse(String.t(), keyword(), term()) :: {:ok, Macro.t(), term()} | {:incomplete, term()}
  def parse(input, opts, state) do
    with {:ok, quoted, state} <- IEx.Evaluator.parse(input, opts, state), do: {:ok, natural(quoted), state}
  end

  defp natural({:__block__, meta, statements}), do: {:__block__, meta, Enum.map(statements, &natural/1)}
  defp natural({name, _, args} = statement) when name in @own and is_list(args), do: statement

  defp natural({:h, meta, [term]}),
    do: in_python({{:., meta, [SnakeBridge.IEx.Helpers, :h]}, meta, [term]})

  defp natural(statement), do: in_python(statement)

  defp in_python(statement) do
    quote do
      require SnakeBridge.IEx.Helpers
      SnakeBridge.py(do: unquote(statement))
    end
    |> required()
  end

  # A shell inside of a function (`IEx.pry`) has not read `.iex.exs`.
  defp required({:__block__, meta, statements}),
    do: {:__block__, meta, [quote(do: require(SnakeBridge)) | statements]}
end
