//! Documentation at the prompt: `name?` and `name??` in Python, `h name` in Elixir.
//!
//! What is known of a name is the languages' to say; here is only which entries ask for it, and how it is shown. No
//! cell runs for it, so it is there in environments without IPython, and counts nowhere.

use std::io;

use bridge_core::language::Language;
use bridge_core::session::ChildState;

use crate::console::Console;
use crate::markdown;

/// A question about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Help<'a> {
    pub(crate) language: Language,
    pub(crate) topic: &'a str,
    /// Whether the source is wanted, too.
    pub(crate) source: bool,
}

impl<'a> Help<'a> {
    /// The question that a source of one line is; `None` when it is code.
    pub(crate) fn parse(language: Language, source: &'a str) -> Option<Help<'a>> {
        let source = source.trim();
        let help = |topic: &'a str, source| Help {
            language,
            topic: topic.trim(),
            source,
        };
        match language {
            Language::Python => {
                let bare = source.trim_matches('?');
                let marks = source.len() - bare.len();
                ((1..=2).contains(&marks) && is_python(bare)).then(|| help(bare, marks == 2))
            }
            Language::Elixir => {
                let rest = source.strip_prefix('h')?;
                let topic = match rest.strip_prefix('(') {
                    Some(inside) => inside.strip_suffix(')')?,
                    None => rest.strip_prefix(' ')?,
                };
                is_elixir(topic.trim()).then(|| help(topic, false))
            }
        }
    }
}

/// A path of names, with simple keys in between: `df["a"].str`, or a magic. Anything else is IPython's to understand.
fn is_python(topic: &str) -> bool {
    let topic = topic.trim_start_matches('%');
    let starts = topic.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let mut inside = false;
    starts
        && topic.chars().all(|c| match c {
            '[' => !std::mem::replace(&mut inside, true),
            ']' => std::mem::replace(&mut inside, false),
            '"' | '\'' | '-' | ' ' => inside,
            c => c == '_' || c == '.' || c.is_alphanumeric(),
        })
        && !inside
}

/// A module, a function with or without its arity, a variable, a path of Python: no expression that does something.
fn is_elixir(topic: &str) -> bool {
    let (name, arity) = topic.rsplit_once('/').unwrap_or((topic, "0"));
    let name = name
        .strip_suffix("{}")
        .and_then(|name| name.strip_prefix('%'))
        .unwrap_or(name);
    let starts = name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | ':' | '@'));
    let letters = name
        .rsplit_once('.')
        // An operator, as in `Kernel.+`.
        .filter(|(_, last)| !last.is_empty() && last.chars().all(|c| c.is_ascii_punctuation() && c != '('))
        .map_or(name, |(module, _)| module);
    let is_word = matches!(
        letters,
        "do" | "fn" | "end" | "not" | "and" | "or" | "in" | "when"
    );
    starts
        && !is_word
        && !arity.is_empty()
        && arity.bytes().all(|byte| byte.is_ascii_digit())
        && letters.chars().enumerate().all(|(at, c)| match c {
            ':' | '@' => at == 0,
            c => c.is_alphanumeric() || matches!(c, '_' | '.' | '?' | '!'),
        })
}

/// Asks the language, and shows its answer.
pub(crate) fn show(console: &mut Console, help: Help<'_>) -> io::Result<()> {
    // The arity says which, not what: the answer has them all.
    let topic = match help.topic.rsplit_once('/') {
        Some((name, _)) if help.language == Language::Elixir => name,
        _ => help.topic,
    };
    let topic = topic
        .strip_suffix("{}")
        .map_or(topic, |name| name.trim_start_matches('%'));
    let detail = u8::from(help.source);
    let session = console.session().clone();
    let starting = || {
        matches!(
            session.children().borrow().of(help.language),
            ChildState::Starting
        )
    };
    if starting() {
        console.note(&format!("{} is starting", help.language))?;
        if !console.stage().wait_until(|| !starting()) {
            return console.note("given up");
        }
    }
    let asked = console
        .session()
        .inspect(help.language, topic, topic.len(), detail);
    let answer = match console.stage().wait(asked) {
        Some(Ok(answer)) => answer,
        Some(Err(error)) => return console.fail(&error),
        None => return console.note("given up"),
    };
    let look = console.stage().renderer().look();
    let text = match (answer.data.text("text/markdown"), answer.data.text("text/plain")) {
        (Some(markdown), _) => markdown::render(markdown, console.width(), look.colours),
        (None, Some(plain)) => plain.to_owned(),
        (None, None) => {
            let hint = "a name that is not there yet has to be imported or bound first";
            return console.complain(&format!("nothing is known of {}", help.topic), hint);
        }
    };
    console.page(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_told_from_code() {
        let check = |language, source: &str, expect: Option<(&str, bool)>| {
            let found = Help::parse(language, source).map(|help| (help.topic, help.source));
            assert_eq!(found, expect, "{source:?}");
        };
        use Language::{Elixir, Python};
        check(Python, "np.linspace?", Some(("np.linspace", false)));
        check(Python, "np.linspace??\n", Some(("np.linspace", true)));
        check(Python, "?len", Some(("len", false)));
        check(Python, "??len", Some(("len", true)));
        check(Python, "df['a b'].str?", Some(("df['a b'].str", false)));
        check(Python, "xs[-1]?", Some(("xs[-1]", false)));
        check(Python, "%timeit?", Some(("%timeit", false)));
        check(Python, "ex.Enum.map?", Some(("ex.Enum.map", false)));
        for code in [
            "?", "x", "f(x)?", "*int*?", "x = 1?", "x???", "x +?", "[1]?", "a[b[1]]?",
        ] {
            check(Python, code, None);
        }
        check(Elixir, "h Enum.map", Some(("Enum.map", false)));
        check(Elixir, "h Enum.map/2", Some(("Enum.map/2", false)));
        check(Elixir, "h(Enum)", Some(("Enum", false)));
        check(Elixir, "h %Date{}", Some(("%Date{}", false)));
        check(Elixir, "h :lists.reverse", Some((":lists.reverse", false)));
        check(Elixir, "h @moduledoc", Some(("@moduledoc", false)));
        check(Elixir, "h Kernel.+/2", Some(("Kernel.+/2", false)));
        check(Elixir, "h String.valid?", Some(("String.valid?", false)));
        check(Elixir, "h df.groupby", Some(("df.groupby", false)));
        for code in [
            "h", "h()", "h = 1", "h + 1", "h x, y", "hello x", "h(x).y", "h x.(1)", "h fn", "h 1/2",
        ] {
            check(Elixir, code, None);
        }
    }
}
