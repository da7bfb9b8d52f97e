defmodule SnakeBridge.Application do
  @moduledoc false
  # Holds the default session, which starts when it is first needed; others are children of the user's supervisors.

  use Application

  @impl true
  def start(_, _) do
    SnakeBridge.Project.Runtime.use_paths()
    # The process that starts an application lives as long as it does.
    SnakeBridge.Progress.Rows.new()
    children = [SnakeBridge.Decoder, {DynamicSupervisor, name: SnakeBridge.Sessions}]
    Supervisor.start_link(children, strategy: :one_for_one)
  end
end
