defmodule SnakeBridge.Export.Check do
  @moduledoc """
  Compiles a project's modules in memory, and mends what would be a warning: variables that nothing uses, aliases and
  imports that no function needs.

  What does not compile is told, with what the compiler says. Nothing of the modules is left, and nothing of them runs.
  """

  alias SnakeBridge.Export.{Cells, Modules, Plan}

  @most_rounds 20
  # Compiling takes longer than all else does together.
  @most_steps 150

  @doc "The files of the modules, and what there is to say of them."
  @spec mended(Plan.t(), Cells.t(), String.t()) :: {[{Path.t(), String.t()}], [String.t()]}
  def mended(plan, session, module) do
    lexical = session.cells |> Enum.flat_map(& &1.lexical) |> Enum.uniq()
    app = Macro.underscore(module)
    before = own(session.cells) ++ present([{"lib/#{app}/python.ex", Modules.python(plan, module)}])
    steps = {"lib/#{app}/steps.ex", Modules.steps(plan, module, lexical)}
    made = present([steps, {"lib/#{app}.ex", Modules.main(plan, module)}])

    if length(plan.steps) > @most_steps,
      do:
        {before ++ made,
         ["it is too large to be compiled for a check: the compiler may warn of unused variables"]},
      else: rounds(before, made, module, @most_rounds)
  end

  defp present(files), do: for({path, text} <- files, text, do: {path, text})

  # Modules that cells define, each as a file; of several by one name the last.
  defp own(cells) do
    for %{modules: modules} <- cells, {name, text} <- modules, into: %{} do
      {"lib/#{Macro.underscore(name)}.ex", SnakeBridge.Export.Code.format(text)}
    end
    |> Enum.sort()
  end

  # What a warning is mended in is compiled again.
  defp rounds(before, made, module, left) do
    files = before ++ made
    {result, diagnostics} = compile(files, module)

    mended =
      for {path, text} <- made do
        mended = Enum.reduce(diagnostics, text, &mend(&1, path, &2))
        {path, if(mended == text, do: text, else: SnakeBridge.Export.Code.format(mended))}
      end

    cond do
      result != :ok -> {files, ["what was made does not compile: #{error(diagnostics) || result}"]}
      mended == made or left == 0 -> {files, told(diagnostics)}
      true -> rounds(before, mended, module, left - 1)
    end
  end

  defp compile(files, own) do
    conflicts = Code.get_compiler_option(:ignore_module_conflict)
    Code.put_compiler_option(:ignore_module_conflict, true)

    Code.with_diagnostics(fn ->
      try do
        for {path, text} <- files, do: Code.compile_string(text, path)
        :ok
      rescue
        error -> error |> Exception.message() |> String.split("\n") |> hd()
      after
        Code.put_compiler_option(:ignore_module_conflict, conflicts)
        # Modules that cells define are the session's as well.
        for name <- ["", ".Python", ".Steps"], module = Module.concat([own <> name]) do
          :code.purge(module)
          :code.delete(module)
        end
      end
    end)
  end

  defp mend(%{message: message, position: position, file: file}, path, text) do
    line = if is_tuple(position), do: elem(position, 0), else: position

    cond do
      not String.ends_with?(to_string(file), path) ->
        text

      message =~ ~r/^unused (alias|import|require)/ ->
        at_line(text, line, fn _ -> "" end)

      message =~ ~r/is ignored|unused literal|no effect/ ->
        at_line(text, line, &Regex.replace(~r/^(\s*)/, &1, "\\1_ = "))

      match = Regex.run(~r/^variable "([^"]+)" is unused/, message) ->
        [_, name] = match

        at_line(
          text,
          line,
          &Regex.replace(~r/(?<![\p{L}\p{N}_.:@])#{Regex.escape(name)}(?![\p{L}\p{N}_:(])/u, &1, "_" <> name,
            global: false
          )
        )

      true ->
        text
    end
  end

  defp at_line(text, line, function),
    do: text |> String.split("\n") |> List.update_at(line - 1, function) |> Enum.join("\n")

  defp error(diagnostics),
    do:
      Enum.find_value(diagnostics, fn %{severity: severity, message: message} ->
        if severity == :error, do: message
      end)

  defp told(diagnostics) do
    for %{severity: :warning, message: message} <- diagnostics,
        not (message =~ "redefining module"),
        uniq: true do
      "the compiler warns: #{message |> String.split("\n") |> hd()}"
    end
  end
end
