defmodule SnakeBridge.Host.Questions do
  @moduledoc """
  Serves the lane on which the front end asks about code: completion, documentation, completeness, names.

  It runs beside the cells and never runs code of the user's. A question that fails is answered with an error.
  """

  alias SnakeBridge.{CellParser, Host, Socket}

  @doc "Opens the lane and serves it for as long as the VM lives."
  @spec run(Path.t()) :: no_return()
  def run(path) do
    {socket, _} = Host.open(path, %{role: :lane, thread: :own})
    loop(socket)
  end

  defp loop(socket) do
    case Socket.recv(socket) do
      {:ok, {:req, id, op, body}, socket} ->
        Socket.send(socket, answer(id, op, body))
        loop(socket)

      {:ok, other, socket} ->
        Host.event(:fault, "not a request of the protocol: #{inspect(other, limit: 10)}")
        loop(socket)

      {:malformed, text, socket} ->
        Host.event(:fault, text)
        loop(socket)

      # The control connection ends the VM.
      {:error, _} ->
        Process.sleep(:infinity)
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

  defp serve(op, _) when op in [:complete, :inspect, :is_complete],
    do: {:error, :bad_message, "`#{op}` has a body of another shape"}

  defp serve(op, _),
    do: {:error, :unknown_op, "the BEAM serves no `#{inspect(op)}` on its lane for questions"}
end
