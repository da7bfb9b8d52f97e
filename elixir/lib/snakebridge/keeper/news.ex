defmodule SnakeBridge.Keeper.News do
  @moduledoc """
  What each evaluator does not know yet of what the others have written: the names, and the lexical environment.

  An evaluator keeps the names in its own process, so that its cells find them there; with subshells there are several.
  Each is told at the start of its next cell. Names are merged by name, the last writer wins; of the environment what one
  has added (imports, aliases, requires) is added to what the others have.
  The keeper holds these and calls nothing else here.
  """

  @lexical [:aliases, :functions, :macros, :requires, :macro_aliases]

  @typedoc "By evaluator: the flag that it looks at, the environment that it has, the names that it has not."
  @type t :: %{pid() => %{flag: :atomics.atomics_ref(), env: Macro.Env.t() | nil, names: MapSet.t()}}

  @doc "A new evaluator, which has begun with this environment. The flag is 1 when there is news for it."
  @spec join(t(), pid(), Macro.Env.t() | nil) :: {:atomics.atomics_ref(), t()}
  def join(news, pid, env) do
    Process.monitor(pid)
    flag = :atomics.new(1, [])
    {flag, Map.put(news, pid, %{flag: flag, env: env, names: MapSet.new()})}
  end

  @doc "Whether there is news, as the evaluator itself asks; it then takes it."
  @spec any?(:atomics.atomics_ref()) :: boolean()
  def any?(flag), do: :atomics.exchange(flag, 1, 0) == 1

  @doc "Names were written, or forgotten, by that process: news for all others."
  @spec names(t(), pid(), [term()]) :: t()
  def names(news, _, []), do: news

  def names(news, writer, names) do
    Map.new(news, fn
      {^writer, mine} ->
        {writer, %{mine | names: MapSet.difference(mine.names, MapSet.new(names))}}

      {pid, mine} ->
        :atomics.put(mine.flag, 1, 1)
        {pid, %{mine | names: MapSet.union(mine.names, MapSet.new(names))}}
    end)
  end

  @doc "An evaluator has come to this environment; gives what it and the others have come to together."
  @spec env(t(), pid(), Macro.Env.t() | nil, Macro.Env.t()) :: {Macro.Env.t(), t()}
  def env(news, writer, ours, later) do
    case news do
      # It is alone: nobody has added anything.
      %{^writer => mine} when map_size(news) == 1 ->
        {later, %{writer => %{mine | env: later}}}

      %{^writer => %{env: before} = mine} ->
        news = Map.put(news, writer, %{mine | env: later})

        if before == nil or ours == nil or lexical(before) != lexical(later),
          do: {merge(ours, before, later), tell(news, writer)},
          else: {ours, news}

      _ ->
        {later, news}
    end
  end

  @doc "What an evaluator has not been told of, and that it knows this environment from here on."
  @spec take(t(), pid(), Macro.Env.t() | nil) :: {[term()], t()}
  def take(news, pid, env) do
    %{names: names} = mine = Map.fetch!(news, pid)
    {MapSet.to_list(names), Map.put(news, pid, %{mine | env: env, names: MapSet.new()})}
  end

  defp tell(news, writer) do
    for {pid, %{flag: flag}} <- news, pid != writer, do: :atomics.put(flag, 1, 1)
    news
  end

  defp lexical(env), do: Map.take(env, @lexical)

  defp merge(nil, _, later), do: later
  defp merge(_, nil, later), do: later

  # What of the others' is new to the writer is kept, unless the writer has one of that name.
  defp merge(ours, before, later) do
    Enum.reduce(@lexical, later, fn field, merged ->
      mine = Map.fetch!(later, field)
      theirs = Map.fetch!(ours, field) -- Map.fetch!(before, field)
      Map.put(merged, field, Enum.reject(theirs, &known?(&1, mine)) ++ mine)
    end)
  end

  defp known?({name, _}, entries), do: List.keymember?(entries, name, 0)
  defp known?(name, entries), do: name in entries
end
