defmodule SnakeBridge.Scope do
  @moduledoc """
  Refs that end with a function: see `SnakeBridge.scope/1`.

  It sees the refs that this process gets while the function runs; those that other processes get are theirs.
  """

  alias SnakeBridge.{Pins, Ref, Session}

  @doc "Runs the function, then releases the refs that this process got meanwhile and that are not in its result."
  @spec run((-> result)) :: result when result: term()
  def run(function) do
    outer = Process.put(__MODULE__, [])

    try do
      function.()
    catch
      kind, reason ->
        close(outer, reason)
        :erlang.raise(kind, reason, __STACKTRACE__)
    else
      result ->
        close(outer, result)
        result
    end
  end

  @doc "Has the innermost open scope of this process know of a ref. Gives the ref."
  @spec note(Ref.t()) :: Ref.t()
  def note(%Ref{} = ref) do
    if seen = Process.get(__MODULE__), do: Process.put(__MODULE__, [key(ref) | seen])
    ref
  end

  # What survives belongs to the scope around this one.
  defp close(outer, result) do
    seen = Process.get(__MODULE__)
    kept = result |> Pins.refs() |> MapSet.new(&key/1)
    {survivors, ended} = Enum.split_with(seen, &(&1 in kept))

    if outer, do: Process.put(__MODULE__, survivors ++ outer), else: Process.delete(__MODULE__)

    for {{session, worker}, ids} <- Enum.group_by(ended, &Tuple.delete_at(&1, 2), &elem(&1, 2)),
        do: Session.release_now(session, worker, ids)
  end

  # Not the ref itself, which would keep its object alive.
  defp key(%Ref{session: session, worker: worker, id: id}), do: {session, worker, id}
end
