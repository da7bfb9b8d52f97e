defmodule SnakeBridge.Wrapper.Validation do
  @moduledoc """
  Looks at the arguments of a wrapper before they are sent to Python, where the configuration says `validate: true`.

  It tells arguments that are missing, unknown, too many or given twice, and values of a wrong type, all at once and with
  the parameter's name. It speaks up only where it is sure: where Python itself knows the signature, and where a type
  comes from an annotation. What Python might take is let through, so code that runs without it runs with it:

  | expected | passes |
  |---|---|
  | `float`, `complex` | integers too, and `:nan`, `:infinity`, `:neg_infinity` |
  | `int` | booleans, floats without a fraction |
  | `str` | atoms, for they arrive as text |
  | `bytes` | any binary, `SnakeBridge.bytes/1` |
  | `list`, `tuple`, `set`, an iterable | one for the other, ranges, a text where its letters would do |
  | a class, a protocol, a type that is not known | everything |
  | anything | refs (unless they are of a builtin class that it is not), structs that an encoder may turn into it, the default itself |

  A signature is a compact term that `signature/1` makes of a descriptor, for generated code to hold.
  """

  alias SnakeBridge.{Nearest, Options, Ref}

  @typedoc "A parameter: name, kind, whether it must be given, type."
  @type parameter :: {String.t(), :only | :both | :rest | :key | :keys, boolean(), type()}
  @typedoc "What a value may be; `:any` is everything."
  @type type :: atom() | {atom(), term()} | {:dict, type(), type()}
  @typedoc "Parameters, or `:types` where their number and names are not certain, and parameters."
  @type signature :: [parameter()] | {:types, [parameter()]}

  # How deep containers are looked into, and at how many of their items.
  @depth 3
  @items 100
  @shown 5

  # --- signatures ---

  @doc """
  What is to be checked of a function, from its descriptor; nil where nothing is known for certain.

      iex> parameter = %{"name" => "x", "kind" => "positional_only", "required" => true, "type" => %{"kind" => "float", "confidence" => "high"}}
      iex> SnakeBridge.Wrapper.Validation.signature(%{"signature" => "known", "parameters" => [parameter]})
      [{"x", :only, true, :float}]
  """
  @spec signature(map()) :: signature() | nil
  def signature(%{"signature" => from, "parameters" => parameters} = function) do
    # What overloads allow together is more than what one of them says.
    typed = function["overloads"] in [nil, []]
    parameters = Enum.map(parameters, &parameter(&1, typed))

    cond do
      from in ["known", "text"] -> parameters
      from == "stub" and Enum.any?(parameters, &(elem(&1, 3) != :any)) -> {:types, parameters}
      true -> nil
    end
  end

  @kinds %{
    "positional_only" => :only,
    "positional_or_keyword" => :both,
    "var_positional" => :rest,
    "keyword_only" => :key,
    "var_keyword" => :keys
  }

  defp parameter(parameter, typed) do
    type = if typed, do: type(parameter["type"] || %{}), else: :any
    {parameter["name"], @kinds[parameter["kind"]], parameter["required"], with_default(type, parameter)}
  end

  # The default passes, whatever is annotated: `x: int = None`.
  defp with_default(:any, _), do: :any
  defp with_default(type, %{"required" => true}), do: type
  defp with_default(type, %{"kind" => kind}) when kind in ["var_positional", "var_keyword"], do: type
  defp with_default(type, %{"default" => %{"literal" => nil}}), do: union([type, :none])

  defp with_default(type, %{"default" => %{"literal" => value}})
       when is_binary(value) or is_number(value) or is_boolean(value),
       do: if(wrong(value, type, @depth) == nil, do: type, else: union([type, {:literal, [value]}]))

  # What is no literal, as a sentinel, can be given as a ref alone.
  defp with_default(type, _), do: type

  defp type(%{"confidence" => confidence}) when confidence != "high", do: :any
  defp type(%{"kind" => "none"}), do: :none

  defp type(%{"kind" => kind}) when kind in ~w(int float complex bool str bytes callable),
    do: String.to_existing_atom(kind)

  defp type(%{"kind" => kind} = type) when kind in ~w(list set frozenset iterable) do
    case type["of"] do
      [of] -> {:items, type(of)}
      _ -> {:items, :any}
    end
  end

  defp type(%{"kind" => "tuple", "variadic" => true, "of" => [of]}), do: {:items, type(of)}
  defp type(%{"kind" => "tuple"}), do: {:items, :any}
  defp type(%{"kind" => "dict", "of" => [key, value]}), do: {:dict, type(key), type(value)}
  defp type(%{"kind" => "dict"}), do: {:dict, :any, :any}
  defp type(%{"kind" => "union", "of" => of}), do: of |> Enum.map(&type/1) |> union()

  defp type(%{"kind" => "literal", "values" => [_ | _] = values}) do
    if Enum.all?(values, &(is_binary(&1) or is_number(&1) or is_boolean(&1) or &1 == nil)),
      do: {:literal, values},
      else: :any
  end

  defp type(_), do: :any

  defp union(types) do
    types = Enum.flat_map(types, fn type -> with {:union, types} <- type, do: types, else: (_ -> [type]) end)

    cond do
      :any in types or types == [] -> :any
      true -> with [type] <- Enum.uniq(types), do: type, else: (types -> {:union, types})
    end
  end

  # --- calls ---

  @doc """
  `:ok`, or what is wrong with the arguments of a call, one text for each.

      iex> signature = [{"a", :both, true, :float}, {"side", :key, false, {:literal, ["left", "right"]}}]
      iex> SnakeBridge.Wrapper.Validation.check(signature, [1], [{"side", "left"}])
      :ok
      iex> {:error, [problem, _]} = SnakeBridge.Wrapper.Validation.check(signature, ["x"], [{"side", "rigth"}])
      iex> problem
      ~s|a: expected float, got "x"|
  """
  @spec check(signature(), [term()], [{String.t(), term()}]) :: :ok | {:error, [String.t()]}
  def check({:types, parameters}, args, kwargs), do: parameters |> types(args, kwargs) |> result()

  def check(parameters, args, kwargs) do
    result(
      surplus(parameters, args) ++
        unknown(parameters, kwargs) ++
        twice(parameters, args, kwargs) ++
        missing(parameters, args, kwargs) ++ types(parameters, args, kwargs)
    )
  end

  @doc "Raises an `ArgumentError` that tells what is wrong with the arguments of a call, if anything is."
  @spec check!(signature(), String.t(), [term()], [{String.t(), term()}]) :: :ok
  def check!(signature, function, args, kwargs) do
    case check(signature, args, kwargs) do
      :ok ->
        :ok

      {:error, [problem]} ->
        raise ArgumentError, "#{function}: #{problem}"

      {:error, problems} ->
        raise ArgumentError,
              "#{function} is not called rightly:\n" <> Enum.map_join(problems, "\n", &"  #{&1}")
    end
  end

  defp result([]), do: :ok
  defp result(problems), do: {:error, problems}

  defp surplus(parameters, args) do
    places = for {name, kind, _, _} <- parameters, kind in [:only, :both], do: name
    given = length(args)

    cond do
      given <= length(places) or List.keymember?(parameters, :rest, 1) -> []
      true -> ["it takes #{count(length(places))} by position, got #{given}#{by_name(parameters)}"]
    end
  end

  defp by_name(parameters) do
    case for({name, :key, _, _} <- parameters, do: "#{name}:") do
      [] -> ""
      names -> "; by name: " <> Enum.join(names, ", ")
    end
  end

  defp count(0), do: "no arguments"
  defp count(1), do: "one argument"
  defp count(count), do: "#{count} arguments"

  defp unknown(parameters, kwargs) do
    names = for {name, kind, _, _} <- parameters, kind in [:both, :key], do: name

    if List.keymember?(parameters, :keys, 1),
      do: [],
      else:
        for({name, _} <- kwargs, name not in names, do: "it has no parameter #{name}:#{nearest(name, names)}")
  end

  defp nearest(_, []), do: ""

  defp nearest(name, names) do
    near = Nearest.name(name, names)
    if near, do: ", did you mean #{near}:?", else: "; it has #{Enum.map_join(names, ", ", &"#{&1}:")}"
  end

  defp twice(parameters, args, kwargs) do
    for {{name, :both, _, _}, _} <- parameters |> positional() |> Enum.zip(args),
        List.keymember?(kwargs, name, 0),
        do: "#{name}: is given by position and by name"
  end

  defp missing(parameters, args, kwargs) do
    left = parameters |> positional() |> Enum.drop(length(args))

    for {name, kind, true, _} <- left ++ Enum.filter(parameters, &(elem(&1, 1) == :key)),
        kind == :only or not List.keymember?(kwargs, name, 0),
        do: "#{name}#{if kind == :only, do: "", else: ":"} is missing"
  end

  defp positional(parameters), do: Enum.filter(parameters, &(elem(&1, 1) in [:only, :both]))

  # --- types ---

  defp types(parameters, args, kwargs) do
    places = positional(parameters)
    {placed, rest} = Enum.split(args, length(places))

    by_place = for {{name, _, _, type}, value} <- Enum.zip(places, placed), do: {name, type, value}

    by_rest =
      with {name, _, _, type} <- List.keyfind(parameters, :rest, 1),
           do: for(value <- Enum.take(rest, @items), do: {name, type, value})

    by_name =
      for {name, value} <- kwargs do
        {_, _, _, type} =
          Enum.find(parameters, fn {parameter, kind, _, _} -> parameter == name and kind in [:both, :key] end) ||
            List.keyfind(parameters, :keys, 1, {name, :keys, false, :any})

        {name, type, value}
      end

    for {name, type, value} <- by_place ++ (by_rest || []) ++ by_name,
        wrong = wrong(value, type, @depth),
        do: problem(name, wrong)
  end

  defp problem(name, {path, type, value}),
    do: "#{name}#{path}: expected #{written(type)}, got #{shown(value)}#{near(type, value)}"

  defp near({:literal, values}, value) when is_binary(value) do
    near = Nearest.name(value, Enum.filter(values, &is_binary/1))
    if near, do: ", did you mean #{inspect(near)}?", else: ""
  end

  defp near(_, _), do: ""

  # Nil, or where the value is wrong, what was expected there, what is there.
  defp wrong(_, :any, _), do: nil
  defp wrong(_, _, 0), do: nil

  defp wrong(value, {:union, types} = union, depth),
    do:
      if(Enum.any?(types, &(wrong(value, &1, depth) == nil)),
        do: nil,
        else: inner(value, types, union, depth)
      )

  defp wrong(list, {:items, of}, depth) when is_list(list) do
    list
    |> proper(@items)
    |> Enum.with_index()
    |> Enum.find_value(fn {item, index} ->
      with {path, type, value} <- wrong(item, of, depth - 1), do: {"[#{index}]#{path}", type, value}
    end)
  end

  defp wrong(value, {:items, of}, depth) when is_tuple(value),
    do: wrong(Tuple.to_list(value), {:items, of}, depth)

  defp wrong(%module{} = value, type, _),
    do: if(struct_fits?(module, value, type), do: nil, else: {"", type, value})

  defp wrong(value, {:dict, key, of}, depth) when is_map(value) do
    value
    |> Enum.take(@items)
    |> Enum.find_value(fn {name, item} ->
      with nil <- with({_, type, value} <- wrong(name, key, depth - 1), do: {" (a key)", type, value}),
           {path, type, value} <- wrong(item, of, depth - 1),
           do: {"[#{shown(name)}]#{path}", type, value}
    end)
  end

  defp wrong(value, type, _), do: if(fits?(value, type), do: nil, else: {"", type, value})

  # In a union the one kind of container that there is says more than the union.
  defp inner(value, types, union, depth) do
    containers = Enum.filter(types, &is_tuple/1)

    with true <- is_list(value) or (is_map(value) and not is_struct(value)),
         [type] <- Enum.filter(containers, &(elem(&1, 0) == if(is_list(value), do: :items, else: :dict))),
         {path, _, _} = found when path != "" <- wrong(value, type, depth) do
      found
    else
      _ -> {"", union, value}
    end
  end

  defp proper([head | tail], left) when left > 0, do: [head | proper(tail, left - 1)]
  defp proper(_, _), do: []

  @floats [:nan, :infinity, :neg_infinity]

  defp fits?(value, :float), do: is_number(value) or is_boolean(value) or value in @floats
  defp fits?(value, :complex), do: fits?(value, :float)

  defp fits?(value, :int),
    do: is_integer(value) or is_boolean(value) or (is_float(value) and trunc(value) == value)

  # Whatever Python takes for true is often taken.
  defp fits?(value, :bool), do: is_boolean(value) or is_number(value) or value == nil
  defp fits?(value, :str), do: is_binary(value) or text?(value)
  defp fits?(value, :bytes), do: is_binary(value)
  defp fits?(value, :none), do: value == nil
  defp fits?(value, :callable), do: is_function(value)
  defp fits?(value, {:literal, values}), do: Enum.any?(values, &same?(&1, value))
  defp fits?(value, {:items, _}), do: is_list(value) or is_tuple(value) or is_binary(value) or is_map(value)
  defp fits?(value, {:dict, _, _}), do: is_map(value)

  defp text?(value), do: is_atom(value) and value not in [nil, true, false | @floats]

  defp same?(known, value) when is_binary(known) and is_atom(value),
    do: text?(value) and Atom.to_string(value) == known

  defp same?(known, value) when is_number(known) and is_boolean(value), do: known == if(value, do: 1, else: 0)
  defp same?(known, value) when is_boolean(known) and is_number(value), do: same?(value, known)
  defp same?(known, value), do: known == value

  # Of these it is known what they are in Python; of others an encoder decides.
  defp struct_fits?(Ref, %{type: "builtins." <> class}, type), do: builtin_fits?(class, type)

  defp struct_fits?(SnakeBridge.Bytes, _, type),
    do: type in [:bytes] or match?({:items, _}, type) or type == :str

  defp struct_fits?(module, _, type) when module in [MapSet, Range], do: match?({:items, _}, type)

  defp struct_fits?(module, _, type) when module in [Date, Time, NaiveDateTime, DateTime],
    do: not scalar?(type)

  defp struct_fits?(_, _, _), do: true

  defp scalar?(type), do: type in [:int, :float, :complex, :str, :bytes, :none] or match?({:literal, _}, type)

  @numbers ~w(int float bool)
  @containers ~w(list tuple set frozenset dict)

  defp builtin_fits?(class, type) when type in [:int, :float, :complex],
    do: class not in ["str", "bytes" | @containers]

  defp builtin_fits?(class, :str), do: class not in (@numbers ++ @containers)
  defp builtin_fits?(class, :none), do: class not in ["str", "bytes" | @numbers ++ @containers]
  defp builtin_fits?(class, {:items, _}), do: class not in @numbers
  defp builtin_fits?(class, {:dict, _, _}), do: class not in ["str", "list" | @numbers]
  defp builtin_fits?(class, :callable), do: class not in ["str", "bytes" | @numbers ++ @containers]
  defp builtin_fits?(_, _), do: true

  # --- as text ---

  defp written({:union, types}), do: Enum.map_join(types, " or ", &written/1)
  defp written({:literal, [value]}), do: shown(value)

  defp written({:literal, values}),
    do: "one of " <> (values |> Enum.take(20) |> Enum.map_join(", ", &shown/1))

  defp written({:items, :any}), do: "a list"
  defp written({:items, of}), do: "a list of #{written(of)}"
  defp written({:dict, :any, :any}), do: "a map"
  defp written({:dict, key, :any}), do: "a map with keys #{written(key)}"
  defp written({:dict, key, of}), do: "a map of #{written(key)} to #{written(of)}"
  defp written(:none), do: "nil"
  defp written(:callable), do: "a function"
  defp written(:any), do: "anything"
  defp written(type), do: Atom.to_string(type)

  defp shown(%Ref{} = ref), do: Options.shown(ref)
  defp shown(value), do: inspect(value, limit: @shown, printable_limit: 50)
end
