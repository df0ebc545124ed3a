//! The content of a message: which kinds are worth keeping, and how they are gathered.
//!
//! Most bytes of a recording are contents that cannot hold a token (images, films, archives). They are counted and
//! never copied. [`Collector`] decides that once from the header section and then takes the content in pieces, the
//! same way for HTTP/1 and HTTP/2:
//!
//! ```text
//! head ─► Collector::new ─► push(piece)…, missing() ─► finish ─► Body + Marks
//! ```

use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

use crate::{
    coding::{
        Codings, Decoder, FREE_OF_RATIO, Stop,
        barren::{Barren, Nothing, Twin},
        trim_to_token,
    },
    context::BodyPolicy,
    exchange::{
        Mark, Marks,
        message::{Body, BodyCut, Head},
    },
    http::decode_cache::{DecodeCache, Entry},
    limits::Limits,
};

/// Gathers the content of one message after its transfer coding.
#[derive(Debug)]
pub struct Collector {
    keep: bool,
    /// A request says that its content is of a kind that holds no password; its first [`SNIFFED`] bytes tell.
    doubt: bool,
    is_request: bool,
    /// Its sender answered without complaint: what it says need not be read again if it was read before.
    plain_answer: bool,
    measure: bool,
    codings: Codings,
    /// Bytes seen.
    transferred: u64,
    /// The first [`Limits::body`] bytes, if the content is kept; none while it is equal to `twin`.
    raw: Vec<u8>,
    /// A content known to hold nothing that this one has been equal to so far.
    twin: Option<Twin>,
    /// Bytes are missing; nothing behind the hole is kept or decoded.
    hole: bool,
    /// The content is longer than [`Limits::body`].
    over: bool,
    /// Its transfer coding is damaged.
    broken: bool,
    /// Decodes what is not kept, only to count it.
    measuring: Option<Box<Measuring>>,
}

/// Bytes of memory for the contents a thread remembers with what they were decoded to. An eighth of it, which is the most
/// one may take, is less than a decoder yields before its ratio counts.
const REMEMBERED: usize = 2 << 20;
const _: () = assert!(REMEMBERED as u64 / 8 <= FREE_OF_RATIO);

