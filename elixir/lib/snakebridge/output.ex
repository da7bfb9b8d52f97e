defmodule SnakeBridge.Output do
  @moduledoc """
  Brings what Python prints, shows and asks for to the group leader of the Elixir process that waits for Python.

  What is more than text on stdout is first offered as an I/O request `{:snakebridge, op, body}`; a group leader that
  knows nothing of it refuses, and then it is brought down to text.
  """

  @doc "Hands over an event of a lane: `stream`, `display`, `clear`, `comm`."
  @spec event(atom(), term(), pid()) :: :ok
  def event(op, body, leader \\ Process.group_leader())

  def event(:stream, {_, :stdout, text}, leader), do: put(leader, text)

  def event(op, body, leader) when op in [:stream, :display, :clear, :comm] do
    case request(leader, {:snakebridge, op, body}) do
      {:error, _} -> plain(op, body, leader)
      _ -> :ok
    end
  end

  def event(:fault, text, _), do: put(:standard_error, "snakebridge: #{text}\n")
  def event(_, _, _), do: :ok

  @doc """
  Makes an IO request of a device and waits for the answer.

  `IO.write/2` would raise where the group leader has gone, as a test's does at its end.
  """
  @spec request(pid() | atom(), term()) :: term()
  def request(device, request) do
    reference = Process.monitor(device)
    send(device, {:io_request, self(), reference, request})

    receive do
      {:io_reply, ^reference, answer} ->
        Process.demonitor(reference, [:flush])
        answer

      {:DOWN, ^reference, _, _, _} ->
        {:error, :terminated}
    end
  end

  defp plain(:stream, {_, :stderr, text}, _), do: put(:standard_error, text)
  defp plain(:display, %{data: %{"text/plain" => text}}, leader), do: put(leader, [text, "\n"])
  defp plain(_, _, _), do: :ok

  @doc "Asks for a line. Gives it without its newline."
  @spec input(term(), pid()) :: {:ok, String.t()} | :eof
  def input({_, prompt, password} = body, leader \\ Process.group_leader()) do
    case request(leader, {:snakebridge, :input, body}) do
      {:ok, text} when is_binary(text) -> {:ok, text}
      :eof -> :eof
      _ -> leader |> read_line(prompt, password) |> line()
    end
  end

  defp read_line(leader, prompt, true) do
    put(leader, prompt)

    with {:error, _} <- request(leader, {:get_password, :unicode}),
         do: request(leader, {:get_line, :unicode, ""})
  end

  defp read_line(leader, prompt, _), do: request(leader, {:get_line, :unicode, prompt})

  defp line(text) when is_binary(text) or is_list(text),
    do: {:ok, text |> IO.chardata_to_string() |> String.trim_trailing("\n")}

  defp line(_), do: :eof

  defp put(device, text) do
    request(device, {:put_chars, :unicode, text})
    :ok
  end
end
