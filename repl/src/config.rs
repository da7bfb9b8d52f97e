//! The user's configuration: one table of settings, from which the file is read and written, and which `:set` and the
//! guide show.
//!
//! A file is never refused as a whole: what is wrong in it is told with its line, and everything else holds. What the
//! command line says wins over it; that is not decided here.

use std::fmt::{self, Write};
use std::io;
use std::path::{Path, PathBuf};

use bridge_core::language::Language;
use etcetera::BaseStrategy;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

/// What can be configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The language of the first prompt.
    pub language: Language,
    /// The Python interpreter; `None` looks for one.
    pub python: Option<PathBuf>,
    /// Which keys edit.
    pub keys: Keys,
    /// Whether an opening bracket or quote brings its closing one.
    pub pairs: bool,
    /// Whether the rest of an earlier entry is shown behind the cursor.
    pub hints: bool,
    /// How many entries the history keeps.
    pub history_size: usize,
    /// The background that colours must be readable on.
    pub theme: Theme,
    /// Whether text that is longer than the screen is paged.
    pub pager: bool,
    /// Whether pictures are drawn in the terminal.
    pub images: bool,
    /// Cells that run when a language starts.
    pub startup: Startup,
    /// Types of Python whose attributes and items may be evaluated for completion, as `module.Class`.
    pub harmless: Vec<String>,
}

/// Cells that run at the start of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Startup {
    /// Elixir's; empty for none.
    pub elixir: String,
    /// Python's; empty for none.
    pub python: String,
}

/// The keys of the line editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// As in Emacs, IPython and most shells.
    Emacs,
    /// As in vi.
    Vi,
}

/// The terminal's background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// The terminal is asked.
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            language: Language::Elixir,
            python: None,
            keys: Keys::Emacs,
            pairs: true,
            hints: true,
            history_size: 20_000,
            theme: Theme::Auto,
            pager: true,
            images: true,
            startup: Startup::default(),
            harmless: Vec::new(),
        }
    }
}

