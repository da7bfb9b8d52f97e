"""Cells of both languages in JupyterLab: names, errors, questions to the user, all that they show."""

import re

from playwright.sync_api import expect


def test_cells_share_names(notebook):
    page = notebook("xs = [1, 2, 3]", "%%python\nprint(sum(xs))\nys = [x * 10 for x in xs]", "Enum.sum(ys)")
    expect(page.run(0)).to_contain_text("[1, 2, 3]")
    expect(page.run(1)).to_contain_text("6")
    expect(page.run(2)).to_contain_text("60")
    expect(page.prompt(2)).to_have_text("[3]:")


def test_errors_say_where(notebook):
    page = notebook("%%python\ndef f(x):\n    return 1 / x\nf(0)", 'raise ArgumentError, "too odd"', "no +")
    page.run(0, 1, 2)
    expect(page.error(0)).to_contain_text("ZeroDivisionError: division by zero")
    expect(page.error(0)).to_contain_text("return 1 / x")
    expect(page.error(1)).to_contain_text("(ArgumentError) too odd")
    expect(page.error(1)).to_contain_text("cell 2")
    expect(page.error(2)).to_contain_text(re.compile("TokenMissingError|SyntaxError"))
    # Colours are shown, not their codes.
    expect(page.error(0).locator("[class*=ansi-]").first).to_be_visible()
    for index in range(3):
        assert "[0m" not in page.error(index).inner_text()


def test_run_all_stops_at_an_error(notebook):
    page = notebook("1 + 1", "%%python\n1 / 0", "2 + 2")
    page.page.get_by_role("menuitem", name="Run", exact=True).click()
    page.page.get_by_role("menuitem", name=re.compile("^Run All Cells")).first.click()
    expect(page.output(1)).to_contain_text("ZeroDivisionError")
    page.idle()
    expect(page.prompt(2)).to_have_text("[ ]:")


def test_questions_to_the_user(notebook):
    page = notebook(
        'name = IO.gets("name? ")\nString.trim(name)',
        "%%python\nimport getpass\nage = input('age? ')\nsecret = getpass.getpass('secret? ')",
        "%%python\nprint(age, secret)",
    )
    page.start(0)
    expect(page.output(0)).to_contain_text("name?")
    page.answer(0, "Ada")
    page.ended(0)
    expect(page.output(0)).to_contain_text('"Ada"')

    page.start(1)
    expect(page.output(1)).to_contain_text("age?")
    page.answer(1, "36")
    expect(page.question(1)).to_have_attribute("type", "password")
    expect(page.output(1)).to_contain_text("secret?")
    page.answer(1, "xyzzy")
    page.ended(1)
    # Neither in the page nor in the file.
    assert "xyzzy" not in page.output(1).inner_text()
    assert "xyzzy" not in str(page.save())
    expect(page.run(2)).to_contain_text("36 xyzzy")


def test_tables_and_figures(notebook):
    page = notebook(
        "%%python\nimport pandas as pd\ndf = pd.DataFrame({'wine': ['red', 'white'], 'score': [7, 9]})\ndf",
        'df[df["score"] > 8]',
        "%%python\nimport matplotlib.pyplot as plt\nplt.plot(df['score'])\nNone",
        "plt.bar([1, 2], [3, 4])\n:drawn",
        '[%{name: "Ada", age: 36}, %{name: "Grace", age: 45}]',
    )
    expect(page.run(0).locator("table.dataframe td")).to_have_text(["red", "7", "white", "9"])
    expect(page.run(1).locator("table.dataframe td")).to_have_text(["white", "9"])
    for index in (2, 3):
        figure = page.run(index).locator("img")
        expect(figure).to_be_visible()
        assert figure.evaluate("image => image.naturalWidth") > 200
    expect(page.run(4).locator("table td")).to_contain_text(["36", "Ada", "45", "Grace"])


def test_shown_things_are_replaced(notebook):
    page = notebook(
        "from IPython.display import display, clear_output\n"
        "for n in range(50):\n"
        "    clear_output(wait=True)\n"
        "    print('frame', n)",
        "shown = display('first', display_id=True)\nfor n in range(50):\n    shown.update(f'step {n}')",
        "shown.update('from another cell')",
        "from tqdm.auto import tqdm\nfor n in tqdm(range(30), desc='working'):\n    pass",
        language="python",
    )
    expect(page.run(0)).to_have_text(re.compile(r"^\s*frame 49\s*$"))
    expect(page.run(1)).to_have_text(re.compile(r"^\s*'step 49'\s*$"))
    page.run(2)
    expect(page.output(1)).to_have_text(re.compile(r"^\s*'from another cell'\s*$"))
    # The bar of notebooks, not that of terminals.
    bar = page.run(3).locator(".jupyter-widgets.widget-hprogress")
    expect(bar).to_be_visible()
    expect(page.output(3)).to_contain_text("working: 100%")
    expect(page.output(3)).to_contain_text("30/30")


def test_twenty_thousand_lines_come_whole(notebook):
    page = notebook(
        "%%python\nfor n in range(20_000):\n    print(n)", "for n <- 1..20_000, do: IO.puts(n)\n:done"
    )
    for index, numbers in enumerate([range(20_000), range(1, 20_001)]):
        page.run(index)
        outputs = page.save()["cells"][index]["outputs"]
        text = "".join("".join(output["text"]) for output in outputs if output["output_type"] == "stream")
        assert text.split() == [str(n) for n in numbers]
        shown = page.output(index).locator("pre").first.text_content()
        assert shown.split() == [str(n) for n in numbers]
