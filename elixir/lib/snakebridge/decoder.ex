defmodule SnakeBridge.Decoder do
  @moduledoc """
  What Elixir gets for objects of a Python class that would otherwise arrive as refs.

      SnakeBridge.Decoder.register("fractions.Fraction", "builtins.str", &MyApp.Fraction.parse!/1)

  The callable of Python gives something that has a counterpart in Elixir (text, numbers, lists, dicts); the function of
  Elixir makes of that what the caller gets. One table serves all sessions, and is read by exact class: a subclass stays a
  ref. `as: :ref` gives the object itself all the same.

  Decoders can be configured, too:

      config :snakebridge, decoders: [{"fractions.Fraction", "builtins.str", &MyApp.Fraction.parse!/1}]

  There from the start, and replaced by registering another:

  | class | arrives as |
  |---|---|
  | `uuid.UUID` | a string |
  | `decimal.Decimal` | a `Decimal`, where that library is loaded when a worker starts; else a ref |

  Where the callable raises, the call ends with that exception of Python; where the function fails, with a
  `SnakeBridge.BridgeError` whose reason is `:not_convertible`.

  The other direction is `SnakeBridge.Encoder`.
  """

  use GenServer

  alias SnakeBridge.{BridgeError, Session}

  @typedoc "A class of Python as `module.qualname`."
  @type class :: String.t()
  @typedoc "The dotted path of a callable of Python: a module, then attributes; without a dot, a builtin."
  @type path :: String.t()

  @doc """
  Has objects of a class arrive as what `function` makes of what the callable at `path` gives for them.

      iex> SnakeBridge.Decoder.register("ipaddress.IPv4Address", "str", fn text ->
      ...>   {:ok, address} = :inet.parse_ipv4_address(String.to_charlist(text))
      ...>   address
      ...> end)
      :ok
      iex> SnakeBridge.call("ipaddress", "ip_address", ["127.0.0.1"])
      {:ok, {127, 0, 0, 1}}
  """
  @spec register(class(), path(), (term() -> term())) :: :ok | {:error, Exception.t()}
  def register(class, path, function)
      when is_binary(class) and is_binary(path) and is_function(function, 1) do
    {:ok, _} = Application.ensure_all_started(:snakebridge)

    # From here and not from that process: a worker that is slow to answer holds up who waits for it, and nobody else.
    GenServer.call(__MODULE__, {:register, class, path, function})
    |> Enum.map(&Session.put_decoders(&1, pairs()))
    |> Enum.find(:ok, &(&1 != :ok))
  end

  @doc "What each class's objects are turned into before they are sent: the body of the protocol's `decoders`."
  @spec pairs() :: [{class(), path()}]
  def pairs,
    do: Map.to_list(Map.merge(built_in(), Map.new(registered(), fn {class, {path, _}} -> {class, path} end)))

  @doc "Has the calling process, a session, told of decoders that are registered later."
  @spec subscribe() :: :ok
  def subscribe, do: GenServer.cast(__MODULE__, {:subscribe, self()})

  @doc "What an object of a class becomes, of which Python has given this value. Raises `SnakeBridge.BridgeError`."
  @spec decode(class(), term()) :: term()
  def decode(class, value) do
    function = function(class)
    function.(value)
  catch
    kind, reason ->
      message =
        "the decoder of #{class} failed for #{inspect(value, limit: 10, printable_limit: 200)}: " <>
          Exception.format_banner(kind, reason, __STACKTRACE__)

      reraise BridgeError,
              [reason: :not_convertible, message: message, hint: "`as: :ref` gives the object itself"],
              __STACKTRACE__
  end

  # --- the table ---

  defp registered, do: :persistent_term.get(__MODULE__, %{})

  defp built_in do
    if Code.ensure_loaded?(Decimal) and function_exported?(Decimal, :new, 1),
      do: %{"uuid.UUID" => "builtins.str", "decimal.Decimal" => "builtins.str"},
      else: %{"uuid.UUID" => "builtins.str"}
  end

  defp function(class) do
    case registered() do
      %{^class => {_, function}} -> function
      _ when class == "uuid.UUID" -> &Function.identity/1
      _ when class == "decimal.Decimal" -> Function.capture(Decimal, :new, 1)
      _ -> raise ArgumentError, "none is registered"
    end
  end

  @doc false
  def start_link(_), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil) do
    configured =
      for {class, path, function} <- Application.get_env(:snakebridge, :decoders, []),
          do: {class, {path, function}}

    :persistent_term.put(__MODULE__, Map.merge(Map.new(configured), registered()))
    {:ok, %{}}
  end

  @impl true
  def handle_call({:register, class, path, function}, _, sessions) do
    :persistent_term.put(__MODULE__, Map.put(registered(), class, {path, function}))
    {:reply, Map.values(sessions), sessions}
  end

  @impl true
  def handle_cast({:subscribe, session}, sessions),
    do: {:noreply, Map.put(sessions, Process.monitor(session), session)}

  @impl true
  def handle_info({:DOWN, monitor, _, _, _}, sessions), do: {:noreply, Map.delete(sessions, monitor)}
end
