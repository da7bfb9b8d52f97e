//! Kernelspecs: how Jupyter learns of the kernel. A folder with `kernel.json` and logos in one of Jupyter's places.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bridge_core::language::Language;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::labextension;

/// The key of our own metadata, by which our specs are told from others'.
const OURS: &str = "snakebridge";

/// What the kernelspec says its language is. Not `elixir` or `python`: an editor that knows the language of a
/// kernelspec gives every cell of a notebook that language, and ours have two. What a cell is highlighted as comes
/// from the kernel's `language_info` and the cell's own metadata.
const SPEC_LANGUAGE: &str = "snakebridge";

const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-32x32.png", include_bytes!("../logo/logo-32x32.png")),
    ("logo-64x64.png", include_bytes!("../logo/logo-64x64.png")),
    ("logo-svg.svg", include_bytes!("../logo/logo-svg.svg")),
];

/// Where a kernelspec goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The user's own Jupyter folder.
    User,
    /// `share/jupyter` below a prefix: an environment, `/usr/local`.
    Prefix(PathBuf),
}

/// What to install.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The folder's name, by which clients choose the kernel.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// The language of cells that say nothing else.
    pub language: Language,
    /// The program, as an absolute path.
    pub program: PathBuf,
    /// The Python interpreter; `None` leaves the choice to each start.
    pub python: Option<PathBuf>,
    /// The `elixir` program; `None` leaves the choice to each start.
    pub elixir: Option<PathBuf>,
    /// Further environment variables.
    pub env: BTreeMap<String, String>,
}

/// A kernelspec that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// The language of cells that say nothing else.
    pub language: String,
    /// The program that it starts.
    pub program: PathBuf,
    /// The Python interpreter, if it names one.
    pub python: Option<PathBuf>,
    /// The `elixir` program, if it names one.
    pub elixir: Option<PathBuf>,
    /// Its folder.
    pub folder: PathBuf,
}

impl Installed {
    /// What it needs and is not there any more.
    pub fn missing(&self) -> Option<&Path> {
        let named = [Some(&self.program), self.python.as_ref(), self.elixir.as_ref()];
        let mut paths = named.into_iter().flatten().map(PathBuf::as_path);
        paths.find(|path| !path.exists())
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    argv: Vec<String>,
    display_name: String,
    language: String,
    interrupt_mode: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl Spec {
    /// Writes the kernelspec; one of ours under that name is replaced. Returns its folder.
    ///
    /// # Errors
    /// When the name is none, the place cannot be written to, or another kernel has the name.
    pub fn install(&self, place: &Place) -> Result<PathBuf> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(fits) {
            return Err(Error::KernelName {
                name: self.name.clone(),
            });
        }
        // Jupyter's own commands know names in small letters only.
        let folder = place.kernels().join(self.name.to_ascii_lowercase());
        if folder.join("kernel.json").exists() && read(&folder).is_none() {
            return Err(Error::NotOurs { path: folder });
        }
        fs_err::create_dir_all(&folder)?;
        for (name, bytes) in LOGOS {
            fs_err::write(folder.join(name), bytes)?;
        }
        // Last, and whole: Jupyter takes a folder with this file for a kernel.
        let new = folder.join(".kernel.json.new");
        let mut text = serde_json::to_string_pretty(&self.file()).map_err(std::io::Error::from)?;
        text.push('\n');
        fs_err::write(&new, text)?;
        fs_err::rename(&new, folder.join("kernel.json"))?;
        Ok(folder)
    }

    fn file(&self) -> File {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut argv: Vec<String> = vec![text(&self.program), "kernel".into(), "run".into()];
        argv.extend(["--language".into(), self.language.name().into()]);
        for (option, path) in [("--python", &self.python), ("--elixir", &self.elixir)] {
            if let Some(path) = path {
                argv.extend([option.into(), text(path)]);
            }
        }
        argv.extend(["-f".into(), "{connection_file}".into()]);
        let own = json!({"language": self.language, "version": env!("CARGO_PKG_VERSION")});
        File {
            argv,
            display_name: self.display_name.clone(),
            language: SPEC_LANGUAGE.to_owned(),
            interrupt_mode: "message".to_owned(),
            env: self.env.clone(),
            // JupyterLab offers its debugger where the kernelspec says that there is one, and asks no kernel.
            metadata: Map::from_iter([("debugger".to_owned(), true.into()), (OURS.to_owned(), own)]),
        }
    }
}

impl Place {
    /// Writes the JupyterLab extension there, in the place of an earlier version. Returns its folder; `None` where this
    /// program was built without.
    ///
    /// # Errors
    /// When the place cannot be written to, or has an extension of others by that name.
    pub fn install_labextension(&self) -> Result<Option<PathBuf>> {
        labextension::install(&self.data())
    }

