defmodule OnnxruntimeTest do
  use LibraryCase, library: "onnxruntime"

  setup_all do
    %{ort: import!("onnxruntime"), np: import!("numpy"), model: model()}
  end

  # y = x * w + b, made with the package that describes models.
  defp model do
    helper = import!("onnx.helper")
    float = get!("onnx", "TensorProto.FLOAT")

    graph =
      helper.make_graph(
        [
          helper.make_node("MatMul", ["x", "w"], ["xw"]),
          helper.make_node("Add", ["xw", "b"], ["y"])
        ],
        "linear",
        [helper.make_tensor_value_info("x", float, ["batch", 2])],
        [helper.make_tensor_value_info("y", float, ["batch", 1])],
        initializer: [
          helper.make_tensor("w", float, [2, 1], [2.0, 3.0]),
          helper.make_tensor("b", float, [1], [0.5])
        ]
      )

    model = helper.make_model(graph, opset_imports: [helper.make_opsetid("", 13)], ir_version: 8)
    call!("onnx", "checker.check_model", [model])
    assert Enum.map(model.graph.node, & &1.op_type) == ["MatMul", "Add"]
    model."SerializeToString"()
  end

  test "a session runs a model", %{ort: ort, np: np, model: model} do
    session = ort."InferenceSession"(bytes(model), providers: ["CPUExecutionProvider"])

    assert Enum.map(session.get_inputs(), &{&1.name, &1.type, &1.shape}) == [
             {"x", "tensor(float)", ["batch", 2]}
           ]

    assert [output] = session.run(nil, %{"x" => np.array([[1, 2], [3, 4]], dtype: np.float32)})
    assert output.tolist() == [[8.5], [18.5]]
    assert [%{name: "y"}] = Enum.map(session.get_outputs(), &%{name: &1.name})
    assert session.get_providers() == ["CPUExecutionProvider"]
  end

  test "options and a file", %{ort: ort, np: np, model: model} do
    path = Path.join(System.tmp_dir!(), "matrix-#{System.unique_integer([:positive])}.onnx")
    on_exit(fn -> File.rm(path) end)
    File.write!(path, model)
    options = ort."SessionOptions"()
    put_attr!(options, "intra_op_num_threads", 1)
    put_attr!(options, "graph_optimization_level", ort."GraphOptimizationLevel"."ORT_ENABLE_ALL")
    assert options.intra_op_num_threads == 1
    session = ort."InferenceSession"(path, sess_options: options)
    [y] = session.run(["y"], %{"x" => np.ones({1, 2}, dtype: "float32")})
    assert y[{0, 0}] == 5.5
  end

  test "values that stay in the runtime", %{ort: ort, np: np, model: model} do
    session = ort."InferenceSession"(bytes(model))
    value = ort."OrtValue".ortvalue_from_numpy(np.ones({3, 2}, dtype: "float32"))
    assert value.shape() == [3, 2]
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", value)
    binding.bind_output("y")
    session.run_with_iobinding(binding)
    assert [result] = binding.copy_outputs_to_cpu()
    assert result.ravel().tolist() == [5.5, 5.5, 5.5]
  end

  test "several processes use one session at a time each of their own", %{ort: ort, np: np, model: model} do
    session = ort."InferenceSession"(bytes(model))

    results =
      1..4
      |> Task.async_stream(fn n ->
        [y] = session.run(nil, %{"x" => np.full({1, 2}, n, dtype: "float32")})
        y.item()
      end)
      |> Enum.map(fn {:ok, y} -> y end)

    assert results == [5.5, 10.5, 15.5, 20.5]
  end

  test "its exceptions", %{ort: ort, np: np, model: model} do
    session = ort."InferenceSession"(bytes(model))
    error = catch_error(session.run(nil, %{"x" => np.ones({1, 3}, dtype: "float32")}))
    assert error.class == "InvalidArgument"
    assert error.message =~ "invalid dimensions"
    assert %{class: "ValueError"} = catch_error(session.run(nil, %{}))
    assert %{class: class} = catch_error(ort."InferenceSession"(bytes("no model")))
    assert class in ["InvalidProtobuf", "Fail"]
    assert %{class: "NoSuchFile"} = catch_error(ort."InferenceSession"("/nowhere.onnx"))
  end
end
