//! One member of a gzip file.
//!
//! flate2's own reader loses what it inflated in the call that meets the damage, up to a whole buffer and more or less of it
//! by the size of the reads. Here every byte inflated before the damage is handed out.
//!
//! Source: RFC 1952 §2.3.

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

const HEADER_CRC: u8 = 0x02;
const EXTRA: u8 = 0x04;
const NAME: u8 = 0x08;
const COMMENT: u8 = 0x10;

/// Inflates a member; then the source stands behind it.
pub(crate) struct Member<R> {
    pub(crate) source: R,
    inflate: Decompress,
    check: Crc,
    state: State,
    broken: Option<io::Error>,
}

enum State {
    Header,
    Content,
    Done,
}

impl<R: BufRead> Member<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, inflate: Decompress::new(false), check: Crc::new(), state: State::Header, broken: None }
    }

    fn header(&mut self) -> io::Result<()> {
        let mut fixed = [0; 10];
        self.source.read_exact(&mut fixed)?;
        let [_, _, _, flags, ..] = fixed;
        if flags & EXTRA != 0 {
            let mut length = [0; 2];
            self.source.read_exact(&mut length)?;
            self.pass_over(usize::from(u16::from_le_bytes(length)))?;
        }
        for text in [NAME, COMMENT] {
            if flags & text != 0 {
                self.pass_over_text()?;
            }
        }
        if flags & HEADER_CRC != 0 {
            self.pass_over(2)?;
        }
        Ok(())
    }

    fn pass_over(&mut self, mut count: usize) -> io::Result<()> {
        while count > 0 {
            let have = self.source.fill_buf()?.len().min(count);
            if have == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.source.consume(have);
            count = count.saturating_sub(have);
        }
        Ok(())
    }

    fn pass_over_text(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.source.fill_buf()?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let end = memchr::memchr(0, bytes);
            let count = end.map_or(bytes.len(), |end| end.saturating_add(1));
            self.source.consume(count);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    fn trailer(&mut self) -> io::Result<()> {
        let mut bytes = [0; 8];
        self.source.read_exact(&mut bytes)?;
        let stated = u64::from_le_bytes(bytes);
        let counted = u64::from(self.check.sum()) | (u64::from(self.check.amount()) << 32);
        if stated == counted { Ok(()) } else { Err(io::Error::other("the checksum of a gzip member does not match")) }
    }
}

impl<R: BufRead> Read for Member<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        loop {
            match self.state {
                State::Done => return Ok(0),
                State::Header => {
                    self.header()?;
                    self.state = State::Content;
                }
                State::Content => {}
            }
            let from = self.source.fill_buf()?;
            let ended = from.is_empty();
            let (consumed, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(from, to, FlushDecompress::None);
            let consumed = usize::try_from(self.inflate.total_in().saturating_sub(consumed)).unwrap_or(usize::MAX);
            let written = usize::try_from(self.inflate.total_out().saturating_sub(written)).unwrap_or(usize::MAX);
            self.source.consume(consumed);
            self.check.update(to.get(..written).unwrap_or_default());
            let outcome = match status {
                Ok(Status::StreamEnd) => {
                    self.state = State::Done;
                    self.trailer()
                }
                Ok(_) if consumed > 0 || written > 0 => Ok(()),
                Ok(_) if ended => Err(io::ErrorKind::UnexpectedEof.into()),
                // The words of the library depend on the call in which it noticed.
                Ok(_) | Err(_) => Err(io::Error::other("corrupt deflate stream")),
            };
            if written == 0 {
                outcome?;
                continue;
            }
            self.broken = outcome.err();
            return Ok(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::unpack::tests::gzip;

    fn read(bytes: &[u8], most: usize) -> (Vec<u8>, io::Result<usize>) {
        let mut member = Member::new(io::BufReader::with_capacity(most, bytes));
        let mut content = Vec::new();
        let result = member.read_to_end(&mut content);
        (content, result)
    }

    #[test]
    fn passes_over_every_part_of_the_header() {
        let plain = gzip(b"hello");
        for flags in 0..32_u8 {
            let mut bytes = plain[..10].to_vec();
            bytes[3] = flags;
            for (flag, part) in [(EXTRA, &b"\x03\0abc"[..]), (NAME, b"name\0"), (COMMENT, b"\0"), (HEADER_CRC, b"xx")] {
                if flags & flag != 0 {
                    bytes.extend(part);
                }
            }
            bytes.extend(&plain[10..]);
            for most in [1, 3, 1000] {
                let (content, result) = read(&bytes, most);
                assert_eq!((content, result.unwrap()), (b"hello".to_vec(), 5));
            }
        }
    }

    #[test]
    fn every_byte_before_damage_is_handed_out_whatever_the_reads() {
        let data: Vec<u8> = (0..20_000_u32).flat_map(|n| (n.wrapping_mul(n) ^ 77).to_le_bytes()).collect();
        let mut bytes = gzip(&data);
        let half = bytes.len() / 2;
        bytes[half..].fill(0xff);
        let (whole, result) = read(&bytes, 1 << 20);
        assert!(result.is_err());
        assert!(whole.len() > 30_000 && whole.starts_with(&data[..30_000]), "{}", whole.len());
        for most in [1, 7, 4096] {
            assert!(read(&bytes, most).0 == whole);
        }
    }
}
