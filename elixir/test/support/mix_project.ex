defmodule SnakeBridge.MixProject.Fresh do
  @moduledoc """
  A project as `mix new` makes it, in a folder of its own, that depends on this library; and real `mix` in it.

  The library is not compiled again for it: its build is copied.
  """

  # What mix needs of the system: no Python is among it.
  @commands ~w(sh bash env dirname basename readlink sed uname expr cat ls stty tr grep awk rm mkdir id erl elixir mix)
  @library Path.expand("../..", __DIR__)

  @doc "Makes a project with these files, besides its own; gives its folder, which is to be removed."
  def new(files) do
    top = Path.join(System.tmp_dir!(), "sbp#{System.unique_integer([:positive])}")
    File.mkdir_p!(top)
    {_, 0} = System.cmd("mix", ["new", "fresh"], cd: top, stderr_to_stdout: true, env: [{"MIX_ENV", nil}])
    folder = Path.join(top, "fresh")
    write(folder, Map.put_new(files, "mix.exs", mix_exs()))

    for env <- ~w(dev test prod) do
      build = Path.join(folder, "_build/#{env}/lib")
      File.mkdir_p!(build)
      # With times and links.
      {_, 0} =
        System.cmd("cp", [
          "-a",
          Path.expand("..", :code.lib_dir(:snakebridge)) |> Path.join("snakebridge"),
          build
        ])
    end

    folder
  end

  @doc "Its `mix.exs`, with these further options of `project/0`."
  def mix_exs(more \\ "") do
    """
    defmodule Fresh.MixProject do
      use Mix.Project

      def project do
        [app: :fresh, version: "0.1.0", compilers: [:snakebridge | Mix.compilers()], #{more}
         deps: [{:snakebridge, path: #{inspect(@library)}, env: :test}]]
      end

      def application, do: [extra_applications: [:logger]]
    end
    """
  end

  @doc "Writes files into it."
  def write(folder, files) do
    for {name, text} <- files do
      path = Path.join(folder, name)
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, text)
    end
  end

  @doc "Runs mix there; gives what it printed, and its status. `python: false`: where no Python can be found."
  def mix(folder, arguments, opts \\ []) do
    environment = [{"MIX_ENV", opts[:env] || "dev"}, {"SNAKEBRIDGE_STRICT", nil}, {"TERM", "dumb"}]

    environment =
      if Keyword.get(opts, :python, true),
        do: environment,
        else: [{"PATH", without_python(folder)}, {"VIRTUAL_ENV", nil}, {"CONDA_PREFIX", nil} | environment]

    System.cmd("mix", arguments, cd: folder, stderr_to_stdout: true, env: environment)
  end

  defp without_python(folder) do
    bin = Path.join(Path.dirname(folder), "bin")
    File.mkdir_p!(bin)

    for command <- @commands,
        found = System.find_executable(command),
        do: File.ln_s(found, Path.join(bin, command))

    bin
  end
end
