//! The session's variables, told over comms of the target `snakebridge.variables`: what a panel beside a notebook shows.
//!
//! The kernel serves these comms itself, beside the cells. Whoever opens one gets a message with all names, and another
//! whenever cells have changed something; a message of theirs asks for one at once. What is told is looked at without
//! running the user's code, and it is bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_core::language::Language;
use bridge_core::session::{ChildState, Name};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::kernel::Kernel;
use crate::message::{Message, Parent};
use crate::{comm, shell};

/// The comms' target.
pub(crate) const TARGET: &str = "snakebridge.variables";

/// How many names are told at most.
const MOST: usize = 2000;

/// How many characters a text has at most.
const LONGEST: usize = 120;

/// How long it is at least from one telling to the next: cells of a few milliseconds may follow each other.
const REST: Duration = Duration::from_millis(100);

/// How long a language may take to answer: until then, the other's names are not told either.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many comms may be open. Pages that are closed do not always say so: the oldest goes for a new one.
const MOST_COMMS: usize = 64;

/// Who is told, and that there may be news.
#[derive(Default)]
pub(crate) struct Variables {
    open: Mutex<VecDeque<Client>>,
    news: Notify,
}

/// An open comm.
struct Client {
    comm: String,
    /// The request that opened it.
    parent: Parent,
    /// Which state it was told last; 0 for none.
    told: u64,
}

/// What is told of a name.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Variable {
    name: String,
    language: Language,
    r#type: String,
    size: Option<String>,
    value: String,
}

impl From<Name> for Variable {
    fn from(name: Name) -> Variable {
        Variable {
            name: short(name.name),
            language: name.language,
            r#type: short(name.r#type),
            size: name.size.map(short),
            value: short(name.value),
        }
    }
}

impl Variables {
    /// Something has run: what is told may be so no more.
    pub(crate) fn may_have_changed(&self) {
        self.news.notify_one();
    }

    fn open(&self) -> MutexGuard<'_, VecDeque<Client>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a message of a comm that is served here; gives back those of others. Comms open and close in the order in which
/// the messages came.
pub(crate) fn take(kernel: &Arc<Kernel>, request: Message) -> Option<Message> {
    #[derive(Deserialize)]
    struct Content {
        comm_id: String,
        target_name: Option<String>,
    }
    let Ok(Content { comm_id, target_name }) = request.content() else {
        return Some(request);
    };
    let mut open = kernel.variables.open();
    let known = open.iter().position(|client| client.comm == comm_id);
    let mut closed = None;
    match (request.header.msg_type.as_str(), known) {
        ("comm_open", _) if target_name.as_deref() == Some(TARGET) => {
            open.retain(|client| client.comm != comm_id);
            if open.len() == MOST_COMMS {
                closed = open.pop_front();
            }
            kernel.comms().insert(comm_id.clone(), TARGET.to_owned());
            open.push_back(Client {
                comm: comm_id,
                parent: request.parent.clone(),
                told: 0,
            });
        }
        ("comm_msg", Some(at)) => open[at].told = 0,
        ("comm_close", Some(at)) => {
            open.remove(at);
            kernel.comms().remove(&comm_id);
        }
        _ => return Some(request),
    }
    drop(open);
    let kernel = Arc::clone(kernel);
    tokio::spawn(async move {
        shell::around(&kernel, &request, async {
            if let Some(client) = closed {
                kernel.comms().remove(&client.comm);
                comm::publish_close(&kernel, &client.parent, &client.comm).await;
            }
            kernel.variables.news.notify_one();
        })
        .await;
        shell::still_busy(&kernel);
    });
    None
}

/// Tells whoever has opened a comm, for as long as the kernel lives.
pub(crate) async fn serve(kernel: Arc<Kernel>) {
    let mut children = kernel.session.children();
    let mut names: [Vec<Name>; 2] = Default::default();
    let mut shown = Value::Null;
    let mut state = 0;
    loop {
        tokio::select! {
            () = kernel.variables.news.notified() => {}
            changed = children.changed() => if changed.is_err() { return },
        }
        if kernel.variables.open().is_empty() {
            continue;
        }
        let ask = |language| timeout(PATIENCE, kernel.session.names_of(language));
        let answers = tokio::join!(ask(Language::Elixir), ask(Language::Python));
        let [elixir, python] = &mut names;
        for (language, names, answer) in [
            (Language::Elixir, elixir, answers.0),
            (Language::Python, python, answers.1),
        ] {
            let up = matches!(children.borrow().of(language), ChildState::Up { .. });
            match answer {
                Ok(Ok(now)) => *names = now,
                // C code may keep a language from answering: it has what it had.
                _ if up => {}
                _ => names.clear(),
            }
        }
        let now = content(&names);
        if now != shown {
            shown = now;
            state += 1;
        }
        let behind: Vec<(String, Parent)> = {
            let mut open = kernel.variables.open();
            let behind = open.iter_mut().filter(|client| client.told != state);
            behind
                .map(|client| {
                    client.told = state;
                    (client.comm.clone(), client.parent.clone())
                })
                .collect()
        };
        for (comm, parent) in behind {
            let content = json!({"comm_id": comm, "data": shown});
            kernel.iopub.publish(&parent, "comm_msg", content).await;
        }
        sleep(REST).await;
    }
}

/// What is told: the names in the order of the alphabet, and whether there are more. A language gives more than that by
/// itself, if it has them.
fn content([elixir, python]: &[Vec<Name>; 2]) -> Value {
    let mut all = Name::of_both(python.clone(), elixir.clone());
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let more = all.len() > MOST;
    let told: Vec<Variable> = all.into_iter().take(MOST).map(Variable::from).collect();
    json!({"variables": told, "more": more})
}

fn short(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some(_) => {
            let mut text: String = text.chars().take(LONGEST - 1).collect();
            text.push('…');
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, value: &str) -> Name {
        Name {
            name: name.to_owned(),
            language: Language::Python,
            r#type: "str".to_owned(),
            size: None,
            value: value.to_owned(),
        }
    }

    #[test]
    fn what_is_told_is_bounded() {
        let many = (0..MOST + 5)
            .map(|n| name(&format!("x{n:05}"), &"é".repeat(500)))
            .collect();
        let told = content(&[Vec::new(), many]);
        assert_eq!(told["more"], true);
        let variables = told["variables"].as_array().unwrap();
        assert_eq!(variables.len(), MOST);
        assert_eq!(variables[0]["name"], "x00000");
        assert_eq!(variables[0]["value"].as_str().unwrap().chars().count(), LONGEST);
    }

    #[test]
    fn in_the_order_of_the_alphabet() {
        let told = content(&[
            vec![name("b", "1"), name("d", "1")],
            vec![name("a", "1"), name("c", "1")],
        ]);
        let names: Vec<_> = told["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["a", "b", "c", "d"]);
    }
}
