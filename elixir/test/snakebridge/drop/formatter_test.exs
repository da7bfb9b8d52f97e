defmodule SnakeBridge.FormatterTest do
  use ExUnit.Case, async: true

  @source ~S'''
  def f(x) do
    ~PY"""
    y = [ x,#{x+1},  'its #{ x }' ]   # a #{comment}
    y
    """
    z = ~PY"y+1"
    z
  end
  '''

  defp format(source, python_formatter) do
    plugin = fn text, opts ->
      SnakeBridge.Formatter.format(text, opts ++ [snakebridge: [python_formatter: python_formatter]])
    end

    source |> Code.format_string!(sigils: [PY: plugin]) |> IO.iodata_to_binary() |> Kernel.<>("\n")
  end

  defp ruff?,
    do:
      System.find_executable("ruff") ||
        File.regular?(Path.join(System.get_env("VIRTUAL_ENV") || "/", "bin/ruff"))

  test "the Python stays as it is" do
    assert format(@source, nil) =~ ~S"y = [ x,#{x+1},  'its #{ x }' ]   # a #{comment}"
    assert SnakeBridge.Formatter.features([])[:sigils] == [:PY]
  end

  test "or is formatted, with what is inserted as it was; a second time changes nothing" do
    if ruff?() do
      once = format(@source, :ruff)

      assert once =~ ~S(  y = [x, #{x+1}, "its #{ x }"]  # a #{comment})
      assert once =~ ~S(z = ~PY"y+1")
      assert format(once, :ruff) == once
    end
  end

  test "many files at once, as mix format does" do
    spaced = ["sed", "s/\\[ x/[x/"]
    expected = format(@source, spaced)
    assert expected =~ "y = [x,"

    for {:ok, text} <- Task.async_stream(1..50, fn _ -> format(@source, spaced) end, max_concurrency: 8),
        do: assert(text == expected)
  end

  test "what the program refuses, or changes too much, stays" do
    assert format(@source, ["false"]) == format(@source, nil)
    assert format(@source, ["echo", "x = 1"]) == format(@source, nil)
    broken = String.replace(@source, "y = [", "y = = [")
    assert format(broken, ["cat"]) == format(broken, nil)
    assert_raise ArgumentError, fn -> format(@source, :other) end
  end
end
