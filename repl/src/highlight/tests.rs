use super::*;

/// Reads until the budget has sufficed for all lines.
fn paint(shared: &Shared, language: Language, source: &str) -> Vec<(Style, String)> {
    loop {
        let mut styled = StyledText::new();
        shared.colour(language, source, 0, &mut styled);
        assert_eq!(styled.raw_string(), source);
        if shared.lock().unfinished.is_none() {
            return styled.buffer;
        }
    }
}

#[test]
fn both_languages_have_colours() {
    load();
    for (language, source) in [
        (Language::Elixir, "def f(x), do: \"a\" # c"),
        (Language::Python, "def f(x): return 'a' # c"),
    ] {
        let pieces = paint(&Shared::default(), language, source);
        let colours: std::collections::HashSet<String> = pieces
            .iter()
            .map(|(style, _)| format!("{:?}", style.foreground))
            .collect();
        assert!(colours.len() >= 3, "{pieces:?}");
    }
}

#[test]
fn an_edit_gives_what_painting_afresh_gives() {
    load();
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
    let shared = Shared::default();
    for source in &edits {
        let painted = paint(&shared, Language::Python, source);
        assert_eq!(
            painted,
            paint(&Shared::default(), Language::Python, source),
            "{source:?}"
        );
    }
}

#[test]
fn a_command_is_told_from_code_and_its_code_from_it() {
    load();
    let highlighter = CellHighlighter::new(Line::new(Language::Elixir), || ());
    let styles = |text: &str| highlighter.highlight(text, 0).buffer;
    assert_eq!(styles(":help me")[0], (Style::new().bold(), ":help".into()));
    assert_eq!(styles(":py 'a'")[0], (Style::new().bold(), ":py ".into()));
    assert_ne!(styles(":ok")[0].0, Style::new().bold());
    assert_eq!(styles("  ")[0].1, "  ");
}

#[test]
fn what_a_paint_leaves_is_read_on_the_thread_and_painted_again() {
    load();
    let (repaint, asked) = std::sync::mpsc::channel();
    let highlighter = CellHighlighter::new(Line::new(Language::Python), move || {
        let _ = repaint.send(());
    });
    let source = "def total(order, rate=1.0): return [f'{x}' for x in order.items]  # sum\n".repeat(200);
    highlighter.highlight(&source, 0);
    let deadline = Instant::now() + Duration::from_secs(60);
    while highlighter.shared.lock().unfinished.is_some() || highlighter.shared.lock().of[1].lines.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        asked.recv_timeout(left).expect("the thread finishes");
        highlighter.highlight(&source, 0);
    }
    let styled = highlighter.highlight(&source, 0);
    assert_eq!(styled.raw_string(), source);
    // Coloured as far as the screen reaches.
    let longest = |text: &StyledText| text.buffer.iter().map(|(_, piece)| piece.len()).max();
    assert!(
        styled.buffer.len() > 20 * 5 && longest(&styled) > Some(1000),
        "{:?}",
        longest(&styled)
    );
    let end = highlighter.highlight(&source, source.len());
    assert!(end.buffer[0].1.len() > 1000 && end.raw_string() == source);
}
