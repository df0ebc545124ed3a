//! Bytes to items: what a recording is made of, told by its content and never by its name.
//!
//! A [`Format`] drives: it reads its input and pushes [`Item`]s into a sink, borrowing from its window. A capture yields
//! frames and key-log secrets; a HAR or a transcript yields finished exchanges. Nothing else differs behind this module.

pub mod archive;
pub mod asciidump;
pub mod burp;
pub mod charles;
pub mod curl;
pub mod etl;
pub(crate) mod exported;
pub mod f5;
mod gunzip;
pub mod har;
mod held;
pub mod helpers;
pub mod hexdump;
pub mod mitmproxy;
pub mod netlog;
pub mod netmon;
mod order;
pub mod pcap;
pub mod pcapng;
pub(crate) mod recorded;
pub mod saz;
pub mod set;
pub mod sniffer;
pub mod snoop;
pub mod text;
mod unknown;
pub mod unpack;
mod unzstd;
pub mod window;
pub(crate) mod xml;
pub mod zap;
pub mod zhar;

use std::{
    cell::RefCell,
    io::{self, Read as _},
    net::IpAddr,
};

pub(crate) use self::har::json::unescape as har_unescape;
pub use self::unpack::Compression;
use self::{
    helpers::{Helpers, Nobody},
    unpack::{LOOKAHEAD, Unpacked},
};
use crate::{
    connection::ConnectionReport,
    exchange::Exchange,
    limits::Limits,
    note::{Note, NoteKind},
    packet::frame::Frame,
    probe::Probe,
};

/// Blocks of a pcapng that say that it is a part of a capture ([`crate::input::SPLIT`]).
pub(crate) mod split_block {
    /// What it is a part of.
    pub(crate) const BEGIN: u32 = 0x8049_4e53;
    /// The part is whole.
    pub(crate) const END: u32 = 0x8049_4e54;
    /// The next packet has no time.
    pub(crate) const TIMELESS: u32 = 0x8049_4e55;
}

/// How it is told that a recording is one of the parts `inspector split` makes.
pub const SPLIT: &str =
    "it is one of the parts inspector split made of a capture; inspector merge judges them together";

/// A piece of a recording.
#[derive(Debug)]
pub enum Item<'a> {
    /// A packet.
    Frame(Frame<'a>),
    /// A finished exchange, from formats that record exchanges.
    Exchange(Box<Exchange>),
    /// The text of an NSS key log found in the recording (pcapng decryption secrets block of type `TLSK`).
    Secrets(&'a [u8]),
    /// A name the recording gives to an address (pcapng name resolution block).
    Name(IpAddr, &'a str),
    /// Something that limits the conclusions.
    Note(Note),
    /// What became of a connection of the recording this one was made of.
    Connection(Box<ConnectionReport>),
}

/// Whether the producer shall go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop reading; the result is what was handed out so far.
    Stop,
}

/// Receives the items of a recording.
pub trait ItemSink {
    /// Takes one item.
    fn item(&mut self, item: Item<'_>) -> Control;

    /// The input is about to be asked for more, which may take long: nothing that came so far should wait for it.
    fn before_read(&mut self) {}
}

impl<F: FnMut(Item<'_>) -> Control> ItemSink for F {
    fn item(&mut self, item: Item<'_>) -> Control {
        self(item)
    }
}

/// Why a recording could not be read at all, or not further. What was handed out before stays valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The first bytes fit no known format.
    #[error("{0}")]
    UnknownFormat(String),
    /// The input has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The format is known, but nothing of it could be read.
    #[error("{format}: {what}")]
    Damaged {
        /// Name of the format.
        format: &'static str,
        /// What is wrong, in words for the user.
        what: String,
    },
}

/// An input that can be read at any place: a file.
pub trait Seekable: io::Read + io::Seek + Send {}

impl<T: io::Read + io::Seek + Send> Seekable for T {}

/// A format of recordings.
pub trait Format: Sync {
    /// Its name as `inputs[].format` shows it: `pcap`, `pcapng`, `har`, `http`.
    fn name(&self) -> &'static str;

    /// Judges the first bytes: few at first, more as long as nobody is certain, 64 KiB at most.
    ///
    /// `Certain` is final. `Likely` is enough when no more bytes are to be had.
    fn probe(&self, head: &[u8]) -> Probe;

    /// Reads the input to its end, pushing items. Damage after the first item is a [`Note`], not an error.
    ///
    /// # Errors
    /// [`ReadError`] if not one item could be read, or the operating system fails.
    fn read(&self, input: &mut dyn io::Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError>;

    /// Whether an input that begins so is better read by going from place to place in it, by [`Format::read_any_place`].
    fn wants_any_place(&self, head: &[u8]) -> bool {
        let _ = head;
        false
    }

    /// As [`Format::read_with`], of an input that can be read at any place.
    ///
    /// # Errors
    /// As [`Format::read`].
    fn read_any_place(
        &self,
        input: &mut dyn Seekable,
        limits: &Limits,
        helpers: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<(), ReadError> {
        self.read_with(input, limits, helpers, sink)
    }

    /// As [`Format::read`], with other threads' help if the format has work for them. The items and their order are the
    /// same.
    ///
    /// # Errors
    /// As [`Format::read`].
    fn read_with(
        &self,
        input: &mut dyn io::Read,
        limits: &Limits,
        helpers: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<(), ReadError> {
        let _ = helpers;
        self.read(input, limits, sink)
    }
}

macro_rules! formats {
    ($($format:expr),* $(,)?) => { &[$(&$format),*] };
}

/// The formats, in the order they are asked. To add one, add its line.
pub static FORMATS: &[&dyn Format] = formats![
    pcap::Pcap,
    pcapng::Pcapng,
    har::Har,
    zhar::Zhar,
    saz::Saz,
    mitmproxy::Flows,
    netlog::NetLog,
    charles::CharlesJson,
    charles::CharlesXml,
    burp::Burp,
    zap::Zap,
    snoop::Snoop,
    sniffer::Sniffer,
    netmon::NetMon,
    etl::Etl,
    curl::Trace,
    hexdump::HexDump,
    asciidump::AsciiDump,
    text::Transcript,
];

/// What a recording turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recording {
    /// [`Format::name`] of its format.
    pub format: &'static str,
    /// The compressions around it, from the outside in.
    pub compressions: Vec<Compression>,
}

/// Format and compressions as reports show them: `pcapng`, `har`, `pcap+gzip`.
impl std::fmt::Display for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.format)?;
        self.compressions.iter().try_for_each(|compression| write!(f, "+{compression}"))
    }
}

