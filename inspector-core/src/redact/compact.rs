//! Finds JWTs in any bytes, by value instead of by name.
//!
//! A header is a JSON object, so its base64url begins with one of a few letters: `{"` is `eyJ`, `{ ` is `eyA`, `{` and a
//! line end `ewo` or `ew0`; and the base64 of such text begins with `ZXlK` and the like. From there on runs of base64
//! letters and the dots between them are measured, and the header must decode to an object with `alg`, `enc` or `typ`.
//! What stands before a token does not matter: in `authtoken=Bearer%253DeyJ0…` it is a letter of the same alphabet.
//!
//! Each byte is looked at a bounded number of times, whatever the input.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use memchr::memmem::Finder;

use super::placeholder::is_redacted;
use crate::encoding::base64;

/// Places in one run of base64 letters at which a header is tried.
const TRIALS: usize = 4;
/// Longest header, in characters. One with a certificate chain takes about 10,000.
const LONGEST_HEADER: usize = 64 << 10;
/// Longest text in place of a signature that is taken for one.
const LONGEST_MARK: usize = 32;

/// A token in a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hit<'t> {
    /// Where.
    pub(crate) range: Range<usize>,
    /// The token; decoded, if the text holds its base64.
    pub(crate) token: Cow<'t, str>,
}

/// Iterates over the tokens of a text.
#[derive(Debug)]
pub(crate) struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// End of the run in which a header was tried last, and how often.
    run_end: usize,
    trials: usize,
    /// End of the run of letters of both alphabets that was measured last, and how often a header was tried in it.
    wide_end: usize,
    wide_trials: usize,
    /// Whether to look for base64 of tokens.
    wrapped: bool,
}

/// The tokens in `text`, in order.
pub(crate) const fn scan(text: &[u8]) -> Scan<'_> {
    scan_from(text, 0, true)
}

const fn scan_from(text: &[u8], at: usize, wrapped: bool) -> Scan<'_> {
    Scan { text, at, run_end: 0, trials: 0, wide_end: 0, wide_trials: 0, wrapped }
}

/// The first two letters of whatever [`opens`] or [`opens_wrapped`].
static OPENINGS: LazyLock<[Finder<'static>; 3]> = LazyLock::new(|| ["ey", "ew", "ZX"].map(Finder::new));

/// Texts for which one pass over letters costs less than three searches.
const SHORT: usize = 128;

/// Whether a scan of `text` could find anything; cheap.
pub(crate) fn may_hold(text: &[u8]) -> bool {
    let opens_at = |at: usize| text.get(at..).is_some_and(begins);
    if text.len() < SHORT {
        return memchr::memchr2_iter(b'e', b'Z', text).any(opens_at);
    }
    OPENINGS.iter().any(|opening| opening.find_iter(text).any(opens_at))
}

/// Whether a token may begin where `text` begins, or the base64 of one.
pub(crate) fn begins(text: &[u8]) -> bool {
    opens(text) || opens_wrapped(text)
}

impl<'t> Iterator for Scan<'t> {
    type Item = Hit<'t>;

    fn next(&mut self) -> Option<Hit<'t>> {
        loop {
            let start = self.at + memchr::memchr2(b'e', b'Z', self.text.get(self.at..)?)?;
            let rest = self.text.get(start..)?;
            let hit = if opens(rest) {
                self.plain(start)
            } else if self.wrapped && opens_wrapped(rest) {
                self.encoded(start)
            } else {
                self.at = start + 1;
                continue;
            };
            if hit.is_some() {
                return hit;
            }
        }
    }
}

