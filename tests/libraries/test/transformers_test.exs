defmodule TransformersTest do
  use LibraryCase, library: "transformers"

  setup_all do
    folder = Path.join(System.tmp_dir!(), "tokenizer#{System.unique_integer([:positive])}")
    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    words = ~w([PAD] [UNK] [CLS] [SEP] [MASK] hello world ##ing go the snake)
    File.write!(Path.join(folder, "vocab.txt"), Enum.join(words, "\n"))
    {:ok, folder: folder, words: words}
  end

  defp tokenizer(%{folder: folder}),
    do: call!("transformers", "BertTokenizerFast", [], vocab: Path.join(folder, "vocab.txt"))

  test "a tokenizer of a vocabulary", context do
    tokenizer = tokenizer(context)
    assert method!(tokenizer, "tokenize", ["Hello going world"]) == ["hello", "go", "##ing", "world"]
    assert method!(tokenizer, "convert_tokens_to_ids", [["hello", "nothing"]]) == [5, 1]
    assert method!(tokenizer, "encode", ["hello"]) == [2, 5, 3]
  end

  test "batches", context do
    tokenizer = tokenizer(context)
    batch = tokenizer.(["hello", "going the snake"], padding: true, return_attention_mask: true)
    assert batch["input_ids"] == [[2, 5, 3, 0, 0, 0], [2, 8, 7, 9, 10, 3]]
    assert Enum.map(batch["attention_mask"], &Enum.sum/1) == [3, 6]

    assert tokenizer.batch_decode(batch["input_ids"], skip_special_tokens: true) == [
             "hello",
             "going the snake"
           ]

    arrays = tokenizer.(["hello", "world"], return_tensors: "np")
    assert arrays["input_ids"].shape == {2, 3}
    assert arrays.input_ids[{0, 1}] == 5
    assert Enum.sort(Enum.to_list(batch)) |> Enum.take(2) == ["attention_mask", "input_ids"]
  end

  test "offsets and alignment", context do
    encoding = tokenizer(context).("Hello going", return_offsets_mapping: true)
    assert encoding["offset_mapping"] == [{0, 0}, {0, 5}, {6, 8}, {8, 11}, {0, 0}]
    assert encoding.word_ids() == [nil, 0, 1, 1, nil]
    assert encoding.char_to_token(9) == 3
    assert encoding.tokens() |> Enum.at(3) == "##ing"
  end

  test "special tokens and saving", %{folder: folder} = context do
    tokenizer = tokenizer(context)
    assert {tokenizer.pad_token, tokenizer.mask_token_id, tokenizer.vocab_size} == {"[PAD]", 4, 11}
    assert tokenizer.add_tokens(["elixir"]) == 1
    assert call!("builtins", "len", [tokenizer]) == 12
    saved = Path.join(folder, "saved")
    tokenizer.save_pretrained(saved)
    again = call!("transformers", "AutoTokenizer.from_pretrained", [saved])
    assert again.tokenize("hello elixir") == ["hello", "elixir"]
  end

  test "a tokenizer is trained on texts of Elixir", context do
    texts = List.duplicate("the snake and the bottle", 20)
    trained = tokenizer(context).train_new_from_iterator(texts, 60)
    assert "snake" in trained.tokenize("snake")
    assert trained.get_vocab() |> Map.has_key?("bottle")
  end

  test "configurations" do
    config =
      call!("transformers", "BertConfig", [],
        hidden_size: 32,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        id2label: %{0 => "no", 1 => "yes"}
      )

    assert config.hidden_size == 32
    assert config.id2label == %{0 => "no", 1 => "yes"}
    assert config.to_diff_dict()["num_hidden_layers"] == 1
    assert call!("transformers", "BertConfig.from_dict", [config.to_dict()]).hidden_size == 32
  end

  test "chat templates", context do
    tokenizer = tokenizer(context)

    put_attr!(
      tokenizer,
      "chat_template",
      "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    )

    messages = [%{role: "user", content: "hello"}, %{role: "assistant", content: "world"}]
    assert tokenizer.apply_chat_template(messages, tokenize: false) == "user: hello\nassistant: world\n"
  end

  test "its errors", context do
    assert {:error, error} =
             call("transformers", "AutoTokenizer.from_pretrained", ["/nowhere/at/all"],
               local_files_only: true
             )

    assert error.class == "OSError"
    bert = tokenizer(context)
    assert {:error, %{class: "ValueError"} = error} = SnakeBridge.apply(bert, [1])
    assert error.message =~ "text input"
    assert {:error, %{class: "AttributeError"}} = attr(bert, "nothing")
  end
end
