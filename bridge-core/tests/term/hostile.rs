//! Bytes made to do harm: nesting, counts that lie, bombs.

use std::io::Write;

use bridge_core::term::{Error, Limits, OpaqueKind, Reader, Term, Token, inflate};
use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::allocations::peak;

const DEEP: usize = 200_000;

/// Ways to nest a term in another, each as the bytes before and after the inner one.
const NESTINGS: &[(&str, &[u8], &[u8])] = &[
    ("list", &[108, 0, 0, 0, 1], &[106]),
    ("list's tail", &[108, 0, 0, 0, 1, 97, 1], &[]),
    (
        "improper list's tail in a tuple",
        &[104, 1, 108, 0, 0, 0, 1, 97, 1],
        &[],
    ),
    ("element before an improper tail", &[108, 0, 0, 0, 1], &[97, 1]),
    ("tuple", &[104, 1], &[]),
    ("tuple before another element", &[104, 2], &[97, 1]),
    ("value of a map", &[116, 0, 0, 0, 1, 97, 1], &[]),
    (
        "value of a map of two",
        &[116, 0, 0, 0, 2, 97, 2, 97, 2, 97, 1],
        &[],
    ),
    ("empty list before", &[108, 0, 0, 0, 0], &[]),
];

fn nested(before: &[u8], after: &[u8], depth: usize) -> Vec<u8> {
    let mut bytes = vec![131];
    bytes.extend(before.repeat(depth));
    bytes.push(106);
    bytes.extend(after.repeat(depth));
    bytes
}

/// Runs a test where recursion over a deep term would overflow at once: on 64 KiB of stack.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(64 << 10)
        .spawn(test)
        .unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_deep_term_is_read_skipped_copied_compared_shown_written_and_dropped() {
    for &(name, before, after) in NESTINGS {
        on_a_small_stack(move || {
            let bytes = nested(before, after, DEEP);
            let mut reader = Reader::new(&bytes).unwrap();
            assert_eq!(reader.skip().unwrap().len(), bytes.len() - 1, "{name}");
            reader.finish().unwrap();

            let term = Term::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            let copy = term.clone();
            assert!(term == copy, "{name}");
            assert!(term.to_string().len() < 10_000, "{name}");
            let written = term.encode().unwrap();
            assert!(Term::decode(&written).unwrap() == term, "{name}");
            drop(copy);
            drop(term);
        });
    }
}

#[test]
fn deep_terms_that_differ_at_the_bottom_are_not_equal() {
    on_a_small_stack(|| {
        let mut bytes = nested(&[104, 1], &[], DEEP);
        let term = Term::decode(&bytes).unwrap();
        bytes.splice(bytes.len() - 1.., [97, 1]);
        assert!(Term::decode(&bytes).unwrap() != term);
    });
}

#[test]
fn deep_terms_are_built_by_hand_too() {
    on_a_small_stack(|| {
        let mut term = Term::from(1);
        for _ in 0..DEEP {
            term = Term::list([term]);
        }
        let bytes = term.encode().unwrap();
        assert!(Term::decode(&bytes).unwrap() == term);
    });
}

#[test]
fn funs_and_records_nested_in_each_other_are_one_opaque_term() {
    let mut fun = vec![112, 0, 0, 0, 0, 1];
    fun.extend([0; 20]);
    fun.extend([0, 0, 0, 1, 119, 1, b'm', 97, 0, 97, 0, 88, 119, 1, b'n']);
    fun.extend([0; 12]);
    let record = [67, 0, 0, 0, 1, 0, 119, 1, b'm', 119, 1, b'r', 119, 1, b'f'];
    for (kind, before) in [(OpaqueKind::Fun, fun), (OpaqueKind::Record, record.to_vec())] {
        on_a_small_stack(move || {
            let bytes = nested(&before, &[], DEEP);
            let mut reader = Reader::new(&bytes).unwrap();
            assert_eq!(reader.token().unwrap(), Token::Opaque(kind, &bytes[1..]));
            reader.finish().unwrap();
        });
    }
}

#[test]
fn maps_in_keys_of_maps_nest_only_so_deep() {
    // %{%{%{... => 1, 2 => 2} => 1, 2 => 2} => 1, 2 => 2}: each level would be compared with all below it.
    let before = [116, 0, 0, 0, 2, 97, 2, 97, 2];
    for (depth, fits) in [(10, true), (16, true), (18, false), (DEEP, false)] {
        on_a_small_stack(move || {
            let result = Term::decode(&nested(&before, &[97, 1], depth));
            match result {
                Ok(term) => assert!(fits && term == term.clone()),
                Err(error) => assert!(
                    !fits && matches!(error, Error::Malformed { .. }),
                    "{depth}: {error}"
                ),
            }
        });
    }
}

#[test]
fn depth_is_limited_where_the_caller_says_so() {
    let limits = Limits {
        max_depth: 100,
        ..Limits::default()
    };
    for &(name, before, after) in NESTINGS {
        let levels = if name.contains("in a tuple") { 2 } else { 1 };
        // These two are one flat list, however many pieces it has.
        let flat = matches!(name, "list's tail" | "empty list before");
        let fits = Term::decode_with(&nested(before, after, 100 / levels), &limits);
        assert!(fits.is_ok(), "{name}");
        let deeper = Term::decode_with(&nested(before, after, 100 / levels + 1), &limits);
        assert_eq!(deeper.is_ok(), flat, "{name}");
        assert!(
            flat || matches!(deeper, Err(Error::TooDeep { limit: 100, .. })),
            "{name}"
        );
    }
}

