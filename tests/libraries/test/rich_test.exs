defmodule RichTest do
  use LibraryCase, library: "rich"

  defp console(opts \\ []) do
    file = call!("io", "StringIO")
    {call!("rich.console", "Console", [], [file: file, width: 40] ++ opts), file}
  end

  test "markup" do
    {console, file} = console()
    method!(console, "print", ["[bold]Hello[/] :snake:"], style: "red")
    assert method!(file, "getvalue") == "Hello 🐍\n"
    {console, file} = console(force_terminal: true, color_system: "truecolor")
    console.print("[bold]x[/]")
    assert file.getvalue() == "\e[1mx\e[0m\n"
  end

  test "tables from rows of Elixir" do
    {console, file} = console()
    table = call!("rich.table", "Table", [], title: "Fruit")
    table.add_column("name", justify: "right", no_wrap: true)
    table.add_column("n")
    for {name, n} <- [{"apple", 1}, {"fig", 20}], do: table.add_row(name, to_string(n))
    console.print(table)
    assert table.row_count == 2
    assert file.getvalue() =~ "│ apple │ 1  │"
  end

  test "text objects" do
    text = call!("rich.text", "Text", ["one two"])
    text.stylize("bold", 0, 3)
    assert Enum.map(text.split(" "), & &1.plain) == ["one", "two"]
    assert text.spans[0].style == "bold"
    joined = call!("rich.text", "Text", [", "]).join([text, text])
    assert joined.plain == "one two, one two"
    assert (text + "!").plain == "one two!"
  end

  test "print goes where Elixir's own output goes" do
    printed = ExUnit.CaptureIO.capture_io(fn -> call!("rich", "print", ["[italic]hi[/]", "you"]) end)
    assert printed == "hi you\n"
  end

  test "highlighters and progress" do
    {console, file} = console()
    track = call!("rich.progress", "track", [[1, 2, 3]], console: console, description: "Working")
    assert Enum.sum(track) == 6
    assert file.getvalue() =~ "100%"
    tree = call!("rich.tree", "Tree", ["root"])
    tree.add("leaf").add("deep")
    {console, file} = console()
    console.print(tree)
    assert file.getvalue() == "root\n└── leaf\n    └── deep\n"
  end

  test "export" do
    {console, _} = console(record: true)
    console.print("[bold red]x[/]")
    assert console.export_html(inline_styles: true) =~ "font-weight: bold"
  end

  test "errors" do
    {console, _} = console()
    assert {:error, %{class: "MarkupError"} = e} = method(console, "print", ["[/nothing]"])
    assert e.message =~ "closing tag"
    assert {:error, %{class: "MissingStyle"}} = method(console, "get_style", ["nothing at all"])
  end

  test "contexts" do
    {console, file} = console()
    capture = console.capture()
    with_python!(capture, fn _ -> console.print("inside") end)
    assert {capture.get(), file.getvalue()} == {"inside\n", ""}

    with_python!(call!("rich.progress", "Progress", [], console: console), fn progress ->
      task = progress.add_task("load", total: 2)
      for _ <- 1..2, do: progress.advance(task)
      assert progress.finished
    end)
  end
end
