//! Which language owns which name, as the cells' answers tell it. Kept to say what is lost when a process dies.

use std::collections::BTreeMap;
use std::fmt;

use super::control::title;
use crate::language::Language;
use crate::wire::Summary;

/// What the end of a language's process has taken along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Whose process it was.
    pub language: Language,
    /// The names that it owned.
    pub names: Vec<String>,
    /// How many objects of Python Elixir's refs stood for; `None` where that is not known.
    pub refs: Option<u64>,
}

impl Loss {
    /// Of a process that was not up.
    pub(super) fn none(language: Language) -> Loss {
        Loss {
            language,
            names: Vec::new(),
            refs: None,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = lost_text(&self.names, self.refs);
        write!(f, "{} was restarted.{lost}", title(self.language))
    }
}

/// How many names a notice lists.
const LISTED: usize = 20;

/// The names of a session.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Language>);

impl Names {
    /// Takes in what a cell did: the last writer owns the name.
    pub(super) fn update(&mut self, language: Language, summary: &Summary) {
        for name in &summary.deletes {
            self.0.remove(name);
        }
        for name in &summary.writes {
            self.0.insert(name.clone(), language);
        }
    }

    /// Forgets what a language owned, and returns it.
    pub(super) fn lose(&mut self, language: Language) -> Vec<String> {
        let lost = self
            .0
            .iter()
            .filter(|(_, owner)| **owner == language)
            .map(|(name, _)| name.clone())
            .collect();
        self.0.retain(|_, owner| *owner != language);
        lost
    }
}

/// What was lost, for a notice.
pub(super) fn lost_text(names: &[String], refs: Option<u64>) -> String {
    let mut text = String::new();
    if !names.is_empty() {
        text.push_str(" Names lost: ");
        text.push_str(&names[..names.len().min(LISTED)].join(", "));
        if names.len() > LISTED {
            text.push_str(&format!(" and {} more", names.len() - LISTED));
        }
        text.push('.');
    }
    match refs {
        None | Some(0) => {}
        Some(1) => text.push_str(" 1 ref lost."),
        Some(count) => text.push_str(&format!(" {count} refs lost.")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Status;

    fn summary(writes: &[&str], deletes: &[&str]) -> Summary {
        let texts = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        Summary {
            status: Status::Ok,
            duration_us: 0,
            reads: vec![],
            writes: texts(writes),
            deletes: texts(deletes),
            calls: vec![],
            expressions: Vec::new(),
        }
    }

    #[test]
    fn a_name_is_lost_with_its_last_writer() {
        let mut names = Names::default();
        names.update(Language::Python, &summary(&["df", "x", "y"], &[]));
        names.update(Language::Elixir, &summary(&["x", "total"], &[]));
        names.update(Language::Elixir, &summary(&[], &["y"]));
        assert_eq!(names.lose(Language::Python), ["df"]);
        assert_eq!(names.lose(Language::Python), [""; 0]);
        assert_eq!(names.lose(Language::Elixir), ["total", "x"]);
    }

    #[test]
    fn a_notice_lists_a_bounded_number_of_names() {
        assert_eq!(lost_text(&[], None), "");
        assert_eq!(
            lost_text(&["a".into(), "b".into()], Some(2)),
            " Names lost: a, b. 2 refs lost."
        );
        let many: Vec<String> = (0..25).map(|number| format!("n{number}")).collect();
        let text = lost_text(&many, Some(1));
        assert!(
            text.contains("n19 and 5 more.") && text.ends_with(" 1 ref lost."),
            "{text}"
        );
    }
}
