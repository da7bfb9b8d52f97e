defmodule SnakeBridge.Ebin do
  @moduledoc """
  Where the code of modules is found: ours, IEx's, and that of the modules which cells define.

  Modules of cells are also written to the session's directory, since documentation and types (`h`, `t`, `b`, completion)
  are read from files. Nothing is ever loaded from there.
  """

  alias SnakeBridge.CellParser

  @doc """
  Puts the applications that cells need back on the code path.

  Mix takes off the path what a project does not depend on, and with `-S mix` it has done so before cells are served.
  """
  @spec keep_on_path() :: :ok
  def keep_on_path do
    with path when is_list(path) <- :code.which(__MODULE__), do: :code.add_pathz(:filename.dirname(path))
    elixir = Kernel |> :code.which() |> to_string() |> Path.join("../../..") |> Path.expand()

    for app <- ["iex", "logger", "eex", "mix", "ex_unit"],
        ebin = Path.join([elixir, app, "ebin"]),
        File.dir?(ebin),
        do: :code.add_pathz(String.to_charlist(ebin))

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
      :code.add_pathz(String.to_charlist(directory))
      Code.put_compiler_option(:docs, true)
    end

    # Cells are run again and again, and their modules with them.
    Code.put_compiler_option(:ignore_module_conflict, true)
    :ok
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
