defmodule SnakeBridge.Project.Lines do
  @moduledoc """
  Files of one entry to a line, sorted, with fields between spaces and comments behind `#`: the lock and the manifest.

  Conflicts in them are conflicts of lines, which version control shows. What entries mean is not known here.
  """

  alias SnakeBridge.Project.Error

  @typedoc "Takes the fields of a line into what there is; nil where they are no entry."
  @type entry(all) :: ([String.t()], all -> all | nil)

  @doc "What is in a file; `empty` where it is not there."
  @spec read(Path.t(), all, (String.t() -> {:ok, all} | {:error, Error.t()})) ::
          {:ok, all} | {:error, Error.t()}
        when all: term()
  def read(file, empty, parse) do
    case File.read(file) do
      {:ok, text} -> parse.(text)
      {:error, :enoent} -> {:ok, empty}
      {:error, reason} -> {:error, %Error{file: file, message: "#{:file.format_error(reason)}"}}
    end
  end

  @doc "What a text comes to, line by line; those whose first field is `last` after all others."
  @spec parse(String.t(), Path.t(), all, entry(all), String.t() | nil) :: {:ok, all} | {:error, Error.t()}
        when all: term()
  def parse(text, file, empty, entry, last \\ nil) do
    text
    |> String.split(["\r\n", "\n"])
    |> Enum.with_index(1)
    |> Enum.map(fn {line, number} -> {String.split(line), line, number} end)
    |> Enum.sort_by(&(last != nil and match?({[^last | _], _, _}, &1)))
    |> Enum.reduce_while({:ok, empty}, fn {fields, line, number}, {:ok, all} ->
      case if(comment?(fields), do: all, else: entry.(fields, all)) do
        nil -> {:halt, {:error, wrong(line, number, file)}}
        all -> {:cont, {:ok, all}}
      end
    end)
  end

  defp comment?([]), do: true
  defp comment?([first | _]), do: String.starts_with?(first, "#")

  defp wrong(line, number, file) do
    %Error{
      file: file,
      line: number,
      message: "this line is no entry: #{String.slice(line, 0, 80)}",
      hint: "take it from version control, or delete the file and run mix snakebridge.generate"
    }
  end

  @doc "The text of such a file."
  @spec render(String.t(), [String.t()]) :: String.t()
  def render(heading, lines), do: "# #{heading}\n" <> (lines |> Enum.sort() |> Enum.map_join(&(&1 <> "\n")))
end
