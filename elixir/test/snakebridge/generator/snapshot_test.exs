defmodule SnakeBridge.Generator.SnapshotTest do
  @moduledoc """
  The source that becomes of a made-up library with a member of every kind. `SNAKEBRIDGE_SNAPSHOTS=write mix test` writes
  it anew, to be read before it is kept.
  """
  use ExUnit.Case, async: true

  import SnakeBridge.MadeUp

  @file_of_all Path.expand("../../fixtures/wrappers.snapshot", __DIR__)

  defp union(types), do: type("union", %{"of" => types})

  defp library do
    frame = type("class", %{"name" => "made.Frame"})

    head =
      function("made.Frame.head", [parameter("n", default: 5, type: type("int"))], %{
        "kind" => "method",
        "returns" => frame,
        "doc" => doc("The first rows.")
      })

    frame_class =
      class("made.Frame", %{
        "defined" => "made.core.Frame",
        "doc" => doc("A table.\n\nWith `rows` and columns."),
        "constructor" =>
          function("made.Frame.__init__", [
            parameter("data", type: type("dict", %{"of" => [type("str"), type("list")]}))
          ]),
        "methods" => [
          head,
          function(
            "made.Frame.apply",
            [parameter("function", type: type("callable")), parameter("args", kind: :var_positional)],
            %{"kind" => "method"}
          ),
          function("made.Frame.read", [parameter("path", type: type("str"))], %{
            "kind" => "classmethod",
            "returns" => frame
          }),
          function("made.Frame.rows", [], %{"kind" => "method", "generator" => true})
        ],
        "properties" => [
          %{
            "name" => "columns",
            "type" => type("list", %{"of" => [type("str")]}),
            "settable" => true,
            "doc" => doc("The names.")
          }
        ],
        "attributes" => [
          %{
            "name" => "MOST",
            "path" => "made.Frame.MOST",
            "type" => type("int"),
            "value" => 10,
            "repr" => "10"
          }
        ]
      })

    series =
      class("made.GeoFrame", %{
        "bases" => ["made.core.Frame"],
        "mro" => ["made.GeoFrame", "made.core.Frame", "builtins.object"],
        "methods" => [%{head | "doc" => doc("The nearest rows.")}]
      })

    functions = [
      function(
        "made.linspace",
        [
          parameter("start", type: type("float")),
          parameter("stop", type: union([type("float"), type("none")])),
          parameter("num", default: 50, type: type("int")),
          parameter("dtype", kind: :keyword_only, default: nil)
        ],
        %{
          "returns" => type("list", %{"of" => [type("float")]}),
          "doc" => doc("Evenly spaced numbers.\n\n## Examples\n\n```python\n>>> linspace(0, 1)\n```")
        }
      ),
      function("made.add", [], %{"signature" => "unknown", "kind" => "callable"}),
      function("made.get", [
        parameter("key", kind: :positional_only),
        parameter("default", kind: :positional_only, default: nil)
      ]),
      function("made.train", [
        parameter("model"),
        parameter("epochs", kind: :keyword_only, type: type("int")),
        parameter("more", kind: :var_keyword)
      ]),
      function("made.fetch", [parameter("url", type: type("str"))], %{
        "async" => true,
        "returns" => type("bytes")
      }),
      function("made.old", [], %{"deprecated" => "use `linspace`"}),
      function("made.import", [parameter("class"), parameter("Class"), parameter("opts")]),
      function("made.parse", [parameter("text")], %{
        "overloads" => [
          %{"parameters" => [parameter("text", type: type("str"))], "returns" => type("int")},
          %{
            "parameters" => [parameter("text", type: type("bytes")), parameter("strict", default: true)],
            "returns" => type("none")
          }
        ]
      })
    ]

    document("made", [
      module("made", %{
        "doc" => doc("A library.\n\nIts \"\"\"docs\"\"\" with \#{text} and a \\."),
        "functions" => functions,
        "aliases" => [%{"name" => "space", "target" => "made.linspace"}],
        "constants" => [
          %{
            "name" => "VERSION",
            "path" => "made.VERSION",
            "type" => type("str"),
            "value" => "1.0",
            "repr" => "'1.0'"
          }
        ],
        "classes" => [frame_class, series]
      }),
      module("made.io_tools")
    ])
  end

  defp text(generated), do: Enum.map_join(generated, "\n", &"### #{&1.path}\n#{&1.source}")

  test "each kind of member" do
    options = [
      functions: %{
        "fetch" => [name: "download", timeout: 5_000, tags: [domain: "io"]],
        "Frame.rows" => [stream: true]
      }
    ]

    found =
      "# as it is\n\n#{text(SnakeBridge.Generator.generate(library(), options))}\n# with twins that raise: what is used\n\n" <>
        text(
          SnakeBridge.Generator.generate(library(),
            bang: true,
            prefix: My.Python,
            only: [{"made", "linspace"}, {"made", "add"}]
          )
        )

    if System.get_env("SNAKEBRIDGE_SNAPSHOTS") == "write", do: File.write!(@file_of_all, found)
    assert found == File.read!(@file_of_all)
  end
end
