defmodule LxmlTest do
  use LibraryCase, library: "lxml"

  @source """
  <library xmlns:x="urn:extra">
    <book id="1"><title>Emma</title><x:price>5.50</x:price></book>
    <book id="2"><title>Persuasion</title><x:price>7.25</x:price></book>
  </library>
  """

  setup do
    {:ok, root: call!("lxml.etree", "fromstring", [@source])}
  end

  test "elements", %{root: root} do
    assert attr!(root, "tag") == "library"
    assert Enum.map(root, &method!(&1, "get", ["id"])) == ["1", "2"]
    assert steps!(root, [{:fun, :len}]) == 2
    assert root |> item!(0) |> method!("findtext", ["title"]) == "Emma"
  end

  test "xpath", %{root: root} do
    assert root.xpath("count(//book)") == 2.0
    assert root.xpath("//book[@id=$id]/title/text()", id: "2") |> Enum.map(&to_string/1) == ["Persuasion"]
    prices = root.xpath("//e:price", namespaces: %{e: "urn:extra"})
    assert prices |> Enum.map(&String.to_float(&1.text)) |> Enum.sum() == 12.75
    assert root.xpath("boolean(//missing)") == false
  end

  test "documents are bytes", %{root: root} do
    data = call!("lxml.etree", "tostring", [root[0]], encoding: "utf-8", xml_declaration: true)
    assert data =~ ~r/^<\?xml version='1.0' encoding='utf-8'\?>\n<book/

    text =
      call!("lxml.etree", "tostring", [call!("lxml.etree", "fromstring", ["<title>Persuasion</title>"])],
        encoding: "unicode",
        with_tail: false
      )

    assert text == "<title>Persuasion</title>"
    latin = bytes("<?xml version='1.0' encoding='iso-8859-1'?><p>caf\xE9</p>")
    assert call!("lxml.etree", "fromstring", [latin]).text == "café"
  end

  test "trees are built", %{root: root} do
    book = call!("lxml.etree", "SubElement", [root, "book"], id: "3", lang: "en")
    put_attr!(call!("lxml.etree", "SubElement", [book, "title"]), "text", "Öland")
    book.set("new", "yes")
    assert Map.new(book.attrib.items()) == %{"id" => "3", "lang" => "en", "new" => "yes"}
    assert root.xpath("//book[@new]/title")[0].text == "Öland"
    root.remove(book)
    assert root.getchildren() |> length() == 2
  end

  test "builder with capitalised names" do
    e = import!("lxml.builder").E
    page = e.html(e.body(e.p("Hello", class: "x"), e.br()))

    assert call!("lxml.etree", "tostring", [page]) ==
             ~s(<html><body><p class="x">Hello</p><br/></body></html>)
  end

  test "iterparse over bytes of Elixir" do
    file = call!("io", "BytesIO", [bytes(@source)])
    events = call!("lxml.etree", "iterparse", [file], events: {"start", "end"}, tag: "book")

    assert for({event, element} <- events, do: {event, element.get("id")}) ==
             [{"start", "1"}, {"end", "1"}, {"start", "2"}, {"end", "2"}]
  end

  test "xslt with an extension written in Elixir" do
    etree = import!("lxml.etree")
    functions = etree."FunctionNamespace"("urn:elixir")

    put_item!(functions, "shout", fn _context, texts ->
      texts |> Enum.map_join(&to_string/1) |> String.upcase()
    end)

    root = etree.fromstring("<p>quiet</p>")
    assert root.xpath("x:shout(//p/text())", namespaces: %{x: "urn:elixir"}) |> to_string() == "QUIET"
  end

  test "html" do
    page =
      call!("lxml.html", "fromstring", ["<div><a href='/x'>y</a><form><input name=q value=1></form></div>"])

    page.make_links_absolute("http://h/")

    assert for({_element, attribute, link, _} <- page.iterlinks(), do: {attribute, link}) == [
             {"href", "http://h/x"}
           ]

    assert Map.new(page.forms[0].fields.items()) == %{"q" => "1"}
  end

  test "its errors" do
    assert {:error, error} = call("lxml.etree", "fromstring", ["<a><b></a>"])
    assert error.class == "XMLSyntaxError"
    assert "builtins.SyntaxError" in error.mro

    assert {:error, %{class: "XPathEvalError"}} =
             method(call!("lxml.etree", "Element", ["a"]), "xpath", ["//["])
  end

  test "documents are written in contexts" do
    file = call!("io", "BytesIO")

    with_python!(call!("lxml.etree", "xmlfile", [file], encoding: "utf-8"), fn writer ->
      with_python!(writer.element("rows", count: "2"), fn _ ->
        for n <- 1..2, do: with_python!(writer.element("row"), fn _ -> writer.write(to_string(n)) end)
      end)
    end)

    assert file.getvalue() == ~s(<rows count="2"><row>1</row><row>2</row></rows>)
  end
end
