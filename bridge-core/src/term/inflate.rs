//! Compressed terms: `term_to_binary(Term, [compressed])`.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::ZlibDecoder;

use super::{Error, Limits, tag};

/// The term's bytes as a [`Reader`](super::Reader) takes them: borrowed, or inflated if they are compressed.
///
/// The memory used follows the bytes that really come out, not the size that the term claims.
///
/// ```
/// use bridge_core::term::{Limits, Reader, inflate};
///
/// let bytes = inflate(&[131, 97, 7], &Limits::default())?;
/// assert_eq!(Reader::new(&bytes)?.expect_int()?, 7);
/// # Ok::<(), bridge_core::term::Error>(())
/// ```
pub fn inflate<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Error> {
    let compressed = match bytes {
        [tag::VERSION, tag::COMPRESSED, rest @ ..] => rest,
        _ => return Ok(Cow::Borrowed(bytes)),
    };
    let (size, deflated) = compressed.split_first_chunk().ok_or(Error::Truncated {
        offset: bytes.len(),
        what: "the size of a compressed term",
    })?;
    let size = u64::from(u32::from_be_bytes(*size));
    if size > limits.max_inflated as u64 {
        return Err(Error::InflatedTooLarge {
            size,
            limit: limits.max_inflated,
        });
    }
    let mut decoder = ZlibDecoder::new(deflated);
    let mut inflated = vec![tag::VERSION];
    // One byte more than claimed, so that too much is noticed, and so that the stream's checksum is reached.
    decoder
        .by_ref()
        .take(size + 1)
        .read_to_end(&mut inflated)
        .map_err(|_| Error::Inflate {
            what: "its content is no zlib stream, or is cut short",
        })?;
    match (inflated.len() as u64 - 1).cmp(&size) {
        std::cmp::Ordering::Less => {
            return Err(Error::Inflate {
                what: "it holds less than it claims",
            });
        }
        std::cmp::Ordering::Greater => {
            return Err(Error::Inflate {
                what: "it holds more than it claims",
            });
        }
        std::cmp::Ordering::Equal => {}
    }
    if let [_, tag::COMPRESSED, ..] = inflated[..] {
        return Err(Error::Inflate {
            what: "it holds another compressed term",
        });
    }
    match decoder.into_inner().len() {
        0 => Ok(Cow::Owned(inflated)),
        count => Err(Error::TrailingBytes {
            offset: bytes.len() - count,
            count,
        }),
    }
}
