use super::*;

#[track_caller]
fn check(language: Language, source: &str, open: Open, indent: usize) {
    let found = scan(language, source);
    assert_eq!((found.open, found.indent), (open, indent), "{source:?}");
}

#[test]
fn elixir_is_open_until_its_brackets_and_blocks_close() {
    let check = |source: &str, open: Open, indent: usize| check(Language::Elixir, source, open, indent);
    check("", Open::Nothing, 0);
    check("1 + 1", Open::Nothing, 0);
    check("[1, 2", Open::Bracket, 0);
    check("foo(", Open::Bracket, 2);
    check("<<1, 2", Open::Bracket, 0);
    check("<<1, 2>>", Open::Nothing, 0);
    check("defmodule A do", Open::Block, 2);
    check("defmodule A do\n  def f(x) do", Open::Block, 4);
    check("defmodule A do\n  def f(x), do: x", Open::Block, 2);
    check("defmodule A do\n  def f(x), do: x\nend", Open::Nothing, 0);
    check("if x, do: 1, else: 2", Open::Nothing, 0);
    check("fn x ->", Open::Block, 2);
    check("Enum.map(xs, fn x -> x end)", Open::Nothing, 0);
    check("xs |>", Open::Continued, 0);
    check("x =", Open::Continued, 0);
    check("true and", Open::Continued, 0);
    check("brand", Open::Nothing, 0);
    check("case x do\n  1 ->", Open::Block, 4);
}

#[test]
fn elixir_words_that_only_look_like_keywords_open_nothing() {
    let check = |source: &str, open: Open| check(Language::Elixir, source, open, 0);
    check("[do: 1, end: 2, fn: 3]", Open::Nothing);
    check("{:do, :fn, :end}", Open::Nothing);
    check("x.do", Open::Nothing);
    check("redo = undo", Open::Nothing);
    check("# do [ ( \"", Open::Nothing);
    check("?[", Open::Nothing);
    check("?\\\"", Open::Nothing);
    check("empty?(x)", Open::Nothing);
    check("a <<< 2", Open::Nothing);
}

#[test]
fn elixir_strings_hold_anything() {
    let check = |source: &str, open: Open| check(Language::Elixir, source, open, 0);
    check("\"do [ ( {\"", Open::Nothing);
    check("\"abc", Open::Quote);
    check("\"abc \\\" def\"", Open::Nothing);
    check("\"a #{b(", Open::Bracket);
    check("\"a #{b(\"x\")} c\"", Open::Nothing);
    check("\"\"\"\ntext \"quoted\"", Open::Text);
    check("\"\"\"\ntext\n\"\"\"", Open::Nothing);
    check("~r/[(/", Open::Nothing);
    check("~S(#{)", Open::Nothing);
    check("~s{a #{b} c}", Open::Nothing);
    check("~PY\"\"\"\nx = (", Open::Text);
    check("'abc'", Open::Nothing);
    check("~D[2024-01-01]", Open::Nothing);
    check("x = ~~~y", Open::Nothing);
}

#[test]
fn python_is_open_until_its_brackets_and_blocks_close() {
    let check = |source: &str, open: Open, indent: usize| check(Language::Python, source, open, indent);
    check("", Open::Nothing, 0);
    check("x = 1", Open::Nothing, 0);
    check("foo(1,", Open::Bracket, 0);
    check("foo(", Open::Bracket, 4);
    check("x = [\n    1,", Open::Bracket, 4);
    check("x = [\n    1,\n]", Open::Nothing, 0);
    check("if x:", Open::Indented, 4);
    check("if x:  # comment", Open::Indented, 4);
    check("if x:\n    y", Open::Indented, 4);
    check("def f():\n    return 1", Open::Indented, 0);
    check("if x: y", Open::Nothing, 0);
    check("x = {1: 2}", Open::Nothing, 0);
    check("xs[1:]", Open::Nothing, 0);
    check("x = 1 + \\", Open::Continued, 0);
    check("x = 1 + \\\n    2", Open::Nothing, 0);
    check("x = (\n    1)", Open::Nothing, 0);
    check("@decorated", Open::Indented, 0);
    check("class A:\n    def f(self):", Open::Indented, 8);
}

#[test]
fn python_strings_hold_anything() {
    let check = |source: &str, open: Open| check(Language::Python, source, open, 0);
    check("\"([{:\"", Open::Nothing);
    check("'it\\'s ('", Open::Nothing);
    check("\"\"\"doc (", Open::Text);
    check("\"\"\"doc \"quoted\" ('''", Open::Text);
    check("\"\"\"doc\"\"\"", Open::Nothing);
    check("r'\\d('", Open::Nothing);
    check("# ([{", Open::Nothing);
    check("x = 'abc", Open::Nothing);
    check("''", Open::Nothing);
}

