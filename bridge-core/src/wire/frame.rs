//! Frames: a length, then that many bytes.

use super::Error;

/// The longest frame.
pub const MAX_FRAME_BYTES: usize = i32::MAX as usize;

pub(super) const HEADER_BYTES: usize = 4;
/// How much room a read gets at least.
const READ_BYTES: usize = 64 * 1024;
/// An empty buffer larger than this is given back.
const KEPT_BYTES: usize = 1024 * 1024;

/// The bytes that precede a frame of that length.
///
/// # Errors
/// [`Error::TooLarge`].
pub fn frame_header(length: usize) -> Result<[u8; HEADER_BYTES], Error> {
    match u32::try_from(length) {
        Ok(short) if length <= MAX_FRAME_BYTES => Ok(short.to_be_bytes()),
        _ => Err(Error::TooLarge { length }),
    }
}

/// A frame that was taken from a [`FrameReader`]: its bytes, without the header.
#[derive(Debug)]
pub struct Frame {
    bytes: Vec<u8>,
    from: usize,
}

impl Frame {
    /// Whether its buffer is larger than what is kept without a reason.
    pub fn is_large(&self) -> bool {
        self.bytes.capacity() > KEPT_BYTES
    }
}

impl std::ops::Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

/// Takes the bytes of a connection as they come, and gives its frames.
///
/// It holds what has arrived and was not yet taken, plus room for one read: an announced length alone allocates
/// nothing.
#[derive(Debug, Default)]
pub struct FrameReader {
    buffer: Vec<u8>,
    /// Where the first frame that was not taken starts.
    start: usize,
    /// The buffer is empty and stays for the next read, however large.
    keep: bool,
}

impl FrameReader {
    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.drop_taken();
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer to append the connection's next bytes to, with room for a good read: saves `push` its copy.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.drop_taken();
        // Within a large frame the room grows with what has arrived, so that it takes few reads.
        self.buffer
            .reserve(READ_BYTES.max(self.buffer.len().min(self.missing())));
        &mut self.buffer
    }

    /// The next frame without its header, once all of it has arrived.
    ///
    /// # Errors
    /// [`Error::TooLarge`]: what follows cannot be understood, so the connection has to be closed.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, Error> {
        let Some(length) = self.announced()? else {
            return Ok(None);
        };
        let from = self.start + HEADER_BYTES;
        if self.buffer.len() - from < length {
            return Ok(None);
        }
        self.start = from + length;
        Ok(Some(&self.buffer[from..from + length]))
    }

    /// Whether the next call gives something without more bytes: a frame, or the error.
    pub fn is_ready(&self) -> bool {
        self.buffer.len() - self.start >= HEADER_BYTES && self.missing() == 0
    }

    /// As [`next_frame`](FrameReader::next_frame), but the frame is the caller's own, for a caller who reads on before
    /// it is done with it. Costs a copy only when more than this frame has arrived.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn take_frame(&mut self) -> Result<Option<Frame>, Error> {
        let from = self.start + HEADER_BYTES;
        let Some(length) = self.next_frame()?.map(<[u8]>::len) else {
            return Ok(None);
        };
        if self.start < self.buffer.len() {
            let bytes = self.buffer[from..from + length].to_vec();
            return Ok(Some(Frame { bytes, from: 0 }));
        }
        self.start = 0;
        let bytes = std::mem::take(&mut self.buffer);
        Ok(Some(Frame { bytes, from }))
    }

    /// Takes a frame's buffer back, to read on into it.
    pub fn reuse(&mut self, frame: Frame) {
        if self.buffer.is_empty() && frame.bytes.capacity() > self.buffer.capacity() {
            self.buffer = frame.bytes;
            self.start = self.buffer.len();
        }
    }

    /// As [`reuse`](FrameReader::reuse), also of a large buffer: for a caller who knows that more is coming now.
    pub fn reuse_large(&mut self, frame: Frame) {
        self.reuse(frame);
        self.keep = true;
    }

    /// To be asked when the connection has ended and no frame is left.
    ///
    /// # Errors
    /// [`Error::EndInside`] when a part of a frame is left.
    pub fn finish(&self) -> Result<(), Error> {
        if self.start == self.buffer.len() {
            Ok(())
        } else {
            Err(Error::EndInside {
                missing: self.missing(),
            })
        }
    }

    fn announced(&self) -> Result<Option<usize>, Error> {
        let Some(header) = self.buffer[self.start..].first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length > MAX_FRAME_BYTES {
            Err(Error::TooLarge { length })
        } else {
            Ok(Some(length))
        }
    }

    /// How many bytes of the first frame have not arrived.
    fn missing(&self) -> usize {
        let present = self.buffer.len() - self.start;
        match self.announced() {
            Ok(Some(length)) => (HEADER_BYTES + length).saturating_sub(present),
            Ok(None) => HEADER_BYTES.saturating_sub(present),
            Err(_) => 0,
        }
    }

    fn drop_taken(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            if self.buffer.capacity() > KEPT_BYTES && !std::mem::take(&mut self.keep) {
                self.buffer = Vec::new();
            }
        } else if self.start > 0 {
            self.buffer.drain(..self.start);
        }
        self.start = 0;
    }
}