/// Whatever yields the items of one recording.
pub trait Producer: Send {
    /// Pushes all of them, or as many as `sink` wants; with other threads' help where there is work for them.
    ///
    /// # Errors
    /// [`ReadError`] if nothing could be read, or the operating system failed on the way.
    fn produce(
        &mut self,
        limits: &Limits,
        helpers: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<Recording, ReadError>;
}

impl Producer for &mut (dyn io::Read + Send) {
    fn produce(
        &mut self,
        limits: &Limits,
        helpers: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<Recording, ReadError> {
        read_recording_with(*self, limits, helpers, sink)
    }
}

/// Tells the format of a recording by its first bytes, without reading further.
///
/// # Errors
/// [`ReadError`] if it is of no known format, empty, or the operating system fails.
pub fn identify(input: &mut dyn io::Read, limits: &Limits) -> Result<Recording, ReadError> {
    let mut input = Unpacked::open(input, limits)?;
    let compressions = input.compressions().to_vec();
    let Some(format) = detect(&mut input)? else { return Err(unreadable(&mut input)?) };
    Ok(Recording { format: format.name(), compressions })
}

/// Reads a recording of any format, compressed or not, to its end or until `sink` says stop.
///
/// The format is told by content. `input` may be a live pipe: no more bytes are waited for than it takes to be certain,
/// which is four for a capture. Reads are large, so `input` needs no buffer of its own.
///
/// # Errors
/// [`ReadError`] if nothing of it could be read, or the operating system failed on the way. Items already handed out stay
/// valid. Damage after the first item is a note.
pub fn read_recording(
    input: &mut dyn io::Read,
    limits: &Limits,
    sink: &mut dyn ItemSink,
) -> Result<Recording, ReadError> {
    read_recording_with(input, limits, &Nobody, sink)
}

/// As [`read_recording`], with other threads' help if the format has work for them. The items and their order are the
/// same.
///
/// # Errors
/// As [`read_recording`].
pub fn read_recording_with(
    input: &mut dyn io::Read,
    limits: &Limits,
    helpers: &dyn Helpers,
    sink: &mut dyn ItemSink,
) -> Result<Recording, ReadError> {
    // Items come while nothing is read, and reading is announced while no item is dealt with: no borrow meets another.
    let sink = &RefCell::new(sink);
    let mut input = Announced { input, sink };
    let mut input = Unpacked::open(&mut input, limits)?;
    let compressions = input.compressions().to_vec();
    let Some(format) = detect(&mut input)? else { return Err(unreadable(&mut input)?) };
    let mut watch = Watch { sink, limits, truncated: false, stopped: false, exported: None };
    let outcome = format.read_with(&mut input, limits, helpers, &mut watch);
    watch.finish();
    let (truncated, stopped) = (watch.truncated, watch.stopped);
    match input.damage() {
        // The format has already met the end that the damage made.
        Some(NoteKind::TruncatedInput { .. }) if truncated => {}
        Some(damage) if !stopped && outcome.is_ok() => {
            watch.item(Item::Note(Note::input(damage)));
        }
        _ => {}
    }
    outcome.map(|()| Recording { format: format.name(), compressions })
}

/// As [`read_recording_with`], of an input that can be read at any place. Formats with a directory at their end are read
/// where it says, without holding the file.
///
/// # Errors
/// As [`read_recording`].
pub fn read_file_with(
    file: &mut dyn Seekable,
    limits: &Limits,
    helpers: &dyn Helpers,
    sink: &mut dyn ItemSink,
) -> Result<Recording, ReadError> {
    let mut head = Vec::with_capacity(ANY_PLACE_HEAD);
    io::Read::take(&mut *file, ANY_PLACE_HEAD as u64).read_to_end(&mut head)?;
    file.rewind()?;
    let Some(format) = FORMATS.iter().find(|format| format.wants_any_place(&head)) else {
        return read_recording_with(file, limits, helpers, sink);
    };
    format.read_any_place(file, limits, helpers, sink)?;
    Ok(Recording { format: format.name(), compressions: Vec::new() })
}

/// So many first bytes tell whether a format goes from place to place.
const ANY_PLACE_HEAD: usize = 128;

/// The first format that is certain, or else the first that is likely once there is nothing more to look at.
///
/// The beginnings that are looked at have fixed lengths, in growing steps: what is decided does not depend on how the bytes
/// arrive, and a pipe of single bytes is not probed 65 536 times.
fn detect(input: &mut Unpacked<'_>) -> io::Result<Option<&'static dyn Format>> {
    let mut wanted = 1;
    loop {
        let head = input.peek(wanted)?;
        let is_last = head.len() < wanted || wanted >= LOOKAHEAD;
        let head = head.get(..wanted).unwrap_or(head);
        if head.is_empty() {
            return Ok(None);
        }
        let mut likely = None;
        for format in FORMATS {
            match format.probe(head) {
                Probe::Certain => return Ok(Some(*format)),
                Probe::Likely => likely = likely.or(Some(*format)),
                Probe::No => {}
            }
        }
        if is_last {
            return Ok(likely);
        }
        wanted = (wanted + 1).max(wanted.saturating_mul(9) / 8).min(LOOKAHEAD);
    }
}

/// Why no format wants the input.
fn unreadable(input: &mut Unpacked<'_>) -> io::Result<ReadError> {
    let head = input.peek(unknown::LOOKED_AT)?;
    if !head.is_empty() {
        return Ok(ReadError::UnknownFormat(unknown::describe(head)));
    }
    let format = match input.compressions().first() {
        None => return Ok(ReadError::Empty),
        Some(Compression::Gzip) => "gzip",
        Some(Compression::Zstd) => "zstd",
        Some(Compression::Lz4) => "lz4",
    };
    let what = match input.damage() {
        None => return Ok(ReadError::Empty),
        Some(NoteKind::DamagedCompression { what }) => what,
        Some(NoteKind::Limit { limit: "unpack_window" }) => {
            "it needs a larger window than the memory limit allows; unpack it first or raise the limit".into()
        }
        Some(_) => "it is cut before its first byte of content".into(),
    };
    Ok(ReadError::Damaged { format, what })
}

/// The input, of which the sink is told before each read.
struct Announced<'r, 's> {
    input: &'r mut dyn io::Read,
    sink: &'r RefCell<&'s mut dyn ItemSink>,
}

impl io::Read for Announced<'_, '_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if let Ok(mut sink) = self.sink.try_borrow_mut() {
            sink.before_read();
        }
        self.input.read(to)
    }
}

/// Passes items on and remembers what was said.
struct Watch<'r, 's> {
    sink: &'r RefCell<&'s mut dyn ItemSink>,
    limits: &'r Limits,
    truncated: bool,
    stopped: bool,
    /// Streams of exported units, once there is one.
    exported: Option<Box<exported::Exported>>,
}

impl Watch<'_, '_> {
    fn hand_on(&mut self, item: Item<'_>) -> Control {
        let control = self.sink.try_borrow_mut().map_or(Control::Stop, |mut sink| sink.item(item));
        self.stopped |= control == Control::Stop;
        control
    }

