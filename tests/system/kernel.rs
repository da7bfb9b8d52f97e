//! The kernel's wire as a client sees it that others wrote, with their types for every message. Clients in Python are
//! in `tests/kernel/`.

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jupyter_protocol::{
    CommInfoRequest, CompleteRequest, ConnectionInfo, ExecuteRequest, ExecutionState, HistoryRequest,
    InputReply, InspectRequest, InterruptRequest, IsCompleteReplyStatus, IsCompleteRequest, JupyterMessage,
    JupyterMessageContent as Content, KernelInfoRequest, MediaType, ReplyStatus, ShutdownRequest, Transport,
};
use jupyter_zmq_client as client;
use tokio::time::timeout;

use crate::harness::{PATIENCE, root};

struct Kernel {
    process: Child,
    shell: client::ClientShellConnection,
    control: client::ClientControlConnection,
    stdin: client::ClientStdinConnection,
    iopub: client::ClientIoPubConnection,
    heartbeat: client::ClientHeartbeatConnection,
    _folder: tempfile::TempDir,
}

/// What a request led to: what came on IOPub between its busy and its idle, and the reply.
struct Answer {
    shown: Vec<Content>,
    reply: Content,
}

async fn soon<T, E: std::fmt::Debug>(what: impl Future<Output = Result<T, E>>) -> T {
    timeout(PATIENCE, what).await.expect("in time").expect("readable")
}