    fn kernels(&self) -> PathBuf {
        self.data().join("kernels")
    }

    fn data(&self) -> PathBuf {
        match self {
            Place::User => user_data(),
            Place::Prefix(prefix) => prefix.join("share/jupyter"),
        }
    }
}

/// Our kernels, where Jupyter would look for them; `prefix` is that of the Python environment in use.
pub fn list(prefix: Option<&Path>) -> Vec<Installed> {
    let mut found: Vec<Installed> = places(prefix)
        .iter()
        .flat_map(|kernels| kernels_in(kernels))
        .collect();
    found.sort_by(|a, b| a.folder.cmp(&b.folder));
    found.dedup();
    found
}

/// Removes one of our kernels, wherever it is, and the JupyterLab extension from where the last of them was. Returns the
/// folders that were removed.
///
/// # Errors
/// When there is none of that name, or it cannot be removed.
pub fn uninstall(name: &str, prefix: Option<&Path>) -> Result<Vec<PathBuf>> {
    let mut folders: Vec<PathBuf> = list(prefix)
        .into_iter()
        .filter(|installed| installed.name.eq_ignore_ascii_case(name))
        .map(|installed| installed.folder)
        .collect();
    if folders.is_empty() {
        return Err(Error::NoKernel {
            name: name.to_owned(),
            places: places(prefix)
                .iter()
                .map(|place| place.display().to_string())
                .collect(),
        });
    }
    for folder in &folders {
        fs_err::remove_dir_all(folder)?;
    }
    for kernels in folders.clone().iter().filter_map(|folder| folder.parent()) {
        if let (true, Some(data)) = (kernels_in(kernels).is_empty(), kernels.parent()) {
            folders.extend(labextension::uninstall(data)?);
        }
    }
    Ok(folders)
}

/// Our kernels in a folder of kernels.
fn kernels_in(kernels: &Path) -> Vec<Installed> {
    let entries = std::fs::read_dir(kernels).into_iter().flatten().flatten();
    entries.filter_map(|entry| read(&entry.path())).collect()
}

/// The kernelspec in a folder, if it is ours.
fn read(folder: &Path) -> Option<Installed> {
    let text = std::fs::read_to_string(folder.join("kernel.json")).ok()?;
    let file: File = serde_json::from_str(&text).ok()?;
    let own = file.metadata.get(OURS)?;
    let option = |name: &str| {
        let at = file.argv.iter().position(|argument| argument == name)?;
        file.argv.get(at + 1).map(PathBuf::from)
    };
    Some(Installed {
        name: folder.file_name()?.to_string_lossy().into_owned(),
        display_name: file.display_name,
        language: own.get("language")?.as_str()?.to_owned(),
        program: file.argv.first()?.into(),
        python: option("--python"),
        elixir: option("--elixir"),
        folder: folder.to_owned(),
    })
}

/// The folders of kernels, in the order in which Jupyter looks.
fn places(prefix: Option<&Path>) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = std::env::var_os("JUPYTER_PATH")
        .map(|paths| std::env::split_paths(&paths).collect())
        .unwrap_or_default();
    places.push(user_data());
    places.extend(prefix.map(|prefix| prefix.join("share/jupyter")));
    places.extend(["/usr/local/share/jupyter".into(), "/usr/share/jupyter".into()]);
    places.into_iter().map(|place| place.join("kernels")).collect()
}

