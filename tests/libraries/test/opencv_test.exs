defmodule OpencvTest do
  use LibraryCase, library: "opencv-python-headless"

  setup_all do
    cv2 = import!("cv2")
    np = import!("numpy")
    canvas = np.zeros({60, 80, 3}, dtype: np.uint8)
    cv2.rectangle(canvas, {20, 10}, {59, 39}, {255, 255, 255}, -1)
    %{cv2: cv2, np: np, canvas: canvas}
  end

  test "drawing and colours", %{cv2: cv2, np: np, canvas: canvas} do
    assert canvas[{10, 20}].tolist() == [255, 255, 255]
    copy = canvas.copy()
    cv2.circle(copy, {5, 5}, 3, {0, 0, 255}, thickness: cv2."FILLED")
    cv2.putText(copy, "hi", {40, 55}, cv2."FONT_HERSHEY_SIMPLEX", 0.5, {0, 255, 0}, lineType: cv2."LINE_AA")
    assert copy[{5, 5}].tolist() == [0, 0, 255]
    grey = cv2.cvtColor(canvas, cv2."COLOR_BGR2GRAY")
    assert grey.shape == {60, 80}
    assert np.count_nonzero(grey) == 40 * 30
    assert cv2.mean(grey) |> elem(0) |> round() == 64
  end

  test "geometry and filters", %{cv2: cv2, canvas: canvas} do
    assert cv2.resize(canvas, {40, 30}, interpolation: cv2."INTER_AREA").shape == {30, 40, 3}
    assert cv2.flip(canvas, 1).shape == canvas.shape
    assert cv2."GaussianBlur"(canvas, {5, 5}, 0).shape == {60, 80, 3}
    turn = cv2.getRotationMatrix2D({40, 30}, 90, 1.0)
    assert turn.shape == {2, 3}
    assert cv2.warpAffine(canvas, turn, {80, 60}).shape == {60, 80, 3}
    kernel = cv2.getStructuringElement(cv2."MORPH_RECT", {3, 3})
    assert cv2.erode(canvas, kernel, iterations: 2).sum() < canvas.sum()
    assert canvas[{10..39, 20..59}].min() == 255
  end

  test "threshold, contours, edges", %{cv2: cv2, canvas: canvas} do
    grey = cv2.cvtColor(canvas, cv2."COLOR_BGR2GRAY")
    {level, mask} = cv2.threshold(grey, 127, 255, cv2."THRESH_BINARY" + cv2."THRESH_OTSU")
    assert is_float(level)
    {contours, _} = cv2.findContours(mask, cv2."RETR_EXTERNAL", cv2."CHAIN_APPROX_SIMPLE")
    assert {contour} = contours
    assert cv2.boundingRect(contour) == {20, 10, 40, 30}
    assert cv2.contourArea(contour) == 39.0 * 29.0
    assert cv2."Canny"(grey, 100, 200).any() == true
    {count, _} = cv2.connectedComponents(mask)
    assert count == 2
  end

  test "encoding and decoding", %{cv2: cv2, np: np, canvas: canvas} do
    {true, encoded} = cv2.imencode(".png", canvas)
    png = encoded.tobytes()
    assert <<0x89, "PNG", _::binary>> = png
    decoded = cv2.imdecode(np.frombuffer(bytes(png), dtype: "uint8"), cv2."IMREAD_COLOR")
    assert np.array_equal(decoded, canvas) == true
    assert cv2.imread("/nowhere.png") == nil
  end

  test "a function of Elixir per pixel, and enumeration of rows", %{cv2: cv2, np: np} do
    table = np.array(for(i <- 0..255, do: 255 - i), dtype: "uint8")
    assert cv2."LUT"(np.array([[0, 10]], dtype: "uint8"), table).tolist() == [[255, 245]]
    assert for(row <- np.eye(2, dtype: "uint8"), do: row.tolist()) == [[1, 0], [0, 1]]
  end

  test "its exceptions", %{cv2: cv2, np: np, canvas: canvas} do
    assert %{class: "error", module: "cv2"} = error = catch_error(cv2.cvtColor(np.zeros({2, 2}), 9999))
    assert error.message =~ "OpenCV"
    assert %{class: "error"} = catch_error(cv2.resize(canvas, {0, 0}))
  end
end