impl<'t> Scan<'t> {
    /// Reads a token that starts at `start`, or moves on.
    fn plain(&mut self, start: usize) -> Option<Hit<'t>> {
        let run = self.run(start);
        if run.end != self.run_end {
            (self.run_end, self.trials) = (run.end, 0);
        }
        self.trials += 1;
        let dotted = self.text.get(run.end) == Some(&b'.');
        // Another header may begin later in the same run, but not without a dot behind it.
        self.at = if dotted && self.trials < TRIALS { start + 1 } else { run.end };
        let (header, encrypted) = match is_encrypted(self.text.get(run.clone())?).filter(|_| dotted) {
            Some(encrypted) => (run, encrypted),
            None => self.wide_header(start)?,
        };
        let mut standard = self.is_standard(&header);
        let mut payload = self.run(header.end + 1);
        if let Some(wide) = self.widened(&payload)
            && self.text.get(wide.end) == Some(&b'.')
            && (standard || self.text.get(wide.clone()).is_some_and(|part| opens(part) && is_object(part)))
        {
            (payload, standard) = (wide, true);
        }
        if payload.is_empty() && !encrypted {
            return None;
        }
        let mut end = payload.end;
        for _ in 0..if encrypted { 3 } else { 1 } {
            if self.text.get(end) != Some(&b'.') {
                break;
            }
            let part = self.run(end + 1);
            end = self.widened(&part).filter(|wide| standard || self.is_signature(&part, wide)).unwrap_or(part).end;
        }
        if self.text.get(end.wrapping_sub(1)) == Some(&b'.') {
            end += self.mark(end);
        }
        self.at = end;
        Some(Hit { range: start..end, token: String::from_utf8_lossy(self.text.get(start..end)?) })
    }

    /// A header in which there are letters of the standard alphabet, and whether it says that the token is encrypted.
    fn wide_header(&mut self, start: usize) -> Option<(Range<usize>, bool)> {
        if self.wide_end <= start {
            (self.wide_end, self.wide_trials) = (self.wide_run(start).end, 0);
        }
        self.wide_trials += 1;
        let header = start..self.wide_end;
        if self.wide_trials > TRIALS || self.text.get(header.end) != Some(&b'.') {
            return None;
        }
        let part = self.text.get(header.clone())?;
        let encrypted = self.is_standard(&header).then(|| is_encrypted(part))??;
        Some((header, encrypted))
    }

    /// The letters of both alphabets from `start` on, with the padding a dot follows.
    fn wide_run(&self, start: usize) -> Range<usize> {
        let rest = self.text.get(start..).unwrap_or_default();
        let letters = rest.iter().position(|b| !is_letter(*b) && !matches!(b, b'+' | b'/')).unwrap_or(rest.len());
        let padding = rest.get(letters..).unwrap_or_default().iter().take(2).take_while(|b| **b == b'=').count();
        let is_padded = rest.get(letters + padding) == Some(&b'.');
        start..start + letters + if is_padded { padding } else { 0 }
    }

    /// A part with the letters of the standard alphabet behind it; `None` if none follows.
    fn widened(&self, part: &Range<usize>) -> Option<Range<usize>> {
        matches!(self.text.get(part.end), Some(b'+' | b'/')).then(|| self.wide_run(part.start))
    }

    /// Whether there are letters in a part that only the standard alphabet has, or padding.
    fn is_standard(&self, part: &Range<usize>) -> bool {
        self.text.get(part.clone()).unwrap_or_default().iter().any(|b| matches!(b, b'+' | b'/' | b'='))
    }

    /// Whether a signature is rather what is read in the standard alphabet than what ends at its first such letter, which
    /// can as well be the end of a path's segment: it has the length of one, or is padded.
    fn is_signature(&self, part: &Range<usize>, wide: &Range<usize>) -> bool {
        /// Lengths of HMAC, RSA and ECDSA signatures in base64 without padding.
        const LENGTHS: [usize; 10] = [43, 64, 86, 128, 171, 176, 342, 512, 683, 1366];
        let padded = self.text.get(wide.end) == Some(&b'=');
        !LENGTHS.contains(&part.len()) && (padded || LENGTHS.contains(&wide.len()))
    }

    /// Reads the base64 of a token that starts at `start`, or moves on.
    fn encoded(&mut self, start: usize) -> Option<Hit<'t>> {
        let rest = self.text.get(start..)?;
        let length = rest.iter().position(|b| !is_letter(*b) && !matches!(b, b'+' | b'/')).unwrap_or(rest.len());
        self.at = start + length;
        // An odd character at the end belongs to what follows.
        let letters = length - usize::from(length % 4 == 1);
        let decoded = base64::decode(std::str::from_utf8(rest.get(..letters)?).ok()?)?;
        let inner = scan_from(&decoded.bytes, 0, false).next()?;
        let padding = rest.get(length..)?.iter().take(2).take_while(|b| **b == b'=').count();
        self.at += padding;
        Some(Hit { range: start..self.at, token: Cow::Owned(inner.token.into_owned()) })
    }

    /// The base64url letters from `start` on, with their padding.
    fn run(&self, start: usize) -> Range<usize> {
        let rest = self.text.get(start..).unwrap_or_default();
        let letters = rest.iter().position(|b| !is_letter(*b)).unwrap_or(rest.len());
        let padding = rest.get(letters..).unwrap_or_default().iter().take(2).take_while(|b| **b == b'=').count();
        // Padding of the header or payload is followed by a dot; an equals sign elsewhere is not the token's.
        let padded = letters + padding;
        let end = if padding > 0 && letters > 0 && rest.get(padded) == Some(&b'.') { padded } else { letters };
        start..start + end
    }

    /// Length of what a recording put in place of a signature: `[REDACTED]`, `***`, `...`.
    fn mark(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        if !(rest.starts_with(b"..") || matches!(rest.first(), Some(b'[' | b'<' | b'*' | 0xe2))) {
            return 0;
        }
        let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b',' | b'&' | b';' | b'\\' | b'/');
        let length = rest.iter().take(LONGEST_MARK).position(ends).unwrap_or(rest.len().min(LONGEST_MARK));
        let mark = String::from_utf8_lossy(rest.get(..length).unwrap_or_default());
        if is_redacted(&mark) { length } else { 0 }
    }
}

