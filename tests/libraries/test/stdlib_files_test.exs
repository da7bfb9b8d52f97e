defmodule StdlibFilesTest do
  use LibraryCase, standard_library: "files"

  setup do
    folder = Path.join(System.tmp_dir!(), "matrix-#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf(folder) end)
    %{folder: folder}
  end

  test "pathlib: joining, writing, globbing", %{folder: folder} do
    path = call!("pathlib", "Path", [folder]) / "a" / "b.txt"
    path.parent.mkdir(parents: true, exist_ok: true)
    assert path.write_text("héllo", encoding: "utf-8") == 5
    assert path.read_text(encoding: "utf-8") == "héllo"
    assert File.read!(to_string(path)) == "héllo"
    assert {path.name, path.suffix, path.stem} == {"b.txt", ".txt", "b"}
    assert path.exists() == true
    assert path.stat().st_size == 6
    found = call!("pathlib", "Path", [folder]).rglob("*.txt")
    assert Enum.map(found, &Path.basename(to_string(&1))) == ["b.txt"]
    assert path.with_suffix(".md").name == "b.md"
    assert path.relative_to(folder).parts == {"a", "b.txt"}
    assert %{class: "FileNotFoundError"} = catch_error(call!("pathlib", "Path", ["/nowhere"]).read_text())
  end

  test "open: lines are enumerated lazily, bytes arrive whole", %{folder: folder} do
    path = Path.join(folder, "lines.txt")
    File.write!(path, "one\ntwo\nthree\n")
    file = call!("builtins", "open", [path])
    assert Enum.take(file, 1) == ["one\n"]
    file.close()
    assert file.closed == true
    assert %{class: "ValueError"} = catch_error(file.read())
    out = call!("builtins", "open", [path, "wb"])
    assert out.write(bytes(<<0, 255>>)) == 2
    out.close()
    assert File.read!(path) == <<0, 255>>
    error = catch_error(call!("builtins", "open", ["/nowhere"]))
    assert error.class == "FileNotFoundError"
    assert "builtins.OSError" in error.mro
  end

  test "zipfile and tarfile, in memory" do
    buffer = call!("io", "BytesIO")
    archive = call!("zipfile", "ZipFile", [buffer, "w"], compression: get!("zipfile", "ZIP_DEFLATED"))
    archive.writestr("a.txt", "hello")
    archive.writestr("dir/b.bin", bytes(<<0, 1>>))
    archive.close()
    data = buffer.getvalue()
    assert {:ok, files} = :zip.unzip(data, [:memory])
    assert {~c"a.txt", "hello"} in files

    again = call!("zipfile", "ZipFile", [call!("io", "BytesIO", [bytes(data)])])
    assert again.namelist() == ["a.txt", "dir/b.bin"]
    assert again.read("a.txt") == "hello"
    assert Enum.map(again.infolist(), & &1.file_size) == [5, 2]
    assert again.testzip() == nil
    assert %{class: "KeyError"} = catch_error(again.read("nothing"))

    assert {:error, %{class: "BadZipFile"}} =
             call("zipfile", "ZipFile", [call!("io", "BytesIO", [bytes("no")])])
  end

  test "tempfile, shutil, os", %{folder: folder} do
    {handle, path} = call!("tempfile", "mkstemp", [], dir: folder, suffix: ".x")
    call!("os", "close", [handle])
    assert String.ends_with?(path, ".x")
    call!("shutil", "copy", [path, path <> "2"])
    assert Enum.count(call!("os", "scandir", [folder])) == 2
    assert for({_, _, files} <- call!("os", "walk", [folder]), do: length(files)) == [2]
    assert call!("os", "path.join", ["a", "b"]) == "a/b"
    assert get!("os", "environ")["PATH"] == System.get_env("PATH")
    assert call!("os", "fspath", [call!("pathlib", "Path", ["x"])]) == "x"
    assert {:error, %{class: "FileNotFoundError"}} = call("os", "remove", ["/nowhere"])
  end

  describe "sqlite3" do
    setup do
      connection = call!("sqlite3", "connect", [":memory:"])
      connection.execute("create table cities (name text primary key, n integer, born date)")
      %{connection: connection}
    end

    test "statements, parameters, rows", %{connection: connection} do
      connection.executemany("insert into cities values (?, ?, ?)", [{"Bern", 3, nil}, {"Genf", 1, "2024"}])
      connection.commit()
      rows = connection.execute("select name, n from cities where n > :n order by name", %{"n" => 0})
      assert Enum.to_list(rows) == [{"Bern", 3}, {"Genf", 1}]
      cursor = connection.cursor()
      cursor.execute("select n from cities where name = ?", {"Bern"})
      assert cursor.fetchone() == {3}
      assert cursor.fetchone() == nil
      assert connection.total_changes == 2
      assert cursor.description |> elem(0) |> elem(0) == "n"
    end

    test "rows by name, and functions of Elixir in SQL", %{connection: connection} do
      connection.execute("insert into cities values ('Bern', 3, null)")
      put_attr!(connection, "row_factory", get!("sqlite3", "Row"))
      row = connection.execute("select * from cities").fetchone()
      assert row["name"] == "Bern"
      assert row.keys() == ["name", "n", "born"]

      connection.create_function("twice", 1, fn n -> n * 2 end, deterministic: true)
      assert connection.execute("select twice(n) as t from cities").fetchone()["t"] == 6
      put_attr!(connection, "row_factory", fn _cursor, row -> {:row, row} end)
      assert connection.execute("select 1").fetchone() in [{"row", {1}}, {:row, {1}}]
    end

    test "transactions roll back, and its exceptions", %{connection: connection} do
      connection.execute("insert into cities values ('Bern', 3, null)")
      connection.rollback()
      assert connection.execute("select count(*) from cities").fetchone() == {0}
      assert %{class: "OperationalError"} = catch_error(connection.execute("select * from nothing"))
      connection.execute("insert into cities values ('x', 1, null)")
      error = catch_error(connection.execute("insert into cities values ('x', 1, null)"))
      assert error.class == "IntegrityError"
      assert "sqlite3.DatabaseError" in error.mro
      assert connection.iterdump() |> Enum.any?(&(&1 =~ "CREATE TABLE cities"))
    end

    test "a connection belongs to the thread that made it: that of its Elixir process", %{
      connection: connection
    } do
      error = Task.await(Task.async(fn -> catch_error(connection.execute("select 1")) end))
      assert error.class == "ProgrammingError"
      assert error.message =~ "same thread"
      assert connection.execute("select 1").fetchone() == {1}
    end
  end
end
