//! What the parts promise, each by itself. Golden files, BEAM and hostile input: `tests/term`.

use std::collections::HashSet;

use num_bigint::BigInt;

use super::*;

/// The bytes are read as the term, and the term is written as the bytes; both without the version byte.
#[track_caller]
fn check(term: impl Into<Term>, bytes: &[u8]) {
    let term = term.into();
    assert_eq!(Term::read(&mut Reader::fragment(bytes)), Ok(term.clone()));
    let mut writer = Writer::fragment();
    writer.term(&term).unwrap();
    assert_eq!(writer.as_bytes(), bytes);
}

#[track_caller]
fn check_error(bytes: &[u8], expect: &str) {
    let error = Term::decode(bytes).unwrap_err();
    assert_eq!(error.to_string(), expect);
}

#[track_caller]
fn check_shown(term: impl Into<Term>, expect: &str) {
    assert_eq!(term.into().to_string(), expect);
}

#[test]
fn integers_take_the_shortest_encoding() {
    check(0, &[97, 0]);
    check(255, &[97, 255]);
    check(256, &[98, 0, 0, 1, 0]);
    check(-1, &[98, 255, 255, 255, 255]);
    check(i32::MIN, &[98, 128, 0, 0, 0]);
    check(1_i64 << 31, &[110, 4, 0, 0, 0, 0, 128]);
    check(i64::MIN, &[110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 128]);
    check(u64::MAX, &[110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
}

#[test]
fn big_integers_are_normalised_on_both_sides() {
    let mut writer = Writer::fragment();
    writer.big(true, &[5, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    writer.big(true, &[]).unwrap();
    writer.bigint(&BigInt::from(300)).unwrap();
    writer.u64(7);
    assert_eq!(
        writer.as_bytes(),
        [98, 255, 255, 255, 251, 97, 0, 98, 0, 0, 1, 44, 97, 7]
    );

    let five = Term::BigInt(Box::new(BigInt::from(5)));
    assert_eq!(five, Term::from(5));
    assert_eq!(five.as_i64(), Some(5));
    assert_eq!(five.encode(), Term::from(5).encode());
}

#[test]
fn bytes_make_a_short_list_and_other_integers_do_not() {
    check(Term::list([255, 0]), &[107, 0, 2, 255, 0]);
    check(
        Term::list([-1, 0]),
        &[108, 0, 0, 0, 2, 98, 255, 255, 255, 255, 97, 0, 106],
    );
    check(Term::list([256]), &[108, 0, 0, 0, 1, 98, 0, 0, 1, 0, 106]);
    assert_eq!(
        Term::list(vec![1; 65_535]).encode().unwrap()[..4],
        [131, 107, 255, 255]
    );
    assert_eq!(
        Term::list(vec![1; 65_536]).encode().unwrap()[..6],
        [131, 108, 0, 1, 0, 0]
    );

    for length in [0, 1, 65_535, 65_536] {
        let mut writer = Writer::new();
        writer.byte_list(&vec![7; length]).unwrap();
        assert_eq!(
            Some(writer.into_bytes()),
            Term::list(vec![7; length]).encode().ok()
        );
    }
}

#[test]
fn floats_keep_every_bit() {
    for value in [0.0, -0.0, 0.1, f64::MIN_POSITIVE, f64::from_bits(1), f64::MAX] {
        let read = Term::decode(&Term::from(value).encode().unwrap()).unwrap();
        assert_eq!(read.as_f64().map(f64::to_bits), Some(value.to_bits()));
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(Term::from(value).encode(), Err(Error::NotFinite { .. })));
    }
}

#[test]
fn atoms_are_text_of_at_most_255_characters() {
    check(Term::atom("é"), &[119, 2, 0xc3, 0xa9]);
    assert_eq!(Term::decode(&[131, 100, 0, 1, 0xe9]), Ok(Term::atom("é")));
    assert_eq!(Term::decode(&[131, 115, 1, 0xe9]), Ok(Term::atom("é")));
    check_error(&[131, 119, 1, 0xe9], "byte 1: the text of an atom is not UTF-8");

    let longest = Term::atom("é".repeat(255));
    assert_eq!(Term::decode(&longest.encode().unwrap()), Ok(longest));
    for too_long in ["x".repeat(256), "é".repeat(40_000)] {
        let error = Term::atom(too_long).encode().unwrap_err();
        assert!(matches!(error, Error::TooLong { limit: 255, .. }), "{error}");
    }
    check_error(
        &[&[131, 118, 1, 0][..], &[b'x'; 256]].concat(),
        "byte 1: an atom has more than 255 characters",
    );
}

#[test]
fn bit_strings_end_in_zeros_and_become_binaries_at_a_byte_end() {
    check(
        Term::bit_string([0xff, 0xff], 3),
        &[77, 0, 0, 0, 2, 3, 0xff, 0xe0],
    );
    assert_eq!(Term::bit_string([1, 2], 8), Term::binary([1, 2]));
    assert_eq!(Term::bit_string([], 3), Term::from(""));
    let mut writer = Writer::fragment();
    writer.bit_binary(&[0xff], 1).unwrap();
    writer.bit_binary(&[0xff], 8).unwrap();
    assert_eq!(
        writer.as_bytes(),
        [77, 0, 0, 0, 1, 1, 0x80, 109, 0, 0, 0, 1, 0xff]
    );
}

#[test]
fn maps_tell_1_from_1_0_and_0_0_from_negative_zero() {
    for keys in [
        [Term::from(1), Term::from(1.0)],
        [Term::from(0.0), Term::from(-0.0)],
    ] {
        let map = Term::map(keys.clone().map(|key| (key, 1)));
        let read = Term::decode(&map.encode().unwrap()).unwrap();
        assert_eq!(read.as_map().unwrap().len(), 2);
        assert_eq!(read, map);
    }
    check_error(
        &[131, 116, 0, 0, 0, 2, 97, 1, 97, 1, 97, 1, 97, 2],
        "byte 14: a map has the same key twice",
    );
    // The same key in two encodings, and as maps in two orders.
    let twice = [131, 116, 0, 0, 0, 2, 97, 1, 106, 98, 0, 0, 0, 1, 106];
    assert!(matches!(Term::decode(&twice), Err(Error::DuplicateKey { .. })));
    let key = |order: [u8; 2]| [116, 0, 0, 0, 2, 97, order[0], 106, 97, order[1], 106];
    let twice = [
        &[131, 116, 0, 0, 0, 2][..],
        &key([1, 2]),
        &[106],
        &key([2, 1]),
        &[106],
    ]
    .concat();
    assert!(matches!(Term::decode(&twice), Err(Error::DuplicateKey { .. })));
}

#[test]
fn maps_are_equal_in_any_order() {
    let inner = |a: &str, b: &str| Term::map([(a, 1), (b, 1)]);
    let one = Term::map([(inner("a", "b"), 1), (Term::from(1), 2)]);
    let two = Term::map([(Term::from(1), 2), (inner("b", "a"), 1)]);
    assert_eq!(one, two);
    assert_eq!(one.as_map(), two.as_map());
    assert_eq!(HashSet::from([one.clone(), two]).len(), 1);
    assert_ne!(one, Term::map([(inner("a", "b"), 1), (Term::from(1), 3)]));
    assert_ne!(
        one.encode(),
        Term::map(one.as_map().unwrap().clone().into_iter().rev()).encode()
    );
}

#[test]
fn terms_of_different_kinds_differ() {
    let empty: [Term; 0] = [];
    let terms = [
        Term::from(1),
        Term::from(1.0),
        Term::atom("1"),
        Term::from("1"),
        Term::list(["1"]),
        Term::tuple(["1"]),
        Term::list_with_tail(["1"], "1"),
        Term::list(["1", "1"]),
        Term::tuple(["1", "1"]),
        Term::map([("1", "1")]),
        Term::from(""),
        Term::atom(""),
        Term::list(empty.clone()),
        Term::tuple(empty.clone()),
        Term::map::<Term, Term>([]),
        Term::list([Term::list(empty.clone())]),
        Term::bit_string([0x80], 1),
        Term::bit_string([0x80], 2),
        Term::from(u64::MAX),
        Term::nil(),
    ];
    for (i, a) in terms.iter().enumerate() {
        for (j, b) in terms.iter().enumerate() {
            assert_eq!(a == b, i == j, "{a} and {b}");
        }
    }
}

#[test]
fn the_last_of_equal_keys_counts() {
    let map = Term::map([("a", 1), ("b", 2), ("a", 3)]);
    assert_eq!(map, Term::map([("a", 3), ("b", 2)]));
    check_shown(map, r#"%{"a" => 3, "b" => 2}"#);
}

#[test]
fn improper_lists_join_their_tails() {
    assert_eq!(Term::list_with_tail([1], Term::list([2])), Term::list([1, 2]));
    assert_eq!(
        Term::list_with_tail([1], Term::list_with_tail([2], 3)),
        Term::list_with_tail([1, 2], 3)
    );
    assert_eq!(Term::list_with_tail::<Term>([], 3), Term::from(3));
    check(Term::list_with_tail([1], 2), &[108, 0, 0, 0, 1, 97, 1, 97, 2]);
    // Not what the constructor makes, but nothing that writes bytes which are no term.
    assert_eq!(Term::ImproperList(Terms::default()).encode().unwrap(), [131, 106]);
}

#[test]
fn accessors_take_their_kind_only() {
    assert_eq!(Term::from(u64::MAX).as_u64(), Some(u64::MAX));
    assert_eq!(Term::from(u64::MAX).as_i64(), None);
    assert_eq!(Term::from(-1).as_u64(), None);
    assert_eq!(Term::from(1).as_f64(), None);
    assert_eq!(Term::from(true).as_bool(), Some(true));
    assert_eq!(Term::atom("x").as_bool(), None);
    assert!(Term::from(None::<i64>).is_nil() && !Term::list::<i64>([]).is_nil());
    assert_eq!(Term::from("é").as_str(), Some("é"));
    assert_eq!(Term::binary([0xe9]).as_str(), None);
    assert_eq!(Term::binary([0xe9]).as_binary(), Some(&[0xe9][..]));
    assert_eq!(Term::atom("é").as_str(), None);
    assert_eq!(Term::list([1]).as_tuple(), None);
    assert_eq!(Term::tuple([1]).as_list(), None);
    assert_eq!(Term::list_with_tail([1], 2).as_list(), None);
    let map = Term::map([(Term::atom("a"), 1), (Term::from("b"), 2), (Term::list([99]), 3)]);
    assert_eq!(
        ["a", "b", "c"].map(|key| map.get(key).and_then(Term::as_i64)),
        [Some(1), Some(2), None]
    );
    assert_eq!(
        map.as_map().unwrap().get_term(&Term::list([99])),
        Some(&Term::from(3))
    );
    assert_eq!(Term::from(1).get("a"), None);
}

#[test]
fn errors_say_where_and_what() {
    check_error(
        &[],
        "byte 0: the input ends inside the term's first byte; it was cut short on its way",
    );
    check_error(
        b"{\"a\"",
        "not an Erlang term: it starts with byte 123 where every term starts with 131",
    );
    check_error(
        &[131, 1],
        "byte 1: no kind of term has the tag 1; the bytes are damaged or not a term",
    );
    check_error(
        &[131, 109, 0, 0, 0, 9, 1],
        "byte 7: the input ends inside a binary; it was cut short on its way",
    );
    check_error(
        &[131, 97, 1, 97, 2],
        "byte 3: the term ends here, but 2 more bytes follow",
    );
    check_error(
        &[131, 108, 0, 0, 0, 2, 106, 106],
        "byte 1: a list claims 3 more terms, which the 2 bytes left cannot hold",
    );
    check_error(
        &[131, 116, 0, 0, 0, 1, 106],
        "byte 1: a map claims 2 more terms, which the 1 bytes left cannot hold",
    );
    let nan = [&[131, 70][..], &f64::NAN.to_be_bytes()].concat();
    check_error(&nan, "byte 1: a float is infinite or NaN, which BEAM has not");
    check_error(
        &[131, 104, 1, 131, 106],
        "byte 3: a second version byte stands inside of a term",
    );
    check_error(
        &[131, 104, 1, 80, 0],
        "byte 3: a compressed term stands inside of a term",
    );
    check_error(
        &[131, 104, 1, 82, 0],
        "byte 3: a reference to the atom cache of a connection between BEAM nodes, which cannot be read here",
    );
    check_error(
        &[131, 68, 0],
        "byte 1: the header of a message between BEAM nodes, which cannot be read here",
    );
    check_error(
        &[131, 121, 1, 2, 3, 4],
        "byte 1: a term of term_to_binary(Term, [local]), readable only by the BEAM that wrote it, which cannot be read here",
    );
    check_error(
        &[131, 117, 0],
        "byte 1: a function written before OTP R8, which cannot be read here",
    );
    for wrong in [
        &[0, 0, 0, 1, 9, 0][..],
        &[0, 0, 0, 1, 0, 0],
        &[0, 0, 0, 0, 0],
        &[0, 0, 0, 0, 1],
    ] {
        check_error(
            &[&[131, 77], wrong].concat(),
            "byte 1: a bit string gives a wrong number of bits for its last byte",
        );
    }
    assert_eq!(Reader::new(&[131, 80, 0]).unwrap_err(), Error::Compressed);
}

#[test]
fn floats_as_text_are_read_as_strictly_as_by_beam() {
    let read = |text: &str| {
        let mut bytes = [0; 33];
        bytes[..2].copy_from_slice(&[131, 99]);
        bytes[2..2 + text.len()].copy_from_slice(text.as_bytes());
        Term::decode(&bytes).ok()
    };
    assert_eq!(read("1.50000000000000000000e+00"), Some(Term::from(1.5)));
    assert_eq!(read("-0.00000000000000000000e+00"), Some(Term::from(-0.0)));
    assert_eq!(read("+1.5"), Some(Term::from(1.5)));
    for text in [
        "", "15", "1e3", "inf", "NaN", " 1.5", "1.5x", "1.", ".5", "1.e5", "-.5", "1.0e400", "1.5e",
    ] {
        assert_eq!(read(text), None, "{text:?}");
    }
}

#[test]
fn a_reader_ends_where_its_term_ends() {
    let mut reader = Reader::new(&[131, 97, 1, 97, 2]).unwrap();
    assert_eq!(reader.finish(), Err(Error::Unread { offset: 1, owed: 1 }));
    assert_eq!(reader.token(), Ok(Token::Int(1)));
    assert_eq!(reader.finish(), Err(Error::TrailingBytes { offset: 3, count: 2 }));
    for _ in 0..2 {
        assert_eq!(reader.token(), Err(Error::PastEnd { offset: 3 }));
        assert_eq!(reader.skip(), Err(Error::PastEnd { offset: 3 }));
        assert!(!reader.end_list());
    }
}

#[test]
fn expectations_name_what_they_found() {
    let bytes = Term::tuple([Term::from(u64::MAX), Term::binary([0xff])])
        .encode()
        .unwrap();
    let reader = Reader::new(&bytes).unwrap();
    let inside = || {
        let mut reader = reader.clone();
        reader.expect_tuple(2).unwrap();
        reader
    };
    let said = |error: Error| error.to_string();
    assert_eq!(
        said(reader.clone().expect_tuple(3).unwrap_err()),
        "byte 1: expected a tuple of 3, found one of 2"
    );
    assert_eq!(
        said(reader.clone().expect_int().unwrap_err()),
        "byte 1: expected an integer, found a tuple"
    );
    assert_eq!(
        said(inside().expect_int().unwrap_err()),
        "byte 3: expected an integer of 64 bits, found a larger one"
    );
    assert_eq!(
        said(inside().expect_atom().unwrap_err()),
        "byte 3: expected an atom, found an integer"
    );
    let mut second = inside();
    second.skip().unwrap();
    assert_eq!(
        said(second.expect_str().unwrap_err()),
        "byte 14: expected a string, found a binary that is not UTF-8"
    );
}

#[test]
fn lengths_that_do_not_fit_are_errors_not_wraps() {
    let mut writer = Writer::fragment();
    let too_long = u32::MAX as usize + 1;
    let said = "the number of elements of a list is 4294967296, and BEAM takes at most 4294967295";
    assert_eq!(writer.list_header(too_long).unwrap_err().to_string(), said);
    assert!(writer.map_header(too_long).is_err());
    assert!(writer.binary_header(too_long).is_err());
    assert!(writer.tuple_header(too_long).is_err());
    assert!(writer.tuple_header(Writer::MAX_TUPLE_ARITY + 1).is_err());
    let said = "the number of bytes of an integer is 524281, and BEAM takes at most 524280";
    let error = writer
        .big(false, &vec![1; Writer::MAX_INTEGER_BYTES + 1])
        .unwrap_err();
    assert_eq!(error.to_string(), said);
    assert_eq!(writer.position(), 0);
    writer.list_header(u32::MAX as usize).unwrap();
    writer.tuple_header(Writer::MAX_TUPLE_ARITY).unwrap();
    writer.big(true, &vec![1; Writer::MAX_INTEGER_BYTES]).unwrap();
}

#[test]
fn a_writer_goes_back_and_appends() {
    let mut writer = Writer::append_to(vec![0; 4]);
    writer.tuple_header(2).unwrap();
    let before = writer.position();
    writer.list_header(3).unwrap();
    writer.int(1);
    writer.rewind(before);
    writer.bool(true);
    writer.bool(false);
    let bytes = writer.into_bytes();
    assert_eq!(Term::decode(&bytes[4..]), Ok(Term::tuple([true, false])));
}

#[test]
fn terms_are_shown_as_elixir_writes_them() {
    check_shown(Term::from(-7), "-7");
    check_shown(Term::from(u64::MAX), "18446744073709551615");
    check_shown(1.0, "1.0");
    check_shown(1e100, "1.0e100");
    check_shown(1.5e-7, "1.5e-7");
    check_shown(Term::nil(), "nil");
    check_shown(true, "true");
    check_shown(Term::atom("ok?"), ":ok?");
    check_shown(Term::atom("two words"), r#":"two words""#);
    check_shown(Term::atom(""), r#":"""#);
    check_shown(Term::atom("Elixir.My.App"), "My.App");
    check_shown(Term::atom("Elixir.my"), r#":"Elixir.my""#);
    check_shown("say \"hi\"\n#{x} \\", r#""say \"hi\"\n\#{x} \\""#);
    check_shown(Term::binary([0, 255]), "<<0, 255>>");
    check_shown(Term::bit_string([1, 0xe0], 3), "<<1, 7::size(3)>>");
    check_shown(Term::list([1, 2]), "[1, 2]");
    check_shown(Term::list_with_tail([1, 2], 3), "[1, 2 | 3]");
    check_shown(
        Term::tuple([Term::atom("ok"), Term::tuple::<Term>([])]),
        "{:ok, {}}",
    );
    check_shown(
        Term::map([(Term::atom("a"), 1), (Term::atom("b c"), 2)]),
        r#"%{a: 1, "b c": 2}"#,
    );
    check_shown(
        Term::map([(Term::atom("a"), 1), (Term::from(2), 2)]),
        "%{:a => 1, 2 => 2}",
    );
    check_shown(Term::map::<Term, Term>([]), "%{}");
    check_shown(Term::Opaque(OpaqueKind::Pid, vec![]), "#PID<...>");
    check_shown(
        Term::from(BigInt::from(1) << 100_000_u32),
        "#Integer<100001 bits>",
    );
}

#[test]
fn long_terms_are_cut_where_the_format_says() {
    let list = Term::list(1..=1_000_000);
    assert_eq!(format!("{list:.10}"), "[1, 2, 3, ...");
    assert_eq!(list.to_string().chars().count(), 2_003);
    assert_eq!(format!("{:.3}", Term::from("日本語")), "\"日本...");
    assert_eq!(format!("{:.4}", Term::from(1234)), "1234");
}
