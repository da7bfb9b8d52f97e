defmodule SnakeBridge.Options do
  @moduledoc """
  The options of this library's functions, as of calls, sessions and displays: which there are, and what they may be.

  They are looked at in the process that gives them, before anything is sent, started or asked of another process: so a
  wrong one is an `ArgumentError` of whoever wrote it, and never the end of a session or pool that others use.
  What the options do is documented and done elsewhere.

      iex> SnakeBridge.call("math", "sqrt", [16], [], tiemout: 100)
      ** (ArgumentError) a call knows no option tiemout: (given: 100); it knows as:, timeout:, session:, tags:
      hint: did you mean timeout:?
  """

  alias SnakeBridge.{Nearest, Ref}

  # The longest time that the BEAM's timers take.
  @longest_ms 0xFFFFFFFF
  @times [:timeout, :kill_after, :queue_timeout]
  @switches [:bindings, :update, :wait, :syntax, :completion]
  @as [:auto, :ref, :value, :list, :map, :set, :text, :bytes, :array, :arrow]

  @call [:as, :timeout, :session, :tags]
  @session [:name, :python, :cd, :env, :start, :backoff, :kill_after, :group_leader, :prefetch]
  # Of the front end's side and of pools: see `SnakeBridge.Session.Server`.
  @internal [:worker, :broken, :names, :pool]

  @known %{
    call: @call,
    run: @call ++ [:bindings, :namespace],
    drop: @call ++ [:refs],
    stream: [:chunk | @call],
    context: [:timeout],
    checkout: [:timeout],
    session: @session,
    pool: [:size, :queue, :queue_timeout | @session],
    display: [:display_id, :update, :metadata],
    image: [:width, :height, :alt],
    clear: [:wait],
    progress: [:label, :total],
    iex: [:syntax, :completion]
  }

  @what %{
    call: "a call",
    run: "a call",
    drop: "a drop",
    stream: "a stream",
    context: "with_python",
    checkout: "checkout",
    session: "a session",
    pool: "a pool",
    display: "display",
    image: "a picture",
    clear: "clear_output",
    progress: "progress",
    iex: "use SnakeBridge.IEx"
  }

  @type kind ::
          :call
          | :run
          | :drop
          | :stream
          | :context
          | :checkout
          | :session
          | :pool
          | :display
          | :image
          | :clear
          | :progress
          | :iex

  @doc """
  The options as they are; raises `ArgumentError` for one that `kind` does not know, or that cannot be what it is.

      iex> SnakeBridge.Options.check!(:call, timeout: 100)
      [timeout: 100]
  """
  @spec check!(kind(), keyword()) :: keyword()
  def check!(_, []), do: []

  def check!(kind, opts) do
    if not Keyword.keyword?(opts) do
      message = "the options of #{@what[kind]} are a keyword list, got: #{shown(opts)}"
      raise ArgumentError, if(kind in [:call, :run], do: "#{message}\nhint: #{python_hint()}", else: message)
    end

    Enum.each(opts, &option!(kind, &1))
    opts
  end

  @doc "Raises `ArgumentError` where bindings of a source have names of options, and the source does not speak of them."
  @spec no_bindings!(%{String.t() => term()}, String.t()) :: :ok
  def no_bindings!(names, source) do
    for option <- @call, name = to_string(option), is_map_key(names, name), not (source =~ ~r/\b#{name}\b/) do
      raise ArgumentError,
            "#{name}: is a binding of the source here, which does not use it\n" <>
              "hint: options come after the bindings: SnakeBridge.run(source, [], #{name}: ...)"
    end

    :ok
  end

  @doc "A time in ms, or `:infinity`, as timers take it; raises `ArgumentError` for anything else."
  @spec time!(atom(), term()) :: timeout()
  def time!(name, value), do: if(time?(value), do: value, else: raise(ArgumentError, wrong(name, value)))

  defp option!(kind, {name, value}) do
    known = @known[kind]

    cond do
      name in known -> if not fits?(name, value), do: raise(ArgumentError, wrong(name, value))
      kind in [:session, :pool] and name in @internal -> :ok
      true -> raise ArgumentError, unknown(kind, name, value, known)
    end
  end

  # --- what each may be ---

  @doc """
  Whether an option may have a value; where the options themselves are data, as in a configuration.

      iex> {SnakeBridge.Options.fits?(:as, :list), SnakeBridge.Options.fits?(:as, :lisd)}
      {true, false}
  """
  @spec fits?(atom(), term()) :: boolean()
  def fits?(name, value) when name in @times, do: time?(value)
  def fits?(:as, value), do: value in @as
  def fits?(:session, value), do: name?(value) or is_pid(value)
  def fits?(:tags, _), do: true
  def fits?(:namespace, value), do: is_struct(value, Ref)
  def fits?(:refs, value), do: is_list(value) and Enum.all?(value, &(is_atom(&1) or is_binary(&1)))
  def fits?(name, value) when name in [:chunk, :size], do: is_integer(value) and value > 0
  def fits?(:queue, value), do: is_integer(value) and value >= 0
  def fits?(:total, value), do: value == nil or (is_integer(value) and value >= 0)
  def fits?(name, value) when name in [:width, :height], do: is_integer(value) and value > 0
  def fits?(:display_id, value), do: value in [nil, true] or (is_binary(value) and value != "")
  def fits?(name, value) when name in @switches, do: is_boolean(value)
  def fits?(name, value) when name in [:label, :alt], do: is_binary(value)
  def fits?(:metadata, value), do: is_map(value)
  def fits?(:name, value), do: is_atom(value)
  def fits?(:start, value), do: value in [:lazy, :eager]
  def fits?(name, value) when name in [:python, :cd], do: value == nil or (is_binary(value) and value != "")
  def fits?(:env, value), do: environment?(value)
  def fits?(:prefetch, value), do: is_list(value) and Enum.all?(value, &is_binary/1)
  def fits?(:backoff, value), do: backoff?(value)
  def fits?(:group_leader, value), do: is_pid(value) or name?(value)

  @doc """
  What an option may be, as text.

      iex> SnakeBridge.Options.expected(:start)
      ":lazy or :eager"
  """
  @spec expected(atom()) :: String.t()
  def expected(name) when name in @times,
    do: "a whole number of milliseconds from 0 to #{@longest_ms}, or :infinity"

  def expected(:as), do: "one of " <> Enum.map_join(@as, ", ", &inspect/1)
  def expected(:session), do: "the name of a session or pool, or a session's pid"
  def expected(name) when name in [:chunk, :size, :width, :height], do: "a positive number"
  def expected(name) when name in [:queue, :total], do: "a number, 0 or more"
  def expected(:namespace), do: "a ref of a dict"
  def expected(:refs), do: "a list of names"
  def expected(:display_id), do: "a text, or true for a new one"
  def expected(name) when name in @switches, do: "true or false"
  def expected(name) when name in [:label, :alt], do: "a text"
  def expected(:metadata), do: "a map"
  def expected(:name), do: "an atom"
  def expected(:start), do: ":lazy or :eager"
  def expected(name) when name in [:python, :cd], do: "a path"
  def expected(:env), do: "a map or list of names and values, as text"
  def expected(:prefetch), do: "a list of modules' names, as text"
  def expected(:backoff), do: "{shortest, longest} in ms, the longest not below the shortest"
  def expected(:group_leader), do: "a pid, or the name of a process"

  defp time?(:infinity), do: true
  defp time?(value), do: is_integer(value) and value >= 0 and value <= @longest_ms

  defp name?(value), do: is_atom(value) and value not in [nil, true, false]

  defp environment?(map) when is_map(map) and not is_struct(map), do: map |> Map.to_list() |> environment?()

  defp environment?([{name, value} | rest]),
    do:
      (is_binary(name) or name?(name)) and (is_binary(value) or is_atom(value) or is_number(value)) and
        environment?(rest)

  defp environment?(other), do: other in [[], nil]

  defp backoff?({shortest, longest}),
    do: time?(shortest) and time?(longest) and longest != :infinity and shortest <= longest

  defp backoff?(_), do: false

  # --- what is wrong ---

  defp wrong(name, value), do: "#{name}: must be #{expected(name)}, got: #{shown(value)}"

  defp unknown(kind, name, value, known) do
    "#{@what[kind]} knows no option #{name}: (given: #{shown(value)}); " <>
      "it knows #{Enum.map_join(known, ", ", &"#{&1}:")}\nhint: #{hint(kind, to_string(name), known)}"
  end

  defp hint(kind, name, known) do
    near = Nearest.name(name, known)

    cond do
      near -> "did you mean #{near}:?"
      kind in [:call, :run, :stream] -> python_hint()
      true -> "its documentation says what each is for"
    end
  end

  defp python_hint do
    "keyword arguments of Python are an argument of their own, before the bridge's options: " <>
      "SnakeBridge.call(module, name, args, [key: value], timeout: 1_000)"
  end

  @doc false
  # A value in a message about what is wrong with it. A ref is not asked for its `repr`: that could be what is wrong.
  @spec shown(term()) :: String.t()
  def shown(%Ref{type: type}), do: "a #{type} of Python"
  def shown(value), do: inspect(value, limit: 5, printable_limit: 50)
end
