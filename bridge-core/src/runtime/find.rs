//! Where the interpreters are.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Support;
use crate::error::{Error, Result};
use crate::language::Language;

/// An interpreter, and why it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The program.
    pub path: PathBuf,
    /// What named it: an option, an environment variable, a directory.
    pub origin: String,
}

/// The Python interpreter to use in that directory: the one given, else that of `$VIRTUAL_ENV`, of `$CONDA_PREFIX`,
/// of the nearest `.venv` upward, else `python3`.
///
/// # Errors
/// [`Error::Missing`] says where it was looked for and how to get it. What is named explicitly is never passed over.
pub fn find_python(given: Option<&Path>, directory: &Path) -> Result<Interpreter> {
    Search::here(directory).python(given)
}

/// The `elixir` program to use in that directory: the one given, else `$SNAKEBRIDGE_ELIXIR`, the one on the path, the
/// one that `make` has set up in the source tree.
///
/// # Errors
/// As [`find_python`].
pub fn find_elixir(given: Option<&Path>, directory: &Path) -> Result<Interpreter> {
    Search::here(directory).elixir(given)
}

struct Search<'a> {
    directory: &'a Path,
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    source_tree: Option<PathBuf>,
}

impl<'a> Search<'a> {
    fn here(directory: &'a Path) -> Search<'a> {
        let variable = &|name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Search {
            directory,
            variable,
            source_tree: Support::source_tree(),
        }
    }

    fn python(&self, given: Option<&Path>) -> Result<Interpreter> {
        let names = ["python3", "python"];
        if let Some(given) = given {
            return self.named(Language::Python, given, "--python", &names);
        }
        for variable in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
            if let Some(prefix) = (self.variable)(variable) {
                return self.named(
                    Language::Python,
                    Path::new(&prefix),
                    &format!("${variable}"),
                    &names,
                );
            }
        }
        for above in self.directory.ancestors() {
            if let Some(path) = program_in(&above.join(".venv"), &names) {
                return Ok(Interpreter {
                    origin: above.join(".venv").display().to_string(),
                    path,
                });
            }
        }
        self.on_path("python3").ok_or_else(|| {
            missing(
                Language::Python,
                "no environment is active, there is no .venv here or above, and no python3 on $PATH",
            )
        })
    }

    fn elixir(&self, given: Option<&Path>) -> Result<Interpreter> {
        if let Some(given) = given {
            return self.named(Language::Elixir, given, "--elixir", &["elixir"]);
        }
        if let Some(named) = (self.variable)("SNAKEBRIDGE_ELIXIR") {
            return self.named(
                Language::Elixir,
                Path::new(&named),
                "$SNAKEBRIDGE_ELIXIR",
                &["elixir"],
            );
        }
        if let Some(found) = self.on_path("elixir") {
            return Ok(found);
        }
        let built = self.source_tree.as_ref().map(|tree| tree.join(".tools/elixir"));
        match built
            .as_deref()
            .and_then(|prefix| program_in(prefix, &["elixir"]))
        {
            Some(path) => Ok(Interpreter {
                path,
                origin: "the source tree".into(),
            }),
            None => Err(missing(Language::Elixir, "no elixir on $PATH")),
        }
    }

    /// A program, the directory of an environment, or the bare name of something on the path.
    fn named(&self, language: Language, named: &Path, origin: &str, names: &[&str]) -> Result<Interpreter> {
        let interpreter = |path| Interpreter {
            path,
            origin: origin.to_owned(),
        };
        if named.components().count() == 1
            && !named.is_dir()
            && let Some(found) = self.on_path(named)
        {
            return Ok(interpreter(found.path));
        }
        // Children may run in another directory than we do.
        let path = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
        if is_program(&path) {
            return Ok(interpreter(path));
        }
        let problem = if path.is_dir() {
            match program_in(&path, names) {
                Some(path) => return Ok(interpreter(path)),
                None => format!("has no bin/{}", names[0]),
            }
        } else if path.exists() {
            "cannot be executed".to_owned()
        } else {
            "does not exist".to_owned()
        };
        Err(Error::Missing {
            language,
            reason: format!("{origin} names {}, which {problem}", named.display()),
            hint: match origin.strip_prefix('$') {
                Some(variable) => format!("`unset {variable}`, or let it name one that is there"),
                None => {
                    format!("leave {origin} out to use the one that is found: `snakebridge doctor` shows it")
                }
            },
        })
    }

    fn on_path(&self, name: impl AsRef<OsStr>) -> Option<Interpreter> {
        let path = (self.variable)("PATH")?;
        let found = std::env::split_paths(&path)
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(name.as_ref()))
            .find(|path| is_program(path))?;
        Some(Interpreter {
            path: found,
            origin: "$PATH".into(),
        })
    }
}

