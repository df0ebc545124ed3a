//! Zip archives (APPNOTE.TXT 6.3.10): the central directory is believed, members are read where they lie.
//!
//! ```text
//! [local header, data]…  [central directory entry]…  [zip64 end, its locator]  end of central directory, comment
//! ```
//!
//! The directory is read piece by piece and given to the caller entry by entry, so that an archive of 300,000 members takes
//! no more memory than what the caller keeps of each. Bytes before the first member (a self-extracting program) shift all
//! offsets; the shift is found by where the directory really lies. Methods are stored and deflate; others are named. A member
//! that unpacks to more than [`Limits::unpack_free`] and [`Limits::unpack_ratio`] times its size ends in an error, and so does
//! one whose checksum is wrong.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::{Crc, bufread::DeflateDecoder};

use crate::limits::Limits;

const END: [u8; 4] = *b"PK\x05\x06";
const END_LENGTH: usize = 22;
const END64_LOCATOR: [u8; 4] = *b"PK\x06\x07";
const END64: [u8; 4] = *b"PK\x06\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
/// Longest comment of an archive.
const COMMENT: u64 = 0xffff;

/// What a member of an archive is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not compressed.
    Stored,
    /// Deflate.
    Deflated,
    /// Another one, by its number (APPNOTE.TXT §4.4.5).
    Other(u16),
}

/// Where a member lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of its local header, in the file.
    offset: u64,
    compressed: u64,
    /// Unpacked, as the directory tells.
    pub size: u64,
    checksum: u32,
    /// How it is compressed.
    pub method: Method,
    /// It wants a password.
    pub encrypted: bool,
}

impl Place {
    /// Whether nothing is there, not even by the size of what it unpacks from: two bytes are deflate's way to say nothing.
    pub(crate) const fn is_empty(&self) -> bool {
        self.size == 0 && self.compressed <= 2
    }
}

/// An archive over something that can be read at any place.
pub struct Zip<R> {
    input: R,
    /// Where the central directory begins, and ends.
    directory: (u64, u64),
    entries: u64,
    /// Added to all offsets.
    shift: u64,
    has_more: bool,
}

impl<R: Read + Seek> Zip<R> {
    /// Finds the central directory.
    ///
    /// # Errors
    /// `InvalidData` if there is none (the archive is cut or is none), or the operating system's.
    pub fn open(mut input: R) -> io::Result<Self> {
        let length = input.seek(SeekFrom::End(0))?;
        let tail_at = length.saturating_sub(COMMENT + END_LENGTH as u64);
        let tail = read_at(&mut input, tail_at, (length - tail_at) as usize)?;
        let is_end = |at: &usize| {
            let comment = u16_at(&tail, at + 20).unwrap_or(u16::MAX);
            at + END_LENGTH + usize::from(comment) <= tail.len()
        };
        let at = memchr::memmem::rfind_iter(&tail, &END)
            .find(is_end)
            .ok_or_else(|| damaged("it has no directory at its end: it is cut"))?;
        let field = |offset| u32_at(&tail, at + offset).map(u64::from).unwrap_or(0);
        let (mut entries, mut size, mut offset) =
            (u64::from(u16_at(&tail, at + 10).unwrap_or(0)), field(12), field(16));
        let mut end = tail_at + at as u64;
        if let Some((total, bytes, begin, place)) = end64(&mut input, &tail, at)? {
            (entries, size, offset, end) = (total, bytes, begin, place);
        }
        let begin = end.checked_sub(size).ok_or_else(|| damaged("its directory is larger than the file"))?;
        let shift = begin.checked_sub(offset).ok_or_else(|| damaged("its directory lies beyond its end"))?;
        // What stands before it may be a program, but no archive of its own: its members are not in the directory.
        if shift > 0 && read_at(&mut input, 0, LOCAL.len())? == LOCAL {
            return Err(damaged("it is several archives behind each other: unpack them first"));
        }
        let comment = usize::from(u16_at(&tail, at + 20).unwrap_or(0));
        let has_more = tail.get(at + END_LENGTH + comment..).is_some_and(|more| more.iter().any(|byte| *byte != 0));
        Ok(Self { input, directory: (begin, end), entries, shift, has_more })
    }

