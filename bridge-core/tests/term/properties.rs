//! Random terms through a real BEAM, both ways, and the question which bytes are a term at all.

use std::cell::Cell;

use bridge_core::term::{Error, Limits, Reader, Term, Token, Writer, inflate};
use num_bigint::{BigInt, Sign};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::beam::Beam;
use crate::golden;

fn runner(cases: u32) -> TestRunner {
    let cases = if std::env::var_os("RUN_SLOW_TESTS").is_some() {
        50 * cases
    } else {
        cases
    };
    // No file of failures: a failure names its input, and belongs into the golden file.
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

/// Terms of every kind but identifiers and funs; maps if they are wanted.
fn terms(maps: bool) -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Term::from),
        (-300_i64..300).prop_map(Term::from),
        (any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(negative, magnitude)| {
            let sign = if negative { Sign::Minus } else { Sign::Plus };
            BigInt::from_bytes_le(sign, &magnitude).into()
        }),
        (0_u32..64, -2_i64..3, any::<bool>()).prop_map(|(bit, beside, negative)| {
            let value = BigInt::from(2).pow(bit) + beside;
            if negative { -value } else { value }.into()
        }),
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(Term::from),
        "\\PC{0,255}".prop_map(Term::atom),
        prop_oneof![Just("nil"), Just("true"), Just("Elixir.Enum"), Just("")].prop_map(Term::atom),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Term::binary),
        (prop::collection::vec(any::<u8>(), 1..9), 1_u8..8).prop_map(|(b, bits)| Term::bit_string(b, bits)),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Term::list),
    ];
    leaf.prop_recursive(6, 200, 12, move |inner| {
        let many = prop::collection::vec(inner.clone(), 0..12);
        let some = prop::collection::vec(inner.clone(), 1..5);
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..if maps { 12 } else { 1 });
        prop_oneof![
            many.clone().prop_map(Term::list),
            many.prop_map(Term::tuple),
            (some, inner).prop_map(|(items, tail)| Term::list_with_tail(items, tail)),
            pairs.prop_map(move |pairs| if maps {
                Term::map(pairs)
            } else {
                Term::list(Vec::<Term>::new())
            }),
        ]
    })
}

