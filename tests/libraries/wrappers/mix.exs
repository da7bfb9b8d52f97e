defmodule LibraryWrappers.MixProject do
  @moduledoc """
  The proof of wrappers: whole libraries as modules of Elixir, made, compiled and used as a project of a user does.

  What is generated is in `lib/python_wrappers`, and is not kept. `scripts/wrappers.sh` makes it and looks at it.
  """
  use Mix.Project

  def project do
    [
      app: :library_wrappers,
      version: "0.1.0",
      elixir: "~> 1.15",
      compilers: [:snakebridge | Mix.compilers()],
      elixirc_paths: if(Mix.env() == :test, do: ["lib", "test/support"], else: ["lib"]),
      test_ignore_filters: [~r"/support/"],
      deps: [{:snakebridge, path: "../../../elixir"}]
    ]
  end

  def application, do: [extra_applications: [:logger]]
end
