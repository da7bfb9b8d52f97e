//! One build, every Python that is here.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::Snakebridge;

/// Interpreters of other versions: on the PATH as `python3.N`, or pyenv's.
fn interpreters() -> Vec<PathBuf> {
    let versions = ["3.10", "3.11", "3.12", "3.13", "3.14"];
    let pyenv = std::env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    let installed: Vec<PathBuf> = pyenv
        .and_then(|root| std::fs::read_dir(root.join("versions")).ok())
        .map(|entries| entries.filter_map(Result::ok).map(|e| e.path()).collect())
        .unwrap_or_default();
    let works = |python: &PathBuf| {
        Command::new(python)
            .args(["-c", ""])
            .output()
            .is_ok_and(|o| o.status.success())
    };
    versions
        .iter()
        .filter_map(|version| {
            let own = installed.iter().find(|p| {
                p.file_name()
                    .is_some_and(|n| n.to_string_lossy().starts_with(&format!("{version}.")))
            });
            own.map(|p| p.join("bin/python3"))
                .into_iter()
                .chain([PathBuf::from(format!("python{version}"))])
                .find(works)
        })
        .collect()
}

#[test]
fn cells_run_on_every_python_that_is_here() {
    let pythons = interpreters();
    assert!(!pythons.is_empty(), "no python3.10 to python3.14 was found");
    let script = r##"
%%python
import sys, decimal, datetime
d = datetime.date(2024, 2, 29); n = 10 ** 40; s = {1, 2}; b = bytearray(b"\xff\x00"); m = memoryview(b"abc")
def twice(f, x): return f(f(x))
%%elixir
{d, n, MapSet.size(s), b, m, twice.(fn x -> x * 3 end, 5)}
%%python
await __import__("asyncio").sleep(0)
print("%d.%d" % sys.version_info[:2], ex.Enum.sum([1, 2, 3]))
%%python
1/0
"##;
    for python in pythons {
        let path = python.to_str().expect("a path in UTF-8");
        let run = Snakebridge::script(script, ["--python", path]).run().code(1);
        assert_eq!(
            run.result(2).replace("\n ", " "),
            "{~D[2024-02-29], 10000000000000000000000000000000000000000, 2, <<255, 0>>, \"abc\", 45}",
            "{path}"
        );
        let printed = run.printed(3, "stdout");
        assert!(
            printed.ends_with(" 6\n") && printed.starts_with("3.1"),
            "{path}: {printed}"
        );
        assert_eq!(run.error(4)["class"], "ZeroDivisionError", "{path}");
    }
}
