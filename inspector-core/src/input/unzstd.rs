//! One frame of a zstd file.
//!
//! ruzstd stops after a frame and keeps a window of good bytes back when it meets damage; the first is the business of
//! [`super::unpack`], the second of this reader.
//!
//! Source: RFC 8878 §3.1.1.

use std::io::{self, Read};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, FrameHeaderError},
};

/// Decodes a frame; then the source stands behind it.
pub(crate) struct Frame<R> {
    pub(crate) source: R,
    decoder: FrameDecoder,
    begun: bool,
    /// The frame wants a larger window than allowed.
    pub(crate) window_refused: bool,
    broken: Option<io::Error>,
}

impl<R: Read> Frame<R> {
    pub(crate) fn new(source: R, largest_window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(largest_window);
        Self { source, decoder, begun: false, window_refused: false, broken: None }
    }

    /// After an error the decoder would keep back a whole window of good bytes, for references that will never come. An empty
    /// last block (RFC 8878 §3.1.1.2: last, raw, length 0) and room for a checksum make it give them up.
    fn release(&mut self, error: FrameDecoderError) {
        const EMPTY_LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];
        self.broken = Some(io::Error::other(error));
        if self.decoder.decode_blocks(&EMPTY_LAST_BLOCK[..], BlockDecodingStrategy::UptoBlocks(1)).is_err() {
            // Unfinished for ever: a fresh decoder is finished and empty.
            self.decoder = FrameDecoder::new();
        }
    }
}

impl<R: Read> Read for Frame<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begun = true;
            if let Err(error) = self.decoder.init(&mut self.source) {
                self.window_refused = matches!(
                    error,
                    FrameDecoderError::WindowSizeTooBig { .. }
                        | FrameDecoderError::FrameHeaderError(FrameHeaderError::WindowTooBig { .. })
                );
                return Err(io::Error::other(error));
            }
        }
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            if let Err(error) = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1)) {
                self.release(error);
            }
        }
        let count = self.decoder.read(to)?;
        if count > 0 {
            return Ok(count);
        }
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        match self.decoder.get_checksum_from_data() {
            Some(stated) if Some(stated) != self.decoder.get_calculated_checksum() => {
                Err(io::Error::other("the checksum of a zstd frame does not match"))
            }
            _ => Ok(0),
        }
    }
}
