defmodule LibraryMatrix.MixProject do
  @moduledoc """
  The library matrix: real Python packages, used from an application of Elixir as its author would use them.

  It is a project of its own, for it depends on `:snakebridge` as an application does. The library's own tests are in
  `elixir/test`.
  """
  use Mix.Project

  def project do
    [
      app: :library_matrix,
      version: "0.1.0",
      elixir: "~> 1.15",
      elixirc_paths: ["test/support"],
      test_ignore_filters: [~r"/support/"],
      deps: [{:snakebridge, path: "../../elixir"}]
    ]
  end

  def application, do: [extra_applications: [:logger, :ex_unit]]
end