#[test]
fn the_closing_line_stands_under_the_line_that_opened() {
    assert_eq!(
        scan(Language::Elixir, "defmodule A do\n  def f do\n    1\n").closing,
        2
    );
    assert_eq!(scan(Language::Elixir, "x = [\n  1").closing, 0);
    assert_eq!(
        scan(Language::Python, "def f():\n    x = [\n        1").closing,
        4
    );
}

#[track_caller]
fn check_call(language: Language, source: &str, expect: Option<(&str, usize, Option<&str>, bool)>) {
    let call = scan(language, source).call;
    let found = call.as_ref().map(|call| {
        (
            &source[..call.name_end],
            call.argument,
            call.keyword.as_deref(),
            call.piped,
        )
    });
    assert_eq!(found, expect, "{source:?}");
}

#[test]
fn the_call_around_the_end_is_found() {
    let check = |source: &str, expect| check_call(Language::Elixir, source, expect);
    check("Enum.map(", Some(("Enum.map", 0, None, false)));
    check("Enum.map(xs, fn x -> x", Some(("Enum.map", 1, None, false)));
    check("Enum.map([1, 2, 3", Some(("Enum.map", 0, None, false)));
    check("xs |> Enum.map(", Some(("xs |> Enum.map", 0, None, true)));
    check("f.(1, ", Some(("f", 1, None, false)));
    check("f(a, b: ", Some(("f", 1, Some("b"), false)));
    check("f(a, b :: ", Some(("f", 1, None, false)));
    check("f(\"a, b", Some(("f", 0, None, false)));
    check("f(g(1), 2", Some(("f", 1, None, false)));
    check("f(1)", None);
    check("(1, ", None);
    check("{1, ", None);
    let check = |source: &str, expect| check_call(Language::Python, source, expect);
    check("print(1, 2, sep=", Some(("print", 2, Some("sep"), false)));
    check("x.f(a == 1, ", Some(("x.f", 1, None, false)));
    check("x.f(a == 1", Some(("x.f", 0, None, false)));
    check("f('a, b", Some(("f", 0, None, false)));
    check("f([1, 2], {3: g(4, ", Some(("f([1, 2], {3: g", 1, None, false)));
    check("x = (1, ", None);
    check("日本(x, 語=", Some(("日本", 1, Some("語"), false)));
}

#[test]
fn strings_and_comments_are_text() {
    let check = |language, source: &str, expect: bool| {
        assert_eq!(scan(language, source).is_text, expect, "{source:?}")
    };
    check(Language::Elixir, "\"abc", true);
    check(Language::Elixir, "\"abc #{", false);
    check(Language::Elixir, "# abc", true);
    check(Language::Elixir, "# abc\n", false);
    check(Language::Elixir, "~r/a", true);
    check(Language::Python, "x = 'abc", true);
    check(Language::Python, "x = 'abc'", false);
    check(Language::Python, "x = 'abc\n", false);
    check(Language::Python, "# abc", true);
    check(Language::Python, "\"\"\"abc\n", true);
    check(Language::Python, "", false);
}

#[test]
fn no_source_is_too_strange() {
    let pieces = [
        "do", "end", "\"", "'", "~s", "#{", "}", "(", ")", "\\", "?", "\n", "é", "\"\"\"", ":", "<<", " ",
    ];
    let mut state = 7usize;
    for _ in 0..2000 {
        let mut source = String::new();
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            source.push_str(pieces[(state >> 33) % pieces.len()]);
        }
        scan(Language::Elixir, &source);
        scan(Language::Python, &source);
    }
}

#[test]
fn clauses_of_python_stand_under_what_they_go_on_with() {
    let check = |source: &str, words: &str, expect: Option<usize>| {
        assert!(is_clause(words));
        assert_eq!(clause(source, words), expect, "{source:?}");
    };
    check("if x:\n    1\n    else", "else:", Some(0));
    check("if x:\n    1\nelif y:\n    2\n    eli", "elif ", Some(0));
    check("def f():\n    if x:\n        1\n        else", "else:", Some(4));
    check(
        "def f():\n    if x:\n        return 1\n    else",
        "else:",
        Some(4),
    );
    check("def f():\n    if x:\n        1\n    y\n    else", "else:", None);
    check(
        "for a in b:\n    if x:\n        1\n\n    y\n    else",
        "else:",
        Some(0),
    );
    check("try:\n    1\n    except", "except:", Some(0));
    check("try:\n    1\nexcept E:\n    1\n    finally", "finally:", Some(0));
    check("if x:\n    1\n    finally", "finally:", None);
    check("try:\n    if x:\n        1\n    except", "except*", Some(0));
    check("else", "else:", None);
}
