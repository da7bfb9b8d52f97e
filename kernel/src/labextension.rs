//! The JupyterLab extension: files that the binary carries, and that stand beside the kernelspecs where JupyterLab
//! looks for extensions. What the extension does is in `labextension/`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, Result};

/// The extension's name, and its folder's.
const NAME: &str = "snakebridge";

/// Its files by their paths; none where this program was built without.
static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/labextension.rs"));

/// Whether this program carries the extension.
pub fn is_built_in() -> bool {
    !FILES.is_empty()
}

/// Writes the extension into Jupyter's folder `data`, in the place of an earlier version. `None` where this program
/// does not carry it.
///
/// # Errors
/// When the place cannot be written to, or has an extension of others by that name.
pub(crate) fn install(data: &Path) -> Result<Option<PathBuf>> {
    if !is_built_in() {
        return Ok(None);
    }
    let extensions = data.join("labextensions");
    let folder = extensions.join(NAME);
    let there = folder.symlink_metadata().is_ok();
    if there && !is_ours(&folder) {
        return Err(Error::NotOurs { path: folder });
    }
    // JupyterLab does not see what begins with a dot, and so never half of an extension.
    let new = extensions.join(format!(".{NAME}.new"));
    let old = extensions.join(format!(".{NAME}.old"));
    remove(&new)?;
    remove(&old)?;
    for (name, bytes) in FILES {
        let path = new.join(name);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::write(path, bytes)?;
    }
    if there {
        fs_err::rename(&folder, &old)?;
    }
    fs_err::rename(&new, &folder)?;
    remove(&old)?;
    Ok(Some(folder))
}

/// Removes the extension from Jupyter's folder `data`, and tells where it was.
pub(crate) fn uninstall(data: &Path) -> Result<Option<PathBuf>> {
    let folder = data.join("labextensions").join(NAME);
    if !is_ours(&folder) {
        return Ok(None);
    }
    remove(&folder)?;
    Ok(Some(folder))
}

fn is_ours(folder: &Path) -> bool {
    let text = std::fs::read_to_string(folder.join("package.json")).unwrap_or_default();
    serde_json::from_str::<Value>(&text).is_ok_and(|package| package["name"] == NAME)
}

/// Removes a folder, or a link to one (as developers of extensions have them), if it is there.
fn remove(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Ok(about) if about.is_dir() => Ok(fs_err::remove_dir_all(path)?),
        Ok(_) => Ok(fs_err::remove_file(path)?),
        Err(_) => Ok(()),
    }
}