    /// A frame that is a unit of another capture.
    #[cold]
    fn exported(&mut self, frame: &Frame<'_>) -> Control {
        let mut exported = self.exported.take().unwrap_or_else(|| Box::new(exported::Exported::new(self.limits)));
        let control = exported.frame(frame, &mut |item: Item<'_>| self.hand_on(item));
        self.exported = Some(exported);
        control
    }

    /// The format has read to its end.
    fn finish(&mut self) {
        if let Some(exported) = self.exported.take().filter(|_| !self.stopped) {
            exported.finish(&mut |item: Item<'_>| self.hand_on(item));
        }
    }
}

impl ItemSink for Watch<'_, '_> {
    fn item(&mut self, item: Item<'_>) -> Control {
        self.truncated |= matches!(&item, Item::Note(Note { kind: NoteKind::TruncatedInput { .. }, .. }));
        if let Item::Frame(frame) = &item {
            if frame.link.0 == exported::LINK {
                return self.exported(frame);
            }
            if let Some(secrets) = f5::secrets(frame)
                && self.hand_on(Item::Secrets(secrets.as_bytes())) == Control::Stop
            {
                return Control::Stop;
            }
        }
        self.hand_on(item)
    }
}

/// How well `head` begins with `magic`: `Likely` if it ends within it.
pub(crate) fn magic(head: &[u8], magic: &[u8]) -> Probe {
    if head.starts_with(magic) {
        Probe::Certain
    } else if magic.starts_with(head) {
        Probe::Likely
    } else {
        Probe::No
    }
}

#[cfg(test)]
mod bounded;
#[cfg(test)]
mod losses;

#[cfg(test)]
pub(crate) mod tests {
    use std::{fmt::Write, io::Read};

    use proptest::prelude::*;

    use super::*;

    /// A reader that gives at most so many bytes at once.
    pub(crate) struct Dribble<'a> {
        bytes: &'a [u8],
        most: usize,
    }

    impl<'a> Dribble<'a> {
        pub(crate) const fn new(bytes: &'a [u8], most: usize) -> Self {
            Self { bytes, most }
        }
    }

    impl Read for Dribble<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let most = to.len().min(self.most);
            self.bytes.read(&mut to[..most])
        }
    }

