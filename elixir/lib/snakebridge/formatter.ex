defmodule SnakeBridge.Formatter do
  @moduledoc ~S"""
  A plugin of `mix format` for the Python in `~PY`.

      # .formatter.exs
      [
        plugins: [SnakeBridge.Formatter],
        snakebridge: [python_formatter: :ruff],
        inputs: ["{mix,.formatter}.exs", "{config,lib,test}/**/*.{ex,exs}"]
      ]

  | `python_formatter:` | |
  |---|---|
  | `nil` (default) | the Python stays as it is |
  | `:ruff`, `:black` | it is formatted by that program, where it is found in the active environment or on the path |
  | a list, `["ruff", "format", "-"]` | by that command, which reads source and writes it |

  Only drops of several lines are formatted. What `#{}` inserts is kept as it is written. Python that the program
  refuses, as where a name stands for what cannot be one, stays as it is; so it does where the program is missing, which is
  said once.
  """

  @behaviour Mix.Tasks.Format

  alias SnakeBridge.Drop.Tokens

  @impl true
  def features(_), do: [sigils: [:PY]]

  @impl true
  def format(source, opts) do
    with true <- opts[:opening_delimiter] in [~s("""), "'''"],
         [_ | _] = command <- command(opts[:snakebridge][:python_formatter]) do
      formatted(source, command)
    else
      _ -> source
    end
  end

  # Names stand for the insertions while it is formatted; were they no longer there as often after it, it stays.
  defp formatted(source, command) do
    with {:ok, text, names} <- named(source),
         {:ok, text} <- run(command, text),
         true <- Enum.all?(names, fn {name, _} -> length(:binary.matches(text, name)) == 1 end) do
      Enum.reduce(names, text, fn {name, code}, text -> String.replace(text, name, code) end)
    else
      _ -> source
    end
  end

  # In strings what is inserted stays as it is: to the program it is the string's text.
  defp named(source) do
    {_, insertions, edits} = Tokens.read(source)

    between =
      for {_, _, offset} <- insertions,
          {^offset, bytes, "insert_" <> _ = name} <- edits,
          do: {offset, bytes, name}

    {parts, at, names} =
      Enum.reduce(between, {[], 0, []}, fn {offset, bytes, name}, {parts, at, names} ->
        # As long as what it stands for, so that lines break where they would.
        code = binary_part(source, offset, bytes)
        name = String.pad_trailing(name <> "_", String.length(code), "_")
        {[parts, binary_part(source, at, offset - at), name], offset + bytes, [{name, code} | names]}
      end)

    {:ok, IO.iodata_to_binary([parts, binary_part(source, at, byte_size(source) - at)]), names}
  catch
    {:python, _, _} -> :error
  end

  # --- the program ---

  defp command(nil), do: nil
  defp command(:ruff), do: command(["ruff", "format", "--quiet", "--stdin-filename", "drop.py", "-"])
  defp command(:black), do: command(["black", "--quiet", "-"])

  defp command([program | arguments]) do
    case find(program) do
      nil -> missing(program)
      path -> [path | arguments]
    end
  end

  defp command(other),
    do:
      raise(
        ArgumentError,
        "python_formatter: must be nil, :ruff, :black or a command as a list, got: #{inspect(other)}"
      )

  defp find(program) do
    active =
      for variable <- ["VIRTUAL_ENV", "CONDA_PREFIX"],
          folder = System.get_env(variable),
          do: Path.join([folder, "bin", program])

    Enum.find(active, &File.regular?/1) || System.find_executable(program)
  end

  defp missing(program) do
    unless :persistent_term.get({__MODULE__, program}, false) do
      :persistent_term.put({__MODULE__, program}, true)

      IO.puts(
        :stderr,
        "SnakeBridge.Formatter: there is no #{program} here, so Python in ~PY stays as it is\nhint: pip install #{program}"
      )
    end

    nil
  end

  # `System.cmd/3` has no input, so it is a file's.
  defp run([program | arguments], text) do
    path =
      Path.join(System.tmp_dir!(), "snakebridge-format-#{System.pid()}-#{System.unique_integer([:positive])}")

    try do
      File.write!(path, text)

      case System.cmd("sh", ["-c", ~s(exec "$@" < "$0" 2>/dev/null), path, program | arguments]) do
        {text, 0} -> {:ok, text}
        _ -> :error
      end
    after
      File.rm(path)
    end
  end
end
