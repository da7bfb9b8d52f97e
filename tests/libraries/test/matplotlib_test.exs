defmodule MatplotlibTest do
  use LibraryCase, library: "matplotlib"

  setup_all do
    call!("matplotlib", "use", ["Agg"])
    %{plt: import!("matplotlib.pyplot")}
  end

  setup %{plt: plt} do
    on_exit(fn -> plt.close("all") end)
  end

  # The bytes of a figure as an image.
  defp image(figure, format) do
    buffer = call!("io", "BytesIO")
    figure.savefig(buffer, format: format, dpi: 50)
    buffer.getvalue()
  end

  test "lines, labels and a legend", %{plt: plt} do
    {figure, axes} = plt.subplots(figsize: {4, 3})
    xs = import!("numpy").linspace(0, 6, num: 50)
    [line] = axes.plot(xs, import!("numpy").sin(xs), label: "sine", color: "tab:red", linestyle: "--")
    axes.set_title("Waves")
    axes.set(xlabel: "x", ylabel: "y", ylim: {-1, 1})
    axes.legend(loc: "upper right")
    axes.grid(true)

    assert line.get_label() == "sine"
    assert axes.get_title() == "Waves"
    assert axes.get_ylim() == {-1.0, 1.0}
    assert Enum.map(axes.get_legend().get_texts(), & &1.get_text()) == ["sine"]
    assert figure.get_size_inches().tolist() == [4.0, 3.0]
    assert <<0x89, "PNG", _::binary>> = image(figure, "png")
  end

  test "several axes in a grid", %{plt: plt} do
    {figure, axes} = plt.subplots(2, 2, sharex: true)
    assert axes.shape == {2, 2}
    axes[{0, 1}].bar(["a", "b"], [3, 4])
    for {ax, n} <- Enum.with_index(axes.flat), do: ax.set_title("plot #{n}")
    assert axes[1][0].get_title() == "plot 2"
    assert Enum.count(figure.axes) == 4
    assert length(axes[{0, 1}].patches |> Enum.to_list()) == 2
    figure.tight_layout()
    svg = image(figure, "svg")
    assert to_string(svg) =~ "<svg"
  end

  test "kinds of plots, from values of Elixir", %{plt: plt} do
    {_figure, axes} = plt.subplots()
    {counts, edges, _} = axes.hist([1, 1, 2, 3], bins: 3)
    assert Enum.to_list(counts) == [2.0, 1.0, 1.0]
    assert length(Enum.to_list(edges)) == 4
    scatter = axes.scatter([1, 2], [3, 4], s: [10, 20], c: [0.1, 0.9], cmap: "viridis")
    assert scatter.get_offsets().shape == {2, 2}
    assert axes.imshow([[1, 2], [3, 4]]).get_array().shape == {2, 2}
    axes.annotate("here", xy: {1, 2}, xytext: {2, 3}, arrowprops: %{"arrowstyle" => "->"})
    axes.axhline(1.5, lw: 2)
    axes.fill_between([0, 1], [0, 1], alpha: 0.3)
    assert length(axes.texts |> Enum.to_list()) == 1
  end

  test "functions of Elixir format ticks and draw frames", %{plt: plt} do
    {figure, axes} = plt.subplots()
    axes.plot([0, 1], [0, 1])
    axes.xaxis.set_major_formatter(fn x, _position -> "#{round(x * 100)} %" end)
    figure.canvas.draw()
    labels = Enum.map(axes.get_xticklabels(), & &1.get_text())
    assert "100 %" in labels

    owner = self()
    figure.canvas.mpl_connect("draw_event", fn event -> send(owner, {:drawn, event.name}) end)
    figure.canvas.draw()
    assert_received {:drawn, "draw_event"}

    [line] = axes.plot([], [])

    update = fn frame ->
      line.set_data([0, frame], [0, frame])
      [line]
    end

    animation = call!("matplotlib.animation", "FuncAnimation", [figure, update], frames: 3, blit: true)
    assert animation.to_jshtml() =~ "<script"
  end

  test "pandas plots through it", %{plt: plt} do
    df = call!("pandas", "DataFrame", [%{"a" => [1, 2, 3], "b" => [3, 2, 1]}])
    axes = df.plot(kind: "line", title: "both")
    assert axes.get_title() == "both"
    assert Enum.count(axes.lines) == 2
    assert plt.gcf().number == 1
  end

  test "settings for a while, and colours", %{plt: plt} do
    assert call!("matplotlib.colors", "to_hex", ["tab:blue"]) == "#1f77b4"
    assert call!("matplotlib", "colormaps.__getitem__", ["viridis"]).(0.0) |> elem(3) == 1.0
    params = plt.rcParams
    before = params["lines.linewidth"]
    inside = with_python!(plt.rc_context(%{"lines.linewidth" => 7}), fn _ -> params["lines.linewidth"] end)
    assert inside == 7.0
    assert params["lines.linewidth"] == before
  end

  test "its exceptions", %{plt: plt} do
    {_figure, axes} = plt.subplots()
    assert %{class: "ValueError"} = catch_error(axes.plot([1, 2], [1, 2, 3]))
    assert %{class: "AttributeError"} = catch_error(axes.plot([1], [1], colour: "red"))
    assert %{class: "KeyError"} = catch_error(put_item!(plt.rcParams, "nothing", 1))
  end
end
