defmodule SnakeBridge.Schema.DiffTest do
  @moduledoc "What changed between two versions of a library is said, and nothing else is."
  use ExUnit.Case, async: true

  import SnakeBridge.MadeUp

  alias SnakeBridge.Schema.Diff

  defp of(functions, more \\ %{}),
    do: document("m", [module("m", Map.merge(%{"functions" => functions}, more))])

  defp changes(old, new), do: Diff.diff(of([function("m.f", old)]), of([function("m.f", new)]))
  defp details(old, new), do: with([{:modified, :function, "m.f", details}] <- changes(old, new), do: details)

  test "nothing" do
    document = of([function("m.f", [parameter("x", default: 1)])], %{"classes" => [class("m.K")]})
    assert Diff.diff(document, document) == []
  end

  test "members that came and went" do
    old =
      of([function("m.f", []), function("m.g", [])], %{
        "constants" => [%{"name" => "C", "path" => "m.C", "type" => type("int")}]
      })

    new =
      of([function("m.g", []), function("m.h", [])], %{
        "classes" => [class("m.K", %{"methods" => [function("m.K.go", [])]})]
      })

    assert Diff.diff(old, new) == [
             {:removed, :constant, "m.C"},
             {:added, :class, "m.K"},
             {:removed, :function, "m.f"},
             {:added, :function, "m.h"}
           ]

    assert Diff.format(Diff.diff(old, new)) == "- constant m.C\n+ class m.K\n- function m.f\n+ function m.h\n"
  end

  test "a module with all in it is one change" do
    one = document("m", [module("m")])
    two = document("m", [module("m"), module("m.sub", %{"functions" => [function("m.sub.f", [])]})])
    assert Diff.diff(one, two) == [{:added, :module, "m.sub"}]
    assert Diff.diff(two, one) == [{:removed, :module, "m.sub"}]
  end

  test "parameters" do
    assert details([parameter("x")], [parameter("x"), parameter("y", default: 1)]) == [
             added: {:parameter, "y"}
           ]

    assert details([parameter("x"), parameter("y")], [parameter("x")]) == [removed: {:parameter, "y"}]

    assert details([parameter("x", default: 1)], [parameter("x", default: 2)]) ==
             [{:changed, {:parameter, "x", "default"}, %{"literal" => 1}, %{"literal" => 2}}]

    assert [{:changed, {:parameter, "x", "kind"}, "positional_or_keyword", "keyword_only"}] =
             details([parameter("x")], [parameter("x", kind: :keyword_only)])

    assert details([parameter("x"), parameter("y")], [parameter("y"), parameter("x")]) == [
             {:changed, "order", ["x", "y"], ["y", "x"]}
           ]
  end

  test "as text" do
    union = type("union", %{"of" => [type("int"), type("none")]})

    changes =
      changes([parameter("x", default: 1, type: type("int")), parameter("z")], [
        parameter("x", default: "a", type: union),
        parameter("y")
      ])

    assert Diff.format(changes) ==
             "! function m.f: parameter z removed, required parameter y added, default of x: 1 -> 'a', type of x: int -> int | None\n"
  end

  test "members of classes, what they extend, documentation" do
    old =
      class("m.K", %{
        "methods" => [function("m.K.go", [], %{"doc" => doc("a")})],
        "properties" => [%{"name" => "p", "settable" => true}]
      })

    new =
      class("m.K", %{
        "bases" => ["m.B"],
        "methods" => [function("m.K.go", [], %{"doc" => doc("b")})],
        "properties" => [%{"name" => "p", "settable" => false}]
      })

    assert Diff.diff(of([], %{"classes" => [old]}), of([], %{"classes" => [new]})) == [
             {:modified, :class, "m.K", [{:changed, "bases", ["builtins.object"], ["m.B"]}]},
             {:modified, :method, "m.K.go", [:doc]},
             {:modified, :property, "m.K.p", [{:changed, "settable", true, false}]}
           ]
  end

  test "what becomes something else" do
    old = of([function("m.f", [])])
    new = of([], %{"classes" => [class("m.f")]})

    assert [{:modified, :class, "m.f", [{:changed, "kind", "function", "class"} | _]} | _] =
             changes = Diff.diff(old, new)

    assert Diff.breaking?(hd(changes))
  end

  test "versions" do
    old = document("m", [module("m")], %{"package" => %{"name" => "m", "version" => "1.0"}})

    new =
      document("m", [module("m")], %{"package" => %{"name" => "m", "version" => "1.1"}, "python" => "3.12.1"})

    assert Diff.format(Diff.diff(old, new)) == "~ package: m 1.0 -> m 1.1\n~ python: 3.11.7 -> 3.12.1\n"
  end

  test "what may break code that worked" do
    breaking = fn old, new -> Enum.any?(changes(old, new), &Diff.breaking?/1) end
    assert breaking.([parameter("x")], [])
    assert breaking.([parameter("x", default: 1)], [parameter("x")])
    assert breaking.([parameter("x")], [parameter("x"), parameter("y")])
    refute breaking.([parameter("x")], [parameter("x"), parameter("y", default: 1)])
    refute breaking.([parameter("x")], [parameter("x", default: 1)])
  end

  test "any two documents have a text" do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    values = [nil, 1, 1.5, "a", [1, "b"], %{"k" => [nil]}, :nan, ["a"], true]

    for _ <- 1..500 do
      anything = fn ->
        Map.new(1..4, fn _ ->
          {Enum.random(~w(default kind returns async bases value type settable doc)), Enum.random(values)}
        end)
      end

      change = fn ->
        of([
          function("m.f", [Map.merge(parameter("x"), anything.())], Map.merge(anything.(), %{"name" => "f"}))
        ])
      end

      assert Diff.diff(change.(), change.()) |> Diff.format() |> is_binary()
    end
  end
end
