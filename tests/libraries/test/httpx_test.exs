defmodule HttpxTest do
  use LibraryCase, library: "httpx"

  setup_all do
    {:ok, url: Loopback.start(&answer/4)}
  end

  defp answer("GET", "/missing", _, _), do: {404, "text/plain", "no"}
  defp answer("GET", "/lines", _, _), do: {200, "text/plain; charset=utf-8", "eins\nzwei\ndrei\n"}

  defp answer("GET", path, headers, _),
    do: {200, "application/json", ~s({"path": "#{path}", "agent": "#{headers["user-agent"]}"})}

  defp answer(method, _, headers, body),
    do: {200, "text/plain", [method, " ", headers["content-type"] || "none", " ", body]}

  test "requests and answers", %{url: url} do
    response = call!("httpx", "get", [url <> "/a"], params: [{"q", "x"}, {"q", "y"}], timeout: 5.0)
    assert attr!(response, "status_code") == 200
    assert attr!(response, "is_success")
    assert method!(response, "json")["path"] == "/a?q=x&q=y"
    assert to_string(attr!(response, "url")) == url <> "/a?q=x&q=y"
    assert attr!(response, "headers") |> item!("Content-Type") == "application/json"
  end

  test "a client", %{url: url} do
    httpx = import!("httpx")

    client =
      httpx."Client"(
        base_url: url,
        headers: %{"User-Agent" => "elixir"},
        timeout: httpx."Timeout"(5.0, connect: 2.0)
      )

    assert client.get("/x").json() == %{"path" => "/x", "agent" => "elixir"}
    assert client.post("/", json: %{a: 1}).text == ~s(POST application/json {"a":1})
    assert client.put("/", content: bytes("raw")).text == "PUT none raw"
    assert client.request("PATCH", "/", data: %{a: "1"}).text == "PATCH application/x-www-form-urlencoded a=1"
    request = client.build_request("GET", "/lines")
    assert request.url.path == "/lines"
    assert client.send(request).text == "eins\nzwei\ndrei\n"
    client.close()
    assert client.is_closed
  end

  test "a transport written in Elixir" do
    httpx = import!("httpx")
    test = self()

    handler = fn request ->
      send(test, {:request, request.method, request.url.path})
      httpx."Response"(201, json: %{made: request.headers["x-kind"]})
    end

    client = httpx."Client"(transport: httpx."MockTransport"(handler), base_url: "http://example")
    response = client.post("/things", headers: %{"X-Kind" => "test"})
    assert {response.status_code, response.json()} == {201, %{"made" => "test"}}
    assert_received {:request, "POST", "/things"}
  end

  test "event hooks in Elixir", %{url: url} do
    test = self()

    hooks = %{
      request: [fn request -> send(test, request.method) && nil end],
      response: [fn response -> response.raise_for_status() && nil end]
    }

    client = call!("httpx", "Client", [], base_url: url, event_hooks: hooks)
    assert client.get("/a").status_code == 200
    assert_received "GET"
    assert {:error, %{class: "HTTPStatusError"}} = method(client, "get", ["/missing"])
  end

  test "urls and headers" do
    url = call!("httpx", "URL", ["https://user@example.com:8080/a%20b?q=1#top"])

    assert {url.scheme, url.host, url.port, url.path, url.fragment} ==
             {"https", "example.com", 8080, "/a b", "top"}

    assert url.copy_with(path: "/c") |> to_string() == "https://user@example.com:8080/c?q=1#top"
    assert Map.new(url.params.items()) == %{"q" => "1"}
    headers = call!("httpx", "Headers", [[{"A", "1"}, {"a", "2"}]])
    assert headers["a"] == "1, 2"
    assert headers.get_list("A") == ["1", "2"]
    assert Enum.to_list(headers) == ["a"]
  end

  test "errors", %{url: url} do
    assert {:error, error} = method(call!("httpx", "get", [url <> "/missing"]), "raise_for_status")
    assert error.class == "HTTPStatusError"
    assert error.message =~ "404 Answer"
    assert {:error, error} = call("httpx", "get", ["http://127.0.0.1:1"])
    assert error.class == "ConnectError"
    assert "httpx.HTTPError" in error.mro
    assert {:error, %{class: "UnsupportedProtocol"}} = call("httpx", "get", ["ftp://x"])
  end

  test "the asynchronous client", %{url: url} do
    httpx = import!("httpx")

    with_python!(httpx."AsyncClient"(base_url: url), fn client ->
      assert client.get("/x").json()["path"] == "/x"
      assert [one, two] = batch!([{client, "get", ["/1"]}, {client, "post", ["/2"], [content: "body"]}])
      assert {one.status_code, two.text} == {200, "POST none body"}

      lines = with_python!(client.stream("GET", "/lines"), &Enum.to_list(&1.aiter_lines()))
      assert lines == ["eins", "zwei", "drei"]

      tasks = for path <- ["/a", "/b", "/c"], do: Task.async(fn -> client.get(path).json()["path"] end)
      assert Task.await_many(tasks) == ["/a", "/b", "/c"]
      assert {:error, %{class: "HTTPStatusError"}} = method(client.get("/missing"), "raise_for_status")
    end)
  end

  test "functions of Elixir in asynchronous code" do
    httpx = import!("httpx")
    handler = fn request -> httpx."Response"(200, text: String.upcase(request.url.host)) end
    client = httpx."AsyncClient"(transport: httpx."MockTransport"(handler))
    assert client.get("http://example").text == "EXAMPLE"

    source = """
    import asyncio
    [answer.text for answer in await asyncio.gather(*map(client.get, urls))]
    """

    assert run!(source, client: client, urls: ["http://a", "http://b"]) == ["A", "B"]
    assert await!(method!(client, "get", ["http://c"], [], as: :ref)).text == "C"
    client.aclose()
  end
end
