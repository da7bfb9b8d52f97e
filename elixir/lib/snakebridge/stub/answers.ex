defmodule SnakeBridge.Stub.Answers do
  @moduledoc """
  Takes the steps of a call through what a stub knows: given answers, objects of a stub, plain values.

  It runs in the process that calls, so an answer sees that one's process dictionary and mailbox, and raises there. What
  Python does by itself (an item of a list, the length of a text) is done for values; nothing else is made up: what has
  no answer raises `SnakeBridge.Stub.UnexpectedCallError`.
  """

  import SnakeBridge.Py, only: [is_kind: 2]

  alias SnakeBridge.{BridgeError, Encoder, Nearest, Py, Ref, Scope}
  alias SnakeBridge.Stub.{Server, UnexpectedCallError}

  defmodule Object do
    @moduledoc false
    # `path` is what a name stands for that has no answer itself: a module, a class, a function.
    defstruct [:type, :repr, :path, :value, valued: false, attributes: %{}, methods: %{}]
  end

  # What a step is taken from.
  @typep thing :: {:path, String.t()} | {:ref, Ref.t(), %Object{}} | {:data, term()}

  @doc "What the steps come to."
  @spec run(SnakeBridge.Session.t(), term(), [tuple()], map()) :: SnakeBridge.result()
  def run(session, target, steps, wire) do
    thing = Enum.reduce(steps, start(target, session), &step(&2, &1, session))
    {:ok, finish(thing, Map.get(wire, :as, :auto), session)}
  rescue
    error in BridgeError -> {:error, error}
    error -> python(error, __STACKTRACE__)
  end

  defp python(error, _) when is_kind(error, "BaseException"), do: {:error, error}
  defp python(error, stacktrace), do: reraise(error, stacktrace)

  @doc "A new object, as a ref."
  @spec put(SnakeBridge.Session.t(), %Object{}) :: Ref.t()
  def put(session, object) do
    {id, generation} = Server.ask(session, {:put_object, object})
    Scope.note(%Ref{session: session, worker: generation, id: id, type: object.type})
  end

  # --- targets ---

  defp start({:module, name}, _), do: {:path, name}
  defp start({:name, name}, _), do: {:path, "builtins." <> name}
  defp start({:value, value}, session), do: thing(value, session)

  defp thing(%Ref{session: session} = ref, session) do
    case Server.ask(session, {:object, ref.id}) do
      nil -> raise BridgeError, reason: :ref_gone, message: "a #{ref.type} of the stub that was released"
      %{path: path} when path != nil -> {:path, path}
      object -> {:ref, ref, object}
    end
  end

  defp thing(%Object{} = object, session), do: session |> put(object) |> thing(session)
  defp thing(value, _), do: {:data, value}

  # --- steps ---

  @spec step(thing(), tuple(), SnakeBridge.Session.t()) :: thing()
  defp step({:path, path}, {:attr, name}, session), do: read(path <> "." <> name, session)

  defp step({:path, path}, {:method, name, args, kwargs}, session),
    do: call(path <> "." <> name, args, kwargs, session)

  defp step({:path, path}, {:call, args, kwargs}, session), do: call(path, args, kwargs, session)
  defp step({:path, path}, {:fun, name}, _) when name in [:repr, :str], do: {:data, "<#{path}>"}

  defp step({:path, path}, {:is, %Ref{} = other}, session),
    do: {:data, thing(other, session) == {:path, path}}

  defp step({:ref, ref, object}, {:attr, name}, session) do
    case object.attributes do
      %{^name => value} -> thing(value, session)
      _ -> property(ref, object, name, session)
    end
  end

  defp step({:ref, ref, object}, {:method, name, args, kwargs}, session) do
    case {object.methods, object} do
      {%{^name => answer}, _} ->
        answered(answer, object.type <> "." <> name, args, kwargs, session)

      {_, %{valued: true, value: value}} when name == "__delitem__" ->
        changed(ref, deleted(value, hd(args)), session)

      _ ->
        call(object.type <> "." <> name, [ref | args], kwargs, session)
    end
  end

  defp step({:ref, _, _} = thing, {:call, args, kwargs}, session),
    do: step(thing, {:method, "__call__", args, kwargs}, session)

  defp step({:ref, ref, object}, {:set_attr, name, value}, session) do
    Server.ask(session, {:change, ref.id, %{attributes: Map.put(object.attributes, name, value)}})
    thing(ref, session)
  end

  defp step({:ref, ref, %{valued: true, value: value}}, {:set_item, key, new}, session),
    do: changed(ref, assigned(value, key, new), session)

  defp step({:ref, ref, _} = thing, {:set_item, key, value}, session) do
    step(thing, {:method, "__setitem__", [key, value], []}, session)
    thing(ref, session)
  end

  defp step({:ref, ref, _}, {:is, other}, _), do: {:data, is_struct(other, Ref) and other.id == ref.id}

  defp step({:ref, _, %{repr: repr}}, {:fun, name}, _) when name in [:repr, :str] and repr != nil,
    do: {:data, repr}

  defp step({:ref, _, %{valued: true, value: value}}, step, session)
       when elem(step, 0) in [:item, :slice, :fun, :op, :rop, :await],
       do: step({:data, value}, step, session)

  defp step({:ref, _, object}, {:fun, name}, _) when name in [:repr, :str], do: {:data, "<#{object.type}>"}

  defp step({:ref, _, _} = thing, step, session), do: step(thing, special(step), session)

  defp step({:data, value}, {:item, key}, _), do: {:data, item(value, key)}
  defp step({:data, value}, {:slice, start, stop, step}, _), do: {:data, slice(value, start, stop, step)}
  defp step({:data, value}, {:is, other}, _), do: {:data, value === other}
  defp step({:data, value}, {:op, :eq, other}, _), do: {:data, value == other}
  defp step({:data, value}, {:op, :ne, other}, _), do: {:data, value != other}
  defp step({:data, value}, {:fun, :repr}, _), do: {:data, inspect(value)}
  defp step({:data, value}, {:fun, :str}, _) when is_binary(value), do: {:data, value}
  defp step({:data, value}, {:fun, :str}, _), do: {:data, inspect(value)}
  defp step({:data, value}, {:fun, :bool}, _), do: {:data, value not in [nil, false, 0, "", [], %{}]}
  defp step({:data, value}, {:fun, :len}, _) when is_binary(value), do: {:data, String.length(value)}
  defp step({:data, value}, {:fun, :len}, _) when is_tuple(value), do: {:data, tuple_size(value)}

  defp step({:data, value}, {:fun, :len}, _) when is_list(value) or is_map(value),
    do: {:data, Enum.count(value)}

  defp step({:data, _} = thing, {:await}, _), do: thing

  defp step({:data, value}, {:method, name, args, kwargs}, session),
    do: call(class(value) <> "." <> name, [value | args], kwargs, session)

  defp step({:data, value}, {:attr, name}, session),
    do: property(value, %Object{type: class(value)}, name, session)

  defp step({:data, _} = thing, step, session) when elem(step, 0) in [:op, :rop],
    do: step(thing, special(step), session)

  defp step(thing, step, _) do
    raise UnexpectedCallError,
      message: "a stub has no #{inspect(step, limit: 5)} of #{shown(thing)}",
      hint:
        "let the call before it give what this is to be, or SnakeBridge.Stub.object(type, methods: %{...})"
  end

  defp special({:item, key}), do: {:method, "__getitem__", [key], []}

  defp special({:slice, start, stop, step}),
    do: {:method, "__getitem__", [Encoder.make("slice", [start, stop, step])], []}

  defp special({:op, name, other}), do: {:method, "__#{name}__", [other], []}
  defp special({:rop, name, other}), do: {:method, "__r#{name}__", [other], []}
  defp special({:fun, name}), do: {:method, "__#{name}__", [], []}
  defp special({:await}), do: {:method, "__await__", [], []}
  defp special(step), do: {:method, inspect(step), [], []}

  # --- names ---

  defp read(name, session) do
    case ask(session, name, nil) do
      {:ok, answer} when is_function(answer) -> {:path, name}
      {:ok, value} -> thing(value, session)
      :begins -> {:path, name}
      {:used_up, _} -> {:path, name}
      {:unknown, known} -> unknown!(name, name, known)
    end
  end

  # A function that stands for an attribute of an object is a property.
  defp property(self, object, name, session) do
    path = object.type <> "." <> name

    case ask(session, path, nil) do
      {:ok, answer} when is_function(answer) -> answered(answer, path, [self], [], session)
      {:ok, value} -> thing(value, session)
      {:unknown, known} -> unknown!(path, path, known)
      _ -> {:path, path}
    end
  end

  defp call("snakebridge.iteration." <> name, args, _, session), do: {:data, iterate(name, args, session)}
  defp call("snakebridge.contexts." <> name, args, _, session), do: {:data, context(name, args, session)}

  defp call("snakebridge.display.bundle", [object], _, session) do
    {:data, text} = object |> thing(session) |> step({:fun, :repr}, session)
    {:data, {%{"text/plain" => text}, %{}}}
  end

  # A source, whether it stood in a drop or was given to `SnakeBridge.run/3`.
  defp call("snakebridge.drops.run" = name, [_, names | more], [{"source", {text, _, _}}], session) do
    case {call(name, [text, names], [], session), List.first(more, {})} do
      {thing, {}} -> thing
      {thing, wanted} -> {:data, bound(value(thing), wanted)}
    end
  end

  defp call(name, args, kwargs, session) do
    call = {name, args, Map.new(kwargs)}

    case ask(session, name, call) do
      {:ok, answer} -> answered(answer, name, args, kwargs, session)
      {:used_up, count} -> used_up!(call, count)
      :begins -> unknown!(name, written(call), [])
      {:unknown, known} -> unknown!(name, written(call), known)
    end
  end

  defp bound({:bound, value, names}, nil), do: {nil, value, names}
  defp bound(value, nil), do: {nil, value, %{}}

  defp bound({:bound, value, names}, wanted) do
    wanted = Tuple.to_list(wanted)
    missing = Enum.reject(wanted, &is_map_key(names, &1))
    List.to_tuple([if(missing != [], do: missing), value | Enum.map(wanted, &names[&1])])
  end

  defp bound(value, wanted), do: bound({:bound, value, %{}}, wanted)

  defp ask(session, name, call), do: Server.ask(session, {:answer, SnakeBridge.Stub.callers(), name, call})

  defp answered(answer, name, args, kwargs, session) when is_function(answer, 2) do
    kwargs = Map.new(kwargs)

    try do
      answer.(args, kwargs)
    rescue
      error in FunctionClauseError ->
        # Of the answer itself, and not of what it calls.
        with %{arity: 2} <- error,
             true <- {error.module, error.function} == named(answer) do
          raise UnexpectedCallError,
            message: "the answer for #{name} takes no such arguments: #{written({name, args, kwargs})}",
            hint: "add a clause: fn #{inspect(args, limit: 5)}, _ -> ... end"
        else
          _ -> reraise error, __STACKTRACE__
        end
    end
    |> thing(session)
  end

  defp answered(value, _, _, _, session), do: thing(value, session)

  defp named(function) do
    info = Function.info(function)
    {info[:module], info[:name]}
  end

  # --- what the bridge's own modules do ---

  # A continuation stands in the process that walks.
  defp iterate("begin", [subject, chunk], session) do
    items = items!(subject, session)

    step = fn item, {left, taken} ->
      if left > 1, do: {:cont, {left - 1, [item | taken]}}, else: {:suspend, {0, [item | taken]}}
    end

    taken(make_number(), &Enumerable.reduce(items, &1, step), chunk)
  end

  defp iterate("take", [{:stub, number}], _) do
    case Process.delete({__MODULE__, number}) do
      {continuation, chunk} -> taken(number, continuation, chunk)
      nil -> {nil, []}
    end
  end

  defp iterate("close", [{:stub, number}], _) do
    with {continuation, _} <- Process.delete({__MODULE__, number}), do: continuation.({:halt, {0, []}})
    nil
  end

  defp iterate("has", [subject, value], session), do: Enum.member?(items!(subject, session), value)

  defp iterate("part", [subject, start, count, step], session),
    do: subject |> items!(session) |> Enum.drop(start) |> Enum.take_every(step) |> Enum.take(count)

  defp iterate("put", [%Ref{} = ref, items], session) do
    case thing(ref, session) do
      {:ref, _, %{valued: true, value: value}} -> changed(ref, collected(value, items), session)
      thing -> step(thing, {:method, "extend", [items], []}, session)
    end

    nil
  end

  defp collected(list, items) when is_list(list), do: list ++ items
  defp collected(other, items), do: Enum.into(items, other)

  defp make_number, do: System.unique_integer([:positive])

  defp taken(number, continuation, chunk) do
    case continuation.({:cont, {chunk, []}}) do
      {:suspended, {_, items}, next} ->
        Process.put({__MODULE__, number}, {next, chunk})
        {{:stub, number}, Enum.reverse(items)}

      {_, {_, items}} ->
        {nil, Enum.reverse(items)}
    end
  end

  defp items!(subject, session) do
    case thing(subject, session) do
      {:ref, _, %{valued: true, value: value}} when is_binary(value) -> String.graphemes(value)
      {:ref, _, %{valued: true, value: value}} when is_tuple(value) -> Tuple.to_list(value)
      {:ref, _, %{valued: true, value: value}} when is_map(value) and not is_struct(value) -> Map.keys(value)
      {:ref, _, %{valued: true, value: value}} -> value
      {:data, value} -> value
      thing -> raise Py.TypeError, message: "#{shown(thing)} has no items: give it `value: [...]`"
    end
  end

  defp context("enter", [manager], session) do
    value = special_method(manager, "__enter__", [], manager, session)
    {manager, value}
  end

  defp context("leave", [manager | raised], session) do
    args = if raised == [], do: [nil, nil, nil], else: [nil, hd(raised), nil]
    special_method(manager, "__exit__", args, false, session) == true
  end

  defp special_method(ref, name, args, otherwise, session) do
    {:ref, _, object} = thing(ref, session)
    path = object.type <> "." <> name

    cond do
      is_map_key(object.methods, name) -> value(answered(object.methods[name], path, args, [], session))
      match?({:ok, _}, ask(session, path, nil)) -> value(call(path, [ref | args], [], session))
      true -> otherwise
    end
  end

  defp value({:data, value}), do: value
  defp value({:ref, ref, _}), do: ref
  defp value({:path, path}), do: "<#{path}>"

  # --- values ---

  defp changed(ref, value, session) do
    Server.ask(session, {:change, ref.id, %{value: value}})
    thing(ref, session)
  end

  defp item(map, key) when is_map(map) and not is_struct(map) do
    case map do
      %{^key => value} -> value
      _ -> raise Py.KeyError, message: inspect(key)
    end
  end

  defp item(tuple, index) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> item(index)

  defp item(list, index) when is_list(list) and is_integer(index) do
    case Enum.fetch(list, index) do
      {:ok, value} -> value
      :error -> raise Py.IndexError, message: "list index out of range"
    end
  end

  defp item(text, index) when is_binary(text) and is_integer(index),
    do: String.at(text, index) || raise(Py.IndexError, message: "string index out of range")

  defp item(value, _), do: raise(Py.TypeError, message: "'#{class(value)}' object is not subscriptable")

  defp slice(text, start, stop, step) when is_binary(text),
    do: text |> String.codepoints() |> slice(start, stop, step) |> Enum.join()

  defp slice(tuple, start, stop, step) when is_tuple(tuple),
    do: tuple |> Tuple.to_list() |> slice(start, stop, step) |> List.to_tuple()

  defp slice(list, start, stop, step) when is_list(list) and step in [nil, 1] do
    count = length(list)
    first = place(start, 0, count)
    Enum.slice(list, first, max(place(stop, count, count) - first, 0))
  end

  defp slice(list, nil, nil, -1) when is_list(list), do: Enum.reverse(list)

  defp slice(list, start, stop, step) when is_list(list) and step > 1,
    do: list |> slice(start, stop, nil) |> Enum.take_every(step)

  defp slice(value, _, _, _),
    do: raise(Py.TypeError, message: "a stub has no such slice of a '#{class(value)}'")

  defp place(nil, default, _), do: default
  defp place(index, _, count) when index < 0, do: max(count + index, 0)
  defp place(index, _, count), do: min(index, count)

  defp assigned(map, key, value) when is_map(map), do: Map.put(map, key, value)
  defp assigned(list, index, value) when is_list(list), do: List.replace_at(list, index, value)

  defp assigned(value, _, _),
    do: raise(Py.TypeError, message: "'#{class(value)}' object does not support item assignment")

  defp deleted(map, key) when is_map(map), do: Map.delete(map, key)
  defp deleted(list, index) when is_list(list), do: List.delete_at(list, index)

  defp deleted(value, _),
    do: raise(Py.TypeError, message: "'#{class(value)}' object doesn't support item deletion")

  @doc "The class that a value has in Python, as the names of methods begin with: `\"str\"`."
  @spec class(term()) :: String.t()
  def class(nil), do: "NoneType"
  def class(value) when is_boolean(value), do: "bool"
  def class(value) when value in [:nan, :infinity, :neg_infinity] or is_float(value), do: "float"
  def class(value) when is_atom(value), do: "str"
  def class(value) when is_binary(value), do: if(String.valid?(value), do: "str", else: "bytes")
  def class(value) when is_integer(value), do: "int"
  def class(value) when is_list(value), do: "list"
  def class(value) when is_tuple(value), do: "tuple"
  def class(%MapSet{}), do: "set"
  def class(%Range{}), do: "range"
  def class(%module{}), do: inspect(module)
  def class(value) when is_map(value), do: "dict"
  def class(_), do: "object"

  # --- results ---

  defp finish({:path, path}, _, session),
    do: put(session, %Object{type: "builtins.object", path: path, repr: "<#{path}>"})

  defp finish({:ref, _, %{valued: true, value: value}}, as, session) when as not in [:auto, :ref],
    do: finish({:data, value}, as, session)

  defp finish({:ref, ref, object}, :text, session) do
    {:data, text} = step({:ref, ref, object}, {:fun, :str}, session)
    text
  end

  defp finish({:ref, ref, _}, as, _) when as in [:auto, :ref], do: ref

  defp finish({:ref, ref, _}, as, _) do
    raise BridgeError,
      reason: :not_convertible,
      message: "a #{ref.type} of a stub has no value to be had `as: #{inspect(as)}`",
      hint: "give it one: SnakeBridge.Stub.object(#{inspect(ref.type)}, value: ...)"
  end

  defp finish({:data, %Ref{} = ref}, _, _), do: ref

  defp finish({:data, value}, :ref, session),
    do: put(session, %Object{type: "builtins." <> class(value), value: value, valued: true, repr: nil})

  defp finish({:data, value}, :list, _) when is_tuple(value), do: Tuple.to_list(value)
  defp finish({:data, value}, :list, _) when is_map(value) and not is_struct(value), do: Map.keys(value)
  defp finish({:data, value}, :list, _) when not is_binary(value), do: Enum.to_list(value)
  defp finish({:data, value}, :set, _) when not is_binary(value), do: MapSet.new(value)
  defp finish({:data, value}, :map, _) when is_list(value), do: Map.new(value)
  defp finish({:data, value}, :text, _) when not is_binary(value), do: inspect(value)
  defp finish({:data, value}, _, _), do: value

  # --- what is not known ---

  defp unknown!(name, written, known) do
    nearest =
      case Nearest.names(name, known, 3) do
        [] -> "no answers are known to this process: a test's are for it and for processes that it started"
        near -> "nearest: " <> Enum.join(near, ", ")
      end

    raise UnexpectedCallError,
      message: "there is no answer for #{written}\n  #{nearest}",
      hint: "SnakeBridge.Stub.stub(#{inspect(name)}, fn args, kwargs -> ... end)"
  end

  defp used_up!({name, _, _} = call, count) do
    times = if count == 1, do: "once", else: "#{count} times"

    raise UnexpectedCallError,
      message: "#{written(call)} was called again: it was expected #{times}",
      hint:
        "SnakeBridge.Stub.expect(#{inspect(name)}, ..., times: #{count + 1}), or stub/2 for any number of calls"
  end

  @doc "A call as Python writes it, for messages."
  @spec written({String.t(), [term()], map()}) :: String.t()
  def written({name, args, kwargs}) do
    args = Enum.map(args, &short/1) ++ for({key, value} <- Enum.sort(kwargs), do: "#{key}=#{short(value)}")
    "#{name}(#{Enum.join(args, ", ")})"
  end

  defp short(%Ref{type: type}), do: "<#{type}>"
  defp short(value), do: inspect(value, limit: 5, printable_limit: 50)

  defp shown({:path, path}), do: path
  defp shown({:ref, ref, _}), do: "a #{ref.type}"
  defp shown({:data, value}), do: short(value)
end
