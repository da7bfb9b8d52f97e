defmodule Mix.SnakeBridge do
  @moduledoc false
  # What the tasks of a project have in common: the project, and errors as Mix shows them.

  alias SnakeBridge.Project
  alias SnakeBridge.Project.Config

  @doc "The configuration and the place of the project that Mix is in."
  @spec project!() :: {Config.t(), Project.context()}
  def project! do
    # Libraries that the project's own configuration needs.
    Mix.Task.run("loadpaths", ["--no-compile"])
    context = Project.context(tests: true)
    {ok!(Project.config(context)), context}
  end

  @doc "The arguments of a task, or what is wrong with them."
  @spec parse!([String.t()], keyword()) :: {keyword(), [String.t()]}
  def parse!(args, options) do
    OptionParser.parse!(args, options)
  rescue
    error in OptionParser.ParseError -> Mix.raise(Exception.message(error))
  end

  @doc "The options of a task that takes nothing else."
  @spec options!([String.t()], keyword()) :: keyword()
  def options!(args, switches) do
    case parse!(args, strict: switches) do
      {opts, []} ->
        opts

      {_, [other | _]} ->
        Mix.raise("unexpected argument: #{other}\nhint: it takes options alone, which mix help tells")
    end
  end

  @doc "The value of a result; an error ends the task."
  @spec ok!({:ok, value} | {:error, Exception.t()}) :: value when value: term()
  def ok!({:ok, value}), do: value
  def ok!({:error, error}), do: Mix.raise(Exception.message(error))

  @doc "Says which files have changed."
  @spec say_changed([Path.t()]) :: :ok
  def say_changed([]), do: Mix.shell().info("nothing has changed")
  def say_changed(paths), do: for(path <- Enum.sort(paths), do: Mix.shell().info("* #{path}")) && :ok
end
