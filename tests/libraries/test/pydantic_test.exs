defmodule PydanticTest do
  use LibraryCase, library: "pydantic"

  @models """
  from datetime import date
  from decimal import Decimal
  from enum import Enum
  from typing import Annotated, Literal
  from uuid import UUID
  from pydantic import BaseModel, Field, field_validator

  class Kind(Enum):
      BOOK = "book"
      FILM = "film"

  class Author(BaseModel):
      name: Annotated[str, Field(min_length=1)]
      born: date | None = None

  class Work(BaseModel):
      title: str
      kind: Kind = Kind.BOOK
      price: Decimal = Decimal("0")
      authors: list[Author] = []
      tags: set[str] = set()
      id: UUID | None = None

      @field_validator("title")
      @classmethod
      def trimmed(cls, value):
          if not value.strip():
              raise ValueError("a title is not empty")
          return value.strip()
  {"Author": Author, "Work": Work}
  """

  setup_all do
    {:ok, models: run!(@models)}
  end

  test "models are validated and dumped", %{models: models} do
    work = models["Work"]

    emma =
      method!(work, "model_validate", [
        %{title: " Emma ", authors: [%{name: "Austen", born: ~D[1775-12-16]}], tags: ["a", "b"]}
      ])

    assert attr!(emma, "title") == "Emma"
    assert attr!(emma, "tags") == MapSet.new(["a", "b"])
    dump = method!(emma, "model_dump", [], exclude: MapSet.new(["kind", "price"]))

    assert dump == %{
             "title" => "Emma",
             "authors" => [%{"name" => "Austen", "born" => ~D[1775-12-16]}],
             "tags" => MapSet.new(["a", "b"]),
             "id" => nil
           }

    json = method!(emma, "model_dump_json", [], include: ["title", "kind"])
    assert json == ~s({"title":"Emma","kind":"book"})
    full = method!(emma, "model_dump", [], mode: "json")
    assert full["price"] == "0"
  end

  test "natural syntax", %{models: models} do
    author = models["Author"].(name: "Austen", born: "1775-12-16")
    assert author.born == ~D[1775-12-16]
    assert author.model_copy(update: %{name: "Jane"}).name == "Jane"
    assert models["Author"].model_fields["name"].is_required()
    assert author == models["Author"].(name: "Austen", born: ~D[1775-12-16])
    assert models["Work"].(title: "x", kind: "film").kind.value == "film"
    assert models["Work"].(title: "x", price: "1.50").price |> to_string() == "1.50"

    assert models["Work"].(title: "x", id: "12345678-1234-5678-1234-567812345678").id |> to_string() ==
             "12345678-1234-5678-1234-567812345678"
  end

  test "a validation error says what is wrong", %{models: models} do
    assert {:error, error} =
             method(models["Work"], "model_validate", [%{title: " ", authors: [%{name: ""}], price: "x"}])

    assert error.class == "ValidationError"
    assert "builtins.ValueError" in error.mro
    assert error.message =~ "3 validation errors for Work"
  end

  test "create_model" do
    field = call!("pydantic", "Field", [], ge: 0, description: "years")
    int = get!("builtins", "int")

    model =
      call!("pydantic", "create_model", ["Person"],
        name: {get!("builtins", "str"), "nobody"},
        age: {int, field}
      )

    person = apply!(model, [], age: "42")
    assert {attr!(person, "name"), attr!(person, "age")} == {"nobody", 42}

    assert method!(model, "model_json_schema")["properties"]["age"] ==
             %{"description" => "years", "minimum" => 0, "title" => "Age", "type" => "integer"}

    assert {:error, %{class: "ValidationError"}} = SnakeBridge.apply(model, [], age: -1)
  end

  test "validators written in Elixir" do
    pydantic = import!("pydantic")
    int = get!("builtins", "int")

    even =
      pydantic."AfterValidator"(fn n ->
        if rem(n, 2) == 0, do: n, else: raise(ArgumentError, "#{n} is odd")
      end)

    annotated = get!("typing", "Annotated")[{int, even}]
    adapter = pydantic."TypeAdapter"(annotated)
    assert adapter.validate_python("4") == 4
    assert {:error, error} = method(adapter, "validate_python", [3])
    assert error == %ArgumentError{message: "3 is odd"}
  end

  test "adapters of types" do
    adapter =
      call!("pydantic", "TypeAdapter", [
        item!(get!("builtins", "dict"), {get!("builtins", "str"), get!("builtins", "float")})
      ])

    assert adapter.validate_json(~s({"a": 1, "b": "2.5"})) == %{"a" => 1.0, "b" => 2.5}
    assert adapter.dump_json(%{a: 1.0}) == ~s({"a":1.0})
  end

  test "the exception object lists its errors", %{models: models} do
    models["Work"].(title: "x", tags: 1, authors: [%{name: "a", born: "soon"}])
    flunk("that should not be valid")
  rescue
    error in SnakeBridge.Py.ValueError ->
      assert error.class == "ValidationError"
      assert method!(error.ref, "error_count") == 2

      assert for(
               detail <- method!(error.ref, "errors", [], include_url: false),
               do: {detail["loc"], detail["type"]}
             ) ==
               [{{"authors", 0, "born"}, "date_from_datetime_parsing"}, {{"tags"}, "set_type"}]
  end
end
