defmodule SnakeBridge.Project.ManifestTest do
  @moduledoc "The manifest's text is read as it was written, whatever names are in it."
  use ExUnit.Case, async: true

  doctest SnakeBridge.Project.Manifest
  doctest SnakeBridge.Project.Resolver

  alias SnakeBridge.Project.Manifest

  test "names of Python and paths may be any text" do
    for odd <- ["a b", "", "\n", "100%", "%20", "größe\u3000", "x\"; y\#{1}"] do
      library = %{
        options: "ab",
        modules: %{Odd => "odd"},
        functions: %{{Odd, "pyx_a"} => {1..3, "odd." <> odd}},
        files: %{"lib/of #{odd}/odd.ex" => "cd"}
      }

      manifest = %{"odd" => library}

      assert Manifest.parse(Manifest.render(manifest), "snakebridge.manifest") == {:ok, manifest},
             inspect(odd)
    end
  end

  test "a line that is none is told with its number" do
    assert {:error, %{line: 2, message: message}} =
             Manifest.parse("# a\nfunction Math.pi\n", "snakebridge.manifest")

    assert message =~ "function Math.pi"
    assert {:error, %{line: 1}} = Manifest.parse("module math math %zz\n", "snakebridge.manifest")
  end
end
