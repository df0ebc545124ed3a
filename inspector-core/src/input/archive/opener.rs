//! An archive whose members are opened, in any order and on any thread, but mostly one behind the other.
//!
//! What is found by going over all before it is not looked for anew with every member: a tar is read on from where the last
//! member ended, and a zip inside another archive stays in memory until another one is asked for.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flate2::bufread::MultiGzDecoder;

use super::{
    super::held::Held, Around, Kind, Listing, Member, Step, is_gzip, kind, list_tar, list_zip, tar::Tar, whole, words,
    zip,
};
use crate::limits::Limits;

/// Places in tars that are kept to go on from: each takes some 50 KiB.
const PLACES: usize = 4;

/// An archive of recordings.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    kind: Kind,
    kept: Mutex<Kept>,
}

/// What is kept from one member to the next.
#[derive(Default)]
struct Kept {
    /// Places in tars, the latest last.
    places: VecDeque<Behind>,
    /// The archive inside that was looked into last, by the way to it.
    inner: Option<(Vec<Step>, Held)>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("places", &self.places.len()).finish_non_exhaustive()
    }
}

/// A tar that was read up to a member.
struct Behind {
    /// The way to the tar.
    way: Vec<Step>,
    /// The number of the next member.
    next: u64,
    tar: Tar<Box<dyn Read + Send>>,
}

impl Archive {
    /// Lists an archive's members; `None` if the file is no archive, or a Fiddler session archive.
    ///
    /// Folders, empty members and what macOS and Windows add (`__MACOSX/`, `.DS_Store`, `Thumbs.db`) are left out. Members
    /// beyond [`Limits::members`] are a problem, and so are members that want a password or are compressed in another way.
    ///
    /// # Errors
    /// The operating system's.
    pub fn list(path: &Path, limits: &Limits) -> io::Result<Option<(Arc<Self>, Listing)>> {
        let mut file = File::open(path)?;
        let Some(kind) = kind(&mut file)? else { return Ok(None) };
        let mut listing = Listing::default();
        file.seek(SeekFrom::Start(0))?;
        let mut around = Around::new(&mut listing, limits);
        let found = match kind {
            Kind::Zip => list_zip(file, &mut around),
            Kind::Tar => list_tar(BufReader::new(file), &mut around),
            Kind::TarGzip => list_tar(Unzipped::new(file, limits), &mut around),
        };
        match found {
            Ok(true) => return Ok(None),
            Ok(false) => {}
            Err(error) => listing.problems.push((String::new(), words(&error))),
        }
        let archive = Self { path: path.to_owned(), kind, kept: Mutex::default() };
        Ok(Some((Arc::new(archive), listing)))
    }

    /// Opens a member.
    ///
    /// # Errors
    /// `InvalidData` if it cannot be unpacked, or the operating system's. Reading fails in the same ways.
    pub fn open(self: &Arc<Self>, member: &Member, limits: &Limits) -> io::Result<Box<dyn Read + Send>> {
        self.content(&member.steps, limits)
    }

    fn content(self: &Arc<Self>, steps: &[Step], limits: &Limits) -> io::Result<Box<dyn Read + Send>> {
        let (last, way) = steps.split_last().ok_or(io::ErrorKind::NotFound)?;
        match last {
            Step::Zip(place) if way.is_empty() => Ok(Box::new(zip::member_at(File::open(&self.path)?, place, limits)?)),
            Step::Zip(place) => Ok(Box::new(zip::member_at(self.inner(way, limits)?, place, limits)?)),
            Step::Tar(number) => {
                let mut behind = match self.place_before(way, *number) {
                    Some(behind) => behind,
                    None => Behind { way: way.to_vec(), next: 0, tar: Tar::new(self.tar_at(way, limits)?) },
                };
                while behind.next <= *number {
                    behind.tar.next_file()?.ok_or(io::ErrorKind::UnexpectedEof)?;
                    behind.next += 1;
                }
                Ok(Box::new(TarMember { archive: Arc::clone(self), behind: Some(behind) }))
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place in that tar from which it is least far to the member.
    fn place_before(&self, way: &[Step], number: u64) -> Option<Behind> {
        let mut kept = self.kept();
        let fitting = kept.places.iter().enumerate().filter(|(_, one)| one.way == way && one.next <= number);
        let (index, _) = fitting.max_by_key(|(_, one)| one.next)?;
        kept.places.remove(index)
    }

    /// The bytes of a tar.
    fn tar_at(self: &Arc<Self>, way: &[Step], limits: &Limits) -> io::Result<Box<dyn Read + Send>> {
        if way.is_empty() {
            let file = File::open(&self.path)?;
            return Ok(match self.kind {
                Kind::TarGzip => Box::new(Unzipped::new(file, limits)),
                _ => Box::new(BufReader::new(file)),
            });
        }
        let mut content = BufReader::new(self.content(way, limits)?);
        if is_gzip(content.fill_buf()?) {
            return Ok(Box::new(Unzipped::new(content, limits)));
        }
        Ok(Box::new(content))
    }

    /// An archive inside.
    fn inner(self: &Arc<Self>, way: &[Step], limits: &Limits) -> io::Result<Held> {
        let known = |kept: &Kept| kept.inner.as_ref().filter(|(known, _)| known == way).map(|(_, held)| held.clone());
        if let Some(held) = known(&self.kept()) {
            return Ok(held);
        }
        // Two would be too much.
        self.kept().inner = None;
        let held = whole(self.content(way, limits)?, limits)?;
        self.kept().inner = Some((way.to_vec(), held.clone()));
        Ok(held)
    }
}

/// A member of a tar. Where it ends, the next one is read on from.
struct TarMember {
    archive: Arc<Archive>,
    /// `None` if the tar is damaged.
    behind: Option<Behind>,
}

impl Read for TarMember {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let Some(behind) = &mut self.behind else { return Ok(0) };
        behind.tar.read(to).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.behind = None;
            }
        })
    }
}

