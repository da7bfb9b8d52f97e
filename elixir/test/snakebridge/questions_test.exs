defmodule SnakeBridge.QuestionsTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  @names """
  alias Enum, as: E
  map = %{alpha: 1, beta: %{gamma: 2}}
  uri = URI.parse("http://example.org")
  module = String
  größe = 1
  strings = %{"first" => %{"inner" => 1}, second: 2}

  defmodule Mine do
    @moduledoc "About mine."
    defstruct [:field_one, :field_two]
    @doc "Runs it."
    @spec run(integer, keyword) :: tuple
    def run(x, opts \\\\ []), do: {x, opts}
    @doc false
    def hidden, do: 1
  end

  import Mine
  """

  @python """
  import os, fractions
  X_train = [1]
  thing = fractions.Fraction(1, 2)
  def foo(a, b=2, *, key=None):
      'Docs of foo.'
      return a
  class Careful:
      @property
      def explosive(self): raise SystemExit('ran user code')
      def __getattr__(self, name): raise SystemExit('ran user code')
  careful = Careful()
  class Shop:
      'A shop.'
      def items(self, kind="a", *, most: int = 3) -> "list[Shop]": return [self]
      @property
      def lazy(self): return "text"
  shop = Shop()
  table = {"one": {"two": shop}, "list": [shop]}
  def wide(#{Enum.map_join(1..20, ", ", &"parameter_#{&1}=0")}): 'Takes much.'
  """

  setup_all do
    host = start()
    own(host)
    host = start_python(host)
    %{error: nil} = run(host, @names)
    %{error: nil} = python(host, @python)
    %{error: nil} = run(host, ~s|held = py.thing; library = SnakeBridge.import!("os")|)
    {:ok, host: host}
  end

  setup %{host: host}, do: own(host)

  # `|` is the cursor.
  defp complete(host, marked) do
    [before, rest] = String.split(marked, "‸")
    source = before <> rest

    {:ok, %{from: from, to: to, items: items}} =
      request(host, :own, :complete, %{source: source, cursor: byte_size(before)})

    %{items: items, texts: Enum.map(items, & &1.text), replaced: binary_part(source, from, to - from)}
  end

  defp item(host, marked, text), do: Enum.find(complete(host, marked).items, &(&1.text == text))

  describe "complete" do
    test "functions of modules, with signature and documentation", %{host: host} do
      assert %{kind: "function", detail: "(enumerable, fun)", doc: "Returns a list where" <> _} =
               item(host, "Enum.ma‸", "map")

      assert %{kind: "function", detail: "(x, opts \\\\ [])", doc: "Runs it."} = item(host, "Mine.‸", "run")
      assert item(host, "Mine.‸", "hidden") == nil
      assert %{texts: ["filter"], replaced: "fil"} = complete(host, "E.fil‸")
      assert item(host, ":ets.ins‸", "insert")
      assert item(host, "module.upc‸", "upcase")
      assert item(host, "Enum.map([1], &String.upc‸", "upcase")
      assert complete(host, "NoSuchModule.‸").items == []
    end

    test "modules", %{host: host} do
      assert %{kind: "module"} = item(host, "Enu‸", "Enum")
      assert %{kind: "struct"} = item(host, "Mi‸", "Mine")
      assert %{kind: "protocol"} = item(host, "String.‸", "Chars")
      assert %{detail: "Enum"} = item(host, "‸E" |> String.replace("‸E", "E‸"), "E")
      assert item(host, ":et‸", "ets")
      # Of an application that is not started.
      assert item(host, "ExUnit.Case‸", "Case") || item(host, "ExUni‸", "ExUnit")
    end

    test "variables, imports, special forms, attributes, sigils", %{host: host} do
      assert %{kind: "variable", detail: "map"} = item(host, "ma‸", "map")
      assert %{kind: "variable", detail: "integer"} = item(host, "grö‸", "größe")
      assert %{kind: "function"} = item(host, "ru‸", "run")
      assert item(host, "is_at‸", "is_atom")
      assert item(host, "cas‸", "case")
      assert item(host, "local_one = 1\nlocal_t = local‸", "local_one")
      assert item(host, "@modu‸", "moduledoc")
      assert %{kind: "sigil"} = item(host, "~‸", "w")
      assert item(host, "h Enum.ma‸", "map")
    end

    test "keys and fields", %{host: host} do
      assert complete(host, "map.‸").texts == ["alpha", "beta"]
      assert complete(host, "map.beta.‸").texts == ["gamma"]
      assert complete(host, "uri.ho‸").texts == ["host"]
      assert complete(host, "%URI{ho‸").texts == ["host: "]
      assert complete(host, "%Mine{field_one: 1, ‸").texts == ["field_two: "]
      assert complete(host, "%{map | al‸").texts == ["alpha: "]
      assert item(host, "%UR‸", "URI")
      assert item(host, "%Enu‸", "Enum") == nil
    end

    test "options that are documented", %{host: host} do
      assert %{kind: "option", doc: "(boolean)" <> _} = item(host, ~s|String.split("a b", " ", tr‸|, "trim: ")
      assert item(host, ~s|String.split("a b", " ", tr‸|, "trim: ").doc =~ "the resulting list"
      assert item(host, ~s|String.split("a b", " ", trim: true, tr‸|, "trim: ") == nil
    end

    test "names and members of Python", %{host: host} do
      assert %{detail: "(a, b=2, *, key=None)", doc: "Docs of foo."} = item(host, "fo‸", "foo")
      assert item(host, "py.X‸", "X_train")
      assert item(host, "py.le‸", "len")
      assert item(host, "py.os.path.jo‸", "join")
      assert item(host, "X_tr‸", "py.X_train")
      assert item(host, "held.num‸", "numerator")
      assert item(host, "thing.num‸", "numerator")
      assert item(host, "library.path.jo‸", "join")
      assert item(host, "os.pat‸", "path")
      assert %{kind: "class"} = item(host, "fractions.Fr‸", "Fraction.(")
      assert item(host, "foo.(1, k‸", "key: ")
      assert item(host, "os.path.realpath(\"a\", str‸", "strict: ")
    end

    test "members through items, calls and attributes", %{host: host} do
      assert item(host, ~s|py.table["one"]["two"].ite‸|, "items")
      assert item(host, ~s|table["list"][0].ite‸|, "items")
      assert item(host, ~s|IO.inspect(table["list"][0].ite‸|, "items")
      assert item(host, "shop.items(1).app‸", "append")
      assert item(host, "shop.items().app‸", "append")
      assert item(host, "shop.items()[0].ite‸", "items")
      assert item(host, "fractions.Fraction.(1, 2).num‸", "numerator")
      assert item(host, "held\n|> IO.inspect()\nheld.num‸", "numerator")
      assert item(host, "bound = py.table\nbound[\"one\"][\"two\"].ite‸", "items")
      assert item(host, "bound = SnakeBridge.import!(\"os\")\nbound.path.jo‸", "join")
      assert item(host, ~s|SnakeBridge.call!("os", "getcwd").spl‸|, "split") == nil
      assert item(host, "shop.items(k‸", "kind: ")
      assert %{detail: "int = 3"} = item(host, "shop.items(kind: 1, m‸", "most: ")
      assert item(host, "shop.items(1, ‸", "kind: ") == nil
      assert %{detail: "default 'a'"} = item(host, "shop.items(‸", "kind: ")
      assert item(host, "map.beta.gamma.‸", "x") == nil
    end

    test "types of Python that the user calls harmless", %{host: host} do
      body = %{source: "shop.lazy.upp", cursor: 13}
      assert {:ok, %{items: []}} = request(host, :own, :complete, body)
      body = Map.put(body, :harmless, ["Shop"])
      assert {:ok, %{items: [%{text: "upper"}]}} = request(host, :own, :complete, body)
    end

    test "keys, modules and names in strings", %{host: host} do
      assert %{texts: ["one\""], replaced: "on"} = complete(host, ~s|py.table["on‸|)
      assert %{texts: ["one"], replaced: "on"} = complete(host, ~s|py.table["on‸"]|)
      assert complete(host, ~s|py.table["one"]["‸|).texts == ["two\""]
      assert complete(host, ~s|py.table.get("o‸|).texts == ["one\""]
      assert complete(host, ~s|keyed = %{"alpha" => 1, "beta" => 2}\nkeyed["al‸|).texts == ["alpha\""]
      assert complete(host, ~s|strings["fi‸|).texts == ["first\""]
      assert complete(host, ~s|Map.get(strings, "fi‸|).texts == ["first\""]
      assert complete(host, ~s|strings["first"]["in‸|).texts == ["inner\""]
      assert item(host, ~s|SnakeBridge.call("jso‸|, "json")
      assert %{texts: ["etree"], replaced: "et"} = complete(host, ~s|SnakeBridge.import!("xml.et‸|)
      assert item(host, ~s|SnakeBridge.call("json", "du‸|, "dumps")
      assert %{replaced: "jo", texts: ["join"]} = complete(host, ~s|SnakeBridge.call("os", "path.jo‸|)
      assert item(host, ~s|SnakeBridge.method(held, "lim‸|, "limit_denominator")
    end

    test "files in strings", %{host: host} do
      File.mkdir_p!(Path.join(host.directory, "files/Inner"))
      File.write!(Path.join(host.directory, "files/input.txt"), "")
      File.write!(Path.join(host.directory, "files/.hidden"), "")
      files = Path.join(host.directory, "files/")
      assert %{texts: ["input.txt"], replaced: "in"} = complete(host, ~s|File.read!("#{files}/in‸|)
      assert complete(host, ~s|File.read!("#{files}/‸|).texts == ["Inner/", "input.txt"]
      assert complete(host, ~s|File.read!("#{files}/.‸|).texts == [".hidden"]
      assert complete(host, ~s|File.read!("#{files}/nowhere/‸|).texts == []
      assert complete(host, ~s|x = "‸|).texts == []
      assert item(host, ~S|"#{Enum.ma‸|, "map")
    end

    test "structs, aliases in braces, imports, own attributes, variables of the same cell", %{host: host} do
      assert complete(host, "%URI{}.ho‸").texts == ["host"]
      assert complete(host, ~s|u = URI.parse("x")\nu.ho‸|).texts == ["host"]
      assert complete(host, "u = %{first: 1}\nu.fi‸").texts == ["first"]
      assert complete(host, "u2 = %{first: 1}\nu2.fi‸").texts == ["first"]
      assert item(host, "alias String.{Ch‸", "Chars")
      assert item(host, "alias String.{Break, Ch‸", "Chars")
      assert item(host, "import ‸", "Enum")
      assert item(host, "@mine 1\n@mi‸", "mine")
      assert item(host, "{:ok, found_it} = x\nfound_‸", "found_it")
      assert item(host, "fn given_one -> given_‸", "given_one")
      assert item(host, "%Dat‸", "Date")
    end

    test "letters in between, where nothing starts so", %{host: host} do
      assert item(host, "Enum.grpby‸", "group_by")
      assert item(host, "Enum.MAP‸", "map")
      refute "map_every" in complete(host, "Enum.reduc‸").texts
      assert item(host, "held.nmrtr‸", "numerator")
    end

    test "never runs code of Python's objects", %{host: host} do
      assert item(host, "careful.exp‸", "explosive")
      assert complete(host, "careful.explosive.‸").items == []

      assert %{error: nil, result: "True"} =
               python(host, "type(careful) is Careful") |> Map.update!(:result, &plain/1)
    end

    test "replaces the whole word, in bytes", %{host: host} do
      assert %{replaced: "map_ev"} = complete(host, "Enum.ma‸p_ev([1])")
      assert %{replaced: "größ"} = complete(host, "größe = 1\n  größ‸")
      assert %{replaced: ""} = complete(host, "größe + ‸")
    end

    test "nothing in comments and where nothing is known", %{host: host} do
      for marked <- [
            "# Enum.ma‸",
            "self().‸",
            "1.5.‸",
            "nothing_at_all.‸",
            "x = 5 |> ‸" |> String.replace("|> ‸", "‸")
          ] do
        assert complete(host, marked).texts -- complete(host, "‸").texts == [], marked
      end
    end

    test "while a cell runs, of either language", %{host: host} do
      cell = begin_cell(host, "IO.puts(\"ready\"); f = fn f -> f.(f) end; f.(f)")
      assert_receive {:frame, :main, {:ev, :stream, {^cell, :stdout, "ready\n"}}}, 5_000
      assert item(host, "Enum.ma‸", "map")
      {:ok, true} = request(host, :control, :interrupt, cell)
      end_cell(cell)

      cell =
        begin_cell(host, "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.01)",
          python: true
        )

      assert_receive {:frame, :python_main, {:ev, :stream, {^cell, :stdout, "ready\n"}}}, 5_000
      assert item(host, "held.num‸", "numerator")
      {:ok, true} = request(host, :python_control, :interrupt, cell)
      end_cell(cell)
    end

    test "survives any source", %{host: host} do
      for source <- [
            "%{",
            "fn ->",
            "\"\#{",
            "~s(",
            "<<1::",
            "&",
            "&1.",
            "^",
            "@",
            "%",
            ":\"a",
            "'",
            "\"\"\"\n",
            "?",
            "0x",
            "a.b.c.d.",
            "..",
            "\u200E",
            "%{a | ",
            "%Mine{%Mine{",
            "[|",
            "f.(",
            "Enum.(",
            "{:ok, ‸"
          ] do
        source = String.replace(source, "‸", "")

        assert {:ok, %{items: items}} =
                 request(host, :own, :complete, %{source: source, cursor: byte_size(source)})

        assert is_list(items)

        assert {:ok, %{found: _}} =
                 request(host, :own, :inspect, %{source: source, cursor: byte_size(source), detail: 1})

        assert {:ok, %{status: _}} = request(host, :own, :is_complete, %{source: source})
      end
    end
  end

  describe "inspect" do
    defp text(host, marked, detail \\ 0) do
      [before, rest] = String.split(marked, "‸")
      body = %{source: before <> rest, cursor: byte_size(before), detail: detail}
      {:ok, %{found: found, data: data}} = request(host, :own, :inspect, body)
      if found, do: data["text/markdown"]
    end

    test "gives the documentation of what is at the cursor", %{host: host} do
      assert text(host, "Enum.m‸ap([1])") =~ "### `Enum.map(enumerable, fun)`"
      assert text(host, "Enum.m‸ap([1])") =~ "@spec map(t(), (element() -> any())) :: list()"
      assert text(host, "En‸um.map") =~ "Functions for working with collections"
      assert text(host, "E.fil‸ter") =~ "Enum.filter"
      assert text(host, "Min‸e") =~ "About mine."
      assert text(host, "ru‸n(1)") =~ "Runs it."
      assert text(host, "ca‸se x do") =~ "Matches the given expression"
      assert text(host, "@do‸c") =~ "documentation"
      assert text(host, ":et‸s.insert") =~ ":ets"
      assert text(host, "nothing_‸known") == nil
      assert text(host, "‸") == nil
    end

    test "of the call around the cursor, where there is nothing at it", %{host: host} do
      assert text(host, "Enum.reduce([1], ‸") =~ "Enum.reduce"
      assert text(host, "run(‸") =~ "Runs it."
      assert text(host, ~s|py.table["one"]["two"].items(‸|) =~ "items(kind='a', *, most: int = 3)"
      assert text(host, "fractions.Fraction.(1, ‸") =~ "The numerator defaults to 0"
    end

    test "of variables and of Python", %{host: host} do
      assert text(host, "ma‸p") =~ "map :: map"
      assert text(host, "ma‸p") =~ "alpha: 1"
      assert text(host, "fo‸o") =~ "Docs of foo."
      assert text(host, "py.le‸n") =~ "Return the number of items"
      assert text(host, "os.path.jo‸in") =~ "Join two or more pathname"
      # All of the documentation, of whatever stands before the dot.
      assert text(host, "py.len‸") =~ "Return the number of items"

      assert text(host, "fractions.Fract‸ion") =~
               "Fractions can also be constructed from:\n\n  - numeric strings"

      # As Markdown, and with the signature whole.
      assert text(host, "py.su‸m") =~ "=0)`\n\nReturn the sum of a 'start' value"
      assert text(host, "wid‸e") =~ "parameter_20=0)`\n"

      assert text(host, ~s|py.table["one"]["two"].ite‸ms|) =~
               "items(kind='a', *, most: int = 3) -> list[Shop]"

      assert text(host, "careful.explo‸sive") =~ "careful.explosive :: property"
    end

    test "with detail 1 gives the source", %{host: host} do
      path = Path.join(host.directory, "sourced.ex")

      File.write!(
        path,
        "defmodule Sourced do\n  def one(:a), do: 1\n  def other, do: 3\n\n  def one(:b) do\n    2\n  end\nend\n"
      )

      %{error: nil} = run(host, ~s|c "#{path}"|)
      source = text(host, "Sourced.o‸ne", 1)
      assert source =~ "def one(:a), do: 1"
      assert source =~ "def one(:b) do\n    2\n  end"
      refute source =~ "other"
    end
  end

  describe "is_complete" do
    test "says whether a cell can be run, and how far to indent", %{host: host} do
      for {source, status, indent} <- [
            {"x = 1", :complete, ""},
            {"", :complete, ""},
            {"# comment", :complete, ""},
            {"|> f()", :complete, ""},
            {"if true do", :incomplete, "  "},
            {"defmodule A do\n  def f do", :incomplete, "    "},
            {"case x do\n  1 -> 2", :incomplete, "  "},
            {"fn x ->", :incomplete, "  "},
            {"foo(1,", :incomplete, "  "},
            {"[\n  1,", :incomplete, "  "},
            {"x =", :incomplete, "  "},
            {"1 +", :incomplete, ""},
            {"a |>", :incomplete, ""},
            {"\"\"\"\nabc", :incomplete, ""},
            {"x = ) 3", :invalid, ""},
            {"end", :invalid, ""},
            {"pd.DataFrame(1)", :invalid, ""}
          ] do
        assert {:ok, %{status: ^status, indent: ^indent}} =
                 request(host, :own, :is_complete, %{source: source}),
               source
      end
    end
  end

  test "names are those that Elixir owns", %{host: host} do
    run(
      host,
      "defmodule Unshown do\n  defstruct [:a]\n  defimpl Inspect do\n    def inspect(_, _), do: exit(:ran)\n  end\nend\nunshown = %Unshown{a: 1}\nodd = [%{__struct__: Nowhere, a: 1}, %{__struct__: 1}]"
    )

    {:ok, names} = request(host, :own, :names, nil)
    by_name = Map.new(names, &{&1.name, &1})
    assert %{type: "map", size: "2", value: "%{alpha: 1, beta: %{gamma: 2}}"} = by_name["map"]
    assert %{type: "integer", size: nil, value: "1"} = by_name["größe"]
    assert %{type: "fractions.Fraction", value: "#Python<fractions.Fraction>"} = by_name["held"]
    assert %{type: "Unshown", value: "%Unshown{a: 1}"} = by_name["unshown"]
    assert by_name["odd"].value =~ "Nowhere"
    refute Map.has_key?(by_name, "py")
    refute Map.has_key?(by_name, "thing")
  end
end
