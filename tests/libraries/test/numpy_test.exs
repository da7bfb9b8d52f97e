defmodule NumpyTest do
  use LibraryCase, library: "numpy"

  test "arrays are made, computed with and reduced" do
    np = import!("numpy")
    xs = np.linspace(0, 1, num: 5)
    assert xs.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert (xs * 2 + 1).sum() == 10.0
    assert np.arange(12).reshape(3, 4).sum(axis: 0).tolist() == [12, 15, 18, 21]
  end
end
