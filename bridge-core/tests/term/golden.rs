//! Terms as BEAM wrote them (`golden/term/terms.txt`), each with the value it must have.

use std::collections::BTreeMap;
use std::iter::repeat_n;

use bridge_core::term::{OpaqueKind, Reader, Term, Token, Writer, inflate};
use num_bigint::BigInt;

use crate::beam::{escript, spawned};

const FILE: &str = include_str!("../golden/term/terms.txt");

/// One case of the golden file.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Whether BEAM wrote it in its newest form, which is also ours.
    pub(crate) newest_form: bool,
}

pub(crate) fn cases() -> Vec<Case> {
    let blocks = FILE.split("\n\n").filter(|block| block.contains("name: "));
    let cases: Vec<Case> = blocks.map(parse).collect();
    assert!(
        cases.len() > 100,
        "the golden file has only {} cases",
        cases.len()
    );
    cases
}

fn parse(block: &'static str) -> Case {
    let lines: BTreeMap<_, _> = block.lines().filter_map(|line| line.split_once(": ")).collect();
    let hex = lines["hex"].as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    let from = lines["from"];
    Case {
        name: lines["name"],
        bytes: hex
            .as_chunks()
            .0
            .iter()
            .map(|[high, low]| digit(*high) << 4 | digit(*low))
            .collect(),
        newest_form: from.ends_with("minor_version,2}])") || from == "term_to_binary(T)",
    }
}

#[test]
fn each_golden_term_has_its_value() {
    for case in cases() {
        let term = Term::decode(&case.bytes).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let expected = expected(&case);
        assert!(
            term == expected,
            "{}: expected {expected}, found {term}",
            case.name
        );
    }
}

#[test]
fn each_golden_term_is_written_as_beam_writes_it() {
    let mut compared = 0;
    for case in cases() {
        // BEAM wrote the atoms of these in the form that OTP 26 gave up.
        let old_atoms = !case.name.ends_with("_utf8") && has_atom(&Term::decode(&case.bytes).unwrap());
        if case.newest_form && !old_atoms {
            let written = expected(&case).encode().unwrap();
            assert_eq!(written, case.bytes, "{}", case.name);
            compared += 1;
        }
    }
    assert!(compared > 50, "only {compared} cases were compared");
}

#[test]
fn each_golden_term_can_be_skipped_and_spliced() {
    for case in cases() {
        let bytes = inflate(&case.bytes, &Default::default()).unwrap();
        let mut reader = Reader::new(&bytes).unwrap();
        let raw = reader.skip().unwrap();
        reader.finish().unwrap();
        assert_eq!(raw, &bytes[1..], "{}", case.name);

        let mut writer = Writer::new();
        writer.tuple_header(2).unwrap();
        writer.raw(raw);
        writer.int(1);
        let pair = Term::decode(writer.as_bytes()).unwrap();
        assert_eq!(
            pair,
            Term::tuple([expected(&case), Term::from(1)]),
            "{}",
            case.name
        );
    }
}

#[test]
fn each_golden_term_cut_short_is_an_error() {
    for case in cases() {
        for length in 0..case.bytes.len() {
            let error = Term::decode(&case.bytes[..length]);
            assert!(
                error.is_err(),
                "{}: {length} of {} bytes were read",
                case.name,
                case.bytes.len()
            );
        }
    }
}

#[test]
fn each_golden_term_is_what_this_beam_reads() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/term/terms.txt");
    let output = spawned(
        escript("golden/term/generate.escript")
            .args(["check", golden])
            .output(),
    );
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

