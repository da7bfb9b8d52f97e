defmodule SnakeBridge.Drop.Scopes do
  @moduledoc """
  Which names of a source are global, by Python's rules of scope: which it binds, which it reads, and which of these it
  may read before it has bound them itself.

  Functions run later than they are defined: what they read counts as read where they are defined. A comprehension and
  the body of a class run at once. A class's names are not seen by its methods. Reads are judged by order; that a loop
  comes round, or that a call comes late, is not.

  It reads events (`SnakeBridge.Drop.Parser`), no text.
  """

  @type names :: %{String.t() => SnakeBridge.Drop.Tokens.offset()}
  @typedoc """
  With the place of the first: `binds`, all names that it may bind; `reads`, all global names that it may read; `needs`,
  those of them that it has not certainly bound by then; `declares`, what is annotated without being bound.
  """
  @type t :: %{
          binds: names(),
          declares: names(),
          reads: names(),
          needs: names(),
          star?: boolean()
        }

  @doc "The global names. Throws `{:python, message, offset}` where a `yield` stands outside functions."
  @spec read([SnakeBridge.Drop.Parser.event()]) :: t()
  def read(events) do
    declared = declared(events)
    scope = %{kind: :module, locals: declared.locals, globals: MapSet.new(), outer: [], class: nil}

    found = %{
      binds: %{},
      reads: %{},
      needs: %{},
      declares: %{},
      annotations?: true,
      star?: false,
      bound: MapSet.new(),
      in_class: MapSet.new()
    }

    found = walk(events, scope, found)
    Map.take(found, [:binds, :declares, :reads, :needs, :star?])
  end

  # --- what a scope declares ---

  # Names of a scope itself, not those of scopes inside it. Of comprehensions what `:=` binds comes out.
  defp declared(events) do
    names = %{locals: MapSet.new(), globals: MapSet.new(), nonlocals: MapSet.new()}
    names = declared(events, names)

    %{
      names
      | locals: names.locals |> MapSet.difference(names.globals) |> MapSet.difference(names.nonlocals)
    }
  end

  defp declared(events, names) when is_list(events), do: Enum.reduce(events, names, &declared/2)

  defp declared({kind, name, _}, names) when kind in [:store, :del, :walrus, :declare],
    do: %{names | locals: MapSet.put(names.locals, name)}

  defp declared({:global, name, _}, names), do: %{names | globals: MapSet.put(names.globals, name)}
  defp declared({:nonlocal, name, _}, names), do: %{names | nonlocals: MapSet.put(names.nonlocals, name)}
  defp declared({:branch, ways}, names), do: declared(ways, names)
  defp declared({:loop, body, otherwise}, names), do: declared([body, otherwise], names)

  defp declared({:try, body, handlers, otherwise, finally}, names),
    do: declared([body, handlers, otherwise, finally], names)

  defp declared({:comprehension, body}, names), do: walrus(body, names)
  defp declared(_, names), do: names

  defp walrus(events, names) when is_list(events), do: Enum.reduce(events, names, &walrus/2)
  defp walrus({:walrus, name, _}, names), do: %{names | locals: MapSet.put(names.locals, name)}
  defp walrus({:branch, ways}, names), do: walrus(ways, names)
  defp walrus({:comprehension, body}, names), do: walrus(body, names)
  defp walrus(_, names), do: names

  # A comprehension's own: its targets.
  defp targets(events, names) when is_list(events), do: Enum.reduce(events, names, &targets/2)
  defp targets({:store, name, _}, names), do: MapSet.put(names, name)
  defp targets(_, names), do: names

  # --- the walk ---

  defp walk(events, scope, found) when is_list(events), do: Enum.reduce(events, found, &walk(&1, scope, &2))

  defp walk({:load, name, offset}, scope, found), do: load(mangled(name, scope), offset, scope, found)

  defp walk({kind, name, offset}, scope, found) when kind in [:store, :walrus],
    do: store(mangled(name, scope), offset, scope, found)

  defp walk({:del, name, offset}, scope, found), do: del(mangled(name, scope), offset, scope, found)

  defp walk({:declare, name, offset}, %{kind: :module}, found),
    do: note(found, :declares, name, offset, false)

  defp walk({:declare, _, _}, _, found), do: found
  defp walk({:future, _}, _, found), do: %{found | annotations?: false}
  defp walk({:annotation, _}, _, %{annotations?: false} = found), do: found
  defp walk({:annotation, events}, scope, found), do: walk(events, scope, found)

  defp walk({kind, _, _}, _, found) when kind in [:global, :nonlocal], do: found

  defp walk({:stop, _, _}, %{kind: :module}, found), do: %{found | bound: :all}
  defp walk({:stop, _, _}, _, found), do: found

  defp walk({:yield, offset}, scope, found) do
    if inside_function?(scope),
      do: found,
      else: SnakeBridge.Drop.Tokens.fail("'yield' outside function", offset)
  end

  defp walk({:star, _}, _, found), do: %{found | star?: true}

  defp walk({:branch, ways}, scope, found) do
    {ends, found} = Enum.map_reduce(ways, found, fn way, found -> apart(way, scope, found) end)
    joined(found, ends)
  end

  defp walk({:loop, body, otherwise}, scope, found) do
    {_, found} = apart(body, scope, found)
    {_, found} = apart(otherwise, scope, found)
    found
  end

  defp walk({:try, body, handlers, otherwise, finally}, scope, found) do
    {through, found} = apart([body, otherwise], scope, found)
    {caught, found} = Enum.map_reduce(handlers, found, fn handler, found -> apart(handler, scope, found) end)
    # It also runs where the body failed at its first line.
    {_, found} = apart(finally, scope, found)
    %{bound: bound, in_class: in_class} = after_try = joined(found, [through | caught])
    reads = Map.take(after_try, [:binds, :declares, :reads, :needs])
    finally |> walk(scope, %{after_try | bound: bound, in_class: in_class}) |> Map.merge(reads)
  end

  defp walk({:function, parameters, body}, scope, found) do
    declared = declared(body)
    own = parameters |> MapSet.new(fn {name, _} -> name end) |> MapSet.union(declared.locals)
    inner(body, :function, own, declared.globals, scope, found)
  end

  # Those of a class have its private names.
  defp walk({:types, parameters, body, class}, scope, found) do
    own = MapSet.new(parameters, fn {name, _} -> name end)
    inner(body, :types, own, MapSet.new(), %{scope | class: class || scope.class}, found)
  end

  defp walk({:comprehension, body}, scope, found) do
    {_, found} =
      inner_apart(body, :comprehension, targets(body, MapSet.new()), MapSet.new(), scope, found)

    found
  end

  defp walk({:class, name, body}, scope, found) do
    declared = declared(body)

    inner = %{
      kind: :class,
      locals: mangled(declared.locals, %{class: name}),
      globals: mangled(declared.globals, %{class: name}),
      outer: visible(scope),
      class: name
    }

    before = found.in_class
    body |> walk(inner, %{found | in_class: MapSet.new()}) |> Map.put(:in_class, before)
  end

  # --- scopes ---

  defp inner(body, kind, own, globals, scope, found) do
    own = mangled(own, scope)

    inner = %{
      kind: kind,
      locals: own,
      globals: mangled(globals, scope),
      outer: visible(scope),
      class: scope.class,
      around: scope
    }

    walk(body, inner, found)
  end

  # What it certainly binds it binds for each item, of which there may be none.
  defp inner_apart(body, kind, own, globals, scope, found) do
    after_body = inner(body, kind, own, globals, scope, found)
    {nil, %{after_body | bound: found.bound, in_class: found.in_class}}
  end

  # What functions inside see of the scopes around them; `globals` says where a name is not theirs.
  defp visible(%{kind: :module}), do: []
  defp visible(%{kind: :class, outer: outer}), do: [MapSet.new(["__class__", "__classdict__"]) | outer]
  defp visible(%{locals: locals, globals: globals, outer: outer}), do: [{:globals, globals}, locals | outer]

  defp enclosed?([], _), do: false

  defp enclosed?([{:globals, names} | outer], name),
    do: not MapSet.member?(names, name) and enclosed?(outer, name)

  defp enclosed?([names | outer], name), do: MapSet.member?(names, name) or enclosed?(outer, name)

  defp inside_function?(%{kind: :function}), do: true

  defp inside_function?(%{kind: kind, around: around}) when kind in [:comprehension, :types],
    do: inside_function?(around)

  defp inside_function?(_), do: false

  # --- names ---

  defp load(name, offset, %{kind: :module}, found), do: read(found, name, offset)

  defp load(name, offset, %{kind: :class} = scope, found) do
    cond do
      MapSet.member?(scope.globals, name) -> read(found, name, offset)
      MapSet.member?(found.in_class, name) -> found
      # A global one until the class has its own.
      MapSet.member?(scope.locals, name) -> need(found, name, offset)
      enclosed?(scope.outer, name) -> found
      true -> read(found, name, offset)
    end
  end

  defp load(name, offset, scope, found) do
    cond do
      MapSet.member?(scope.globals, name) -> read(found, name, offset)
      MapSet.member?(scope.locals, name) or enclosed?(scope.outer, name) -> found
      class_around?(scope, name, found) -> found
      true -> read(found, name, offset)
    end
  end

  # Type parameters, and what they are bound by, see the names of the class that they stand in.
  defp class_around?(%{kind: :types, around: %{kind: :class} = class}, name, _),
    do: MapSet.member?(class.locals, name)

  defp class_around?(_, _, _), do: false

  defp store(name, offset, %{kind: :module}, found),
    do: found |> note(:binds, name, offset, false) |> bound(name)

  defp store(name, offset, %{kind: :class} = scope, found) do
    if MapSet.member?(scope.globals, name),
      do: found |> note(:binds, name, offset, false) |> bound(name),
      else: %{found | in_class: put(found.in_class, name)}
  end

  defp store(name, offset, %{kind: :comprehension} = scope, found) do
    if MapSet.member?(scope.locals, name), do: found, else: store(name, offset, scope.around, found)
  end

  # A function binds it when it is called.
  defp store(name, offset, scope, found) do
    if MapSet.member?(scope.globals, name), do: note(found, :binds, name, offset, false), else: found
  end

  defp del(name, offset, scope, found) do
    found = store(name, offset, scope, found)

    case scope.kind do
      :module -> %{found | bound: delete(found.bound, name)}
      :class -> %{found | in_class: delete(found.in_class, name)}
      _ -> found
    end
  end

  defp read(found, name, offset), do: found |> note(:reads, name, offset, false) |> need(name, offset)

  defp need(found, name, offset), do: note(found, :needs, name, offset, member?(found.bound, name))

  defp note(found, _, _, _, true), do: found
  defp note(found, key, name, offset, false), do: Map.update!(found, key, &Map.put_new(&1, name, offset))

  defp bound(found, name), do: %{found | bound: put(found.bound, name)}

  # `__name` in a class is `_Class__name`.
  defp mangled(%MapSet{} = names, scope), do: MapSet.new(names, &mangled(&1, scope))
  defp mangled(name, %{class: nil}), do: name

  defp mangled("__" <> _ = name, %{class: class}) do
    class = String.trim_leading(class, "_")
    if class == "" or String.ends_with?(name, "__"), do: name, else: "_#{class}#{name}"
  end

  defp mangled(name, _), do: name

  # --- ways that part and join ---

  # What is bound at the end of one way; what is found on the way stays.
  defp apart(events, scope, %{bound: bound, in_class: in_class} = found) do
    found = walk(events, scope, found)
    {{found.bound, found.in_class}, %{found | bound: bound, in_class: in_class}}
  end

  defp joined(found, ends) do
    {bound, in_class} = Enum.reduce(ends, fn {a, b}, {c, d} -> {common(a, c), common(b, d)} end)
    %{found | bound: bound, in_class: in_class}
  end

  # Where a way ends, everything may be taken for bound.
  defp common(:all, names), do: names
  defp common(names, :all), do: names
  defp common(names, others), do: MapSet.intersection(names, others)

  defp member?(:all, _), do: true
  defp member?(names, name), do: MapSet.member?(names, name)

  defp put(:all, _), do: :all
  defp put(names, name), do: MapSet.put(names, name)

  defp delete(:all, _), do: :all
  defp delete(names, name), do: MapSet.delete(names, name)
end
