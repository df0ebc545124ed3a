//! Files that are pieces of one recording: `dumpcap -b`, `tcpdump -C`, `-W` and `-G`, and numbered files in general.
//!
//! ```text
//! trace_00001_20261125101010.pcapng  trace_00002_…      dumpcap: a number that grows, and the time it began
//! trace.pcap  trace.pcap1  trace.pcap2                  tcpdump -C: the number behind the extension
//! trace.pcap0 … trace.pcap9                             tcpdump -W: the numbers begin again when the ring is full
//! trace-20261125101010.pcap  trace-20261125111010.pcap  tcpdump -G: the time it began
//! PktMon1.pcapng  PktMon2.pcapng                        any other recorder
//! ```
//!
//! A name is a hint, the content decides: all pieces have one format and link type, and their times follow on. The first
//! three kinds of names are unmistakable, so that each piece must only begin after the one before. Of the other names the
//! pieces must also end before the next begins, within a minute: two recorders at work at the same time give their files
//! such names, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use inspector_core::{
    input::{self, Control, Item, set::TOLERANCE},
    limits::Limits,
    packet::frame::LinkType,
    time::Timestamp,
};

use crate::inputs::Input;

/// Between pieces of files with any name lie at most so many nanoseconds.
const NEAR: i64 = 60 * 1_000_000_000;
/// Digits of a number that counts files; longer ones are dates and times.
const COUNTER: usize = 7;

/// Inputs that belong together, in the order they are read. Most are alone.
#[derive(Debug)]
pub(crate) struct Group {
    /// Where its first file stood among the inputs.
    pub(crate) place: usize,
    pub(crate) files: Vec<Input>,
    /// For each file, how many are missing before it.
    pub(crate) missing: Vec<u64>,
}

impl Group {
    /// An input by itself.
    fn alone(place: usize, input: Input) -> Self {
        Self { place, files: vec![input], missing: vec![0] }
    }
}

/// How a name is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    folder: PathBuf,
    /// The name without what varies.
    name: String,
    kind: Kind,
    format: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// `NAME_NNNNN_YYYYMMDDHHMMSS.EXT`, or the number last.
    Dumpcap,
    /// `NAME.EXT`, `NAME.EXTn`.
    Tcpdump,
    /// Anything with a number or a time in it.
    Numbered,
}

/// A file that may be a piece.
struct Candidate {
    /// Its place among the inputs.
    place: usize,
    number: Option<u64>,
    link: Option<LinkType>,
    begin: Option<Timestamp>,
}

/// Puts the pieces of one recording together. Each group stands where its first file stood.
pub(crate) fn group(inputs: Vec<Input>, limits: &Limits) -> Vec<Group> {
    let mut series: BTreeMap<Series, Vec<Candidate>> = BTreeMap::new();
    let bases: BTreeSet<PathBuf> = inputs.iter().filter_map(|input| input.path.as_deref().and_then(base_of)).collect();
    for (place, input) in inputs.iter().enumerate() {
        if let Some((key, number)) = name_of(input, &bases) {
            series.entry(key).or_default().push(Candidate { place, number, link: None, begin: None });
        }
    }
    let mut inputs: Vec<Option<Input>> = inputs.into_iter().map(Some).collect();
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for (key, mut candidates) in series {
        if candidates.len() < 2 {
            continue;
        }
        for candidate in &mut candidates {
            let input = inputs.get(candidate.place).and_then(Option::as_ref);
            (candidate.link, candidate.begin) = input.and_then(|input| first_frame(input, limits)).unzip();
        }
        for set in sets_of(candidates, key.kind, &|place| {
            inputs.get(place).and_then(Option::as_ref).and_then(|input| last_time(input, limits))
        }) {
            let place = set.iter().map(|(place, _)| *place).min().unwrap_or_default();
            let mut group = Group { place, files: Vec::new(), missing: Vec::new() };
            for (place, missing) in set {
                if let Some(input) = inputs.get_mut(place).and_then(Option::take) {
                    group.files.push(input);
                    group.missing.push(missing);
                }
            }
            groups.insert(place, group);
        }
    }
    for (place, input) in inputs.into_iter().enumerate() {
        if let Some(input) = input {
            groups.insert(place, Group::alone(place, input));
        }
    }
    groups.into_values().collect()
}

