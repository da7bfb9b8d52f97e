defmodule BeautifulSoup4Test do
  use LibraryCase, library: "beautifulsoup4"

  @page """
  <html><body>
    <h1 class="title big">Fruit</h1>
    <ul id="list">
      <li data-price="1.5"><a href="/apple">Apple</a></li>
      <li data-price="2"><a href="/pear">Pear &amp; quince</a></li>
    </ul>
  </body></html>
  """

  setup do
    {:ok, soup: call!("bs4", "BeautifulSoup", [@page, "html.parser"])}
  end

  test "texts and attributes", %{soup: soup} do
    title = method!(soup, "find", ["h1"], class_: "title")
    assert method!(title, "get_text") == "Fruit"
    assert item!(title, "class") == ["title", "big"]
    assert attr!(title, "name") == "h1"
    assert to_string(title) == ~s(<h1 class="title big">Fruit</h1>)
  end

  test "natural syntax walks the tree", %{soup: soup} do
    assert soup.h1.get_text() == "Fruit"
    assert soup.body.ul["id"] == "list"

    assert for(a <- soup.select("li > a"), do: {a["href"], a.get_text()}) ==
             [{"/apple", "Apple"}, {"/pear", "Pear & quince"}]

    assert soup.find("li", string: nil, attrs: %{"data-price": "2"}).a.get_text(strip: true) ==
             "Pear & quince"

    assert soup.table == nil
  end

  test "a list of results is walked with Enum", %{soup: soup} do
    items = method!(soup, "find_all", ["li"])
    assert Enum.count(items) == 2
    assert Enum.map(items, &item!(&1, "data-price")) == ["1.5", "2"]
    assert items |> item!(-1) |> method!("get_text", ["|"], strip: true) == "Pear & quince"
  end

  test "strings of the tree are Python's own and become text when asked", %{soup: soup} do
    string = attr!(soup, "h1.string")
    assert ref?(string)
    assert to_string(string) == "Fruit"
    assert value!(string) == "Fruit"
    assert Enum.to_list(soup.ul.stripped_strings) |> Enum.map(&to_string/1) == ["Apple", "Pear & quince"]
  end

  test "functions of Elixir select", %{soup: soup} do
    cheap = soup.find_all(fn tag -> tag.name == "li" and tag["data-price"] == "1.5" end)
    assert Enum.map(cheap, & &1.a["href"]) == ["/apple"]
    found = soup.find_all("a", href: fn href -> href && String.contains?(href, "pear") end)
    assert Enum.count(found) == 1
  end

  test "the tree is changed", %{soup: soup} do
    new = soup.new_tag("li", class: "new")
    put_attr!(new, "string", "Fig")
    put_item!(new, "data-price", "3")
    soup.ul.append(new)
    soup.h1.decompose()
    assert soup.h1 == nil
    assert soup.ul.find_all("li")[-1].get_text() == "Fig"
    assert put_in(new["data-price"], "4")["data-price"] == "4"
  end

  test "errors of the library and of Python", %{soup: soup} do
    assert {:error, %{class: "SelectorSyntaxError"}} = method(soup, "select", ["li >"])
    assert {:error, %{class: "KeyError", message: message}} = item(soup.h1, "href")
    assert message =~ "href"
    assert {:error, %{class: "FeatureNotFound"}} = call("bs4", "BeautifulSoup", ["<p>", "none"])
  end
end