/// A token that a mail program or a terminal broke over lines is one again; `None` for other texts.
pub(crate) fn joined(text: &str) -> Option<String> {
    let bare =
        text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or(text, |(_, t)| t);
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=' | '+' | '/');
    let is_broken = bare.contains(char::is_whitespace)
        && bare.chars().all(|c| is_token(c) || c.is_whitespace())
        && bare.contains('.');
    is_broken.then(|| bare.chars().filter(|c| !c.is_whitespace()).collect())
}

/// Whether a text is a token with white space in it.
pub(super) fn is_broken_token(text: &str) -> bool {
    let bare = text.trim_start();
    let is_behind_scheme = bare.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    if !(opens_object(bare) || is_behind_scheme) || !text.contains('.') {
        return false;
    }
    if joined(text).is_some_and(|joined| scan(joined.as_bytes()).next().is_some()) {
        return true;
    }
    let mut letters = text.chars().filter(|c| !c.is_ascii_whitespace());
    let header: String = letters.by_ref().take_while(|c| *c != '.').take(LONGEST_HEADER).collect();
    is_header(&header)
}

/// Whether base64 begins as that of a brace, white space or a byte order mark does.
fn opens_object(word: &str) -> bool {
    matches!(word.as_bytes().first(), Some(b'e' | b'I' | b'C' | b'D' | b'7'))
}

/// Whether a word's first letter is that of a token, of its base64, or of its header in any form; cheap.
pub(super) fn may_begin(word: &str) -> bool {
    opens_object(word) || word.starts_with('Z')
}

/// Whether a word is base64 of a JSON object, as the first part of a token is; whatever is in it.
pub(crate) fn is_header(word: &str) -> bool {
    if !opens_object(word) {
        return false;
    }
    let json = base64::decode(word).unwrap_or_default().bytes;
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&json).trim_ascii();
    word.len() <= LONGEST_HEADER && json.starts_with(b"{") && json.ends_with(b"}")
}

/// Whether the header says the token is encrypted; `None` if it is no header.
fn is_encrypted(run: &[u8]) -> Option<bool> {
    if run.len() > LONGEST_HEADER {
        return None;
    }
    let json = base64::decode(std::str::from_utf8(run).ok()?)?.bytes;
    let json = json.trim_ascii();
    if !json.starts_with(b"{") || !json.ends_with(b"}") {
        return None;
    }
    let has = |name: &[u8]| memchr::memmem::find(json, name).is_some();
    let encrypted = has(b"\"enc\"");
    (encrypted || has(b"\"alg\"") || has(b"\"typ\"")).then_some(encrypted)
}