/// Runs of files that follow on, of two and more: place and how many are missing before it.
fn sets_of(mut files: Vec<Candidate>, kind: Kind, end: &dyn Fn(usize) -> Option<Timestamp>) -> Vec<Vec<(usize, u64)>> {
    files.sort_by_key(|file| file.number);
    // A file without packets, the last of a ring often, stands where its number puts it.
    let mut latest = files.iter().find_map(|file| file.begin);
    for file in &mut files {
        file.begin = file.begin.or(latest);
        latest = file.begin;
    }
    files.sort_by_key(|file| (file.begin, file.number));
    let mut sets: Vec<Vec<(usize, u64)>> = Vec::new();
    let mut before: Option<&Candidate> = None;
    let mut wrapped = false;
    for file in &files {
        let missing = before.and_then(|before| follows(before, file, kind, &mut wrapped, end));
        match (missing, sets.last_mut()) {
            (Some(missing), Some(set)) => set.push((file.place, missing)),
            _ => {
                wrapped = false;
                sets.push(vec![(file.place, 0)]);
            }
        }
        before = Some(file);
    }
    sets.retain(|set| set.len() > 1);
    sets
}

/// Whether `file` continues `before`, and how many files are missing between.
fn follows(
    before: &Candidate,
    file: &Candidate,
    kind: Kind,
    wrapped: &mut bool,
    end: &dyn Fn(usize) -> Option<Timestamp>,
) -> Option<u64> {
    if before.link.is_some() && file.link.is_some() && before.link != file.link {
        return None;
    }
    let missing = match (before.number, file.number) {
        (Some(before), Some(number)) if number > before => number - before - 1,
        // The ring is full and begins again, once.
        (Some(_), Some(_)) if kind == Kind::Tcpdump && !*wrapped => {
            *wrapped = true;
            0
        }
        (Some(_), Some(_)) => return None,
        _ => 0,
    };
    if kind == Kind::Numbered {
        // Copies begin at the same time, and need not be read to their ends to tell.
        if before.begin == file.begin {
            return None;
        }
        let (end, begin) = (end(before.place)?, file.begin?);
        let between = begin.nanos().saturating_sub(end.nanos());
        let tolerance = i64::try_from(TOLERANCE).unwrap_or(0);
        if between < -tolerance || between > NEAR {
            return None;
        }
    }
    Some(missing)
}

/// What of a capture's name does not vary within a set, and its number.
fn name_of(input: &Input, bases: &BTreeSet<PathBuf>) -> Option<(Series, Option<u64>)> {
    let format = input.format.filter(|format| matches!(*format, "pcap" | "pcapng"))?;
    let path = input.path.as_deref()?;
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let compression = [".gz", ".zst", ".lz4"].iter().find(|extension| lower.ends_with(**extension));
    let name = name.get(..name.len() - compression.map_or(0, |extension| extension.len()))?;
    let (name, kind, number) = if bases.contains(path) {
        (name.to_owned(), Kind::Tcpdump, Some(0))
    } else {
        dumpcap(name).or_else(|| tcpdump(name)).or_else(|| numbered(name))?
    };
    Some((Series { folder, name, kind, format }, number))
}

