defmodule SnakeBridge.Project.Packages do
  @moduledoc """
  The Python of a project and what is installed in it; and the installing, when it is asked for.

  uv installs where it is found, else the environment's own pip. Which files are right for the machine is their business.
  Nothing is installed unless `install/2` is called: `mix snakebridge.install`.
  """

  alias SnakeBridge.Project.{Config, Error, Lock}
  alias SnakeBridge.Worker

  @command "mix snakebridge.install"

  @typedoc "What was found: as a lock, with requirements that nothing or a wrong version answers."
  @type found :: %{lock: Lock.t(), missing: [String.t()], conflicts: [{String.t(), String.t()}]}

  @doc """
  The interpreter that the project's sessions use: `python:`, else that of `environment:`, else as
  `SnakeBridge.Worker` finds one.
  """
  @spec python(Config.t()) :: {:ok, Path.t()} | {:error, Exception.t()}
  def python(%Config{python: nil} = config) do
    # The folder named in the default is found by looking upward as well, and an active environment comes before it.
    own = interpreter(config)
    if own && config.environment != ".venv", do: {:ok, own}, else: Worker.python()
  end

  def python(%Config{python: python} = config) do
    # A relative path is one of the project's; a mere name is a command.
    if String.contains?(python, "/"),
      do: Worker.given(Config.path(config, python)),
      else: Worker.given(python)
  end

  @doc "What is installed of what the project requires and wraps."
  @spec find(Config.t(), Path.t()) :: {:ok, found()} | {:error, Exception.t()}
  def find(%Config{} = config, python) do
    wanted = config.packages ++ Enum.map(config.libraries, &"module:#{&1.python}")

    with {:ok, package} <- Worker.package(),
         script = Path.join(package, "snakebridge/packages.py"),
         {:ok, text} <- command(python, [script | wanted], config.root) do
      {:ok,
       text |> String.split("\n", trim: true) |> Enum.reduce(nothing(), &line(String.split(&1, "\t"), &2))}
    end
  end

  defp nothing, do: %{lock: %Lock{}, missing: [], conflicts: []}

  defp line(["python", name, version, platform], found),
    do: %{found | lock: %{found.lock | python: "#{name} #{version}", platform: platform}}

  defp line(["package", name, version, hash], found),
    do: put_in(found.lock.packages[name], %{version: version, hash: hash})

  defp line(["missing", requirement], found), do: %{found | missing: found.missing ++ [requirement]}

  defp line(["conflict", requirement, version], found),
    do: %{found | conflicts: found.conflicts ++ [{requirement, version}]}

  # What a start of Python may print besides.
  defp line(_, found), do: found

  @doc "What is wrong with what is installed, as lines for a reader; and how to mend it."
  @spec problems(found()) :: {[String.t()], String.t()}
  def problems(found) do
    missing = for requirement <- found.missing, do: "#{requirement} is not installed"

    conflicts =
      for {requirement, version} <- found.conflicts, do: "#{requirement} is required, #{version} is installed"

    {missing ++ conflicts, "run #{@command}"}
  end

  @doc """
  Installs `packages:` into `environment:`, which is made where it is not there.

  Versions are those of the lock, as far as it names them; with `upgrade: true` they are the newest that the requirements
  allow. Gives what is installed then. `:into` is where the installer's output goes (a `Collectable`).
  """
  @spec install(Config.t(), keyword()) :: {:ok, found()} | {:error, Exception.t()}
  def install(%Config{} = config, opts \\ []) do
    uv = System.find_executable("uv")
    into = Keyword.get(opts, :into, IO.stream())

    with {:ok, lock} <- Lock.read(config.root),
         :ok <- environment(config, uv, into),
         python = interpreter(config),
         :ok <- requirements(config, lock, python, uv, opts[:upgrade], into),
         {:ok, found} <- find(config, python),
         {[], _} <- problems(found) do
      if opts[:upgrade], do: {:ok, found}, else: as_locked(lock, found)
    else
      {[_ | _] = problems, _} ->
        {:error, %Error{message: "after the installation: " <> Enum.join(problems, "; ")}}

      {:error, error} ->
        {:error, error}
    end
  end

  # The same version from other files is another package: from another index, or tampered with.
  defp as_locked(%Lock{} = lock, found) do
    other =
      for {name, %{version: version, hash: hash}} <- found.lock.packages,
          lock.platform == found.lock.platform and lock.python == found.lock.python,
          %{version: ^version, hash: locked} when locked != hash <- [lock.packages[name]],
          do: "#{name} #{version}"

    if other == [] do
      {:ok, found}
    else
      message = "installed with other files than the locked ones: #{Enum.join(other, ", ")}"

      {:error,
       %Error{
         message: message,
         hint: "see where they come from; #{@command} --upgrade takes them into the lock"
       }}
    end
  end

  defp interpreter(config) do
    folder = Config.path(config, config.environment)
    Enum.find([Path.join(folder, "bin/python3"), Path.join(folder, "bin/python")], &File.exists?/1)
  end

  defp environment(config, uv, into) do
    folder = Config.path(config, config.environment)

    cond do
      interpreter(config) ->
        :ok

      uv ->
        named = if config.python, do: ["--python", config.python], else: []
        run(uv, ["venv", folder | named], config, into)

      true ->
        with {:ok, python} <- base(config), do: run(python, ["-m", "venv", folder], config, into)
    end
  end

  defp base(%Config{python: nil}) do
    case System.find_executable("python3") do
      nil ->
        {:error,
         %Error{
           message: "no python3 was found",
           hint: "install Python 3.10 or later, or uv, which brings one"
         }}

      python ->
        {:ok, python}
    end
  end

  defp base(config), do: python(config)

  defp requirements(%Config{packages: []}, _, _, _, _, _), do: :ok

  defp requirements(config, lock, python, uv, upgrade, into) do
    versions =
      for {name, %{version: version}} <- lock.packages, not (upgrade || false), do: "#{name}==#{version}\n"

    upgrade = if upgrade, do: ["--upgrade"], else: []

    command =
      if uv,
        do: [uv, "pip", "install", "--python", python],
        else: [python, "-m", "pip", "install", "--disable-pip-version-check"]

    constrained(versions, fn constraints ->
      run(hd(command), tl(command) ++ constraints ++ upgrade ++ config.packages, config, into)
    end)
  end

  defp constrained([], function), do: function.([])

  defp constrained(versions, function) do
    folder = Path.join(System.tmp_dir!(), "snakebridge-#{System.pid()}-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)

    try do
      file = Path.join(folder, "constraints.txt")
      File.write!(file, versions)
      function.(["-c", file])
    after
      File.rm_rf!(folder)
    end
  end

  defp run(program, arguments, config, into) do
    case System.cmd(program, arguments, into: into, stderr_to_stdout: true, cd: config.root) do
      {_, 0} ->
        :ok

      {_, status} ->
        shown = Enum.join([Path.basename(program) | arguments], " ")
        {:error, %Error{message: "#{shown} ended with status #{status}", hint: "see above what it says"}}
    end
  end

  defp command(program, arguments, root) do
    case System.cmd(program, arguments, cd: root, stderr_to_stdout: true) do
      {text, 0} ->
        {:ok, text}

      {text, status} ->
        {:error, %Error{message: "#{program} ended with status #{status}: #{String.trim(text)}"}}
    end
  rescue
    error in ErlangError ->
      {:error, %Error{message: "#{program} does not start: #{Exception.message(error)}"}}
  end
end
