//! Pictures in the terminal: by the protocol that it knows, in blocks of half a line, or as a file and its path.
//!
//! What the terminal knows is read from the environment alone. To ask it would be surer, but its answer would come
//! among the keys that somebody types while a cell runs. That is also why no library draws here: `viuer` (0.11) asks
//! what kitty knows, takes the keys until an answer is among them, and writes to standard output itself, past the
//! renderer, which has to know what stands on the screen to take it back.

mod sixel;

use std::env;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits, Rgb, RgbImage};

use crate::highlight::{has_many_colours, has_true_colours, nearest};

/// Pictures of more pixels on a side are not decoded.
const LARGEST: u32 = 20_000;

/// What decoding may take, in bytes.
const MEMORY: u64 = 512 << 20;

/// The parts in which kitty takes data, in bytes of base64.
const PART: usize = 4096;

/// How many pixels a cell of the screen has where the terminal does not say.
const CELL: (u32, u32) = (8, 16);

/// How pictures are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Images {
    /// As a line that says what they are.
    #[default]
    Named,
    /// As a file, whose path is shown.
    Saved,
    /// By kitty's protocol.
    Kitty,
    /// By that of iTerm2.
    Iterm,
    /// As sixels.
    Sixel,
    /// As blocks of half a line, and as a file.
    Blocks,
}

/// What the terminal knows, by its environment.
pub(crate) fn detect() -> Images {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let there = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let (term, program) = (variable("TERM"), variable("TERM_PROGRAM"));
    let blocks = if has_many_colours() {
        Images::Blocks
    } else {
        Images::Saved
    };
    // They pass pictures on only when told to, and lose them when they scroll.
    if there("TMUX") || there("STY") || term.starts_with("screen") || term.starts_with("tmux") {
        return blocks;
    }
    if term.contains("kitty") || term.contains("ghostty") || there("KITTY_WINDOW_ID") || program == "ghostty"
    {
        return Images::Kitty;
    }
    if matches!(program.as_str(), "iTerm.app" | "WezTerm" | "vscode" | "mintty") || there("ITERM_SESSION_ID")
    {
        return Images::Iterm;
    }
    let sixel = ["foot", "mlterm", "yaft", "contour", "sixel"];
    if sixel.iter().any(|name| term.contains(name)) || there("WT_SESSION") || there("KONSOLE_VERSION") {
        return Images::Sixel;
    }
    // What a terminal of 256 colours makes of it says more than nothing, but only true colours look like a picture.
    if has_true_colours() {
        Images::Blocks
    } else {
        Images::Saved
    }
}

/// Where pictures are saved; it goes with the session.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Says where pictures are saved.
pub(crate) fn save_in(folder: PathBuf) {
    let _ = FOLDER.set(folder);
}

/// A picture for the screen, on lines of its own. `name` says what it is; `wanted` is the width and height that its
/// metadata asks for, in pixels.
pub(crate) fn show(
    mime: &str,
    bytes: &[u8],
    name: &str,
    images: Images,
    wanted: (Option<u32>, Option<u32>),
) -> String {
    let drawn = match images {
        Images::Named => return name.to_owned(),
        Images::Saved => None,
        _ if mime == "image/svg+xml" => None,
        Images::Kitty => kitty(mime, bytes, wanted),
        Images::Iterm => Some(iterm(bytes, wanted)),
        Images::Sixel => decode(bytes).map(|picture| {
            let (width, height) = pixels(&picture, wanted);
            sixel::encode(&on_white(&picture, width, height))
        }),
        Images::Blocks => decode(bytes).map(|picture| blocks(&picture, wanted)),
    };
    match (drawn, images) {
        (Some(drawn), Images::Blocks) => format!("{drawn}\n{}", saved(mime, bytes, name)),
        (Some(drawn), _) => drawn,
        (None, _) => saved(mime, bytes, name),
    }
}

fn decode(bytes: &[u8]) -> Option<DynamicImage> {
    let mut reader = ImageReader::new(io::Cursor::new(bytes))
        .with_guessed_format()
        .ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST);
    limits.max_image_height = Some(LARGEST);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    reader.decode().ok()
}

/// The screen: columns, rows, and the pixels of a cell.
fn screen() -> (u32, u32, (u32, u32)) {
    let Ok(size) = rustix::termios::tcgetwinsize(io::stdout()) else {
        return (80, 24, CELL);
    };
    let (columns, rows) = (u32::from(size.ws_col), u32::from(size.ws_row));
    let (columns, rows) = if columns == 0 || rows == 0 {
        (80, 24)
    } else {
        (columns, rows)
    };
    let cell = (
        u32::from(size.ws_xpixel) / columns,
        u32::from(size.ws_ypixel) / rows,
    );
    (
        columns,
        rows,
        if cell.0 == 0 || cell.1 == 0 { CELL } else { cell },
    )
}