    /// One line an item.
    #[derive(Default)]
    pub(crate) struct Record(pub(crate) Vec<String>);

    impl ItemSink for Record {
        fn item(&mut self, item: Item<'_>) -> Control {
            let mut line = String::new();
            match item {
                Item::Frame(frame) => {
                    let time = frame.at.time().map(|time| time.nanos());
                    let (number, link) = (frame.at.frame().unwrap(), frame.link.0);
                    write!(line, "#{number} {link} {time:?} {} {:02x?}", frame.original_length, frame.bytes).unwrap();
                }
                Item::Exchange(_) => line.push_str("exchange"),
                Item::Secrets(secrets) => write!(line, "secrets {}", String::from_utf8_lossy(secrets)).unwrap(),
                Item::Name(address, name) => write!(line, "{address} {name}").unwrap(),
                Item::Note(note) => write!(line, "{:?}", note.kind).unwrap(),
                Item::Connection(report) => write!(line, "{:?}", report.connection.id).unwrap(),
            }
            self.0.push(line);
            Control::Continue
        }
    }

    pub(crate) fn items_of(input: &mut dyn Read, limits: &Limits) -> (Result<Recording, ReadError>, Vec<String>) {
        let mut record = Record::default();
        let result = read_recording(input, limits, &mut record);
        (result, record.0)
    }

    pub(crate) fn items(mut bytes: &[u8]) -> Vec<String> {
        let (result, items) = items_of(&mut bytes, &Limits::default());
        result.unwrap();
        items
    }

    /// A capture of each format, byte order and compression with a bit of everything.
    pub(crate) fn samples() -> Vec<(&'static str, Vec<u8>)> {
        let little = pcap::tests::sample(0, true);
        let ng = pcapng::tests::sample();
        vec![
            ("pcap", little.clone()),
            ("pcap big-endian nanoseconds", pcap::tests::sample(1, false)),
            ("pcap modified", pcap::tests::sample(2, true)),
            ("pcapng", ng.clone()),
            ("gzip", unpack::tests::gzip(&little)),
            ("zstd", unpack::tests::zstd(&ng)),
            ("lz4", unpack::tests::lz4(&ng)),
            ("gzip in zstd", unpack::tests::zstd(&unpack::tests::gzip(&ng))),
        ]
    }

