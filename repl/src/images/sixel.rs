//! A picture as sixels: six rows of pixels at a time, one colour after the other.

use std::collections::BTreeMap;
use std::fmt::Write;

use image::RgbImage;

/// Steps of each part of a colour: a palette of 216, as terminals with 256 registers have room for.
const STEPS: u32 = 6;

/// The escape sequence that draws a picture.
pub(super) fn encode(picture: &RgbImage) -> String {
    let (width, height) = picture.dimensions();
    let mut text = format!("\x1bPq\"1;1;{width};{height}");
    for index in 0..STEPS.pow(3) {
        let percent = |step: u32| step * 100 / (STEPS - 1);
        let (red, green, blue) = (index / STEPS.pow(2), index / STEPS % STEPS, index % STEPS);
        let _ = write!(
            text,
            "#{index};2;{};{};{}",
            percent(red),
            percent(green),
            percent(blue)
        );
    }
    for top in (0..height).step_by(6) {
        // Of each colour, which of the six rows have it in which column.
        let mut bands: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
        for row in top..height.min(top + 6) {
            for column in 0..width {
                let colour = index(picture.get_pixel(column, row).0, column, row);
                let band = bands.entry(colour).or_insert_with(|| vec![0; width as usize]);
                band[column as usize] |= 1 << (row - top);
            }
        }
        for (colour, band) in bands {
            let _ = write!(text, "#{colour}");
            let mut rest = band.as_slice();
            while let Some(first) = rest.first() {
                let count = rest.iter().take_while(|bits| *bits == first).count();
                let sixel = char::from(63 + first);
                if count > 3 {
                    let _ = write!(text, "!{count}{sixel}");
                } else {
                    text.extend(std::iter::repeat_n(sixel, count));
                }
                rest = &rest[count..];
            }
            // Back to the start of the band.
            text.push('$');
        }
        text.push('-');
    }
    text + "\x1b\\"
}

/// The colour's place in the palette; an ordered pattern stands for what is between two steps.
fn index([red, green, blue]: [u8; 3], column: u32, row: u32) -> u32 {
    const PATTERN: [[u32; 2]; 2] = [[6, 19], [32, 45]];
    let more = PATTERN[(row % 2) as usize][(column % 2) as usize];
    let step = |part: u8| ((u32::from(part) + more) / 51).min(STEPS - 1);
    step(red) * STEPS.pow(2) + step(green) * STEPS + step(blue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_small_picture() {
        let picture = RgbImage::from_fn(5, 7, |_, row| {
            if row == 0 {
                Rgb([255, 255, 255])
            } else {
                Rgb([0, 0, 0])
            }
        });
        let text = encode(&picture);
        let body = text.split("#215;2;100;100;100").nth(1).unwrap();
        // Rows 1 to 5 are black, row 0 is white; then the row that is left.
        assert_eq!(body, "#0!5}$#215!5@$-#0!5@$-\x1b\\");
    }
}
