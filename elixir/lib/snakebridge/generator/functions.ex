defmodule SnakeBridge.Generator.Functions do
  @moduledoc """
  Functions of generated modules: what each takes, and its source.

  A function takes Python's required positional parameters, then keyword arguments, then the bridge's options:
  `name(start, stop, kwargs \\\\ [], opts \\\\ [])`. Where Python has parameters that can only be given by position and may
  be left out (`*args`, positional-only ones with a default, and all of those that are not known), as many as the
  configuration allows have places too, and `SnakeBridge.Wrapper.call_any/5` tells them from keyword arguments.

  Which functions a module has is decided by `SnakeBridge.Generator.Modules` and `SnakeBridge.Generator.Classes`.
  """

  alias SnakeBridge.Generator.{Docs, Names, Source, Types}
  alias SnakeBridge.Wrapper.Validation

  # More arguments than Elixir's functions may have, with some to spare.
  @most 200

  # An atom has 255 characters at most, and the twin has one more.
  @longest 254

  @enforce_keys [:name, :python, :kind, :args]
  defstruct [
    :name,
    :python,
    :kind,
    :args,
    :summary,
    :doc,
    :deprecated,
    :inherited,
    :written,
    object: false,
    slots: [],
    most: 0,
    types: [],
    result: "term()",
    path: [],
    settings: [],
    bang: false
  ]

  @typedoc """
  A function: `name` in Elixir and in `python`; `kind`, what it does; `args`, the variables that must be given, without the
  `object` that methods take first; `slots`, those that may be, or with `most` what all of so many are called; `path`,
  Python's module and the name in it; `written`, its source and entry, where they are known.
  """
  @type t :: %__MODULE__{
          name: String.t(),
          python: String.t(),
          kind: :call | :get,
          args: [String.t()],
          summary: String.t(),
          doc: String.t(),
          deprecated: String.t() | nil,
          inherited: String.t() | nil,
          written: {String.t(), String.t()} | nil,
          object: boolean(),
          slots: [String.t()],
          most: non_neg_integer(),
          types: [String.t()],
          result: String.t(),
          path: [String.t()],
          settings: keyword(),
          bang: boolean()
        }

  @typedoc "What can be called: by its name the arities, and its name in Python."
  @type table :: %{String.t() => {Range.t(), String.t()}}

  @doc """
  A function, method or constructor, from its descriptor; nil for one with more parameters, or a longer name, than Elixir
  allows.

  `at` says what it is to Elixir: `name`, `path`, whether it is a method of an `object`, `classes` with their modules, and
  `options`, those of the configuration.
  """
  @spec callable(map(), map()) :: t() | nil
  def callable(_, %{name: name}) when byte_size(name) > @longest, do: nil

  def callable(function, %{options: options} = at) do
    parameters = if function["signature"] == "unknown", do: [], else: function["parameters"]
    required = Enum.filter(parameters, &(positional?(&1) and &1["required"]))

    if length(required) <= @most do
      {slots, any?} = function |> optional(parameters) |> fitting(length(required))
      taken = ["kwargs", "opts" | if(at.object, do: ["ref"], else: [])]

      {args, slots} =
        Names.variables(Enum.map(required, & &1["name"]) ++ slots, taken) |> Enum.split(length(required))

      returns = returns(function)

      %__MODULE__{
        name: at.name,
        python: at.python,
        kind: :call,
        object: at.object,
        args: args,
        slots: slots,
        most: if(any?, do: max(options.max_arity - length(required), 1), else: 0),
        types: Enum.map(required, &Types.argument(&1["type"], at.classes)),
        result: result(returns, options, at.classes),
        path: at.path,
        summary: Docs.summary(function["doc"]),
        doc: Docs.function(function, at.shown),
        deprecated: function["deprecated"],
        settings: settings(options, parameters) ++ validation(options, function),
        bang: options.bang
      }
    end
  end

  @doc "What is read: a constant, an attribute of a class, or a property of an `object`; nil where its name is too long."
  @spec readable(map(), String.t(), map()) :: t() | nil
  def readable(_, _, %{name: name}) when byte_size(name) > @longest, do: nil

  def readable(descriptor, doc, %{options: options} = at) do
    %__MODULE__{
      name: at.name,
      python: at.python,
      kind: :get,
      object: at.object,
      args: [],
      result: result(descriptor["type"], options, at.classes),
      path: at.path,
      summary: if(descriptor["doc"], do: Docs.summary(descriptor["doc"]), else: Source.line(doc, 120)),
      doc: doc,
      settings: Keyword.delete(settings(options, []), :stream),
      bang: options.bang
    }
  end

  defp positional?(parameter), do: parameter["kind"] in ["positional_only", "positional_or_keyword"]

  # The names of what may be given by position alone, or one name for any number of them.
  defp optional(%{"signature" => "unknown"}, _), do: {["arg"], true}

  defp optional(function, parameters) do
    case Enum.find(parameters, &(&1["kind"] == "var_positional")) do
      %{"name" => name} ->
        {[name], true}

      nil ->
        {for(
           %{"required" => false, "name" => name} = parameter <- parameters,
           by_position?(function, parameter),
           do: name
         ), false}
    end
  end

  # More than Elixir's functions may have are as good as any number.
  defp fitting({slots, false}, required) when length(slots) + required > @most, do: {["arg"], true}
  defp fitting(optional, _), do: optional

  # A text that says `log(x, base=e)` does not say whether the name may be given: C functions often take none.
  defp by_position?(%{"signature" => had}, parameter) when had in ["docstring", "stub"],
    do: positional?(parameter)

  defp by_position?(_, parameter), do: parameter["kind"] == "positional_only"

  defp returns(function) do
    of =
      case function["overloads"] do
        [_ | _] = overloads -> %{"kind" => "union", "of" => Enum.map(overloads, & &1["returns"])}
        _ -> function["returns"]
      end

    # The bridge awaits what an `async def` gives.
    case {function["async"], of} do
      {true, %{"kind" => "awaitable", "of" => [of]}} -> of
      _ -> of
    end
  end

  # What comes of a call that has no options, where that is known.
  defp result(_, %{stream: true}, _), do: "Enumerable.t()"
  defp result(_, %{result: result}, _) when result != nil, do: "term()"
  defp result(_, %{error: error}, _) when error != nil, do: "term()"
  defp result(_, %{as: as}, _) when as not in [nil, :auto], do: "term()"
  defp result(returns, _, classes), do: Types.result(returns, classes)

  # What the call says beyond its arguments.
  defp settings(options, parameters) do
    required = for %{"kind" => "keyword_only", "required" => true, "name" => name} <- parameters, do: name

    given =
      for key <- [:as, :timeout, :session, :tags, :stream, :result, :error],
          value = Map.get(options, key),
          do: {key, value}

    if(required == [], do: given, else: [{:required, required} | given])
  end

  defp validation(%{validate: true}, function) do
    signature = Validation.signature(function)
    if signature, do: [validate: signature], else: []
  end

  defp validation(_, _), do: []

  # --- source ---

  @doc "How few and how many arguments it takes."
  @spec arities(t()) :: Range.t()
  def arities(%__MODULE__{} = function) do
    least = length(function.args) + if(function.object, do: 1, else: 0)
    slots = if function.most > 0, do: function.most, else: length(function.slots)
    least..(least + slots + if(function.kind == :get, do: 1, else: 2))
  end

  @doc "What functions, and the twins of those that have one, can be called."
  @spec table([t()]) :: table()
  def table(functions) do
    for %{name: name, python: python} = function <- functions,
        name <- if(function.bang, do: [name, name <> "!"], else: [name]),
        into: %{},
        do: {name, {arities(function), python}}
  end

  @doc "With its source and its entry, for one that stands in many modules."
  @spec written(t()) :: t()
  def written(%__MODULE__{} = function) do
    source = IO.iodata_to_binary(source(function))
    %{function | written: {source, IO.iodata_to_binary(Source.listed(entry(function), 6))}}
  end

  @doc "Its line in `__functions__/0`."
  @spec entry(t()) :: String.t()
  def entry(%__MODULE__{} = function) do
    first..last//_ = arities(function)

    "{:#{function.name}, #{first}..#{last}, #{Source.string(function.python)}, #{Source.string(function.summary)}}"
  end

  @doc "Its source, with documentation and specification; with `bang`, that of its twin."
  @spec source(t()) :: iodata()
  def source(%__MODULE__{written: {source, _}}), do: source

  def source(%__MODULE__{inherited: module} = function) when module != nil do
    _..last//_ = arities(function)

    for {mark, body} <- [{"", body(function)}] ++ if(function.bang, do: [{"!", value(function)}], else: []) do
      [
        doc("See `#{module}.#{function.name}#{mark}/#{last}`."),
        deprecated(function),
        define(function, function.name <> mark, body)
      ]
    end
  end

  def source(%__MODULE__{} = function) do
    own = [
      ["  @doc ", Source.heredoc(function.doc), "\n"],
      deprecated(function),
      specs(
        function,
        function.name,
        "{:ok, #{function.result}} | {:error, Exception.t()}",
        "SnakeBridge.result()"
      ),
      define(function, function.name, body(function))
    ]

    if function.bang, do: [own | twin(function)], else: own
  end

  defp twin(function) do
    _..last//_ = arities(function)

    [
      doc("Like `#{function.name}/#{last}`, but gives the value or raises."),
      deprecated(function),
      specs(function, function.name <> "!", function.result, "term()"),
      define(function, function.name <> "!", value(function))
    ]
  end

  defp doc(text), do: ["  @doc ", Source.string(text), "\n"]

  defp define(%{most: 0} = function, name, body),
    do: [Source.code("def #{name}(#{head(function)}), do: #{body}", 2), "\n"]

  defp define(function, name, body),
    do: [Source.code("Wrapper.defany(#{name}(#{head(function)}), do: #{body})", 2), "\n"]

  defp deprecated(%{deprecated: text}) when is_binary(text),
    do: ["  @deprecated ", Source.string(Source.line(text, 300)), "\n"]

  defp deprecated(_), do: []

  # Of a call with options only those know what it gives who give them: `as: :text`.
  defp specs(function, name, short, long) do
    types = if(function.object, do: ["t()"], else: []) ++ function.types
    spec = fn types, result -> Source.code("@spec #{name}(#{Enum.join(types, ", ")}) :: #{result}", 2) end

    rest =
      case function do
        %{kind: :get} -> ["keyword()"]
        %{slots: []} -> ["SnakeBridge.kwargs()", "keyword()"]
        %{most: 0, slots: slots} -> for _ <- slots ++ ["kwargs", "opts"], do: "term()"
        # Any number of anything: nothing that would be worth its length.
        _ -> nil
      end

    cond do
      function.result == "term()" -> spec.(types ++ (rest || []), long)
      rest == nil -> spec.(types, short)
      true -> [spec.(types, short), spec.(types ++ rest, long)]
    end
  end

  defp head(function) do
    first = if(function.object, do: ["ref"], else: []) ++ function.args

    last =
      case function do
        %{kind: :get} -> ["opts \\\\ []"]
        %{most: 0, slots: []} -> ["kwargs \\\\ []", "opts \\\\ []"]
        %{most: most, slots: [name]} when most > 0 -> ["#{name} * #{most}"]
        %{slots: slots} -> Enum.map(slots ++ ["kwargs", "opts"], &"#{&1} \\\\ @absent")
      end

    Enum.join(first ++ last, ", ")
  end

  defp value(function), do: "Wrapper.value!(#{body(function)})"

  defp body(%{path: path} = function) do
    target = if function.object, do: ["ref"], else: [path |> hd() |> Source.string()]
    name = path |> List.last() |> Source.string()
    args = "[#{Enum.join(function.args, ", ")}]"

    {call, arguments} =
      case function do
        %{kind: :get, object: true} ->
          {"attr", ["opts"]}

        %{kind: :get} ->
          {"get", ["opts"]}

        %{object: true, slots: []} ->
          {"method", [args, "kwargs", "opts"]}

        %{slots: []} ->
          {"call", [args, "kwargs", "opts"]}

        %{object: object, most: most, slots: [name]} when most > 0 ->
          {if(object, do: "method_any", else: "call_any"), [args, name]}

        %{object: object, slots: slots} ->
          {if(object, do: "method_any", else: "call_any"),
           [args, "[#{Enum.join(slots ++ ["kwargs", "opts"], ", ")}]"]}
      end

    settings = if function.settings == [], do: [], else: [Source.keyword(function.settings)]
    "Wrapper.#{call}(#{Enum.join(target ++ [name | arguments] ++ settings, ", ")})"
  end
end
