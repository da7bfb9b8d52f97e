defmodule SnakeBridge.MixTest do
  use ExUnit.Case, async: true

  import SnakeBridge.HostDouble

  # What `snakebridge -S mix` starts.
  defp mix_arguments do
    [first, second | _] = ["-pa", :snakebridge |> :code.lib_dir() |> Path.join("ebin")]

    ["--erl", "+Bi -noinput", first, second, "-e", "SnakeBridge.Host.connect()"] ++
      ["-S", "mix", "run", "--no-halt", "-e", "SnakeBridge.Host.start()"]
  end

  defp project(files) do
    directory = Path.join(System.tmp_dir!(), "sbm#{System.unique_integer([:positive])}")
    on_exit(fn -> File.rm_rf!(directory) end)

    for {name, text} <- files do
      path = Path.join(directory, name)
      File.mkdir_p!(Path.dirname(path))
      File.write!(path, text)
    end

    directory
  end

  @mix """
  defmodule Around.MixProject do
    use Mix.Project
    def project, do: [app: :around, version: "0.1.0"]
    def application, do: [mod: {Around.Application, []}, extra_applications: [:logger]]
  end
  """

  @application """
  defmodule Around.Application do
    use Application
    def start(_, _) do
      IO.puts("the application starts")
      Supervisor.start_link([Around.Server], strategy: :one_for_one)
    end

    def stop(_), do: File.write!("stopped", "in order")
  end

  defmodule Around.Server do
    @moduledoc "A server of the project."
    use GenServer
    def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)
    @doc "Says something."
    def say(text), do: GenServer.call(__MODULE__, {:say, text})
    def init(nil), do: {:ok, nil}
    def handle_call({:say, text}, _, state), do: {:reply, IO.puts(text), state}
  end
  """

  test "cells run inside the project, with its applications started" do
    directory = project(%{"mix.exs" => @mix, "lib/around.ex" => @application})
    host = start(arguments: mix_arguments(), cd: directory)
    own(host)

    assert_receive {:frame, :control, {:ev, :stream, {nil, :stdout, text}}}, 10_000
    assert text =~ "Compiling"
    assert value(host, "Around.Server |> Process.whereis() |> is_pid()") == "true"
    assert %{stdout: "from a server\n"} = run(host, ~s|Around.Server.say("from a server")|)
    assert plain(run(host, "h Around.Server.say").stdout) =~ "Says something."
    assert plain(run(host, "require Logger; Logger.warning(\"logged\")").stderr) =~ "[warning] logged"
    assert plain(run(host, "h Enum.map/2").stdout) =~ "Returns a list"
    assert value(host, "Mix.Project.config()[:app]") == ":around"

    File.write!(Path.join(directory, "lib/more.ex"), "defmodule Around.More do\n  def more, do: :more\nend")
    cell = run(host, "recompile", timeout: 30_000)
    assert cell.error == nil
    assert cell.stdout =~ "Compiling 1 file"
    assert value(host, "Around.More.more()") == ":more"

    assert {:ok, true} = request(host, :control, :shutdown, nil)
    assert_receive {_, {:exit_status, 0}}, 5_000
    assert File.read!(Path.join(directory, "stopped")) == "in order"
  end

  test "a project that does not compile says why, on the control connection, and the VM ends" do
    directory =
      project(%{
        "mix.exs" => @mix,
        "lib/around.ex" => "defmodule Around.Broken do\n  def f, do: nowhere\nend"
      })

    host = start(arguments: mix_arguments(), cd: directory, connections: [1])
    own(host)
    assert_receive {_, {:exit_status, 1}}, 20_000
    assert late_text() =~ ~s|undefined variable "nowhere"|
  end

  defp late_text(text \\ "") do
    receive do
      {:frame, :control, {:ev, :stream, {nil, _, more}}} -> late_text(text <> more)
    after
      200 -> text
    end
  end
end
