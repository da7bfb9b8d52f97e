defmodule SnakeBridge.Stub.Recording do
  @moduledoc """
  A file of Python's answers: written by `SnakeBridge.Stub.record/3`, answered from by `SnakeBridge.Stub.replay/2`.

  It is text, made to be read, compared and edited; the same calls and answers give the same bytes. Each entry is one
  round trip, in the order in which they were made:

      [from: module("math"), steps: [method("sqrt", [16])], gives: 4.0],
      [from: module("builtins"), steps: [method("open", ["x"])], raises: exception("FileNotFoundError", ...)],
      [from: module("pandas"), steps: [method("read_csv", ["a.csv"])], gives: ref(1, "pandas.core.frame.DataFrame")],
      [from: ref(1), steps: [attr("shape")], gives: {3, 2}]

  Refs have numbers in the order of their appearance. In a call, `any()` stands for whatever is there: written by hand,
  for paths and times. `term("...")` holds what Elixir has no notation for, and `function(1)` a function of that arity.

  A request is answered by the first entry like it that has not been played yet; when all have been, by the last of them.

  The file is read as data: nothing in it is evaluated, and it makes no atoms.
  """

  alias SnakeBridge.{BridgeError, Fault, Nearest, Ref}

  @enforce_keys [:path]
  defstruct [:path, entries: [], refs: %{}, numbers: %{}, session: nil, generation: nil]

  @typedoc "A target, its steps, and what the result is to arrive as."
  @type request :: {term(), [tuple()], map()}
  @type t :: %__MODULE__{}

  @heading """
  # Answers of Python, recorded by SnakeBridge.Stub. Each line is a round trip; any() in a call stands for anything.
  # To record them again: SNAKEBRIDGE_RECORD=1 mix test
  """
  @bridge ["snakebridge.iteration", "snakebridge.contexts"]
  @steps ~w(attr item slice call method set_attr set_item op rop is await fun)a
  @floats [:nan, :infinity, :neg_infinity]

  @doc "A recording with nothing in it, that is to be written there."
  @spec new(Path.t()) :: t()
  def new(path), do: %__MODULE__{path: path}

  # --- recording ---

  @doc "Adds a round trip."
  @spec add(t(), request(), SnakeBridge.result()) :: t()
  def add(recording, request, answer) do
    {request, recording} = normal(request, recording)
    {answer, recording} = answer |> without_addresses(request) |> renumber(request, recording) |> outcome()
    %{recording | entries: [{request, answer} | recording.entries]}
  end

  # Where an object lies says nothing, and is another each time.
  defp without_addresses({:ok, text}, {_, [{:fun, name} | _], _})
       when name in [:repr, :str] and is_binary(text),
       do: {:ok, String.replace(text, ~r/0x[0-9a-f]{6,}/, "0x0")}

  defp without_addresses(answer, _), do: answer

  # Numbers that the worker gives to iterations and contexts count from 1 here, as refs do.
  defp renumber({:ok, given}, {{:module, module}, _, _}, recording)
       when module in @bridge and is_tuple(given) and is_integer(elem(given, 0)) do
    number = elem(given, 0)
    numbers = Map.put_new(recording.numbers, number, map_size(recording.numbers) + 1)
    {{:ok, put_elem(given, 0, numbers[number])}, %{recording | numbers: numbers}}
  end

  defp renumber(answer, _, recording), do: {answer, recording}

  defp outcome({{:ok, value}, recording}) do
    {value, recording} = walk(value, recording)
    {{:gives, value}, recording}
  end

  defp outcome({{:error, %BridgeError{} = error}, recording}),
    do: {{:raises, {:bridge_error, Atom.to_string(error.reason), error.message, error.hint}}, recording}

  defp outcome({{:error, %{mro: mro} = error}, recording}),
    do: {{:raises, {:exception, error.class, error.module, error.message, mro}}, recording}

  defp outcome({{:error, error}, recording}), do: {{:raises, {:term, error}}, recording}

  @doc "Writes the file."
  @spec write(t()) :: :ok
  def write(%{path: path, entries: entries}) do
    text =
      entries
      |> Enum.reverse()
      |> Enum.map(&entry/1)
      |> Enum.intersperse(",\n")

    # A key's colon, and the lines' lengths, as a formatter leaves them.
    code = Code.format_string!(IO.iodata_to_binary(["[\n", text, "\n]"]), line_length: 110)
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, [@heading, code, "\n"])
  end

  defp entry({{target, steps, as}, {kind, answer}}) do
    [
      "[from: ",
      source(target),
      if(steps != [], do: [", steps: [", steps |> Enum.map(&step/1) |> Enum.intersperse(", "), "]"], else: ""),
      if(as != %{}, do: [", as: ", source(to_string(as.as))], else: ""),
      ", #{kind}: ",
      source(answer),
      "]"
    ]
  end

  defp step({:method, name, args, kwargs}) when kwargs == %{}, do: form("method", [name, args])
  defp step({:call, args, kwargs}) when kwargs == %{}, do: form("call", [args])
  defp step(step), do: form(elem(step, 0), step |> Tuple.to_list() |> tl())

  defp form(name, args),
    do: [to_string(name), "(", args |> Enum.map(&source/1) |> Enum.intersperse(", "), ")"]

  # Text for Elixir's reader.
  defp source({:ref, number}), do: form("ref", [number])
  defp source({:ref, number, type}), do: form("ref", [number, type])
  defp source({:function, arity}), do: form("function", [arity])
  defp source({:module, name}), do: form("module", [name])
  defp source({:name, name}), do: form("name", [name])
  defp source({:value, {:ref, _} = ref}), do: source(ref)
  defp source({:value, value}), do: form("value", [value])
  defp source({:exception, class, module, message, mro}), do: form("exception", [class, module, message, mro])
  defp source({:bridge_error, reason, message, hint}), do: form("bridge_error", [reason, message, hint])

  defp source({:term, term}),
    do: form("term", [term |> :erlang.term_to_binary([:deterministic]) |> Base.encode64()])

  defp source({:tuple, items}), do: ["{", items |> Enum.map(&source/1) |> Enum.intersperse(", "), "}"]
  defp source({:set, items}), do: form("set", items)
  defp source(:any), do: "any()"
  defp source(list) when is_list(list), do: ["[", list |> Enum.map(&source/1) |> Enum.intersperse(", "), "]"]

  defp source(map) when is_map(map) and not is_struct(map) do
    pairs = for {key, value} <- Enum.sort(map), do: [source(key), " => ", source(value)]
    ["%{", Enum.intersperse(pairs, ", "), "}"]
  end

  defp source(leaf), do: inspect(leaf, limit: :infinity, printable_limit: :infinity)

  # --- what is compared ---

  # As it is in the file: names are text, refs and functions have numbers, keyword arguments no order.
  defp normal({target, steps, wire}, recording) do
    {target, recording} = target(target, recording)
    {steps, recording} = Enum.map_reduce(steps, recording, &normal_step(&1, target, &2))
    {{target, steps, if(wire[:as] in [nil, :auto], do: %{}, else: %{as: wire.as})}, recording}
  end

  defp target({:value, value}, recording) do
    {value, recording} = walk(value, recording)
    # Its class was told where it came.
    value = with {:ref, number, _} <- value, do: {:ref, number}
    {{:value, value}, recording}
  end

  defp target(target, recording), do: {target, recording}

  defp normal_step({:method, name, [number | args], kwargs}, {:module, module}, recording)
       when module in @bridge and is_integer(number),
       do:
         normal_step(
           {:method, name, [Map.get(recording.numbers, number, number) | args], kwargs},
           nil,
           recording
         )

  defp normal_step({:method, name, args, kwargs}, _, recording) do
    {[args, kwargs], recording} = walk([args, Map.new(kwargs)], recording)
    {{:method, name, args, kwargs}, recording}
  end

  defp normal_step({:call, args, kwargs}, _, recording) do
    {[args, kwargs], recording} = walk([args, Map.new(kwargs)], recording)
    {{:call, args, kwargs}, recording}
  end

  defp normal_step(step, _, recording) do
    [kind | rest] = Tuple.to_list(step)
    {rest, recording} = walk(rest, recording)
    {List.to_tuple([kind | rest]), recording}
  end

  defp walk(%Ref{} = ref, recording) do
    key = {ref.worker, ref.id}

    case recording.refs do
      %{^key => number} ->
        {{:ref, number}, recording}

      refs ->
        number = map_size(refs) + 1
        {{:ref, number, ref.type}, %{recording | refs: Map.put(refs, key, number)}}
    end
  end

  defp walk(list, recording) when is_list(list), do: Enum.map_reduce(list, recording, &walk/2)

  defp walk(tuple, recording) when is_tuple(tuple) do
    {items, recording} = tuple |> Tuple.to_list() |> walk(recording)
    {{:tuple, items}, recording}
  end

  defp walk(%MapSet{} = set, recording) do
    {items, recording} = set |> Enum.sort() |> walk(recording)
    {{:set, items}, recording}
  end

  defp walk(%module{} = struct, recording) when module in [Date, Time, NaiveDateTime, Range],
    do: {struct, recording}

  defp walk(struct, recording) when is_struct(struct), do: {{:term, struct}, recording}

  defp walk(map, recording) when is_map(map) do
    {pairs, recording} =
      Enum.map_reduce(Enum.sort(map), recording, fn {key, value}, recording ->
        {[key, value], recording} = walk([key, value], recording)
        {{key, value}, recording}
      end)

    {Map.new(pairs), recording}
  end

  defp walk(function, recording) when is_function(function) do
    {:arity, arity} = Function.info(function, :arity)
    {{:function, arity}, recording}
  end

  defp walk(atom, recording) when is_atom(atom) and atom not in [nil, true, false | @floats],
    do: {Atom.to_string(atom), recording}

  defp walk(leaf, recording) when is_pid(leaf) or is_port(leaf) or is_reference(leaf), do: {:any, recording}
  defp walk(leaf, recording), do: {leaf, recording}

  # --- playing ---

  @doc "Reads a file: entries that are answered in the name of this session."
  @spec read!(Path.t(), SnakeBridge.Session.t(), pos_integer()) :: t()
  def read!(path, session, generation) do
    text =
      case File.read(path) do
        {:ok, text} ->
          text

        {:error, reason} ->
          raise ArgumentError,
                "#{path} cannot be read: #{:file.format_error(reason)}\n" <>
                  "hint: SnakeBridge.Stub.record(#{inspect(path)}, fn -> ... end) makes it, where Python is"
      end

    case Code.string_to_quoted(text, existing_atoms_only: true, file: path) do
      {:ok, entries} when is_list(entries) ->
        entries = Enum.map(entries, &read_entry!(&1, path))
        %__MODULE__{path: path, entries: entries, session: session, generation: generation}

      {:ok, _} ->
        wrong!(path, 1, "it is no list of entries")

      {:error, {meta, message, token}} ->
        message = if is_tuple(message), do: Enum.join(Tuple.to_list(message)), else: message
        wrong!(path, meta[:line], "#{message}#{token}")
    end
  end

  defp read_entry!(entry, path) do
    if not Keyword.keyword?(entry),
      do: wrong!(path, line(entry), "an entry is a list with from:, steps:, gives: or raises:")

    value = &value(entry[&1], path)
    as = if entry[:as], do: %{as: String.to_existing_atom(value.(:as))}, else: %{}
    steps = Enum.map(entry[:steps] || [], &read_step(&1, path))

    answer =
      if is_map_key(Map.new(entry), :raises), do: {:raises, value.(:raises)}, else: {:gives, value.(:gives)}

    target =
      case value.(:from) do
        {kind, _} = target when kind in [:module, :name, :value] -> target
        {:ref, number} -> {:value, {:ref, number}}
        {:ref, number, _} -> {:value, {:ref, number}}
        _ -> wrong!(path, line(entry), "from: is module(name), name(name), ref(number) or value(term)")
      end

    {:waits, {target, steps, as}, answer}
  end

  defp read_step({:method, _, [name, args]}, path), do: {:method, value(name, path), value(args, path), %{}}
  defp read_step({:call, _, [args]}, path), do: {:call, value(args, path), %{}}

  defp read_step({kind, _, args}, path) when kind in @steps and (is_list(args) or args == nil),
    do: List.to_tuple([kind | Enum.map(args || [], &value(&1, path))])

  defp read_step(other, path), do: wrong!(path, line(other), "#{Macro.to_string(other)} is no step")

  # The few forms that there are, and literals.
  defp value({:any, _, []}, _), do: :any
  defp value({:ref, _, [number]}, _) when is_integer(number), do: {:ref, number}

  defp value({:ref, _, [number, type]}, _) when is_integer(number) and is_binary(type),
    do: {:ref, number, type}

  defp value({:function, _, [arity]}, _) when is_integer(arity), do: {:function, arity}

  defp value({kind, _, [value]}, path) when kind in [:module, :name, :value], do: {kind, value(value, path)}
  defp value({:set, _, items}, path), do: {:set, Enum.map(items, &value(&1, path))}

  defp value({:exception, _, [_, _, _, _] = parts}, path),
    do: List.to_tuple([:exception | Enum.map(parts, &value(&1, path))])

  defp value({:bridge_error, _, [_, _, _] = parts}, path),
    do: List.to_tuple([:bridge_error | Enum.map(parts, &value(&1, path))])

  defp value({:term, meta, [text]}, path) when is_binary(text) do
    with {:ok, bytes} <- Base.decode64(text) do
      {:term, :erlang.binary_to_term(bytes, [:safe])}
    else
      _ -> wrong!(path, meta[:line], "term(...) holds no Base64")
    end
  rescue
    ArgumentError ->
      wrong!(path, meta[:line], "term(...) holds no term, or a struct of a module that is not loaded")
  end

  defp value({:-, _, [number]}, _) when is_number(number), do: -number
  defp value({:.., _, [first, last]}, path), do: Range.new(value(first, path), value(last, path))

  defp value({:..//, _, [first, last, step]}, path),
    do: Range.new(value(first, path), value(last, path), value(step, path))

  defp value({sigil, _, [{:<<>>, _, [text]}, []]}, _) when sigil in [:sigil_D, :sigil_T, :sigil_N] do
    module = %{sigil_D: Date, sigil_T: Time, sigil_N: NaiveDateTime}[sigil]
    module.from_iso8601!(text)
  end

  defp value({:<<>>, _, bytes} = quoted, path) do
    if Enum.all?(bytes, &is_integer/1),
      do: :erlang.list_to_binary(bytes),
      else: wrong!(path, line(quoted), "no binary")
  end

  defp value({:%{}, _, pairs}, path),
    do: Map.new(pairs, fn {key, value} -> {value(key, path), value(value, path)} end)

  defp value({:{}, _, items}, path), do: {:tuple, Enum.map(items, &value(&1, path))}
  defp value({first, second}, path), do: {:tuple, [value(first, path), value(second, path)]}
  defp value(list, path) when is_list(list), do: Enum.map(list, &value(&1, path))

  defp value(leaf, _) when is_binary(leaf) or is_number(leaf) or leaf in [nil, true, false | @floats],
    do: leaf

  defp value(other, path),
    do: wrong!(path, line(other), "#{Macro.to_string(other)} is neither a value nor any(), ref(..), ...")

  defp line({_, meta, _}) when is_list(meta), do: meta[:line]
  defp line([first | _]), do: line(first)
  defp line({_, value}), do: line(value)
  defp line(_), do: nil

  @spec wrong!(Path.t(), pos_integer() | nil, String.t()) :: no_return()
  defp wrong!(path, line, what), do: raise(ArgumentError, "#{path}:#{line || 1}: #{what}")

  @doc "The answer for a request, or what is recorded that is most like it."
  @spec take(t(), request()) :: {{:ok, SnakeBridge.result()} | {:none, String.t(), [String.t()]}, t()}
  def take(%{entries: entries} = recording, request) do
    {request, _} = normal(request, %{recording | refs: numbers_of_refs(request, recording)})
    like = entries |> Enum.with_index() |> Enum.filter(fn {{_, other, _}, _} -> same?(other, request) end)

    case Enum.find(like, List.last(like), fn {{state, _, _}, _} -> state == :waits end) do
      nil ->
        {{:none, written(request), nearest(request, entries)}, recording}

      {{_, other, answer}, index} ->
        {{:ok, result(answer, recording)},
         %{recording | entries: List.replace_at(entries, index, {:played, other, answer})}}
    end
  end

  # A ref that is played has its number in the file.
  defp numbers_of_refs(request, _), do: request |> refs([]) |> Map.new(&{{&1.worker, &1.id}, &1.id})

  defp refs(%Ref{} = ref, found), do: [ref | found]
  defp refs(list, found) when is_list(list), do: Enum.reduce(list, found, &refs/2)
  defp refs(tuple, found) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> refs(found)
  defp refs(map, found) when is_map(map) and not is_struct(map), do: map |> Map.to_list() |> refs(found)
  defp refs(_, found), do: found

  defp same?(:any, _), do: true
  defp same?({:ref, number, _}, {:ref, number}), do: true
  defp same?([a | as], [b | bs]), do: same?(a, b) and same?(as, bs)

  defp same?(a, b) when is_tuple(a) and is_tuple(b) and tuple_size(a) == tuple_size(b),
    do: same?(Tuple.to_list(a), Tuple.to_list(b))

  defp same?(a, b) when is_map(a) and is_map(b) and not is_struct(a) and map_size(a) == map_size(b),
    do: Enum.all?(a, fn {key, value} -> is_map_key(b, key) and same?(value, b[key]) end)

  # Python reads 1 and 1.0 alike only where it compares them.
  defp same?(a, b), do: a === b

  defp result({:gives, value}, recording), do: {:ok, value |> build(recording)}

  defp result({:raises, {:exception, class, module, message, mro}}, _),
    do: {:error, Fault.exception({:python, %{class: class, module: module, message: message, mro: mro}})}

  defp result({:raises, {:bridge_error, reason, message, hint}}, _),
    do: {:error, %BridgeError{reason: String.to_existing_atom(reason), message: message, hint: hint}}

  defp result({:raises, {:term, error}}, _), do: {:error, error}

  defp build({:ref, number}, recording), do: build({:ref, number, type(number, recording)}, recording)

  defp build({:ref, number, type}, recording),
    do:
      SnakeBridge.Scope.note(%Ref{
        session: recording.session,
        worker: recording.generation,
        id: number,
        type: type
      })

  defp build({:tuple, items}, recording), do: items |> build(recording) |> List.to_tuple()
  defp build({:set, items}, recording), do: items |> build(recording) |> MapSet.new()
  defp build({:term, term}, _), do: term
  defp build({:function, arity}, _), do: raise(ArgumentError, "a function of arity #{arity} cannot be played")
  defp build(list, recording) when is_list(list), do: Enum.map(list, &build(&1, recording))

  defp build(map, recording) when is_map(map) and not is_struct(map),
    do: Map.new(map, fn {key, value} -> {build(key, recording), build(value, recording)} end)

  defp build(leaf, _), do: leaf

  # Told where the object came first.
  defp type(number, recording),
    do: Enum.find_value(recording.entries, "object", fn {_, _, answer} -> type_in(answer, number) end)

  defp type_in({:ref, number, type}, number), do: type
  defp type_in(tuple, number) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> type_in(number)
  defp type_in(list, number) when is_list(list), do: Enum.find_value(list, &type_in(&1, number))

  defp type_in(map, number) when is_map(map) and not is_struct(map),
    do: map |> Map.to_list() |> type_in(number)

  defp type_in(_, _), do: nil

  defp nearest(request, entries) do
    text = written(request)

    entries
    |> Enum.map(fn {_, other, _} -> written(other) end)
    |> Enum.uniq()
    |> then(&Nearest.names(text, &1, 3))
  end

  defp written({target, steps, as}) do
    [source(target) | Enum.map(steps, &step/1)]
    |> Enum.intersperse(" |> ")
    |> then(&if as == %{}, do: &1, else: [&1, ", as: :#{as.as}"])
    |> IO.iodata_to_binary()
    |> cut()
  end

  defp cut(text), do: if(String.length(text) > 300, do: String.slice(text, 0, 300) <> "...", else: text)
end
