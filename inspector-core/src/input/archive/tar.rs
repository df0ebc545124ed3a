//! Tape archives (POSIX.1-2024 `pax` interchange format, with the long names of GNU tar), read from front to back.
//!
//! ```text
//! name:100 mode:8 uid:8 gid:8 size:12 mtime:12 checksum:8 type:1 link:100 "ustar" … prefix:155 …   512 bytes
//! content, filled up to 512
//! ```

use std::io::{self, Read};

const BLOCK: usize = 512;
/// Longest header of a long name or of records that is believed, in bytes.
const LONG: u64 = 64 << 10;

/// Whether a file begins as such an archive does: the header's checksum is right.
pub fn looks_like_tar(head: &[u8]) -> bool {
    head.first_chunk::<BLOCK>().is_some_and(|block| block.first() != Some(&0) && has_checksum(block))
}

fn has_checksum(block: &[u8; BLOCK]) -> bool {
    let told = octal(block.get(148..156).unwrap_or_default());
    let sum = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) });
    told == Some(sum.sum())
}

/// A number in octal digits, or in base 256 if its first bit is set.
fn octal(field: &[u8]) -> Option<u64> {
    if let [first @ 0x80..=0xff, rest @ ..] = field {
        let start = u64::from(first & 0x7f);
        return rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let digits = field.split(|byte| matches!(byte, 0 | b' ')).find(|part| !part.is_empty())?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

/// An archive over a stream.
pub struct Tar<R> {
    input: R,
    /// Of the member that is at hand: bytes of its content, and of what fills it up.
    left: u64,
    padding: u64,
}

/// A member: a regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub name: String,
    /// Bytes of its content.
    pub size: u64,
}

impl<R: Read> Tar<R> {
    /// An archive that begins here.
    pub const fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0 }
    }

    /// Goes to the next regular file; its content is read from the archive itself then. `None` at the end.
    ///
    /// # Errors
    /// `InvalidData` if a header is damaged, `UnexpectedEof` if the archive is cut, or the operating system's.
    pub fn next_file(&mut self) -> io::Result<Option<Entry>> {
        let (mut long_name, mut long_size) = (None, None);
        loop {
            let rest = self.left + self.padding;
            (self.left, self.padding) = (0, 0);
            if io::copy(&mut (&mut self.input).take(rest), &mut io::sink())? < rest {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut block = [0; BLOCK];
            self.input.read_exact(&mut block)?;
            if block.iter().all(|byte| *byte == 0) {
                return self.end().map(|()| None);
            }
            if !has_checksum(&block) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a header of the archive is damaged"));
            }
            let size = octal(block.get(124..136).unwrap_or_default());
            let kind = block.get(156).copied().unwrap_or_default();
            let size = match size {
                Some(size) => size,
                None if matches!(kind, b'1'..=b'6') => 0,
                None => return Err(io::Error::new(io::ErrorKind::InvalidData, "a size in the archive is none")),
            };
            match kind {
                b'L' | b'x' if size <= LONG => {
                    self.have(size);
                    let mut text = Vec::new();
                    self.read_to_end(&mut text)?;
                    if kind == b'L' {
                        let end = memchr::memchr(0, &text).unwrap_or(text.len());
                        long_name = text.get(..end).map(|name| String::from_utf8_lossy(name).into_owned());
                    } else {
                        for (key, value) in records(&text) {
                            match key {
                                b"path" => long_name = Some(String::from_utf8_lossy(value).into_owned()),
                                b"size" => long_size = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok()),
                                _ => {}
                            }
                        }
                    }
                }
                0 | b'0' | b'7' => {
                    let size = long_size.unwrap_or(size);
                    self.have(size);
                    return Ok(Some(Entry { name: long_name.unwrap_or_else(|| name(&block)), size }));
                }
                // Folders and links have no content, whatever their size says.
                b'1'..=b'6' => (long_name, long_size) = (None, None),
                // Records for all members, names of links and volumes, lists of folders, and rights.
                b'g' | b'K' | b'V' | b'D' | b'A' | b'E' | b'I' | b'N' | b'X' => self.have(size),
                _ => {
                    let what =
                        "a member of the archive is kept in a form that is not read (sparse, or in several volumes)";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
            }
        }
    }

    /// Goes over what fills the archive up behind its end: zeros, or it is another archive, which is not read.
    fn end(&mut self) -> io::Result<()> {
        let mut piece = [0; 8 << 10];
        loop {
            match self.input.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) if piece.iter().take(count).any(|byte| *byte != 0) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the archive goes on behind its end"));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn have(&mut self, size: u64) {
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
    }
}