#[test]
fn counts_that_the_input_cannot_hold_are_refused_at_once() {
    let huge = [0xff, 0xff, 0xff, 0xff];
    for tag in [105, 108, 109, 116, 111, 77, 67] {
        let bytes = [&[131, tag], &huge[..], &[0; 100]].concat();
        let (result, held) = peak(|| Term::decode(&bytes));
        assert!(matches!(
            result,
            Err(Error::Count { .. } | Error::Truncated { .. } | Error::Malformed { .. })
        ));
        assert!(held < 1_000, "tag {tag}: {held} bytes");
    }
}

#[test]
fn counts_that_each_fit_but_not_together_are_refused() {
    // Every list claims as many elements as there are bytes after it.
    let total: usize = 50_000;
    let mut bytes = vec![131];
    while bytes.len() + 10 < total {
        let claim = u32::try_from(total - bytes.len() - 10).unwrap();
        bytes.push(108);
        bytes.extend(claim.to_be_bytes());
    }
    bytes.resize(total, 106);
    let (result, held) = peak(|| Term::decode(&bytes));
    assert!(matches!(result, Err(Error::Count { .. })), "{result:?}");
    assert!(held < 64 * total, "{held} bytes held for {total}");
}

#[test]
fn memory_follows_the_input() {
    // For each byte of input at most a term, in a vector, and the stack to take it apart.
    let elements = 200_000_u32;
    let mut list = vec![131, 108];
    list.extend(elements.to_be_bytes());
    list.extend(vec![106; elements as usize + 1]);
    let mut terms = vec![list];
    terms.extend(
        NESTINGS
            .iter()
            .map(|&(_, before, after)| nested(before, after, DEEP)),
    );
    // A map whose keys are all the same is refused, but only when all of them are there.
    let mut map = vec![131, 116];
    map.extend(elements.to_be_bytes());
    map.extend(vec![106; 2 * elements as usize]);
    terms.push(map);
    for bytes in terms {
        let (_, held) = peak(|| drop(Term::decode(&bytes)));
        assert!(
            held <= 80 * bytes.len(),
            "{held} bytes held for {}: {:?}",
            bytes.len(),
            &bytes[..9]
        );
        let (_, held) = peak(|| Reader::new(&bytes).unwrap().skip().map(<[u8]>::len).unwrap());
        assert_eq!(held, 0);
    }
}

fn compressed(claim: usize, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![131, 80];
    bytes.extend(u32::try_from(claim).unwrap().to_be_bytes());
    let mut encoder = ZlibEncoder::new(bytes, Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A binary of so many zeros, without its version byte.
fn zeros(length: usize) -> Vec<u8> {
    let mut bytes = vec![109];
    bytes.extend(u32::try_from(length).unwrap().to_be_bytes());
    bytes.resize(5 + length, 0);
    bytes
}

#[test]
fn a_compressed_term_inflates_within_its_limit() {
    let content = zeros(100_000);
    let bytes = compressed(content.len(), &content);
    assert_eq!(Term::decode(&bytes).unwrap(), Term::binary(vec![0; 100_000]));

    let limits = Limits {
        max_inflated: content.len() - 1,
        ..Limits::default()
    };
    let (error, held) = peak(|| inflate(&bytes, &limits).unwrap_err());
    assert_eq!(
        error,
        Error::InflatedTooLarge {
            size: content.len() as u64,
            limit: content.len() - 1
        }
    );
    assert_eq!(held, 0);
}

#[test]
fn a_compressed_term_that_lies_about_its_size_is_refused_early() {
    let bytes = compressed(1_000, &zeros(10_000_000));
    let (result, held) = peak(|| Term::decode(&bytes));
    assert_eq!(
        result,
        Err(Error::Inflate {
            what: "it holds more than it claims"
        })
    );
    assert!(held < 500_000, "{held} bytes held for 1,000 claimed");

    let bytes = compressed(1 << 30, &zeros(10));
    let (result, held) = peak(|| Term::decode(&bytes));
    assert_eq!(
        result,
        Err(Error::Inflate {
            what: "it holds less than it claims"
        })
    );
    assert!(held < 500_000, "{held} bytes held for 15 real ones");
}

#[test]
fn damaged_compressed_terms_are_errors() {
    let content = zeros(1_000);
    let good = compressed(content.len(), &content);
    for length in 0..good.len() {
        assert!(Term::decode(&good[..length]).is_err(), "{length}");
    }
    let checksum = good.len() - 1;
    for (at, what) in [(6, "header"), (checksum, "checksum")] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(matches!(Term::decode(&bad), Err(Error::Inflate { .. })), "{what}");
    }
    let followed = [&good[..], &[1, 2, 3]].concat();
    assert_eq!(
        Term::decode(&followed),
        Err(Error::TrailingBytes {
            offset: good.len(),
            count: 3
        })
    );

    let twice = compressed(good.len() - 1, &good[1..]);
    assert_eq!(
        Term::decode(&twice),
        Err(Error::Inflate {
            what: "it holds another compressed term"
        })
    );
}
