defmodule SnakeBridge.Completion.Paths do
  @moduledoc """
  File paths inside of strings: what is in one folder. Python's half has the same rules (`paths.py`).
  """

  import SnakeBridge.Completion, only: [item: 2]

  @most 1_000

  @doc "The last part of a path that is being typed, and what it may be. A folder ends with a slash."
  @spec items(String.t()) :: {String.t(), [SnakeBridge.Completion.item()]}
  def items("~"), do: {"~", [item("~/", "folder")]}

  def items(typed) do
    name = typed |> String.split("/") |> List.last()
    folder = binary_part(typed, 0, byte_size(typed) - byte_size(name))

    names =
      with false <- String.contains?(typed, "\0"),
           {:ok, names} <- :file.list_dir(Path.expand(if(folder == "", do: ".", else: folder))) do
        for name <- names, is_list(name), text = List.to_string(name), do: text
      else
        _ -> []
      end

    shown = Enum.filter(names, &(not String.starts_with?(&1, ".") or String.starts_with?(name, ".")))
    exact = Enum.filter(shown, &String.starts_with?(&1, name))
    folded = String.downcase(name)

    found =
      if exact == [], do: Enum.filter(shown, &String.starts_with?(String.downcase(&1), folded)), else: exact

    {name, found |> Enum.sort() |> Enum.take(@most) |> Enum.map(&path_item(&1, folder))}
  end

  defp path_item(name, folder) do
    if File.dir?(Path.expand(folder <> name)), do: item(name <> "/", "folder"), else: item(name, "file")
  end
end
