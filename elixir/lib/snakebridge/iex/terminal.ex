defmodule SnakeBridge.IEx.Terminal do
  @moduledoc """
  Stands between the server of an IEx shell and its terminal, for completion.

  IEx has no setting for completion, and sets its own before each line that it reads. So the server gets another group
  leader, which passes everything on as it comes but for that: Tab asks `SnakeBridge.IEx.Completion` first, and IEx where
  that knows nothing. Answers go from the terminal to whoever asked, and what runs in the shell prints past this process.
  """

  alias SnakeBridge.IEx.Completion

  @doc "Puts a process before the terminal of the calling shell, once. Does nothing where there is none."
  @spec start() :: :ok
  def start do
    with server when is_pid(server) <- Process.get(:iex_server),
         {:group_leader, terminal} <- Process.info(server, :group_leader),
         # The terminal of a remote shell calls functions of its own node.
         true <- node(terminal) == node(),
         false <- terminal?(terminal) do
      Process.group_leader(server, spawn(fn -> init(server, terminal) end))
    end

    :ok
  end

  defp terminal?(pid) do
    case Process.info(pid, :dictionary) do
      {:dictionary, dictionary} -> Keyword.has_key?(dictionary, __MODULE__)
      nil -> false
    end
  end

  # It ends with the terminal, and the shell sees that as the end of its terminal.
  defp init(server, terminal) do
    Process.put(__MODULE__, server)
    Process.flag(:trap_exit, true)
    Process.link(server)
    loop(server, terminal, Process.monitor(terminal))
  end

  defp loop(server, terminal, monitor) do
    receive do
      {:io_request, ^server, reply_as, {:setopts, options}} ->
        send(terminal, {:io_request, server, reply_as, {:setopts, completing(options, server)}})
        loop(server, terminal, monitor)

      {:DOWN, ^monitor, _, _, reason} ->
        exit(reason)

      # The shell has ended; what it has started may still print.
      {:EXIT, ^server, _} ->
        loop(server, terminal, monitor)

      # The terminal's manager ends it with this.
      {:EXIT, _, reason} ->
        exit(reason)

      message ->
        send(terminal, message)
        loop(server, terminal, monitor)
    end
  end

  # While something is evaluated IEx has another function there, which completes nothing.
  defp completing(options, server) do
    for option <- options do
      with {:expand_fun, expand} <- option,
           true <- expand == (&IEx.Autocomplete.expand/1) do
        {:expand_fun, &Completion.expand(&1, server, expand)}
      else
        _ -> option
      end
    end
  end
end