/// The first of these programs below that prefix.
fn program_in(prefix: &Path, names: &[&str]) -> Option<PathBuf> {
    names
        .iter()
        .map(|name| prefix.join("bin").join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn missing(language: Language, reason: &str) -> Error {
    let package = match language {
        Language::Python => "python3",
        Language::Elixir => "elixir",
    };
    let hint = if cfg!(target_os = "macos") {
        format!("brew install {package}")
    } else if Path::new("/usr/bin/dnf").exists() {
        format!("sudo dnf install {package}")
    } else if Path::new("/usr/bin/pacman").exists() {
        format!("sudo pacman -S {}", package.trim_end_matches('3'))
    } else {
        format!("sudo apt install {package}")
    };
    Error::Missing {
        language,
        reason: reason.to_owned(),
        hint,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;

    use super::*;
    use crate::error::Hint;

    struct Machine {
        root: tempfile::TempDir,
        variables: HashMap<&'static str, OsString>,
    }

    impl Machine {
        fn new() -> Machine {
            Machine {
                root: tempfile::tempdir().unwrap(),
                variables: HashMap::new(),
            }
        }

        fn program(&self, path: &str) -> PathBuf {
            let path = self.root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        }

        fn set(&mut self, variable: &'static str, path: &str) {
            self.variables
                .insert(variable, self.root.path().join(path).into());
        }

        fn search<T>(&self, directory: &str, run: impl Fn(Search<'_>) -> Result<T>) -> Result<T> {
            let directory = self.root.path().join(directory);
            fs::create_dir_all(&directory).unwrap();
            let source_tree = Some(self.root.path().join("tree"));
            run(Search {
                directory: &directory,
                variable: &|name| self.variables.get(name).cloned(),
                source_tree,
            })
        }

        fn python(&self, directory: &str) -> Result<Interpreter> {
            self.search(directory, |search| search.python(None))
        }
    }

    #[test]
    fn the_nearest_environment_of_python_wins() {
        let mut machine = Machine::new();
        machine.set("PATH", "system");
        let (hint, _) = machine
            .python("work/deep")
            .map_or_else(|e| (e.hint(), e.to_string()), |_| panic!());
        assert!(hint.unwrap().contains("install python3"));

        let system = machine.program("system/python3");
        assert_eq!(machine.python("work/deep").unwrap().path, system);
        let above = machine.program("work/.venv/bin/python3");
        assert_eq!(machine.python("work/deep").unwrap().path, above);
        let near = machine.program("work/deep/.venv/bin/python");
        assert_eq!(machine.python("work/deep").unwrap().path, near);

        let conda = machine.program("conda/bin/python3");
        machine.set("CONDA_PREFIX", "conda");
        assert_eq!(machine.python("work/deep").unwrap().path, conda);
        let active = machine.program("active/bin/python3");
        machine.set("VIRTUAL_ENV", "active");
        let found = machine.python("work/deep").unwrap();
        assert_eq!((found.path, found.origin.as_str()), (active, "$VIRTUAL_ENV"));
    }

    #[test]
    fn what_was_named_is_never_passed_over() {
        let mut machine = Machine::new();
        machine.set("PATH", "system");
        machine.program("system/python3");
        machine.set("VIRTUAL_ENV", "gone");
        let error = machine.python("work").unwrap_err();
        assert!(error.to_string().contains("$VIRTUAL_ENV names"), "{error}");
        assert!(error.hint().unwrap().contains("unset VIRTUAL_ENV"));

        let plain = machine.root.path().join("notes.txt");
        fs::write(&plain, "text").unwrap();
        let error = machine
            .search("work", |search| search.python(Some(&plain)))
            .unwrap_err();
        assert!(error.to_string().contains("cannot be executed"), "{error}");
    }

    #[test]
    fn an_interpreter_can_be_named_by_path_environment_or_name() {
        let mut machine = Machine::new();
        machine.set("PATH", "system");
        let versioned = machine.program("system/python3.12");
        let inside = machine.program("env/bin/python3");
        let named = |given: &Path| {
            machine
                .search("work", |search| search.python(Some(given)))
                .unwrap()
                .path
        };
        assert_eq!(named(Path::new("python3.12")), versioned);
        assert_eq!(named(&machine.root.path().join("env")), inside);
        assert_eq!(named(&inside), inside);
    }

    #[test]
    fn elixir_of_the_source_tree_is_the_last_choice() {
        let mut machine = Machine::new();
        machine.set("PATH", "system");
        let elixir = |machine: &Machine| machine.search("work", |search| search.elixir(None));
        assert!(
            elixir(&machine)
                .unwrap_err()
                .to_string()
                .contains("no elixir on $PATH")
        );
        let built = machine.program("tree/.tools/elixir/bin/elixir");
        assert_eq!(elixir(&machine).unwrap().path, built);
        let system = machine.program("system/elixir");
        assert_eq!(elixir(&machine).unwrap().path, system);
        let named = machine.program("other/elixir");
        machine.set("SNAKEBRIDGE_ELIXIR", "other/elixir");
        assert_eq!(elixir(&machine).unwrap().path, named);
    }
}
