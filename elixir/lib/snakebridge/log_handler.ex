defmodule SnakeBridge.LogHandler do
  @moduledoc """
  Shows log events as `stderr` of the cell whose process logged them.

  It takes the place of the default handler and keeps its level, filters and formatter, so that a project's own
  configuration of Logger counts. Handlers that write elsewhere (files) stay as they are.
  """

  alias SnakeBridge.IOServer

  @doc "Starts Logger and takes the default handler's place, where there is one that prints to the terminal."
  @spec install() :: :ok
  def install do
    Application.ensure_all_started(:logger)

    with {:ok, %{module: :logger_std_h, config: %{type: type}} = handler}
         when type in [:standard_io, :standard_error] <-
           :logger.get_handler_config(:default),
         :ok <- :logger.remove_handler(:default) do
      config = Map.take(handler, [:level, :filters, :filter_default, :formatter])
      :ok = :logger.add_handler(:default, __MODULE__, config)
    end

    :ok
  end

  @doc false
  def log(%{meta: meta} = event, %{formatter: {formatter, config}}) do
    device = device(meta)
    # What a device itself logs cannot wait for that device.
    if device != self(), do: IOServer.print(device, :stderr, format(formatter, event, config))
    :ok
  end

  defp device(%{gl: leader}) when is_pid(leader) and node(leader) == node() do
    if IOServer.device?(leader), do: leader, else: IOServer.current()
  end

  defp device(_), do: IOServer.current()

  defp format(formatter, event, config) do
    case event |> formatter.format(config) |> :unicode.characters_to_binary() do
      text when is_binary(text) -> text
      {_, good, _} -> good
    end
  end
end
