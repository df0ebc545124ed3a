//! A pcapng block by block: every byte as it was, but for decryption secrets blocks.
//!
//! ```text
//! type:4  length:4  secrets type:4  secrets length:4  secrets, padded to 4  options  length:4
//! ```
//!
//! Where a section tells its length, that is mended; nothing else changes. A block whose frame is damaged ends the work
//! with an error: behind it, secrets could not be told from other bytes, and somebody relies on their being gone.
//!
//! Source: draft-ietf-opsawg-pcapng §4.7.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::{input::unpack::Unpacked, limits::Limits};

/// `SHB`, `DSB`.
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const SECRETS: u32 = 0x0000_000A;
/// `secrets_type` of an NSS key log.
pub const TLS_KEY_LOG: u32 = 0x544c_534b;
/// A section whose length is not told.
const UNKNOWN: u64 = u64::MAX;
/// Largest block of secrets that is held.
const LARGEST: u32 = 64 << 20;

/// What becomes of a block of secrets.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// It stays, byte by byte.
    Keep,
    /// It goes.
    Drop,
    /// It gets this text. Its options go.
    Replace(Vec<u8>),
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Blocks of secrets that were there.
    pub found: u64,
    /// Of these, dropped ones.
    pub dropped: u64,
    /// Of these, changed ones.
    pub replaced: u64,
    /// New ones.
    pub injected: u64,
}

/// Why a capture was not rewritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is no pcapng; only that format has a place for keys")]
    NotPcapng,
    /// The frame of a block is damaged.
    #[error("the block at byte {0} is damaged, so that what follows cannot be told apart")]
    Damaged(u64),
}

/// Writes `input` with other blocks of secrets. `change` is asked for each, with its type and its text; `inject` is put
/// behind the first section header as a key log.
///
/// # Errors
/// [`RewriteError`]; what was written is of no use then.
pub fn rewrite<W: Write + Seek>(
    input: &mut dyn Read,
    output: &mut W,
    inject: Option<&[u8]>,
    change: &mut dyn FnMut(u32, &[u8]) -> Change,
) -> Result<Rewritten, RewriteError> {
    let mut input = Unpacked::open(input, &Limits::default())?;
    let mut work = Work { input: &mut input, output, at: 0, big: false, section: None, done: Rewritten::default() };
    let mut first = true;
    while let Some((kind, length, head)) = work.header()? {
        if std::mem::take(&mut first) && kind != SECTION_HEADER {
            return Err(RewriteError::NotPcapng);
        }
        match kind {
            SECTION_HEADER => {
                let Some(length) = work.section_header(&head)? else { break };
                work.copy(u64::from(length).saturating_sub(16 + 8))?;
                if let Some(text) = inject.filter(|_| work.done.injected == 0) {
                    work.secrets(TLS_KEY_LOG, text)?;
                    work.done.injected += 1;
                }
            }
            SECRETS => work.old_secrets(length, &head, change)?,
            _ => {
                work.output.write_all(&head)?;
                work.copy(u64::from(length).saturating_sub(8))?;
            }
        }
    }
    if first {
        return Err(RewriteError::NotPcapng);
    }
    work.end_section()?;
    Ok(work.done)
}

/// A section whose length is told: where that stands in the output, what it is, and by how much it grows.
struct Section {
    place: u64,
    length: u64,
    grown: i64,
}

struct Work<'w, W> {
    input: &'w mut dyn Read,
    output: &'w mut W,
    /// Bytes of the input that were read.
    at: u64,
    big: bool,
    section: Option<Section>,
    done: Rewritten,
}

