defmodule SnakeBridge.Natural.Runtime do
  @moduledoc """
  What natural syntax means at run time: the functions that `SnakeBridge.Natural.Rewrite` emits calls of.

  Where no ref is involved each of them is what Elixir does: the same value, the same exception. There are two additions:
  the floats that have no number in Elixir (`:nan`, `:infinity`, `:neg_infinity`, see `SnakeBridge.Conversion`) are
  ordered as floats, and the exception of a call on what is no module says how to keep an object in Python.
  This module rewrites nothing, and is not meant to be called by hand: `SnakeBridge` has functions for that.
  """

  alias SnakeBridge.{Fault, Py, Ref}

  @type step ::
          {:field, atom()}
          | {:invoke | :invoke_with, atom(), [term()]}
          | {:call | :call_with, [term()]}
          | {:item, term()}

  defguardp is_python(term) when is_struct(term, Ref) or is_struct(term, Py)
  defguardp is_float_atom(term) when term in [:nan, :infinity, :neg_infinity]

  # --- fields and calls ---

  @doc "`base.name`"
  @spec field(term(), atom()) :: term()
  def field(base, name) when is_python(base), do: python(base, [{:field, name}])
  def field(base, name) when is_map_key(base, name), do: :erlang.map_get(name, base)

  # Elixir compiles the rest of `base.name` into a call of this function; until 1.17 it was code in place.
  if Code.ensure_loaded?(:elixir_erl_pass) and function_exported?(:elixir_erl_pass, :no_parens_remote, 2) do
    def field(base, name) do
      case :elixir_erl_pass.no_parens_remote(base, name) do
        {:ok, value} -> value
        {:error, reason} -> :erlang.error(reason)
        :error -> no_field(base, name)
      end
    end
  else
    def field(base, name) when is_atom(base) and base not in [nil, true, false], do: apply(base, name, [])
    def field(base, name), do: no_field(base, name)
  end

  @spec no_field(term(), atom()) :: no_return()
  defp no_field(base, name) do
    :erlang.error({:badkey, name, base})
  rescue
    error in KeyError ->
      if is_map(base) or is_atom(base),
        do: :erlang.raise(:error, {:badkey, name, base}, __STACKTRACE__),
        else: raise(%{error | message: hinted(error)})
  end

  @doc "`base.name(args)`"
  @spec invoke(term(), atom(), [term()]) :: term()
  def invoke(base, name, args) when is_python(base), do: python(base, [{:invoke, name, args}])

  if Code.ensure_loaded?(:elixir_erl_pass) and function_exported?(:elixir_erl_pass, :parens_map_field, 2) do
    def invoke(base, name, []) when is_map_key(base, name),
      do: :elixir_erl_pass.parens_map_field(name, :erlang.map_get(name, base))
  else
    def invoke(base, name, []) when is_map_key(base, name), do: :erlang.map_get(name, base)
  end

  def invoke(base, name, args), do: apply_on(base, name, args)

  @doc "`base.name(args)` where the last argument is a literal keyword list"
  @spec invoke_with(term(), atom(), [term()]) :: term()
  def invoke_with(base, name, args) when is_python(base), do: python(base, [{:invoke_with, name, args}])
  def invoke_with(base, name, args), do: apply_on(base, name, args)

  defp apply_on(module, name, args) when is_atom(module), do: apply(module, name, args)

  # The call is sure to fail, and Elixir knows best what to say; but the value may have been an object of Python.
  defp apply_on(value, name, args) do
    apply(value, name, args)
  rescue
    error in ArgumentError -> raise ArgumentError, hinted(error)
  end

  defp hinted(error) do
    Exception.message(error) <>
      "\nhint: a value of Elixir has no methods; if it came from Python, `as: :ref` in the call that gave it keeps it " <>
      "there, and a chain keeps what is between its steps"
  end

  @doc "`function.(args)`"
  @spec call(term(), [term()]) :: term()
  def call(base, args) when is_python(base), do: python(base, [{:call, args}])
  def call(function, args), do: apply(function, args)

  @doc "`function.(args)` where the last argument is a literal keyword list"
  @spec call_with(term(), [term()]) :: term()
  def call_with(base, args) when is_python(base), do: python(base, [{:call_with, args}])
  def call_with(function, args), do: apply(function, args)

  @doc "`&base.name/arity`"
  @spec capture(term(), atom(), arity()) :: function()
  def capture(base, name, arity) when is_python(base), do: function(base, name, arity)
  def capture(base, name, arity), do: :erlang.make_fun(base, name, arity)

  for arity <- 0..20 do
    args = Macro.generate_arguments(arity, __MODULE__)

    defp function(base, name, unquote(arity)),
      do: fn unquote_splicing(args) -> invoke(base, name, unquote(args)) end
  end

  @doc "Several of the above in a row: in one round trip, from the first value on that is a ref."
  @spec chain(term(), [step()]) :: term()
  def chain(base, []), do: base
  def chain(base, steps) when is_python(base), do: python(base, steps)
  def chain(base, [{:field, name}]), do: field(base, name)
  def chain(base, [{:field, name} | steps]), do: chain(field(base, name), steps)
  def chain(base, [{invoke, name, args}]), do: apply_step(base, invoke, name, args)
  def chain(base, [{invoke, name, args} | steps]), do: chain(apply_step(base, invoke, name, args), steps)
  def chain(base, [{:item, key} | steps]), do: chain(Access.get(base, key), steps)
  def chain(base, [{_call, args}]), do: apply(base, args)
  def chain(base, [{_call, args} | steps]), do: chain(apply(base, args), steps)

  defp apply_step(base, :invoke, name, args), do: invoke(base, name, args)
  defp apply_step(base, :invoke_with, name, args), do: invoke_with(base, name, args)

  # --- operators ---

  for {name, operator} <- [add: :+, sub: :-, mul: :*] do
    @doc "`a #{operator} b`"
    @spec unquote(name)(term(), term()) :: term()
    def unquote(name)(a, b) when is_number(a) and is_number(b), do: unquote(operator)(a, b)
    def unquote(name)(a, b) when is_struct(a, Ref) or is_struct(b, Ref), do: binary(unquote(name), a, b)
    def unquote(name)(a, b), do: unquote(operator)(a, b)
  end

  for {name, operator, module, function} <- [
        {:truediv, "/", :erlang, :/},
        {:pow, "**", Kernel, :**},
        {:eq, "==", :erlang, :==},
        {:ne, "!=", :erlang, :"/="},
        {:band, "&&&", :erlang, :band},
        {:bor, "|||", :erlang, :bor},
        {:bxor, "^^^", :erlang, :bxor},
        {:lshift, "<<<", :erlang, :bsl},
        {:rshift, ">>>", :erlang, :bsr}
      ] do
    @doc "`a #{operator} b`"
    @spec unquote(name)(term(), term()) :: term()
    def unquote(name)(a, b) when is_struct(a, Ref) or is_struct(b, Ref), do: binary(unquote(name), a, b)
    def unquote(name)(a, b), do: unquote(module).unquote(function)(a, b)
  end

  for {name, operator, function} <- [{:lt, "<", :<}, {:le, "<=", :"=<"}, {:gt, ">", :>}, {:ge, ">=", :>=}] do
    @doc "`a #{operator} b`"
    @spec unquote(name)(term(), term()) :: term()
    def unquote(name)(a, b) when is_number(a) and is_number(b), do: :erlang.unquote(function)(a, b)
    def unquote(name)(a, b) when is_struct(a, Ref) or is_struct(b, Ref), do: binary(unquote(name), a, b)

    def unquote(name)(a, b)
        when (is_float_atom(a) and (is_number(b) or is_float_atom(b))) or (is_number(a) and is_float_atom(b)),
        do: a != :nan and b != :nan and :erlang.unquote(function)(float_order(a), float_order(b))

    def unquote(name)(a, b), do: :erlang.unquote(function)(a, b)
  end

  # As terms are ordered: infinity above all numbers, its negative below them.
  defp float_order(number) when is_number(number), do: {0, number}
  defp float_order(:infinity), do: {1, 0}
  defp float_order(:neg_infinity), do: {-1, 0}

  for {name, operator, function} <- [{:neg, "-", :-}, {:pos, "+", :+}, {:invert, "~~~", :bnot}] do
    @doc "`#{operator}a`"
    @spec unquote(name)(term()) :: term()
    def unquote(name)(a) when is_struct(a, Ref), do: SnakeBridge.steps!(a, [{:unary, unquote(name)}])
    def unquote(name)(a), do: :erlang.unquote(function)(a)
  end

  @doc "What `Access.get_and_update/3` has written: the updated container."
  @spec written({term(), updated}) :: updated when updated: term()
  def written({_, updated}), do: updated

  @doc "What a comparison says where a branch depends on it: Python's truth of a ref."
  @spec truth(term()) :: term()
  def truth(%Ref{} = ref), do: SnakeBridge.steps!(ref, [{:fun, :bool}])
  def truth(value), do: value

  # --- to Python ---

  @operators %{band: :and, bor: :or, bxor: :xor}

  defp binary(name, a, b), do: SnakeBridge.operator!(a, Map.get(@operators, name, name), b)

  defp python(base, steps) do
    case repeatable(steps, []) do
      :all -> take(base, steps)
      {before, rest} -> base |> SnakeBridge.steps!(Enum.map(before, &wire/1), as: :ref) |> python(rest)
    end
  end

  defp take(base, steps) do
    case SnakeBridge.steps(base, Enum.map(steps, &wire/1)) do
      {:ok, value} ->
        value

      {:error, error} ->
        case formatted(base, steps, error) do
          {:ok, steps} -> take(base, steps)
          :error -> Fault.reraise!(error)
        end
    end
  end

  # The formatter takes `df.T` for a module and makes `df.T.shape` into `df.T.shape()`: an attribute after a capitalised
  # name that cannot be called was meant to be read.
  defp formatted(base, steps, %Py.TypeError{class: "TypeError", traceback: [], step: step})
       when is_integer(step) do
    at = if is_struct(base, Py), do: step + 1, else: step

    with {before, [{:invoke, name, []} | rest]} <- Enum.split(steps, at),
         {:field, last} <- List.last(before),
         true <- capitalised?(last) and fields?(before) do
      {:ok, before ++ [{:field, name} | rest]}
    else
      _ -> :error
    end
  end

  defp formatted(_, _, _), do: :error

  # Where that happens the steps are taken again, and no call may be made twice: those before it are a request by
  # themselves.
  defp repeatable([{:field, name} = field, {:invoke, _, []} = call | rest], before) do
    if capitalised?(name) and not fields?(before),
      do: {Enum.reverse(before), [field, call | rest]},
      else: repeatable([call | rest], [field | before])
  end

  defp repeatable([step | rest], before), do: repeatable(rest, [step | before])
  defp repeatable([], _), do: :all

  defp capitalised?(name), do: match?(<<first, _::binary>> when first in ?A..?Z, Atom.to_string(name))
  defp fields?(steps), do: Enum.all?(steps, &match?({:field, _}, &1))

  defp wire({:field, name}), do: {:attr, Atom.to_string(name)}
  defp wire({:invoke, name, args}), do: {:method, Atom.to_string(name), args, []}

  defp wire({:invoke_with, name, args}) do
    {args, kwargs} = split(args)
    {:method, Atom.to_string(name), args, kwargs}
  end

  defp wire({:call, args}), do: {:call, args, []}

  defp wire({:call_with, args}) do
    {args, kwargs} = split(args)
    {:call, args, kwargs}
  end

  defp wire({:item, key}), do: SnakeBridge.Ref.item_step(key)

  defp split(args) do
    {args, [keywords]} = Enum.split(args, -1)
    {args, for({name, value} <- keywords, do: {Atom.to_string(name), value})}
  end
end
