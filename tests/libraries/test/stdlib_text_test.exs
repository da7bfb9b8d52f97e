defmodule StdlibTextTest do
  use LibraryCase, standard_library: "text and data"

  describe "re" do
    test "compiled patterns, groups, positions" do
      date = call!("re", "compile", [~S"(?P<year>\d{4})-(?P<month>\d\d)"])
      match = date.search("on 2024-02 and 2025-03")
      assert match.group() == "2024-02"
      assert match.group("year") == "2024"
      assert match["month"] == "02"
      assert match.groupdict() == %{"year" => "2024", "month" => "02"}
      assert match.span() == {3, 10}
      assert date.findall("2024-02 2025-03") == [{"2024", "02"}, {"2025", "03"}]
      assert for(m <- date.finditer("2024-02 2025-03"), do: m.start()) == [0, 8]
      assert date.match("no") == nil
      assert date.groups == 2
      assert date.flags > 0
    end

    test "replacing by a function of Elixir" do
      double = fn match -> Integer.to_string(String.to_integer(match.group(0)) * 2) end
      assert call!("re", "sub", [~S"\d+", double, "3 apples and 4 pears"]) == "6 apples and 8 pears"
      assert call!("re", "subn", ["a", "b", "banana"]) == {"bbnbnb", 3}
      assert call!("re", "split", [~S"\W+", "a, b; c"], maxsplit: 1) == ["a", "b; c"]
      flags = operator!(get!("re", "IGNORECASE", as: :ref), :or, get!("re", "MULTILINE", as: :ref))
      assert call!("re", "findall", ["^a", "A\na"], flags: flags) == ["A", "a"]
    end

    test "its exception" do
      {:error, error} = call("re", "compile", ["(unclosed"])
      assert "re.error" in error.mro or "re.PatternError" in error.mro or "sre_constants.error" in error.mro
      assert error.message =~ "unterminated subpattern"
    end
  end

  describe "json" do
    test "both ways" do
      text =
        call!("json", "dumps", [%{"b" => [1, 2.5, nil, true], "a" => "é"}],
          sort_keys: true,
          ensure_ascii: false
        )

      assert text == ~S({"a": "é", "b": [1, 2.5, null, true]})
      assert call!("json", "loads", [text]) == %{"a" => "é", "b" => [1, 2.5, nil, true]}
      assert call!("json", "loads", [bytes("[NaN, 1e400, -0.0]")]) == [:nan, :infinity, -0.0]
    end

    test "hooks in Elixir" do
      decoded =
        call!("json", "loads", [~S([{"x": 1}, {"x": 2.50}])],
          object_hook: fn %{"x" => x} -> {:x, x} end,
          parse_float: & &1
        )

      assert decoded == [{"x", 1}, {"x", "2.50"}] or decoded == [{:x, 1}, {:x, "2.50"}]
      default = fn value -> "<#{inspect(value)}>" end
      assert call!("json", "dumps", [[self()]], default: default) == ~s(["<#{inspect(self())}>"])
    end

    test "its exceptions" do
      {:error, error} = call("json", "loads", ["{\"a\": }"])
      assert error.class == "JSONDecodeError"
      assert error.message =~ "line 1 column 7"
      assert {:error, %{class: "TypeError"}} = call("json", "dumps", [[self()]])
    end
  end

  describe "csv" do
    test "reading rows and dictionaries of a stream" do
      text = call!("io", "StringIO", ["name,n\r\n\"Bern, city\",3\r\nChur,4\r\n"])

      assert Enum.to_list(call!("csv", "DictReader", [text])) == [
               %{"name" => "Bern, city", "n" => "3"},
               %{"name" => "Chur", "n" => "4"}
             ]

      assert Enum.to_list(call!("csv", "reader", [["a;b", "c;d"]], delimiter: ";")) == [
               ["a", "b"],
               ["c", "d"]
             ]
    end

    test "writing" do
      out = call!("io", "StringIO", [], newline: "")
      writer = call!("csv", "writer", [out], quoting: get!("csv", "QUOTE_NONNUMERIC"))
      writer.writerow(["a", 1])
      writer.writerows([["b\"c", 2.5], [nil, true]])
      assert out.getvalue() == "\"a\",1\r\n\"b\"\"c\",2.5\r\n\"\",True\r\n"
      rows = call!("csv", "DictWriter", [out, ["x", "y"]], extrasaction: "ignore")
      assert rows.fieldnames == ["x", "y"]

      assert {:error, %{class: "Error", module: "_csv"}} =
               call("csv", "writer", [out], delimiter: "xx") |> csv_error()
    end

    # Python 3.10 raises a TypeError of the dialect itself.
    defp csv_error({:error, %{class: "TypeError"}}), do: {:error, %{class: "Error", module: "_csv"}}
    defp csv_error(other), do: other
  end

  test "templates, text wrapping, differences" do
    assert call!("string", "Template", ["$who owes $n"]).substitute(who: "Ada", n: 3) == "Ada owes 3"
    assert call!("textwrap", "wrap", ["aaa bbb ccc"], width: 7) == ["aaa bbb", "ccc"]
    assert call!("difflib", "get_close_matches", ["appel", ["ape", "apple", "peach"]]) |> hd() == "apple"
    matcher = call!("difflib", "SequenceMatcher", [nil, "abcd", "bcde"])
    assert matcher.ratio() == 0.75
    assert for({tag, _, _, _, _} <- matcher.get_opcodes(), do: tag) == ["delete", "equal", "insert"]
    assert call!("unicodedata", "name", ["é"]) == "LATIN SMALL LETTER E WITH ACUTE"
    assert %{class: "KeyError"} = catch_error(call!("string", "Template", ["$who"]).substitute())
    assert call!("builtins", "str.format", ["{0} {name!r:>5}", 1], name: "x") == "1   'x'"
  end

  test "bytes: struct, base64, hashes, compression" do
    assert call!("struct", "pack", [">Ih", 1, -2]) == <<1::32, -2::16>>
    assert call!("struct", "unpack", [">Ih", bytes(<<1::32, -2::16>>)]) == {1, -2}
    assert call!("base64", "b64encode", [bytes("hi")]) == Base.encode64("hi")

    assert call!("hashlib", "sha256", [bytes("x")]).hexdigest() ==
             Base.encode16(:crypto.hash(:sha256, "x"), case: :lower)

    hash = call!("hmac", "new", [bytes("key"), bytes("text"), "sha1"])
    assert hash.digest() == :crypto.mac(:hmac, :sha, "key", "text")
    packed = call!("zlib", "compress", [bytes(String.duplicate("a", 100))])
    assert :zlib.uncompress(packed) == String.duplicate("a", 100)
    assert {:error, %{class: "error", module: "zlib"}} = call("zlib", "decompress", [bytes("no")])
    assert {:error, %{class: "error"}} = call("struct", "unpack", [">I", bytes("x")])
  end
end