thread_local! {
    static DECODED: RefCell<DecodeCache<Codings>> = RefCell::new(DecodeCache::new(REMEMBERED));
    /// Room in which the next content is decoded: contents of a megabyte are not gathered in ever larger rooms of the heap,
    /// each of which it would keep for a while.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Largest room that a thread keeps.
const MOST_ROOM: usize = 2 << 20;

/// Keeps room for the next content.
fn keep_room(mut room: Vec<u8>) {
    if room.capacity() <= MOST_ROOM {
        room.clear();
        let _ = ROOM.try_with(|kept| kept.set(room));
    }
}

/// Bytes of memory a decoder takes while it measures, about: most is its window.
const MEASURING: usize = 64 << 10;

#[derive(Debug)]
struct Measuring {
    decoder: Option<Decoder>,
    decoded: u64,
    stop: Option<Stop>,
}

impl Collector {
    /// For the content that follows `head`.
    ///
    /// Kept are the kinds of [`can_hold_token`], every content of a response with a 4xx status, and what a request sends,
    /// whatever it calls it, unless its beginning is no text (`is_text`) and not coded. Besides `Content-Encoding` the codings of `Transfer-Encoding` other than `chunked` are undone.
    pub fn new(head: &Head, policy: BodyPolicy) -> Self {
        let refused = head.status().is_some_and(|status| (400..500).contains(&status));
        let is_request = head.status().is_none();
        let can_hold = refused || head.value("content-type").is_none_or(can_hold_token);
        let mut codings = Codings::default();
        head.values("content-encoding").for_each(|value| codings.add_list(value));
        for value in head.values("transfer-encoding") {
            for member in value.split(|byte| *byte == b',') {
                // An obfuscated "chunked" is the framing's business.
                let name = trim_to_token(member);
                if !contains_chunked(name) && is_coding_name(name) {
                    codings.add_list(name);
                }
            }
        }
        Self {
            keep: can_hold || is_request || policy == BodyPolicy::Whole,
            is_request,
            doubt: is_request && !can_hold && codings.is_empty() && policy != BodyPolicy::Whole,
            plain_answer: policy != BodyPolicy::Whole
                && head.status().is_some_and(|status| (200..400).contains(&status)),
            measure: policy == BodyPolicy::Measure,
            codings,
            transferred: 0,
            raw: Vec::new(),
            twin: None,
            hole: false,
            over: false,
            broken: false,
            measuring: None,
        }
    }

    /// Shows the first bytes before they are pushed: a content in `barren` is then compared as it comes, not gathered.
    #[inline]
    pub fn meet(&mut self, piece: &[u8], barren: &Barren) {
        if self.transferred == 0 && self.keep && self.plain_answer && !self.hole && !self.codings.is_empty() {
            self.twin = barren.twin(&self.codings, piece);
        }
    }

    /// The next bytes of the content. Costs nothing but a sum if the kind is of no interest.
    #[inline]
    pub fn push(&mut self, piece: &[u8], limits: &Limits) {
        self.transferred = self.transferred.saturating_add(piece.len() as u64);
        if (self.keep || self.measure) && !self.hole && !piece.is_empty() {
            self.take(piece, limits);
        }
    }

    fn take(&mut self, piece: &[u8], limits: &Limits) {
        if self.twin.as_mut().is_some_and(|twin| twin.goes_on(piece)) {
            return;
        }
        self.part();
        let mut rest = piece;
        if self.keep && !self.over {
            let room = limits.body.saturating_sub(self.raw.len());
            let (kept, beyond) = piece.split_at_checked(room).unwrap_or((piece, b""));
            self.raw.extend_from_slice(kept);
            self.over = !beyond.is_empty();
            rest = beyond;
            if self.doubt && self.raw.len() >= SNIFFED.min(limits.body) {
                self.settle();
            }
        }
        if self.measure && !rest.is_empty() && !self.codings.is_empty() {
            self.measure(rest, limits);
        }
    }

    /// The beginning of a content tells whether it is what it is called.
    fn settle(&mut self) {
        self.doubt = false;
        if !is_text(&self.raw) && !begins_coded(&self.raw) {
            self.keep = false;
            self.raw = Vec::new();
        }
    }

    /// The content is another than its twin: what both begin with is its own from here on.
    fn part(&mut self) {
        if let Some(twin) = self.twin.take() {
            self.raw = twin.equal().to_vec();
        }
    }

    /// Bytes of the content are not in the recording. What comes behind them is counted, and neither kept nor decoded:
    /// it must not read as if it followed what was before.
    pub const fn missing(&mut self) {
        self.hole = true;
    }

    /// The rest cannot be told from other bytes: the transfer coding is damaged.
    pub const fn broken(&mut self) {
        self.broken = true;
    }

    /// Bytes of memory it takes besides its own, about.
    pub fn weight(&self) -> usize {
        self.raw.capacity().saturating_add(self.measuring.as_ref().map_or(0, |_| MEASURING))
    }

    /// Bytes seen so far.
    pub const fn transferred(&self) -> u64 {
        self.transferred
    }

    fn measure(&mut self, piece: &[u8], limits: &Limits) {
        let measuring = self.measuring.get_or_insert_with(|| {
            let decoder = self.codings.decoder(limits);
            let stop = decoder.is_none().then_some(Stop::Damaged);
            let mut measuring = Box::new(Measuring { decoder, decoded: 0, stop });
            measuring.push(&self.raw);
            measuring
        });
        measuring.push(piece);
    }

    /// The content is over. The marks are [`Mark::BodyCut`] for a hole, [`Mark::BodyLimit`] and
    /// [`Mark::CodingUnknown`].
    ///
    /// A content whose coding is unknown is kept as it came, and one that is not coded as declared as far as it can be
    /// decoded. Both are marked. Of one that is in `barren` the
    /// beginning is kept.
    pub fn finish(mut self, limits: &Limits, barren: &Barren) -> (Body, Marks) {
        if self.doubt && !self.raw.is_empty() {
            self.settle();
        }
        let (mut body, mut marks) = (Body { transferred: self.transferred, ..Body::default() }, Marks::default());
        if self.over && self.keep {
            cut(&mut body, &mut marks, BodyCut::Limit);
        }
        if self.codings.is_empty() || self.transferred == 0 {
            body.decoded = Some(self.transferred);
            if self.keep {
                self.raw.truncate(limits.decoded_body);
                body.kept = Some(self.raw.into_boxed_slice());
            }
        } else if self.keep {
            self.decode_kept(limits, barren, &mut body, &mut marks);
        }
        if let Some(mut measuring) = self.measuring.take() {
            if !self.hole && !self.broken {
                measuring.finish();
            }
            // Nothing was decoded of an unknown coding.
            let is_unknown = measuring.decoded == 0 && measuring.stop == Some(Stop::Damaged);
            body.decoded = (!is_unknown).then_some(measuring.decoded);
            match measuring.stop {
                Some(Stop::Damaged) if !self.hole && !self.broken => cut(&mut body, &mut marks, BodyCut::Coding),
                Some(Stop::Limit) => cut(&mut body, &mut marks, BodyCut::Limit),
                _ => {}
            }
        }
        if self.hole {
            cut(&mut body, &mut marks, BodyCut::Recording);
        } else if self.broken {
            body.cut = Some(BodyCut::Coding);
        }
        (body, marks)
    }

    /// Undoes the codings of what was gathered.
    fn decode_kept(&mut self, limits: &Limits, barren: &Barren, body: &mut Body, marks: &mut Marks) {
        let is_whole = !self.hole && !self.over && !self.broken;
        let may_be_known = is_whole && self.plain_answer;
        let mut nothing = |Nothing { decoded, beginning }| {
            body.decoded = Some(decoded);
            body.kept = Some(beginning);
        };
        if let Some(content) = self.twin.as_ref().filter(|_| may_be_known).and_then(Twin::content) {
            nothing(content);
            return;
        }
        self.part();
        let mut raw = std::mem::take(&mut self.raw);
        if let Some(content) = may_be_known.then(|| barren.content(&self.codings, &raw)).flatten() {
            nothing(content);
            return;
        }
        let Some(mut decoder) = self.codings.decoder(limits) else {
            if !raw.is_empty() {
                cut(body, marks, BodyCut::Coding);
            }
            body.kept = Some(raw.into_boxed_slice());
            return;
        };
        if let Some(Entry { coded, decoded, .. }) = self.recall(&raw, limits) {
            if may_be_known {
                barren.see(&self.codings, coded, &decoded, limits);
            }
            body.decoded = Some(decoded.len() as u64);
            body.kept = Some(decoded);
            return;
        }
        let mut decoded = ROOM.try_with(Cell::take).unwrap_or_default();
        let mut out = |piece: &[u8]| {
            let room = limits.decoded_body.saturating_sub(decoded.len());
            let (kept, beyond) = piece.split_at_checked(room).unwrap_or((piece, b""));
            decoded.extend_from_slice(kept);
            if beyond.is_empty() { Ok(()) } else { Err(Stop::Limit) }
        };
        let mut result = decoder.decode(&raw, &mut out);
        if result.is_ok() {
            result = decoder.finish(&mut out);
        }
        match result {
            Ok(()) => {
                let coded = Arc::from(std::mem::take(&mut raw));
                self.remember(&coded, &decoded);
                if may_be_known {
                    barren.see(&self.codings, coded, &decoded, limits);
                }
            }
            Err(Stop::Limit) => cut(body, marks, BodyCut::Limit),
            Err(Stop::Damaged) if is_whole => cut(body, marks, BodyCut::Coding),
            _ => {}
        }
        // A request whose content is not coded as it says is read as it stands.
        if result.is_err() && decoded.is_empty() && self.is_request {
            body.kept = Some(raw.into_boxed_slice());
            return;
        }
        body.decoded = Some(decoded.len() as u64);
        if decoded.capacity() > MOST_ROOM {
            body.kept = Some(decoded.into_boxed_slice());
            return;
        }
        body.kept = Some(decoded.as_slice().into());
        keep_room(decoded);
    }

    /// What the bytes were decoded to lately, whole, under any limits.
    fn recall(&self, coded: &[u8], limits: &Limits) -> Option<Entry<Codings>> {
        let contents = |contents: &RefCell<DecodeCache<Codings>>| {
            let contents = contents.try_borrow().ok()?;
            contents.find(&self.codings, coded).filter(|entry| entry.decoded.len() <= limits.decoded_body).cloned()
        };
        DECODED.try_with(contents).ok().flatten()
    }

    fn remember(&self, coded: &Arc<[u8]>, decoded: &[u8]) {
        // The inner layers of several are bounded on their own.
        if self.codings.is_single() {
            let _ = DECODED.try_with(|contents| {
                if let Ok(mut contents) = contents.try_borrow_mut() {
                    contents.keep(self.codings.clone(), Arc::clone(coded), decoded);
                }
            });
        }
    }
}

impl Measuring {
    fn push(&mut self, piece: &[u8]) {
        let Some(decoder) = &mut self.decoder else { return };
        let decoded = &mut self.decoded;
        let result = decoder.decode(piece, &mut |out| {
            *decoded = decoded.saturating_add(out.len() as u64);
            Ok(())
        });
        self.end(result);
    }

    fn finish(&mut self) {
        let Some(decoder) = &mut self.decoder else { return };
        let decoded = &mut self.decoded;
        let result = decoder.finish(&mut |out| {
            *decoded = decoded.saturating_add(out.len() as u64);
            Ok(())
        });
        self.end(result);
    }

    fn end(&mut self, result: Result<(), Stop>) {
        if let Err(stop) = result {
            self.stop = Some(stop);
            self.decoder = None;
        }
    }
}

/// Bytes of a content by which it is told whether it is text.
const SNIFFED: usize = 1024;

/// Whether bytes begin as text does, in UTF-8, UTF-16 or an encoding of one byte a character: they have hardly any control
/// characters.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let bytes = bytes.get(..SNIFFED).unwrap_or(bytes);
    let wide = |odd: usize| {
        let zeros = bytes.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
        bytes.len() >= 4 && zeros * 8 >= bytes.len() / 2 * 7
    };
    let in_pairs = wide(0) || wide(1);
    let is_control = |byte: &&u8| (**byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0c)) || **byte == 0x7f;
    let controls = bytes.iter().filter(is_control).filter(|byte| **byte != 0 || !in_pairs).count();
    controls * 50 <= bytes.len()
}

