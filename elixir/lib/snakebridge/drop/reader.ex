defmodule SnakeBridge.Drop.Reader do
  @moduledoc """
  Reads Python source in Elixir, without a Python: which names it takes from outside and which it binds, and what `#{}`
  inserts.

      iex> {:ok, found} = SnakeBridge.Drop.Reader.read("total = sum(xs)\\ntotal / n")
      iex> {Map.keys(found.binds), Map.keys(found.needs)}
      {["total"], ["n", "sum", "xs"]}

  It evaluates nothing, and knows no variables of Elixir: what is taken for what is `SnakeBridge.Drop`'s to decide.
  """

  alias SnakeBridge.Drop.{Parser, Scopes, Tokens}

  @typedoc "`{line, column}`, from 1; columns count characters."
  @type place :: {pos_integer(), pos_integer()}
  @typedoc """
  What a source does to names, as `t:SnakeBridge.Drop.Scopes.t/0` has it; the insertions as `{name, code, offset}`; and the
  text that Python gets.
  """
  @type t :: %{
          binds: Scopes.names(),
          declares: Scopes.names(),
          reads: Scopes.names(),
          needs: Scopes.names(),
          star?: boolean(),
          insertions: [Tokens.insertion()],
          text: String.t()
        }

  @doc "Reads a source; `insertions: false` for one that has none, in which `#` always begins a comment."
  @spec read(String.t(), keyword()) :: {:ok, t()} | {:error, String.t(), place()}
  def read(source, opts \\ []) do
    {tokens, insertions, edits} = Tokens.read(source, opts)
    found = tokens |> Parser.read() |> Scopes.read()
    {:ok, Map.merge(found, %{insertions: insertions, text: edited(source, edits)})}
  catch
    {:python, message, offset} -> {:error, message, place(source, offset)}
  end

  @doc """
  Line and column of an offset.

      iex> SnakeBridge.Drop.Reader.place("é = 1\\nx", 7)
      {2, 1}
  """
  @spec place(String.t(), Tokens.offset()) :: place()
  def place(source, offset) do
    lines = source |> binary_part(0, min(offset, byte_size(source))) |> String.split("\n")
    {length(lines), String.length(List.last(lines)) + 1}
  end

  # Edits do not overlap.
  defp edited(source, edits) do
    {parts, at} =
      edits
      |> Enum.sort()
      |> Enum.reduce({[], 0}, fn {offset, bytes, text}, {parts, at} ->
        {[parts, binary_part(source, at, offset - at), text], offset + bytes}
      end)

    IO.iodata_to_binary([parts, binary_part(source, at, byte_size(source) - at)])
  end
end
