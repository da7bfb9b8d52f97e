defmodule SnakeBridge.Kino do
  @moduledoc """
  Refs in Livebook: shown as a notebook of Python shows the object, where Kino is there.

  That is the object's own HTML, picture or Markdown (`_repr_html_`, `_repr_svg_`, `_repr_png_`, ...; a figure of
  matplotlib is a picture), else `inspect/1`. A data frame that a cell returns is so a table, and a figure is drawn.
  There is nothing to call: `Kino.Render` is implemented for refs.
  """

  @compile {:no_warn_undefined, [Kino.HTML, Kino.Image, Kino.Markdown, Kino.Render, Kino.Render.Any]}

  # In Livebook nobody waits long for a cell's value to be shown.
  @timeout_ms 10_000

  # The richest first, with what makes a kino of it.
  @kinds [
    {"text/html", :html},
    {"image/svg+xml", :image},
    {"image/png", :image},
    {"image/jpeg", :image},
    {"text/markdown", :markdown}
  ]

  @doc false
  def to_livebook(ref) do
    bundle = fn -> SnakeBridge.call("snakebridge.display", "bundle", [ref]) end

    with {:ok, {:ok, {bundle, _}}} <- SnakeBridge.Looker.look(ref.session, @timeout_ms, bundle),
         {mime, kind} <- Enum.find(@kinds, fn {mime, _} -> is_map_key(bundle, mime) end) do
      kind |> kino(bundle[mime], mime) |> Kino.Render.to_livebook()
    else
      _ -> Kino.Render.Any.to_livebook(ref)
    end
  end

  defp kino(:html, html, _), do: Kino.HTML.new(html)
  defp kino(:image, image, mime), do: Kino.Image.new(image, mime)
  defp kino(:markdown, text, _), do: Kino.Markdown.new(text)
end

defmodule Kino.Render.SnakeBridge.Ref do
  @moduledoc false
  # What `defimpl Kino.Render, for: SnakeBridge.Ref` makes. It would ask for the protocol now, and Kino is no dependency:
  # it may be compiled later, or be missing. Whoever consolidates protocols finds this all the same.

  Module.register_attribute(__MODULE__, :__impl__, persist: true)
  @__impl__ [protocol: Kino.Render, for: SnakeBridge.Ref]

  def __impl__(:target), do: __MODULE__
  def __impl__(:protocol), do: Kino.Render
  def __impl__(:for), do: SnakeBridge.Ref

  defdelegate to_livebook(ref), to: SnakeBridge.Kino
end
