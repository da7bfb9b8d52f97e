defmodule SnakeBridge.DisplayTest do
  @moduledoc "What values are shown as, by `SnakeBridge.Display`. How cells show them: `SnakeBridge.CellDisplayTest`."
  use ExUnit.Case, async: true

  import ExUnit.CaptureIO

  alias SnakeBridge.{Display, Displayed, Json, MimeBundle, Table}

  doctest SnakeBridge.Display
  doctest SnakeBridge.Json
  doctest SnakeBridge.MimeBundle
  doctest SnakeBridge.Render
  doctest SnakeBridge.Table
  doctest SnakeBridge.Vega

  defmodule Point do
    defstruct [:y, :x]
  end

  defmodule Record do
    defstruct __meta__: :internal, id: 1
  end

  defp shown(term), do: term |> MimeBundle.of() |> elem(0)
  defp html(term), do: shown(term)["text/html"]

  describe "tables" do
    test "the columns are the keys of all rows, in the order in which they come" do
      html = html([%{a: 1}, %{a: 2, b: "two"}, [c: nil, a: 3]])
      assert Regex.scan(~r/<th[^>]*>(.*?)<\/th>/, html, capture: :all_but_first) == [["a"], ["b"], ["c"]]
      assert length(String.split(html, "<tr>")) == 5
      assert html =~ "<tr><td>3</td><td></td><td style=\"text-align: left\">nil</td></tr>"
    end

    test "all text is escaped" do
      html = html([%{"<k>" => "<script>alert('&')</script>", z: {"\"", "<"}}])
      refute html =~ "<script>"
      assert html =~ "&lt;k&gt;" and html =~ "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;"
      assert html([%{a: <<255, ?<>>}]) =~ "&lt;&lt;255, 60&gt;&gt;"
    end

    test "they are bounded, and say what is left out" do
      row = Map.new(1..100, &{&1, String.duplicate("x", 10_000)})
      html = 1..100_000 |> Enum.map(fn _ -> row end) |> html()
      assert html =~ "… 99940 more rows, 70 more columns"
      assert length(String.split(html, "<tr>")) == 62
      assert byte_size(html) < 600_000
      refute html([%{a: 1}]) =~ "more"
    end

    test "what is no table is none" do
      plain = [
        [],
        [1],
        [%{}],
        [%{a: 1}, 2],
        [[]],
        [a: 1],
        %{a: 1},
        [%{a: 1} | :improper],
        ~D[2024-02-29],
        1..3
      ]

      for term <- plain ++ [%RuntimeError{message: "no"}, {1, 2}, "text", self(), & &1] do
        assert Map.keys(shown(term)) == ["text/plain"], inspect(term)
      end
    end

    test "a struct is a table of its fields, in the order of their definition" do
      html = html(%Point{x: 1, y: "é"})
      assert html =~ ~r/DisplayTest\.Point{}.*>y<.*>é<.*>x<.*>1</s
      assert shown(%Point{})["text/plain"] =~ "Point"
      assert html([%Point{x: 1}, %Point{x: 2}]) =~ ~r/>y<.*>x<.*>1<.*>2</s
      refute html(%Record{}) =~ "internal"
    end

    test "a struct that says how it is inspected hides what it hides" do
      user = %Displayed.User{name: "Ada", password: "secret"}

      for term <- [user, [user, user], [%{user: user}]],
          {_, form} <- shown(term),
          do: refute(form =~ "secret")

      assert html([%{user: user, day: ~D[2024-02-29]}]) =~ "2024-02-29"
    end

    test "named columns" do
      assert Table.of_columns([{"b", [1]}, {"a", ["x"]}], 3) =~ ~r/>b<.*>a<.*>1<.*>x<.*2 more rows/s
    end
  end

  describe "constructors" do
    test "say what a binary is" do
      assert {%{"image/png" => <<0, 255>>, "text/plain" => text}, ~s({"image/png":{"width":8}})} =
               MimeBundle.of(Display.png(<<0, 255>>, width: 8))

      assert text == "#SnakeBridge.MimeBundle<image/png 2 B>"
      assert shown(Display.svg("<svg/>"))["image/svg+xml"] == "<svg/>"
      assert shown(Display.html(["<b>", "x", "</b>"]))["text/html"] == "<b>x</b>"
      assert shown(Display.latex("$x$")) == %{"text/latex" => "$x$", "text/plain" => "$x$"}
      assert shown(Display.javascript("1")) |> is_map_key("application/javascript")
      assert shown(Display.json([1, %{a: nil}]))["application/json"] == ~s([1,{"a":null}])
      assert_raise ArgumentError, ~r/knows no option widht/, fn -> Display.png("", widht: 1) end
    end

    test "a bundle of anything" do
      bundle = %{"application/vnd.x+json" => %{a: 1}, "application/json" => ~s({"b":2}), "text/plain" => "t"}
      assert {data, ~s({"x":1})} = MimeBundle.of(Display.bundle(bundle, %{x: 1}))
      assert data == %{bundle | "application/vnd.x+json" => ~s({"a":1})}
    end

    test "charts, by their schema" do
      v5 = %{"$schema" => "https://vega.github.io/schema/vega-lite/v5.json", "mark" => "bar"}
      assert shown(v5)["application/vnd.vegalite.v5+json"] =~ ~s("mark":"bar")

      assert shown(%{v5 | "$schema" => "https://vega.github.io/schema/vega-lite/v4.17.0.json"})[
               "application/vnd.vegalite.v4+json"
             ]

      assert shown(Display.vega_lite(%{mark: "bar"}))["application/vnd.vegalite.v5+json"] =~
               "vega-lite/v5.json"

      assert Map.keys(shown(%{"$schema" => "x"})) == ["text/plain"]
    end
  end

  describe "JSON" do
    test "is what a reader of JSON reads" do
      term = %{"a\n\"\\\u2028é" => [1, -2.5e300, true, nil], b: {:x, "y"}, c: MapSet.new([1]), d: [], e: %{}}

      assert term |> Json.encode() |> SnakeBridge.TestJSON.decode!() == %{
               "a\n\"\\\u2028é" => [1, -2.5e300, true, nil],
               "b" => ["x", "y"],
               "c" => [1],
               "d" => [],
               "e" => %{}
             }

      assert SnakeBridge.call!("json", "loads", [Json.encode(<<0, 7, 200>>)]) == <<0, 7, "\uFFFD"::utf8>>
      assert Json.encode([:nan, :infinity]) == "[null,null]"
      assert Json.encode(%Point{x: ~N[2024-02-29 01:02:03]}) == ~s({"x":"2024-02-29 01:02:03","y":null})
    end
  end

  describe "implementations of users" do
    test "may give a map, a map and metadata, or what a constructor makes" do
      assert shown(%Displayed{gives: fn -> %{"text/html" => "h"} end})["text/html"] == "h"

      assert MimeBundle.of(%Displayed{gives: fn -> {%{"text/plain" => "t"}, %{a: 1}} end}) ==
               {%{"text/plain" => "t"}, ~s({"a":1})}

      assert shown(%Displayed{gives: fn -> Display.markdown("m") end})["text/markdown"] == "m"
      assert MimeBundle.of(%Displayed{gives: fn -> %{} end}) == {%{}, "{}"}
    end

    test "that fail are told, and the value is inspected" do
      failures = [
        {fn -> raise "broken" end, "broken"},
        {fn -> throw(:ball) end, "ball"},
        {fn -> exit(:gone) end, "gone"},
        {fn -> :no_bundle end, "got: :no_bundle"},
        {fn -> %{html: "x"} end, ":html is no mime type"},
        {fn -> %{"text/html" => <<255>>} end, "text/html is no text"},
        {fn -> %{"image/png" => :no} end, "image/png is a binary, got: :no"}
      ]

      for {function, reason} <- failures do
        told =
          capture_io(:stderr, fn ->
            assert %{"text/plain" => "%SnakeBridge.Displayed{" <> _} =
                     shown = shown(%Displayed{gives: function})

            assert map_size(shown) == 1
          end)

        assert told =~ "SnakeBridge.Display failed" and told =~ reason
      end
    end
  end

  test "an implementation that comes after the protocol was consolidated is found" do
    {_, _} =
      Code.with_diagnostics(fn ->
        Code.compile_string("""
        defmodule SnakeBridge.DisplayTest.Late do
          defstruct []
          defimpl SnakeBridge.Display, do: def(mime_bundle(_), do: %{"text/plain" => "late"})
        end
        """)
      end)

    assert shown(struct(__MODULE__.Late)) == %{"text/plain" => "late"}
  end

  describe "outside of a session" do
    test "text is printed" do
      assert capture_io(fn -> assert SnakeBridge.display([%{a: 1}]) == :ok end) == "[%{a: 1}]\n"
      assert capture_io(fn -> SnakeBridge.display(Display.png(<<1>>)) end) =~ "image/png 1 B"
      assert capture_io(fn -> assert SnakeBridge.display(1, display_id: "a") == "a" end) == "1\n"
      assert capture_io(fn -> assert is_binary(SnakeBridge.display(1, display_id: true)) end) == "1\n"
      assert capture_io(fn -> assert SnakeBridge.clear_output(wait: true) == :ok end) == ""
    end

    test "wrong options are refused" do
      assert_raise ArgumentError, ~r/update: wants display_id:/, fn ->
        SnakeBridge.display(1, update: true)
      end

      assert_raise ArgumentError, ~r/display_id: must be a text/, fn ->
        SnakeBridge.display(1, display_id: 7)
      end

      assert_raise ArgumentError, ~r/did you mean wait:/, fn -> SnakeBridge.clear_output(weit: true) end
      assert_raise ArgumentError, ~r/total: must be a number/, fn -> SnakeBridge.progress([], total: -1) end
    end

    test "what Python shows and asks to be cleared is brought down to text" do
      assert capture_io(fn -> SnakeBridge.call!("builtins", "display", ["seen"]) end) =~ "seen"
    end

    test "progress passes everything through, and is quiet where there is no terminal" do
      assert capture_io(:stderr, fn ->
               assert capture_io(fn ->
                        assert Enum.to_list(SnakeBridge.progress(1..5)) == [1, 2, 3, 4, 5]
                        assert Enum.take(SnakeBridge.progress(Stream.cycle([1])), 3) == [1, 1, 1]

                        assert Enum.zip(SnakeBridge.progress([1, 2]), SnakeBridge.progress(%{a: 1, b: 2}))
                               |> length() == 2

                        assert_raise RuntimeError, fn ->
                          Enum.each(SnakeBridge.progress([1]), fn _ -> raise "x" end)
                        end
                      end) == ""
             end) == ""
    end
  end
end
