defmodule SnakeBridge.FilesTest do
  @moduledoc "Files are found in folders of any name."
  use ExUnit.Case, async: true

  doctest SnakeBridge.Files

  @tag :tmp_dir
  test "what a folder is called is no pattern", %{tmp_dir: tmp} do
    for name <- ["a{b}", "a{", "[c]", "a*", "?", "d,e", "ü \#{x}"] do
      folder = Path.join(tmp, name)
      File.mkdir_p!(Path.join(folder, "x"))
      File.write!(Path.join(folder, "x/y.ex"), "")
      assert SnakeBridge.Files.matching(folder, "**/*.{ex,exs}") == [Path.join(folder, "x/y.ex")]
    end
  end
end
