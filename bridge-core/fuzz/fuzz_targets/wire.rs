//! Any bytes are frames and messages, or errors; a message that was read is written so that it reads as the same.
#![no_main]

use bridge_core::wire::{
    Attach, CellEvent, Completeness, Completion, Detach, ElixirState, Error, Execute, FrameReader, InputRequest,
    Inspection, Message, NameInfo, Summary,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&cut, stream)) = data.split_first() else { return };
    // As a stream that comes in pieces, whatever it holds.
    let mut reader = FrameReader::default();
    'stream: for piece in stream.chunks(usize::from(cut).max(1)) {
        reader.push(piece);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => check(frame),
                Ok(None) => break,
                Err(Error::TooLarge { .. }) => break 'stream,
                Err(other) => panic!("{other}"),
            }
        }
    }
    let _ = reader.finish();
    // As one message: the version byte is not worth the fuzzer's search.
    check(&[&[131], stream].concat());
});

fn check(frame: &[u8]) {
    let Ok(message) = Message::decode(frame) else { return };
    let written = message.to_frame().expect("what was read can be written");
    let mut reader = FrameReader::default();
    reader.push(&written);
    let again = reader.next_frame().expect("it is short enough").expect("it is whole");
    assert_eq!(Message::decode(again).as_ref(), Ok(&message));

    let (name, body) = match &message {
        Message::Req { op, body, .. } | Message::Ev { op, body } => (op.as_str(), body),
        Message::Ok { value, .. } => ("", value),
        Message::Hello(_) | Message::Error { .. } => return,
    };
    if let Ok(Some(event)) = CellEvent::from_term(name, body) {
        let (name, body) = event.to_term();
        assert_eq!(CellEvent::from_term(name, &body), Ok(Some(event)));
    }
    macro_rules! body {
        ($($type:ty),*) => {$(
            if let Ok(value) = <$type>::from_term(body) {
                assert_eq!(<$type>::from_term(&value.to_term()), Ok(value));
            }
        )*};
    }
    body!(Execute, Summary, Completeness, Attach, Detach, ElixirState, InputRequest);
    if let Ok(inspection) = Inspection::from_term(body) {
        // Of two forms of one type the last counts.
        assert!(Inspection::from_term(&inspection.to_term()).is_ok());
    }
    if let Ok(completion) = Completion::from_term("täg.li", body) {
        assert_eq!(Completion::from_term("täg.li", &completion.to_term()), Ok(completion));
    }
    let _ = NameInfo::list_from_term(body);
}
