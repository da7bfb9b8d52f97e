defprotocol SnakeBridge.Display do
  @moduledoc ~S'''
  How a value is shown: as the result of a cell, and by `SnakeBridge.display/2`.

  | value | is shown as |
  |---|---|
  | a `SnakeBridge.Ref` | what Python shows for the object: a data frame as a table, a figure or an image as a picture |
  | a list of maps, of structs or of keyword lists | a table, one row for each |
  | a struct that says nothing else | a table of its fields |
  | a map that is a Vega or Vega-Lite specification (its `"$schema"` says so), a `VegaLite` | a chart |
  | an `Explorer.DataFrame` | a table |
  | what the functions below make | a picture, HTML, Markdown, .. |
  | anything else | `inspect/1`, coloured |

  Text goes along with everything, for front ends that show nothing else. A struct that has an `Inspect` of its own, also
  by `@derive {Inspect, only: ..}`, is shown by that, so what it hides stays hidden.
  Tables are bounded: they say how many rows and columns are left out.

  Nothing is guessed from bytes. Where a binary is a picture, say so:

      File.read!("plot.png") |> SnakeBridge.Display.png()

  ## A type of your own

      defmodule Thermometer do
        defstruct [:celsius]

        defimpl SnakeBridge.Display do
          def mime_bundle(%{celsius: celsius}),
            do: SnakeBridge.Display.html("<meter max=50 value=#{celsius}></meter> #{celsius} °C")
        end
      end

  Whatever an implementation raises is told, and the value is shown by `inspect/1`.
  '''

  @fallback_to_any true

  @doc """
  The forms in which a term is shown: a map from mime types to data, `{that map, metadata}`, or what a function of this
  module makes. An empty map shows nothing.

  Data is text for types of text, bytes for images; for JSON's types any term, or JSON as text. Where `text/plain` is
  missing, a front end gets one all the same.
  """
  @spec mime_bundle(t()) ::
          %{String.t() => SnakeBridge.MimeBundle.form()}
          | {%{String.t() => SnakeBridge.MimeBundle.form()}, map()}
          | SnakeBridge.MimeBundle.t()
  def mime_bundle(term)

  # In a protocol `def` declares what is to be implemented; these are functions of their own.

  alias SnakeBridge.MimeBundle

  @doc """
  A thing in several forms: of them a front end shows the best that it can. `metadata` is keyed by mime type, as in
  Jupyter.

      iex> SnakeBridge.Display.bundle(%{"text/html" => "<b>7</b>", "text/plain" => "7"})
      #SnakeBridge.MimeBundle<text/html 8 B, text/plain 1 B>
  """
  @spec bundle(%{String.t() => MimeBundle.form()}, map()) :: MimeBundle.t()
  Kernel.def(bundle(data, metadata \\ %{}) when is_map(data), do: %MimeBundle{data: data, metadata: metadata})

  @doc """
  A picture: PNG.

  Options, of all pictures: `:width` and `:height` in pixels, `:alt`, a text for those who cannot see it.

      iex> SnakeBridge.Display.png(<<137, "PNG">>, width: 320).metadata
      %{"image/png" => %{width: 320}}
  """
  @spec png(binary(), keyword()) :: MimeBundle.t()
  Kernel.def(png(data, opts \\ []), do: SnakeBridge.Display.image("image/png", data, opts))

  @doc "A picture: JPEG. Options as of `png/2`."
  @spec jpeg(binary(), keyword()) :: MimeBundle.t()
  Kernel.def(jpeg(data, opts \\ []), do: SnakeBridge.Display.image("image/jpeg", data, opts))

  @doc "A picture: GIF. Options as of `png/2`."
  @spec gif(binary(), keyword()) :: MimeBundle.t()
  Kernel.def(gif(data, opts \\ []), do: SnakeBridge.Display.image("image/gif", data, opts))

  @doc "A drawing: SVG, as text. Options as of `png/2`."
  @spec svg(String.t(), keyword()) :: MimeBundle.t()
  Kernel.def(svg(text, opts \\ []), do: SnakeBridge.Display.image("image/svg+xml", text, opts))

  @doc false
  Kernel.def image(mime, data, opts) do
    SnakeBridge.Options.check!(:image, opts)
    %MimeBundle{data: %{mime => data}, metadata: if(opts == [], do: %{}, else: %{mime => Map.new(opts)})}
  end

  @doc "HTML. What a value puts into it must be escaped: see `SnakeBridge.Table.escape/1`."
  @spec html(String.t()) :: MimeBundle.t()
  Kernel.def(html(text), do: %MimeBundle{data: %{"text/html" => text}})

  @doc "Markdown."
  @spec markdown(String.t()) :: MimeBundle.t()
  Kernel.def(markdown(text), do: %MimeBundle{data: %{"text/markdown" => text}})

  @doc ~S'Mathematics: LaTeX, with its dollar signs, as `"$x^2$"`.'
  @spec latex(String.t()) :: MimeBundle.t()
  Kernel.def(latex(text), do: %MimeBundle{data: %{"text/latex" => text}})

  @doc "JavaScript, which front ends run that trust the notebook."
  @spec javascript(String.t()) :: MimeBundle.t()
  Kernel.def(javascript(text), do: %MimeBundle{data: %{"application/javascript" => text}})

  @doc """
  A term as a tree that can be opened and closed: JSON, as `SnakeBridge.Json` writes it.

      iex> SnakeBridge.Display.json(%{a: [1, 2]}).data["application/json"]
      ~s|{"a":[1,2]}|
  """
  @spec json(term()) :: MimeBundle.t()
  Kernel.def json(term) do
    text = SnakeBridge.Json.encode(term)
    %MimeBundle{data: %{"application/json" => text, "text/plain" => inspect(term, pretty: true)}}
  end

  @doc ~S"""
  A chart of Vega-Lite or Vega. The specification's `"$schema"` says of which, and which version; without one it is
  Vega-Lite 5.

      iex> spec = %{mark: "bar", data: %{values: [%{x: 1}]}, encoding: %{x: %{field: "x"}}}
      iex> SnakeBridge.Display.vega_lite(spec).data |> Map.keys()
      ["application/vnd.vegalite.v5+json", "text/plain"]
  """
  @spec vega_lite(map()) :: MimeBundle.t()
  Kernel.def vega_lite(spec) when is_map(spec) do
    mime = SnakeBridge.Vega.mime(spec) || "application/vnd.vegalite.v5+json"
    %MimeBundle{data: %{mime => SnakeBridge.Vega.with_schema(spec), "text/plain" => "a chart of Vega-Lite"}}
  end
end
