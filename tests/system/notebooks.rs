//! Each notebook becomes a project whose own tests find what the notebook found.

use std::path::Path;
use std::process::Command;

use crate::harness::{Snakebridge, root};

/// Those that run with the packages of the tests; `make test-libraries` names others.
const NOTEBOOKS: &str = "charts epidemic fetch photo sales words";

#[test]
fn notebooks_become_projects_that_pass_their_tests() {
    let names = std::env::var("SNAKEBRIDGE_NOTEBOOKS").unwrap_or_else(|_| NOTEBOOKS.to_owned());
    let dir = tempfile::tempdir().expect("a directory");
    for name in names.split_whitespace() {
        let notebook = root().join(format!("notebooks/{name}.ipynb"));
        let bridge = root().join("elixir");
        let [notebook, bridge] = [notebook, bridge].map(|path| path.to_str().expect("UTF-8").to_owned());
        let args = ["--bridge", "path", "--bridge-path", &bridge, "-o", name];
        Snakebridge::new(["export", &notebook, "--to", "mix"])
            .args(&args)
            .in_directory(dir.path())
            .run()
            .ok();
        passes(&dir.path().join(name), &dir.path().join("build"));
    }
}

/// All projects have one build, so that the library is compiled once.
fn passes(project: &Path, build: &Path) {
    let output = Command::new("mix")
        .args(["test", "--warnings-as-errors"])
        .env("MIX_BUILD_PATH", build)
        .current_dir(project)
        .output()
        .expect("mix runs");
    let printed = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}\n{}",
        project.display(),
        String::from_utf8_lossy(&printed)
    );
}
