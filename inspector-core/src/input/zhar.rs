//! A HAR in zlib (RFC 1950), as mitmproxy's `hardump` writes it to names that end in `.zhar`.

use std::io::{self, BufRead, BufReader, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::{
    Control, Format, Item, ItemSink, ReadError,
    har::Har,
    helpers::{Helpers, Nobody},
};
use crate::{
    limits::Limits,
    note::{Note, NoteKind},
    probe::Probe,
};

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Zhar;

impl Format for Zhar {
    fn name(&self) -> &'static str {
        "har+zlib"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        match head {
            [] => Probe::No,
            [0x78] => Probe::Likely,
            [0x78, flags, ..] if (0x7800 | u16::from(*flags)) % 31 == 0 && flags & 0x20 == 0 => {
                let mut start = [0; 32];
                let mut inflate = Decompress::new(true);
                // What is wrong with it is told by what came out before.
                let _ = inflate.decompress(head, &mut start, FlushDecompress::None);
                let length = usize::try_from(inflate.total_out()).unwrap_or(0);
                match start.get(..length).unwrap_or_default().trim_ascii_start() {
                    [b'{', ..] => Probe::Certain,
                    [] if head.len() < 64 => Probe::Likely,
                    _ => Probe::No,
                }
            }
            _ => Probe::No,
        }
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        self.read_with(input, limits, &Nobody, sink)
    }

    fn read_with(
        &self,
        input: &mut dyn Read,
        limits: &Limits,
        helpers: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<(), ReadError> {
        let mut bounded = Bounded {
            input: BufReader::new(input),
            inflate: Decompress::new(true),
            limits,
            problem: None,
            is_over: false,
            is_cut: false,
        };
        let mut is_told = false;
        let mut watch = Watch { sink, is_told: &mut is_told };
        Har.read_with(&mut bounded, limits, helpers, &mut watch)?;
        io::copy(&mut bounded, &mut io::sink())?;
        // The HAR may be whole, and its checksum may not.
        if bounded.is_cut && !is_told {
            let offset = bounded.inflate.total_in();
            sink.item(Item::Note(Note::input(NoteKind::TruncatedInput { offset })));
        }
        if bounded.problem.is_none() && !bounded.input.fill_buf()?.is_empty() {
            let what = "something follows the end of the compression";
            sink.item(Item::Note(Note::input(NoteKind::MalformedBlock { what })));
        }
        if let Some(problem) = bounded.problem {
            sink.item(Item::Note(Note::input(problem)));
        }
        Ok(())
    }
}

/// Ends where the compression is damaged or gives too much, and says so. What came out before is given, however much is
/// asked for at once.
struct Bounded<'l, R> {
    input: R,
    inflate: Decompress,
    limits: &'l Limits,
    problem: Option<NoteKind>,
    /// It ended as it should.
    is_over: bool,
    /// It ended before its end.
    is_cut: bool,
}

/// Remembers whether it was said that the recording is cut.
struct Watch<'w> {
    sink: &'w mut dyn ItemSink,
    is_told: &'w mut bool,
}

impl ItemSink for Watch<'_> {
    fn item(&mut self, item: Item<'_>) -> Control {
        *self.is_told |= matches!(&item, Item::Note(Note { kind: NoteKind::TruncatedInput { .. }, .. }));
        self.sink.item(item)
    }

    fn before_read(&mut self) {
        self.sink.before_read();
    }
}

impl<R: BufRead> Read for Bounded<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.problem.is_none() && !self.is_over && !self.is_cut && !to.is_empty() {
            let packed = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => &[],
                packed => packed?,
            };
            let is_end = packed.is_empty();
            let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
            let result = self.inflate.decompress(packed, to, FlushDecompress::None);
            let count = |before: u64, now: u64| usize::try_from(now.saturating_sub(before)).unwrap_or(0);
            let (taken, given) = (count(taken, self.inflate.total_in()), count(given, self.inflate.total_out()));
            self.input.consume(taken);
            let most = self.inflate.total_in().saturating_mul(self.limits.unpack_ratio as u64);
            match result {
                Err(error) => self.problem = Some(NoteKind::DamagedCompression { what: error.to_string() }),
                Ok(Status::StreamEnd) => self.is_over = true,
                // The HAR's reader says that it is cut, if it is.
                Ok(_) => self.is_cut = is_end && given == 0,
            }
            if self.inflate.total_out() > most.saturating_add(self.limits.unpack_free as u64) {
                self.problem = Some(NoteKind::Limit { limit: "unpack_ratio" });
                return Ok(0);
            }
            if given > 0 {
                return Ok(given);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;
    use crate::input::tests::{Dribble, items_of};

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn it_is_read_as_the_har_inside() {
        let entry =
            r#"{"request":{"method":"GET","url":"https://a/","headers":[]},"response":{"status":200,"headers":[]}}"#;
        let har = format!(r#"{{"log":{{"entries":[{entry},{entry}]}}}}"#);
        let bytes = packed(&har);
        let (result, items) = items_of(&mut &bytes[..], &Limits::default());
        assert_eq!((result.unwrap().format, items), ("har+zlib", vec!["exchange".to_owned(); 2]));
        let (_, split) = items_of(&mut Dribble::new(&bytes, 1), &Limits::default());
        assert_eq!(split.len(), 2);
        let (result, items) = items_of(&mut &bytes[..bytes.len() - 20], &Limits::default());
        assert!(result.is_err() || items.iter().any(|item| item.starts_with("TruncatedInput")), "{items:?}");
        // Also where only the checksum is cut.
        for cut in 1..12 {
            let (_, items) = items_of(&mut &bytes[..bytes.len() - cut], &Limits::default());
            let notes = items.iter().filter(|item| item.starts_with("TruncatedInput")).count();
            assert_eq!(notes, 1, "{cut}: {items:?}");
        }
        // Damage costs what follows it, however the bytes come.
        for at in 2..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            let whole = items_of(&mut &damaged[..], &Limits::default()).1;
            for most in [1, 7] {
                assert_eq!(items_of(&mut Dribble::new(&damaged, most), &Limits::default()).1, whole, "{at} by {most}");
            }
        }
        let more = [&bytes[..], &packed(&har)].concat();
        let items = items_of(&mut &more[..], &Limits::default()).1;
        assert!(items.last().is_some_and(|item| item.starts_with("MalformedBlock")), "{items:?}");
        assert!(items_of(&mut &packed("no object")[..], &Limits::default()).0.is_err());
    }
}
