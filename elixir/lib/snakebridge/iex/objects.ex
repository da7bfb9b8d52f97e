defmodule SnakeBridge.IEx.Objects do
  @moduledoc """
  What can be said of an object, a name or a generated module, for `SnakeBridge.IEx.Helpers` and `i/1`.

  Python finds it (`snakebridge.explore`), without running code of the object. It prints nothing.
  """

  alias SnakeBridge.{Py, Ref, Session}

  @typedoc "What is asked about: an attribute, a value, a function of a generated module."
  @type subject ::
          {:member, term(), atom()} | {:value, term()} | {:wrapper, {module(), atom()}}

  @doc "Whether that is Python's."
  @spec python?(subject()) :: boolean()
  def python?({:member, owner, _}), do: is_struct(owner, Ref) or is_struct(owner, Py)
  def python?({:value, value}), do: is_struct(value, Ref)

  @doc "What is known of it: name, kind, type, signature, documentation, .. as text; or why nothing is."
  @spec told(subject()) :: {:ok, %{String.t() => String.t()}} | {:error, String.t()}
  def told({:member, %Py{}, name}), do: about(Atom.to_string(name))

  def told({:member, %Ref{} = owner, name}),
    do: explored("member", [owner, Atom.to_string(name)], owner.session)

  def told({:member, owner, name}), do: told({:wrapper, {owner, name}})
  def told({:value, value}), do: about(value)

  def told({:wrapper, {module, name}}) do
    with {:ok, python} <- python_name(module), do: about("#{python}.#{python_function(module, name)}")
  end

  @doc "What is known in short, in the order to show it in."
  @spec facts(term(), %{String.t() => String.t()}) :: [{String.t(), String.t()}]
  def facts(object, about) do
    summary = about["documentation"] |> String.split("\n\n") |> hd() |> String.split() |> Enum.join(" ")

    facts =
      [
        {"Kind", about["kind"]},
        {"Type", about["type"]},
        {"Signature", about["signature"]},
        {"Size", about["size"]},
        {"Version", about["version"]},
        {"File", about["file"]},
        {"Summary", summary}
      ] ++ place(object)

    for {_, text} = fact when text != "" <- facts, do: fact
  end

  defp place(%Ref{session: session, worker: worker}),
    do: [{"Session", "#{inspect(session)}, worker #{worker}"}]

  defp place(_), do: []

  @doc "As `told/1`, of an object, a name, a generated module or one of its functions."
  @spec about(term()) :: {:ok, %{String.t() => String.t()}} | {:error, String.t()}
  def about(%Ref{} = ref), do: explored("about", [ref], ref.session)

  def about(name) when is_binary(name),
    do: with({:ok, ref} <- named(name), do: explored("about", [ref, name]))

  def about(module) when is_atom(module), do: with({:ok, name} <- python_name(module), do: about(name))

  def about(function) when is_function(function) do
    info = Function.info(function)
    told({:wrapper, {info[:module], info[:name]}})
  end

  def about(other),
    do:
      {:error,
       "#{inspect(other)} is a value of Elixir: give an object or a name of Python, or a generated module"}

  # --- generated modules ---

  @doc "Those of the applications that use this library, and those that the shell has made."
  @spec wrappers() :: [module()]
  def wrappers do
    applications =
      for {app, _, _} <- Application.loaded_applications(),
          :snakebridge in (Application.spec(app, :applications) || []),
          module <- Application.spec(app, :modules) || [],
          Code.ensure_loaded?(module),
          do: module

    loaded = for {module, _} <- :code.all_loaded(), do: module
    (applications ++ loaded) |> Enum.uniq() |> Enum.filter(&wrapper?/1) |> Enum.sort()
  end

  defp wrapper?(module),
    do: function_exported?(module, :__python__, 0) and function_exported?(module, :__search__, 1)

  @doc "The name in Python of what a module was generated for."
  @spec python_name(module()) :: {:ok, String.t()} | {:error, String.t()}
  def python_name(module) do
    if Code.ensure_loaded?(module) and wrapper?(module),
      do: {:ok, module.__python__().path},
      else: {:error, "#{inspect(module)} is no module that was generated for one of Python"}
  end

  defp python_function(module, name) do
    plain = name |> Atom.to_string() |> String.trim_trailing("!")

    Enum.find_value(module.__functions__(), plain, fn {own, _, python, _} ->
      if Atom.to_string(own) == plain, do: python
    end)
  end

  # --- asking Python ---

  @doc "The ref of what was given."
  @spec object(term()) :: {:ok, Ref.t()} | {:error, String.t()}
  def object(%Ref{} = ref), do: {:ok, ref}
  def object(name) when is_binary(name), do: named(name)

  def object(other),
    do: with({:ok, name} <- module_name(other), do: named(name))

  @doc "The name of the module that was given."
  @spec module_name(term()) :: {:ok, String.t()} | {:error, String.t()}
  def module_name(name) when is_binary(name), do: {:ok, name}
  def module_name(module) when is_atom(module), do: python_name(module)
  def module_name(%Ref{} = ref), do: {:ok, SnakeBridge.attr!(ref, "__name__")}
  def module_name(other), do: {:error, "#{inspect(other)} names no module of Python"}

  defp named(name), do: explored("named", [name], Session, as: :ref)

  @doc "What a function of `snakebridge.explore` gives."
  @spec explored(String.t(), [term()], Session.t(), keyword()) :: {:ok, term()} | {:error, String.t()}
  def explored(function, args, session \\ Session, opts \\ []) do
    with {:error, error} <-
           SnakeBridge.call("snakebridge.explore", function, args, [], [session: session] ++ opts),
         do: {:error, error |> Exception.message() |> String.split("\n") |> hd()}
  end
end
