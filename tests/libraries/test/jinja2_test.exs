defmodule Jinja2Test do
  use LibraryCase, library: "jinja2"

  setup do
    {:ok, jinja: import!("jinja2")}
  end

  test "a template with values of Elixir" do
    template =
      call!(
        "jinja2",
        "Template",
        ["{% for u in users %}{{ loop.index }}. {{ u.name|upper }} ({{ u.born.year }})\n{% endfor %}"],
        keep_trailing_newline: true
      )

    users = [%{name: "Ann", born: ~D[1990-01-02]}, %{"name" => "Bob", "born" => ~D[1985-05-05]}]
    assert method!(template, "render", [], users: users) == "1. ANN (1990)\n2. BOB (1985)\n"
  end

  test "an environment with a loader, inheritance and escaping", %{jinja: jinja} do
    sources = %{
      "base.html" => "<b>{% block x %}{% endblock %}</b>",
      "page.html" => "{% extends 'base.html' %}{% block x %}{{ text }}{% endblock %}"
    }

    env = jinja."Environment"(loader: jinja."DictLoader"(sources), autoescape: jinja.select_autoescape())
    assert env.get_template("page.html").render(text: "<i>") == "<b>&lt;i&gt;</b>"
    safe = call!("markupsafe", "Markup", ["<i>"])
    assert env.get_template("page.html").render(%{text: safe}) == "<b><i></b>"
    assert env.list_templates() == ["base.html", "page.html"]
  end

  test "filters, tests and globals written in Elixir", %{jinja: jinja} do
    env = jinja."Environment"()

    attr!(env, "filters", as: :ref)
    |> put_item!("money", fn cents -> :erlang.float_to_binary(cents / 100, decimals: 2) end)

    env.tests.update(%{palindrome: &(&1 == String.reverse(&1))})
    env.globals.update(today: fn -> ~D[2024-02-29] end)
    template = env.from_string("{{ 1250|money }} {{ 'anna' is palindrome }} {{ today().month }}")
    assert template.render() == "12.50 True 2"
  end

  test "filters with keywords", %{jinja: jinja} do
    env = jinja."Environment"()
    env.filters.update(%{pad: fn text, opts -> String.pad_leading(text, opts[:width]) end})
    assert env.from_string("{{ 'x'|pad(width=4) }}").render() == "   x"
  end

  test "a loader written in Elixir", %{jinja: jinja} do
    loader = jinja."FunctionLoader"(fn name -> if name == "a", do: "template {{ x }}" end)
    env = jinja."Environment"(loader: loader)
    assert env.get_template("a").render(x: 1) == "template 1"
    assert {:error, %{class: "TemplateNotFound"}} = method(env, "get_template", ["b"])
  end

  test "output is streamed", %{jinja: jinja} do
    template = jinja."Template"("{% for i in range(3) %}{{ i }},{% endfor %}")
    assert template.generate() |> Enum.take(3) == ["0", ",", "1"]
    assert Enum.join(template.stream()) == "0,1,2,"
  end

  test "errors", %{jinja: jinja} do
    assert {:error, %{class: "TemplateSyntaxError"} = error} = call("jinja2", "Template", ["{% if %}"])
    assert error.message =~ "Expected an expression"
    env = jinja."Environment"(undefined: jinja."StrictUndefined")
    assert {:error, %{class: "UndefinedError"}} = method(env.from_string("{{ x.y }}"), "render")
  end

  test "macros of a module", %{jinja: jinja} do
    module = jinja."Template"("{% macro hi(n, mark='!') %}hi {{ n }}{{ mark }}{% endmacro %}").module
    assert to_string(module.hi("ann", mark: "?")) == "hi ann?"
    assert value!(module.hi("ann")) == "hi ann!"
  end

  test "asynchronous templates", %{jinja: jinja} do
    env = jinja."Environment"(enable_async: true)
    template = env.from_string("{% for n in numbers %}{{ n * 2 }} {% endfor %}")
    assert template.render_async(numbers: [1, 2]) == "2 4 "
    assert template.generate_async(numbers: [1, 2]) |> Enum.join() == "2 4 "
    assert template |> stream!("generate_async", [], numbers: [3]) |> Enum.to_list() == ["6", " "]
  end
end
