//! Cursors: Jupyter counts Unicode code points, the session counts bytes.

/// The byte at which that code point of the text begins; its end, if it has fewer.
///
/// ```
/// assert_eq!(snakebridge_kernel::codepoints::to_byte("añb", 2), 3);
/// ```
pub fn to_byte(text: &str, codepoint: usize) -> usize {
    text.char_indices()
        .nth(codepoint)
        .map_or(text.len(), |(byte, _)| byte)
}

/// How many code points stand before that byte of the text.
///
/// ```
/// assert_eq!(snakebridge_kernel::codepoints::of_byte("añb", 3), 2);
/// ```
pub fn of_byte(text: &str, byte: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < byte).count()
}
