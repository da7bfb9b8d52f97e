defmodule Loopback do
  @moduledoc """
  A small HTTP server for the libraries that are clients: it answers each request as a function says.

      url = Loopback.start(fn "GET", "/missing", _headers, _body -> {404, "text/plain", "no"} end)

  It reads bodies of a known length alone, and closes each connection after its answer.
  """

  @type answer :: {100..599, content_type :: String.t(), body :: iodata()}

  @doc "Starts a server that lives as long as the caller; gives its URL."
  @spec start((String.t(), String.t(), map(), binary() -> answer())) :: String.t()
  def start(handler) do
    options = [:binary, packet: :http_bin, active: false, ip: {127, 0, 0, 1}]
    {:ok, listener} = :gen_tcp.listen(0, options)
    {:ok, port} = :inet.port(listener)
    spawn_link(fn -> accept(listener, handler) end)
    "http://127.0.0.1:#{port}"
  end

  defp accept(listener, handler) do
    with {:ok, socket} <- :gen_tcp.accept(listener) do
      pid = spawn(fn -> receive(do: (:go -> serve(socket, handler))) end)
      :ok = :gen_tcp.controlling_process(socket, pid)
      send(pid, :go)
      accept(listener, handler)
    end
  end

  defp serve(socket, handler) do
    {:ok, {:http_request, method, {:abs_path, path}, _}} = :gen_tcp.recv(socket, 0)
    headers = headers(socket, %{})
    {status, type, body} = handler.(to_string(method), path, headers, body(socket, headers))

    :gen_tcp.send(socket, [
      "HTTP/1.1 #{status} Answer\r\ncontent-type: #{type}\r\nconnection: close\r\n",
      "content-length: #{IO.iodata_length(body)}\r\n\r\n",
      body
    ])

    :gen_tcp.close(socket)
  end

  defp headers(socket, headers) do
    case :gen_tcp.recv(socket, 0) do
      {:ok, {:http_header, _, name, _, value}} ->
        headers(socket, Map.put(headers, name |> to_string() |> String.downcase(), value))

      {:ok, :http_eoh} ->
        headers
    end
  end

  defp body(socket, headers) do
    :ok = :inet.setopts(socket, packet: :raw)

    case String.to_integer(headers["content-length"] || "0") do
      0 -> ""
      length -> socket |> :gen_tcp.recv(length) |> elem(1)
    end
  end
end
