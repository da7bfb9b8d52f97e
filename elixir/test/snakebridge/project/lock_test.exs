defmodule SnakeBridge.Project.LockTest do
  use ExUnit.Case, async: true

  alias SnakeBridge.Project.Lock

  doctest Lock

  @lock %Lock{
    python: "cpython 3.11.7",
    platform: "linux-x86_64",
    generator: "abc",
    packages: %{"six" => %{version: "1.17.0", hash: "aa"}, "attrs" => %{version: "24.1", hash: "bb"}}
  }

  test "its text is sorted, and is read as what it was" do
    text = Lock.render(@lock)
    lines = text |> String.split("\n", trim: true) |> Enum.reject(&String.starts_with?(&1, "#"))
    assert lines == Enum.sort(lines)
    assert "package attrs 24.1 sha256:bb" in lines
    assert Lock.parse(text, "x") == {:ok, @lock}
    assert Lock.parse(String.replace(text, "\n", "\r\n"), "x") == {:ok, @lock}
  end

  test "a line that is none, as of a merge, is named with its place" do
    assert {:error, error} = Lock.parse("python cpython 3.11.7\n<<<<<<< HEAD\n", "some/snakebridge.lock")

    assert Exception.message(error) =~
             "some/snakebridge.lock:2: this line is no entry: <<<<<<< HEAD\nhint: "
  end

  test "what differs" do
    there = %{@lock | python: "cpython 3.12.1", packages: %{"six" => %{version: "1.16.0", hash: "cc"}}}
    lines = Lock.differences(@lock, there)
    assert "python is cpython 3.12.1, locked is cpython 3.11.7" in lines
    assert "six is 1.16.0, locked is 1.17.0" in lines
    assert "attrs 24.1 is locked, and not installed" in lines
    other = put_in(@lock.packages["six"].hash, "dd")
    assert Lock.differences(@lock, other) == ["six 1.17.0 is installed with other files than the locked ones"]
    assert Lock.differences(@lock, @lock) == []
  end
end
