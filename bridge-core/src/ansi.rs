//! Escape sequences of terminals: taken out where there is no terminal to read them.

/// The text without its escape sequences. Line breaks and tabs stay.
///
/// ```
/// assert_eq!(bridge_core::ansi::without_escapes("\x1b[31mred\x1b[0m"), "red");
/// ```
pub fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        plain.push_str(&rest[..at]);
        rest = after_sequence(&rest[at + 1..]);
    }
    plain.push_str(rest);
    plain
}

/// What follows a sequence, given the text behind its escape character.
pub fn after_sequence(text: &str) -> &str {
    let end = match text.bytes().next() {
        // CSI: parameters, then one byte that ends it.
        Some(b'[') => text[1..]
            .find(|c: char| ('@'..='~').contains(&c))
            .map(|at| at + 2),
        // OSC, DCS and their like: up to BEL or ESC \.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let bell = text.find('\x07').map(|at| at + 1);
            let terminator = text.find("\x1b\\").map(|at| at + 2);
            bell.into_iter().chain(terminator).min()
        }
        // Character sets take one more.
        Some(b'(' | b')' | b'*' | b'+') => text.char_indices().nth(2).map(|(at, _)| at),
        _ => text.char_indices().nth(1).map(|(at, _)| at),
    };
    end.map_or("", |end| &text[end..])
}

#[cfg(test)]
mod tests {
    use super::without_escapes;

    #[test]
    fn only_the_text_is_left() {
        let check = |text: &str, expect: &str| assert_eq!(without_escapes(text), expect, "{text:?}");
        check("plain\ttext\n", "plain\ttext\n");
        check("\x1b[31mred\x1b[0m", "red");
        check("\x1b[38;5;208m日本\x1b[m", "日本");
        check("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "link");
        check("\x1b(Bx", "x");
        check("\x1bMx", "x");
        check("x\x1b", "x");
        check("x\x1b[31", "x");
        check("x\x1b]0;title", "x");
    }
}