impl<W: Write + Seek> Work<'_, W> {
    fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn bytes(&self, number: u32) -> [u8; 4] {
        if self.big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    /// Reads as much as there is.
    fn read(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut *self.input).take(most as u64).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        Ok(bytes)
    }

    /// Type and length of the next block, and the eight bytes they stand in; `None` at the end. The bytes of a header that is
    /// cut are copied.
    fn header(&mut self) -> Result<Option<(u32, u32, [u8; 8])>, RewriteError> {
        let start = self.at;
        let head = self.read(8)?;
        let Some(head) = head.first_chunk::<8>().copied() else {
            // Less than a header tells nothing.
            self.output.write_all(&head)?;
            return Ok(None);
        };
        let [a, b, c, d, e, f, g, h] = head;
        let kind = self.u32([a, b, c, d]);
        let length = self.u32([e, f, g, h]);
        if [a, b, c, d] != SECTION_HEADER.to_be_bytes() && (length < 12 || !length.is_multiple_of(4)) {
            return Err(if start == 0 { RewriteError::NotPcapng } else { RewriteError::Damaged(start) });
        }
        let kind = if [a, b, c, d] == SECTION_HEADER.to_be_bytes() { SECTION_HEADER } else { kind };
        Ok(Some((kind, length, head)))
    }

    /// Takes the byte order of a section and its length; both stand at its beginning. The length of the block, or `None` if
    /// the input ends in it.
    fn section_header(&mut self, head: &[u8; 8]) -> Result<Option<u32>, RewriteError> {
        let start = self.at.saturating_sub(8);
        self.end_section()?;
        let rest = self.read(16)?;
        self.big = match rest.get(..4) {
            Some([0x1a, 0x2b, 0x3c, 0x4d]) => true,
            Some([0x4d, 0x3c, 0x2b, 0x1a]) => false,
            _ => return Err(if start == 0 { RewriteError::NotPcapng } else { RewriteError::Damaged(start) }),
        };
        let [.., e, f, g, h] = *head;
        let length = self.u32([e, f, g, h]);
        self.output.write_all(head)?;
        let place = self.output.stream_position()? + 8;
        self.output.write_all(&rest)?;
        let Some(told) = rest.get(8..16).and_then(|bytes| bytes.first_chunk::<8>()) else { return Ok(None) };
        if length < 28 || !length.is_multiple_of(4) {
            return Err(RewriteError::Damaged(start));
        }
        let told = if self.big { u64::from_be_bytes(*told) } else { u64::from_le_bytes(*told) };
        self.section = (told != UNKNOWN).then_some(Section { place, length: told, grown: 0 });
        Ok(Some(length))
    }

    /// Copies so many bytes, or as many as there are.
    fn copy(&mut self, length: u64) -> io::Result<()> {
        self.at += io::copy(&mut (&mut *self.input).take(length), self.output)?;
        Ok(())
    }

    fn old_secrets(
        &mut self,
        length: u32,
        head: &[u8; 8],
        change: &mut dyn FnMut(u32, &[u8]) -> Change,
    ) -> Result<(), RewriteError> {
        let start = self.at.saturating_sub(8);
        if length > LARGEST {
            return Err(RewriteError::Damaged(start));
        }
        let rest = self.read(length.saturating_sub(8) as usize)?;
        self.done.found += 1;
        let fields = rest
            .first_chunk::<8>()
            .map(|[a, b, c, d, e, f, g, h]| (self.u32([*a, *b, *c, *d]), self.u32([*e, *f, *g, *h])));
        let text = fields.and_then(|(kind, size)| Some((kind, rest.get(8..8_usize.checked_add(size as usize)?)?)));
        // What is cut or damaged may hold secrets all the same: it is asked for as it stands.
        let (kind, text) = text.unwrap_or((fields.map_or(0, |(kind, _)| kind), rest.get(8..).unwrap_or_default()));
        let change = change(kind, text);
        match change {
            Change::Keep => {
                self.output.write_all(head)?;
                self.output.write_all(&rest)?;
                return Ok(());
            }
            Change::Drop => self.done.dropped += 1,
            Change::Replace(text) => {
                self.done.replaced += 1;
                self.secrets(kind, &text)?;
            }
        }
        if let Some(section) = &mut self.section {
            section.grown -= i64::from(length);
        }
        Ok(())
    }

    /// Writes a block of secrets.
    fn secrets(&mut self, kind: u32, text: &[u8]) -> Result<(), RewriteError> {
        let size = u32::try_from(text.len()).ok().filter(|size| *size <= LARGEST);
        let size = size.ok_or_else(|| io::Error::other("the keys are larger than a block can be"))?;
        let padded = size.next_multiple_of(4);
        let length = 8 + 8 + padded + 4;
        for number in [SECRETS, length, kind, size] {
            self.output.write_all(&self.bytes(number))?;
        }
        self.output.write_all(text)?;
        self.output.write_all([0; 3].get(..(padded - size) as usize).unwrap_or_default())?;
        self.output.write_all(&self.bytes(length))?;
        if let Some(section) = &mut self.section {
            section.grown += i64::from(length);
        }
        Ok(())
    }

    /// Mends the length of the section that is over.
    fn end_section(&mut self) -> io::Result<()> {
        let Some(section) = self.section.take().filter(|section| section.grown != 0) else { return Ok(()) };
        let length = section.length.saturating_add_signed(section.grown);
        let bytes = if self.big { length.to_be_bytes() } else { length.to_le_bytes() };
        let end = self.output.stream_position()?;
        self.output.seek(SeekFrom::Start(section.place))?;
        self.output.write_all(&bytes)?;
        self.output.seek(SeekFrom::Start(end))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn block(kind: u32, body: &[u8], big: bool) -> Vec<u8> {
        let length = u32::try_from(12 + body.len()).unwrap();
        let number = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        [&number(kind)[..], &number(length), body, &number(length)].concat()
    }

    fn section(length: u64, big: bool) -> Vec<u8> {
        let magic = 0x1a2b_3c4d_u32;
        let (magic, length) =
            if big { (magic.to_be_bytes(), length.to_be_bytes()) } else { (magic.to_le_bytes(), length.to_le_bytes()) };
        block(SECTION_HEADER, &[&magic[..], &[1, 0, 0, 0], &length].concat(), big)
    }

    fn secrets(text: &[u8], big: bool) -> Vec<u8> {
        let number = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
        let mut body = [&number(TLS_KEY_LOG)[..], &number(text.len() as u32), text].concat();
        body.resize(body.len().next_multiple_of(4), 0);
        block(SECRETS, &body, big)
    }

    fn rewritten(
        input: &[u8],
        inject: Option<&[u8]>,
        change: &mut dyn FnMut(u32, &[u8]) -> Change,
    ) -> Result<(Vec<u8>, Rewritten), RewriteError> {
        let mut output = Cursor::new(Vec::new());
        let done = rewrite(&mut &input[..], &mut output, inject, change)?;
        Ok((output.into_inner(), done))
    }

    #[test]
    fn all_but_secrets_stays_byte_by_byte_in_both_orders() {
        for big in [false, true] {
            let packet = block(6, &[7; 40], big);
            let with =
                [section(UNKNOWN, big), secrets(b"abcde", big), packet.clone(), block(0x0bad, b"opts", big)].concat();
            let without = [section(UNKNOWN, big), packet.clone(), block(0x0bad, b"opts", big)].concat();
            assert_eq!(rewritten(&with, None, &mut |_, _| Change::Keep).unwrap().0, with);
            let mut seen = Vec::new();
            let (stripped, done) = rewritten(&with, None, &mut |kind, text| {
                seen.push((kind, text.to_vec()));
                Change::Drop
            })
            .unwrap();
            assert_eq!((stripped.as_slice(), done.dropped), (without.as_slice(), 1));
            assert_eq!(seen, [(TLS_KEY_LOG, b"abcde".to_vec())]);
            let (again, done) = rewritten(&without, Some(b"abcde"), &mut |_, _| Change::Keep).unwrap();
            assert_eq!((again.as_slice(), done.injected), (with.as_slice(), 1));
            let (other, _) = rewritten(&with, None, &mut |_, _| Change::Replace(b"xy".to_vec())).unwrap();
            assert_eq!(
                other,
                [section(UNKNOWN, big), secrets(b"xy", big), packet, block(0x0bad, b"opts", big)].concat()
            );
        }
    }

    #[test]
    fn told_lengths_of_sections_are_mended() {
        for big in [false, true] {
            let (key, packet) = (secrets(b"abcde", big), block(6, &[7; 40], big));
            let both = (key.len() + packet.len()) as u64;
            let two = [
                section(both, big),
                key.clone(),
                packet.clone(),
                section(both, !big),
                secrets(b"abcde", !big),
                block(6, &[7; 40], !big),
            ]
            .concat();
            let (stripped, _) = rewritten(&two, None, &mut |_, _| Change::Drop).unwrap();
            let length = packet.len() as u64;
            assert_eq!(
                stripped,
                [section(length, big), packet, section(length, !big), block(6, &[7; 40], !big)].concat()
            );
            let (again, _) = rewritten(&stripped, Some(b"abcde"), &mut |_, _| Change::Keep).unwrap();
            assert_eq!(again.len(), stripped.len() + key.len());
            assert_eq!(again[..28], section(both, big)[..28], "only the first section got keys");
        }
    }

    #[test]
    fn secrets_in_a_cut_block_go_and_damage_is_refused() {
        let whole = [section(UNKNOWN, false), block(6, &[7; 40], false), secrets(&[b'k'; 100], false)].concat();
        for cut in 1..100 {
            let (stripped, _) = rewritten(&whole[..whole.len() - cut], None, &mut |_, _| Change::Drop).unwrap();
            assert!(!stripped.contains(&b'k'), "{cut}");
        }
        let mut damaged = whole.clone();
        damaged[28 + 4] = 13;
        assert!(matches!(rewritten(&damaged, None, &mut |_, _| Change::Drop), Err(RewriteError::Damaged(28))));
        for other in [&b""[..], b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", b"{\"log\":{}}", &[0; 64]] {
            assert!(
                matches!(rewritten(other, None, &mut |_, _| Change::Keep), Err(RewriteError::NotPcapng)),
                "{other:?}"
            );
        }
    }
}
