defmodule SnakeBridge.Ebin do
  @moduledoc """
  Where the code of modules is found: ours and IEx's, and that of the modules which cells define.
  """

  @doc """
  Puts the applications that cells need back on the code path.

  Mix takes off the path what a project does not depend on, and with `-S mix` it has done so before cells are served.
  """
  @spec keep_on_path() :: :ok
  def keep_on_path do
    with path when is_list(path) <- :code.which(__MODULE__), do: :code.add_pathz(:filename.dirname(path))
    elixir = :code.which(Kernel) |> to_string() |> Path.join("../../..") |> Path.expand()

    for app <- ["iex", "logger", "eex", "mix", "ex_unit"],
        ebin = Path.join([elixir, app, "ebin"]),
        File.dir?(ebin),
        do: :code.add_pathz(String.to_charlist(ebin))

    :ok
  end
end
