# Writes the golden frames: one `.frame` file for each message of the protocol, as the BEAM itself encodes it, and
# `manifest.json`, which says what each holds. Run it from anywhere after a change of the protocol:
#
#     elixir tests/golden/frames/generate.exs
#
# README.md describes the manifest.

defmodule Golden do
  @directory __DIR__

  def write(messages, malformed) do
    for old <- Path.wildcard(Path.join(@directory, "*.frame")), do: File.rm!(old)

    entries =
      for {name, connection, from, term} <- messages do
        File.write!(path(name), frame(:erlang.term_to_binary(term, [:deterministic, minor_version: 2])))
        [name: name, file: "#{name}.frame", connection: connection, from: from, term: {:term, term}]
      end

    bad =
      for {name, reaction, bytes} <- malformed do
        File.write!(path(name), bytes)
        [name: name, file: "#{name}.frame", reaction: reaction]
      end

    File.write!(Path.join(@directory, "manifest.json"), [
      "{\n\"protocol\": 1,\n\"messages\": [\n",
      Enum.map_intersperse(entries, ",\n", &object/1),
      "\n],\n\"malformed\": [\n",
      Enum.map_intersperse(bad, ",\n", &object/1),
      "\n]\n}\n"
    ])
  end

  def frame(payload), do: <<byte_size(payload)::32, payload::binary>>

  defp path(name), do: Path.join(@directory, name <> ".frame")

  defp object(pairs) do
    ["{", Enum.map_intersperse(pairs, ", ", fn {key, value} -> [string("#{key}"), ": ", value(value)] end), "}"]
  end

  defp value({:term, term}), do: notation(term)
  defp value(text), do: string("#{text}")

  # A term as JSON. README.md lists these rules for the readers.
  defp notation(nil), do: "null"
  defp notation(true), do: "true"
  defp notation(false), do: "false"
  defp notation(term) when is_atom(term), do: object(atom: Atom.to_string(term))
  defp notation(term) when is_integer(term) and abs(term) < 9_007_199_254_740_992, do: Integer.to_string(term)
  defp notation(term) when is_integer(term), do: object(int: Integer.to_string(term))
  defp notation(term) when is_float(term), do: ["{\"float\": ", Float.to_string(term), "}"]
  defp notation(term) when is_list(term), do: ["[", Enum.map_intersperse(term, ", ", &notation/1), "]"]
  defp notation(term) when is_tuple(term), do: ["{\"tuple\": ", notation(Tuple.to_list(term)), "}"]

  defp notation(term) when is_map(term) do
    pairs = for pair <- Enum.sort(Map.to_list(term)), do: Tuple.to_list(pair)
    ["{\"map\": ", notation(pairs), "}"]
  end

  defp notation(term) when is_binary(term) do
    if String.valid?(term), do: string(term), else: object(bytes: Base.encode16(term, case: :lower))
  end

  # Functions: the bytes of the term, without the version byte.
  defp notation(term) when is_function(term) do
    <<131, bytes::binary>> = :erlang.term_to_binary(term, [:deterministic, minor_version: 2])
    object(opaque: Base.encode16(bytes, case: :lower))
  end

  defp string(text) do
    escaped =
      for <<char::utf8 <- text>>, into: "" do
        case char do
          ?" -> "\\\""
          ?\\ -> "\\\\"
          char when char < 32 -> "\\u" <> String.pad_leading(Integer.to_string(char, 16), 4, "0")
          char -> <<char::utf8>>
        end
      end

    "\"" <> escaped <> "\""
  end
end

# What is told of one exception; `cause` is another.
exception = fn class, message, cause ->
  %{
    class: class,
    module: "builtins",
    message: message,
    mro: ["builtins.#{class}", "builtins.Exception", "builtins.BaseException", "builtins.object"],
    traceback: [%{file: "cell 3", line: 2, name: "<module>", source: "1 / 0"}],
    text: "Traceback (most recent call last):\n  File \"cell 3\", line 2, in <module>\n    1 / 0\n#{class}: #{message}\n",
    notes: ["while dividing"],
    cause: cause,
    context: nil
  }
