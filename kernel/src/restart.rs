//! `%restart python`, `%restart elixir`, `%restart all`: a cell that starts a language again and leaves the other, and
//! the kernel, as they are. It is the kernel's own, in cells of either language, so that it works also when the language
//! of the cell does not.

use bridge_core::error::Hint;
use bridge_core::language::Language;

use crate::kernel::Kernel;

const COMMAND: &str = "%restart";
const HINT: &str = "a cell of this line alone: `%restart python`, `%restart elixir` or `%restart all`";

/// Why nothing was restarted.
pub(crate) struct Refused {
    pub(crate) class: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// What a cell wants to be started again; `None` when it is a cell like others.
pub(crate) fn wanted(code: &str) -> Option<Result<&'static [Language], Refused>> {
    let mut lines = code
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && Language::from_marker(line).is_none());
    let what = lines.next()?.strip_prefix(COMMAND)?;
    if what.starts_with(|c: char| !c.is_whitespace()) {
        return None;
    }
    let refused = |message: String| {
        Some(Err(Refused {
            class: "UsageError",
            message,
            hint: Some(HINT.to_owned()),
        }))
    };
    match what.trim() {
        _ if lines.next().is_some() => refused(format!("{COMMAND} stands in a cell with other code")),
        "python" => Some(Ok(&[Language::Python])),
        "elixir" => Some(Ok(&[Language::Elixir])),
        "all" => Some(Ok(&[Language::Python, Language::Elixir])),
        "" => refused(format!("{COMMAND} does not say what")),
        other => refused(format!("{COMMAND} knows no {other:?}")),
    }
}

/// Starts them again; what to tell of it, a line for each.
pub(crate) async fn restart(kernel: &Kernel, languages: &[Language]) -> Result<String, Refused> {
    match kernel.session.restart(languages).await {
        Ok(losses) => Ok(losses.iter().map(|lost| format!("{lost}\n")).collect()),
        Err(error) => Err(Refused {
            class: "StartError",
            message: error.to_string(),
            hint: error.hint(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cell_of_this_line_alone_restarts() {
        use Language::{Elixir, Python};
        let languages = |code| match wanted(code) {
            Some(Ok(languages)) => languages.to_vec(),
            _ => Vec::new(),
        };
        assert_eq!(languages("%restart python"), [Python]);
        assert_eq!(languages("%%python\n\n  %restart \telixir \n"), [Elixir]);
        assert_eq!(languages("%%elixir\n%restart all"), [Python, Elixir]);
        for code in [
            "%restart",
            "%restart ruby",
            "%restart python elixir",
            "%restart python\n1",
        ] {
            assert!(matches!(wanted(code), Some(Err(_))), "{code}");
        }
        for code in ["", "%%python", "1\n%restart python", "%restarted", "restart = 1"] {
            assert!(wanted(code).is_none(), "{code}");
        }
    }
}
