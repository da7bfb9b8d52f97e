use super::*;

fn suggestion(name: &str, kind: &str, detail: &str, doc: &str) -> Suggestion {
    Suggestion {
        value: name.into(),
        extra: Some(vec![kind.into(), detail.into(), doc.into()]),
        ..Suggestion::default()
    }
}

fn candidates() -> Vec<Suggestion> {
    vec![
        suggestion(
            "map",
            "function",
            "(enumerable, fun)",
            "Returns a list where each element is mapped.",
        ),
        suggestion("map_every", "function", "(enumerable, nth, fun)", ""),
        suggestion(
            "map_intersperse",
            "function",
            "(enumerable, separator, mapper)",
            "",
        ),
        suggestion("日本語", "variable", "list", ""),
        suggestion("max_by_something_very_long_that_never_ends", "macro", "", ""),
        suggestion("mapset", "module", "", ""),
    ]
}

const DOC: &str = "Enum.map(enumerable, fun)\n\nReturns a list where each element is the result of invoking `fun` on \
                   each corresponding element of `enumerable`.\n\n    iex> Enum.map([1, 2, 3], fn x -> x * 2 end)\n    [2, \
                   4, 6]\n";

fn drawn(columns: usize, rows: usize, count: usize, selected: usize, doc: Option<&str>) -> String {
    let all: Vec<Suggestion> = candidates().into_iter().cycle().take(count).collect();
    let area = Area::new(columns, rows, count);
    let list: Vec<Row<'_>> = all.iter().map(|one| Row::new(one, "map")).collect();
    let first = scrolled(0, selected, area.list);
    let text = menu(&list, selected, first, doc, area, false);
    assert!(text.split("\r\n").count() <= area.rows(), "{text}");
    for line in text.split("\r\n") {
        assert!(line.width() < columns.max(20), "{line:?} in {columns}");
    }
    text.replace("\r\n", "\n")
}

#[test]
fn at_80_columns_the_documentation_stands_beside() {
    insta::assert_snapshot!(drawn(80, 24, 6, 0, Some(DOC)), @r"
    > map                       function │ Enum.map(enumerable, fun)
      map_every                 function │
      map_intersperse           function │ Returns a list where each element is the
      日本語                    variable │ result of invoking `fun` on each
      max_by_something_very_l…  macro    │ corresponding element of `enumerable`.
      mapset                    module   │
                                         │     iex> Enum.map([1, 2, 3], fn x -> x *
                                         │     2 end) …
    ");
}

#[test]
fn at_200_columns_signatures_are_whole() {
    insta::assert_snapshot!(drawn(200, 50, 6, 1, Some(DOC)), @r"
      map                               function  (enumerable, fun)               │ Enum.map(enumerable, fun)
    > map_every                         function  (enumerable, nth, fun)          │
      map_intersperse                   function  (enumerable, separator, mapper) │ Returns a list where each element is the result of invoking `fun` on each
      日本語                            variable  list                            │ corresponding element of `enumerable`.
      max_by_something_very_long_that…  macro                                     │
      mapset                            module                                    │     iex> Enum.map([1, 2, 3], fn x -> x * 2 end)
                                                                                  │     [2, 4, 6]
    ");
}

#[test]
fn in_a_narrow_terminal_it_stands_below() {
    insta::assert_snapshot!(drawn(40, 24, 20, 9, Some(DOC)), @r"
      max_by_something_ver…  macro
      mapset                 module
      map                    function
      map_every              function
      map_intersperse        function
    > 日本語                 variable
     10 of 20
    │ Enum.map(enumerable, fun)
    │
    │ Returns a list where each element is
    │ the result of invoking `fun` on each
    │ corresponding element of …
    ");
}

#[test]
fn before_documentation_is_there_its_beginning_is_shown() {
    insta::assert_snapshot!(drawn(80, 24, 1, 0, None), @r"
    > map  function  (enumerable, fun) │ Returns a list where each element is
                                       │ mapped.
    ");
}

#[test]
fn it_fits_every_screen() {
    for columns in [1, 10, 20, 40, 80, 200] {
        for rows in [1, 2, 5, 10, 24, 50] {
            for count in [1, 3, 100] {
                let area = Area::new(columns, rows, count);
                assert!(
                    area.list >= 1 && area.rows() <= rows.max(3),
                    "{columns}x{rows} {count}: {area:?}"
                );
                for left in 1..=rows {
                    assert!(area.within(left).rows() <= left, "{area:?} in {left}");
                }
                drawn(columns, rows, count, count - 1, Some(DOC));
            }
        }
    }
}

#[test]
fn what_was_typed_is_marked() {
    let check = |name: &str, typed: &str, expect: &[usize]| assert_eq!(matched(name, typed), expect);
    check("map_every", "map", &[0, 1, 2]);
    check("DataFrame", "data", &[0, 1, 2, 3]);
    check("max_map", "mmp", &[0, 4, 6]);
    check("ÄÖ", "äö", &[0, 1]);
    check("abc", "", &[]);
    check("abc", "x", &[]);
    let all = [suggestion("map", "function", "", "")];
    let rows = [Row::new(&all[0], "ma")];
    let text = menu(&rows, 0, 0, None, Area::new(80, 24, 1), true);
    assert!(text.contains("\u{1b}[1;4;7;34mma"), "{text:?}");
}

#[test]
fn the_selected_candidate_is_always_shown() {
    assert_eq!(scrolled(0, 0, 5), 0);
    assert_eq!(scrolled(0, 5, 5), 1);
    assert_eq!(scrolled(4, 2, 5), 2);
    assert_eq!(scrolled(2, 4, 5), 2);
}
