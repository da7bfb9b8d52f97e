defmodule SnakeBridge.Project.Scanner do
  @moduledoc """
  Which modules and functions under given roots a project's source calls: read off the source, which is not compiled.

  Aliases, imports, captures, pipes, `apply/3`, `defdelegate` and code in quotes are understood. A module that stands there
  as a value, or is imported without `only:`, is used as a whole: what is called of it cannot be seen. Nor can modules that are made of data while the
  program runs, or templates (`.heex`), which are not read: `generate: :all` is for these.

  It knows nothing of Python: whether there is what is called is seen elsewhere.

      iex> source = "alias Numpy.Linalg, as: LA\\nxs |> LA.svd(full_matrices: false)"
      iex> for use <- SnakeBridge.Project.Scanner.scan_source(source, "lib/a.ex", [Numpy]),
      ...>     do: {use.module, use.name, use.arity, use.line}
      [{Numpy.Linalg, :svd, 2, 2}]
  """

  @typedoc "A use; `name` is nil where it is one of the whole module, `arity` where it cannot be seen."
  @type use :: %{
          module: module(),
          name: atom() | nil,
          arity: non_neg_integer() | nil,
          file: Path.t(),
          line: pos_integer()
        }

  @doc "The uses in a source text; none in one that cannot be parsed, which the compiler will say."
  @spec scan_source(String.t(), Path.t(), [module()]) :: [use()]
  def scan_source(source, file, roots) do
    case Code.string_to_quoted(source, file: file, columns: true, emit_warnings: false) do
      {:ok, ast} ->
        env = %{aliases: %{}, module: nil, roots: Enum.map(roots, &Module.split/1), file: file}
        {_, uses} = walk(ast, env, [])
        uses |> Enum.uniq() |> Enum.sort_by(&{inspect(&1.module), &1.name, &1.line, &1.arity})

      {:error, _} ->
        []
    end
  end

  @doc "The uses in a file."
  @spec scan_file(Path.t(), [module()]) :: [use()]
  def scan_file(file, roots) do
    case File.read(file) do
      {:ok, source} -> if mentions?(source, roots), do: scan_source(source, file, roots), else: []
      {:error, _} -> []
    end
  end

  # Most files of a project have nothing to do with Python.
  defp mentions?(source, roots), do: Enum.any?(roots, &String.contains?(source, hd(Module.split(&1))))

  # --- walking ---

  # Gives the environment for what stands after the expression in the same block.
  defp walk({:__block__, _, expressions}, env, uses) when is_list(expressions),
    do: Enum.reduce(expressions, {env, uses}, fn expression, {env, uses} -> walk(expression, env, uses) end)

  defp walk({:alias, meta, [target | rest]}, env, uses),
    do: directive(:alias, meta, target, options(rest), env, uses)

  defp walk({:require, meta, [target | rest]}, env, uses),
    do: directive(:require, meta, target, options(rest), env, uses)

  defp walk({:import, meta, [target | rest]}, env, uses) do
    case module(target, env) do
      nil -> {env, uses}
      module -> imported(module, options(rest), meta, env, uses)
    end
  end

  defp walk({:defmodule, _, [name, [{_, body} | _]]}, env, uses) do
    {inner, env} = nested(name, env)
    {_, uses} = walk(body, inner, uses)
    {env, uses}
  end

  defp walk({:defdelegate, meta, [heads, options]}, env, uses) do
    case (is_list(options) and Keyword.keyword?(options)) && module(options[:to], env) do
      module when module not in [nil, false] ->
        uses =
          for head <- List.wrap(heads), {name, _, args} <- [head], is_atom(name), reduce: uses do
            uses -> use(uses, module, options[:as] || name, length(List.wrap(args)), meta, env)
          end

        {env, uses}

      _ ->
        {env, inside([heads, options], env, uses)}
    end
  end

  # &Numpy.sqrt/1
  defp walk({:&, _, [{:/, _, [{{:., meta, [target, name]}, _, []}, arity]}]} = capture, env, uses)
       when is_atom(name) and is_integer(arity) do
    case module(target, env) do
      nil -> {env, inside(elem(capture, 2), env, uses)}
      module -> {env, use(uses, module, name, arity, meta, env)}
    end
  end

  defp walk({:|>, _, [left, {call, meta, args}]}, env, uses) when is_list(args),
    do: {env, inside([left, {call, [{:piped, true} | meta], args}], env, uses)}

  # To ask whether something is there is no use of it.
  defp walk({:function_exported?, _, [{:__aliases__, _, _} | rest]}, env, uses),
    do: {env, inside(rest, env, uses)}

  defp walk({{:., _, [{:__aliases__, _, [:Code]}, name]}, _, [{:__aliases__, _, _}]}, env, uses)
       when name in [:ensure_loaded, :ensure_loaded!, :ensure_loaded?],
       do: {env, uses}

  defp walk({:apply, meta, [target, name, args]} = call, env, uses) when is_atom(name) and name != nil do
    case module(target, env) do
      nil ->
        {env, inside(elem(call, 2), env, uses)}

      module ->
        arity =
          if is_list(args) and not List.improper?(args) and not match?([{:|, _, _}], args), do: length(args)

        {env, args |> inside(env, use(uses, module, name, arity, meta, env))}
    end
  end

  defp walk({{:., meta, [target, name]}, call_meta, args}, env, uses) when is_atom(name) and is_list(args) do
    arity = length(args) + if(call_meta[:piped], do: 1, else: 0)

    case module(target, env) do
      nil -> {env, inside([target | args], env, uses)}
      module -> {env, inside(args, env, use(uses, module, name, arity, meta, env))}
    end
  end

  defp walk({:__aliases__, meta, _} = target, env, uses) do
    case module(target, env) do
      nil -> {env, uses}
      module -> {env, use(uses, module, nil, nil, meta, env)}
    end
  end

  defp walk({call, _, args}, env, uses) when is_list(args), do: {env, inside([call | args], env, uses)}
  defp walk({_, _, context}, env, uses) when is_atom(context), do: {env, uses}
  defp walk({left, right}, env, uses), do: {env, inside([left, right], env, uses)}
  defp walk(list, env, uses) when is_list(list), do: {env, inside(list, env, uses)}
  defp walk(_, env, uses), do: {env, uses}

  # What an alias in there means ends there.
  defp inside([head | tail], env, uses) do
    {_, uses} = walk(head, env, uses)
    inside(tail, env, uses)
  end

  defp inside(_, _, uses), do: uses

  # --- names ---

  defp directive(kind, _, {{:., _, [base, :{}]}, _, parts}, _, env, uses) do
    with [_ | _] = above <- expand(base, env) do
      aliases =
        for {:__aliases__, _, segments} <- parts,
            Enum.all?(segments, &is_atom/1),
            kind == :alias,
            into: %{} do
          {List.last(segments), above ++ texts(segments)}
        end

      {%{env | aliases: Map.merge(env.aliases, aliases)}, uses}
    else
      _ -> {env, uses}
    end
  end

  defp directive(kind, _, target, options, env, uses) do
    with [_ | _] = segments <- expand(target, env) do
      name =
        case options[:as] do
          {:__aliases__, _, [name]} -> name
          _ when kind == :alias -> segments |> List.last() |> String.to_atom()
          _ -> nil
        end

      {if(name, do: %{env | aliases: Map.put(env.aliases, name, segments)}, else: env), uses}
    else
      _ -> {env, uses}
    end
  end

  defp imported(module, options, meta, env, uses) do
    case options[:only] do
      only when is_list(only) ->
        uses =
          for {name, arity} <- only, is_atom(name), is_integer(arity), reduce: uses do
            uses -> use(uses, module, name, arity, meta, env)
          end

        {env, uses}

      _ ->
        {env, use(uses, module, nil, nil, meta, env)}
    end
  end

  defp options([options]) when is_list(options), do: if(Keyword.keyword?(options), do: options, else: [])
  defp options(_), do: []

  # Inside a module the last part of a nested one's name stands for it.
  defp nested({:__aliases__, _, [first | _] = segments}, env) when is_atom(first) do
    if Enum.all?(segments, &is_atom/1) do
      whole =
        if env.module, do: env.module ++ texts(segments), else: expand({:__aliases__, [], segments}, env)

      inner = %{env | module: whole}

      outer =
        if env.module,
          do: %{env | aliases: Map.put(env.aliases, first, env.module ++ texts([first]))},
          else: env

      {%{inner | aliases: outer.aliases}, outer}
    else
      {env, env}
    end
  end

  defp nested(_, env), do: {env, env}

  # The segments of a module's name, or nil.
  defp expand({:__aliases__, _, [:"Elixir" | segments]}, _), do: if(atoms?(segments), do: texts(segments))

  defp expand({:__aliases__, _, [{:__MODULE__, _, _} | rest]}, env),
    do: if(env.module && atoms?(rest), do: env.module ++ texts(rest))

  defp expand({:__aliases__, _, [first | rest] = segments}, env) do
    cond do
      not atoms?(segments) -> nil
      found = env.aliases[first] -> found ++ texts(rest)
      true -> texts(segments)
    end
  end

  defp expand(atom, _) when is_atom(atom) and atom not in [nil, true, false] do
    case Atom.to_string(atom) do
      "Elixir." <> name -> String.split(name, ".")
      _ -> nil
    end
  end

  defp expand({:__MODULE__, _, context}, env) when is_atom(context), do: env.module
  defp expand(_, _), do: nil

  # A module under one of the roots.
  defp module(ast, env) do
    with [_ | _] = segments <- expand(ast, env),
         true <- Enum.any?(env.roots, &List.starts_with?(segments, &1)),
         do: Module.concat(segments),
         else: (_ -> nil)
  end

  defp atoms?(segments), do: Enum.all?(segments, &is_atom/1)
  defp texts(segments), do: Enum.map(segments, &Atom.to_string/1)

  defp use(uses, module, name, arity, meta, env),
    do: [%{module: module, name: name, arity: arity, file: env.file, line: meta[:line] || 1} | uses]
end
