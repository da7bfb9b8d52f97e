defmodule SnakeBridge.Host.Questions do
  @moduledoc """
  Serves the lane on which the front end asks about code: completion, documentation, completeness, names.

  It runs beside the cells and never runs code of the user's. A question that fails is answered with an error.
  """

  alias SnakeBridge.{CellParser, Completion, Host, Inspector, Keeper, Socket}
  alias SnakeBridge.Completion.Values

  # A session may have more names than anybody reads.
  @most_names 3000

  @doc "Opens the lane and serves it for as long as the VM lives."
  @spec run(Path.t()) :: no_return()
  def run(path) do
    {socket, _} = Host.open(path, %{role: :lane, thread: :own})
    loop(socket)
  end

  defp loop(socket) do
    case Socket.recv(socket) do
      {:ok, {:req, id, op, body}, socket} when is_integer(id) ->
        Socket.send(socket, answer(id, op, body))
        # What was looked at may have held refs.
        :erlang.garbage_collect()
        loop(socket)

      {:ok, other, socket} ->
        Host.no_message(other)
        loop(socket)

      {:malformed, text, socket} ->
        Host.event(:fault, text)
        loop(socket)

      {:error, reason} ->
        Host.lane_lost(socket, reason)
    end
  end

  defp answer(id, op, body) do
    case serve(op, body) do
      {:error, reason, message} -> {:error, id, {:bridge, reason, message, nil}}
      value -> {:ok, id, value}
    end
  catch
    kind, reason ->
      message = "the question `#{op}` failed: #{Exception.format_banner(kind, reason, __STACKTRACE__)}"
      {:error, id, {:bridge, :unavailable, message, nil}}
  end

  defp serve(:is_complete, %{source: source}) when is_binary(source) do
    case CellParser.status(source) do
      :complete -> %{status: :complete, indent: ""}
      {:incomplete, indent} -> %{status: :incomplete, indent: String.duplicate(" ", indent)}
      :invalid -> %{status: :invalid, indent: ""}
    end
  end

  defp serve(:complete, %{source: source, cursor: cursor} = body)
       when is_binary(source) and is_integer(cursor) do
    if inside?(source, cursor),
      do: Completion.complete(source, cursor, harmless(body), most(body)),
      else: outside(cursor, source)
  end

  defp serve(:inspect, %{source: source, cursor: cursor} = body)
       when is_binary(source) and is_integer(cursor) do
    detail = if body[:detail] == 1, do: 1, else: 0

    if inside?(source, cursor),
      do: Inspector.inspect(source, cursor, detail, harmless(body)),
      else: outside(cursor, source)
  end

  defp serve(:names, _) do
    Keeper.view(fn variables, _ ->
      for {name, value} <- variables |> Enum.sort() |> Enum.take(@most_names) do
        %{
          name: Atom.to_string(name),
          type: Values.type(value),
          size: size(value),
          value: Inspector.short(value, 80)
        }
      end
    end)
  end

  defp serve(op, _) when op in [:complete, :inspect, :is_complete],
    do: {:error, :bad_message, "`#{op}` has a body of another shape"}

  defp serve(op, _),
    do: {:error, :unknown_op, "the BEAM serves no `#{inspect(op)}` on its lane for questions"}

  defp harmless(body), do: body |> Map.get(:harmless) |> List.wrap() |> Enum.filter(&is_binary/1)

  defp most(%{most: most}) when is_integer(most) and most > 0, do: most
  defp most(_), do: nil

  # A cursor is at a character's beginning.
  defp inside?(source, cursor) do
    cursor in 0..byte_size(source) and String.valid?(source) and String.valid?(binary_part(source, 0, cursor))
  end

  defp outside(cursor, source),
    do: {:error, :bad_message, "byte #{cursor} is no place in a text of #{byte_size(source)} bytes"}

  defp size(list) when is_list(list),
    do: if(List.improper?(list), do: nil, else: Integer.to_string(length(list)))

  defp size(%MapSet{} = set), do: Integer.to_string(MapSet.size(set))
  defp size(%_{}), do: nil
  defp size(map) when is_map(map), do: Integer.to_string(map_size(map))
  defp size(tuple) when is_tuple(tuple), do: Integer.to_string(tuple_size(tuple))
  defp size(binary) when is_binary(binary), do: "#{byte_size(binary)} bytes"
  defp size(_), do: nil
end
