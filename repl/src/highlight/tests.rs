use super::*;

fn grammars() -> &'static Grammars {
    load_in_background();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(grammars) = GRAMMARS.get() {
            return grammars;
        }
        assert!(Instant::now() < deadline, "the grammars do not load");
        std::thread::yield_now();
    }
}

/// Paints until the budget has sufficed for all lines.
fn paint(cell: &mut Cell, language: Language, source: &str) -> Vec<(Style, String)> {
    loop {
        let mut styled = StyledText::new();
        cell.colour(language, source, &mut styled);
        assert_eq!(styled.raw_string(), source);
        if cell.lines.iter().all(|line| line.before.is_some()) {
            return styled.buffer;
        }
    }
}

#[test]
fn both_languages_have_colours() {
    grammars();
    for (language, source) in [
        (Language::Elixir, "def f(x), do: \"a\" # c"),
        (Language::Python, "def f(x): return 'a' # c"),
    ] {
        let pieces = paint(&mut Cell::default(), language, source);
        let colours: std::collections::HashSet<String> = pieces
            .iter()
            .map(|(style, _)| format!("{:?}", style.foreground))
            .collect();
        assert!(colours.len() >= 3, "{pieces:?}");
    }
}

#[test]
fn an_edit_gives_what_painting_afresh_gives() {
    grammars();
    let base = "x = 1\ny = \"\"\"\ntext\n\"\"\"\nif x:\n    print(y)  # done\n";
    let edits = [
        base.to_owned(),
        base.replace("x = 1", "x = '"),
        base.replace("\"\"\"\ntext", "\ntext"),
        format!("{base}z = 1"),
        format!("# new\n{base}"),
        base.replace("text\n", ""),
        String::from("a"),
        String::new(),
        base.repeat(3),
        base.to_owned(),
    ];
    let mut cell = Cell::default();
    for source in &edits {
        let painted = paint(&mut cell, Language::Python, source);
        assert_eq!(
            painted,
            paint(&mut Cell::default(), Language::Python, source),
            "{source:?}"
        );
    }
}

#[test]
fn a_command_is_told_from_code_and_its_code_from_it() {
    grammars();
    let highlighter = CellHighlighter::new(Line::new(Language::Elixir));
    let styles = |text: &str| highlighter.highlight(text, 0).buffer;
    assert_eq!(styles(":help me")[0], (Style::new().bold(), ":help".into()));
    assert_eq!(styles(":py 'a'")[0], (Style::new().bold(), ":py ".into()));
    assert_ne!(styles(":ok")[0].0, Style::new().bold());
    assert_eq!(styles("  ")[0].1, "  ");
}
