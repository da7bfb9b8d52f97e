defmodule Boto3Test do
  use LibraryCase, library: "boto3"

  defp client(service) do
    call!("boto3", "client", [service],
      region_name: "eu-central-1",
      aws_access_key_id: "id",
      aws_secret_access_key: "secret"
    )
  end

  defp stubbed(service) do
    client = client(service)
    {client, call!("botocore.stub", "Stubber", [client])}
  end

  test "stubbed answers" do
    {s3, stub} = stubbed("s3")

    method!(stub, "add_response", [
      "list_buckets",
      %{"Buckets" => [%{"Name" => "one", "CreationDate" => ~U[2024-01-01 00:00:00Z]}]},
      %{}
    ])

    method!(stub, "activate")

    assert method!(s3, "list_buckets")["Buckets"] == [
             %{"Name" => "one", "CreationDate" => ~U[2024-01-01 00:00:00Z]}
           ]

    assert method!(stub, "assert_no_pending_responses") == nil
  end

  test "bodies are streams of bytes" do
    {s3, stub} = stubbed("s3")
    data = :crypto.strong_rand_bytes(1000)
    raw = call!("io", "BytesIO", [bytes(data)])
    body = call!("botocore.response", "StreamingBody", [raw, 1000])
    stub.add_response("get_object", %{Body: body, ContentLength: 1000}, %{Bucket: "b", Key: "k"})
    stub.activate()
    answer = s3.get_object(Bucket: "b", Key: "k")
    assert answer["ContentLength"] == 1000
    assert Enum.map(answer["Body"].iter_chunks(400), &byte_size/1) == [400, 400, 200]
  end

  test "errors of the service" do
    {s3, stub} = stubbed("s3")

    stub.add_client_error("head_object",
      service_error_code: "404",
      service_message: "Not Found",
      http_status_code: 404
    )

    stub.activate()
    assert {:error, error} = method(s3, "head_object", [], %{"Bucket" => "b", "Key" => "k"})
    assert error.class == "ClientError"
    assert error.message =~ "(404)"
  end

  test "parameters are validated" do
    assert {:error, %{class: "ParamValidationError"} = error} =
             method(client("s3"), "get_object", [], Bucket: "b", Range: 1)

    assert error.message =~ ~s(Missing required parameter in input: "Key")
  end

  test "paginators" do
    {sqs, stub} = stubbed("sqs")
    stub.add_response("list_queues", %{"QueueUrls" => ["http://a"], "NextToken" => "t"}, %{})
    stub.add_response("list_queues", %{"QueueUrls" => ["http://b"]}, %{NextToken: "t"})
    stub.activate()
    pages = sqs.get_paginator("list_queues").paginate()
    assert Enum.flat_map(pages, & &1["QueueUrls"]) == ["http://a", "http://b"]
  end

  test "dynamodb's types" do
    types = import!("boto3.dynamodb.types")
    item = %{"name" => "x", "tags" => MapSet.new(["a"]), "ok" => true, "data" => bytes("é"), "n" => 3}
    wire = method!(types."TypeSerializer"(), "serialize", [item], [], as: :ref)
    assert wire["M"]["tags"] == %{"SS" => ["a"]}
    assert wire["M"]["n"] == %{"N" => "3"}
    back = types."TypeDeserializer"().deserialize(wire)
    assert back["tags"] == MapSet.new(["a"])
    assert to_string(back["n"]) == "3"

    condition =
      call!("boto3.dynamodb.conditions", "Attr", ["age"]).gte(18) &&&
        call!("boto3.dynamodb.conditions", "Attr", ["name"]).begins_with("A")

    assert call!("boto3.dynamodb.conditions", "ConditionExpressionBuilder").build_expression(condition).condition_expression ==
             "(#n0 >= :v0 AND begins_with(#n1, :v1))"
  end

  test "event handlers in Elixir and presigned urls" do
    s3 = client("s3")
    url = s3.generate_presigned_url("get_object", Params: %{Bucket: "b", Key: "k"}, ExpiresIn: 60)
    assert url =~ "X-Amz-Signature" or url =~ "Signature="
    test = self()

    s3.meta.events.register("provide-client-params.s3.PutObject", fn options ->
      send(test, {:event, options[:params]})
      nil
    end)

    {:error, _} = method(s3, "put_object", [], Bucket: "b")
    assert_received {:event, %{"Bucket" => "b"}}
  end

  test "the stubber as a context" do
    {s3, stub} = stubbed("s3")
    body = bytes("é")
    stub.add_response("put_object", %{ETag: "x"}, %{Bucket: "b", Key: "k", Body: body})
    assert with_python!(stub, fn _ -> s3.put_object(Bucket: "b", Key: "k", Body: body)["ETag"] end) == "x"
    stub.add_response("list_buckets", %{Buckets: []}, %{})

    assert_raise SnakeBridge.Py.AssertionError, fn ->
      with_python!(stub, fn stub -> stub.assert_no_pending_responses() end)
    end
  end
end
