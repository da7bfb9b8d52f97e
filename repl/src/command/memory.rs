//! `:mem` and `:refs`.

use std::collections::BTreeMap;
use std::io;

use bridge_core::language::Language;
use bridge_core::session::ChildState;
use serde::Deserialize;

use crate::console::{Console, Next};
use crate::processes::usage;
use crate::render::size;

/// How many of the largest names are shown.
const LARGEST: usize = 10;

/// What a language says of one of its names.
#[derive(Deserialize)]
struct Sized {
    name: String,
    bytes: usize,
    /// Whether it was too much to look at all of it.
    #[serde(default)]
    more: bool,
}

/// A name of Elixir that holds refs.
#[derive(Deserialize)]
struct Holder {
    name: String,
    /// Counts by type.
    types: BTreeMap<String, usize>,
}

/// `:mem`.
pub(super) fn mem(console: &mut Console, _: &str) -> io::Result<Next> {
    let usage = usage(console.session());
    let processes = [
        ("the prompt", usage.front_end),
        ("Python", usage.python),
        ("Elixir", usage.elixir),
    ];
    let mut rows: Vec<[String; 3]> = processes
        .into_iter()
        .filter_map(|(name, process)| {
            let process = process?;
            Some([
                name.to_owned(),
                size(process.memory as usize),
                format!("process {}", process.pid),
            ])
        })
        .collect();
    let mut names = Vec::new();
    for (language, source) in [
        (
            Language::Python,
            "__import__('snakebridge.prompt').prompt.sizes(globals())",
        ),
        (Language::Elixir, "SnakeBridge.Host.Prompt.sizes()"),
    ] {
        for sized in console.told::<Vec<Sized>>(language, source)?.unwrap_or_default() {
            names.push((language, sized));
        }
    }
    names.sort_by(|(_, one), (_, other)| other.bytes.cmp(&one.bytes).then(one.name.cmp(&other.name)));
    rows.extend(names.into_iter().take(LARGEST).map(|(language, sized)| {
        let more = if sized.more { "more than " } else { "" };
        [
            sized.name,
            format!("{more}{}", size(sized.bytes)),
            language.name().to_owned(),
        ]
    }));
    console.say(&super::columns(&rows))?;
    Ok(Next::Read)
}

/// `:refs`.
pub(super) fn refs(console: &mut Console, _: &str) -> io::Result<Next> {
    let Some(holders) = console.told::<Vec<Holder>>(Language::Elixir, "SnakeBridge.Host.Prompt.refs()")?
    else {
        return Ok(Next::Read);
    };
    let source = "__import__('snakebridge.prompt').prompt.refs()";
    let Some(types) = console.told::<BTreeMap<String, usize>>(Language::Python, source)? else {
        return Ok(Next::Read);
    };
    if types.is_empty() {
        console.say("no refs")?;
        return Ok(Next::Read);
    }
    let mut types: Vec<(String, usize)> = types.into_iter().collect();
    types.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
    let rows: Vec<[String; 3]> = types
        .into_iter()
        .map(|(kind, count)| {
            let names: Vec<&str> = holders
                .iter()
                .filter(|holder| holder.types.contains_key(&kind))
                .map(|holder| holder.name.as_str())
                .collect();
            let held = if names.is_empty() {
                String::new()
            } else {
                format!("held by {}", names.join(", "))
            };
            [kind, count.to_string(), held]
        })
        .collect();
    console.say(&super::columns(&rows))?;
    Ok(Next::Read)
}

impl Console {
    /// What a cell that is no cell of the user's prints in its last line, as JSON. A language that is not up has nothing
    /// to tell.
    fn told<T: serde::de::DeserializeOwned>(
        &mut self,
        language: Language,
        source: &str,
    ) -> io::Result<Option<T>> {
        let failed = matches!(
            self.session().children().borrow().of(language),
            ChildState::Failed { .. }
        );
        if failed {
            return Ok(None);
        }
        let Some(printed) = self.ask(language, source)? else {
            return Ok(None);
        };
        Ok(serde_json::from_str(printed.lines().last().unwrap_or_default()).ok())
    }
}