/// Whether bytes begin as those of gzip, zlib or Zstandard.
fn begins_coded(bytes: &[u8]) -> bool {
    match bytes {
        [0x1f, 0x8b, 8, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => true,
        [method, flags, ..] => method & 0x8f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0,
        _ => false,
    }
}

/// Notes a cut; the recording's outweighs the others, a coding's outweighs a limit.
fn cut(body: &mut Body, marks: &mut Marks, why: BodyCut) {
    marks.add(match why {
        BodyCut::Recording => Mark::BodyCut,
        BodyCut::Limit => Mark::BodyLimit,
        BodyCut::Coding => Mark::CodingUnknown,
    });
    if body.cut != Some(BodyCut::Recording) && (body.cut.is_none() || why != BodyCut::Limit) {
        body.cut = Some(why);
    }
}

/// Whether a name's letters hold `chunked`, as obfuscated forms do (`xchunked`, `chunked;q=1`).
pub(crate) fn contains_chunked(value: &[u8]) -> bool {
    value.windows(b"chunked".len()).any(|window| window.eq_ignore_ascii_case(b"chunked"))
}

/// Whether it is one of the transfer codings that compress (RFC 9112 §7.2).
fn is_coding_name(name: &[u8]) -> bool {
    crate::coding::CODINGS.iter().any(|row| row.names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())))
}

