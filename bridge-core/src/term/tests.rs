//! What the parts promise, each by itself. Golden files, BEAM and hostile input: `tests/term`.

use super::*;

#[track_caller]
fn check(bytes: &[u8], expect: Term) {
    let whole = [&[131], bytes].concat();
    assert_eq!(Term::decode(&whole).expect("a term"), expect);
}

#[track_caller]
fn check_both(term: Term, bytes: &[u8]) {
    check(bytes, term.clone());
    assert_eq!(&term.encode().expect("bytes")[1..], bytes);
}

#[test]
fn integers_take_the_shortest_encoding() {
    check_both(Term::from(0), &[97, 0]);
    check_both(Term::from(255), &[97, 255]);
    check_both(Term::from(256), &[98, 0, 0, 1, 0]);
    check_both(Term::from(-1), &[98, 255, 255, 255, 255]);
    check_both(Term::from(i32::MIN), &[98, 128, 0, 0, 0]);
    check_both(Term::from(1_i64 << 31), &[110, 4, 0, 0, 0, 0, 128]);
    check_both(Term::from(i64::MIN), &[110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 128]);
    check_both(
        Term::from(u64::MAX),
        &[110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 255],
    );
}
