use std::collections::BTreeMap;

use bridge_core::session::{Bundle, Data, Status};

use super::*;

const COLOURS: Look = Look {
    colours: true,
    terminal: true,
    images: Images::Named,
};

/// What a run of events leaves on one screen, escapes made visible.
fn shown(events: &[Event], look: Look) -> String {
    let mut out = Vec::new();
    let mut err = Vec::new();
    let mut renderer = Renderer::with_streams(&mut out, &mut err, look);
    for event in events {
        renderer.event(event).unwrap();
    }
    renderer.fresh_line().unwrap();
    let text = |bytes: Vec<u8>| {
        String::from_utf8(bytes)
            .unwrap()
            .replace('\x1b', "␛")
            .replace('\r', "␍")
    };
    format!("{}--- stderr\n{}", text(out), text(err))
}

fn stream(text: &str) -> Event {
    Event::Stream {
        name: StreamName::Stdout,
        text: text.into(),
    }
}

fn result(forms: &[(&str, Data)]) -> Event {
    let forms = forms
        .iter()
        .map(|(mime, data)| ((*mime).to_owned(), data.clone()));
    Event::Result {
        data: Bundle(forms.collect::<BTreeMap<_, _>>()),
        metadata: Default::default(),
    }
}

fn plain(text: &str) -> Event {
    result(&[("text/plain", Data::Text(text.into()))])
}

fn zero_division() -> Event {
    Event::Error {
        class: "ZeroDivisionError".into(),
        message: "division by zero".into(),
        traceback: vec![
            "Traceback (most recent call last):".into(),
            "  File \"cell 3\", line 1, in <module>".into(),
            "\x1b[31mZeroDivisionError\x1b[0m: division by zero".into(),
        ],
        hint: Some("divide by something else".into()),
    }
}

#[test]
fn output_result_and_error_stand_on_their_own_lines() {
    let events = [
        Event::Started {
            cell: 1,
            language: bridge_core::session::Language::Python,
        },
        stream("loading "),
        stream("10%\rloading 20%"),
        plain("\x1b[32m[1, 2, 3]\x1b[0m"),
        Event::Stream {
            name: StreamName::Stderr,
            text: "warning\n".into(),
        },
        zero_division(),
        Event::Notice {
            text: "python was restarted; its names are gone".into(),
        },
        Event::Finished {
            status: Status::Error,
            duration_us: 5,
        },
    ];
    insta::assert_snapshot!(shown(&events, COLOURS), @r#"
    loading 10%␍loading 20%
    ␛[32m[1, 2, 3]␛[0m
    --- stderr
    warning
    Traceback (most recent call last):
      File "cell 3", line 1, in <module>
    ␛[31mZeroDivisionError␛[0m: division by zero
    ␛[36mhint:␛[0m divide by something else
    ␛[33mnote:␛[0m python was restarted; its names are gone
    "#);
    insta::assert_snapshot!(shown(&events, Look::PLAIN), @r#"
    loading 10%␍loading 20%
    [1, 2, 3]
    --- stderr
    warning
    Traceback (most recent call last):
      File "cell 3", line 1, in <module>
    ZeroDivisionError: division by zero
    hint: divide by something else
    note: python was restarted; its names are gone
    "#);
}

#[test]
fn an_error_without_traceback_is_one_line() {
    let event = |message: &str| Event::Error {
        class: "SyntaxError".into(),
        message: message.into(),
        traceback: Vec::new(),
        hint: None,
    };
    insta::assert_snapshot!(shown(&[event("bad"), event("")], Look::PLAIN), @r"
    --- stderr
    SyntaxError: bad
    SyntaxError
    ");
}

#[test]
fn what_cannot_be_shown_is_named() {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0".to_vec();
    png.resize(23_456, 0);
    let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x0b\x08\0\x20\0\x40\x01".to_vec();
    let text = |text: &str| Data::Text(text.into());
    let events = [
        result(&[
            ("image/png", Data::Bytes(png)),
            ("text/plain", text("<Figure size 640x480>")),
        ]),
        result(&[("image/jpeg", Data::Bytes(jpeg))]),
        result(&[("image/gif", Data::Bytes(b"GIF89a\x10\0\x20\0".to_vec()))]),
        result(&[
            ("image/png", Data::Bytes(b"no image".to_vec())),
            ("text/plain", text("#SnakeBridge.MimeBundle<image/png 8 B>")),
        ]),
        result(&[("image/svg+xml", text("<svg/>"))]),
        result(&[
            ("text/html", text("<b>x</b>")),
            ("text/plain", text("<IPython.core.display.HTML object>")),
        ]),
        result(&[
            ("text/markdown", text("# Title\n")),
            ("text/plain", text("<IPython.core.display.Markdown object>")),
        ]),
        result(&[("text/plain", text("<IPython.core.display.Math object>"))]),
        result(&[("application/json", Data::Json(serde_json::json!({"a": [1]})))]),
        result(&[]),
        plain(""),
    ];
    insta::assert_snapshot!(shown(&events, Look::PLAIN), @r#"
    <Figure size 640x480>
    [image/png, 640x480, 23.5 kB]
    [image/jpeg, 64x32, 18 B]
    [image/gif, 16x32, 10 B]
    [image/png, 8 B]
    [image/svg+xml, 6 B]
    [text/html, 8 B]
    # Title
    <IPython.core.display.Math object>
    {
      "a": [
        1
      ]
    }
    --- stderr
    "#);
}

#[test]
fn a_clear_that_waits_erases_the_line_once_something_comes() {
    let clear = |wait| Event::Clear { wait };
    insta::assert_snapshot!(shown(&[stream("50%"), clear(true), stream("51%"), clear(false), plain("done")], COLOURS), @r"
    50%␍␛[J51%␍␛[Jdone
    --- stderr
    ");
    insta::assert_snapshot!(shown(&[stream("50%"), clear(true), stream("51%")], Look::PLAIN), @r"
    50%51%
    --- stderr
    ");
}

#[test]
fn errors_of_the_session_say_what_to_do() {
    let error = bridge_core::error::Error::Missing {
        language: bridge_core::session::Language::Elixir,
        reason: "no `elixir` in PATH".into(),
        hint: "https://elixir-lang.org/install.html".into(),
    };
    insta::assert_snapshot!(failure(&error, Look::PLAIN), @r"
    error: elixir was not found: no `elixir` in PATH
    hint: https://elixir-lang.org/install.html
    ");
}

#[test]
fn sizes_are_for_people() {
    assert_eq!(
        ["999", "1000", "1500000", "2000000000"].map(|n| size(n.parse().unwrap())),
        ["999 B", "1.0 kB", "1.5 MB", "2.0 GB"]
    );
}
