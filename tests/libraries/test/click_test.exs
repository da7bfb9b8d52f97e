defmodule ClickTest do
  use LibraryCase, library: "click"

  @commands """
  import click

  @click.group()
  @click.option("--verbose", is_flag=True)
  @click.pass_context
  def cli(ctx, verbose):
      ctx.obj = {"verbose": verbose}

  @cli.command()
  @click.argument("name")
  @click.option("--count", type=click.IntRange(1, 5), default=1, show_default=True, help="how often")
  @click.pass_obj
  def greet(obj, name, count):
      "Greets NAME."
      for _ in range(count):
          click.echo(f"Hello {name}{'!' if obj['verbose'] else ''}")

  @cli.command()
  @click.option("--amount", prompt=True, type=float)
  def pay(amount):
      if amount < 0:
          raise click.ClickException("negative")
      click.echo(amount)
  cli
  """

  setup_all do
    {:ok, cli: run!(@commands), runner: call!("click.testing", "CliRunner")}
  end

  test "commands run", %{cli: cli, runner: runner} do
    result = method!(runner, "invoke", [cli, ["--verbose", "greet", "Ann", "--count", "2"]])
    assert attr!(result, "exit_code") == 0
    assert attr!(result, "output") == "Hello Ann!\nHello Ann!\n"
  end

  test "help and usage errors", %{cli: cli, runner: runner} do
    assert runner.invoke(cli, ["greet", "--help"]).output =~ "how often  [default: 1; 1<=x<=5]"
    result = runner.invoke(cli, ["greet", "Ann", "--count", "9"])
    assert result.exit_code == 2
    assert result.output =~ "9 is not in the range 1<=x<=5"
  end

  test "prompts", %{cli: cli, runner: runner} do
    assert runner.invoke(cli, "pay", input: "x\n2.5\n").output =~ "2.5"
    failed = runner.invoke(cli, ["pay", "--amount", "-1"])
    assert {failed.exit_code, failed.output} == {1, "Error: negative\n"}
  end

  test "without standalone mode, exceptions arrive", %{cli: cli} do
    assert {:error, %{class: "ClickException"} = error} =
             method(cli, "main", [["pay", "--amount", "-1"]], standalone_mode: false)

    assert error.message == "negative"

    assert {:error, %{class: "NoSuchOption"} = error} =
             SnakeBridge.apply(cli, [["--x"]], standalone_mode: false)

    assert "click.exceptions.UsageError" in error.mro
    printed = ExUnit.CaptureIO.capture_io(fn -> apply!(cli, [["greet", "Eve"]], standalone_mode: false) end)
    assert printed == "Hello Eve\n"
  end

  test "standalone mode ends with SystemExit, not with the worker", %{cli: cli} do
    ExUnit.CaptureIO.capture_io(fn ->
      assert {:error, %{class: "SystemExit"}} = SnakeBridge.apply(cli, [["greet", "Eve"]])
    end)

    assert call!("builtins", "len", [[1]]) == 1
  end

  test "commands written in Elixir", %{runner: runner} do
    click = import!("click")
    test = self()

    add = fn options ->
      send(test, {:called, options})
      click.echo(options[:a] + options[:b])
    end

    command =
      click."Command"("add",
        callback: add,
        params: [click."Option"(["--a"], type: get!("builtins", "int")), click."Option"(["--b"], default: 10)]
      )

    result = runner.invoke(command, ["--a", "3"])
    assert result.output == "13\n"
    assert_received {:called, [a: 3, b: 10]}
  end

  test "structure", %{cli: cli} do
    assert Map.keys(cli.commands) |> Enum.sort() == ["greet", "pay"]
    assert cli.commands["greet"].params |> Enum.map(& &1.name) == ["name", "count"]
    context = call!("click", "Context", [cli])
    assert cli.list_commands(context) == ["greet", "pay"]
    assert cli.to_info_dict(context)["commands"]["pay"]["name"] == "pay"
  end

  test "contexts", %{runner: runner} do
    folder =
      with_python!(runner.isolated_filesystem(), fn folder ->
        File.write!(Path.join(folder, "a"), "")
        folder
      end)

    refute File.exists?(folder)
    test = self()
    context = call!("click", "Context", [call!("click", "Command", ["c"])], info_name: "here")

    path =
      with_python!(context, fn context ->
        context.call_on_close(fn -> send(test, :closed) && nil end)
        call!("click", "get_current_context").command_path
      end)

    assert path == "here"
    assert_received :closed
  end
end
