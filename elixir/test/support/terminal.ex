defmodule SnakeBridge.Terminal do
  @moduledoc "A program in a pseudo-terminal, typed to and read as by a person."

  @pty "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"

  @doc "Starts a shell command in a terminal of 100 columns; `env` is added to the environment."
  def start(command, env \\ []) do
    {:ok, python} = SnakeBridge.Worker.python()
    arguments = ["-c", @pty, "sh", "-c", "stty cols 100 rows 40; exec " <> command]

    env =
      for {name, value} <- [{"TERM", "xterm"}, {"NO_COLOR", "1"} | env],
          do: {to_charlist(name), to_charlist(value)}

    port = Port.open({:spawn_executable, python}, [:binary, :exit_status, args: arguments, env: env])
    {:os_pid, pid} = Port.info(port, :os_pid)
    ExUnit.Callbacks.on_exit(fn -> System.cmd("kill", ["-9", "#{pid}"], stderr_to_stdout: true) end)
    port
  end

  @doc "Types."
  def type(port, text), do: Port.command(port, text)

  @doc "Types a line, and waits for what is to follow."
  def enter(port, line, expected, ms \\ 20_000) do
    type(port, line <> "\r")
    await(port, expected, ms)
  end

  @doc "Waits until what was printed since the last wait has this in it. Gives what was printed."
  def await(port, expected, ms \\ 20_000),
    do: await(port, expected, System.monotonic_time(:millisecond) + ms, "")

  defp await(port, expected, deadline, text) do
    if plain(text) =~ expected do
      plain(text)
    else
      left = max(deadline - System.monotonic_time(:millisecond), 0)

      receive do
        {^port, {:data, more}} -> await(port, expected, deadline, text <> more)
        {^port, {:exit_status, status}} -> raise "it ended (#{status}) after:\n#{plain(text)}"
      after
        left -> raise "there is no #{inspect(expected)} in:\n#{plain(text)}"
      end
    end
  end

  # Without what moves the cursor and colours.
  defp plain(text), do: String.replace(text, ~r/\e\[[\d;?]*[A-Za-z]|\e[>=()]\w?|\a|\r/, "")
end