    #[test]
    fn any_split_of_the_reads_gives_the_same_items() {
        for (name, bytes) in samples() {
            let whole = items(&bytes);
            assert!(whole.len() >= 3, "{name}");
            for most in [1, 2, 3, 7, 64] {
                let (result, split) = items_of(&mut Dribble::new(&bytes, most), &Limits::default());
                assert!(result.is_ok());
                assert_eq!(split, whole, "{name} by {most}");
            }
        }
    }

    #[test]
    fn a_prefix_of_a_file_gives_a_prefix_of_its_items_and_one_note_at_most() {
        for (name, bytes) in samples() {
            let whole = items(&bytes);
            for length in 0..bytes.len() {
                let (_, mut part) = items_of(&mut &bytes[..length], &Limits::default());
                if part.last().is_some_and(|last| last.starts_with("TruncatedInput")) {
                    part.pop();
                }
                // The packet it ends in gives what there is of it.
                if let (Some(last), Some(same)) = (part.last(), whole.get(part.len().saturating_sub(1)))
                    && last != same
                    && last.starts_with('#')
                    && same.starts_with(last.trim_end_matches(']'))
                {
                    part.pop();
                }
                assert!(whole.starts_with(&part), "{name} cut to {length}: {part:#?}");
            }
        }
    }

    #[test]
    fn a_compressed_file_that_is_cut_says_so() {
        for (name, bytes) in samples().split_off(4) {
            let (result, part) = items_of(&mut &bytes[..bytes.len() - 5], &Limits::default());
            let notes = part.iter().filter(|item| item.starts_with("TruncatedInput")).count();
            assert!(result.is_err() || notes == 1, "{name}: {part:#?}");
        }
    }

    #[test]
    fn a_live_pipe_is_told_by_four_bytes() {
        struct Closed;
        impl Read for Closed {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("waited for more than was needed")
            }
        }
        for (name, bytes) in samples().into_iter().take(4) {
            let mut input = Dribble::new(&bytes[..4], 1).chain(Closed);
            let mut input = Unpacked::open(&mut input, &Limits::default()).unwrap();
            let format = detect(&mut input).unwrap().unwrap().name();
            assert!(name.starts_with(format), "{name}: {format}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let zip_bomb = unpack::tests::gzip(&unpack::tests::gzip(&unpack::tests::gzip(b"hello")));
        let table: &[(&[u8], &str)] = &[
            (b"", "the file is empty"),
            (&unpack::tests::gzip(b""), "the file is empty"),
            (b"\x1f\x8b\x08\0", "gzip: it is cut before its first byte of content"),
            (b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff\xff\xff", "gzip: corrupt deflate stream"),
            (b"\xd4\xc3", "pcap: the file header is cut"),
            (b"\x0a\x0d\x0d\x0a\0\0", "pcapng: the section header is cut or damaged"),
            (b"GMBU\0", "netmon: the file header is cut"),
            (b"XCP\0", "unknown format: this looks like a NetXRay/Sniffer capture"),
            (&zip_bomb, "unknown format: this looks like still compressed after two unpackings"),
        ];
        for &(mut bytes, wanted) in table {
            let (result, items) = items_of(&mut bytes, &Limits::default());
            let error = result.unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
            assert!(items.is_empty());
        }
    }

    #[test]
    fn an_error_of_the_operating_system_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk fell out"))
            }
        }
        for (name, bytes) in samples() {
            let half = bytes.len() / 2;
            let (result, _) = items_of(&mut (&bytes[..half]).chain(Broken), &Limits::default());
            assert!(matches!(result, Err(ReadError::Io(error)) if error.to_string() == "the disk fell out"), "{name}");
        }
    }

    #[test]
    fn a_sink_that_says_stop_gets_no_more() {
        for (name, bytes) in samples() {
            let mut count = 0;
            let mut sink = |_: Item<'_>| {
                count += 1;
                Control::Stop
            };
            read_recording(&mut &bytes[..], &Limits::default(), &mut sink).unwrap();
            assert_eq!(count, 1, "{name}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics_or_hangs(
            which in 0..8_usize,
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let (_, mut bytes) = samples().swap_remove(which);
            for (place, value) in flips {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            let (_, whole) = items_of(&mut &bytes[..], &Limits::default());
            prop_assert!(whole.len() <= bytes.len() * 4);
            let (_, split) = items_of(&mut Dribble::new(&bytes, 5), &Limits::default());
            prop_assert_eq!(split, whole);
        }
    }
}
