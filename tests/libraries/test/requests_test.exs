defmodule RequestsTest do
  use LibraryCase, library: "requests"

  require SnakeBridge.Py
  import SnakeBridge.Py, only: [is_kind: 2]

  setup_all do
    {:ok, url: Loopback.start(&answer/4)}
  end

  defp answer("GET", "/missing", _, _), do: {404, "text/plain", "no"}
  defp answer("GET", "/bytes", _, _), do: {200, "application/octet-stream", Enum.to_list(0..255)}
  defp answer("GET", "/lines", _, _), do: {200, "text/plain", "one\ntwo\nthree\n"}

  defp answer("GET", "/json", headers, _),
    do: {200, "application/json", ~s({"n": [1, 2.5, null], "token": "#{headers["x-token"]}"})}

  defp answer("GET", path, headers, _), do: {200, "text/plain", "#{path} #{headers["authorization"]}"}

  defp answer("POST", _, headers, body),
    do: {201, "text/plain", [headers["content-type"] || "none", " ", body]}

  test "a request with keywords, and its answer", %{url: url} do
    response = call!("requests", "get", [url <> "/json"], headers: %{"X-Token" => "t"}, timeout: 5)
    assert attr!(response, "status_code") == 200
    assert method!(response, "json") == %{"n" => [1, 2.5, nil], "token" => "t"}
    assert attr!(response, "headers") |> item!("CONTENT-TYPE") == "application/json"
    assert %{microsecond: _} = attr!(response, "elapsed")
  end

  test "natural syntax", %{url: url} do
    requests = import!("requests")

    assert requests.get(url <> "/search", params: [q: "a b", n: 1, n: 2]).text |> String.trim() ==
             "/search?q=a+b&n=1&n=2"

    assert requests.get(url <> "/bytes").content == :binary.list_to_bin(Enum.to_list(0..255))
    assert requests.get(url <> "/lines").headers["content-length"] == "14"
    assert requests.get(url <> "/missing").ok == false
    assert requests.codes.not_found == 404
  end

  test "bodies: forms, JSON, bytes, files", %{url: url} do
    requests = import!("requests")
    assert requests.post(url, data: %{a: 1, b: "x y"}).text == "application/x-www-form-urlencoded a=1&b=x+y"
    assert requests.post(url, json: %{a: [nil, true]}).text == ~s(application/json {"a": [null, true]})
    assert requests.post(url, data: bytes("é")).content == "none é"
    assert requests.post(url, data: <<0, 255>>).content == <<"none ", 0, 255>>
    text = requests.post(url, files: %{doc: {"n.txt", bytes("hello"), "text/x-note"}}).text
    assert text =~ ~s(name="doc"; filename="n.txt")
    assert text =~ "text/x-note\r\n\r\nhello"
  end

  test "a session keeps headers and credentials", %{url: url} do
    session = call!("requests", "Session")
    session.headers.update(%{"X-Token" => "kept"})
    put_attr!(session, "auth", {"user", "pass"})
    assert session.get(url <> "/json").json()["token"] == "kept"
    assert session.get(url <> "/a").text == "/a Basic " <> Base.encode64("user:pass")
    prepared = session.prepare_request(call!("requests", "Request", ["PUT", url], json: [1]))
    assert {prepared.method, prepared.body} == {"PUT", "[1]"}
    session.close()
  end

  test "a body is streamed", %{url: url} do
    response = call!("requests", "get", [url <> "/lines"], stream: true)
    assert response.iter_lines() |> Stream.map(&String.upcase/1) |> Enum.take(2) == ["ONE", "TWO"]
    chunks = call!("requests", "get", [url <> "/bytes"], stream: true).iter_content(chunk_size: 100)
    assert Enum.map(chunks, &byte_size/1) == [100, 100, 56]
  end

  test "hooks and authentication in Elixir", %{url: url} do
    test = self()
    hook = fn response, options -> send(test, {:response, response.status_code, options[:timeout]}) && nil end
    call!("requests", "get", [url <> "/a"], hooks: %{response: hook}, timeout: 7)
    assert_received {:response, 200, 7}
    sign = fn request -> put_item!(request.headers, "Authorization", "Elixir") && request end
    assert call!("requests", "get", [url <> "/a"], auth: sign).text == "/a Elixir"
  end

  test "errors of the library", %{url: url} do
    assert {:error, error} = method(call!("requests", "get", [url <> "/missing"]), "raise_for_status")
    assert error.class == "HTTPError"
    assert error.message =~ "404 Client Error"
    assert {:error, error} = call("requests", "get", ["http://127.0.0.1:1/"], timeout: 5)
    assert error.class == "ConnectionError"
    assert "requests.exceptions.RequestException" in error.mro
    assert "builtins.OSError" in error.mro
    assert {:error, %{class: "MissingSchema"}} = call("requests", "get", ["no-scheme"])
  end

  test "contexts and exceptions", %{url: url} do
    with_python!(call!("requests", "Session"), fn session ->
      lines =
        with_python!(session.get(url <> "/lines", stream: true), fn response ->
          Enum.to_list(response.iter_lines(decode_unicode: true))
        end)

      assert lines == ["one", "two", "three"]
      session.get(url <> "/missing").raise_for_status()
      flunk("that should raise")
    end)
  rescue
    error in SnakeBridge.Py.kinds(OSError) ->
      assert is_kind(error, "requests.exceptions.HTTPError")
      assert attr!(error.ref, "response").status_code == 404
  end
end
