defmodule SnakeBridge.Installed do
  @moduledoc "Which packages the tests' Python has: tests that need one are skipped without it, and say so."

  @doc "For `@tag skip:`: false, or what is missing."
  @spec skip([String.t()]) :: false | String.t()
  def skip(packages) do
    {:ok, python} = SnakeBridge.Worker.python()
    code = "import sys, importlib.util as u; print(*sorted({p for p in sys.argv[1:] if not u.find_spec(p)}))"
    {missing, 0} = System.cmd(python, ["-c", code | packages])

    case String.split(missing) do
      [] ->
        false

      missing ->
        reason = "not installed in #{python}: #{Enum.join(missing, ", ")}"
        IO.puts("tests are skipped: #{reason}")
        reason
    end
  end
end