end

ref = %{__struct__: SnakeBridge.Ref, session: "s-1", worker: 1, id: 7, type: "pandas.core.frame.DataFrame"}
png = <<0x89, "PNG\r\n", 0x1A, "\n", 0, 255>>
call = %{module: "math", name: "sqrt", args: ["int"], returns: "float", count: 3}
request = fn id, op, body -> {:req, id, op, body} end
event = fn op, body -> {:ev, op, body} end

execute_answer = fn status ->
  %{status: status, duration_us: 1250, reads: ["df"], writes: ["total", "x"], deletes: [], calls: [call]}
end

hello = fn info -> {:hello, 1, info} end
worker = %{peer: :worker, pid: 4242, generation: 1}
beam = %{peer: :beam, pid: 4243}
host = %{peer: :host, pid: 4241}

messages = [
  # Connections
  {"hello_worker_control", :host_control, :worker,
   hello.(
     Map.merge(worker, %{
       role: :control,
       socket: "/run/user/1000/snakebridge-4241/worker.1.sock",
       versions: %{python: "3.13.0", ipython: "9.1.0"},
       executable: "/usr/bin/python3"
     })
   )},
  {"hello_worker_main", :host_main, :worker, hello.(Map.merge(worker, %{role: :lane, thread: :main}))},
  {"hello_worker_own", :host_own, :worker, hello.(Map.merge(worker, %{role: :lane, thread: :own}))},
  {"hello_worker_subshell", :host_main, :worker,
   hello.(Map.merge(worker, %{role: :lane, thread: :own, token: 2}))},
  {"hello_beam_control", :host_control, :beam,
   hello.(
     Map.merge(beam, %{
       role: :control,
       versions: %{elixir: "1.18.3", otp: "27.3"},
       executable: "/usr/bin/elixir"
     })
   )},
  {"hello_beam_main", :host_main, :beam, hello.(Map.merge(beam, %{role: :lane, thread: :main}))},
  {"hello_beam_own", :host_own, :beam, hello.(Map.merge(beam, %{role: :lane, thread: :own}))},
  {"hello_beam_subshell", :host_main, :beam, hello.(Map.merge(beam, %{role: :lane, thread: :own, token: 2}))},
  {"open_lane_subshell", :host_control, :host, event.(:open_lane, 2)},
  {"hello_host", :host_control, :host, hello.(Map.put(host, :role, :control))},
  {"hello_host_main", :host_main, :host, hello.(Map.merge(host, %{role: :lane, thread: :main}))},
  {"hello_beam_worker_control", :worker_control, :beam, hello.(Map.put(beam, :role, :control))},
  {"hello_beam_worker_lane", :worker_lane, :beam, hello.(Map.merge(beam, %{role: :lane, thread: :own, cell: 3}))},
  {"hello_beam_worker_main", :worker_lane, :beam, hello.(Map.merge(beam, %{role: :lane, thread: :main}))},
  {"hello_beam_callback_lane", :elixir_lane, :beam,
   hello.(Map.merge(beam, %{role: :lane, thread: :own, token: 12}))},
  {"hello_worker_answer", :worker_control, :worker, hello.(Map.put(worker, :role, :control))},
  {"hello_refused", :worker_control, :worker,
   {:error, 0, {:bridge, :version, "protocol 2 is not understood here, only 1", "install one version of snakebridge"}}},

  # The host's main lane
  {"execute_python", :host_main, :host,
   request.(1, :execute, %{cell: 3, source: "x = 1\nπ = 3.14", store_history: true, silent: false})},
  {"execute_elixir", :host_main, :host,
   request.(2, :execute, %{
     cell: 4,
     source: "x + 1",
     store_history: true,
     silent: false,
     read: true,
     width: 100,
     colors: false
   })},
  {"execute_expressions", :host_main, :host,
   request.(3, :execute, %{
     cell: 5,
     source: "x = 3\nx",
     store_history: true,
     silent: false,
     parent: "{\"msg_id\": \"a\"}",
     expressions: [{"total", "x + 1"}, {"bad", "1/0"}]
   })},
  {"execute_comm", :host_main, :host,
   request.(4, :execute, %{
     cell: 1_099_511_627_777,
     source: "",
     store_history: false,
     silent: true,
     comm: %{kind: "message", id: "c-1", target: nil, data: "{\"value\": 7}", metadata: "{}", buffers: [png]}
   })},
  {"execute_ok_expressions", :host_main, :worker,
   {:ok, 3,
    Map.put(execute_answer.(:ok), :expressions, [
      {"total", "result", %{cell: nil, data: %{"text/plain" => "4"}, metadata: "{}"}},
      {"bad", "error",
       %{cell: nil, class: "ZeroDivisionError", message: "division by zero", traceback: [], hint: nil}}
    ])}},
  {"comm", :host_main, :worker,
   event.(:comm, %{
     cell: 3,
     kind: "open",
     id: "c-1",
     target: "jupyter.widget",
     data: "{\"state\": {}}",
     metadata: "{\"version\": \"2.1.0\"}",
     buffers: []
   })},
  {"execute_ok", :host_main, :worker, {:ok, 1, execute_answer.(:ok)}},
  {"execute_error", :host_main, :worker, {:ok, 1, execute_answer.(:error)}},
  {"execute_interrupted", :host_main, :beam, {:ok, 2, execute_answer.(:interrupted)}},
  {"stream_stdout", :host_main, :worker, event.(:stream, {3, :stdout, "Grüße\n"})},
  {"stream_stderr", :host_main, :beam, event.(:stream, {4, :stderr, "warning\n"})},
  {"display", :host_main, :worker,
   event.(:display, %{
     cell: 3,
     data: %{"image/png" => png, "text/plain" => "<Figure>"},
     metadata: "{\"image/png\": {\"width\": 640}}",
     display_id: "fig-1",
     update: false
   })},
  {"display_update", :host_main, :worker,
   event.(:display, %{
     cell: 3,
     data: %{"application/json" => "{\"done\": 5}"},
     metadata: "{}",
     display_id: "fig-1",
     update: true
   })},
  {"clear", :host_main, :worker, event.(:clear, {3, true})},
  {"result", :host_main, :worker,
   event.(:result, %{cell: 3, data: %{"text/plain" => "4", "text/html" => "<b>4</b>"}, metadata: "{}"})},
  {"error", :host_main, :worker,
   event.(:error, %{
     cell: 3,
     class: "ZeroDivisionError",
     message: "division by zero",
     traceback: ["\e[31mZeroDivisionError\e[0m: division by zero"],
     hint: "is the list empty?"
   })},
  {"error_no_hint", :host_main, :beam,
   event.(:error, %{cell: 4, class: "RuntimeError", message: "oops", traceback: [], hint: nil})},
  {"input", :host_main, :worker, request.(9, :input, {3, "name? ", false})},
  {"input_password", :host_main, :worker, request.(10, :input, {3, "password: ", true})},
  {"input_answer", :host_main, :host, {:ok, 9, "José"}},
  {"input_eof", :host_main, :host, {:error, 10, {:bridge, :eof, "nobody can answer", nil}}},

  # The host's own lane
  {"complete", :host_own, :host, request.(3, :complete, %{source: "np.li", cursor: 5, harmless: ["torch.Tensor"]})},
  {"complete_ok", :host_own, :worker,
   {:ok, 3,
    %{
      from: 3,
      to: 5,
      items: [
        %{text: "linspace", kind: "function", detail: "(start, stop, num=50)", doc: "Evenly spaced numbers."},
        %{text: "linalg", kind: "module", detail: nil, doc: nil}
      ]
    }}},
  {"inspect", :host_own, :host, request.(4, :inspect, %{source: "np.dot", cursor: 4, detail: 0, harmless: []})},
  {"inspect_ok", :host_own, :worker, {:ok, 4, %{found: true, data: %{"text/plain" => "Dot product."}}}},
  {"inspect_nothing", :host_own, :beam, {:ok, 4, %{found: false, data: %{}}}},
  {"is_complete", :host_own, :host, request.(5, :is_complete, %{source: "for x in y:"})},
  {"is_complete_incomplete", :host_own, :worker, {:ok, 5, %{status: :incomplete, indent: "    "}}},
  {"is_complete_complete", :host_own, :beam, {:ok, 5, %{status: :complete, indent: ""}}},
  {"is_complete_invalid", :host_own, :beam, {:ok, 5, %{status: :invalid, indent: ""}}},
  {"names", :host_own, :host, request.(6, :names, nil)},
  {"names_ok", :host_own, :worker,
   {:ok, 6,
    [
      %{name: "df", type: "DataFrame", size: "178 × 13", value: "   alcohol  ..."},
      %{name: "x", type: "int", size: nil, value: "1"}
    ]}},

  # Control
  {"interrupt", :host_control, :host, request.(7, :interrupt, 3)},
  {"interrupt_ok", :host_control, :worker, {:ok, 7, true}},
  {"interrupt_not_running", :host_control, :beam, {:ok, 7, false}},
  {"heard", :host_control, :host, request.(9, :heard, 3)},
  {"heard_ok", :host_control, :worker, {:ok, 9, true}},
  {"shutdown", :host_control, :host, request.(8, :shutdown, nil)},
  {"shutdown_ok", :host_control, :worker, {:ok, 8, true}},
  {"ping", :host_control, :host, request.(11, :ping, [1, {:two, "three"}, 2.5])},
  {"pong", :host_control, :worker, {:ok, 11, [1, {:two, "three"}, 2.5]}},
  {"usage", :host_control, :host, request.(12, :usage, nil)},
  {"usage_ok", :host_control, :worker, {:ok, 12, %{refs: 4, lanes: 2, abandoned: 1, abandoned_ms: 5_200, memory_bytes: 81_000_000}}},
  {"attach", :host_control, :host,
   request.(13, :attach, %{generation: 1, socket: "/run/user/1000/snakebridge-4241/worker.1.sock"})},
  {"attach_ok", :host_control, :beam, {:ok, 13, true}},
  {"worker", :host_control, :beam, request.(1, :worker, nil)},
  {"broken", :host_control, :beam, request.(2, :broken, {1, "on a lane it answered request 9 instead of 1"})},
  {"broken_ok", :host_control, :host, {:ok, 2, true}},
  {"worker_ok", :host_control, :host,
   {:ok, 1, %{generation: 2, socket: "/run/user/1000/snakebridge-4241/worker.2.sock"}}},
  {"worker_unavailable", :host_control, :host,
   {:error, 1, {:bridge, :unavailable, "python was not found", "apt install python3"}}},
  {"detach", :host_control, :host,
   event.(:detach, %{generation: 1, reason: "killed by signal 11 (SIGSEGV)", cell: 3})},
  {"elixir_up", :host_control, :host, event.(:elixir, :up)},
  {"elixir_down", :host_control, :host, event.(:elixir, :down)},
  {"elixir_missing", :host_control, :host, event.(:elixir, :missing)},
  {"late_stream", :host_control, :worker, event.(:stream, {3, :stdout, "from a thread\n"})},
  {"fault", :host_control, :worker, event.(:fault, "a frame of 3 bytes was no term")},
  {"bind", :worker_control, :beam,
   request.(1, :bind, [{"x", {:value, 1}}, {"xs", {:value, [1, 2.5, "three", :four]}}, {"big", :lazy}])},
  {"bind_ok", :worker_control, :worker, {:ok, 1, true}},
  {"decoders", :worker_control, :beam, request.(3, :decoders, [{"uuid.UUID", "builtins.str"}])},
  {"decoders_ok", :worker_control, :worker, {:ok, 3, true}},
  {"release", :worker_control, :beam, request.(2, :release, [7, 8, 18_446_744_073_709_551_615])},
  {"release_ok", :worker_control, :worker, {:ok, 2, true}},
  {"open_lane", :worker_control, :worker, event.(:open_lane, 12)},

  # A lane of the BEAM, towards Python
  {"do_call", :worker_lane, :beam,
   request.(1, :do, {{:module, "math"}, [{:attr, "sqrt"}, {:call, [16], []}], %{}})},
  {"do_ok", :worker_lane, :worker, {:ok, 1, 4.0}},
  {"batch", :worker_lane, :beam,
   request.(1, :batch, [
     {{:module, "math"}, [{:method, "sqrt", [16], []}], %{}},
     {{:module, "asyncio"}, [{:method, "sleep", [0, "done"], []}, {:await}], %{as: :value}}
   ])},
  {"batch_ok", :worker_lane, :worker,
   {:ok, 1, [{:ok, 4.0}, {:error, {:bridge, :ref_gone, "the object was released", nil}}]}},
  {"do_steps", :worker_lane, :beam,
   request.(
     2,
     :do,
     {{:name, "df"},
      [
        {:attr, "columns"},
        {:call, [1], [{"k", "v"}]},
        {:method, "head", [3], [{"deep", true}]},
        {:item, {0, "a"}},
        {:slice, 1, nil, -1},
        {:set_attr, "name", "wine"},
        {:set_item, "a", [1, 2]},
        {:op, :add, 1},
        {:rop, :sub, 10},
        {:unary, :neg},
        {:is, nil},
        {:fun, :repr}
      ], %{as: :ref}}
   )},
  {"do_ref", :worker_lane, :worker, {:ok, 2, {:"$tagged", {:"$ref", 7, "pandas.core.frame.DataFrame"}}}},
  {"do_target_ref", :worker_lane, :beam, request.(3, :do, {{:value, ref}, [{:attr, "T"}], %{as: :auto}})},
  {"do_values_from_elixir", :worker_lane, :beam,
   request.(
     4,
     :do,
     {{:name, "f"},
      [
        {:call,
         [
           nil,
           true,
           :cuda,
           :nan,
           :infinity,
           :neg_infinity,
           -1,
           2 ** 80,
           1.5,
           "text",
           <<255, 0>>,
           [1, [2]],
           {1, 2},
           %{"a" => 1, b: 2},
           MapSet.new([1, 2]),
           1..10//3,
           ~D[2026-11-20],
           ~T[08:40:19.000123],
           ~N[2026-11-20 08:40:19.000123],
           DateTime.from_naive!(~N[2026-11-20 08:40:19], "Etc/UTC"),
           %{__struct__: SnakeBridge.Duration, day: 1, second: 2, microsecond: {3, 6}},
           %{__struct__: SnakeBridge.Complex, re: 1.0, im: -2.0},
           %{__struct__: SnakeBridge.Bytes, data: "text"},
           &String.upcase/1
         ], []}
      ], %{}}
   )},
  {"do_values_from_python", :worker_lane, :worker,
   {:ok, 4,
    {:"$tagged",
     [
       {:"$ref", 8, "builtins.object"},
       {:"$term", {:kept, [:as, "it was"]}},
       {:"$set", [1, 2]},
       {:"$range", 1, 10, 3},
       {:"$complex", 1.0, -2.0},
       {:"$date", 2026, 11, 20},
       {:"$time", 8, 40, 19, 123},
       {:"$naive", 2026, 11, 20, 8, 40, 19, 123},
       {:"$aware", 2026, 11, 20, 8, 40, 19, 0, 3600, "Europe/Berlin"},
       {:"$aware", 2026, 11, 20, 8, 40, 19, 0, -1800, nil},
       {:"$timedelta", -1, 86_399, 999_999},
       {:"$custom", "decimal.Decimal", "1.50"},
       :nan,
       %{"plain" => [1.5, "text", <<255>>]}
     ]}}},
  {"do_error", :worker_lane, :worker,
   {:error, 1,
    {:python,
     Map.put(exception.("ZeroDivisionError", "division by zero", exception.("KeyError", "'a'", nil)), :step, 1)}}},
  {"do_ref_gone", :worker_lane, :worker,
   {:error, 3, {:bridge, :ref_gone, "this object was in worker 1, which ended", nil}}},
  {"unknown_op", :worker_lane, :worker, {:error, 5, {:bridge, :unknown_op, "no operation is named `frobnicate`", nil}}},
  {"read", :worker_lane, :beam, request.(6, :read, ["x", "total", "gone"])},
  {"read_ok", :worker_lane, :worker, {:ok, 6, %{"x" => {:value, 3}, "total" => :elixir, "gone" => :unbound}}},
  {"members", :worker_lane, :beam, request.(8, :members, {{:name, "df"}, [{:item, "a"}, {:attr, "str"}, {:attr, "upper"}, {:call}], %{what: :attributes, prefix: "col", harmless: []}})},
  {"members_ok", :worker_lane, :worker,
   {:ok, 8, [%{text: "columns", kind: "attribute", detail: "Index", doc: nil}]}},
  {"calls", :worker_lane, :beam, request.(7, :calls, 3)},
  {"calls_ok", :worker_lane, :worker, {:ok, 7, [call]}},
  {"lane_stream", :worker_lane, :worker, event.(:stream, {nil, :stdout, "printed by a call\n"})},

  # A lane of the BEAM, towards Elixir
  {"apply", :elixir_lane, :worker, request.(1, :apply, {&String.upcase/1, ["abc"], [{"mode", "ascii"}]})},
  {"apply_ok", :elixir_lane, :beam, {:ok, 1, "ABC"}},
  {"apply_error", :elixir_lane, :beam,
   {:error, 1, {:elixir, :error, %{__struct__: ArgumentError, __exception__: true, message: "no"}, "no", ["cell 3:4: Shop.price/1"]}}},
  {"apply_throw", :elixir_lane, :beam, {:error, 1, {:elixir, :throw, {:done, 1}, "throw {:done, 1}", []}}},
  {"mfa", :elixir_lane, :worker, request.(2, :mfa, {"Enum", "map", [[1, 2], "f"], []})},
  {"mfa_function", :elixir_lane, :worker,
   request.(3, :mfa, {"Enum", "map", [[1, 2], {:"$tagged", {:"$function", 9, "builtins.function", 1}}], []})},
  {"exports", :elixir_lane, :worker, request.(3, :exports, "Enum")},
  {"exports_top", :elixir_lane, :worker, request.(4, :exports, nil)},
  {"exports_ok", :elixir_lane, :beam, {:ok, 3, ["all?", "map"]}},
  {"inspect_elixir", :elixir_lane, :worker, request.(6, :inspect, {"Enum.map", 1})},
  {"inspect_elixir_ok", :elixir_lane, :beam,
   {:ok, 6, %{"text/markdown" => "### `Enum.map(enumerable, fun)`", "text/plain" => "Enum.map(enumerable, fun)"}}},
  {"read_elixir", :elixir_lane, :worker, request.(5, :read, ["big"])},
  {"read_elixir_ok", :elixir_lane, :beam, {:ok, 5, %{"big" => [1, 2, 3]}}},
  {"cancel", :elixir_lane, :worker, event.(:cancel, 1)}
]

encode = &Golden.frame(:erlang.term_to_binary(&1, [:deterministic, minor_version: 2]))

malformed = [
  {"bad_empty", :report, Golden.frame("")},
  {"bad_not_a_term", :report, Golden.frame("abc")},
  {"bad_version_byte", :report, Golden.frame(<<130, 106>>)},
  {"bad_truncated_term", :report, Golden.frame(<<131, 104, 4, 100>>)},
  {"bad_trailing_bytes", :report, Golden.frame(<<131, 106, 0>>)},
  {"bad_no_message", :report, encode.({:hello, "world"})},
  {"bad_atom", :report, encode.(:ok)},
  {"bad_id", :report, encode.({:req, "one", :ping, nil})},
  {"bad_op", :answer, encode.({:req, 21, "ping", nil})},
  {"bad_body", :answer, encode.({:req, 22, :interrupt, %{}})},
  {"bad_unknown_op", :answer, encode.({:req, 23, :frobnicate, nil})},
  {"bad_oversize", :close, <<0xFFFFFFFF::32, 131, 106>>},
  {"bad_end_inside", :close, <<100::32, 131, 106>>}
]

Golden.write(messages, malformed)