    /// Whether something follows the archive's end: perhaps another archive that is cut.
    pub const fn has_more(&self) -> bool {
        self.has_more
    }

    /// Gives every member with its name to `take`, until that is `false`.
    ///
    /// # Errors
    /// `InvalidData` if an entry of the directory is none, or the operating system's.
    pub fn members(&mut self, take: &mut dyn FnMut(String, Place) -> bool) -> io::Result<()> {
        let (begin, end) = self.directory;
        self.input.seek(SeekFrom::Start(begin))?;
        let mut directory = BufReader::with_capacity(64 << 10, (&mut self.input).take(end - begin));
        for _ in 0..self.entries {
            let mut head = [0; ENTRY_LENGTH];
            directory.read_exact(&mut head).map_err(|_| damaged("its directory is shorter than it says"))?;
            if !head.starts_with(&ENTRY) {
                return Err(damaged("its directory has an entry that is none"));
            }
            let short = |at| u16_at(&head, at).unwrap_or(0);
            let long = |at| u32_at(&head, at).unwrap_or(0);
            let mut rest = vec![0; usize::from(short(28)) + usize::from(short(30)) + usize::from(short(32))];
            directory.read_exact(&mut rest).map_err(|_| damaged("its directory is shorter than it says"))?;
            let (name, extra) = rest.split_at_checked(usize::from(short(28))).unwrap_or_default();
            let extra = extra.get(..usize::from(short(30))).unwrap_or_default();
            let mut sizes = [u64::from(long(24)), u64::from(long(20)), u64::from(long(42))];
            widen(&mut sizes, extra);
            let [size, compressed, offset] = sizes;
            let flags = short(8);
            let method = match short(10) {
                0 => Method::Stored,
                8 => Method::Deflated,
                other => Method::Other(other),
            };
            let place = Place {
                offset: offset.saturating_add(self.shift),
                compressed,
                size,
                checksum: long(16),
                method,
                encrypted: flags & 1 != 0 || method == Method::Other(99),
            };
            if !take(String::from_utf8_lossy(name).into_owned(), place) {
                return Ok(());
            }
        }
        // The number is one of 16 bits unless the archive has the long form.
        let mut more = [0; ENTRY.len()];
        match directory.read_exact(&mut more) {
            Ok(()) if more == ENTRY => Err(damaged("its directory has more entries than it says")),
            _ => Ok(()),
        }
    }

    /// The content of a member.
    ///
    /// # Errors
    /// `InvalidData` if it is encrypted, compressed by another method or does not lie there, or the operating system's.
    pub fn member(&mut self, place: &Place, limits: &Limits) -> io::Result<Member<&mut R>> {
        member_at(&mut self.input, place, limits)
    }
}

/// The content of a member that lies there.
///
/// # Errors
/// As of [`Zip::member`].
pub fn member_at<R: Read + Seek>(mut input: R, place: &Place, limits: &Limits) -> io::Result<Member<R>> {
    if place.encrypted {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is encrypted: unpack it with its password first"));
    }
    let head = read_at(&mut input, place.offset, LOCAL_LENGTH)?;
    if !head.starts_with(&LOCAL) {
        return Err(damaged("a member does not lie where the directory says"));
    }
    let names = i64::from(u16_at(&head, 26).unwrap_or(0)) + i64::from(u16_at(&head, 28).unwrap_or(0));
    input.seek(SeekFrom::Current(names))?;
    Member::new(input, place, limits)
}

/// The content of a member as it is unpacked.
pub struct Member<R: Read> {
    content: Content<R>,
    checksum: Crc,
    wanted: u32,
    /// Bytes it may still give.
    room: u64,
    given: u64,
    size: u64,
}

enum Content<R: Read> {
    Stored(io::Take<R>),
    Deflated(Box<DeflateDecoder<BufReader<io::Take<R>>>>),
}

impl<R: Read> Member<R> {
    fn new(input: R, place: &Place, limits: &Limits) -> io::Result<Self> {
        let input = input.take(place.compressed);
        let content = match place.method {
            Method::Stored => Content::Stored(input),
            Method::Deflated => {
                Content::Deflated(Box::new(DeflateDecoder::new(BufReader::with_capacity(32 << 10, input))))
            }
            Method::Other(number) => return Err(damaged(&foreign(number))),
        };
        let ratio = place.compressed.saturating_mul(limits.unpack_ratio as u64);
        Ok(Self {
            content,
            checksum: Crc::new(),
            wanted: place.checksum,
            room: ratio.saturating_add(limits.unpack_free as u64),
            given: 0,
            size: place.size,
        })
    }
}

