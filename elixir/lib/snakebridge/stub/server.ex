defmodule SnakeBridge.Stub.Server do
  @moduledoc """
  The process that stands where a session would: it has the answers, says whose they are, and notes the calls.

  It takes the messages of `SnakeBridge.Session.Server`, so that usage, releases and `inspect/1` work, and runs no answer
  itself: see `SnakeBridge.Stub.Answers`. Its functions are those of `SnakeBridge.Stub`.

  An owner is a process that has given answers. Who calls is an owner, or was allowed by one, or was started by one
  (`$callers`); else the answers are those for all.
  """

  use GenServer

  alias SnakeBridge.{Session, Stub}
  alias SnakeBridge.Stub.Recording

  defmodule Owner do
    @moduledoc false
    # Answers by name: `expected` are used up in order, `stubs` stay. Calls stand with the last one first.
    defstruct stubs: %{}, expected: %{}, wanted: %{}, calls: [], recording: nil, kept: false
  end

  @type key :: pid() | :all

  @doc "Starts a stub with the options of a session, of which it keeps what a Python for recordings wants."
  @spec start_link(keyword()) :: GenServer.on_start()
  def start_link(opts) do
    {name, opts} = Keyword.pop(opts, :name, Session)
    GenServer.start_link(__MODULE__, {name, opts}, if(name, do: [name: name], else: []))
  end

  @doc "Asks the stub of this name."
  @spec ask(Session.t(), term()) :: term()
  def ask(session, question), do: GenServer.call(session, question, :infinity)

  @impl true
  def init({name, opts}) do
    Process.flag(:trap_exit, true)
    :persistent_term.put({Stub, name || self()}, true)

    {:ok,
     %{
       name: name || self(),
       opts: Keyword.take(opts, [:python, :cd, :env]),
       generation: System.unique_integer([:positive, :monotonic]),
       python: nil,
       owners: %{all: %Owner{}},
       allowed: %{},
       next_id: 1,
       objects: %{}
     }}
  end

  @impl true
  def terminate(_, state) do
    :persistent_term.erase({Stub, state.name})
    if state.python, do: stop(state.python)
  end

  defp stop(python) do
    Session.stop(python)
  catch
    :exit, _ -> :ok
  end

  # --- answers ---

  @impl true
  def handle_call({:stub, key, name, answer}, _, state) do
    {:reply, :ok, update(state, key, &put_in(&1.stubs[name], answer))}
  end

  def handle_call({:expect, key, name, count, answer}, _, state) do
    state =
      update(state, key, fn owner ->
        answers = Map.get(owner.expected, name, []) ++ List.duplicate(answer, count)
        wanted = Map.update(owner.wanted, name, count, &(&1 + count))
        %{owner | expected: Map.put(owner.expected, name, answers), wanted: wanted}
      end)

    {:reply, :ok, state}
  end

  def handle_call({:allow, key, pid}, _, state) do
    state = update(state, key, & &1)
    {:reply, :ok, put_in(state.allowed[pid], key)}
  end

  # What a name stands for, to be called or not. A call is noted whether it is known or not.
  def handle_call({:answer, callers, name, call}, _, state) do
    key = owner(state, callers)
    state = if call, do: update(state, key, &%{&1 | calls: [call | &1.calls]}), else: state

    case state.owners[key] do
      %{expected: %{^name => [answer | rest]}} when call != nil ->
        {:reply, {:ok, answer}, update(state, key, &put_in(&1.expected[name], rest))}

      owner ->
        {:reply, lookup(name, owner, state.owners.all), state}
    end
  end

  def handle_call({:calls, key}, _, state),
    do: {:reply, Enum.reverse(Map.get(state.owners, key, %Owner{}).calls), state}

  # What was expected and has not come: name, how often it was expected, how often it came.
  def handle_call({:missing, key}, _, state) do
    owner = Map.get(state.owners, key, %Owner{})

    missing =
      for {name, [_ | _] = left} <- Enum.sort(owner.expected),
          wanted = owner.wanted[name],
          do: {name, wanted, wanted - length(left)}

    {:reply, missing, state}
  end

  def handle_call({:keep, key}, _, state), do: {:reply, :ok, update(state, key, &%{&1 | kept: true})}
  def handle_call({:forget, key}, _, state), do: {:reply, :ok, forget(state, key)}

  # --- recordings ---

  def handle_call({:record, key, path}, _, state) do
    case python(state) do
      {:ok, state} ->
        {:reply, {:ok, state.python}, update(state, key, &%{&1 | recording: {:record, Recording.new(path)}})}

      {:error, reason} ->
        {:reply, {:error, reason}, state}
    end
  end

  def handle_call({:replay, key, recording}, _, state),
    do: {:reply, :ok, update(state, key, &%{&1 | recording: {:replay, recording}})}

  # What is recorded or played for this caller, if anything is.
  def handle_call({:mode, callers}, _, state) do
    key = owner(state, callers)

    mode =
      case state.owners[key].recording do
        nil -> :answers
        {:record, _} -> {:record, key, state.python}
        {:replay, _} -> {:replay, key}
      end

    {:reply, {mode, state.generation}, state}
  end

  def handle_call({:note, key, request, answer}, _, state) do
    case state.owners[key] do
      %{recording: {:record, recording}} = owner ->
        recording = Recording.add(recording, request, answer)
        {:reply, :ok, put_in(state.owners[key], %{owner | recording: {:record, recording}})}

      _ ->
        {:reply, :ok, state}
    end
  end

  def handle_call({:play, key, request}, _, state) do
    with %{recording: {:replay, recording}} = owner <- state.owners[key] do
      {answer, recording} = Recording.take(recording, request)
      {:reply, answer, put_in(state.owners[key], %{owner | recording: {:replay, recording}})}
    else
      _ -> {:reply, :none, state}
    end
  end

  def handle_call({:recorded, key}, _, state) do
    recording = with {_, recording} <- state.owners[key].recording, do: recording
    {:reply, recording, update(state, key, &%{&1 | recording: nil})}
  end

  # --- objects ---

  def handle_call({:put_object, object}, _, %{next_id: id} = state),
    do:
      {:reply, {id, state.generation},
       %{state | next_id: id + 1, objects: Map.put(state.objects, id, object)}}

  def handle_call({:object, id}, _, state), do: {:reply, state.objects[id], state}

  def handle_call({:change, id, changes}, _, state) do
    objects =
      if is_map_key(state.objects, id),
        do: Map.update!(state.objects, id, &Map.merge(&1, changes)),
        else: state.objects

    {:reply, :ok, %{state | objects: objects}}
  end

  # --- as a session ---

  def handle_call(:attached, _, state), do: {:reply, state.generation, state}
  def handle_call(:looker, _, state), do: {:reply, :caller, state}
  def handle_call({:why, _}, _, state), do: {:reply, nil, state}
  def handle_call({:release, generation, ids}, _, state), do: {:reply, :ok, release(state, generation, ids)}
  def handle_call({:control, :ping, term}, _, state), do: {:reply, {:ok, term}, state}

  def handle_call({:control, :usage, _}, _, state) do
    usage = %{refs: map_size(state.objects), lanes: 0, abandoned: 0, abandoned_ms: 0, memory_bytes: 0}
    {:reply, {:ok, usage}, state}
  end

  def handle_call({:control, _, _}, _, state), do: {:reply, {:ok, nil}, state}

  def handle_call({:open_lane, _}, _, state),
    do: {:reply, {:error, Session.unavailable(state.name, "it is a stub, and has no Python")}, state}

  @impl true
  def handle_cast({:release, generation, ids}, state), do: {:noreply, release(state, generation, ids)}
  def handle_cast(_, state), do: {:noreply, state}

  @impl true
  def handle_info({:DOWN, _, :process, pid, _}, state) do
    case state.owners do
      # Whoever verifies on exit comes after the test's process has ended.
      %{^pid => %{kept: true}} -> {:noreply, state}
      _ -> {:noreply, forget(state, pid)}
    end
  end

  def handle_info({:EXIT, pid, _}, %{python: pid} = state), do: {:noreply, %{state | python: nil}}
  def handle_info({:EXIT, _, reason}, state) when reason in [:normal, :shutdown], do: {:noreply, state}
  def handle_info({:EXIT, _, reason}, state), do: {:stop, reason, state}
  def handle_info(_, state), do: {:noreply, state}

  # --- helpers ---

  defp update(state, key, function) do
    if key != :all and not is_map_key(state.owners, key), do: Process.monitor(key)
    %{state | owners: Map.put(state.owners, key, function.(Map.get(state.owners, key, %Owner{})))}
  end

  defp forget(state, key) do
    allowed = Map.reject(state.allowed, fn {pid, owner} -> key in [pid, owner] end)
    owners = if key == :all, do: Map.put(state.owners, :all, %Owner{}), else: Map.delete(state.owners, key)
    %{state | owners: owners, allowed: allowed}
  end

  defp owner(state, callers) do
    Enum.find_value(callers, :all, fn pid ->
      cond do
        is_map_key(state.owners, pid) -> pid
        owner = state.allowed[pid] -> owner
        true -> nil
      end
    end)
  end

  # The answer; whether names go on from here, as those of a module do; or all that is known.
  defp lookup(name, owner, all) do
    answers =
      all.stubs
      |> Map.merge(owner.stubs)
      |> Map.merge(Map.new(owner.expected, fn {name, _} -> {name, :expected} end))

    case {owner.stubs, all.stubs} do
      {%{^name => answer}, _} -> {:ok, answer}
      {_, %{^name => answer}} -> {:ok, answer}
      _ -> unanswered(name, owner, Map.keys(answers))
    end
  end

  defp unanswered(name, owner, names) do
    cond do
      owner.expected[name] == [] -> {:used_up, owner.wanted[name]}
      Enum.any?(names, &(&1 == name or String.starts_with?(&1, name <> "."))) -> :begins
      true -> {:unknown, Enum.sort(names)}
    end
  end

  defp release(state, generation, ids) do
    if state.python && generation != state.generation, do: Session.release(state.python, generation, ids)
    if generation == state.generation, do: %{state | objects: Map.drop(state.objects, ids)}, else: state
  end

  defp python(%{python: nil} = state) do
    with {:ok, python} <- Session.start_python([name: nil] ++ state.opts),
         do: {:ok, %{state | python: python}}
  end

  defp python(state), do: {:ok, state}
end
