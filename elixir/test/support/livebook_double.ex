defmodule SnakeBridge.LivebookDouble do
  @moduledoc """
  What Livebook does around the code of a cell, as far as the code can notice it: Livebook itself is no library.

  A process evaluates the cells of a section, each with the binding and the environment of those before it. Before each
  cell its process dictionary is made that of the cell before, also where this one has been evaluated already; a branched
  section is another process, which starts with a copy of all that. The group leader keeps output for a moment, refuses
  to read, and knows requests that no other device knows. A result is what `Kino.Render` makes of it. Stop ends the
  process.
  """

  alias __MODULE__.Device

  @doc "Starts what evaluates a section's cells. Output comes to the caller, as `{:output, text}`."
  def start do
    test = self()

    :proc_lib.spawn(fn ->
      Process.group_leader(self(), Device.start(test))
      ignored = [:rand_seed, :random_seed | Process.get_keys()]

      loop(%{
        cells: %{},
        initial: %{binding: [], env: Code.env_for_eval([]), dictionary: []},
        ignored: ignored
      })
    end)
  end

  @doc "Starts what evaluates the cells of a section that branches off after those cells of another one."
  def branch(evaluator, parents) do
    branch = start()
    context = ask(evaluator, {:context, parents})
    ask(branch, {:initial, context})
    branch
  end

  @doc "Evaluates a cell after others, the latest first: what it gave, as Livebook would have it."
  def evaluate(evaluator, cell, parents, code, timeout \\ 30_000) do
    ask(evaluator, {:evaluate, cell, parents, code}, timeout)
  end

  @doc "As `evaluate/4`, without waiting: the answer comes as `{reference, answer}`."
  def begin(evaluator, cell, parents, code) do
    reference = make_ref()
    send(evaluator, {:ask, self(), reference, {:evaluate, cell, parents, code}})
    reference
  end

  @doc "Ends the process, whatever it is at."
  def stop(evaluator) do
    monitor = Process.monitor(evaluator)
    Process.exit(evaluator, :shutdown)

    receive do
      {:DOWN, ^monitor, _, _, _} -> :ok
    after
      5_000 -> raise "it did not end"
    end
  end

  @doc "The output of a cell's code so far."
  def output(text \\ "") do
    receive do
      {:output, more} -> output(text <> more)
    after
      200 -> text
    end
  end

  defp ask(evaluator, request, timeout \\ 5_000) do
    reference = make_ref()
    send(evaluator, {:ask, self(), reference, request})

    receive do
      {^reference, answer} -> answer
    after
      timeout -> raise "no answer"
    end
  end

  # --- the process of a section ---

  defp loop(state) do
    receive do
      {:ask, from, reference, request} ->
        {answer, state} = serve(request, state)
        send(from, {reference, answer})
        loop(state)
    end
  end

  defp serve({:context, parents}, state), do: {context(state, parents), state}
  defp serve({:initial, context}, state), do: {:ok, %{state | initial: context}}

  defp serve({:evaluate, cell, parents, code}, state) do
    {_, state} = pop_in(state.cells[cell])
    before = context(state, parents)
    set_dictionary(before.dictionary, state.ignored)

    {answer, context} =
      case evaluate_code(code, before.binding, %{before.env | file: "notebook.livemd#cell:#{cell}"}) do
        {:ok, value, binding, env} ->
          {{:ok, shown(value)}, %{binding: binding, env: env, dictionary: dictionary(state.ignored)}}

        {:error, text} ->
          {{:error, text}, %{before | binding: []}}
      end

    {answer, put_in(state.cells[cell], context)}
  end

  defp evaluate_code(code, binding, env) do
    quoted = Code.string_to_quoted!(code, file: env.file)
    {value, binding, env} = Code.eval_quoted_with_env(quoted, binding, env, prune_binding: true)
    {:ok, value, binding, env}
  catch
    kind, reason -> {:error, Exception.format(kind, reason, __STACKTRACE__)}
  end

  defp shown(:"do not show this result in output"), do: :ignored
  defp shown(value), do: Kino.Render.to_livebook(value)

  # Of the cells before, the latest first.
  defp context(state, parents) do
    parents
    |> Enum.reverse()
    |> Enum.flat_map(&List.wrap(state.cells[&1]))
    |> Enum.reduce(state.initial, &merge/2)
  end

  defp merge(context, before) do
    names = Map.keys(before.env.versioned_vars) ++ Map.keys(context.env.versioned_vars)

    env = %{
      context.env
      | versioned_vars: names |> Enum.uniq() |> Enum.with_index() |> Map.new(),
        aliases: Keyword.merge(before.env.aliases, context.env.aliases),
        requires: :ordsets.union(before.env.requires, context.env.requires)
    }

    %{context | binding: Keyword.merge(before.binding, context.binding), env: env}
  end

  defp dictionary(ignored), do: for({key, value} <- Process.get(), key not in ignored, do: {key, value})

  defp set_dictionary(dictionary, ignored) do
    for key <- Process.get_keys(), key not in ignored, do: Process.delete(key)
    for {key, value} <- dictionary, do: Process.put(key, value)
  end
end

defmodule SnakeBridge.LivebookDouble.Device do
  @moduledoc "The group leader of a section's process."

  @flush_ms 50

  def start(test), do: spawn(fn -> loop(%{test: test, buffer: [], encoding: :unicode}) end)

  defp loop(state) do
    receive do
      {:io_request, from, reply_as, request} ->
        {answer, state} = serve(request, state)
        send(from, {:io_reply, reply_as, answer})
        loop(state)

      :flush ->
        send(state.test, {:output, state.buffer |> Enum.reverse() |> Enum.join()})
        loop(%{state | buffer: []})
    end
  end

  defp serve({:put_chars, chars}, state), do: put(:latin1, chars, state)
  defp serve({:put_chars, encoding, chars}, state), do: put(encoding, chars, state)

  defp serve({:put_chars, encoding, module, function, args}, state),
    do: put(encoding, apply(module, function, args), state)

  defp serve(request, state) when elem(request, 0) in [:get_chars, :get_line, :get_until, :get_password],
    do: {{:error, :enotsup}, state}

  defp serve({:setopts, [encoding: encoding]}, state), do: {:ok, %{state | encoding: encoding}}
  defp serve({:setopts, _}, state), do: {{:error, :enotsup}, state}
  defp serve(:getopts, state), do: {[binary: true, encoding: state.encoding], state}
  defp serve({:get_geometry, _}, state), do: {{:error, :enotsup}, state}

  defp serve({:requests, requests}, state) do
    Enum.reduce_while(requests, {:ok, state}, fn request, {_, state} ->
      case serve(request, state) do
        {:ok, state} -> {:cont, {:ok, state}}
        refused -> {:halt, refused}
      end
    end)
  end

  defp serve(_, state), do: {{:error, :request}, state}

  defp put(encoding, chars, state) do
    case :unicode.characters_to_binary(chars, encoding, state.encoding) do
      text when is_binary(text) ->
        if state.buffer == [], do: Process.send_after(self(), :flush, @flush_ms)
        {:ok, %{state | buffer: [text | state.buffer]}}

      _ ->
        {{:error, :put_chars}, state}
    end
  end
end
