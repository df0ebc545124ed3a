//! Archives of recordings: zip, tar, and tar in gzip, as support cases are sent.
//!
//! An archive is no recording but a folder: [`Archive::list`] tells its members, each of which is opened by itself with
//! [`Archive::open`] and told by its content like a file. An archive among the members is looked into as well, one level deep. A Fiddler session
//! archive is a zip, too, and a recording ([`super::saz`]): it is none of these.
//!
//! ```text
//! case.zip ─┬─ traces/server.pcap       case.zip!traces/server.pcap
//!           ├─ keys.log                 case.zip!keys.log
//!           └─ more.tar.gz ── a.har     case.zip!more.tar.gz!a.har
//! ```
//!
//! Members of a zip are read where they lie. Those of a tar are behind each other: who opens them in their order goes on where
//! the last one ended.

pub mod tar;
pub mod zip;

mod opener;

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
};

pub use self::opener::Archive;
use self::{
    opener::Unzipped,
    tar::{Tar, looks_like_tar},
    zip::{Place, Zip},
};
use super::held::Held;
use crate::limits::Limits;

/// Archives in archives.
const DEEPEST: usize = 2;

const TOO_DEEP: &str = "it is an archive too deep in others to be looked into: unpack the outer ones first";

/// Bytes that the names of all members may take.
const NAMES: usize = 4 << 20;

/// So many first bytes tell an archive.
const BEGINNING: usize = 512;

/// A member of an archive, or of an archive in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path; of a member of an archive inside, `inner.zip!path`.
    pub name: String,
    /// Bytes of its content.
    pub size: u64,
    /// The way to it, from the outside in.
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Zip(Place),
    /// The regular file of that number, from 0.
    Tar(u64),
}

/// What is in an archive.
#[derive(Debug, Default)]
pub struct Listing {
    /// The members, in the order of the archive.
    pub members: Vec<Member>,
    /// What cannot be read: a name (empty for the archive itself) and why.
    pub problems: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zip,
    Tar,
    TarGzip,
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the archive is cut".to_owned(),
        _ => error.to_string(),
    }
}

/// All of an archive that lies in another one.
fn whole(mut content: impl Read, limits: &Limits) -> io::Result<Held> {
    let held = Held::read(&mut content, limits)?;
    if !held.is_whole() {
        let what =
            "it is an archive inside an archive and too large to be looked into (limit: file): unpack the outer one";
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(held)
}

fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b, 8])
}

fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

fn kind(file: &mut File) -> io::Result<Option<Kind>> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(BEGINNING as u64).read_to_end(&mut head)?;
    if is_gzip(&head) {
        file.seek(SeekFrom::Start(0))?;
        let mut inner = Vec::new();
        // What is wrong with the compression is said by who reads it.
        let _ = Unzipped::new(&mut *file, &Limits::default()).take(BEGINNING as u64).read_to_end(&mut inner);
        return Ok(looks_like_tar(&inner).then_some(Kind::TarGzip));
    }
    Ok(match () {
        () if is_zip(&head) => Some(Kind::Zip),
        () if looks_like_tar(&head) => Some(Kind::Tar),
        () => None,
    })
}

/// Where a listing stands.
struct Around<'l> {
    listing: &'l mut Listing,
    limits: &'l Limits,
    /// Name of the archive inside, with `!`.
    prefix: String,
    steps: Vec<Step>,
    /// Bytes of all names.
    names: usize,
}

impl<'l> Around<'l> {
    const fn new(listing: &'l mut Listing, limits: &'l Limits) -> Self {
        Self { listing, limits, prefix: String::new(), steps: Vec::new(), names: 0 }
    }

    fn problem(&mut self, name: &str, why: impl Into<String>) {
        let name = format!("{}{name}", self.prefix);
        self.listing.problems.push((name, why.into()));
    }

    fn add(&mut self, name: &str, size: u64, step: Step) {
        let mut steps = self.steps.clone();
        steps.push(step);
        self.names += self.prefix.len() + name.len();
        self.listing.members.push(Member { name: format!("{}{name}", self.prefix), size, steps });
    }

    /// Whether a member that begins so is an archive, where none is looked into any more. Fiddler's are recordings.
    fn is_too_deep(&self, head: &[u8]) -> bool {
        if self.steps.len() + 1 < DEEPEST {
            return false;
        }
        let is_saz = || super::Format::probe(&super::saz::Saz, head) == crate::probe::Probe::Certain;
        let mut inner = Vec::new();
        if is_gzip(head) {
            // It ends where what is at hand does.
            let _ = Unzipped::new(head, self.limits).take(BEGINNING as u64).read_to_end(&mut inner);
        }
        looks_like_tar(head) || looks_like_tar(&inner) || (is_zip(head) && !is_saz())
    }

    /// Whether there is room for another one.
    fn has_room(&mut self) -> bool {
        let has_room = self.listing.members.len() < self.limits.members && self.names <= NAMES;
        if !has_room {
            self.problem("", "it has more members than are looked at (limit: members): unpack it first");
        }
        has_room
    }
}

