defmodule SnakeBridge.Host.Names do
  @moduledoc """
  Hands the names that Elixir owns to the worker.

  One request at a time: the names that a cell has written must not be overtaken by the older values that a worker gets
  when it has just started. A worker that does not answer holds up this process and nothing else.
  """

  use GenServer

  alias SnakeBridge.{BridgeError, Keeper, Marshal, Pins, Session}

  @doc "Starts the process."
  @spec start() :: GenServer.on_start()
  def start, do: GenServer.start(__MODULE__, nil, name: __MODULE__)

  @doc "Connects this VM to a worker, and binds all names there."
  @spec attach(pos_integer(), Path.t()) :: :ok | {:error, Exception.t()}
  def attach(generation, path), do: GenServer.call(__MODULE__, {:attach, generation, path}, :infinity)

  @doc "Binds the names that cells have written since the last time; then sends `{tag, names}` to the caller."
  @spec bind_written(term()) :: :ok
  def bind_written(tag), do: GenServer.cast(__MODULE__, {:bind_written, self(), tag})

  @impl true
  def init(nil), do: {:ok, nil}

  @impl true
  def handle_call({:attach, generation, path}, _, state) do
    result =
      with :ok <- Session.attach(Session, generation, path),
           do: bind(Keeper.all_names())

    {:reply, result, state, :hibernate}
  end

  # It sleeps with an empty heap, so that it holds no refs.
  # What cannot be bound now, because no worker is there or it has just died, is bound by the next `attach/2`.
  @impl true
  def handle_cast({:bind_written, from, tag}, state) do
    names = Keeper.take_written()
    if names != [], do: bind(names)
    send(from, {tag, names |> Enum.map(&elem(&1, 0)) |> Enum.sort()})
    {:noreply, state, :hibernate}
  end

  defp bind(names) do
    {names, pins} = Enum.map_reduce(names, [], &encode/2)
    Pins.hold(pins)
    with {:error, _} = error <- Session.bind(Session, names), do: Pins.drop(pins) && error
  end

  # A struct that cannot say what it wants to be in Python is there as what it is.
  defp encode({name, {:value, value}} = as_it_is, pins) do
    {value, _, more} = Marshal.encode(value)
    {{name, {:value, value}}, more ++ pins}
  rescue
    BridgeError -> {as_it_is, pins}
  end

  defp encode(lazy, pins), do: {lazy, pins}
end