/// `NAME_NNNNN_YYYYMMDDHHMMSS.EXT` and `NAME_YYYYMMDDHHMMSS_NNNNN.EXT`.
fn dumpcap(name: &str) -> Option<(String, Kind, Option<u64>)> {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let (rest, last) = stem.rsplit_once('_')?;
    let (prefix, first) = rest.rsplit_once('_')?;
    let is = |text: &str, length: std::ops::RangeInclusive<usize>| {
        length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let number = if is(first, 5..=10) && is(last, 14..=14) {
        first
    } else if is(first, 14..=14) && is(last, 5..=10) {
        last
    } else {
        return None;
    };
    Some((format!("{prefix}_.{extension}"), Kind::Dumpcap, number.parse().ok()))
}

/// `NAME.pcap1`, `NAME.pcap007`.
fn tcpdump(name: &str) -> Option<(String, Kind, Option<u64>)> {
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (_, extension) = base.rsplit_once('.')?;
    let known = ["pcap", "cap", "pcapng", "dmp", "dump", "trc"];
    let digits = name.get(base.len()..)?;
    let is = known.iter().any(|one| extension.eq_ignore_ascii_case(one)) && (1..=COUNTER).contains(&digits.len());
    is.then(|| (base.to_owned(), Kind::Tcpdump, digits.parse().ok()))
}

/// The first file of `tcpdump -C`, which has no number, by one of the others.
fn base_of(path: &Path) -> Option<PathBuf> {
    let (name, ..) = tcpdump(path.file_name()?.to_str()?)?;
    Some(path.with_file_name(name))
}

/// A time in the name: all of its digits vary. Otherwise the last number counts.
fn numbered(name: &str) -> Option<(String, Kind, Option<u64>)> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let extension = name.get(stem.len()..)?;
    let tail = stem.trim_end_matches(|c: char| !c.is_ascii_digit());
    let before = tail.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = tail.get(before.len()..)?;
    let after = stem.get(tail.len()..)?;
    let all = stem.bytes().filter(u8::is_ascii_digit).count();
    if digits.is_empty() {
        return None;
    }
    if all >= 10 || digits.len() > COUNTER {
        let mut pattern = String::new();
        for c in stem.chars() {
            match c {
                '0'..='9' if pattern.ends_with('#') => {}
                '0'..='9' => pattern.push('#'),
                c => pattern.push(c),
            }
        }
        return Some((format!("{pattern}{extension}"), Kind::Numbered, None));
    }
    Some((format!("{before}#{after}{extension}"), Kind::Numbered, digits.parse().ok()))
}

/// Link type and time of the first packet.
fn first_frame(input: &Input, limits: &Limits) -> Option<(LinkType, Timestamp)> {
    let mut first = None;
    let mut sink = |item: Item<'_>| match item {
        Item::Frame(frame) => {
            first = Some(frame.link).zip(frame.at.time());
            Control::Stop
        }
        _ => Control::Continue,
    };
    let _ = input::read_recording(&mut *input.open(limits).ok()?, limits, &mut sink);
    first
}

