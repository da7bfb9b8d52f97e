defmodule SnakeBridge.Device do
  @moduledoc """
  Stands behind `:standard_error` and `:user`: passes what arrives there to the device of the cell that it belongs to.

  Warnings, `IO.puts(:stderr, ..)` and processes of applications do not go through the group leader of a cell, so they
  would end on file descriptors that nobody reads. This process writes nothing itself: see `SnakeBridge.IOServer`.
  """

  alias SnakeBridge.IOServer

  @doc "Takes over both names, and all processes whose group leader was the `:user` of the VM's start."
  @spec install() :: [pid()]
  def install do
    old = Process.whereis(:user)
    user = replace(:user, &user_loop/0)
    for pid <- Process.list(), led_by?(pid, old), do: Process.group_leader(pid, user)
    [user, replace(:standard_error, &error_loop/0)]
  end

  defp replace(name, loop) do
    if Process.whereis(name), do: Process.unregister(name)
    pid = spawn(loop)
    Process.register(pid, name)
    pid
  end

  defp led_by?(pid, leader), do: Process.info(pid, :group_leader) == {:group_leader, leader}

  defp error_loop do
    receive do
      {:io_request, from, reply_as, request} ->
        send(IOServer.of(from), {:error_request, from, reply_as, request})

      _ ->
        :ok
    end

    error_loop()
  end

  # Whoever prints here has no cell's device as group leader, so it belongs to what runs now.
  defp user_loop do
    receive do
      {:io_request, _, _, _} = message -> send(IOServer.current(), message)
      _ -> :ok
    end

    user_loop()
  end
end
