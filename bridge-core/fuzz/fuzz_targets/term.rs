//! Any bytes are a term or an error; a term that was read is written so that it reads as the same term.
#![no_main]

use bridge_core::term::{Error, Limits, Reader, Term, inflate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The version byte is not worth the fuzzer's search.
    let input = [&[131], data].concat();
    let limits = Limits {
        max_inflated: 1 << 18,
        ..Limits::default()
    };
    let Ok(bytes) = inflate(&input, &limits) else {
        assert!(Term::decode_with(&input, &limits).is_err());
        return;
    };
    let skipped = Reader::new(&bytes).and_then(|mut reader| {
        reader.skip()?;
        reader.finish()
    });
    match Term::decode_with(&input, &limits) {
        Ok(term) => {
            skipped.expect("what can be decoded can be skipped");
            let written = term.encode().expect("what was decoded can be encoded");
            let again = Term::decode(&written).expect("what was encoded can be decoded");
            assert!(again == term, "{term} became {again}");
            assert_eq!(again.encode().as_ref(), Ok(&written));
            assert!(term.clone() == term);
            assert!(term.to_string().len() < 10_000);
        }
        // Only a tree knows its depth, and which keys it has twice.
        Err(Error::DuplicateKey { .. } | Error::TooDeep { .. } | Error::Malformed { .. }) => {}
        Err(_) => assert!(skipped.is_err(), "what can be skipped can be decoded"),
    }
});
