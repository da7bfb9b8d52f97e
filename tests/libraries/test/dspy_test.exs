defmodule DspyTest do
  use LibraryCase, library: "dspy"

  setup do
    {:ok, dspy: import!("dspy")}
  end

  defp model(answers), do: call!("dspy.utils", "DummyLM", [answers])

  test "signatures" do
    signature = call!("dspy", "Signature", ["question, context: list[str] -> answer: int"])
    assert Map.keys(attr!(signature, "input_fields")) |> Enum.sort() == ["context", "question"]
    assert Map.keys(attr!(signature, "output_fields")) == ["answer"]
    assert signature.with_instructions("Answer briefly.").instructions == "Answer briefly."
  end

  test "a prediction", %{dspy: dspy} do
    predict = dspy."Predict"("question -> answer")
    assert predict.(question: "2+2?", lm: model([%{answer: "4"}])).answer == "4"
  end

  test "typed answers and reasons", %{dspy: dspy} do
    lm = model([%{reasoning: "counting", answer: "7"}])
    program = dspy."ChainOfThought"("question -> answer: int")
    program.set_lm(lm)
    prediction = program.(question: "days?")
    assert {prediction.answer, prediction.reasoning} == {7, "counting"}
    assert prediction.toDict() == %{"reasoning" => "counting", "answer" => 7}
    assert length(lm.history) == 1
    assert Enum.map(program.named_predictors(), &elem(&1, 0)) == ["predict"]
  end

  test "a model written in Elixir", %{dspy: dspy} do
    test = self()
    program = dspy."Predict"("text -> shout")

    engine =
      run!("""
      from types import SimpleNamespace
      from dspy.lm15 import Message, Response, TextPart, Usage

      def engine(answer):
          def complete(request):
              text = answer([message.text for message in request.messages])
              message = Message.assistant([TextPart(text)])
              usage = Usage(input_tokens=0, output_tokens=0, total_tokens=0)
              return Response(id=None, model="elixir", message=message, finish_reason="stop", usage=usage)

          return SimpleNamespace(complete=complete)

      engine
      """)

    answer = fn messages ->
      send(test, {:asked, messages})
      "[[ ## shout ## ]]\nHEY\n\n[[ ## completed ## ]]"
    end

    program.set_lm(dspy."LM"("elixir", engine: engine.(answer), cache: false))
    assert program.(text: "hey").shout == "HEY"
    assert_received {:asked, [message]}
    assert message =~ "[[ ## text ## ]]\nhey"
  end

  test "examples and metrics in Elixir", %{dspy: dspy} do
    examples =
      for {q, a} <- [{"1", "a"}, {"2", "b"}],
          do: dspy."Example"(question: q, answer: a).with_inputs("question")

    metric = fn example, prediction -> example.answer == prediction.answer end
    evaluate = dspy."Evaluate"(devset: examples, metric: metric, num_threads: 1, display_progress: false)
    program = dspy."Predict"("question -> answer")
    program.set_lm(model([%{answer: "a"}, %{answer: "x"}]))
    result = evaluate.(program)
    assert result.score == 50.0
  end

  test "tools in Elixir", %{dspy: dspy} do
    tool =
      dspy."Tool"(fn opts -> opts[:a] + opts[:b] end,
        name: "add",
        desc: "adds",
        args: %{a: %{type: "integer"}, b: %{type: "integer"}}
      )

    assert tool.(a: 1, b: 2) == 3
  end

  test "errors", %{dspy: dspy} do
    assert {:error, error} = SnakeBridge.apply(dspy."Predict"("a -> b"), [], a: "x")
    assert error.message =~ "No LM is loaded"
    assert {:error, %{class: "ValueError"}} = call("dspy", "Signature", ["a b c"])
  end

  test "a model for a while", %{dspy: dspy} do
    program = dspy."Predict"("question -> answer")
    context = dspy.context(lm: model([%{answer: "for now"}]))
    assert with_python!(context, fn _ -> program.(question: "x").answer end) == "for now"
    assert {:error, %{class: "ValueError"}} = SnakeBridge.apply(program, [], question: "x")
  end

  test "asynchronous programs", %{dspy: dspy} do
    program = dspy."Predict"("question -> answer")
    program.set_lm(model([%{answer: "later"}]))
    assert program.acall(question: "x").answer == "later"
  end
end