/// Until the kernel listens.
async fn connected<S, F: Future<Output = client::Result<S>>>(connect: impl Fn() -> F) -> S {
    let end = Instant::now() + PATIENCE;
    loop {
        match connect().await {
            Ok(connection) => return connection,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Kernel {
    async fn start() -> Kernel {
        let folder = tempfile::tempdir().expect("a directory");
        let ports = client::peek_ports(IpAddr::V4(Ipv4Addr::LOCALHOST), 5)
            .await
            .expect("free ports");
        let info = ConnectionInfo {
            ip: "127.0.0.1".into(),
            transport: Transport::TCP,
            shell_port: ports[0],
            iopub_port: ports[1],
            stdin_port: ports[2],
            control_port: ports[3],
            hb_port: ports[4],
            key: "a key".into(),
            signature_scheme: "hmac-sha256".into(),
            kernel_name: Some("snakebridge".into()),
        };
        let file = folder.path().join("connection.json");
        std::fs::write(&file, serde_json::to_vec(&info).expect("JSON")).expect("written");
        let process = Command::new(env!("CARGO_BIN_EXE_snakebridge"))
            .args(["kernel", "run", "--no-record", "-f"])
            .arg(&file)
            .current_dir(root())
            .stdin(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let session = "a-client";
        let identity = client::peer_identity_for_session(session).expect("an identity");
        let mut iopub = connected(|| client::create_client_iopub_connection(&info, "", session)).await;
        let welcome = client::wait_for_iopub_welcome(&mut iopub, PATIENCE)
            .await
            .expect("a welcome");
        assert_eq!(welcome.as_deref(), Some(""));
        Kernel {
            process,
            shell: connected(|| {
                client::create_client_shell_connection_with_identity(&info, session, identity.clone())
            })
            .await,
            stdin: connected(|| {
                client::create_client_stdin_connection_with_identity(&info, session, identity.clone())
            })
            .await,
            control: connected(|| client::create_client_control_connection(&info, session)).await,
            heartbeat: connected(|| client::create_client_heartbeat_connection(&info)).await,
            iopub,
            _folder: folder,
        }
    }

    async fn ask(&mut self, request: impl Into<Content>) -> Answer {
        let request = JupyterMessage::new(request.into(), None);
        let id = request.header.msg_id.clone();
        soon(self.shell.send(request)).await;
        let shown = self.shown_for(&id).await;
        let reply = soon(self.shell.read()).await;
        assert_eq!(parent(&reply), id);
        assert!(!matches!(reply.content, Content::UnknownMessage(_)), "{reply:?}");
        Answer {
            shown,
            reply: reply.content,
        }
    }

    async fn shown_for(&mut self, id: &str) -> Vec<Content> {
        let mut shown = Vec::new();
        loop {
            let message = soon(self.iopub.read()).await;
            assert!(
                !matches!(message.content, Content::UnknownMessage(_)),
                "{message:?}"
            );
            match message.content {
                Content::Status(status) if parent(&message) == id => match status.execution_state {
                    ExecutionState::Busy => {}
                    ExecutionState::Idle => return shown,
                    other => panic!("{other:?}"),
                },
                // The kernel's own: it starts.
                Content::Status(_) => {}
                content => {
                    assert_eq!(
                        message.parent_header.map(|header| header.msg_id).as_deref(),
                        Some(id)
                    );
                    shown.push(content);
                }
            }
        }
    }

    async fn run(&mut self, code: &str) -> Answer {
        self.ask(ExecuteRequest::new(code.into())).await
    }

    async fn order(&mut self, request: impl Into<Content>) -> Content {
        let request = JupyterMessage::new(request.into(), None);
        let id = request.header.msg_id.clone();
        soon(self.control.send(request)).await;
        let reply = soon(self.control.read()).await;
        assert_eq!(parent(&reply), id);
        reply.content
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn parent(message: &JupyterMessage) -> &str {
    message
        .parent_header
        .as_ref()
        .map_or("", |header| header.msg_id.as_str())
}

fn kinds(shown: &[Content]) -> Vec<&str> {
    shown.iter().map(Content::message_type).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn cells_of_both_languages() {
    let mut kernel = Kernel::start().await;
    let elixir = kernel.run("IO.puts(\"hello\")\nname = \"Ada\"").await;
    assert_eq!(
        kinds(&elixir.shown),
        ["execute_input", "stream", "execute_result"]
    );
    let Content::ExecuteReply(reply) = elixir.reply else {
        panic!("{:?}", elixir.reply)
    };
    assert_eq!(
        (reply.status, reply.execution_count.value()),
        (ReplyStatus::Ok, 1)
    );

    let python = "%%python
import sys
from IPython.display import HTML, JSON, clear_output, display
print('to stderr', file=sys.stderr)
handle = display(HTML('<b>one</b>'), display_id='d')
handle.update(HTML('<b>two</b>'))
clear_output(wait=True)
display(JSON({'a': [1, None]}))
name.upper()";
    let python = kernel.run(python).await;
    let expected = [
        "execute_input",
        "stream",
        "display_data",
        "update_display_data",
        "clear_output",
        "display_data",
        "execute_result",
    ];
    assert_eq!(kinds(&python.shown), expected);
    let [.., Content::DisplayData(json), Content::ExecuteResult(result)] = &python.shown[..] else {
        panic!("{:?}", python.shown)
    };
    assert!(
        json.data
            .content
            .iter()
            .any(|form| matches!(form, MediaType::Json(_))),
        "{json:?}"
    );
    assert!(
        result.data.content.contains(&MediaType::Plain("'ADA'".into())),
        "{result:?}"
    );

    for code in ["raise \"boo\"", "%%python\n1 / 0"] {
        let failed = kernel.run(code).await;
        assert_eq!(kinds(&failed.shown), ["execute_input", "error"]);
        let (Content::ExecuteReply(reply), Content::ErrorOutput(shown)) = (&failed.reply, &failed.shown[1])
        else {
            panic!("{:?}", failed.reply)
        };
        assert_eq!(reply.status, ReplyStatus::Error);
        let told = reply.error.as_ref().expect("the reply says it too");
        assert_eq!((&told.ename, &told.evalue), (&shown.ename, &shown.evalue));
        assert_eq!(told.traceback, shown.traceback);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_of_both_languages() {
    let mut kernel = Kernel::start().await;
    let answer = kernel.ask(KernelInfoRequest {}).await;
    let Content::KernelInfoReply(info) = answer.reply else {
        panic!("{:?}", answer.reply)
    };
    assert_eq!(
        (info.status, info.language_info.name.as_str()),
        (ReplyStatus::Ok, "elixir")
    );
    assert!(!info.help_links.is_empty());
    soon(kernel.heartbeat.single_heartbeat()).await;

    for (code, expected) in [
        ("Enum.map_jo", "map_join"),
        ("%%python\nsortе", ""),
        ("%%python\nsorte", "sorted"),
    ] {
        let request = CompleteRequest {
            code: code.into(),
            cursor_pos: code.chars().count(),
        };
        let answer = kernel.ask(request).await;
        let Content::CompleteReply(found) = answer.reply else {
            panic!("{:?}", answer.reply)
        };
        assert_eq!(found.status, ReplyStatus::Ok);
        let has = found.matches.iter().any(|text| text == expected);
        assert_eq!(has, !expected.is_empty(), "{code}: {found:?}");
        assert!(found.metadata.contains_key("_jupyter_types_experimental"));
    }
    for code in ["Enum.map", "%%python\nlen"] {
        let request = InspectRequest {
            code: code.into(),
            cursor_pos: code.chars().count(),
            detail_level: Some(1),
        };
        let answer = kernel.ask(request).await;
        let Content::InspectReply(found) = answer.reply else {
            panic!("{:?}", answer.reply)
        };
        assert!(found.found && !found.data.content.is_empty(), "{found:?}");
    }
    for (code, status) in [
        ("fn x ->", IsCompleteReplyStatus::Incomplete),
        ("%%python\ndef f():", IsCompleteReplyStatus::Incomplete),
        ("%%python\n1", IsCompleteReplyStatus::Complete),
        ("end", IsCompleteReplyStatus::Invalid),
    ] {
        let answer = kernel.ask(IsCompleteRequest { code: code.into() }).await;
        let Content::IsCompleteReply(found) = answer.reply else {
            panic!("{:?}", answer.reply)
        };
        assert_eq!(found.status, status, "{code}");
    }
    kernel.run("1 + 1").await;
    let tail = HistoryRequest::Tail {
        n: 1,
        output: true,
        raw: true,
    };
    let answer = kernel.ask(tail).await;
    assert!(
        matches!(&answer.reply, Content::HistoryReply(found) if found.history.len() == 1),
        "{:?}",
        answer.reply
    );
    let answer = kernel.ask(CommInfoRequest { target_name: None }).await;
    assert!(
        matches!(answer.reply, Content::CommInfoReply(_)),
        "{:?}",
        answer.reply
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_to_the_user_orders_and_the_end() {
    let mut kernel = Kernel::start().await;
    let asking = ExecuteRequest {
        allow_stdin: true,
        ..ExecuteRequest::new("IO.gets(\"who? \")".into())
    };
    let request = JupyterMessage::new(asking, None);
    let id = request.header.msg_id.clone();
    soon(kernel.shell.send(request)).await;
    let question = soon(kernel.stdin.read()).await;
    assert_eq!(parent(&question), id);
    let Content::InputRequest(asked) = &question.content else {
        panic!("{question:?}")
    };
    assert_eq!((asked.prompt.as_str(), asked.password), ("who? ", false));
    let answer = InputReply {
        value: "Ada".into(),
        ..InputReply::default()
    };
    soon(kernel.stdin.send(JupyterMessage::new(answer, Some(&question)))).await;
    assert_eq!(
        kinds(&kernel.shown_for(&id).await),
        ["execute_input", "execute_result"]
    );
    soon(kernel.shell.read()).await;

    let request = JupyterMessage::new(ExecuteRequest::new("Process.sleep(:infinity)".into()), None);
    let id = request.header.msg_id.clone();
    soon(kernel.shell.send(request)).await;
    // It runs: its source was told.
    while !matches!(soon(kernel.iopub.read()).await.content, Content::ExecuteInput(_)) {}
    let reply = kernel.order(InterruptRequest {}).await;
    assert!(matches!(reply, Content::InterruptReply(_)), "{reply:?}");
    let reply = soon(kernel.shell.read()).await;
    assert_eq!(parent(&reply), id);
    assert!(matches!(reply.content, Content::ExecuteReply(reply) if reply.status == ReplyStatus::Error));

    let reply = kernel.order(ShutdownRequest { restart: false }).await;
    assert!(
        matches!(&reply, Content::ShutdownReply(reply) if reply.status == ReplyStatus::Ok && !reply.restart),
        "{reply:?}"
    );
    let end = Instant::now() + PATIENCE;
    let status = loop {
        match kernel.process.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(Instant::now() < end, "the kernel goes on"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "{status}");
}
