use super::*;

/// One of everything that documentation has.
const DOCUMENT: &str = r#"# Enum.map(enumerable, fun)

Returns a list where each element is the result of invoking `fun` on each corresponding element of
`enumerable`, which is *any* type that **implements** the protocol; see [the guide](https://example.org/guide)
or [`filter/2`](`filter/2`).

## Parameters

  * `enumerable` - what is run through, which may be a list, a map, or anything else that has an end to it
  * `fun` - called for each
    1. first with the element,
    2. then with the accumulator

Loose items:

- one

- two

      code in an item

> #### Warning {: .warning}
>
> Infinite streams never end, and so
> does this.

| option | type | what it does |
|:-------|-----:|--------------|
| `:label` | text | stands before the bar, in the place of nothing at all, for as long as it is shown on the screen |
| `日本` | 12 | wide |

```elixir
iex> Enum.map([1, 2], fn x -> x * 2 end)
[2, 4]
```

<!-- a comment -->
A line\
broken, <b>bold</b>.

---

* [x] done
"#;

fn shown(text: &str, width: usize, colours: bool) -> String {
    let text = render(text, width, colours);
    for line in text.lines() {
        let plain = crate::render::without_escapes(line);
        assert!(
            unicode_width::UnicodeWidthStr::width(plain.as_str()) <= width,
            "wider than {width}: {line}"
        );
    }
    text.replace('\x1b', "␛")
}

#[test]
fn a_page_of_80_columns_without_colours() {
    insta::assert_snapshot!(shown(DOCUMENT, 80, false));
}

#[test]
fn a_page_of_200_columns_without_colours() {
    insta::assert_snapshot!(shown(DOCUMENT, 200, false));
}

#[test]
fn a_page_in_colours() {
    insta::assert_snapshot!(shown(DOCUMENT, 80, true));
}

#[test]
fn anything_can_be_rendered() {
    for text in [
        "", "\n\n", "|a|\n|-|", "- ", "1. \n2. ", "> > -", "```", "<", "<!--", "[", "**", "\u{7}x",
    ] {
        render(text, 1, false);
        render(text, 80, true);
    }
    let deep = "> ".repeat(500) + &"- ".repeat(500) + "x";
    render(&deep, 40, true);
}
