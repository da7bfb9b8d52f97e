defmodule SnakeBridge.WorkerTest do
  @moduledoc "Which Python a worker gets, by the environment's variables."
  # They are the whole VM's.
  use ExUnit.Case, async: false

  alias SnakeBridge.{BridgeError, Worker}

  @variables ["VIRTUAL_ENV", "CONDA_PREFIX"]

  setup do
    before = Map.new(@variables, &{&1, System.get_env(&1)})
    folder = Path.join(System.tmp_dir!(), "sb-python-#{System.unique_integer([:positive])}")
    File.mkdir_p!(Path.join(folder, "bin"))

    on_exit(fn ->
      System.put_env(before)
      File.rm_rf!(folder)
    end)

    System.put_env(Map.new(@variables, &{&1, nil}))
    %{folder: folder}
  end

  defp program(path) do
    File.write!(path, "#!/bin/sh\n")
    File.chmod!(path, 0o755)
    path
  end

  test "an active environment gives its python3, else its python", %{folder: folder} do
    System.put_env("VIRTUAL_ENV", folder)
    python = program(Path.join(folder, "bin/python"))
    assert Worker.python() == {:ok, python}
    python3 = program(Path.join(folder, "bin/python3"))
    assert Worker.python() == {:ok, python3}
  end

  test "an environment that is named and has no Python is an error with a hint", %{folder: folder} do
    for {variable, path, problem} <- [
          {"VIRTUAL_ENV", folder, "has no bin/python3"},
          {"CONDA_PREFIX", Path.join(folder, "gone"), "does not exist"}
        ] do
      System.put_env(Map.new(@variables, &{&1, if(&1 == variable, do: path)}))
      assert {:error, %BridgeError{reason: :unavailable, message: message, hint: hint}} = Worker.python()
      assert message =~ "$#{variable} names #{path}, which #{problem}"
      assert hint =~ "unset #{variable}"
    end
  end

  test "without one it is the nearest .venv's or the path's", _ do
    assert {:ok, path} = Worker.python()
    assert Path.basename(path) in ["python3", "python"]
  end
end