/// The user's own Jupyter folder, as Jupyter finds it.
fn user_data() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || PathBuf::from(set("HOME").unwrap_or_else(|| "/".into()));
    if let Some(own) = set("JUPYTER_DATA_DIR") {
        own.into()
    } else if cfg!(target_os = "macos") {
        home().join("Library/Jupyter")
    } else {
        set("XDG_DATA_HOME")
            .map_or_else(|| home().join(".local/share"), PathBuf::from)
            .join("jupyter")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No name of a kernel that somebody may really have: kernels are removed wherever they are.
    const NAME: &str = "snakebridge-of-a-test";

    fn spec() -> Spec {
        Spec {
            name: NAME.into(),
            display_name: "Elixir + Python".into(),
            language: Language::Elixir,
            program: "/opt/bin/snakebridge".into(),
            python: Some("/opt/venv/bin/python".into()),
            elixir: None,
            env: BTreeMap::from([("A".into(), "1".into())]),
        }
    }

    #[test]
    fn a_kernelspec_is_installed_listed_and_removed() {
        let prefix = tempfile::tempdir().unwrap();
        let folder = spec().install(&Place::Prefix(prefix.path().into())).unwrap();
        let json: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join("kernel.json")).unwrap()).unwrap();
        assert_eq!(json["interrupt_mode"], "message");
        assert_eq!(json["metadata"]["debugger"], true);
        assert_eq!(json["env"]["A"], "1");
        let argv: Vec<&str> = json["argv"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(
            argv,
            [
                "/opt/bin/snakebridge",
                "kernel",
                "run",
                "--language",
                "elixir",
                "--python",
                "/opt/venv/bin/python",
                "-f",
                "{connection_file}"
            ]
        );
        assert!(folder.join("logo-64x64.png").exists());
        let named = |name: &str| {
            list(Some(prefix.path()))
                .into_iter()
                .any(|k| k.name == name && k.folder == folder)
        };
        assert!(named(NAME));
        // A second time is no error.
        spec().install(&Place::Prefix(prefix.path().into())).unwrap();
        let removed = uninstall(NAME, Some(prefix.path())).unwrap();
        assert!(removed.contains(&folder) && !folder.exists());
    }

    #[test]
    fn the_extension_goes_with_the_last_kernel() {
        let prefix = tempfile::tempdir().unwrap();
        let place = Place::Prefix(prefix.path().into());
        let other = Spec {
            name: "snakebridge-of-another".into(),
            ..spec()
        };
        spec().install(&place).unwrap();
        other.install(&place).unwrap();
        // Twice: an earlier version is replaced.
        place.install_labextension().unwrap();
        let Some(folder) = place.install_labextension().unwrap() else {
            assert!(!labextension::is_built_in());
            return;
        };
        assert_eq!(
            folder,
            prefix.path().join("share/jupyter/labextensions/snakebridge")
        );
        let package: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join("package.json")).unwrap()).unwrap();
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
        let load = package["jupyterlab"]["_build"]["load"].as_str().unwrap();
        assert!(folder.join(load).exists());
        let beside = std::fs::read_dir(folder.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "something was left behind");

        uninstall(NAME, Some(prefix.path())).unwrap();
        assert!(folder.exists());
        let removed = uninstall("snakebridge-of-another", Some(prefix.path())).unwrap();
        assert!(removed.contains(&folder) && !folder.exists());
    }

    #[test]
    fn an_extension_of_others_is_left_alone() {
        let prefix = tempfile::tempdir().unwrap();
        let place = Place::Prefix(prefix.path().into());
        let folder = prefix.path().join("share/jupyter/labextensions/snakebridge");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("package.json"), r#"{"name": "other"}"#).unwrap();
        if labextension::is_built_in() {
            assert!(matches!(place.install_labextension(), Err(Error::NotOurs { .. })));
        }
        spec().install(&place).unwrap();
        uninstall(NAME, Some(prefix.path())).unwrap();
        assert!(folder.exists());
    }

    #[test]
    fn kernels_of_others_are_left_alone() {
        let prefix = tempfile::tempdir().unwrap();
        let place = Place::Prefix(prefix.path().into());
        let folder = place.kernels().join(NAME);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join("kernel.json"),
            r#"{"argv": [], "display_name": "x", "language": "y"}"#,
        )
        .unwrap();
        assert!(matches!(spec().install(&place), Err(Error::NotOurs { .. })));
        let odd = Spec {
            name: "a/../b".into(),
            ..spec()
        };
        assert!(matches!(odd.install(&place), Err(Error::KernelName { .. })));
    }
}
