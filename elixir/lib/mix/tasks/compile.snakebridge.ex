defmodule Mix.Tasks.Compile.Snakebridge do
  @moduledoc """
  Makes the wrappers that a project uses, before Elixir compiles it.

      def project, do: [compilers: [:snakebridge | Mix.compilers()], ...]

  The project's source is read for calls to configured libraries, and what is missing is generated: as files
  (`mode: :compile_time`) or as modules in the build's folder (`mode: :runtime`). While nothing is missing Python is not
  asked, and need not be there. Nothing is ever installed: `mix snakebridge.install` is for that.

  Options of `mix compile`:

    * `--strict` - changes nothing, and fails with what is missing, where it is called; so do `strict: true` in the
      configuration and `SNAKEBRIDGE_STRICT=1`
    * `--force` - looks at everything again

  See `docs/wrappers.md` for the configuration.
  """

  use Mix.Task.Compiler

  # In each application of an umbrella.
  @recursive true

  alias Mix.Task.Compiler.Diagnostic
  alias SnakeBridge.{Files, Generator, Project}
  alias SnakeBridge.Project.{Error, Runtime, Sources, Wrappers}

  @version 1

  @impl true
  def run(args) do
    {opts, _, _} = OptionParser.parse(args, switches: [force: :boolean, strict: :boolean])
    context = Project.context()

    case Project.config(context) do
      {:ok, %{libraries: []}} -> {:noop, []}
      {:ok, config} -> compile(config, context, opts)
      {:error, error} -> finish({:error, [of_error(error)]})
    end
  end

  @impl true
  def manifests, do: [state_path(Project.context())]

  @impl true
  def clean do
    context = Project.context()
    File.rm_rf(context.build)
    File.rm(state_path(context))
    :ok
  end

  defp state_path(context), do: Path.join([Path.dirname(context.build), ".mix", "compile.snakebridge"])

  defp compile(config, context, opts) do
    settings(config)
    before = if opts[:force], do: nil, else: read_state(context)
    key = {@version, config, Generator.hash(), context.env, context.paths}
    before = if before && before.key == key, do: before
    now = System.os_time(:second)

    known =
      Sources.scan(
        config,
        context,
        if(before, do: before.known, else: %{}),
        if(before, do: before.at, else: 0)
      )

    strict = strict?(config, opts)

    if before && not strict && same?(before, known, config) do
      Runtime.use_path(context.build)
      if before.known != known, do: write_state(context, %{before | known: known, at: now})
      finish({:noop, before.diagnostics})
    else
      sync(config, context, key, known, now, strict, before == nil)
    end
  end

  # `new?`: what was known is worth nothing now, as the configuration has changed.
  defp sync(config, context, key, known, now, strict, new?) do
    case Project.sync(config, context, uses: Sources.all(known), strict: strict) do
      {:ok, outcome} ->
        diagnostics = Enum.map(outcome.problems, &of_problem(&1, config, strict))
        failed = Enum.any?(diagnostics, &(&1.severity == :error))
        report(outcome)
        if outcome.made and new?, do: recompile_all()

        if outcome.settled and not failed do
          state = %{
            key: key,
            known: known,
            at: now,
            outputs: outputs(config, context),
            diagnostics: diagnostics
          }

          write_state(context, state)
        end

        status = if outcome.changed != [] or outcome.made, do: :ok, else: :noop
        finish({if(failed, do: :error, else: status), diagnostics})

      {:error, error} ->
        finish({:error, [of_error(error)]})
    end
  end

  # Elixir does not see that modules beside the project's have come or gone, and would repeat what it once said of them.
  # What `mix clean` does for that compiler makes it begin anew; what is loaded, as by the configuration, would be redefined.
  defp recompile_all do
    for beam <- Files.matching(Mix.Project.compile_path(), "*.beam") do
      module = beam |> Path.basename(".beam") |> String.to_atom()
      :code.purge(module)
      :code.delete(module)
    end

    Mix.Tasks.Compile.Elixir.clean()
    Enum.each(Mix.Tasks.Compile.Elixir.manifests(), &File.rm/1)
  end

  defp strict?(config, opts),
    do: opts[:strict] || config.strict || System.get_env("SNAKEBRIDGE_STRICT") in ["1", "true"]

  # What a session of this VM starts with. A release has it of its own configuration.
  defp settings(config) do
    if config.file do
      if config.prefetch != [], do: Application.put_env(:snakebridge, :prefetch, config.prefetch)
      if config.python, do: Application.put_env(:snakebridge, :python, config.python)
    end
  end

  defp report(%{changed: changed}) do
    files = Enum.count(changed, &String.ends_with?(&1, ".ex"))
    if files > 0, do: Mix.shell().info("Generated #{files} file#{if files > 1, do: "s"} of wrappers")
  end

  # --- what is known ---

  # Whether there is nothing to do: the same uses as before, wherever they stand, and what was written is as it was.
  defp same?(before, known, config) do
    uses = fn known ->
      known |> Sources.all() |> Enum.map(&{&1.module, &1.name, &1.arity}) |> Enum.sort() |> Enum.dedup()
    end

    (before.known == known or (before.diagnostics == [] and uses.(before.known) == uses.(known))) and
      Enum.all?(before.outputs, fn {path, stat} -> Sources.stat(Path.expand(path, config.root)) == stat end)
  end

  defp outputs(config, context) do
    place = Runtime.place(context.build)
    generated = config |> Project.Config.path(config.generated_dir) |> Files.matching("**/*.ex")
    paths = [place.manifest, Project.Manifest.path(config.root) | generated]
    for path <- paths, into: %{}, do: {path, Sources.stat(path)}
  end

  defp read_state(context) do
    with {:ok, bytes} <- File.read(state_path(context)),
         %{key: _, known: _, at: _, outputs: _, diagnostics: _} = state <- :erlang.binary_to_term(bytes) do
      state
    else
      _ -> nil
    end
  rescue
    ArgumentError -> nil
  end

  defp write_state(context, state),
    do: Wrappers.write_file(state_path(context), :erlang.term_to_binary(state))

  # --- diagnostics ---

  defp of_problem(%{use: use} = problem, config, strict) do
    {file, line} = if use, do: {use.file, use.line}, else: {config.file || "mix.exs", 0}
    hint = if strict, do: "\nhint: run mix snakebridge.generate, and commit what it writes", else: ""
    diagnostic(file, line, problem.severity, problem.message <> hint)
  end

  defp of_error(%Error{file: file, line: line} = error),
    do: diagnostic(file || "mix.exs", line || 0, :error, Exception.message(%{error | file: nil, line: nil}))

  defp of_error(error), do: diagnostic("mix.exs", 0, :error, Exception.message(error))

  defp diagnostic(file, line, severity, message) do
    %Diagnostic{
      compiler_name: "snakebridge",
      file: Path.expand(file),
      position: line,
      severity: severity,
      message: message
    }
  end

  defp finish({status, diagnostics}) do
    for diagnostic <- diagnostics, do: show(diagnostic)
    {status, diagnostics}
  end

  defp show(diagnostic) do
    place =
      Path.relative_to_cwd(diagnostic.file) <>
        if(diagnostic.position > 0, do: ":#{diagnostic.position}", else: "")

    Mix.shell().error("#{diagnostic.severity}: #{diagnostic.message}\n  #{place}\n")
  end
end
