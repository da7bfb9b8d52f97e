defmodule LangchainCoreTest do
  use LibraryCase, library: "langchain-core"

  defp model(answers),
    do: call!("langchain_core.language_models", "FakeListChatModel", [], responses: answers)

  defp prompt(messages), do: call!("langchain_core.prompts", "ChatPromptTemplate.from_messages", [messages])

  test "prompts are filled" do
    prompt = prompt([{"system", "You translate to {language}."}, {"human", "{text}"}])
    assert attr!(prompt, "input_variables") == ["language", "text"]
    value = method!(prompt, "invoke", [%{language: "French", text: "cat"}])
    assert to_string(method!(value, "to_string")) == "System: You translate to French.\nHuman: cat"

    assert Enum.map(value.to_messages(), &{&1.type, &1.content}) == [
             {"system", "You translate to French."},
             {"human", "cat"}
           ]

    assert {:error, %{class: "KeyError"} = error} = method(prompt, "invoke", [%{language: "x"}])
    assert error.message =~ "text"
  end

  test "chains are written with |||" do
    parser = call!("langchain_core.output_parsers", "StrOutputParser")
    chain = prompt([{"human", "{x}"}]) ||| model(["chat"]) ||| parser
    assert chain.invoke(%{x: "cat"}) == "chat"
    assert chain.batch([%{x: "a"}, %{x: "b"}]) |> Enum.map(&to_string/1) == ["chat", "chat"]
    assert chain.stream(%{x: "cat"}) |> Enum.map(&to_string/1) == ["c", "h", "a", "t"]
  end

  test "functions of Elixir are links of a chain" do
    lambda =
      call!("langchain_core.runnables", "RunnableLambda", [
        fn text -> text |> to_string() |> String.upcase() end
      ])

    chain =
      prompt([{"human", "{x}"}]) ||| model(["chat"]) |||
        call!("langchain_core.output_parsers", "StrOutputParser") ||| lambda

    assert chain.invoke(%{x: "cat"}) == "CHAT"
    chain = prompt([{"human", "{x}"}]) ||| model(["chat"]) ||| fn message -> message.content <> "!" end
    assert chain.invoke(%{x: "cat"}) == "chat!"

    assert catch_error(
             call!("langchain_core.runnables", "RunnableLambda", [fn _ -> raise "no" end]).invoke(1)
           ) == %RuntimeError{message: "no"}
  end

  test "parallel links" do
    both =
      call!("langchain_core.runnables", "RunnableParallel", [], a: fn n -> n + 1 end, b: fn n -> n * 2 end)

    assert both.invoke(5) == %{"a" => 6, "b" => 10}
  end

  test "json is parsed" do
    parser = call!("langchain_core.output_parsers", "JsonOutputParser")
    assert (model([~s(```json\n{"a": [1]}\n```)]) ||| parser).invoke("x") == %{"a" => [1]}
    assert {:error, %{class: "OutputParserException"}} = method(parser, "invoke", ["no json"])
  end

  test "tools in Elixir" do
    schema = %{
      title: "add",
      type: "object",
      properties: %{a: %{type: "integer"}, b: %{type: "integer"}},
      required: ["a", "b"]
    }

    tool =
      call!("langchain_core.tools", "StructuredTool.from_function", [],
        func: fn opts -> opts[:a] + opts[:b] end,
        name: "add",
        description: "adds",
        args_schema: schema
      )

    assert tool.invoke(%{a: 1, b: 2}) == 3
    assert tool.name == "add"
    call = %{name: "add", args: %{a: 2, b: 2}, id: "1", type: "tool_call"}
    message = tool.invoke(call)
    assert {message.type, message.content, message.tool_call_id} == {"tool", "4", "1"}
  end

  test "documents and messages" do
    document = call!("langchain_core.documents", "Document", [], page_content: "text", metadata: %{page: 1})
    assert document.metadata["page"] == 1
    messages = call!("langchain_core.messages", "HumanMessage", ["hi"]) + prompt([{"ai", "yes"}])
    assert messages.format() |> String.contains?("AI: yes")

    dumped =
      call!("langchain_core.messages", "messages_to_dict", [
        [call!("langchain_core.messages", "AIMessage", ["x"], tool_calls: [%{name: "f", args: %{}, id: "1"}])]
      ])

    assert [%{"type" => "ai", "data" => %{"tool_calls" => [%{"name" => "f"}]}}] = dumped

    store =
      call!("langchain_core.vectorstores", "InMemoryVectorStore", [
        call!("langchain_core.embeddings", "DeterministicFakeEmbedding", [], size: 8)
      ])

    store.add_documents([document])
    assert [found] = store.similarity_search("text", k: 1)
    assert found.page_content == "text"
  end

  test "callbacks" do
    test = self()

    chain =
      call!("langchain_core.runnables", "RunnableLambda", [fn n -> n + 1 end]).with_listeners(
        on_end: fn run -> send(test, {:ended, run.outputs}) && nil end
      )

    assert chain.invoke(1) == 2
    assert_received {:ended, _}
  end

  test "asynchronous chains" do
    chain = prompt([{"human", "{x}"}]) ||| model(["chat", "chien"])
    assert chain.ainvoke(%{x: "cat"}).content == "chat"
    assert chain.abatch([%{x: "dog"}]) |> Enum.map(& &1.content) == ["chien"]

    letters = stream!(prompt([{"human", "{x}"}]) ||| model(["chat"]), "astream", [%{x: "cat"}])
    assert Enum.map_join(letters, & &1.content) == "chat"
  end
end
