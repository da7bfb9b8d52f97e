defmodule DjangoTest do
  use LibraryCase, library: "django"

  @project """
  import django
  from django.conf import settings

  if not settings.configured:
      settings.configure(
          DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:matrix?mode=memory&cache=shared"}},
          INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
          TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
          ROOT_URLCONF=__name__, SECRET_KEY="x", USE_TZ=True, ALLOWED_HOSTS=["*"], DEFAULT_AUTO_FIELD="django.db.models.AutoField",
      )
      django.setup()

  from django import forms
  from django.db import connection, models

  class Author(models.Model):
      name = models.CharField(max_length=20, unique=True)
      born = models.DateField(null=True)
      class Meta:
          app_label = "library"

  class Book(models.Model):
      title = models.CharField(max_length=50)
      price = models.DecimalField(max_digits=6, decimal_places=2, default=0)
      author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")
      class Meta:
          app_label = "library"
      def __str__(self):
          return self.title

  class BookForm(forms.Form):
      title = forms.CharField(max_length=5)
      pages = forms.IntegerField(min_value=1, required=False)

  def create():
      with connection.schema_editor() as editor:
          editor.create_model(Author)
          editor.create_model(Book)
  {"Author": Author, "Book": Book, "BookForm": BookForm, "create": create}
  """

  setup_all do
    {:ok, project: run!(@project)}
  end

  defp library(project) do
    ensure_tables(project)
    author = project["Author"].objects.create(name: "Austen", born: ~D[1775-12-16])

    for {title, price} <- [{"Emma", "5.50"}, {"Persuasion", "7.25"}],
        do: author.books.create(title: title, price: price)

    author
  end

  defp ensure_tables(project) do
    tables = call!("django.db", "connection.introspection.table_names")
    unless "library_book" in tables, do: apply!(project["create"], [])
  end

  test "models and querysets", %{project: project} do
    author = library(project)
    books = project["Book"].objects
    assert books.count() == 2
    assert books.get(title: "Emma") in books.all()
    assert Enum.map(books.filter(title__startswith: "E"), &to_string/1) == ["Emma"]
    assert books.get(title: "Emma").author == author

    assert call!("builtins", "list", [books.order_by("-title").values_list("title", flat: true)]) == [
             "Persuasion",
             "Emma"
           ]

    assert Enum.to_list(books.values("id", "author__name")) |> hd() |> Map.get("author__name") == "Austen"
    models = import!("django.db.models")
    assert books.aggregate(total: models."Sum"("price"))["total"] |> to_string() == "12.75"
    q = models."Q"(title: "Emma") ||| models."Q"(price__gt: 7)
    assert books.filter(q).count() == 2
    assert books.exclude(q).exists() == false
    assert books.order_by("title")[0..0] |> Enum.map(& &1.title) == ["Emma"]
    assert books.filter(title: "Emma").update(price: models."F"("price") + 1) == 1
    put_attr!(author, "name", "Jane")
    author.save()
    author.refresh_from_db()
    assert author.name == "Jane"
    assert {:error, %{class: "Book.DoesNotExist"} = error} = method(books, "get", [], title: "x")
    assert "django.core.exceptions.ObjectDoesNotExist" in error.mro

    assert {:error, %{class: "IntegrityError"}} =
             method(project["Author"].objects, "create", [], name: "Jane")
  end

  test "another process has a connection of its own", %{project: project} do
    assert Task.await(Task.async(fn -> project["Author"].objects.none().count() end)) == 0
  end

  test "templates" do
    engine = call!("django.template", "Engine")
    template = engine.from_string("{% for x in xs %}{{ forloop.counter }}{{ x|upper }} {% endfor %}{{ t }}")
    context = call!("django.template", "Context", [%{xs: ["a", "b"], t: "<"}])
    assert to_string(template.render(context)) == "1A 2B &lt;"
    assert {:error, %{class: "TemplateSyntaxError"}} = method(engine, "from_string", ["{% nothing %}"])
  end

  test "forms", %{project: project} do
    good = project["BookForm"].(%{title: "Emma", pages: "12"})
    assert good.is_valid()
    assert good.cleaned_data == %{"title" => "Emma", "pages" => 12}
    bad = project["BookForm"].(%{title: "Persuasion", pages: 0})
    refute bad.is_valid()
    assert Enum.map(bad.errors["pages"], &to_string/1) == ["Ensure this value is greater than or equal to 1."]
    assert bad.errors.get_json_data()["title"] |> hd() |> Map.get("code") == "max_length"
  end

  test "signals call Elixir" do
    signal = call!("django.dispatch", "Signal")
    test = self()

    receiver = fn options ->
      send(test, {:signal, options[:sender], options[:level]})
      "heard"
    end

    signal.connect(receiver, weak: false)
    assert [{_, "heard"}] = signal.send("me", level: 3)
    assert_received {:signal, "me", 3}
  end

  test "utilities and requests" do
    assert call!("django.utils.text", "slugify", ["Hello, World"]) |> to_string() == "hello-world"

    assert call!("django.utils.dateparse", "parse_datetime", ["2024-01-02T03:04:05Z"]) ==
             ~U[2024-01-02 03:04:05Z]

    request = call!("django.test", "RequestFactory").get("/x", %{q: "1", tags: ["a", "b"]})
    assert request."GET"["q"] == "1"
    assert request."GET".getlist("tags") == ["a", "b"]
    response = call!("django.http", "JsonResponse", [%{a: [1, nil]}])
    assert response.content == ~s({"a": [1, null]})
    assert item!(response, "Content-Type") == "application/json"
    signer = call!("django.core.signing", "Signer", [], key: "k")
    assert signer.unsign(signer.sign("value")) == "value"
    assert {:error, %{class: "BadSignature"}} = method(signer, "unsign", ["value:x"])

    assert {:error, %{class: "ValidationError"} = error} =
             call("django.core.validators", "validate_email", ["x"])

    assert error.message =~ "valid email"
  end

  test "transactions are contexts", %{project: project} do
    ensure_tables(project)
    authors = project["Author"].objects
    atomic = fn -> call!("django.db.transaction", "atomic") end
    with_python!(atomic.(), fn _ -> authors.create(name: "kept") end)

    thrown =
      catch_throw(
        with_python!(atomic.(), fn _ ->
          authors.create(name: "lost")
          throw(:away)
        end)
      )

    assert thrown == :away
    assert authors.filter(name__in: ["kept", "lost"]).count() == 1
  end

  test "asynchronous queries", %{project: project} do
    ensure_tables(project)
    authors = project["Author"].objects
    assert authors.acreate(name: "async").name == "async"
    assert authors.filter(name: "async").acount() == 1
    assert authors.filter(name: "async").aiterator() |> Enum.map(& &1.name) == ["async"]
  end
end
