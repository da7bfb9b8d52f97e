defmodule SnakeBridge.LibrariesTest do
  @moduledoc "Nx, Explorer, VegaLite and Kino, in the place of which there are stand-ins (test/support/stand_ins.ex)."
  use ExUnit.Case, async: true

  alias SnakeBridge.{Array, Arrow, BridgeError, Library, Marshal, MimeBundle, Probe, Session}

  defp data(tensor), do: tensor |> Array.from_nx() |> Map.fetch!(:data)

  test "a tensor of Nx goes to Python as an array" do
    tensor = %Nx.Tensor{type: {:s, 32}, shape: {2}, data: <<7::native-32, -8::native-32>>}
    assert SnakeBridge.method!({:value, tensor}, "tolist") == [7, -8]
    assert SnakeBridge.call!("builtins", "len", [[tensor, %{"a" => tensor}]]) == 2

    axes = %{tensor | vectorized_axes: [batch: 1]}
    assert {%{"a" => %Array{dtype: :s32, shape: {1, 2}}}, [], []} = Marshal.encode(%{"a" => axes})
    assert data(axes) == tensor.data
  end

  test "an array becomes a tensor" do
    for {dtype, type} <- [s64: {:s, 64}, f32: {:f, 32}, c64: {:c, 64}, bool: {:u, 8}] do
      array =
        Array.from_list([[0, 1], [1, 0]] |> Enum.map(fn row -> Enum.map(row, &item(&1, dtype)) end), dtype)

      assert Array.to_nx(array) == %Nx.Tensor{type: type, shape: {2, 2}, data: array.data}
    end

    error = assert_raise ArgumentError, fn -> Array.to_nx(Array.from_list([])) end
    assert Exception.message(error) =~ "Nx has no tensors without items"
  end

  defp item(number, :bool), do: number == 1
  defp item(number, _), do: number

  test "a tensor of a type that arrays have not is refused" do
    tensor = %Nx.Tensor{type: {:u, 4}, shape: {2}, data: <<0>>}
    assert {:error, %BridgeError{reason: :not_convertible} = error} = SnakeBridge.steps({:value, tensor}, [])
    assert error.message =~ "arrays have no items of {:u, 4}"
  end

  test "a data frame of Explorer goes to Python as a table, and a table becomes one" do
    frame = %Explorer.DataFrame{data: "stream", lazy: true}
    assert Marshal.encode([frame]) == {[%Arrow{data: "stream"}], [], []}
    assert Marshal.encode(%Explorer.Series{data: "stream"}) == {%Arrow{data: "valuestream"}, [], []}
    assert Arrow.to_explorer(%Arrow{data: "stream"}) == %Explorer.DataFrame{data: "stream"}
  end

  test "a data frame of Explorer is shown as a table, but one that is not computed yet" do
    frame = %Explorer.DataFrame{data: [{"b", Enum.to_list(1..100)}, {"a", List.duplicate("<x>", 100)}]}
    {%{"text/html" => html, "text/plain" => _}, "{}"} = MimeBundle.of(frame)
    assert html =~ ~r/>b<.*>a<.*>60<.*&lt;x&gt;.*40 more rows/s

    lazy = %Explorer.DataFrame{data: %Explorer.PolarsBackend.LazyFrame{}}
    assert {%{"text/plain" => _} = data, "{}"} = MimeBundle.of(lazy)
    assert map_size(data) == 1
  end

  test "a chart of VegaLite is shown" do
    spec = %{"$schema" => "https://vega.github.io/schema/vega-lite/v5.json", "mark" => "bar"}
    assert {%{"application/vnd.vegalite.v5+json" => json}, _} = MimeBundle.of(%VegaLite{spec: spec})
    assert json =~ ~s("mark":"bar")
  end

  test "a library that is missing is named" do
    error = assert_raise ArgumentError, fn -> Library.ensure!(NoSuch.Module, :no_such) end

    assert Exception.message(error) =~
             ~s(NoSuch.Module is not loaded; add {:no_such, "..."} to the dependencies)
  end

  @source """
  class Shown:
      def __init__(self, **methods):
          for name, value in methods.items():
              setattr(type(self), f"_repr_{name}_", lambda self, value=value: value)
      def __repr__(self):
          return "shown"

  def shown(**methods):
      return type("Shown", (Shown,), {})(**methods)
  """

  test "Livebook shows a ref as a notebook of Python does" do
    shown = Probe.run(@source) |> SnakeBridge.item!("shown")

    for {methods, expected} <- [
          {[html: "<b>1</b>", png: SnakeBridge.bytes("P")], %{type: :html, content: "<b>1</b>", mime: nil}},
          {[png: SnakeBridge.bytes(<<137, 80>>), markdown: "*m*"],
           %{type: :image, content: <<137, 80>>, mime: "image/png"}},
          {[svg: "<svg/>", jpeg: "x"], %{type: :image, content: "<svg/>", mime: "image/svg+xml"}},
          {[markdown: "*m*"], %{type: :markdown, content: "*m*", mime: nil}},
          {[latex: "$x$"], %{type: :text, content: "#Python<shown>", mime: nil}},
          {[html: nil], %{type: :text, content: "#Python<shown>", mime: nil}}
        ] do
      assert shown |> SnakeBridge.apply!([], methods) |> Kino.Render.to_livebook() == expected
    end
  end

  test "Livebook's look at a ref is not on the caller's thread" do
    shown = Probe.run(@source) |> SnakeBridge.item!("shown") |> SnakeBridge.apply!([], html: "")

    SnakeBridge.put_attr(
      SnakeBridge.attr!(shown, "__class__"),
      "_repr_html_",
      SnakeBridge.run!("lambda _: str(__import__('threading').get_ident())")
    )

    %{type: :html, content: thread} = Kino.Render.to_livebook(shown)
    refute thread == "#{SnakeBridge.call!("threading", "get_ident")}"
  end

  test "a ref whose object is gone is shown all the same" do
    ref = SnakeBridge.call!("builtins", "object")
    # It has gone when this returns.
    Session.release_now(ref.session, ref.worker, [ref.id])
    assert %{type: :text, content: "#Python<builtins.object" <> _} = Kino.Render.to_livebook(ref)
  end
end