impl<R: Read> Read for Tar<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(to.len());
        let count = self.input.read(to.get_mut(..most).unwrap_or_default())?;
        if count == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

fn name(block: &[u8; BLOCK]) -> String {
    let text = |range: std::ops::Range<usize>| {
        let field = block.get(range).unwrap_or_default();
        let end = memchr::memchr(0, field).unwrap_or(field.len());
        String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
    };
    let prefix = if block.get(257..263) == Some(b"ustar\0") { text(345..500) } else { String::new() };
    if prefix.is_empty() { text(0..100) } else { format!("{prefix}/{}", text(0..100)) }
}

/// `27 path=a/long/name\n`: keys and values.
fn records(text: &[u8]) -> Vec<(&[u8], &[u8])> {
    let (mut rest, mut found) = (text, Vec::new());
    while let Some(at) = memchr::memchr(b' ', rest) {
        let length = rest.get(..at).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        let Some((record, later)) = length.and_then(|length| rest.split_at_checked(length)) else { break };
        let record = record.get(at + 1..).unwrap_or_default();
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        if let Some(sign) = memchr::memchr(b'=', record) {
            found.push((record.get(..sign).unwrap_or_default(), record.get(sign + 1..).unwrap_or_default()));
        }
        rest = later;
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn header(name: &str, size: usize, kind: u8) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[156] = kind;
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    fn filled(content: &[u8]) -> Vec<u8> {
        let mut bytes = content.to_vec();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    /// An archive of these members; names beyond 99 bytes as GNU tar writes them.
    pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = header("folder/", 0, b'5');
        for (name, content) in members {
            if name.len() > 99 {
                out.extend(header("././@LongLink", name.len(), b'L'));
                out.extend(filled(name.as_bytes()));
            }
            out.extend(header(name.get(..99).unwrap_or(name), content.len(), b'0'));
            out.extend(filled(content));
        }
        out.extend([0; 2 * BLOCK]);
        out
    }

    fn contents(bytes: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
        let (mut tar, mut read) = (Tar::new(bytes), Vec::new());
        while let Some(entry) = tar.next_file()? {
            let mut content = Vec::new();
            tar.read_to_end(&mut content)?;
            read.push((entry.name, content));
        }
        Ok(read)
    }

    #[test]
    fn members_are_read_with_long_names() {
        let long = "n".repeat(150);
        let bytes = archive(&[("a", b"one"), (&long, &[7; 600]), ("empty", b"")]);
        assert!(looks_like_tar(&bytes));
        let read = contents(&bytes).unwrap();
        assert_eq!(read, [("a".into(), b"one".to_vec()), (long, vec![7; 600]), ("empty".into(), vec![])]);
        for (record, wanted) in [("23 path=folder/renamed\n", "folder/renamed"), ("99 path=folder/renamed\n", "short")]
        {
            let mut pax = header("x", record.len(), b'x');
            pax.extend(filled(record.as_bytes()));
            pax.extend(header("short", 2, b'0'));
            pax.extend(filled(b"hi"));
            pax.extend([0; 2 * BLOCK]);
            assert_eq!(contents(&pax).unwrap()[0].0, wanted);
        }
    }

    #[test]
    fn what_is_not_read_is_an_error() {
        let whole = archive(&[("a", b"one"), ("b", b"two")]);
        assert_eq!(contents(&whole).unwrap().len(), 2);
        assert_eq!(contents(&[&whole[..], &[0; 20 * BLOCK]].concat()).unwrap().len(), 2);
        // Cut between two members, and two archives behind each other.
        for cut in [BLOCK * 3, BLOCK * 5] {
            assert_eq!(contents(&whole[..cut]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{cut}");
        }
        assert!(contents(&whole.repeat(2)).is_err());
        let mut sparse = [header("a", 3, b'S'), filled(b"one"), whole.clone()].concat();
        assert!(contents(&sparse).is_err());
        sparse.splice(..BLOCK, header("a", 3, b'g'));
        assert_eq!(contents(&sparse).unwrap().len(), 2);
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let whole = archive(&[("a", b"one"), ("b", &[7; 600])]);
        for length in 0..whole.len() {
            let read = contents(&whole[..length]);
            assert!(read.is_err() || read.unwrap().len() <= 2);
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x81;
            let _ = contents(&bytes);
        }
        assert!(!looks_like_tar(&[0; BLOCK]) && !looks_like_tar(b"a"));
    }
}
