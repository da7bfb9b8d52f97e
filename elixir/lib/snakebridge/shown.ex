# How values are shown: the implementations of `SnakeBridge.Display`.

# For each of these, for a type without one is looked for on disk each time.
defimpl SnakeBridge.Display,
  for: [Integer, Float, Atom, BitString, Tuple, Function, PID, Port, Reference] do
  def mime_bundle(value), do: SnakeBridge.Render.result(value)
end

defimpl SnakeBridge.Display, for: Any do
  def mime_bundle(%_{} = struct) do
    text = SnakeBridge.Render.result(struct)
    if html = SnakeBridge.Table.of_struct(struct), do: Map.put(text, "text/html", html), else: text
  end

  def mime_bundle(value), do: SnakeBridge.Render.result(value)
end

defimpl SnakeBridge.Display, for: List do
  # In a terminal rows are a table; what can be copied back into code is better elsewhere, beside the HTML.
  def mime_bundle(list) do
    case SnakeBridge.Table.of_rows(list) do
      nil ->
        SnakeBridge.Render.result(list)

      html ->
        table =
          if SnakeBridge.Render.terminal?(), do: SnakeBridge.Table.text(list, SnakeBridge.Render.width())

        text = if table, do: %{"text/plain" => table}, else: SnakeBridge.Render.result(list)
        Map.put(text, "text/html", html)
    end
  end
end

defimpl SnakeBridge.Display, for: Map do
  def mime_bundle(map) do
    text = SnakeBridge.Render.result(map)
    if mime = SnakeBridge.Vega.mime(map), do: Map.put(text, mime, map), else: text
  end
end

defimpl SnakeBridge.Display, for: SnakeBridge.MimeBundle do
  def mime_bundle(bundle), do: bundle
end

defimpl SnakeBridge.Display, for: SnakeBridge.Ref do
  defdelegate mime_bundle(ref), to: SnakeBridge.Ref
end

# Of libraries that may be there: this names them, and needs none.

defimpl SnakeBridge.Display, for: VegaLite do
  @compile {:no_warn_undefined, VegaLite}
  def mime_bundle(chart), do: chart |> VegaLite.to_spec() |> SnakeBridge.Display.vega_lite()
end

defimpl SnakeBridge.Display, for: Explorer.DataFrame do
  @compile {:no_warn_undefined, Explorer.DataFrame}

  # A lazy frame is a plan: showing it would compute it.
  def mime_bundle(frame) do
    text = SnakeBridge.Render.result(frame)
    if lazy?(frame.data), do: text, else: Map.put(text, "text/html", html(frame))
  end

  defp lazy?(%module{}), do: module |> Module.split() |> List.last() == "LazyFrame"
  defp lazy?(_), do: false

  defp html(frame) do
    # The first rows of a frame that is grouped would be those of each group.
    frame = Explorer.DataFrame.ungroup(frame)
    columns = frame |> Explorer.DataFrame.head(SnakeBridge.Table.rows()) |> Explorer.DataFrame.to_columns()
    columns = for name <- Explorer.DataFrame.names(frame), do: {name, columns[name]}
    SnakeBridge.Table.of_columns(columns, Explorer.DataFrame.n_rows(frame))
  end
end
