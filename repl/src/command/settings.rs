//! `:set`.

use std::io;

use crate::config::{self, Setting};
use crate::console::{Console, Next};

/// `:set [NAME [VALUE]]`.
pub(super) fn set(console: &mut Console, arguments: &str) -> io::Result<Next> {
    let (name, value) = arguments
        .split_once(char::is_whitespace)
        .unwrap_or((arguments, ""));
    let value = value.trim().trim_start_matches('=').trim();
    if name.is_empty() {
        let table = config::table(console.config());
        console.say(&format!("{table}\n* differs from the default"))?;
        return Ok(Next::Read);
    }
    let Some(setting) = config::find(name) else {
        let problem = console.config().clone().set(name, "").err();
        if let Some(problem) = problem {
            console.complain(&problem.what, &problem.hint)?;
        }
        return Ok(Next::Read);
    };
    if value.is_empty() {
        let now = console.config().get(name).unwrap_or_default();
        console.say(&format!("{name} = {now}\n{}: {}", setting.about, setting.values))?;
    } else if is_of_the_start(setting) {
        let file = config::path().map_or_else(String::new, |file| format!(": {}", file.display()));
        console.complain(
            &format!("{name} counts when a session starts"),
            &format!("change it in the file{file}"),
        )?;
    } else {
        let mut config = console.config().clone();
        match config.set(name, value) {
            Ok(()) => console.configure(config)?,
            Err(problem) => console.complain(&problem.what, &problem.hint)?,
        }
    }
    Ok(Next::Read)
}

/// Whether changing it in a session would do nothing.
fn is_of_the_start(setting: &Setting) -> bool {
    matches!(setting.name, "language" | "python") || setting.name.starts_with("startup.")
}