/// Whether a content of this media type (a `Content-Type` value) can hold a token or a credential. Only kinds that
/// cannot are left out; unknown ones can.
pub fn can_hold_token(content_type: &[u8]) -> bool {
    let media_type = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |name: &&str| media_type.eq_ignore_ascii_case(name.as_bytes());
    let in_family = |family: &&str| {
        media_type.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family.as_bytes()))
    };
    is(&"image/svg+xml") || !(FAMILIES_WITHOUT.iter().any(in_family) || TYPES_WITHOUT.iter().any(is))
}

/// Beginnings of media types that hold no token.
const FAMILIES_WITHOUT: &[&str] =
    &["image/", "audio/", "video/", "font/", "application/font-", "application/x-font-", "model/"];

/// Media types that hold no token.
const TYPES_WITHOUT: &[&str] = &[
    "text/css",
    "application/gzip",
    "application/java-archive",
    "application/ocsp-request",
    "application/ocsp-response",
    "application/octet-stream",
    "application/pdf",
    "application/pkix-cert",
    "application/pkix-crl",
    "application/vnd.android.package-archive",
    "application/vnd.ms-cab-compressed",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-7z-compressed",
    "application/x-bzip2",
    "application/x-gzip",
    "application/x-msdos-program",
    "application/x-msdownload",
    "application/x-rar-compressed",
    "application/x-shockwave-flash",
    "application/x-tar",
    "application/x-xz",
    "application/x-zip-compressed",
    "application/zip",
    "application/zstd",
];

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::coding::barren::FORM;
    use crate::exchange::message::HeadBuilder;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn head(status: u16, fields: &[(&str, &str)]) -> Head {
        let mut builder = HeadBuilder::response(status, b"");
        for (name, value) in fields {
            builder.field(name.as_bytes(), value.as_bytes());
        }
        builder.finish()
    }

    fn collect(head: &Head, policy: BodyPolicy, pieces: &[&[u8]], limits: &Limits) -> (Body, Marks) {
        let mut collector = Collector::new(head, policy);
        pieces.iter().for_each(|piece| collector.push(piece, limits));
        collector.finish(limits, &Barren::new(crate::token::extract::may_tell))
    }

    fn small() -> Limits {
        Limits { body: 16, decoded_body: 1 << 16, ..Limits::default() }
    }

    fn marks(list: &[Mark]) -> Marks {
        let mut marks = Marks::default();
        list.iter().for_each(|mark| marks.add(*mark));
        marks
    }

    #[test]
    fn a_content_that_held_nothing_is_not_decoded_again() {
        let coded = |text: &str| gzip(text.as_bytes());
        let gzipped = |status| head(status, &[("content-encoding", "gzip")]);
        let dull = format!("<a>{}", "nothing to see here ".repeat(20));
        let limits = Limits { barren: 3000, ..Limits::default() };
        let barren = Barren::new(crate::token::extract::may_tell);
        let keeps = |head: &Head, bytes: &[u8]| {
            let mut collector = Collector::new(head, BodyPolicy::Tokens);
            collector.push(bytes, &limits);
            let (body, marks) = collector.finish(&limits, &barren);
            assert!(marks.iter().next().is_none() && body.decoded.is_some());
            let kept = body.kept.unwrap();
            assert!(kept.len() as u64 == body.decoded.unwrap() || kept.len() == FORM);
            (kept.len() as u64 == body.decoded.unwrap(), body.decoded.unwrap())
        };
        let length = dull.len() as u64;
        // A refusal is read every time, whatever is known of its content.
        for (status, kept) in [(200, true), (200, false), (304, false), (401, true), (500, true)] {
            assert_eq!(keeps(&gzipped(status), &coded(&dull)), (kept, length), "{status}");
        }
        let mut request = HeadBuilder::request(b"POST", b"/", None);
        request.field(b"content-encoding", b"gzip");
        assert!(keeps(&request.finish(), &coded(&dull)).0);
        // Other codings, other content.
        assert!(keeps(&head(200, &[("content-encoding", "deflate")]), &coded(&dull)).0);
        let page = |text: &str| format!("<!DOCTYPE html>{text}");
        let tells =
            ["{\"access_token\":\"x\"}", "<s:Fault/>", "a=eyJhbGciOiJub25lIn0.e30.", "\\u0065yJ", "UsernameToken"];
        let tells = tells.map(|telling| format!("{dull}{telling}"));
        // Other forms are read every time: more is asked of them than whether a word is there.
        for telling in tells.into_iter().chain([page(&dull), format!("{{\"a\":\"{dull}\"}}"), dull.replace('<', ">")]) {
            for _ in 0..2 {
                assert!(keeps(&gzipped(200), &coded(&telling)).0, "{telling}");
            }
        }
        // It is forgotten when there are too many bytes.
        for other in ["one", "two", "three", "four", "five", "six", "seven"] {
            let other = dull.replace("here", other);
            assert!(keeps(&gzipped(200), &coded(&other)).0);
            assert!(!keeps(&gzipped(200), &coded(&other)).0);
        }
        assert!(keeps(&gzipped(200), &coded(&dull)).0);
    }

    #[test]
    fn a_content_that_only_begins_like_one_that_held_nothing_is_read() {
        let limits = Limits::default();
        let known = gzip((0..200).map(|n| format!("<item {} of {n} ", n * n)).collect::<String>().as_bytes());
        let read = |barren: &Barren, bytes: &[u8], size: usize, hole: Option<usize>| {
            let mut collector = Collector::new(&head(200, &[("content-encoding", "gzip")]), BodyPolicy::Tokens);
            for (index, piece) in bytes.chunks(size).enumerate() {
                if hole == Some(index) {
                    collector.missing();
                }
                collector.meet(piece, barren);
                collector.push(piece, &limits);
            }
            collector.finish(&limits, barren)
        };
        let mut flipped = known.clone();
        flipped[300] ^= 1;
        let another = gzip(b"something else altogether, so that it begins otherwise behind the header of ten bytes");
        for size in [1, 63, 64, 100, 301, usize::MAX] {
            let barren = Barren::new(crate::token::extract::may_tell);
            assert!(read(&barren, &known, size, None).0.kept.is_some());
            let (again, marks) = read(&barren, &known, size, None);
            let beginning = again.kept.as_deref().unwrap();
            assert!(beginning.len() == FORM && again.decoded.unwrap() > FORM as u64, "{size}");
            assert!(marks.iter().next().is_none(), "{size}");
            let longer = [&known[..], b"pad"].concat();
            for other in [&known[..known.len() - 1], &known[..80], &known[..64], &longer, &flipped, &another] {
                assert_eq!(
                    read(&barren, other, size, None),
                    read(&Barren::new(crate::token::extract::may_tell), other, size, None),
                    "{size}"
                );
            }
            for hole in 0..3 {
                let alone = read(&Barren::new(crate::token::extract::may_tell), &known, size, Some(hole));
                assert_eq!(read(&barren, &known, size, Some(hole)).1, alone.1, "{size} {hole}");
                assert!(
                    known.chunks(size).len() <= hole || read(&barren, &known, size, Some(hole)) == alone,
                    "{size} {hole}"
                );
            }
        }
    }

    /// Whatever a thread decoded before: the contents are what they are to a thread that decoded nothing.
    #[test]
    fn a_content_decoded_before_is_what_it_was() {
        let telling = "{\"access_token\":\"x\"}".repeat(100);
        let long = telling.repeat(200);
        let coded = gzip(telling.as_bytes());
        let mut flipped = coded.clone();
        let sum = flipped.len() - 8;
        flipped[sum] ^= 1;
        let cases: [(&str, &[u8], usize); 8] = [
            ("gzip", &coded, 1 << 20),
            ("gzip", &coded, 100),
            ("deflate", &coded, 1 << 20),
            ("gzip, gzip", &gzip(&coded), 1 << 20),
            ("gzip, unknown", &coded, 1 << 20),
            ("gzip", &coded[..coded.len() - 1], 1 << 20),
            ("gzip", &flipped, 1 << 20),
            ("gzip", &gzip(long.as_bytes()), 1 << 20),
        ];
        let read = |(codings, coded, decoded_body): (&str, &[u8], usize)| {
            let limits = Limits { decoded_body, ..Limits::default() };
            collect(&head(200, &[("content-encoding", codings)]), BodyPolicy::Tokens, &[coded], &limits)
        };
        for case in cases.iter().chain(cases.iter().rev()) {
            let alone = std::thread::scope(|scope| scope.spawn(|| read(*case)).join().unwrap());
            assert_eq!(read(*case), alone, "{} {}", case.0, case.2);
        }
        // The last content of these bytes was under gzip.
        let remembered = DECODED.with_borrow(|contents| {
            cases.map(|(list, coded, _)| {
                let mut codings = Codings::default();
                codings.add_list(list.as_bytes());
                contents.find(&codings, coded).is_some()
            })
        });
        assert_eq!(remembered, [true, true, false, false, false, false, false, false]);
    }

    #[test]
    fn only_kinds_without_tokens_are_left_out() {
        for kept in [
            "",
            "text/html; charset=utf-8",
            "application/JSON",
            "application/soap+xml",
            "image/svg+xml",
            "x/y",
            "text/xml",
        ] {
            assert!(can_hold_token(kept.as_bytes()), "{kept}");
        }
        for skipped in ["image/png", "Text/CSS", "video/mp4;x=y", "application/octet-stream", "application/font-woff"] {
            assert!(!can_hold_token(skipped.as_bytes()), "{skipped}");
        }
    }

    #[test]
    fn a_content_without_coding_is_kept_or_counted() {
        let limits = small();
        let json = head(200, &[("Content-Type", "application/json")]);
        let (body, m) = collect(&json, BodyPolicy::Tokens, &[b"{\"a\"", b":1}"], &limits);
        assert_eq!(
            (body.kept.as_deref(), body.decoded, body.cut, m),
            (Some(b"{\"a\":1}".as_slice()), Some(7), None, marks(&[]))
        );
        let (body, m) = collect(&json, BodyPolicy::Tokens, &[b"0123456789", b"0123456789"], &limits);
        assert_eq!(body.kept.as_deref(), Some(b"0123456789012345".as_slice()));
        assert_eq!(
            (body.transferred, body.decoded, body.cut, m),
            (20, Some(20), Some(BodyCut::Limit), marks(&[Mark::BodyLimit]))
        );
        let image = [("Content-Type", "image/png")];
        let (body, m) = collect(&head(200, &image), BodyPolicy::Tokens, &[&[0; 99]], &limits);
        assert_eq!((body.kept, body.transferred, body.decoded, m), (None, 99, Some(99), marks(&[])));
        assert!(collect(&head(404, &image), BodyPolicy::Tokens, &[b"no"], &limits).0.kept.is_some(), "any 4xx is kept");
    }

    #[test]
    fn nothing_behind_a_hole_is_kept() {
        let mut collector = Collector::new(&head(200, &[]), BodyPolicy::Tokens);
        collector.push(b"eyJhb", &small());
        collector.missing();
        collector.push(b"GciOi", &small());
        let (body, m) = collector.finish(&small(), &Barren::new(crate::token::extract::may_tell));
        assert_eq!((body.kept.as_deref(), body.transferred), (Some(b"eyJhb".as_slice()), 10));
        assert_eq!((body.cut, m), (Some(BodyCut::Recording), marks(&[Mark::BodyCut])));
    }

    #[test]
    fn codings_are_undone_when_kept_or_measured() {
        let text = b"secret ".repeat(1000);
        let coded = gzip(&text);
        let limits = Limits::default();
        for (content_type, policy, kept, decoded) in [
            ("text/plain", BodyPolicy::Tokens, true, Some(7000)),
            ("text/plain", BodyPolicy::Measure, true, Some(7000)),
            ("image/png", BodyPolicy::Tokens, false, None),
            ("image/png", BodyPolicy::Measure, false, Some(7000)),
        ] {
            let head = head(200, &[("Content-Type", content_type), ("Content-Encoding", "gzip")]);
            let (body, m) = collect(&head, policy, &coded.chunks(10).collect::<Vec<_>>(), &limits);
            assert_eq!(body.kept.as_deref(), kept.then_some(text.as_slice()), "{content_type} {policy:?}");
            assert_eq!((body.decoded, body.cut, m), (decoded, None, marks(&[])), "{content_type} {policy:?}");
        }
        let empty = head(304, &[("Content-Encoding", "gzip")]);
        for policy in [BodyPolicy::Tokens, BodyPolicy::Measure] {
            assert_eq!(collect(&empty, policy, &[], &limits).1, marks(&[]), "no content, nothing damaged");
        }
    }

    #[test]
    fn transfer_codings_are_undone_too() {
        let head = head(200, &[("Transfer-Encoding", "gzip, chunked")]);
        let (body, m) = collect(&head, BodyPolicy::Tokens, &[&gzip(b"eyJ")], &Limits::default());
        assert_eq!((body.kept.as_deref(), m), (Some(b"eyJ".as_slice()), marks(&[])));
    }

    #[test]
    fn what_is_too_long_is_still_measured_on_demand() {
        let text: Vec<u8> = (0..5000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let limits = Limits { body: 4096, ..Limits::default() };
        let head = head(200, &[("Content-Encoding", "gzip")]);
        let coded = gzip(&text);
        let pieces: Vec<_> = coded.chunks(1000).collect();
        let (body, m) = collect(&head, BodyPolicy::Measure, &pieces, &limits);
        assert_eq!((body.decoded, body.cut, m), (Some(20_000), Some(BodyCut::Limit), marks(&[Mark::BodyLimit])));
        let (tokens, _) = collect(&head, BodyPolicy::Tokens, &pieces, &limits);
        assert_eq!(tokens.kept, body.kept, "what is kept does not depend on the policy");
        assert!(text.starts_with(&body.kept.unwrap()));
    }

    #[test]
    fn trouble_with_a_coding_is_marked() {
        let limits = Limits::default();
        for (coding, content, kept) in [
            ("lzma", b"plain".as_slice(), b"plain".as_slice()),
            ("gzip", b"mislabelled", b"mislabelled"),
            ("gzip", &gzip(b"cut")[..14], b""),
        ] {
            for policy in [BodyPolicy::Tokens, BodyPolicy::Measure] {
                let head = head(200, &[("Content-Encoding", coding)]);
                let (body, m) = collect(&head, policy, &[content], &limits);
                assert_eq!(
                    (body.cut, m),
                    (Some(BodyCut::Coding), marks(&[Mark::CodingUnknown])),
                    "{coding} {policy:?}"
                );
                if !kept.is_empty() {
                    assert_eq!(body.kept.as_deref(), Some(kept), "{coding}");
                }
            }
        }
        let bomb = gzip(&vec![0; 32 << 20]);
        for (content_type, policy) in
            [("a/b", BodyPolicy::Tokens), ("a/b", BodyPolicy::Measure), ("image/png", BodyPolicy::Measure)]
        {
            let head = head(200, &[("Content-Type", content_type), ("Content-Encoding", "gzip")]);
            let (body, m) = collect(&head, policy, &[&bomb], &limits);
            assert_eq!((body.cut, m), (Some(BodyCut::Limit), marks(&[Mark::BodyLimit])), "{content_type} {policy:?}");
            assert!(body.kept.is_none_or(|kept| kept.len() <= limits.decoded_body));
        }
    }
}
