defmodule SnakeBridge.Wait do
  @moduledoc "Waiting for something to become true, with a deadline."

  @doc "Calls the function until it gives something true, which is given back; raises after so many ms."
  def until(function, ms \\ 10_000), do: until(function, System.monotonic_time(:millisecond) + ms, ms)

  defp until(function, deadline, ms) do
    result = function.()

    cond do
      result ->
        result

      System.monotonic_time(:millisecond) < deadline ->
        Process.sleep(10)
        until(function, deadline, ms)

      true ->
        raise "it did not become true within #{ms} ms"
    end
  end

  @doc "Whether a process of the operating system runs."
  def alive?(pid) do
    case File.read("/proc/#{pid}/stat") do
      {:ok, text} -> not String.contains?(text, ") Z ")
      _ -> false
    end
  end

  @doc "Kills a process of the operating system."
  def kill(pid), do: System.cmd("kill", ["-9", "#{pid}"], stderr_to_stdout: true)
end
