defmodule AttrsTest do
  use LibraryCase, library: "attrs"

  @classes """
  import attrs

  @attrs.define
  class Point:
      x: int
      y: int = 0

      def norm(self):
          return (self.x ** 2 + self.y ** 2) ** 0.5

  @attrs.frozen(order=True)
  class Version:
      major: int = attrs.field(converter=int, validator=attrs.validators.ge(0))
      minor: int = attrs.field(default=0, converter=int)
  {"Point": Point, "Version": Version}
  """

  setup_all do
    {:ok, classes: run!(@classes)}
  end

  test "instances", %{classes: classes} do
    point = apply!(classes["Point"], [3], y: 4)
    assert method!(point, "norm") == 5.0
    assert call!("attrs", "asdict", [point]) == %{"x" => 3, "y" => 4}
    assert call!("attrs", "astuple", [point]) == {3, 4}
    assert inspect(point) == "#Python<Point(x=3, y=4)>"
    moved = call!("attrs", "evolve", [point], x: 6)
    assert attr!(moved, "x") == 6
  end

  test "natural syntax compares and assigns", %{classes: classes} do
    old = classes["Version"].("1", minor: "2")
    new = classes["Version"].(2)
    assert old < new
    assert Enum.max([old, new, old], fn a, b -> a >= b end).major == 2
    assert old == classes["Version"].(1, 2)
    point = classes["Point"].(1)
    put_attr!(point, "x", 10)
    assert point.x == 10
    assert Enum.map(call!("attrs", "fields", [classes["Point"]]), & &1.name) == ["x", "y"]
  end

  test "classes made in Elixir" do
    attrs = import!("attrs")

    fields = %{
      "name" => attrs.field(converter: &String.upcase/1),
      "tags" => attrs.field(factory: get!("builtins", "list"))
    }

    thing = attrs.make_class("Thing", fields)
    assert thing.("abc").name == "ABC"
    assert thing.("abc").tags == []

    check = fn _instance, attribute, value ->
      if value == "", do: raise(ArgumentError, "#{attribute.name} is empty")
    end

    strict = attrs.make_class("Strict", %{"name" => attrs.field(validator: check)})
    assert strict.("a").name == "a"
    assert catch_error(strict.("")).__exception__
    assert_raise ArgumentError, "name is empty", fn -> strict.("") end
  end

  test "its errors", %{classes: classes} do
    assert {:error, %{class: "ValueError", message: message}} = SnakeBridge.apply(classes["Version"], [-1])
    assert message =~ "'major' must be >= 0"
    assert {:error, %{class: "FrozenInstanceError"} = error} = put_attr(classes["Version"].(1), "major", 2)
    assert "builtins.AttributeError" in error.mro
    assert {:error, %{class: "TypeError"}} = SnakeBridge.apply(classes["Point"], [])
  end
end