/// The size in pixels at which a picture is shown: what is wanted or its own, but no larger than the screen.
fn pixels(picture: &DynamicImage, wanted: (Option<u32>, Option<u32>)) -> (u32, u32) {
    let (columns, rows, cell) = screen();
    let most = (columns * cell.0, rows.saturating_sub(3).max(1) * cell.1);
    fit((picture.width(), picture.height()), wanted, most)
}

fn fit(own: (u32, u32), wanted: (Option<u32>, Option<u32>), most: (u32, u32)) -> (u32, u32) {
    let (own_width, own_height) = (f64::from(own.0.max(1)), f64::from(own.1.max(1)));
    let (width, height) = match wanted {
        (Some(width), Some(height)) => (f64::from(width), f64::from(height)),
        (Some(width), None) => (f64::from(width), own_height * f64::from(width) / own_width),
        (None, Some(height)) => (own_width * f64::from(height) / own_height, f64::from(height)),
        (None, None) => (own_width, own_height),
    };
    let scale = (f64::from(most.0) / width)
        .min(f64::from(most.1) / height)
        .min(1.0);
    let whole = |side: f64| (side * scale).round().clamp(1.0, f64::from(LARGEST)) as u32;
    (whole(width), whole(height))
}

/// Kitty takes PNG files as they are.
fn kitty(mime: &str, bytes: &[u8], wanted: (Option<u32>, Option<u32>)) -> Option<String> {
    let picture = decode(bytes)?;
    let png = if mime == "image/png" {
        bytes.to_vec()
    } else {
        let mut png = io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).ok()?;
        png.into_inner()
    };
    let (_, _, cell) = screen();
    let (width, height) = pixels(&picture, wanted);
    let (columns, rows) = (width.div_ceil(cell.0), height.div_ceil(cell.1));
    let data = STANDARD.encode(png);
    let mut text = String::with_capacity(data.len() + 200);
    let mut parts = data.as_bytes().chunks(PART).peekable();
    let mut first = true;
    while let Some(part) = parts.next() {
        let more = u8::from(parts.peek().is_some());
        let _ = if std::mem::take(&mut first) {
            write!(text, "\x1b_Ga=T,f=100,q=2,c={columns},r={rows},m={more};")
        } else {
            write!(text, "\x1b_Gm={more};")
        };
        text.push_str(&String::from_utf8_lossy(part));
        text.push_str("\x1b\\");
    }
    Some(text)
}

fn iterm(bytes: &[u8], wanted: (Option<u32>, Option<u32>)) -> String {
    let side = |side: Option<u32>| side.map_or("auto".into(), |pixels| format!("{pixels}px"));
    format!(
        "\x1b]1337;File=inline=1;size={};width={};height={};preserveAspectRatio=1:{}\x07",
        bytes.len(),
        side(wanted.0),
        side(wanted.1),
        STANDARD.encode(bytes)
    )
}

/// Two pixels in a cell: the upper one is the colour of a half block, the lower one that behind it.
fn blocks(picture: &DynamicImage, wanted: (Option<u32>, Option<u32>)) -> String {
    // Detail is scarce: it takes the room that there is.
    let (columns, rows, _) = screen();
    let most = (columns.min(120), 2 * rows.saturating_sub(4).clamp(1, 40));
    let asked = fit((picture.width(), picture.height()), wanted, (LARGEST, LARGEST));
    let enlarged = if asked.0 >= 100 {
        (Some(asked.0 * 100), None)
    } else {
        (Some(asked.0), Some(asked.1))
    };
    let (width, height) = fit(asked, enlarged, most);
    let small = on_white(picture, width, height.next_multiple_of(2));
    let colour = |pixel: &Rgb<u8>| {
        let [r, g, b] = pixel.0;
        if has_true_colours() {
            format!("2;{r};{g};{b}")
        } else {
            format!("5;{}", nearest(r, g, b))
        }
    };
    let mut lines = Vec::new();
    for row in 0..small.height() / 2 {
        let mut line = String::new();
        let mut last = None;
        for column in 0..small.width() {
            let pair = (
                colour(small.get_pixel(column, 2 * row)),
                colour(small.get_pixel(column, 2 * row + 1)),
            );
            if last.as_ref() != Some(&pair) {
                let _ = write!(line, "\x1b[38;{};48;{}m", pair.0, pair.1);
                last = Some(pair);
            }
            line.push('▀');
        }
        lines.push(line + "\x1b[0m");
    }
    lines.join("\n")
}

