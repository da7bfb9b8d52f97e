defmodule PillowTest do
  use LibraryCase, library: "pillow"

  setup_all do
    %{image: import!("PIL.Image")}
  end

  test "an image is made, drawn on and measured", %{image: image} do
    picture = image.new("RGB", {40, 20}, color: "white")
    draw = call!("PIL.ImageDraw", "Draw", [picture])
    draw.rectangle([{5, 5}, {10, 10}], fill: {255, 0, 0}, outline: "black")
    draw.text({20, 2}, "Hi", fill: "#0000ff")
    assert picture.size == {40, 20}
    assert picture.mode == "RGB"
    assert picture.getpixel({7, 7}) == {255, 0, 0}
    assert picture.getbbox() == {0, 0, 40, 20}
    picture.putpixel({0, 0}, {1, 2, 3})
    assert picture.getpixel({0, 0}) == {1, 2, 3}
  end

  test "chains of operations", %{image: image} do
    picture = image.linear_gradient("L")
    small = picture.resize({16, 8}).rotate(90, expand: true).convert("RGB")
    assert small.size == {8, 16}
    assert small.crop({0, 0, 4, 4}).size == {4, 4}
    assert picture.point(fn value -> 255 - value end).getpixel({0, 0}) == 255
    blurred = picture.filter(get!("PIL.ImageFilter", "BLUR", as: :ref))
    assert blurred.size == picture.size
    assert tuple_size(small.split()) == 3
    assert picture.transpose(image."Transpose"."FLIP_TOP_BOTTOM").getpixel({0, 0}) == 255
    assert call!("PIL.ImageOps", "invert", [picture]).getextrema() == {0, 255}
    assert call!("PIL.ImageStat", "Stat", [picture]).mean |> hd() |> round() == 128
  end

  test "bytes in and out", %{image: image} do
    buffer = call!("io", "BytesIO")
    image.new("RGBA", {3, 2}, {1, 2, 3, 4}).save(buffer, format: "PNG")
    png = buffer.getvalue()
    assert <<0x89, "PNG", _::binary>> = png

    loaded = image.open(call!("io", "BytesIO", [bytes(png)]))
    assert {loaded.format, loaded.size, loaded.mode} == {"PNG", {3, 2}, "RGBA"}
    assert loaded.tobytes() == String.duplicate(<<1, 2, 3, 4>>, 6)
    raw = image.frombytes("L", {2, 2}, bytes(<<0, 1, 2, 3>>))
    assert raw.getpixel({1, 1}) == 3
  end

  test "a file, opened as a context", %{image: image} do
    path = Path.join(System.tmp_dir!(), "matrix-#{System.unique_integer([:positive])}.gif")
    on_exit(fn -> File.rm(path) end)
    frames = for grey <- [0, 128, 255], do: image.new("L", {4, 4}, grey)
    hd(frames).save(path, save_all: true, append_images: tl(frames), duration: 50)

    gif = image.open(path)
    assert with_python!(image.open(path), & &1.n_frames) == 3

    shades =
      for frame <- call!("PIL.ImageSequence", "Iterator", [gif]), do: frame.convert("L").getpixel({0, 0})

    assert shades == [0, 128, 255]
    assert gif.info["duration"] == 50
    gif.close()
  end

  test "as an array", %{image: image} do
    np = import!("numpy")
    array = np.asarray(image.new("RGB", {3, 2}, {9, 8, 7}))
    assert array.shape == {2, 3, 3}
    assert array[{0, 0}].tolist() == [9, 8, 7]
    assert image.fromarray(np.full({2, 2}, 7, dtype: "uint8")).getpixel({0, 0}) == 7
  end

  test "its exceptions", %{image: image} do
    error = catch_error(image.open(call!("io", "BytesIO", [bytes("no image")])))
    assert error.class == "UnidentifiedImageError"
    assert "builtins.OSError" in error.mro
    assert %{class: "FileNotFoundError"} = catch_error(image.open("/nowhere.png"))
    assert {:error, %{class: "ValueError"}} = method(image, "new", ["no mode", {1, 1}])
  end
end
