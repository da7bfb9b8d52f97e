//! Lengths of time, for people.

use std::time::Duration;

/// A long one: `1.4 s`, `2 min 5 s`, `3 h 4 min`.
pub(crate) fn rough(span: Duration) -> String {
    match span.as_secs() {
        0..60 => format!("{:.1} s", span.as_secs_f64().min(59.9)),
        _ => seconds(span),
    }
}

/// The same in whole seconds.
pub(crate) fn seconds(span: Duration) -> String {
    match span.as_secs() {
        whole @ 0..60 => format!("{whole} s"),
        whole @ 60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        whole => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// One that was measured, with three digits: `312 ns`, `1.04 ms`, `12.3 s`.
pub(crate) fn exact(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ns if ns < 999.5 => (ns, "ns"),
        ns if ns < 999.5e3 => (ns / 1e3, "us"),
        ns if ns < 999.5e6 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let digits = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_to_read() {
        let check = |milliseconds, expect: &str| {
            assert_eq!(rough(Duration::from_millis(milliseconds)), expect);
        };
        check(1_040, "1.0 s");
        check(59_990, "59.9 s");
        check(125_900, "2 min 5 s");
        check(11_040_000, "3 h 4 min");
        assert_eq!(seconds(Duration::from_millis(2_900)), "2 s");
    }

    #[test]
    fn measured_ones_have_three_digits() {
        let check = |nanoseconds, expect: &str| assert_eq!(exact(nanoseconds), expect);
        check(0.4, "0.40 ns");
        check(312.4, "312 ns");
        check(1_040.0, "1.04 us");
        check(999_800.0, "1.00 ms");
        check(12_340_000_000.0, "12.3 s");
    }
}