fn has_atom(term: &Term) -> bool {
    let bytes = term.encode().unwrap();
    let mut reader = Reader::new(&bytes).unwrap();
    loop {
        match reader.token() {
            Ok(Token::Atom(_)) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn atom(name: &str) -> Term {
    Term::atom(name)
}

fn big(text: &str) -> Term {
    text.parse::<BigInt>().unwrap().into()
}

fn two_to(exponent: u32) -> BigInt {
    BigInt::from(2).pow(exponent)
}

fn empty_list() -> Term {
    Term::list::<Term>([])
}

/// The value of each case, by its name: independent of what wrote the bytes and of what reads them.
fn expected(case: &Case) -> Term {
    let opaque = |kind| Term::Opaque(kind, case.bytes[1..].to_vec());
    let squares = |n: i64| (Term::from(n), Term::from(n * n));
    let name = case.name.strip_suffix("_utf8").unwrap_or(case.name);
    match name {
        "integer_0" => Term::from(0),
        "integer_255" => Term::from(255),
        "integer_256" => Term::from(256),
        "integer_minus_1" => Term::from(-1),
        "integer_i32_max" => Term::from(i32::MAX),
        "integer_i32_min" => Term::from(i32::MIN),
        "integer_i32_max_plus_1" => Term::from(2_147_483_648_i64),
        "integer_i32_min_minus_1" => Term::from(-2_147_483_649_i64),
        "integer_i64_max" => Term::from(i64::MAX),
        "integer_i64_min" => Term::from(i64::MIN),
        "integer_i64_max_plus_1" => big("9223372036854775808"),
        "integer_i64_min_minus_1" => big("-9223372036854775809"),
        "integer_u64_max" => Term::from(u64::MAX),
        "integer_2_to_64" => big("18446744073709551616"),
        "integer_255_bytes" => Term::from(two_to(8 * 255) - 1_u8),
        "integer_256_bytes" => Term::from(two_to(8 * 255)),
        "integer_256_bytes_negative" => Term::from(-two_to(8 * 255)),
        "float_0" => Term::from(0.0),
        "float_negative_zero" | "float_text_negative_zero" => Term::from(-0.0),
        "float_one" => Term::from(1.0),
        "float_tenth" | "float_text_exact" => Term::from(0.1),
        "float_smallest" => Term::from(f64::from_bits(1)),
        "float_largest" | "float_text_largest" => Term::from(f64::MAX),
        "float_text" => Term::from(1.5),
        "atom" | "hand_atom_long_form_ascii" => atom("ok"),
        "atom_nil" => Term::nil(),
        "atom_empty" => atom(""),
        "atom_alias" => atom("Elixir.Enum"),
        "atom_latin1" | "hand_atom_small_latin1" => atom("café"),
        "atom_unicode" => atom("日本"),
        "atom_255_ascii" => atom(&"x".repeat(255)),
        "atom_255_latin1" => atom(&"é".repeat(255)),
        "atom_255_wide" => atom(&"🐍".repeat(255)),
        "binary_empty" => Term::from(""),
        "binary_text" => Term::from("café"),
        "binary_bytes" => Term::binary([0, 255, 128]),
        "binary_300_bytes" => Term::from("abc".repeat(100)),
        "bit_string_1_bit" => Term::bit_string([0x80], 1),
        "bit_string_12_bits" => Term::bit_string([0xff, 0xf0], 4),
        "bit_string_minor_0" => Term::bit_string([0xa0], 3),
        "list_empty" | "hand_string_empty" | "hand_list_empty" => empty_list(),
        "list_of_bytes" => Term::list(*b"hello"),
        "list_of_bytes_extremes" => Term::list([0, 255]),
        "list_not_all_bytes" => Term::list([1, 2, 256]),
        "list_of_negatives" => Term::list([-1, -2, 3]),
        "list_of_lists" => {
            let empty = empty_list();
            let last = Term::list([Term::list([1]), Term::list([2.0])]);
            Term::list([empty.clone(), Term::list([empty]), last])
        }
        "list_charlist_beyond_latin1" => Term::list([0x65e5, 0x672c]),
        "list_improper" => Term::list_with_tail([1, 2], 3),
        "list_improper_of_bytes" => Term::list_with_tail([65], "B"),
        "list_improper_nested" => Term::list_with_tail(
            [atom("a")],
            Term::tuple([atom("b"), Term::list_with_tail([atom("c")], atom("d"))]),
        ),
        "list_of_keywords" => Term::list([
            Term::tuple([atom("a"), 1.into()]),
            Term::tuple([atom("b"), 2.into()]),
        ]),
        "tuple_empty" => Term::tuple::<Term>([]),
        "tuple_pair" => Term::tuple([atom("ok"), Term::from("v")]),
        "tuple_255" => Term::tuple(1..=255),
        "tuple_256" => Term::tuple(1..=256),
        "map_empty" => Term::map::<Term, Term>([]),
        "map_atom_keys" => Term::map([
            (atom("a"), Term::from(1)),
            (atom("b"), Term::map([(atom("c"), empty_list())])),
        ]),
        "map_1_and_1_0" => Term::map([(Term::from(1), atom("a")), (Term::from(1.0), atom("b"))]),
        // In the order in which BEAM wrote them: integers, atoms, tuples, maps, lists, binaries.
        "map_mixed_keys" => Term::map([
            (big("18446744073709551616"), 6),
            (atom("k"), 2),
            (Term::tuple::<Term>([]), 4),
            (Term::map([(atom("a"), 1)]), 5),
            (Term::list([1]), 3),
            (Term::from("k"), 1),
        ]),
        "map_struct" => Term::map([
            (atom("__struct__"), atom("Elixir.Date")),
            (atom("day"), 29.into()),
            (atom("month"), 2.into()),
            (atom("year"), 2024.into()),
        ]),
        "map_large" => in_order_of(case, Term::map((1..=100).map(|n: i64| (n, n.to_string())))),
        "map_deterministic" => in_order_of(case, Term::map((1..=40).map(squares))),
        "nested_message" => {
            let args = [
                Term::from(1),
                Term::from(2.5),
                Term::from("x"),
                Term::nil(),
                Term::from(true),
            ];
            let keywords = Term::list([Term::tuple([atom("n"), Term::from(-1)])]);
            let options = Term::map([(atom("args"), Term::list(args)), (atom("kw"), keywords)]);
            let improper = Term::list_with_tail([atom("a")], atom("b"));
            Term::tuple([atom("call"), Term::from(17), options, improper])
        }
        "deep" => (1..=300).fold(empty_list(), |inner, n| {
            Term::list([Term::from(n), Term::tuple([inner])])
        }),
        "compressed_string_65535" => Term::list(repeat_n(7, 65_535)),
        "compressed_list_65536" => Term::list(repeat_n(7, 65_536)),
        "compressed_list_70000" => Term::list(repeat_n(-1, 70_000)),
        "compressed_binary" => Term::from("snake".repeat(1_000)),
        "compressed_mixed" => Term::list(
            (1..=200).map(|n| Term::tuple([Term::from(n % 3), Term::from("item"), atom("an atom")])),
        ),
        "compressed_too_small_to_gain" => Term::tuple([atom("ok"), Term::from(1)]),
        "hand_integer_long_form" => Term::from(5),
        "hand_big_small_value" => Term::from(1),
        "hand_big_empty" | "hand_big_negative_zero" => Term::from(0),
        "hand_big_large_form" => Term::from(-256),
        "hand_big_sign_2" => Term::from(-5),
        "hand_tuple_large_form" => Term::tuple([1, 2]),
        "hand_list_empty_with_tail" => Term::from(7),
        "hand_list_in_pieces" => Term::list([1, 2, 65, 66]),
        "hand_list_in_pieces_improper" => Term::list_with_tail([1, 2], atom("x")),
        "hand_list_in_pieces_empty_string" => Term::list([1]),
        "hand_bits_whole_bytes" => Term::binary([1, 2]),
        "hand_bits_with_rubbish_after" => Term::bit_string([0xe0], 3),
        "hand_native_record_in_tuple" => {
            let record = case.bytes[3..case.bytes.len() - 2].to_vec();
            Term::tuple([Term::Opaque(OpaqueKind::Record, record), Term::from(9)])
        }
        "opaque_among_others" => {
            let [.., tag, value] = case.bytes[..] else {
                panic!("too short")
            };
            assert_eq!([tag, value], [97, 7]);
            // The fun gives its own length, behind its tag.
            let fun = 4 + u32::from_be_bytes(case.bytes[4..8].try_into().unwrap()) as usize;
            let pid = case.bytes.len() - 2;
            Term::tuple([
                Term::Opaque(OpaqueKind::Fun, case.bytes[3..fun].to_vec()),
                Term::Opaque(OpaqueKind::Pid, case.bytes[fun..pid].to_vec()),
                Term::from(7),
            ])
        }
        "export" => opaque(OpaqueKind::Export),
        _ if name.starts_with("hand_export") => opaque(OpaqueKind::Export),
        _ if name.contains("pid") => opaque(OpaqueKind::Pid),
        _ if name.contains("port") => opaque(OpaqueKind::Port),
        _ if name.contains("reference") => opaque(OpaqueKind::Reference),
        _ if name.starts_with("fun_") => opaque(OpaqueKind::Fun),
        "hand_native_record" => opaque(OpaqueKind::Record),
        other => panic!("the golden file has a case {other}, of which this test does not know the value"),
    }
}

/// The map, with its pairs in the order in which the case has them: BEAM's order of large maps is nobody's business.
fn in_order_of(case: &Case, map: Term) -> Term {
    let order = Term::decode(&case.bytes).unwrap();
    let map = map.as_map().unwrap();
    let keys = order.as_map().unwrap().iter().map(|(key, _)| key);
    let ordered = Term::map(keys.map(|key| (key.clone(), map.get_term(key).unwrap().clone())));
    assert_eq!(ordered.as_map().unwrap().len(), map.len());
    ordered
}