/// Whether a payload is base64 of a JSON object.
fn is_object(part: &[u8]) -> bool {
    let json = std::str::from_utf8(part).ok().and_then(base64::decode).unwrap_or_default().bytes;
    json.trim_ascii().starts_with(b"{") && json.trim_ascii().ends_with(b"}")
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Whether base64url of `{` and what JSON allows behind it begins here: a quote and any letter, or white space and then
/// white space or a quote. So words like "viewpoint" do not count.
///
/// ```text
/// {"…   ey I-L          { and HT   ewk ⎫
/// {␠    eyA  ⎫          { and LF   ewo ⎬ g ␠  i "  J HT  K LF  N CR
///            ⎭ …        { and CR   ew0 ⎭
/// ```
const fn opens(text: &[u8]) -> bool {
    matches!(
        text,
        [b'e', b'y', b'I'..=b'L', ..]
            | [b'e', b'y', b'A', b'g' | b'i' | b'J' | b'K' | b'N', ..]
            | [b'e', b'w', b'k' | b'o' | b'0', b'g' | b'i' | b'J' | b'K' | b'N', ..]
    )
}

/// Whether base64 of such base64url begins here.
fn opens_wrapped(text: &[u8]) -> bool {
    [b"ZXlK", b"ZXlB", b"ZXdv", b"ZXcw"].iter().any(|start| text.starts_with(*start))
}

#[cfg(test)]
mod tests {
    use super::*;

    // {"alg":"none"}.{"iss":"a"}.
    const UNSIGNED: &str = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.";
    // { "alg":"HS256"}.{"iss":"a"}.sig
    const BLANK: &str = "eyAiYWxnIjoiSFMyNTYifQ.eyJpc3MiOiJhIn0.AAAA";
    // {\r\n"alg":"HS256"}
    const LINES: &str = "ew0KImFsZyI6IkhTMjU2In0.eyJpc3MiOiJhIn0.AAAA";
    // {"alg":"dir","enc":"A256GCM"} with an empty key
    const ENCRYPTED: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.dGV4dA.dGFn";

    fn found(text: &str) -> Vec<String> {
        scan(text.as_bytes()).map(|hit| hit.token.into_owned()).collect()
    }

    #[test]
    fn tokens_are_found_wherever_they_stand() {
        let wrapped = ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, BLANK);
        let two = UNSIGNED.trim_end_matches('.');
        let table = [
            (format!("x={UNSIGNED}&y={BLANK}"), vec![UNSIGNED, BLANK]),
            (format!("\"{LINES}\""), vec![LINES]),
            (format!("authtoken=Bearer%253D{BLANK}%2526Origin"), vec![BLANK]),
            (format!("abcey{BLANK}"), vec![BLANK]),
            (format!("<a>{ENCRYPTED}</a>"), vec![ENCRYPTED]),
            (format!("{two} "), vec![two]),
            (format!("{wrapped}!"), vec![BLANK]),
            (format!("[{BLANK},{BLANK}]"), vec![BLANK, BLANK]),
            ("eyJhbGciOiJub25lIn0=.eyJpc3MiOiJhIn0=.QQ==".into(), vec!["eyJhbGciOiJub25lIn0=.eyJpc3MiOiJhIn0=.QQ"]),
            (format!("{UNSIGNED}[REDACTED]\""), vec!["eyJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.[REDACTED]"]),
            // No tokens: no dot, no header, no payload, a file name.
            ("eyJhbGciOiJub25lIn0".into(), vec![]),
            ("eyJpc3MiOiJhIn0.eyJpc3MiOiJhIn0.".into(), vec![]),
            ("eyJhbGciOiJub25lIn0. text".into(), vec![]),
            ("eyJoLmpz.map they key ewes ZXlK".into(), vec![]),
        ];
        for (text, expected) in table {
            assert_eq!(found(&text), expected, "{text}");
            assert!(expected.is_empty() || may_hold(text.as_bytes()), "{text}");
        }
        for text in ["they keep the key", "a viewport, a viewpoint, a newer one", "eyAZ"] {
            assert!(!may_hold(text.as_bytes()) && !may_hold(text.repeat(40).as_bytes()), "{text}");
        }
        // Whatever white space follows the brace, before and behind the length from which it is searched otherwise.
        for header in ["{\"", "{\t\t", "{\n\"", "{\r\n", "{\r\"", "{ \n", "{  ", "{ \"", "{\n ", "{\t\""] {
            let token = ::base64::Engine::encode(
                &::base64::engine::general_purpose::URL_SAFE_NO_PAD,
                format!("{header}alg\":\"none\"}}"),
            );
            for before in ["", &"key ".repeat(60)] {
                assert!(may_hold(format!("{before}{token}").as_bytes()), "{header:?}");
            }
        }
    }

    #[test]
    fn hostile_runs_take_linear_time() {
        for text in [
            "eyJ".repeat(400_000),
            "eyJ".repeat(400_000) + ".eyJ",
            "eyJ.".repeat(300_000),
            "ZXlK".repeat(300_000),
            "ZXlK.".repeat(250_000),
            "eyJhbGciOiJub25lIn0.".repeat(60_000),
        ] {
            let total: usize = scan(text.as_bytes()).map(|hit| hit.range.len()).sum();
            assert!(total <= text.len());
        }
    }

    proptest::proptest! {
        #[test]
        fn a_planted_token_is_found(before in "[ -~]{0,40}[ =\"]", after in "[ &\"<][ -~]{0,40}") {
            let text = format!("{before}{BLANK}{after}");
            proptest::prop_assert!(found(&text).contains(&BLANK.to_owned()));
        }

        #[test]
        fn any_bytes_are_scanned(text: Vec<u8>) {
            proptest::prop_assert!(scan(&text).all(|hit| hit.range.end <= text.len()));
        }
    }
}