/// One setting.
pub struct Setting {
    /// Its name, as in `:set`: a key, or a table and a key.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    /// What it may be.
    pub values: &'static str,
    get: fn(&Config) -> Value,
    /// `None` when the value is none of those.
    set: fn(&mut Config, &DeValue<'_>) -> Option<()>,
}

/// All settings, in the order of the file: those of a table stand together.
pub static SETTINGS: [Setting; 12] = [
    Setting {
        name: "language",
        about: "the language of the first prompt",
        values: r#""elixir" or "python""#,
        get: |config| config.language.name().into(),
        set: |config, value| {
            config.language = Language::from_name(value.as_str()?)?;
            Some(())
        },
    },
    Setting {
        name: "python",
        about: "the Python interpreter; empty looks for one: the active environment, a .venv, python3",
        values: "a path",
        get: |config| {
            let path = config.python.as_deref().unwrap_or(Path::new(""));
            path.to_string_lossy().as_ref().into()
        },
        set: |config, value| {
            config.python = Some(value.as_str()?).filter(|path| !path.is_empty()).map(home);
            Some(())
        },
    },
    Setting {
        name: "editor.keys",
        about: "the keys of the line editor",
        values: r#""emacs" or "vi""#,
        get: |config| match config.keys {
            Keys::Emacs => "emacs".into(),
            Keys::Vi => "vi".into(),
        },
        set: |config, value| {
            config.keys = match value.as_str()? {
                "emacs" => Keys::Emacs,
                "vi" => Keys::Vi,
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        name: "editor.pairs",
        about: "whether an opening bracket or quote brings its closing one",
        values: "true or false",
        get: |config| config.pairs.into(),
        set: |config, value| value.as_bool().map(|on| config.pairs = on),
    },
    Setting {
        name: "editor.hints",
        about: "whether the rest of an earlier entry is shown behind the cursor",
        values: "true or false",
        get: |config| config.hints.into(),
        set: |config, value| value.as_bool().map(|on| config.hints = on),
    },
    Setting {
        name: "history.size",
        about: "how many entries are kept",
        values: "a number from 1 to 1000000",
        get: |config| i64::try_from(config.history_size).unwrap_or(i64::MAX).into(),
        set: |config, value| {
            let size = value.as_integer()?.as_str().replace('_', "").parse().ok()?;
            config.history_size = Some(size).filter(|size| (1..=1_000_000).contains(size))?;
            Some(())
        },
    },
    Setting {
        name: "display.theme",
        about: "the terminal's background; auto asks the terminal",
        values: r#""auto", "light" or "dark""#,
        get: |config| match config.theme {
            Theme::Auto => "auto".into(),
            Theme::Light => "light".into(),
            Theme::Dark => "dark".into(),
        },
        set: |config, value| {
            config.theme = match value.as_str()? {
                "auto" => Theme::Auto,
                "light" => Theme::Light,
                "dark" => Theme::Dark,
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        name: "display.pager",
        about: "whether text that is longer than the screen is paged",
        values: "true or false",
        get: |config| config.pager.into(),
        set: |config, value| value.as_bool().map(|on| config.pager = on),
    },
    Setting {
        name: "display.images",
        about: "whether pictures are drawn in the terminal; else they are saved, and the path is shown",
        values: "true or false",
        get: |config| config.images.into(),
        set: |config, value| value.as_bool().map(|on| config.images = on),
    },
    Setting {
        name: "startup.elixir",
        about: "a cell of Elixir that runs when a session starts",
        values: "code",
        get: |config| config.startup.elixir.as_str().into(),
        set: |config, value| value.as_str().map(|code| config.startup.elixir = code.to_owned()),
    },
    Setting {
        name: "startup.python",
        about: "a cell of Python that runs when a session starts",
        values: "code",
        get: |config| config.startup.python.as_str().into(),
        set: |config, value| value.as_str().map(|code| config.startup.python = code.to_owned()),
    },
    Setting {
        name: "completion.harmless",
        about: "types of Python whose attributes and items may be evaluated for completion, beside those of builtins, \
                numpy, pandas and polars",
        values: r#"a list of names such as "torch.Tensor""#,
        get: |config| Value::Array(config.harmless.iter().map(|name| name.as_str().into()).collect()),
        set: |config, value| {
            let names: Option<Vec<String>> = value
                .as_array()?
                .iter()
                .map(|name| name.get_ref().as_str().map(str::to_owned))
                .collect();
            config.harmless = names?;
            Some(())
        },
    },
];

/// What is wrong in a file, or with a value for `:set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its line, from 1, where it is in a file.
    pub line: Option<usize>,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Where the file is: `$XDG_CONFIG_HOME/snakebridge/config.toml`. `None` when there is no home directory.
pub fn path() -> Option<PathBuf> {
    let directories = etcetera::base_strategy::Xdg::new().ok()?;
    Some(directories.config_dir().join("snakebridge").join("config.toml"))
}

impl Config {
    /// The configuration in a file, and what is wrong in it. One that is not there is empty.
    pub fn read(file: &Path) -> (Config, Vec<Problem>) {
        match fs_err::read_to_string(file) {
            Ok(text) => Config::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Config::default(), Vec::new()),
            Err(error) => {
                let problem = Problem {
                    line: None,
                    what: error.to_string(),
                    hint: "the defaults are used".into(),
                };
                (Config::default(), vec![problem])
            }
        }
    }

    /// The configuration that a text of TOML gives, and what is wrong in it.
    pub fn parse(text: &str) -> (Config, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut text = text.to_owned();
        // What cannot be read costs its line.
        while let Err(error) = DeTable::parse(&text) {
            let at = error.span().map_or(0, |span| span.start);
            problems.push(Problem {
                line: Some(line_of(&text, at)),
                what: error.message().to_owned(),
                hint: "the file is TOML: `key = value`, texts in quotes".into(),
            });
            if !blank_line(&mut text, at) {
                return (Config::default(), problems);
            }
        }
        let table = DeTable::parse(&text).map(Spanned::into_inner).unwrap_or_default();
        let mut config = Config::default();
        for (key, value) in &table {
            let inner = value.get_ref().as_table().filter(|_| is_table(key.get_ref()));
            let entries: Vec<_> = match inner {
                None => vec![(key.get_ref().to_string(), key.span().start, value.get_ref())],
                Some(inner) => inner
                    .iter()
                    .map(|(name, value)| {
                        let name = format!("{}.{}", key.get_ref(), name.get_ref());
                        (name, value.span().start, value.get_ref())
                    })
                    .collect(),
            };
            for (name, at, value) in entries {
                if let Err(problem) = config.take(&name, value) {
                    problems.push(Problem {
                        line: Some(line_of(&text, at)),
                        ..problem
                    });
                }
            }
        }
        problems.sort_by_key(|problem| problem.line);
        (config, problems)
    }

    /// Changes one setting; the value is TOML, and a text may stand without its quotes.
    ///
    /// # Errors
    /// Says what is wrong, and what would be right.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let taken = match DeValue::parse(value) {
            Ok(parsed) => self.take(name, parsed.get_ref()),
            Err(_) => Err(no_value(name)),
        };
        taken.or_else(|problem| {
            let text = DeValue::String(value.into());
            self.take(name, &text).map_err(|_| problem)
        })
    }

    fn take(&mut self, name: &str, value: &DeValue<'_>) -> Result<(), Problem> {
        let setting = find(name).ok_or_else(|| no_setting(name))?;
        (setting.set)(self, value).ok_or_else(|| no_value(name))
    }

    /// A setting's value, as TOML; `None` when there is no such setting.
    pub fn get(&self, name: &str) -> Option<String> {
        find(name).map(|setting| (setting.get)(self).to_string())
    }

    /// The file with every setting, its meaning and its default, each commented out.
    pub fn template() -> String {
        let mut text =
            String::from("# The configuration of SnakeBridge. What is commented out is the default.\n");
        let mut table = "";
        let defaults = Config::default();
        for setting in &SETTINGS {
            let (of, key) = setting.name.split_once('.').unwrap_or(("", setting.name));
            if of != table {
                table = of;
                let _ = write!(text, "\n[{table}]\n");
            }
            let value = (setting.get)(&defaults);
            let _ = write!(
                text,
                "\n# {}.\n# Values: {}\n#{key} = {value}\n",
                capital(setting.about),
                setting.values
            );
        }
        text
    }
}

/// Every setting and its value, those marked that differ from the defaults.
pub fn table(config: &Config) -> String {
    let defaults = Config::default();
    let width = SETTINGS
        .iter()
        .map(|setting| setting.name.len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for setting in &SETTINGS {
        let value = config.get(setting.name).unwrap_or_default();
        let own = if Some(&value) == defaults.get(setting.name).as_ref() {
            " "
        } else {
            "*"
        };
        let _ = writeln!(text, "{own} {:width$}  {value}", setting.name);
    }
    text
}

/// The line, from 1, in which that byte of a text is.
fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}

/// Writes blanks over the line in which that byte is; `false` when there are only blanks.
fn blank_line(text: &mut String, at: usize) -> bool {
    let at = text.floor_char_boundary(at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    let blanks = " ".repeat(end - start);
    let changed = text[start..end] != blanks;
    text.replace_range(start..end, &blanks);
    changed
}

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

fn is_table(name: &str) -> bool {
    SETTINGS.iter().any(|setting| {
        setting
            .name
            .split_once('.')
            .is_some_and(|(table, _)| table == name)
    })
}

fn no_setting(name: &str) -> Problem {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let similar = SETTINGS.iter().find(|setting| last(setting.name) == last(name));
    Problem {
        line: None,
        what: format!("there is no setting {name:?}"),
        hint: match similar {
            Some(setting) => format!("it is called {}", setting.name),
            None => {
                let names: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
                format!("there are {}", names.join(", "))
            }
        },
    }
}

fn no_value(name: &str) -> Problem {
    match find(name) {
        None => no_setting(name),
        Some(setting) => Problem {
            line: None,
            what: format!("{name} cannot be that"),
            hint: format!("it may be {}", setting.values),
        },
    }
}

/// A path in which `~/` stands for the home directory.
/// A path of the user's, with `~` for the home directory.
pub(crate) fn home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), etcetera::home_dir()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => path.into(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let (_, problems) = Config::parse(text);
        problems
            .iter()
            .map(|problem| format!("{problem} ({})", problem.hint))
            .collect()
    }

    #[test]
    fn the_template_says_every_default() {
        let template = Config::template();
        assert_eq!(Config::parse(&template), (Config::default(), Vec::new()));
        // Without the marks: what looks like a setting is one.
        let open: String = template
            .lines()
            .map(|line| {
                line.strip_prefix('#')
                    .filter(|rest| !rest.starts_with(' '))
                    .unwrap_or(line)
            })
            .fold(String::new(), |text, line| text + line + "\n");
        assert_eq!(Config::parse(&open), (Config::default(), Vec::new()), "{open}");
        for setting in &SETTINGS {
            let key = setting.name.rsplit('.').next().unwrap();
            assert!(open.contains(&format!("\n{key} = ")), "{key} in {open}");
        }
    }

    #[test]
    fn every_setting_can_be_changed() {
        let text = "language = 'python'\npython = '/opt/python'\n[editor]\nkeys = 'vi'\npairs = false\nhints = false\n\
                    [history]\nsize = 1_000\n[display]\ntheme = 'dark'\npager = false\nimages = false\n\
                    [startup]\nelixir = 'import Enum'\npython = '''\nimport os\n'''\n\
                    [completion]\nharmless = ['torch.Tensor']\n";
        let (config, problems) = Config::parse(text);
        assert_eq!(problems, []);
        let default = Config::default();
        for setting in &SETTINGS {
            assert_ne!(
                config.get(setting.name),
                default.get(setting.name),
                "{}",
                setting.name
            );
        }
        assert_eq!(config.startup.python, "import os\n");
        assert_eq!(config.history_size, 1000);
    }

    #[test]
    fn what_is_wrong_has_its_line_and_the_rest_holds() {
        let text =
            "language = 'python'\n[editor]\nkeys = 'nano'\npairs = false\ncolour = 1\n[nothing]\nx = 1\n";
        assert_eq!(
            problems(text),
            [
                r#"line 3: editor.keys cannot be that (it may be "emacs" or "vi")"#,
                "line 5: there is no setting \"editor.colour\" (there are language, python, editor.keys, editor.pairs, \
                 editor.hints, history.size, display.theme, display.pager, display.images, startup.elixir, \
                 startup.python, completion.harmless)",
                "line 6: there is no setting \"nothing\" (there are language, python, editor.keys, editor.pairs, \
                 editor.hints, history.size, display.theme, display.pager, display.images, startup.elixir, \
                 startup.python, completion.harmless)",
            ]
        );
        let (config, _) = Config::parse(text);
        assert_eq!((config.language, config.pairs), (Language::Python, false));
        assert_eq!(
            problems("theme = 'dark'"),
            ["line 1: there is no setting \"theme\" (it is called display.theme)"]
        );
        assert_eq!(problems("editor = 1").len(), 1);
        assert_eq!(
            problems("language = 1"),
            [r#"line 1: language cannot be that (it may be "elixir" or "python")"#]
        );
    }

    #[test]
    fn a_text_that_is_no_toml_costs_its_line() {
        let (config, problems) =
            Config::parse("language = 'python'\nthis is no toml\n[display]\npager = false\n");
        assert_eq!((config.language, config.pager), (Language::Python, false));
        assert_eq!(problems[0].line, Some(2), "{problems:?}");
        for text in [
            "\u{0}",
            "=",
            "[[editor]]\n",
            "[editor",
            "x = \"",
            "a.b.c.d = 1",
            "\u{feff}language = 'python'",
        ] {
            let _ = Config::parse(text);
        }
    }

    #[test]
    fn values_are_set_by_name() {
        let mut config = Config::default();
        config.set("editor.keys", "vi").unwrap();
        config.set("display.theme", "\"light\"").unwrap();
        config.set("history.size", "5").unwrap();
        config.set("startup.elixir", "import Enum").unwrap();
        config.set("completion.harmless", "['a.B']").unwrap();
        assert_eq!(
            (config.keys, config.theme, config.history_size),
            (Keys::Vi, Theme::Light, 5)
        );
        assert_eq!(config.startup.elixir, "import Enum");
        assert_eq!(config.get("completion.harmless").unwrap(), r#"["a.B"]"#);
        assert!(config.set("history.size", "0").is_err());
        assert!(config.set("history.size", "many").is_err());
        assert_eq!(
            config.set("keys", "vi").unwrap_err().hint,
            "it is called editor.keys"
        );
    }

    #[test]
    fn the_guide_lists_the_settings() {
        let guide = include_str!("../../docs/repl.md");
        let rows: String = SETTINGS
            .iter()
            .map(|setting| format!("| `{}` | {}: {} |\n", setting.name, setting.about, setting.values))
            .collect();
        assert!(guide.contains(&rows), "docs/repl.md should have:\n{rows}");
    }
}
