defmodule SnakeBridge.Completion.Python do
  @moduledoc """
  What Python knows of its objects: members, keys, keyword arguments, modules, documentation.

  Its worker answers beside the cells. One that is busy in C answers nothing, and nobody waits longer than the question's
  `patience_ms`.
  """

  alias SnakeBridge.{BridgeError, Completion, Lane, Ref, Session}

  # A worker that did not answer is not asked again for so long.
  @busy_ms 1_000

  @typedoc "Where an object is: a target of the protocol, and steps from there."
  @type place :: {target :: term(), steps :: [tuple()]}

  @doc """
  What follows after a place, as far as it starts with `prefix` (or is like it); none where there is no worker.
  `what` is `attributes`, `keys`, `arguments`, `modules` or `documentation`.
  """
  @spec ask(place(), atom(), String.t(), Completion.question(), map()) :: [Completion.item()]
  def ask({target, steps}, what, prefix, question, more \\ %{}) do
    asked = Map.merge(%{what: what, prefix: prefix, harmless: question.harmless, most: question.most}, more)

    session = session(target)

    with generation when generation != nil <- Session.attached(session),
         false <- busy?(),
         {:ok, items} when is_list(items) <-
           Lane.request(session, :members, {target, steps, asked}, timeout: question.patience_ms) do
      for %{text: text, kind: kind} = item <- items,
          do: %{text: text, kind: kind, detail: item[:detail] || "", doc: item[:doc] || ""}
    else
      {:error, %BridgeError{reason: :timeout}} ->
        Process.put(__MODULE__, now() + @busy_ms)
        []

      _ ->
        []
    end
  end

  defp session({:value, %Ref{session: session}}), do: session
  defp session(_), do: Session

  # Who types on must not wait at every key.
  defp busy?, do: Process.get(__MODULE__, now()) > now()

  defp now, do: System.monotonic_time(:millisecond)

  @doc "The names that Python owns."
  @spec names(String.t(), Completion.question()) :: [Completion.item()]
  def names(typed, question), do: members({{:module, "__main__"}, []}, typed, question)

  @doc "The names that Python owns, and its builtins."
  @spec all_names(String.t(), Completion.question()) :: [Completion.item()]
  def all_names(typed, question),
    do: names(typed, question) ++ members({{:module, "builtins"}, []}, typed, question)

  @doc "Members of an object, as Elixir spells them."
  @spec members(place(), String.t(), Completion.question()) :: [Completion.item()]
  def members(place, typed, question) do
    for item <- ask(place, :attributes, typed, question) do
      # `pd.DataFrame(x)` is no Elixir, `pd.DataFrame.(x)` is.
      if item.kind in ["class", "function", "method"] and item.text =~ ~r/^\p{Lu}/u,
        do: %{item | text: item.text <> ".("},
        else: item
    end
  end

  @doc "The keyword arguments that a callable takes, as Elixir spells them."
  @spec arguments(place(), String.t(), non_neg_integer(), Completion.question()) :: [Completion.item()]
  def arguments(place, typed, positional, question) do
    for item <- ask(place, :arguments, typed, question, %{positional: positional}) do
      name = String.replace_suffix(item.text, "=", "")

      %{
        item
        | text: name <> ": ",
          kind: "option",
          detail: String.replace_prefix(item.detail, "= ", "default ")
      }
    end
  end

  @doc "The place of a module of Python, which is not imported for it."
  @spec module(String.t()) :: place()
  def module(name), do: {{:module, "builtins"}, [{:import, name}]}
end
