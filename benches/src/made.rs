//! Recordings that are made as they are read, so that one of any size takes no memory.

use std::io::{self, Read};

/// The bytes of an iterator's pieces, one after the other.
#[derive(Debug)]
pub struct Made<I> {
    pieces: I,
    /// The piece that is being read, and how far.
    piece: Vec<u8>,
    at: usize,
}

impl<I: Iterator<Item = Vec<u8>>> Made<I> {
    /// A recording of these pieces.
    pub const fn new(pieces: I) -> Self {
        Self { pieces, piece: Vec::new(), at: 0 }
    }

    /// All of it at once.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).expect("nothing can fail");
        bytes
    }
}

impl<I: Iterator<Item = Vec<u8>>> Read for Made<I> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < to.len() {
            if self.at == self.piece.len() {
                let Some(piece) = self.pieces.next() else { break };
                (self.piece, self.at) = (piece, 0);
            }
            let count = (to.len() - filled).min(self.piece.len() - self.at);
            to[filled..filled + count].copy_from_slice(&self.piece[self.at..self.at + count]);
            filled += count;
            self.at += count;
        }
        Ok(filled)
    }
}
