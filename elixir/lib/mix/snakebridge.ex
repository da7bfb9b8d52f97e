defmodule Mix.SnakeBridge do
  @moduledoc false
  # What the tasks of a project have in common: the project, and errors as Mix shows them.

  alias SnakeBridge.Project
  alias SnakeBridge.Project.Config

  @doc "The configuration and the place of the project that Mix is in."
  @spec project!(keyword()) :: {Config.t(), Project.context()}
  def project!(opts \\ []) do
    # Libraries that the project's own configuration needs.
    Mix.Task.run("loadpaths", ["--no-compile"])
    context = Project.context([tests: true] ++ opts)
    {ok!(Project.config(context)), context}
  end

  @doc "The arguments of a task, or what is wrong with them."
  @spec parse!([String.t()], keyword()) :: {keyword(), [String.t()]}
  def parse!(args, options) do
    OptionParser.parse!(args, options)
    |> then(fn {opts, rest} -> {opts, rest} end)
  rescue
    error in OptionParser.ParseError -> Mix.raise(Exception.message(error))
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
