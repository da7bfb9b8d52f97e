defmodule SnakeBridge.GuideTest do
  @moduledoc "The examples of docs/elixir.md and README.md, as they stand there."
  use ExUnit.Case, async: true
  use SnakeBridge

  @root Path.expand("../../..", __DIR__)
  @guide Path.join(@root, "docs/elixir.md")
  @readme Path.join(@root, "README.md")
  @external_resource @guide
  @external_resource @readme

  # What is written as at a prompt runs, with the results that the page shows.
  doctest_file(@guide)

  @blocks for page <- [@guide, @readme],
              [_, code] <- Regex.scan(~r/^```elixir\n(.*?)^```/ms, File.read!(page)),
              do: {Path.basename(page), code}

  for {{page, code}, number} <- Enum.with_index(@blocks, 1) do
    @code code
    @number number
    test "example #{number}, of #{page}, compiles without a warning" do
      code = source(@code, @number)

      {_, diagnostics} =
        Code.with_diagnostics(fn ->
          try do
            Code.compile_string(code)
          rescue
            error -> error
          end
        end)

      assert Enum.map(diagnostics, & &1.message) == [], code
    end
  end

  test "the pages have examples" do
    assert length(@blocks) > 8
  end

  defp source("defmodule " <> _ = code, _), do: code
  defp source("{:snakebridge" <> _ = code, number), do: source("iex> " <> code, number)

  defp source(code, number) do
    statements =
      if code =~ ~r/^iex> /m,
        do: for([_, line] <- Regex.scan(~r/^iex> (.*)$/m, code), do: statement(line)),
        else: [code]

    # What an example binds or gives is for its reader.
    names = for [_, name] <- Regex.scan(~r/^(?:iex> )?(\w+) = /m, code), do: "_ = #{name}\n"

    """
    defmodule SnakeBridge.GuideTest.Example#{number} do
      #{if code =~ "iex>", do: "use SnakeBridge"}
      def example do
        #{Enum.join(statements, "\n")}
        #{names}
      end
    end
    """
  end

  defp statement(line), do: if(line =~ ~r/^\w+ = /, do: line, else: "_ = (#{line}\n)")

  test "IEx: the line for .iex.exs" do
    recipe = "use SnakeBridge.IEx"
    for page <- [@guide, @readme], do: assert(File.read!(page) =~ "`#{recipe}`")

    input = """
    half = SnakeBridge.import!("fractions").Fraction.(1, 2)
    {half.denominator + 1, py.len([1, 2])}
    """

    files = [{"iex.exs", recipe}, {"input", input}]
    assert in_files(files, ~s|iex -pa "$EBIN" --dot-iex iex.exs < input|) =~ "{3, 2}"
  end

  test "a script that gets the library itself: a module, but not py do" do
    start = """
    Code.prepend_path(System.fetch_env!("EBIN"))
    {:ok, _} = Application.ensure_all_started(:snakebridge)
    """

    works = """
    #{start}
    defmodule Main do
      use SnakeBridge
      def run, do: IO.puts(SnakeBridge.import!("fractions").Fraction.(1, 2).denominator + py.len([1]))
    end
    Main.run()
    """

    assert in_files([{"script.exs", works}], "elixir script.exs") == "3\n"
    refused = start <> "require SnakeBridge\nSnakeBridge.py(do: 1)\n"
    assert in_files([{"script.exs", refused}], "elixir script.exs") =~ "SnakeBridge is not loaded"
  end

  test "what the formatter does to an attribute, and the form that it leaves" do
    format = &(&1 |> Code.format_string!() |> IO.iodata_to_binary())
    assert format.("pd.Timestamp.now") == "pd.Timestamp.now()"
    stable = ~s|SnakeBridge.attr!(pd, "Timestamp.now")|
    assert format.(stable) == stable
    assert File.read!(@guide) =~ stable
  end

  defp in_files(files, command) do
    directory = Path.join(System.tmp_dir!(), "sbg#{System.unique_integer([:positive])}")
    File.mkdir_p!(directory)
    on_exit(fn -> File.rm_rf!(directory) end)
    for {name, text} <- files, do: File.write!(Path.join(directory, name), text)
    ebin = :snakebridge |> :code.lib_dir() |> Path.join("ebin")
    options = [env: [{"EBIN", ebin}, {"TERM", "dumb"}], cd: directory, stderr_to_stdout: true]
    {output, _} = System.cmd("sh", ["-c", command], options)
    output
  end
end