/// The picture in that size, where it is transparent white: plots are drawn for paper.
fn on_white(picture: &DynamicImage, width: u32, height: u32) -> RgbImage {
    let small = picture
        .resize_exact(width, height, FilterType::Triangle)
        .to_rgba8();
    let mut flat = RgbImage::new(width, height);
    for (from, to) in small.pixels().zip(flat.pixels_mut()) {
        let [r, g, b, alpha] = from.0.map(u32::from);
        let mix = |part: u32| u8::try_from((part * alpha + 255 * (255 - alpha)) / 255).unwrap_or(255);
        *to = Rgb([mix(r), mix(g), mix(b)]);
    }
    flat
}

/// Saves it, and says where.
fn saved(mime: &str, bytes: &[u8], name: &str) -> String {
    match FOLDER.get().map(|folder| save(folder, mime, bytes)) {
        Some(Ok(path)) => format!("{name} file://{}", path.display()),
        _ => name.to_owned(),
    }
}

fn save(folder: &Path, mime: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let kind = mime.split(['/', ';']).nth(1).unwrap_or_default();
    let ending = match kind {
        "svg+xml" => "svg",
        "jpeg" => "jpg",
        kind if kind.chars().all(|c| c.is_ascii_alphanumeric()) && !kind.is_empty() => kind,
        _ => "image",
    };
    fs_err::create_dir_all(folder)?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("{number}.{ending}"));
    fs_err::write(&path, bytes)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let picture = RgbImage::from_fn(width, height, |x, _| {
            if x < width / 2 {
                Rgb([255, 0, 0])
            } else {
                Rgb([0, 0, 255])
            }
        });
        let mut bytes = io::Cursor::new(Vec::new());
        DynamicImage::from(picture)
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_picture_is_as_large_as_wanted_and_as_fits() {
        assert_eq!(fit((640, 480), (None, None), (640, 336)), (448, 336));
        assert_eq!(fit((64, 32), (None, None), (640, 336)), (64, 32));
        assert_eq!(fit((64, 32), (Some(128), None), (640, 336)), (128, 64));
        assert_eq!(fit((64, 32), (None, Some(16)), (640, 336)), (32, 16));
        assert_eq!(fit((1, 100_000), (None, None), (640, 336)), (1, 336));
        assert_eq!(fit((0, 0), (Some(0), Some(0)), (640, 336)), (1, 1));
    }

    #[test]
    fn each_protocol_gets_what_it_knows() {
        let bytes = png(16, 32);
        let shown = |images| show("image/png", &bytes, "[image/png]", images, (None, None));
        assert_eq!(shown(Images::Named), "[image/png]");
        let data = STANDARD.encode(&bytes);
        assert_eq!(
            shown(Images::Kitty),
            format!("\x1b_Ga=T,f=100,q=2,c=2,r=2,m=0;{data}\x1b\\")
        );
        assert!(shown(Images::Iterm).ends_with(&format!(":{data}\x07")));
        let sixel = shown(Images::Sixel);
        assert!(
            sixel.starts_with("\x1bP") && sixel.ends_with("\x1b\\"),
            "{sixel:?}"
        );
        let blocks = shown(Images::Blocks);
        let lines: Vec<&str> = blocks.lines().collect();
        // Small pictures have a block for each pixel.
        assert_eq!(lines.len(), 17, "{blocks:?}");
        assert_eq!(crate::render::without_escapes(lines[0]), "▀".repeat(16));
    }

    #[test]
    fn kitty_gets_parts() {
        // Noise, which cannot be compressed.
        let mut state = 1_u32;
        let noise = RgbImage::from_fn(80, 80, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.to_be_bytes();
            Rgb([a, b, c])
        });
        let mut bytes = io::Cursor::new(Vec::new());
        DynamicImage::from(noise)
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        let text = kitty("image/png", &bytes.into_inner(), (None, None)).unwrap();
        let parts: Vec<&str> = text.split("\x1b\\").filter(|part| !part.is_empty()).collect();
        assert!(parts.len() > 2);
        assert!(parts[0].starts_with("\x1b_Ga=T") && parts[0].contains("m=1;"));
        assert!(parts.last().unwrap().starts_with("\x1b_Gm=0;"));
    }

    #[test]
    fn what_is_no_picture_is_named() {
        for images in [Images::Kitty, Images::Sixel, Images::Blocks, Images::Saved] {
            assert_eq!(
                show("image/png", b"no", "[image]", images, (None, None)),
                "[image]"
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let path = save(folder.path(), "image/svg+xml", b"<svg/>").unwrap();
        assert_eq!(path.extension().unwrap(), "svg");
        assert_eq!(std::fs::read(path).unwrap(), b"<svg/>");
    }
}
