defmodule SnakeBridge.Memory do
  @moduledoc """
  How much memory a cell may take before it is stopped, on this machine.
  """

  # Of what the machine, or the container, has.
  @share 0.5

  @doc "The limit in bytes, or nil where the system does not say how much there is."
  @spec limit() :: pos_integer() | nil
  def limit do
    case :persistent_term.get(__MODULE__, :unknown) do
      :unknown ->
        limit = limit(:os.type())
        :persistent_term.put(__MODULE__, limit)
        limit

      limit ->
        limit
    end
  end

  defp limit({:unix, :darwin}) do
    with path when path != nil <- System.find_executable("sysctl"),
         {text, 0} <- System.cmd(path, ["-n", "hw.memsize"]),
         {bytes, _} <- Integer.parse(text) do
      trunc(bytes * @share)
    else
      _ -> nil
    end
  end

  defp limit(_) do
    case [total(), number("/sys/fs/cgroup/memory.max")] |> Enum.filter(& &1) do
      [] -> nil
      sizes -> sizes |> Enum.min() |> Kernel.*(@share) |> trunc()
    end
  end

  defp total do
    with {:ok, text} <- File.read("/proc/meminfo"),
         [_, kilobytes] <- Regex.run(~r/^MemTotal:\s+(\d+) kB/m, text) do
      String.to_integer(kilobytes) * 1024
    else
      _ -> nil
    end
  end

  defp number(path) do
    with {:ok, text} <- File.read(path), {bytes, _} <- Integer.parse(text), do: bytes, else: (_ -> nil)
  end
end