fn has(term: &Term, token: impl Fn(&Token<'_>) -> bool) -> bool {
    let bytes = term.encode().unwrap();
    let mut reader = Reader::new(&bytes).unwrap();
    std::iter::from_fn(|| reader.token().ok()).any(|found| token(&found))
}

/// Whether some float is zero: BEAM before OTP 27 takes `0.0` and `-0.0` for the same key of a map.
fn has_zero_float(term: &Term) -> bool {
    has(term, |token| matches!(token, Token::Float(0.0)))
}

#[test]
fn a_term_comes_back_from_beam_as_it_was() {
    let beam = Beam::start();
    runner(400)
        .run(&terms(true), |term| {
            if has_zero_float(&term) {
                return Ok(());
            }
            let bytes = term.encode().unwrap();
            prop_assert_eq!(&Term::decode(&bytes).unwrap(), &term);
            let rewritten = beam.rewrite(&bytes).expect("BEAM reads it");
            prop_assert_eq!(&Term::decode(&rewritten).unwrap(), &term);
            prop_assert!(beam.same(&bytes, &rewritten));
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_term_is_written_byte_by_byte_as_beam_would() {
    let beam = Beam::start();
    // Without maps: the order of their pairs is up to each writer.
    runner(400)
        .run(&terms(false), |term| {
            let bytes = term.encode().unwrap();
            prop_assert_eq!(beam.rewrite(&bytes).expect("BEAM reads it"), bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_term_of_beam_goes_back_to_it_as_it_was() {
    let beam = Beam::start();
    runner(800)
        .run(&(any::<u64>(), 0_u32..400, any::<u8>()), |(seed, size, way)| {
            let theirs = beam.generate(seed, size, way);
            let term = Term::decode(&theirs).unwrap();
            let ours = term.encode().unwrap();
            prop_assert!(beam.same(&theirs, &ours), "{term}");
            prop_assert_eq!(Term::decode(&ours).unwrap(), term.clone());
            prop_assert_eq!(term.clone(), term);
            Ok(())
        })
        .unwrap();
}

#[test]
fn tokens_say_the_same_as_the_tree() {
    let beam = Beam::start();
    runner(400)
        .run(&(any::<u64>(), 0_u32..400, any::<u8>()), |(seed, size, way)| {
            let bytes = beam.generate(seed, size, way);
            let bytes = inflate(&bytes, &Limits::default()).unwrap();
            let mut reader = Reader::new(&bytes).unwrap();
            let raw = reader.skip().unwrap();
            reader.finish().unwrap();
            prop_assert_eq!(raw, &bytes[1..]);
            // Each token but the first is owed by a container before it, and a list owes its tail.
            let mut reader = Reader::new(&bytes).unwrap();
            let mut owed = 1;
            while owed > 0 {
                owed = owed - 1
                    + match reader.token().unwrap() {
                        Token::List(length) => length + 1,
                        Token::Tuple(arity) => arity,
                        Token::Map(pairs) => 2 * pairs,
                        _ => 0,
                    };
            }
            reader.finish().unwrap();
            Ok(())
        })
        .unwrap();
}

/// Takes bytes of a term and damages some of them.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let golden: Vec<_> = golden::cases()
        .into_iter()
        .map(|case| case.bytes)
        .filter(|bytes| bytes.len() < 600)
        .collect();
    let generated = terms(true).prop_map(|term| term.encode().unwrap());
    let whole = prop_oneof![prop::sample::select(golden), generated];
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..4);
    (whole, damage).prop_map(|(mut bytes, damage)| {
        for (place, byte, how) in damage {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes[at] = bytes[at].wrapping_add(byte % 3).wrapping_sub(1),
                2 => bytes.insert(at, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

#[test]
fn damaged_bytes_are_a_term_exactly_when_beam_says_so() {
    let beam = Beam::start();
    let accepted = Cell::new(0);
    runner(6_000)
        .run(&damaged(), |bytes| {
            let ours = Term::decode(&bytes);
            if let Err(Error::UnknownTag { offset, .. } | Error::Malformed { offset, .. }) = ours {
                // BEAM also reads what it writes into its own tables, and trusts it: indexes and addresses. Up to
                // OTP 25 it takes references of no words, then reads one all the same, and bit strings of no bits.
                let at = &bytes[offset.min(bytes.len())..];
                if matches!(
                    at,
                    [73..=76 | 78, ..] | [90 | 114, 0, 0, ..] | [77, 0, 0, 0, 0, ..]
                ) {
                    return Ok(());
                }
            }
            let theirs = beam.accepts(&bytes);
            let Ok(term) = &ours else {
                prop_assert!(!theirs, "{ours:?} from {bytes:02x?}");
                return Ok(());
            };
            accepted.set(accepted.get() + 1);
            prop_assert_eq!(&Term::decode(&term.encode().unwrap()).unwrap(), term);
            // What numbers an identifier may have, and of which modules there can be funs, is for BEAM to judge.
            let judged_by_beam = has(term, |token| matches!(token, Token::Opaque(..)));
            prop_assert!(
                theirs || judged_by_beam || has_zero_float(term),
                "{term} from {bytes:02x?}"
            );
            Ok(())
        })
        .unwrap();
    let accepted = accepted.get();
    assert!(
        accepted > 300,
        "only {accepted} damaged terms were still terms: the damage is too heavy to tell"
    );
}

#[test]
fn the_largest_integer_and_the_largest_tuple_are_still_terms_of_beam() {
    let beam = Beam::start();
    let mut writer = Writer::new();
    writer.big(true, &vec![0xff; Writer::MAX_INTEGER_BYTES]).unwrap();
    assert!(beam.accepts(writer.as_bytes()));
    let mut writer = Writer::new();
    writer.tuple_header(Writer::MAX_TUPLE_ARITY).unwrap();
    writer.raw(&vec![106; Writer::MAX_TUPLE_ARITY]);
    assert!(beam.accepts(writer.as_bytes()));
}