impl Drop for TarMember {
    fn drop(&mut self) {
        let Some(behind) = self.behind.take() else { return };
        let mut kept = self.archive.kept();
        if kept.places.len() >= PLACES {
            kept.places.pop_front();
        }
        kept.places.push_back(behind);
    }
}

/// What a gzip file unpacks to, unless that is far more than any recording does.
pub(super) struct Unzipped<R> {
    input: MultiGzDecoder<BufReader<Counted<R>>>,
    given: u64,
    free: u64,
    ratio: u64,
}

impl<R: Read> Unzipped<R> {
    pub(super) fn new(input: R, limits: &Limits) -> Self {
        let input = MultiGzDecoder::new(BufReader::new(Counted { input, taken: 0 }));
        Self { input, given: 0, free: limits.unpack_free as u64, ratio: limits.unpack_ratio as u64 }
    }
}

impl<R: Read> Read for Unzipped<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(to)?;
        self.given += count as u64;
        let taken = self.input.get_ref().get_ref().taken;
        if self.given > taken.saturating_mul(self.ratio).saturating_add(self.free) {
            let what = "it unpacks to far more than any recording does (limit: unpack_ratio)";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(count)
    }
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    taken: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(to)?;
        self.taken += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::input::{archive::tar, unpack::tests::gzip};

    fn content(number: usize) -> Vec<u8> {
        format!("GET /{number} HTTP/1.1\r\n\r\n").repeat(number % 7 + 1).into()
    }

    /// Calls `run` with an archive of that content.
    fn with_archive(name: &str, bytes: &[u8], run: impl FnOnce(&Arc<Archive>, Vec<Member>)) {
        let path = std::env::temp_dir().join(format!("inspector-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        let (archive, listing) = Archive::list(&path, &Limits::default()).unwrap().unwrap();
        assert_eq!(listing.problems, []);
        run(&archive, listing.members);
        fs::remove_file(&path).unwrap();
    }

    fn read(archive: &Arc<Archive>, member: &Member) -> Vec<u8> {
        let mut bytes = Vec::new();
        archive.open(member, &Limits::default()).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn members_are_found_in_any_order_and_gone_on_from_in_theirs() {
        let names: Vec<String> = (0..40).map(|number| format!("{number}.http")).collect();
        let contents: Vec<Vec<u8>> = (0..40).map(content).collect();
        let members: Vec<(&str, &[u8])> =
            names.iter().map(String::as_str).zip(contents.iter().map(Vec::as_slice)).collect();
        let plain = tar::tests::archive(&members);
        let zip = zip::tests::archive(b"", &members);
        let inner = gzip(&plain);
        let nested = zip::tests::archive(b"", &[("a.tar.gz", inner.as_slice()), ("b.zip", &zip), ("c.tar", &plain)]);
        for (name, bytes, count) in
            [("a.tar", &plain, 40), ("b.tar.gz", &inner, 40), ("c.zip", &zip, 40), ("d.zip", &nested, 120)]
        {
            with_archive(name, bytes, |archive, members| {
                assert_eq!(members.len(), count, "{name}");
                let orders: [Vec<usize>; 3] =
                    [(0..count).collect(), (0..count).rev().collect(), (0..count).map(|at| at * 17 % count).collect()];
                for order in orders {
                    for at in order {
                        // Only a part of it, then all.
                        let mut part = [0; 5];
                        archive.open(&members[at], &Limits::default()).unwrap().read_exact(&mut part).unwrap();
                        assert_eq!(read(archive, &members[at]), content(at % 40), "{name} {at}");
                    }
                }
                assert!(archive.kept().places.len() <= PLACES);
            });
        }
        // In their order, nothing is gone over twice.
        with_archive("e.tar", &plain, |archive, members| {
            for (number, member) in members.iter().enumerate() {
                read(archive, member);
                let next: Vec<u64> = archive.kept().places.iter().map(|place| place.next).collect();
                assert_eq!(next, [number as u64 + 1]);
            }
        });
    }

    #[test]
    fn an_archive_that_unpacks_to_far_more_is_given_up() {
        let zeros = vec![0; 3 << 20];
        let bomb = gzip(&tar::tests::archive(&[("a.http", &zeros)]));
        let limits = Limits { unpack_free: 1 << 20, unpack_ratio: 10, ..Limits::default() };
        let mut unzipped = Unzipped::new(bomb.as_slice(), &limits);
        let error = io::copy(&mut unzipped, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("unpack_ratio"), "{error}");
    }
}
