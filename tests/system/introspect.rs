//! `snakebridge introspect`: the document of a Python module, made by the user's interpreter.

use crate::harness::Snakebridge;

#[test]
fn a_module_is_printed_as_json() {
    let run = Snakebridge::new(["introspect", "json"]).run().code(0);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("a document");
    assert_eq!(document["schema"], "snakebridge.introspection/1");
    let functions = document["modules"][0]["functions"].as_array().expect("functions");
    assert!(functions.iter().any(|f| f["path"] == "json.dumps"));
}

#[test]
fn options_reach_the_interpreter() {
    let run = Snakebridge::new([
        "introspect",
        "json",
        "--include",
        "decoder",
        "--exclude",
        "load*",
        "--indent",
        "1",
    ])
    .run()
    .code(0);
    let document: serde_json::Value = serde_json::from_str(&run.stdout).expect("a document");
    let names: Vec<_> = document["modules"]
        .as_array()
        .expect("modules")
        .iter()
        .map(|m| &m["name"])
        .collect();
    assert_eq!(names, ["json", "json.decoder"]);
    assert!(!run.stdout.contains("\"json.loads\""));
    assert!(run.stdout.starts_with("{\n \"schema\""));
}

#[test]
fn a_module_that_is_not_there_is_told_with_what_to_do() {
    let run = Snakebridge::new(["introspect", "no_such_module"]).run().code(1);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr
            .starts_with("snakebridge: No module named 'no_such_module'\nhint: install it for this Python"),
        "{}",
        run.stderr
    );
}
