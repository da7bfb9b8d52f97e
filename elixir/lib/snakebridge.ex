defmodule SnakeBridge do
  @moduledoc """
  Python from Elixir: any Python object is a live ref, any Python function a call away.

      iex> SnakeBridge.call("math", "sqrt", [16])
      {:ok, 4.0}

      iex> SnakeBridge.call!("builtins", "sorted", [[3, 1, 2]], reverse: true)
      [3, 2, 1]

      iex> fraction = SnakeBridge.call!("fractions", "Fraction", [1, 3])
      iex> SnakeBridge.attr(fraction, "denominator")
      {:ok, 3}

  Functions give `{:ok, value}` or `{:error, exception}`; their twins with `!` give the value or raise.
  Plain Python values arrive as Elixir values, everything else as a `SnakeBridge.Ref`.

  Options of the bridge come last and are never mixed with Python's keyword arguments:

    * `:as` - what the result arrives as, see `SnakeBridge.Conversion`: `:auto` (default), `:ref`, `:value`, `:list`,
      `:map`, `:set`, `:text`, `:bytes`, `:array`, `:arrow`
    * `:timeout` - in milliseconds; default: as long as it takes. A call that is given up ends the process's thread of
      Python, and the next call has a new one: contexts that it had entered are left, its iterations end, and a call
      that it was made for, as by a callback, ends with `reason: :interrupted`
    * `:session` - which `SnakeBridge.Session` or `SnakeBridge.Pool`, default `SnakeBridge.Session`. A call that holds
      refs, anywhere in its arguments, goes to theirs
    * `:tags` - any term, for the metadata of this call's events: see `SnakeBridge.Telemetry`

  The first call starts a worker: nothing needs to be set up.

  With `use SnakeBridge` a module's functions are written with natural syntax: `df.shape`, `df.head(3)`. Elsewhere these
  are errors of Elixir (a `KeyError`; "Modules must always be an atom"). `SnakeBridge.Natural` says how to have it in a
  block, and in IEx.

  This module is the API that applications call.
  It evaluates no cells and renders nothing: that is the work of the front ends.
  """

  import Kernel, except: [apply: 2, apply: 3]

  alias SnakeBridge.{
    Batch,
    BridgeError,
    Bytes,
    Context,
    Drop,
    Fault,
    Iteration,
    MimeBundle,
    Options,
    Output,
    Progress
  }

  alias SnakeBridge.{Py, Ref, Session, Steps}

  @typedoc "A name of Python."
  @type name :: String.t() | atom()
  @typedoc "Keyword arguments."
  @type kwargs :: keyword() | %{optional(name()) => term()}
  @type result :: {:ok, term()} | {:error, Exception.t()}
  @typedoc "What steps start from: a ref, the names of a session, a module or a value."
  @type target :: Ref.t() | Py.t() | {:module, String.t()} | {:name, String.t()} | {:value, term()}

  # --- natural syntax ---

  @doc """
  Natural syntax in this module's functions.

      defmodule Iris do
        use SnakeBridge

        def mean(df, column), do: df[column].mean()
        def frame(pd, rows), do: pd.DataFrame.(rows, columns: ["a", "b"])
      end
  """
  defmacro __using__(_) do
    quote do
      import Kernel, except: [def: 1, def: 2, defp: 1, defp: 2]
      import SnakeBridge.Natural.Definitions, only: [def: 1, def: 2, defp: 1, defp: 2, py: 0]
      import Bitwise, only: unquote(SnakeBridge.Natural.operators())
      import SnakeBridge, only: [py: 1, sigil_PY: 2]
      require SnakeBridge.Py
      @before_compile SnakeBridge.Natural.Definitions
    end
  end

  @doc """
  Natural syntax in a block of code; what it binds is bound after it.

      iex> require SnakeBridge
      iex> SnakeBridge.py do
      ...>   fraction = SnakeBridge.import!("fractions").Fraction.(1, 3)
      ...>   double = fraction + fraction
      ...> end
      iex> to_string(double)
      "2/3"
  """
  defmacro py(do: block), do: SnakeBridge.Natural.rewrite(block, __CALLER__)

  @doc """
  The Python names of a session: `py.len(xs)`, `py.X_train` with natural syntax.

  In an application these are Python's builtins, for only cells have names of their own. `use SnakeBridge` and
  `py do ... end` let `py.len(xs)` stand without parentheses: see `SnakeBridge.Natural.names/1`.

      iex> SnakeBridge.py()["abs"] |> SnakeBridge.apply!([-3])
      3
  """
  @spec py() :: Py.t()
  def py, do: %Py{}

  # --- drops ---

  @doc ~S"""
  A drop: Python in the middle of Elixir. It takes the variables that it names, binds the names that it assigns, and its
  value is that of its last expression, or of a `return`.

      iex> import SnakeBridge, only: [sigil_PY: 2]
      iex> xs = [1, 2, 6]
      iex> ~PY\"""
      ...> total = sum(xs)
      ...> total / len(xs)
      ...> \"""
      3.0
      iex> total
      9

  `#{}` inserts the value of an expression of Elixir wherever it stands, in a string of Python too, and never becomes text of
  the program:

      iex> import SnakeBridge, only: [sigil_PY: 2]
      iex> user = %{name: "O'Neil"}
      iex> ~PY"f'{#{user.name}.upper()}: #{user.name}'"
      "O'NEIL: O'Neil"

  A modifier says what the value arrives as, as `as:` does: `r` for a ref, `v`, `l`, `m`, `s`, `t`, `b`, `a` for `:value`,
  `:list`, `:map`, `:set`, `:text`, `:bytes`, `:array`; with `p` nothing is inserted. An exception of Python is raised. To
  have it as an error, and for options: `SnakeBridge.run(~PY"...", timeout: 1_000)`.

  The source is read when Elixir compiles, without a Python; a guide, `docs/drops.md`, says what is taken and bound.
  """
  defmacro sigil_PY(text, modifiers) do
    Drop.Calls.before_compile(__CALLER__)
    Drop.expand(text, modifiers, __CALLER__)
  end

  # --- modules ---

  @doc """
  Calls a function of a module; the module is imported, and the name may be dotted.

      iex> SnakeBridge.call("datetime", "date.fromisoformat", ["2024-02-29"])
      {:ok, ~D[2024-02-29]}

      iex> {:error, error} = SnakeBridge.call("math", "sqrt", [-1])
      iex> error.class
      "ValueError"
  """
  @spec call(name(), name(), [term()], kwargs(), keyword()) :: result()
  def call(module, name, args \\ [], kwargs \\ [], opts \\ []) do
    kwargs = Steps.kwargs(kwargs)
    steps({:module, Steps.text(module)}, Steps.path(name, &{:method, &1, args, kwargs}), opts)
  end

  @doc "Like `call/5`, but gives the value or raises."
  @spec call!(name(), name(), [term()], kwargs(), keyword()) :: term()
  def call!(module, name, args \\ [], kwargs \\ [], opts \\ []),
    do: unwrap!(call(module, name, args, kwargs, opts))

  @doc """
  An attribute of a module; the name may be dotted.

      iex> SnakeBridge.get("string", "digits")
      {:ok, "0123456789"}
  """
  @spec get(name(), name(), keyword()) :: result()
  def get(module, name, opts \\ []),
    do: steps({:module, Steps.text(module)}, Steps.path(name, &{:attr, &1}), opts)

  @doc "Like `get/3`, but gives the value or raises."
  @spec get!(name(), name(), keyword()) :: term()
  def get!(module, name, opts \\ []), do: unwrap!(get(module, name, opts))

  @doc "A module, as a ref."
  @spec import(name(), keyword()) :: result()
  def import(module, opts \\ []), do: steps({:module, Steps.text(module)}, [], as_ref(opts))

  @doc "Like `import/2`, but gives the ref or raises."
  @spec import!(name(), keyword()) :: term()
  def import!(module, opts \\ []),
    do: unwrap!(steps({:module, Steps.text(module)}, [], as_ref(opts)))

  # --- objects ---

  @doc """
  Calls a method.

      iex> fraction = SnakeBridge.call!("fractions", "Fraction", ["3.14159"])
      iex> SnakeBridge.method!(fraction, "limit_denominator", [], max_denominator: 10) |> to_string()
      "22/7"
  """
  @spec method(target(), name(), [term()], kwargs(), keyword()) :: result()
  def method(target, name, args \\ [], kwargs \\ [], opts \\ []),
    do: steps(target, [{:method, Steps.text(name), args, Steps.kwargs(kwargs)}], opts)

  @doc "Like `method/5`, but gives the value or raises."
  @spec method!(target(), name(), [term()], kwargs(), keyword()) :: term()
  def method!(target, name, args \\ [], kwargs \\ [], opts \\ []),
    do: unwrap!(method(target, name, args, kwargs, opts))

  @doc """
  Calls a Python callable: `f(*args, **kwargs)`.

      iex> SnakeBridge.get!("math", "hypot") |> SnakeBridge.apply([3, 4])
      {:ok, 5.0}
  """
  @spec apply(target(), [term()], kwargs(), keyword()) :: result()
  def apply(target, args, kwargs \\ [], opts \\ []),
    do: steps(target, [{:call, args, Steps.kwargs(kwargs)}], opts)

  @doc "Like `apply/4`, but gives the value or raises."
  @spec apply!(target(), [term()], kwargs(), keyword()) :: term()
  def apply!(target, args, kwargs \\ [], opts \\ []), do: unwrap!(apply(target, args, kwargs, opts))

  @doc "An attribute; the name may be dotted."
  @spec attr(target(), name(), keyword()) :: result()
  def attr(target, name, opts \\ []), do: steps(target, Steps.path(name, &{:attr, &1}), opts)

  @doc "Like `attr/3`, but gives the value or raises."
  @spec attr!(target(), name(), keyword()) :: term()
  def attr!(target, name, opts \\ []), do: unwrap!(attr(target, name, opts))

  @doc "Assigns an attribute: `target.name = value`. Gives the target."
  @spec put_attr(target(), name(), term(), keyword()) :: result()
  def put_attr(target, name, value, opts \\ []),
    do: assigned(target, steps(target, [{:set_attr, Steps.text(name), value}], as_ref(opts)))

  @doc "Like `put_attr/4`, but gives the target or raises."
  @spec put_attr!(target(), name(), term(), keyword()) :: term()
  def put_attr!(target, name, value, opts \\ []), do: unwrap!(put_attr(target, name, value, opts))

  @doc """
  An item: `target[key]`. A range is a slice with an inclusive end.

      iex> text = SnakeBridge.call!("builtins", "str", ["abcde"], [], as: :ref)
      iex> {SnakeBridge.item!(text, 0), SnakeBridge.item!(text, 1..2)}
      {"a", "bc"}
  """
  @spec item(target(), term(), keyword()) :: result()
  def item(target, key, opts \\ []), do: steps(target, [Ref.item_step(key)], opts)

  @doc "Like `item/3`, but gives the value or raises."
  @spec item!(target(), term(), keyword()) :: term()
  def item!(target, key, opts \\ []), do: unwrap!(item(target, key, opts))

  @doc "Assigns an item: `target[key] = value`. Gives the target."
  @spec put_item(target(), term(), term(), keyword()) :: result()
  def put_item(target, key, value, opts \\ []),
    do:
      assigned(
        target,
        steps(target, [{:set_item, Ref.index(key), value}], as_ref(opts))
      )

  @doc "Like `put_item/4`, but gives the target or raises."
  @spec put_item!(target(), term(), term(), keyword()) :: term()
  def put_item!(target, key, value, opts \\ []), do: unwrap!(put_item(target, key, value, opts))

  @doc "A slice: `target[start:stop:step]`, with nil for what is left out."
  @spec slice(target(), term(), term(), term(), keyword()) :: result()
  def slice(target, start, stop, step \\ nil, opts \\ []),
    do: steps(target, [{:slice, start, stop, step}], opts)

  @doc "Like `slice/5`, but gives the value or raises."
  @spec slice!(target(), term(), term(), term(), keyword()) :: term()
  def slice!(target, start, stop, step \\ nil, opts \\ []),
    do: unwrap!(slice(target, start, stop, step, opts))

  # --- streams ---

  @doc """
  The items of a ref as a stream.

      iex> letters = SnakeBridge.call!("builtins", "iter", ["abc"])
      iex> {:ok, stream} = SnakeBridge.stream(letters, chunk: 1)
      iex> Enum.to_list(stream)
      ["a", "b", "c"]

  Options:

    * `:chunk` - the most items that one round trip brings, default 512 (the first ones bring fewer)
    * `:timeout` - in milliseconds, for each round trip

  With a name instead of options it is `stream/5`.
  """
  @spec stream(Ref.t() | name(), keyword() | name()) :: {:ok, Enumerable.t()} | {:error, Exception.t()}
  def stream(ref, opts \\ [])

  def stream(%Ref{} = ref, opts) when is_list(opts),
    do: {:ok, Iteration.new(ref, Options.check!(:stream, opts))}

  def stream(module_or_ref, name), do: stream(module_or_ref, name, [])

  @doc """
  Calls a function of a module, or a method of a ref, and gives the items of what it returns as a stream.

      iex> {:ok, numbers} = SnakeBridge.stream("itertools", "count", [10])
      iex> Enum.take(numbers, 3)
      [10, 11, 12]

  Any Python iterable will do: generators, infinite ones too, files, asynchronous generators. Items are asked for as the
  consumer takes them, so a fast producer does not run ahead: see `SnakeBridge.Iteration`. Options: those of calls, and
  those of `stream/2`.
  """
  @spec stream(name() | Ref.t(), name(), [term()], kwargs(), keyword()) ::
          {:ok, Enumerable.t()} | {:error, Exception.t()}
  def stream(module_or_ref, name, args, kwargs \\ [], opts \\ []) do
    call_opts = :stream |> Options.check!(opts) |> Keyword.delete(:chunk) |> Keyword.put(:as, :ref)

    called =
      case module_or_ref do
        %Ref{} = ref -> method(ref, name, args, kwargs, call_opts)
        module -> call(module, name, args, kwargs, call_opts)
      end

    with {:ok, ref} <- called, {:ok, ref} <- settled(ref, call_opts), do: stream(ref, opts)
  end

  # An `async def` that returns what is to be iterated.
  defp settled(%Ref{type: "builtins.coroutine"} = ref, opts), do: await(ref, opts)
  defp settled(ref, _), do: {:ok, ref}

  @doc "Like `stream/2`, but gives the stream or raises."
  @spec stream!(Ref.t() | name(), keyword() | name()) :: Enumerable.t()
  def stream!(ref_or_module, opts_or_name \\ []), do: unwrap!(stream(ref_or_module, opts_or_name))

  @doc "Like `stream/5`, but gives the stream or raises."
  @spec stream!(name() | Ref.t(), name(), [term()], kwargs(), keyword()) :: Enumerable.t()
  def stream!(module_or_ref, name, args, kwargs \\ [], opts \\ []),
    do: unwrap!(stream(module_or_ref, name, args, kwargs, opts))

  # --- asynchronous code ---

  @doc """
  Waits for what comes of an awaitable: a future, a task, a coroutine that was asked for `as: :ref`.

      iex> coroutine = SnakeBridge.call!("asyncio", "sleep", [0.01, "done"], [], as: :ref)
      iex> SnakeBridge.await(coroutine)
      {:ok, "done"}

  A call whose result is a coroutine is awaited without this:

      iex> SnakeBridge.call("asyncio", "sleep", [0.01, "done"])
      {:ok, "done"}

  Coroutines run on the worker's event loop, which all processes share, with the context variables of the caller's thread;
  what they print comes out where the caller's output does. When the call times out or the calling process ends, the
  coroutine is cancelled.
  An Elixir function that a coroutine calls runs in the process that waits, and holds up the event loop meanwhile.
  """
  @spec await(Ref.t(), keyword()) :: result()
  def await(%Ref{} = ref, opts \\ []), do: steps(ref, [{:await}], opts)

  @doc "Like `await/2`, but gives the value or raises."
  @spec await!(Ref.t(), keyword()) :: term()
  def await!(ref, opts \\ []), do: unwrap!(await(ref, opts))

  # --- contexts ---

  @doc """
  Runs a function inside of a Python context manager, with what its `__enter__` gives: `with manager as value`.

      iex> folder = SnakeBridge.call!("tempfile", "TemporaryDirectory")
      iex> {:ok, {path, true}} = SnakeBridge.with_python(folder, fn path -> {path, File.dir?(path)} end)
      iex> File.exists?(path)
      false

  Of a list of managers the function gets a list; they are entered in order and left in reverse.
  A list, dict or set that `__enter__` gives arrives as a ref: the manager may go on to write into it.

  Gives `{:ok, value of the function}`, or `{:error, exception}` where entering or leaving failed. What the function raises,
  throws or exits with is shown to the manager's `__exit__` (a Python exception as the very object, anything else as an
  `ElixirError`), and goes on from here, unless the manager suppresses it: then the value is `{:ok, nil}`.

      iex> suppress = SnakeBridge.call!("contextlib", "suppress", [SnakeBridge.get!("builtins", "ValueError")])
      iex> SnakeBridge.with_python(suppress, fn _ -> SnakeBridge.call!("builtins", "int", ["one"]) end)
      {:ok, nil}

  When the calling process ends inside, the worker leaves the context. Asynchronous context managers are awaited.
  A call inside that is given up (`timeout:`) ends the process's thread of Python, and the context with it: a function that
  goes on all the same gives `{:error, %SnakeBridge.BridgeError{reason: :interrupted}}`.
  Options: `:timeout` in milliseconds, for entering and for leaving.
  """
  @spec with_python(Ref.t() | [Ref.t()], (term() -> term()), keyword()) :: result()
  def with_python(managers, function, opts \\ []) when is_function(function, 1),
    do: Context.run(refs!(managers, "with_python"), function, Options.check!(:context, opts))

  @doc "Like `with_python/3`, but gives the function's value or raises."
  @spec with_python!(Ref.t() | [Ref.t()], (term() -> term()), keyword()) :: term()
  def with_python!(managers, function, opts \\ []), do: unwrap!(with_python(managers, function, opts))

  # --- source, and many calls at once ---

  @doc ~S"""
  Runs Python source, in a namespace of its own that holds the bindings, and gives the value of its last expression, or of
  a `return` at its top level.

      iex> SnakeBridge.run("total = sum(xs); total / len(xs)", xs: [1, 2, 6])
      {:ok, 3.0}

  `{:file, path}` runs a file. Values go in as bindings and never become part of the text, so nothing needs to be quoted.
  `await` may stand at the top level. Tracebacks show the source's lines. What the source defines is gone with it, unless
  it is asked for with `bindings: true`:

      iex> SnakeBridge.run("low, high = min(xs), max(xs)\nhigh - low", [xs: [3, 1]], bindings: true)
      {:ok, 2, %{"low" => 1, "high" => 3}}

  `namespace:` is a dict to run in, which keeps what the source binds:

      iex> names = SnakeBridge.call!("builtins", "dict", [], [], as: :ref)
      iex> SnakeBridge.run!("def double(n): return n * factor", [factor: 2], namespace: names)
      iex> SnakeBridge.put_item!(names, "factor", 3)
      iex> SnakeBridge.run!("double(4)", [], namespace: names)
      12

  The other options are those of `call/5`; `as:` is for the value. A file that cannot be read is a `File.Error`.

  With a drop instead of a source it is that drop, which binds what it binds; it gives its error instead of raising it, and
  takes options: `SnakeBridge.run(~PY"fit(model)", timeout: 60_000)`; with `refs: [:xs]` these names are bound to refs,
  whatever they hold, so that it is the same list that another drop is given. This is so in functions of modules, in cells and where
  natural syntax is on. Elsewhere, as at the top level of a script, a drop is its value before `run/3` sees it, which is an
  `ArgumentError`.
  """
  @spec run(String.t() | {:file, Path.t()}, kwargs(), keyword()) :: result() | {:ok, term(), map()}
  def run(source, bindings \\ [], opts \\ []) do
    names = bindings |> Steps.kwargs() |> Map.new()
    {all?, opts} = :run |> Options.check!(opts) |> Keyword.pop(:bindings, false)

    with {:ok, source} <- source(source, names) do
      drop = %Drop{key: Drop.key(source), source: source, wanted: if(all?, do: :all, else: [])}

      case Drop.run(drop, names, opts) do
        {:ok, {nil, value, bound}} when all? -> {:ok, value, bound}
        result -> result
      end
    end
  end

  defp source(text, names) when is_binary(text) do
    Drop.not_noted!(text)
    Options.no_bindings!(names, text)
    {:ok, {text, nil, 1}}
  end

  # As bytes: a file says itself what its text is encoded in.
  defp source({:file, path}, _) do
    case File.read(path) do
      {:ok, data} ->
        {:ok, {bytes(data), Path.expand(path), 1}}

      {:error, reason} ->
        {:error, %File.Error{reason: reason, action: "read file", path: IO.chardata_to_string(path)}}
    end
  end

  defp source(other, _) do
    raise ArgumentError,
          "run wants Python source as text, or {:file, path}, got: #{Options.shown(other)}\n" <>
            "hint: a drop is its value already, where neither a module nor natural syntax is around it"
  end

  @doc "Like `run/3`, but gives the value (with `bindings: true`, `{value, bindings}`) or raises."
  @spec run!(String.t() | {:file, Path.t()}, kwargs(), keyword()) :: term()
  def run!(source, bindings \\ [], opts \\ []) do
    case run(source, bindings, opts) do
      {:ok, value, bound} -> {value, bound}
      result -> unwrap!(result)
    end
  end

  @doc """
  Makes several calls in one round trip: `{module_or_ref, name, args}` or `{module_or_ref, name, args, kwargs}` each.

      iex> SnakeBridge.batch([{"math", "sqrt", [16]}, {"math", "comb", [5, 2]}])
      {:ok, [ok: 4.0, ok: 10]}

  The results stand in the order of the calls; one that fails leaves the others alone. `{:error, exception}` where there
  was no answer at all. Options are those of `call/5`, for all of them.
  """
  @spec batch([Batch.call()], keyword()) :: {:ok, [result()]} | {:error, Exception.t()}
  def batch(calls, opts \\ []), do: Batch.run(calls, Options.check!(:call, opts))

  @doc "Like `batch/2`, but gives the values, or raises the first exception."
  @spec batch!([Batch.call()], keyword()) :: [term()]
  def batch!(calls, opts \\ []), do: calls |> batch(opts) |> unwrap!() |> Enum.map(&unwrap!/1)

  # --- operators ---

  @operators [:add, :sub, :mul, :truediv, :floordiv, :mod, :pow, :matmul, :and, :or, :xor, :lshift, :rshift] ++
               [:eq, :ne, :lt, :le, :gt, :ge, :contains]

  @doc """
  A binary operator of Python, for those that Elixir's syntax has no place for: one of

  `#{Enum.map_join(@operators, "`, `", &inspect/1)}`

      iex> fraction = SnakeBridge.call!("fractions", "Fraction", [7, 2])
      iex> SnakeBridge.operator(fraction, :floordiv, 1)
      {:ok, 3}
  """
  @spec operator(term(), atom(), term(), keyword()) :: result()
  def operator(a, name, b, opts \\ [])

  def operator(a, name, b, opts) when is_struct(b, Ref) and not is_struct(a, Ref) and name in @operators,
    do: steps(b, [{:rop, name, a}], opts)

  def operator(a, name, b, opts) when name in @operators, do: steps(target(a), [{:op, name, b}], opts)

  @doc "Like `operator/4`, but gives the value or raises."
  @spec operator!(term(), atom(), term(), keyword()) :: term()
  def operator!(a, name, b, opts \\ []), do: unwrap!(operator(a, name, b, opts))

  @doc "`a @ b`"
  @spec matmul(term(), term()) :: result()
  def matmul(a, b), do: operator(a, :matmul, b)

  @doc "Like `matmul/2`, but gives the value or raises."
  @spec matmul!(term(), term()) :: term()
  def matmul!(a, b), do: operator!(a, :matmul, b)

  @doc "Whether both are one object: `a is b`."
  @spec same?(Ref.t(), term()) :: boolean()
  def same?(%Ref{} = a, b), do: steps!(a, [{:is, b}])
  def same?(a, %Ref{} = b), do: steps!(b, [{:is, a}])
  def same?(a, b), do: a === b

  # --- values and refs ---

  @no_value "`as: :list` and `as: :map` leave refs to what has no counterpart, `as: :text` gives its str"

  @doc """
  The object of a ref, as a value: an error where it has no Elixir counterpart.

      iex> list = SnakeBridge.call!("builtins", "list", [[1, 2]], [], as: :ref)
      iex> SnakeBridge.value(list)
      {:ok, [1, 2]}
  """
  @spec value(term(), keyword()) :: result()
  def value(target, opts \\ [])

  def value(%Ref{} = ref, opts) do
    case Steps.run(ref, [], Keyword.put_new(Options.check!(:call, opts), :as, :value)) do
      {:error, %BridgeError{reason: :not_convertible} = error} ->
        {:error, if(opts[:as], do: error, else: %{error | hint: @no_value})}

      result ->
        result
    end
  end

  def value(value, opts) do
    Options.check!(:call, opts)
    {:ok, value}
  end

  @doc "Like `value/2`, but gives the value or raises."
  @spec value!(term(), keyword()) :: term()
  def value!(target, opts \\ []), do: unwrap!(value(target, opts))

  @doc "Whether a term is a ref."
  @spec ref?(term()) :: boolean()
  def ref?(term), do: is_struct(term, Ref)

  @doc """
  A binary that goes to Python as `bytes`; without it, one that is UTF-8 goes as `str`.

      iex> SnakeBridge.call("builtins", "len", [SnakeBridge.bytes("é")])
      {:ok, 2}
  """
  @spec bytes(binary()) :: Bytes.t()
  def bytes(data) when is_binary(data), do: %Bytes{data: data}

  @doc "Lets the objects of refs go, soon: a call right behind may come first. The refs must not be used any more; an object that Python needs elsewhere stays."
  @spec release(Ref.t() | [Ref.t()]) :: :ok
  def release(refs) do
    for {{session, worker}, ids} <-
          refs |> refs!("release") |> List.wrap() |> Enum.group_by(&{&1.session, &1.worker}, & &1.id),
        do: Session.release(session, worker, ids)

    :ok
  end

  @doc """
  Runs a function and releases the refs that the calling process got meanwhile, but for those in its result (or in what
  it raises). Scopes nest: what an inner one gives belongs to the outer.

  Refs are released by themselves where `SnakeBridge.Native` is loaded; a scope is for those who will not wait for the
  garbage collector, and for where it is not. A ref that was handed to another process ends with the scope all the same.

      iex> total = SnakeBridge.scope(fn ->
      ...>   counter = SnakeBridge.call!("collections", "Counter", ["banana"])
      ...>   SnakeBridge.method!(counter, "total")
      ...> end)
      iex> total
      6
  """
  @spec scope((-> result)) :: result when result: term()
  defdelegate scope(function), to: SnakeBridge.Scope, as: :run

  # --- steps ---

  @doc """
  Takes several steps in one round trip, each on what the one before gave.

      iex> steps = [{:method, "split", [","], []}, {:item, 1}, {:method, "upper", [], []}]
      iex> SnakeBridge.steps({:value, "a,b"}, steps)
      {:ok, "B"}

  The steps are those of the frame protocol.
  """
  @spec steps(target(), [tuple()], keyword()) :: result()
  def steps(target, steps, opts \\ []), do: Steps.run(target, steps, Options.check!(:call, opts))

  @doc "Like `steps/3`, but gives the value or raises."
  @spec steps!(target(), [tuple()], keyword()) :: term()
  def steps!(target, steps, opts \\ []), do: unwrap!(steps(target, steps, opts))

  # --- display ---

  @doc """
  Shows a value now, as richly as the front end can: see `SnakeBridge.Display`. Gives `:ok`, or the id.

      iex> import ExUnit.CaptureIO
      iex> capture_io(fn -> SnakeBridge.display(SnakeBridge.Display.markdown("**bold**")) end)
      "**bold**\\n"

  In a notebook it stands among the cell's output, wherever it was called: in a process that the cell has started, and
  after the cell's end too. Where nothing but text is shown (a terminal, IEx, an application) it is printed as text.

  Options:

    * `:display_id` - a text by which it can be replaced, or `true` for a new one; that is what is given then
    * `:update` - `true`: replaces what was shown under the `display_id`, in whichever cell that was
    * `:metadata` - a map for the front end, keyed by mime type, instead of the value's own

          id = SnakeBridge.display("starting", display_id: true)
          SnakeBridge.display("done", display_id: id, update: true)
  """
  @spec display(term(), keyword()) :: :ok | String.t()
  defdelegate display(value, opts \\ []), to: MimeBundle, as: :show

  @doc """
  Takes away what the cell has shown so far. With `wait: true` only when there is something new to show, so that nothing
  flickers. Where there is no front end, nothing happens.
  """
  @spec clear_output(keyword()) :: :ok
  def clear_output(opts \\ []),
    do: Output.event(:clear, {nil, Keyword.get(Options.check!(:clear, opts), :wait, false)})

  @doc """
  The items of an enumerable, as a stream that shows how far it is while it is consumed: see `SnakeBridge.Progress`.

      iex> 1..3 |> SnakeBridge.progress(label: "squares") |> Enum.map(&(&1 * &1))
      [1, 4, 9]

  Options: `:label`, a text; `:total`, how many items will come, where the enumerable itself cannot say it.
  """
  @spec progress(Enumerable.t(), keyword()) :: Enumerable.t()
  defdelegate progress(enumerable, opts \\ []), to: Progress, as: :stream

  # --- helpers ---

  defp unwrap!({:ok, value}), do: value
  defp unwrap!({:error, error}), do: Fault.reraise!(error)

  defp refs!(%Ref{} = ref, _), do: ref

  defp refs!(refs, function) do
    if not (is_list(refs) and Enum.all?(refs, &is_struct(&1, Ref))),
      do: raise(ArgumentError, "#{function} wants a ref or a list of refs, got: #{Options.shown(refs)}")

    refs
  end

  defp assigned(%Ref{} = ref, {:ok, _}), do: {:ok, ref}
  defp assigned(_, result), do: result

  defp target(%Ref{} = ref), do: ref
  defp target(value), do: {:value, value}

  defp as_ref(opts), do: Keyword.put(Options.check!(:call, opts), :as, :ref)
end
