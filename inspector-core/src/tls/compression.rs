//! TLS compression (RFC 3749): long given up, but in recordings of old servers.
//!
//! One zlib stream per direction spans all records, each of which ends with a sync flush. So a record that is lost
//! takes all after it with it.

use flate2::{Decompress, FlushDecompress};

/// Most bytes of a record's content (RFC 5246 §6.2.1).
const MAX_CONTENT: usize = 1 << 14;

/// The compression method `DEFLATE`.
pub(crate) const DEFLATE: u8 = 1;

/// Undoes the compression of one direction.
pub(crate) struct Inflate {
    stream: Decompress,
    content: Vec<u8>,
}

/// At the first record under new keys.
impl Default for Inflate {
    fn default() -> Self {
        Self { stream: Decompress::new(true), content: Vec::new() }
    }
}

impl Inflate {
    /// The content of a record; `None` if it is damaged, or longer than a record may be.
    pub(crate) fn record(&mut self, compressed: &[u8]) -> Option<&[u8]> {
        self.content.resize(MAX_CONTENT, 0);
        let (read, written) = (self.stream.total_in(), self.stream.total_out());
        self.stream.decompress(compressed, &mut self.content, FlushDecompress::Sync).ok()?;
        let all_read = self.stream.total_in().checked_sub(read)? == compressed.len() as u64;
        let length = usize::try_from(self.stream.total_out().checked_sub(written)?).ok()?;
        self.content.get(..length).filter(|_| all_read)
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    fn compress(stream: &mut Compress, content: &[u8]) -> Vec<u8> {
        let mut out = vec![0; content.len() + 100];
        let before = stream.total_out();
        stream.compress(content, &mut out, FlushCompress::Sync).unwrap();
        out.truncate((stream.total_out() - before) as usize);
        out
    }

    #[test]
    fn records_share_a_stream_and_are_bounded() {
        let mut sender = Compress::new(Compression::best(), true);
        let mut receiver = Inflate::default();
        for content in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", b"GET / HTTP/1.1\r\n\r\n", &[7; MAX_CONTENT]] {
            let record = compress(&mut sender, content);
            assert_eq!(receiver.record(&record), Some(content));
        }
        let record = compress(&mut sender, &[7; MAX_CONTENT + 1]);
        assert_eq!(receiver.record(&record), None);
        assert_eq!(Inflate::default().record(b"not zlib"), None);
    }
}
