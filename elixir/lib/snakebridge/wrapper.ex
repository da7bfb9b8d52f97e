defmodule SnakeBridge.Wrapper do
  @moduledoc """
  What generated modules call, and what they all answer.

  A wrapper is a function of `SnakeBridge` with the names filled in, so that it costs what that costs. What a function's
  configuration asks for stands in its call as `settings`:

  | setting | |
  |---|---|
  | `required:` | keyword arguments that Python demands; without one an `ArgumentError` names them |
  | `timeout:`, `as:`, `session:`, `tags:` | the call's options where the caller gives none. Tags that both give as lists or maps are merged |
  | `stream:` | the items of what is returned, as by `SnakeBridge.stream/5` |
  | `result:` | `{module, function}`: what is made of the value |
  | `validate:` | what `SnakeBridge.Wrapper.Validation` made of the signature: arguments are looked at before the call, unless the call says `validate: false` |
  | `error:` | `{module, function}`: what is made of the exception: a result, `{:ok, value}` or `{:error, exception}` |

  Every generated module has `__python__/0`, `__functions__/0`, `__classes__/0` and `__search__/1`. How they come to be is
  the matter of `SnakeBridge.Generator`.
  """

  alias SnakeBridge.{Fault, Options, Ref, Steps}
  alias SnakeBridge.Wrapper.Validation

  @typedoc "An object of Python."
  @type ref :: Ref.t()
  @typedoc "A `float` of Python: the three that Elixir has no number for are atoms."
  @type real :: number() | :nan | :infinity | :neg_infinity
  @typedoc "A function: its name and arities here, its name in Python, what it is for."
  @type entry :: {atom(), Range.t(), String.t(), String.t()}
  @typedoc "A class: its module, its path in Python, what it is for."
  @type class :: {module(), String.t(), String.t()}
  @typedoc "What a module or class is in Python."
  @type python :: %{
          required(:kind) => :module | :class,
          required(:path) => String.t(),
          optional(:bases) => [String.t()],
          optional(:mro) => [String.t()]
        }

  @callback __python__() :: python()
  @callback __functions__() :: [entry()]
  @callback __classes__() :: [class()]
  @callback __search__(String.t()) :: [entry() | class()]

  @of_calls [:as, :timeout, :session, :tags]
  @options [:chunk, :validate | @of_calls]

  # Stands where an argument was left out; nothing that Python has becomes an atom like this.
  @absent :"$absent"

  @doc "Stands for an argument that was left out, where Python's parameters have no places of their own."
  @spec absent() :: atom()
  def absent, do: @absent

  @doc """
  Defines a function that takes up to so many arguments, then keyword arguments, then options: in its body the name of the
  arguments is a list of what was given, for `call_any/5` and `method_any/5`.

      iex> defmodule Maths do
      ...>   require SnakeBridge.Wrapper, as: Wrapper
      ...>   Wrapper.defany(hypot(x * 3), do: Wrapper.call_any("math", "hypot", [], x))
      ...> end
      iex> {Maths.hypot(3), Maths.hypot(3, 4), Maths.hypot(3, 4, [], timeout: 5_000)}
      {{:ok, 3.0}, {:ok, 5.0}, {:ok, 5.0}}
  """
  defmacro defany({name, meta, args}, do: body) do
    {required, [{:*, _, [{variable, context, scope}, most]}]} = Enum.split(args, -1)

    rest =
      for(index <- 1..most//1, do: {:"#{variable}#{index}", context, scope}) ++
        [{:kwargs, context, scope}, {:opts, context, scope}]

    optional = for argument <- rest, do: {:\\, [], [argument, @absent]}

    quote do
      def unquote({name, meta, required ++ optional}) do
        unquote({variable, context, scope}) = unquote(rest)
        unquote(body)
      end
    end
  end

  # --- calls ---

  @doc """
  Calls a function of a module, as `SnakeBridge.call/5` does.

      iex> SnakeBridge.Wrapper.call("math", "sqrt", [16], [], [])
      {:ok, 4.0}

      iex> SnakeBridge.Wrapper.call("math", "sqrt", [16], [], [], result: {Kernel, :trunc})
      {:ok, 4}
  """
  @spec call(String.t(), String.t(), [term()], SnakeBridge.kwargs(), keyword(), keyword()) ::
          SnakeBridge.result()
  def call(module, name, args, kwargs, opts, settings \\ [])

  # What nearly all are: the name has no dots, or they cost little.
  def call(module, name, args, [], [], []),
    do: Steps.run({:module, module}, Steps.path(name, &{:method, &1, args, []}), [])

  def call(module, name, args, kwargs, opts, settings) do
    {settings, opts} = validation(settings, opts)
    kwargs = kwargs(args, kwargs, settings, {module, name})
    opts = options(opts, settings)

    if settings[:stream],
      do: module |> SnakeBridge.stream(name, args, kwargs, opts) |> finish(settings),
      else: run({:module, module}, Steps.path(name, &{:method, &1, args, kwargs}), opts, settings)
  end

  @doc """
  Calls a method of an object, as `SnakeBridge.method/5` does. What arrived as a value is sent for it.

      iex> SnakeBridge.Wrapper.method("a,b", "split", [","], [], [])
      {:ok, ["a", "b"]}
  """
  @spec method(term(), String.t(), [term()], SnakeBridge.kwargs(), keyword(), keyword()) ::
          SnakeBridge.result()
  def method(object, name, args, kwargs, opts, settings \\ [])

  def method(%Ref{} = ref, name, args, [], [], []), do: Steps.run(ref, [{:method, name, args, []}], [])

  def method(object, name, args, kwargs, opts, settings) do
    {settings, opts} = validation(settings, opts)
    kwargs = kwargs(args, kwargs, settings, {object, name})
    opts = options(opts, settings)

    if settings[:stream] && is_struct(object, Ref),
      do: object |> SnakeBridge.stream(name, args, kwargs, opts) |> finish(settings),
      else: run(target(object), [{:method, name, args, kwargs}], opts, settings)
  end

  @doc """
  Calls a function whose arguments have no places of their own: those of a `*args`, those that Python takes by position
  only, and all where nothing is known of them.

  `rest` are such arguments, then keyword arguments, then options, whatever of that was given. A non-empty keyword list in
  the last place is the keyword arguments; where another stands right before it, that one is, and the last is the options.
  So it is with `[]` before a list of options alone; any other `[]` is an argument.

      iex> absent = SnakeBridge.Wrapper.absent()
      iex> SnakeBridge.Wrapper.call_any("builtins", "max", [], [3, 7, 5, absent])
      {:ok, 7}
      iex> SnakeBridge.Wrapper.call_any("builtins", "max", [], [[], [default: 1], absent, absent])
      {:ok, 1}
      iex> SnakeBridge.Wrapper.call_any("builtins", "max", [], [3, 7, [], [timeout: 5_000]])
      {:ok, 7}
  """
  @spec call_any(String.t(), String.t(), [term()], [term()], keyword()) :: SnakeBridge.result()
  def call_any(module, name, required, rest, settings \\ []) do
    {rest, kwargs, opts} = split(rest)
    call(module, name, required ++ rest, kwargs, opts, settings)
  end

  @doc "What `call_any/5` is to `call/6`, for `method/6`."
  @spec method_any(term(), String.t(), [term()], [term()], keyword()) :: SnakeBridge.result()
  def method_any(object, name, required, rest, settings \\ []) do
    {rest, kwargs, opts} = split(rest)
    method(object, name, required ++ rest, kwargs, opts, settings)
  end

  @doc "An attribute of a module or class, as `SnakeBridge.get/3`."
  @spec get(String.t(), String.t(), keyword(), keyword()) :: SnakeBridge.result()
  def get(module, name, opts, settings \\ []),
    do: run({:module, module}, Steps.path(name, &{:attr, &1}), options(opts, settings), settings)

  @doc "An attribute of an object, as `SnakeBridge.attr/3`."
  @spec attr(term(), String.t(), keyword(), keyword()) :: SnakeBridge.result()
  def attr(object, name, opts, settings \\ []),
    do: run(target(object), Steps.path(name, &{:attr, &1}), options(opts, settings), settings)

  @doc """
  The value of a result; raises its exception.

      iex> SnakeBridge.Wrapper.value!({:ok, 4.0})
      4.0
  """
  @spec value!(SnakeBridge.result()) :: term()
  def value!({:ok, value}), do: value
  def value!({:error, error}), do: Fault.reraise!(error)

  # --- arguments ---

  defp split(rest) do
    case rest |> Enum.reverse() |> Enum.drop_while(&(&1 === @absent)) do
      [[_ | _] = last | before] = given ->
        if Keyword.keyword?(last), do: split(last, before), else: plain(given)

      given ->
        plain(given)
    end
  end

  # An empty list is a value as well: there it is the names in the last one that tell.
  defp split(last, [[] | args] = before) do
    if Enum.all?(last, fn {name, _} -> name in @options end),
      do: {Enum.reverse(args), [], last},
      else: {Enum.reverse(before), last, []}
  end

  defp split(last, [before | args] = given) do
    if is_list(before) and Keyword.keyword?(before),
      do: {Enum.reverse(args), before, last},
      else: {Enum.reverse(given), last, []}
  end

  defp split(last, []), do: {[], last, []}

  defp plain(reversed), do: {Enum.reverse(reversed), [], []}

  # A call may do without what its configuration asks for.
  defp validation([], opts), do: {[], opts}

  defp validation(settings, opts) do
    case settings[:validate] && is_list(opts) && List.keytake(opts, :validate, 0) do
      {{:validate, false}, opts} -> {Keyword.delete(settings, :validate), opts}
      {{:validate, true}, opts} -> {settings, opts}
      _ -> {settings, opts}
    end
  end

  defp kwargs(args, kwargs, settings, callee) do
    if not (is_list(kwargs) or (is_map(kwargs) and not is_struct(kwargs))), do: positional!(callee, kwargs)
    kwargs = Steps.kwargs(kwargs)

    case settings[:required] do
      nil -> :ok
      required -> required!(required, kwargs, callee)
    end

    if signature = settings[:validate], do: Validation.check!(signature, named(callee), args, kwargs)

    kwargs
  end

  @spec required!([String.t()], [{String.t(), term()}], term()) :: :ok
  defp required!(required, kwargs, callee) do
    case Enum.reject(required, &List.keymember?(kwargs, &1, 0)) do
      [] ->
        :ok

      missing ->
        raise ArgumentError,
              "#{named(callee)} must be given #{Enum.map_join(missing, ", ", &"#{&1}:")}\n" <>
                "hint: keyword arguments stand in a list behind the others: f(x, #{hd(missing)}: ...)"
    end
  end

  @spec positional!(term(), term()) :: no_return()
  defp positional!(callee, given) do
    raise ArgumentError,
          "the keyword arguments of #{named(callee)} are a keyword list or a map, got: #{Options.shown(given)}\n" <>
            "hint: parameters that have defaults are given by name: f(x, name: value)"
  end

  defp named({module, name}) when is_binary(module), do: "#{module}.#{name}"
  defp named({%Ref{type: type}, name}), do: "#{type}.#{name}"
  defp named({_, name}), do: name

  defp target(%Ref{} = ref), do: ref
  defp target(value), do: {:value, value}

  # --- options ---

  defp options([], []), do: []

  defp options(opts, settings) do
    kind = if settings[:stream], do: :stream, else: :call
    opts = Options.check!(kind, opts)

    settings
    |> Keyword.take(@of_calls)
    |> Keyword.merge(opts, fn
      :tags, ours, theirs -> merged(ours, theirs)
      _, _, theirs -> theirs
    end)
  end

  defp merged(ours, theirs) when is_map(ours) and is_map(theirs), do: Map.merge(ours, theirs)

  defp merged(ours, theirs) when is_list(ours) and is_list(theirs) do
    if Keyword.keyword?(ours) and Keyword.keyword?(theirs),
      do: Keyword.merge(ours, theirs),
      else: ours ++ theirs
  end

  defp merged(_, theirs), do: theirs

  # --- results ---

  defp run(target, steps, opts, settings), do: target |> Steps.run(steps, opts) |> finish(settings)

  defp finish(result, []), do: result
  defp finish({:ok, value}, settings), do: {:ok, transformed(value, settings[:result])}
  defp finish({:error, error}, settings), do: handled(error, settings[:error])

  defp transformed(value, nil), do: value
  defp transformed(value, {module, name}), do: apply(module, name, [value])

  defp handled(error, nil), do: {:error, error}

  defp handled(error, {module, name}) do
    case apply(module, name, [error]) do
      {:ok, _} = result ->
        result

      {:error, error} when is_exception(error) ->
        {:error, error}

      other ->
        raise ArgumentError,
              "an error handler gives {:ok, value} or {:error, exception}; " <>
                "#{inspect(module)}.#{name}/1 gave #{Options.shown(other)}"
    end
  end

  # --- what there is ---

  @doc """
  The functions and classes of a generated module that a text speaks of: those named so first, then those whose summary
  has it.
  """
  @spec search(module(), String.t()) :: [entry() | class()]
  def search(module, text) do
    text = String.downcase(text)

    (module.__functions__() ++ module.__classes__())
    |> Enum.group_by(&rank(&1, text))
    |> Map.delete(nil)
    |> Enum.sort()
    |> Enum.flat_map(fn {_, entries} -> entries end)
  end

  defp rank(entry, text) do
    {names, summary} =
      case entry do
        {name, _, python, summary} -> {[to_string(name), python], summary}
        {module, python, summary} -> {[inspect(module), python], summary}
      end

    names = Enum.map(names, &String.downcase/1)

    cond do
      text in names -> 0
      Enum.any?(names, &String.starts_with?(&1, text)) -> 1
      Enum.any?(names, &String.contains?(&1, text)) -> 2
      String.contains?(String.downcase(summary), text) -> 3
      true -> nil
    end
  end
end
