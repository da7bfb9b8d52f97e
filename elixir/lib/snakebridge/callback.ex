defmodule SnakeBridge.Callback do
  @moduledoc """
  What Python may ask of Elixir on a lane: calling functions, listing them, reading names.

  It runs in the process that waits for Python, and neither sends nor receives.
  """

  alias SnakeBridge.{Fault, Inspector, Marshal, Pins}

  @doc "Serves a request, `apply`, `mfa`, `exports`, `inspect` or `read`: the answer, and what of it is to be held when it is sent."
  @spec run(atom(), term(), %{
          :session => term(),
          :generation => pos_integer(),
          :bin => term(),
          :names => function(),
          optional(atom()) => term()
        }) ::
          {:ok, term(), Pins.pins()} | {:error, tuple(), Pins.pins()}
  def run(op, body, lane) do
    {value, pins} = op |> serve(body, lane) |> Marshal.encode_answer(lane)
    {:ok, value, pins}
  catch
    :throw, {__MODULE__, error} -> {:error, error, []}
    kind, reason -> kind |> Fault.caught(reason, __STACKTRACE__) |> raised()
  end

  # Nothing here holds what was raised until Python has read it.
  defp raised({:elixir, kind, reason, text, trace}) do
    {reason, pins} = Pins.pin(reason, Pins.refs(reason))
    {:error, {:elixir, kind, reason, text, trace}, pins}
  end

  defp raised(error), do: {:error, error, []}

  # Which options a library gives its callbacks is for the library to say, so a name that no atom has stays text.
  defp serve(:apply, {function, args, kwargs}, lane) do
    apply(Marshal.decode(function, lane), arguments(args, kwargs, lane, &(existing_atom(&1) || &1)))
  end

  defp serve(:mfa, {module, function, args, kwargs}, lane) do
    arguments = arguments(args, kwargs, lane, &option/1)
    module = module(module)
    apply(module, function(module, function, length(arguments)), arguments)
  end

  defp serve(:exports, nil, _), do: below("")
  defp serve(:exports, name, _), do: functions(module(name)) ++ below(name <> ".")

  defp serve(:inspect, {name, detail}, _) when is_binary(name),
    do: Inspector.inspect(name, byte_size(name), if(detail == 1, do: 1, else: 0)).data

  defp serve(:read, names, lane), do: lane.names.(names)

  defp serve(op, _, _),
    do: throw({__MODULE__, {:bridge, :unknown_op, "Elixir knows no operation #{inspect(op)} of a lane", nil}})

  # --- arguments ---

  defp arguments(args, kwargs, home, name) do
    args = for arg <- Marshal.decode(args, home), do: Marshal.decode(arg, home)

    case Marshal.decode(kwargs, home) do
      [] -> args
      kwargs -> args ++ [for({key, value} <- kwargs, do: {name.(key), Marshal.decode(value, home)})]
    end
  end

  # No atom is made from what Python sends: an option that no loaded module names is one that nobody reads.
  defp option(name),
    do: existing_atom(name) || raise(ArgumentError, "no Elixir module knows the option #{name}:")

  # --- modules ---

  # `Enum` and `MyApp.Pricing` are Elixir's, `lists` is Erlang's.
  defp module(name) do
    text = if name =~ ~r/^[A-Z]/, do: "Elixir." <> name, else: name

    case existing_atom(text) do
      nil ->
        if :code.where_is_file(String.to_charlist(text <> ".beam")) == :non_existing,
          do: raise(UndefinedFunctionError, message: "there is no Elixir module #{name}"),
          else: String.to_atom(text)

      module ->
        module
    end
  end

  defp function(module, name, arity) do
    Code.ensure_loaded(module)

    existing_atom(name) ||
      raise UndefinedFunctionError, message: "function #{inspect(module)}.#{name}/#{arity} is undefined"
  end

  defp existing_atom(text) do
    String.to_existing_atom(text)
  rescue
    ArgumentError -> nil
  end

  defp functions(module) do
    if Code.ensure_loaded?(module) do
      for {name, _} <- exports(module),
          name = Atom.to_string(name),
          not String.starts_with?(name, "__"),
          uniq: true,
          do: name
    else
      []
    end
  end

  defp exports(module) do
    if function_exported?(module, :__info__, 1),
      do: module.__info__(:functions),
      else: module.module_info(:exports)
  end

  # The next segment of the names of all Elixir modules that begin so, loaded or not.
  defp below(prefix) do
    prefix = "Elixir." <> prefix
    size = byte_size(prefix)

    for {name, _, _} <- :code.all_available(),
        <<^prefix::binary-size(size), rest::binary>> <- [List.to_string(name)],
        [segment | _] = String.split(rest, "."),
        segment =~ ~r/^[A-Z]/,
        uniq: true,
        do: segment
  end
end
