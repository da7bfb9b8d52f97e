//! The benchmark of the prompt runs and has all its rows. What they say is no test's business.

use std::process::Command;

#[test]
fn the_benchmark_has_all_its_rows() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/repl.py");
    let done = Command::new("python3")
        .args([script, "--quick", env!("CARGO_BIN_EXE_snakebridge")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let rows: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let rows = rows.as_array().unwrap();
    for name in [
        "start to the prompt",
        "lines of Elixir to the screen, p99",
        "lines of Python to the screen, p99",
        "Tab after np.",
        "attributes to the menu",
    ] {
        let has = |row: &serde_json::Value| row["what"].as_str().is_some_and(|what| what.contains(name));
        assert!(rows.iter().any(has), "{name}: {rows:?}");
    }
    assert!(
        rows.iter().all(|row| row["ours"].as_f64() > Some(0.0)),
        "{rows:?}"
    );
}
