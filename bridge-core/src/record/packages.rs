//! The packages of a Python environment, read off the names of its metadata directories: no interpreter is asked.

use std::path::Path;

/// `name==version` of every package installed for that interpreter, sorted. What cannot be read is left out.
pub(super) fn packages(executable: &Path, version: &str) -> Vec<String> {
    let Some(prefix) = executable.parent().and_then(Path::parent) else {
        return Vec::new();
    };
    let mut minor = version.split('.');
    let python = match (minor.next(), minor.next()) {
        (Some(major), Some(minor)) => format!("lib/python{major}.{minor}"),
        _ => return Vec::new(),
    };
    // Debian's own packages lie in a directory that all versions share.
    let places = [
        prefix.join(&python).join("site-packages"),
        prefix.join(&python).join("dist-packages"),
        prefix.join("local").join(&python).join("dist-packages"),
        prefix.join("lib/python3/dist-packages"),
    ];
    let entries = places
        .iter()
        .filter_map(|place| place.read_dir().ok())
        .flatten()
        .flatten();
    let mut found: Vec<String> = entries
        .filter_map(|entry| package(entry.file_name().to_str()?))
        .collect();
    found.sort_by_key(|package| package.to_lowercase());
    found.dedup();
    found
}

fn package(directory: &str) -> Option<String> {
    let stem = directory
        .strip_suffix(".dist-info")
        .or_else(|| directory.strip_suffix(".egg-info"))?;
    let (name, version) = stem.split_once('-')?;
    // An egg's name goes on with the version of Python.
    let version = version.split("-py").next()?;
    Some(format!("{name}=={version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_from_the_names_of_their_directories() {
        let root = tempfile::tempdir().unwrap();
        let site = root.path().join("lib/python3.11/site-packages");
        for directory in [
            "numpy-2.1.0.dist-info",
            "numpy",
            "Pillow-11.0.dist-info",
            "old-1.2-py3.11.egg-info",
        ] {
            std::fs::create_dir_all(site.join(directory)).unwrap();
        }
        let executable = root.path().join("bin/python3");
        assert_eq!(
            packages(&executable, "3.11.7"),
            ["numpy==2.1.0", "old==1.2", "Pillow==11.0"]
        );
        assert_eq!(packages(&executable, "3.12.0"), [""; 0]);
        assert_eq!(packages(&executable, "?"), [""; 0]);
    }
}