/// What operating systems put into archives for themselves.
pub(super) fn is_clutter(name: &str) -> bool {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    matches!(last, "" | ".DS_Store" | "Thumbs.db")
}

/// What macOS keeps of a file beside it (AppleDouble), which is told by its content as well.
fn is_shadow(name: &str, head: &[u8]) -> bool {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    (name.starts_with("__MACOSX/") || last.starts_with("._")) && head.starts_with(&[0, 5, 0x16, 7])
}

/// Lists a zip; `true` if it is a Fiddler session archive.
fn list_zip<R: Read + Seek>(input: R, around: &mut Around<'_>) -> io::Result<bool> {
    let mut zip = Zip::open(input)?;
    let (mut found, mut names, mut is_saz, mut has_room) = (Vec::new(), 0, false, true);
    zip.members(&mut |name, place| {
        is_saz = super::saz::session_of(&name).is_some();
        if !is_clutter(&name) && !place.is_empty() {
            names += name.len();
            has_room = found.len() < around.limits.members && names <= NAMES;
            if has_room {
                found.push((name, place));
            }
        }
        !is_saz && has_room
    })?;
    if is_saz {
        return Ok(true);
    }
    if zip.has_more() {
        around.problem("", "something follows the archive's end that was not looked at");
    }
    if !has_room {
        around.problem("", "it has more members than are looked at (limit: members): unpack it first");
    }
    for (name, place) in found {
        if place.encrypted {
            around.problem(&name, "it is encrypted: unpack the archive with its password first");
            continue;
        }
        if !around.has_room() {
            break;
        }
        let step = Step::Zip(place);
        let mut head = Vec::new();
        let inner = zip.member(&place, around.limits).and_then(|member| {
            member.take(BEGINNING as u64).read_to_end(&mut head)?;
            Ok(())
        });
        match inner {
            Err(error) if head.is_empty() => around.problem(&name, words(&error)),
            _ if is_shadow(&name, &head) => {}
            _ if around.is_too_deep(&head) => around.problem(&name, TOO_DEEP),
            _ if may_be_archive(&head) && around.steps.len() + 1 < DEEPEST => {
                let content = zip.member(&place, around.limits)?;
                list_inner(content, &head, &name, place.size, step, around);
            }
            _ => around.add(&name, place.size, step),
        }
    }
    Ok(false)
}

fn may_be_archive(head: &[u8]) -> bool {
    is_zip(head) || is_gzip(head) || looks_like_tar(head)
}

/// Lists an archive that is a member, or takes it for what it is: no archive, a Fiddler session archive.
fn list_inner(content: impl Read, head: &[u8], name: &str, size: u64, step: Step, around: &mut Around<'_>) {
    let (before, steps) = (around.listing.members.len(), around.listing.problems.len());
    let outer = (around.prefix.clone(), around.steps.clone());
    around.prefix.push_str(&format!("{name}!"));
    around.steps.push(step);
    let found = if is_zip(head) {
        whole(content, around.limits).and_then(|held| list_zip(held, around))
    } else if is_gzip(head) {
        let mut unpacked = BufReader::new(Unzipped::new(content, around.limits));
        let mut first = vec![0; BEGINNING];
        match unpacked.read_exact(&mut first) {
            Ok(()) if looks_like_tar(&first) => list_tar(Cursor::new(first).chain(unpacked), around),
            // A compressed recording.
            _ => Ok(true),
        }
    } else {
        list_tar(content, around)
    };
    (around.prefix, around.steps) = outer;
    match found {
        Ok(false) => {}
        Ok(true) => {
            around.listing.members.truncate(before);
            around.listing.problems.truncate(steps);
            around.add(name, size, step);
        }
        // A Fiddler session archive that is too large to be looked into may still be read.
        Err(error) => around.problem(name, words(&error)),
    }
}

/// Lists a tar. Archives inside it are looked into as those of a zip.
fn list_tar(input: impl Read, around: &mut Around<'_>) -> io::Result<bool> {
    let mut tar = Tar::new(input);
    let mut number = 0;
    while let Some(entry) = tar.next_file()? {
        let step = Step::Tar(number);
        number += 1;
        if is_clutter(&entry.name) || entry.size == 0 {
            continue;
        }
        if !around.has_room() {
            break;
        }
        let mut head = Vec::new();
        (&mut tar).take(BEGINNING as u64).read_to_end(&mut head)?;
        if is_shadow(&entry.name, &head) {
            continue;
        }
        if around.is_too_deep(&head) {
            around.problem(&entry.name, TOO_DEEP);
        } else if may_be_archive(&head) && around.steps.len() + 1 < DEEPEST {
            let content = Cursor::new(head.clone()).chain(&mut tar);
            list_inner(Box::new(content) as Box<dyn Read + '_>, &head, &entry.name, entry.size, step, around);
        } else {
            around.add(&entry.name, entry.size, step);
        }
    }
    Ok(false)
}