/// Time of the latest packet.
fn last_time(input: &Input, limits: &Limits) -> Option<Timestamp> {
    let mut latest = None;
    let mut sink = |item: Item<'_>| {
        if let Item::Frame(frame) = item {
            latest = latest.max(frame.at.time());
        }
        Control::Continue
    };
    let _ = input::read_recording(&mut *input.open(limits).ok()?, limits, &mut sink);
    latest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Option<(String, Kind, Option<u64>)> {
        let input = Input {
            name: name.to_owned(),
            path: Some(PathBuf::from(name)),
            inside: None,
            format: Some("pcap"),
            packed: false,
        };
        let bases = ["trace.pcap", "host2.pcap"].into_iter().map(PathBuf::from).collect();
        name_of(&input, &bases).map(|(series, number)| (series.name, series.kind, number))
    }

    #[test]
    fn names() {
        let table = [
            ("trace_00001_20261125101010.pcapng", "trace_.pcapng", Kind::Dumpcap, Some(1)),
            ("trace_20261125101010_00012.pcapng", "trace_.pcapng", Kind::Dumpcap, Some(12)),
            ("client 2_00007_20261125101010.pcap.gz", "client 2_.pcap", Kind::Dumpcap, Some(7)),
            ("trace_00003_20261125101010", "trace_.", Kind::Dumpcap, Some(3)),
            ("trace.pcap", "trace.pcap", Kind::Tcpdump, Some(0)),
            ("trace.pcap12", "trace.pcap", Kind::Tcpdump, Some(12)),
            ("host2.pcap", "host2.pcap", Kind::Tcpdump, Some(0)),
            ("host3.pcap", "host#.pcap", Kind::Numbered, Some(3)),
            ("trace.PCAP007", "trace.PCAP", Kind::Tcpdump, Some(7)),
            ("trace-20261125101010.pcap", "trace-#.pcap", Kind::Numbered, None),
            ("trace-2026-11-25_10:10:10.pcap", "trace-#-#-#_#:#:#.pcap", Kind::Numbered, None),
            ("PktMon1.pcapng", "PktMon#.pcapng", Kind::Numbered, Some(1)),
            ("host2-part3-exch.pcap", "host2-part#-exch.pcap", Kind::Numbered, Some(3)),
        ];
        for (name, series, kind, number) in table {
            assert_eq!(named(name), Some((series.to_owned(), kind, number)), "{name}");
        }
        assert_eq!(base_of(Path::new("a/trace.pcap1")), Some(PathBuf::from("a/trace.pcap")));
        assert_eq!((named("trace"), named("other.pcap")), (None, None));
        assert_eq!(named("a_b_c.bin"), None);
    }

    /// Files by number (`-1` for none), begin and end in seconds, and the sets they make: places with what is missing.
    fn check(kind: Kind, files: &[(i64, i64, i64)], wanted: &[&[(usize, u64)]]) {
        let candidates = files.iter().enumerate().map(|(place, (number, begin, _))| Candidate {
            place,
            number: u64::try_from(*number).ok(),
            link: Some(LinkType(1)),
            begin: Some(Timestamp::from_seconds(*begin)).filter(|_| *begin >= 0),
        });
        let end = |place: usize| Some(Timestamp::from_seconds(files[place].2));
        let sets = sets_of(candidates.collect(), kind, &end);
        assert_eq!(sets, wanted, "{files:?}");
    }

    #[test]
    fn pieces_follow_on() {
        use Kind::{Dumpcap, Numbered, Tcpdump};
        // In any order on the command line; an overlap is no reason to read them apart.
        check(Dumpcap, &[(2, 20, 31), (1, 10, 20), (3, 30, 40)], &[&[(1, 0), (0, 0), (2, 0)]]);
        check(Dumpcap, &[(1, 10, 20), (4, 40, 50)], &[&[(0, 0), (1, 2)]]);
        // A second run of the recorder begins with 1 again.
        check(Dumpcap, &[(1, 10, 20), (2, 20, 30), (1, 90, 95), (2, 95, 99)], &[&[(0, 0), (1, 0)], &[(2, 0), (3, 0)]]);
        // A ring that began again: the numbers 2, 3, 0, 1 in time.
        check(Tcpdump, &[(0, 30, 40), (1, 40, 50), (2, 10, 20), (3, 20, 30)], &[&[(2, 0), (3, 0), (0, 0), (1, 0)]]);
        // The last file of a ring has no packets yet.
        check(Dumpcap, &[(1, 10, 20), (2, 20, 30), (3, -1, -1)], &[&[(0, 0), (1, 0), (2, 0)]]);
        // Two recorders at the same time, and two days: no sets.
        check(Numbered, &[(1, 10, 90), (2, 12, 95)], &[]);
        check(Numbered, &[(1, 10, 10), (2, 10, 10)], &[]);
        check(Numbered, &[(1, 10, 90), (2, 86_400, 86_500)], &[]);
        check(Numbered, &[(-1, 10, 20), (-1, 20, 30)], &[&[(0, 0), (1, 0)]]);
        check(Numbered, &[(1, 10, 20), (3, 40, 50)], &[&[(0, 0), (1, 1)]]);
    }

    #[test]
    fn another_link_type_is_another_recording() {
        let file = |place, link, begin| Candidate {
            place,
            number: Some(place as u64),
            link: Some(LinkType(link)),
            begin: Some(Timestamp::from_seconds(begin)),
        };
        assert!(sets_of(vec![file(0, 1, 1), file(1, 113, 2)], Kind::Dumpcap, &|_| None).is_empty());
    }
}
