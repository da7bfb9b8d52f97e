defmodule SnakeBridge.MimeBundle do
  @moduledoc """
  One thing to show, in one or more forms: `data` maps mime types to the forms, `metadata` says more of them.

  The functions of `SnakeBridge.Display` make these. How a term comes to its forms is that protocol's business, what a
  text looks like `SnakeBridge.Render`'s; here they become what front ends take.
  """

  alias SnakeBridge.{Display, Json, Options, Output, Render}

  @typedoc """
  The form of a mime type: text of those that are text, bytes of images and the like; of JSON's types any term, or JSON
  as text.
  """
  @type form :: iodata() | term()
  @type t :: %__MODULE__{data: %{String.t() => form()}, metadata: map() | String.t()}

  @enforce_keys [:data]
  defstruct [:data, metadata: %{}]

  # These read well as they are where nothing better can be shown.
  @readable ["text/markdown", "text/latex"]

  @doc """
  What a front end is sent for a term: mime types with their data, and metadata as JSON.

  There is always a `text/plain`, unless there is nothing to show. Where an implementation of `SnakeBridge.Display`
  fails, the term is shown as `inspect/1` does, and the error is told on stderr.

      iex> SnakeBridge.MimeBundle.of(SnakeBridge.Display.markdown("**bold**"))
      {%{"text/markdown" => "**bold**", "text/plain" => "**bold**"}, "{}"}
  """
  @spec of(term()) :: {%{String.t() => binary()}, String.t()}
  def of(term) do
    term |> forms() |> encode!()
  catch
    kind, reason ->
      tell(kind, reason, __STACKTRACE__)
      {Render.result(term), "{}"}
  end

  @doc "Shows a term where the calling process's output goes: see `SnakeBridge.display/2`."
  @spec show(term(), keyword()) :: :ok | String.t()
  def show(term, opts) do
    opts = Options.check!(:display, opts)
    id = with true <- opts[:display_id], do: new_id()

    if opts[:update] && id == nil,
      do: raise(ArgumentError, "update: wants display_id:, which says what is to be replaced")

    {data, metadata} = of(term)
    metadata = if opts[:metadata], do: to_json(opts[:metadata]), else: metadata

    if data != %{} do
      body = %{cell: nil, data: data, metadata: metadata, display_id: id, update: opts[:update] == true}
      Output.event(:display, body)
    end

    id || :ok
  end

  @doc "A name that no other display has."
  @spec new_id() :: String.t()
  def new_id, do: Base.encode16(:rand.bytes(8), case: :lower)

  # Not the protocol at once: where it is consolidated it does not see what cells implement.
  defp forms(%module{} = term) do
    implementation = Module.concat(Display, module)

    if function_exported?(implementation, :mime_bundle, 1),
      do: implementation.mime_bundle(term),
      else: Display.mime_bundle(term)
  end

  defp forms(term), do: Display.mime_bundle(term)

  defp tell(kind, reason, stack) do
    %{traceback: lines} = Render.error(kind, reason, stack)
    IO.puts(:stderr, Enum.join(["SnakeBridge.Display failed, so this is shown by inspect:" | lines], "\n"))
  end

  # --- what is sent ---

  defp encode!(%__MODULE__{data: data, metadata: metadata}), do: encode!({data, metadata})

  defp encode!({data, metadata}) when is_map(data) and not is_struct(data) do
    data = Map.new(data, fn {mime, form} -> {mime, encode_form!(mime, form)} end)
    {with_plain_text(data), to_json(metadata)}
  end

  defp encode!(data) when is_map(data) and not is_struct(data), do: encode!({data, %{}})

  defp encode!(other) do
    raise ArgumentError,
          "mime_bundle/1 gives a map from mime types to data, {that map, metadata}, or what the functions of " <>
            "SnakeBridge.Display make; got: #{Options.shown(other)}"
  end

  defp with_plain_text(data) when data == %{} or is_map_key(data, "text/plain"), do: data

  defp with_plain_text(data) do
    text = Enum.find_value(@readable, fn mime -> data[mime] end) || inspect(%__MODULE__{data: data})
    Map.put(data, "text/plain", Render.bounded(text))
  end

  defp encode_form!(mime, form) do
    case kind(mime) do
      :json -> to_json(form)
      :text -> if(mime == "text/plain", do: Render.bounded(text!(mime, form)), else: text!(mime, form))
      :bytes -> bytes!(mime, form)
      :none -> raise ArgumentError, "#{Options.shown(mime)} is no mime type, as \"text/html\" is one"
    end
  end

  defp kind(mime) when is_binary(mime) do
    name = mime |> String.split(";") |> hd() |> String.trim()

    cond do
      not (name =~ ~r"^[^/\s]+/[^/\s]+$") -> :none
      name == "application/json" or String.ends_with?(name, "+json") -> :json
      String.starts_with?(name, "text/") or String.ends_with?(name, "+xml") -> :text
      name in ["application/xml", "application/javascript", "application/x-latex"] -> :text
      true -> :bytes
    end
  end

  defp kind(_), do: :none

  defp to_json(text) when is_binary(text), do: text
  defp to_json(term), do: Json.encode(term)

  defp text!(mime, form) do
    text = bytes!(mime, form)
    if String.valid?(text), do: text, else: raise(ArgumentError, "the data of #{mime} is no text (UTF-8)")
  end

  defp bytes!(mime, form) do
    IO.iodata_to_binary(form)
  rescue
    ArgumentError ->
      reraise ArgumentError, "the data of #{mime} is a binary, got: #{Options.shown(form)}", __STACKTRACE__
  end

  defimpl Inspect do
    def inspect(%{data: data}, _) do
      forms = for {mime, form} <- Enum.sort(data), do: mime <> size(form)
      "#SnakeBridge.MimeBundle<#{Enum.join(forms, ", ")}>"
    end

    defp size(form) when is_binary(form) and byte_size(form) < 1_000, do: " #{byte_size(form)} B"
    defp size(form) when is_binary(form), do: " #{Float.round(byte_size(form) / 1_000, 1)} kB"
    defp size(_), do: ""
  end
end