impl<R: Read> Read for Member<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.content {
            Content::Stored(input) => input.read(to)?,
            Content::Deflated(input) => input.read(to).map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => damaged("its compression is damaged"),
                _ => error,
            })?,
        };
        self.checksum.update(to.get(..count).unwrap_or_default());
        self.given += count as u64;
        self.room = self
            .room
            .checked_sub(count as u64)
            .ok_or_else(|| damaged("it unpacks to far more than any recording does (limit: unpack_ratio)"))?;
        if self.given > self.size {
            return Err(damaged("it is longer than the directory says"));
        }
        if count == 0 && !to.is_empty() && (self.checksum.sum() != self.wanted || self.given != self.size) {
            return Err(damaged("it is damaged: its checksum is wrong"));
        }
        Ok(count)
    }
}

/// How a compression method that is not read is called, and what to do.
fn foreign(number: u16) -> String {
    let name = match number {
        9 => "Deflate64",
        12 => "bzip2",
        14 => "LZMA",
        93 => "Zstandard",
        95 => "xz",
        98 => "PPMd",
        _ => return format!("its compression (method {number}) is not known: unpack the archive first"),
    };
    format!("it is compressed by {name}: unpack the archive first")
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The zip64 end of the central directory: entries, size and offset of the directory, and where that end lies.
fn end64<R: Read + Seek>(input: &mut R, tail: &[u8], end: usize) -> io::Result<Option<(u64, u64, u64, u64)>> {
    let Some(locator) = end.checked_sub(20).and_then(|at| tail.get(at..end)) else { return Ok(None) };
    if !locator.starts_with(&END64_LOCATOR) {
        return Ok(None);
    }
    let Some(place) = u64_at(locator, 8) else { return Ok(None) };
    let record = read_at(input, place, 56)?;
    if !record.starts_with(&END64) {
        return Err(damaged("its directory (zip64) does not lie where it says"));
    }
    let field = |at| u64_at(&record, at).unwrap_or(0);
    Ok(Some((field(32), field(40), field(48), place)))
}

/// Takes the long sizes of the extra field 1 where the short ones are all ones.
fn widen(sizes: &mut [u64; 3], mut extra: &[u8]) {
    while let (Some(kind), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let mut data = extra.get(4..4 + usize::from(length)).unwrap_or_default();
        if kind == 1 {
            for size in sizes.iter_mut().filter(|size| **size == u64::from(u32::MAX)) {
                let Some(long) = u64_at(data, 0) else { return };
                *size = long;
                data = data.get(8..).unwrap_or_default();
            }
        }
        extra = extra.get(4 + usize::from(length)..).unwrap_or_default();
    }
}

fn read_at<R: Read + Seek>(input: &mut R, at: u64, length: usize) -> io::Result<Vec<u8>> {
    input.seek(SeekFrom::Start(at))?;
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it is cut"),
        _ => error,
    })?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::{Compression, write::DeflateEncoder};

    use super::*;

    /// An archive of these members, deflated where they are long, behind `before`.
    pub(crate) fn archive(before: &[u8], members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = before.to_vec();
        let mut directory = Vec::new();
        for (name, content) in members {
            let mut crc = Crc::new();
            crc.update(content);
            let deflated = content.len() > 32;
            let data = if deflated {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            } else {
                content.to_vec()
            };
            let offset = (out.len() - before.len()) as u32;
            let mut common = vec![20, 0, 0, 0, if deflated { 8 } else { 0 }, 0, 0, 0, 0, 0];
            common.extend(crc.sum().to_le_bytes());
            common.extend((data.len() as u32).to_le_bytes());
            common.extend((content.len() as u32).to_le_bytes());
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0, 0]);
            out.extend(LOCAL);
            out.extend(&common);
            out.extend(name.as_bytes());
            out.extend(data);
            directory.extend(ENTRY);
            directory.extend([20, 0]);
            directory.extend(common);
            directory.extend([0; 10]);
            directory.extend(offset.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let (begin, count) = ((out.len() - before.len()) as u32, members.len() as u16);
        out.extend(&directory);
        out.extend(END);
        out.extend([0; 4]);
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend((directory.len() as u32).to_le_bytes());
        out.extend(begin.to_le_bytes());
        out.extend([3, 0]);
        out.extend(b"end");
        out
    }

    fn contents(bytes: &[u8]) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut zip = Zip::open(io::Cursor::new(bytes))?;
        let mut places = Vec::new();
        zip.members(&mut |name, place| {
            places.push((name, place));
            true
        })?;
        let mut read = Vec::new();
        for (name, place) in places {
            let mut content = Vec::new();
            zip.member(&place, &Limits::default())?.read_to_end(&mut content)?;
            read.push((name, content));
        }
        Ok(read)
    }

    #[test]
    fn members_that_the_directory_does_not_tell_are_missed() {
        let whole = archive(b"", &[("a", b"one"), ("b", b"two")]);
        let members = |bytes: &[u8]| -> io::Result<usize> {
            let mut count = 0;
            Zip::open(io::Cursor::new(bytes))?.members(&mut |_, place| {
                count += usize::from(!place.is_empty());
                true
            })?;
            Ok(count)
        };
        assert_eq!(members(&whole).unwrap(), 2);
        // A program may stand before it, another archive may not.
        assert_eq!(members(&[&[b'M'; 99], &whole[..]].concat()).unwrap(), 2);
        assert!(members(&whole.repeat(2)).is_err());
        let end = memchr::memmem::rfind(&whole, &END).unwrap();
        let mut fewer = whole.clone();
        fewer[end + 10] = 1;
        assert!(members(&fewer).is_err());
        // Nor may anything stand behind it but what fills it up.
        for (more, wanted) in [(&[0; 99][..], false), (&whole[..30], true), (b"x", true)] {
            let bytes = [&whole[..], more].concat();
            assert_eq!(Zip::open(io::Cursor::new(&bytes)).unwrap().has_more(), wanted);
        }
        // Something that is said to unpack to nothing is there all the same.
        let mut nothing = whole;
        let entry = memchr::memmem::rfind(&nothing, &ENTRY).unwrap();
        nothing[entry + 24..entry + 28].fill(0);
        assert_eq!(members(&nothing).unwrap(), 2);
    }

    #[test]
    fn members_are_read_stored_and_deflated_and_behind_a_program() {
        let long = b"GET / HTTP/1.1\r\n".repeat(100);
        for before in [&b""[..], b"MZ a program that unpacks itself"] {
            let bytes = archive(before, &[("a.txt", b"short"), ("b/c.txt", &long), ("empty", b"")]);
            let read = contents(&bytes).unwrap();
            let names: Vec<_> = read.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["a.txt", "b/c.txt", "empty"]);
            assert_eq!((&*read[0].1, &*read[1].1, &*read[2].1), (&b"short"[..], &*long, &b""[..]));
        }
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let long = b"GET / HTTP/1.1\r\n".repeat(100);
        let whole = archive(b"", &[("a.txt", b"short"), ("b/c.txt", &long)]);
        for length in 0..whole.len() {
            // The end may lose its comment only with what tells of it.
            assert!(contents(&whole[..length]).is_err(), "{length}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let _ = contents(&bytes);
        }
        let mut wrong = whole.clone();
        // A letter of the stored member.
        wrong[36] ^= 1;
        assert!(contents(&wrong).unwrap_err().to_string().contains("checksum"));
    }

    #[test]
    fn a_bomb_is_stopped() {
        let bytes = archive(b"", &[("bomb", &vec![0; 1 << 20])]);
        let mut zip = Zip::open(io::Cursor::new(&bytes)).unwrap();
        let mut place = None;
        zip.members(&mut |_, found| {
            place = Some(found);
            true
        })
        .unwrap();
        let limits = Limits { unpack_free: 1 << 10, unpack_ratio: 10, ..Limits::default() };
        let mut content = Vec::new();
        let error = zip.member(&place.unwrap(), &limits).unwrap().read_to_end(&mut content).unwrap_err();
        assert!(error.to_string().contains("unpack_ratio") && content.len() < 64 << 10, "{error} {}", content.len());
    }
}
