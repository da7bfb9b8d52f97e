defmodule SnakeBridge.Completion.Modules do
  @moduledoc """
  The modules that there are: loaded ones, those of the applications, those on the code path.

  It loads modules to look at them, and calls nothing of theirs.
  """

  import SnakeBridge.Completion, only: [item: 2, matches?: 2]

  alias SnakeBridge.Docs

  @doc "The module that a name stands for in this environment, or nil."
  @spec expand(String.t(), Macro.Env.t() | nil) :: module() | nil
  def expand(name, env) do
    [head | rest] = String.split(name, ".")
    aliases = if env, do: env.aliases, else: []

    with head when head != nil <- existing("Elixir." <> head) || head,
         base = List.keyfind(aliases, head, 0, {head, head}) |> elem(1) do
      existing(Enum.join([base_text(base) | rest], "."))
    end
  end

  defp base_text(base) when is_atom(base), do: Atom.to_string(base)
  defp base_text(base), do: "Elixir." <> base

  @doc "The atom of a text, where there is one: atoms are not made of what is typed."
  @spec existing(String.t()) :: atom() | nil
  def existing(text) do
    String.to_existing_atom(text)
  rescue
    ArgumentError -> nil
  end

  @doc "The aliases of the environment whose names start so."
  @spec aliases(String.t(), Macro.Env.t()) :: [SnakeBridge.Completion.item()]
  def aliases(typed, env) do
    for {name, module} <- env.aliases, "Elixir." <> text <- [Atom.to_string(name)], matches?(text, typed) do
      %{text: text, kind: "module", detail: inspect(module), doc: ""}
    end
  end

  @doc "Names of Elixir modules up to their first dot."
  @spec top_level(String.t()) :: [SnakeBridge.Completion.item()]
  def top_level(typed), do: below("Elixir.", typed)

  @doc "Names of modules below a module, up to the next dot."
  @spec submodules(module() | nil, String.t()) :: [SnakeBridge.Completion.item()]
  def submodules(nil, _), do: []

  def submodules(module, typed) do
    case Atom.to_string(module) do
      "Elixir." <> _ = name -> below(name <> ".", typed)
      _ -> []
    end
  end

  defp below(prefix, typed) do
    size = byte_size(prefix)

    for <<^prefix::binary-size(size), rest::binary>> <- names(),
        [name | _] = String.split(rest, ".", parts: 2),
        matches?(name, typed),
        # Implementations of protocols are modules below the protocol, and so are many that nobody is to call.
        name =~ ~r/^\p{Lu}/u,
        uniq: true,
        into: [] do
      prefix |> Kernel.<>(name) |> module_item(name)
    end
    |> Enum.sort_by(& &1.text)
  end

  defp module_item(full, name),
    do: %{text: name, kind: kind(existing(full)), detail: String.replace_prefix(full, "Elixir.", ""), doc: ""}

  defp kind(nil), do: "module"

  defp kind(module) do
    cond do
      not :erlang.module_loaded(module) -> "module"
      function_exported?(module, :__protocol__, 1) -> "protocol"
      function_exported?(module, :exception, 1) -> "exception"
      function_exported?(module, :__struct__, 0) -> "struct"
      true -> "module"
    end
  end

  @doc "Modules of Erlang whose names start so."
  @spec erlang(String.t()) :: [SnakeBridge.Completion.item()]
  def erlang(typed) do
    for name <- names(),
        not String.starts_with?(name, "Elixir."),
        matches?(name, typed),
        name =~ ~r/^[a-z]\w*$/ do
      item(name, "module")
    end
    |> Enum.sort_by(& &1.text)
  end

  @doc "The item with what the module's documentation begins with."
  @spec with_doc(SnakeBridge.Completion.item()) :: SnakeBridge.Completion.item()
  def with_doc(%{detail: detail, text: text} = item) do
    module = if detail == "", do: existing(text), else: existing("Elixir." <> detail)
    if module, do: %{item | doc: Docs.summary(Docs.module_doc(module))}, else: item
  end

  @doc "Whether a module is a struct, or one below it may be. With `load` a module that is there is loaded to tell."
  @spec leads_to_struct?(SnakeBridge.Completion.item(), boolean(), Macro.Env.t()) :: boolean()
  def leads_to_struct?(%{text: text, detail: detail}, load, env) do
    module = expand(text, env) || existing("Elixir." <> detail) || existing("Elixir." <> text)
    # The names are those of files on the code path: there are only so many.
    module = if load and module == nil, do: String.to_atom("Elixir." <> detail), else: module
    if load, do: Code.ensure_loaded(module)
    prefix = "Elixir." <> detail <> "."
    struct?(module) or Enum.any?(names(), &(String.starts_with?(&1, prefix) and struct?(existing(&1))))
  end

  @doc "Whether a module that is loaded defines a struct."
  @spec struct?(module() | nil) :: boolean()
  def struct?(nil), do: false
  def struct?(module), do: :erlang.module_loaded(module) and function_exported?(module, :__struct__, 0)

  @doc "The fields of a module's struct; none where it has none."
  @spec fields(module()) :: [atom()]
  def fields(module) do
    if Code.ensure_loaded?(module) and function_exported?(module, :__info__, 1),
      do: for(%{field: field} <- module.__info__(:struct) || [], do: field),
      else: []
  end

  # --- all of them ---

  # Texts, since those that are not loaded need not be atoms. What is on disk is looked up when the code path changes.
  defp names do
    path = :code.get_path()

    available =
      case Process.get(__MODULE__) do
        {^path, names} ->
          names

        _ ->
          names = for {name, _, _} <- :code.all_available(), do: List.to_string(name)
          Process.put(__MODULE__, {path, names})
          names
      end

    loaded = for {module, _} <- :code.all_loaded(), do: Atom.to_string(module)
    Enum.uniq(loaded ++ available)
  end
end
