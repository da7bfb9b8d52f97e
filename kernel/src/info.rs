//! What the kernel says that it is: the answer to a `kernel_info_request`.
//!
//! Clients ask before anything else and wait for it, so it is answered while the languages are still starting. Their
//! versions are those that the languages have told; until they are up, those that their installations tell.

use bridge_core::language::Language;
use bridge_core::runtime::{Interpreter, find_elixir, find_python};
use bridge_core::session::{ChildState, Config};
use serde_json::{Value, json};

use crate::kernel::Kernel;
use crate::message::PROTOCOL_VERSION;

/// The versions of the interpreters that a session is about to start.
#[derive(Debug, Default)]
pub(crate) struct Found {
    python: Option<String>,
    elixir: Option<String>,
}

impl Found {
    /// Looks at the installations, and starts nothing.
    pub(crate) fn of(config: &Config) -> Found {
        let version = |found: bridge_core::error::Result<Interpreter>, language| {
            found
                .ok()
                .and_then(|interpreter| interpreter.version_on_disk(language))
        };
        Found {
            python: version(
                find_python(config.python.as_deref(), &config.directory),
                Language::Python,
            ),
            elixir: version(
                find_elixir(config.elixir.as_deref(), &config.directory),
                Language::Elixir,
            ),
        }
    }
}

/// The content of the answer.
pub(crate) fn answer(kernel: &Kernel) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let (python, elixir) = (known(kernel, Language::Python), known(kernel, Language::Elixir));
    let (python, elixir) = (python.as_deref(), elixir.as_deref());
    // Highlighting, and what a notebook becomes as a script, follow the language of cells that say nothing else.
    let language_info = match kernel.language {
        Language::Python => json!({
            "name": "python", "version": python.unwrap_or("3"), "mimetype": "text/x-python",
            "file_extension": ".py", "pygments_lexer": "ipython3",
            "codemirror_mode": {"name": "ipython", "version": 3}, "nbconvert_exporter": "python",
        }),
        Language::Elixir => json!({
            "name": "elixir", "version": elixir.unwrap_or("1"), "mimetype": "text/x-elixir",
            "file_extension": ".exs", "pygments_lexer": "elixir",
            "codemirror_mode": "elixir", "nbconvert_exporter": "script",
        }),
    };
    let named = |name: &str, version: Option<&str>| match version {
        Some(version) => format!("{name} {version}"),
        None => name.to_owned(),
    };
    let banner = format!(
        "SnakeBridge {version}: {} and {} in one session\n\
         A cell whose first line is %%elixir or %%python is of that language; all others are {}.",
        named("Elixir", elixir),
        named("Python", python),
        match kernel.language {
            Language::Elixir => "Elixir",
            Language::Python => "Python",
        }
    );
    json!({
        "status": "ok",
        "protocol_version": PROTOCOL_VERSION,
        "implementation": "snakebridge",
        "implementation_version": version,
        "language_info": language_info,
        "banner": banner,
        "help_links": help_links(python),
        // Whether Python has debugpy is seen when it is asked for: it can be installed while the kernel runs.
        "debugger": true,
        "supported_features": ["debugger", "kernel subshells"],
    })
}

/// What a client's help menu offers.
fn help_links(python: Option<&str>) -> Value {
    // Python's documentation is kept by minor version.
    let minor = python.map(|version| version.splitn(3, '.').take(2).collect::<Vec<_>>().join("."));
    let python = format!("https://docs.python.org/{}/", minor.as_deref().unwrap_or("3"));
    json!([
        {"text": "Elixir", "url": "https://hexdocs.pm/elixir/"},
        {"text": "Python", "url": python},
        {"text": "IPython", "url": "https://ipython.readthedocs.io/en/stable/"},
    ])
}

/// The version of a language: of the one that is up, else of the one that was found.
fn known(kernel: &Kernel, language: Language) -> Option<String> {
    let children = kernel.session.children();
    let children = children.borrow();
    match (children.of(language), language) {
        (ChildState::Up { versions, .. }, _) if versions.contains_key(language.name()) => {
            versions.get(language.name()).cloned()
        }
        (_, Language::Python) => kernel.found.python.clone(),
        (_, Language::Elixir) => kernel.found.elixir.clone(),
    }
}
