defmodule SnakeBridge.Ebin do
  @moduledoc """
  Where the code of modules is found: ours, IEx's, and that of the modules which cells define.

  Modules of cells are also written to the session's directory, since documentation and types (`h`, `t`, `b`, completion)
  are read from files. Nothing is ever loaded from there.
  """

  alias SnakeBridge.CellParser

  @doc "Loads all modules of ours: with a Mix project around, this library is not on the code path for long."
  @spec load_own() :: :ok
  def load_own do
    Application.load(:snakebridge)

    with {:ok, modules} <- :application.get_key(:snakebridge, :modules),
         do: :code.ensure_modules_loaded(modules)

    :ok
  end

  @doc """
  Puts on the code path what cells need: IEx and its like, and the modules of cells.

  Mix takes off the path what a project does not depend on, when the project is compiled and each time it is again.
  """
  @spec keep_on_path() :: :ok
  def keep_on_path do
    elixir = Kernel |> :code.which() |> to_string() |> Path.join("../../..") |> Path.expand()
    applications = for app <- ["iex", "logger", "eex", "mix", "ex_unit"], do: Path.join([elixir, app, "ebin"])
    wanted = Enum.filter([:persistent_term.get(__MODULE__, nil) | applications], &(&1 && File.dir?(&1)))
    missing = Enum.map(wanted, &String.to_charlist/1) -- :code.get_path()
    if missing != [], do: :code.add_pathsz(missing)
    :ok
  end

  @doc """
  From now on the modules of cells are written to a directory of their own in `session_directory`, where this module is
  a tracer of the cells' environment.
  """
  @spec keep_modules(Path.t()) :: :ok
  def keep_modules(session_directory) do
    directory = Path.join(session_directory, "ebin")

    # Without the directory cells work, and only their modules' documentation is missing.
    with :ok <- File.mkdir_p(directory) do
      :persistent_term.put(__MODULE__, directory)
      Code.put_compiler_option(:docs, true)
    end

    # Cells are run again and again, and their modules with them.
    Code.put_compiler_option(:ignore_module_conflict, true)
    keep_on_path()
  end

  @doc false
  def trace({:on_module, bytecode, _}, %{file: file, module: module}) do
    with cell when cell != nil <- CellParser.cell(file),
         directory when directory != nil <- :persistent_term.get(__MODULE__, nil) do
      File.write(Path.join(directory, "#{module}.beam"), bytecode)
    end

    :ok
  end

  def trace(_, _), do: :ok
end
