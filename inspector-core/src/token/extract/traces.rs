//! Whether a content has a trace of anything that somebody looks for in it.
//!
//! Most contents have none, and then nothing else of them is read. The words are searched by vectors, in two passes, in a
//! content as it is or as the string of a JSON document it stands in, with its escapes.

use std::{ops::Range, sync::LazyLock};

use aho_corasick::{Span, packed::Searcher};
use memchr::memmem;

use super::content::utf8;
use crate::token::scan::begins;

/// What a word tells where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// A token or a credential may be there: it is part of a name this program looks for, or `\u00`, which can hide any.
    Name,
    /// The same, but only if no letter or digit stands around it: any longer text of random letters holds it.
    WholeName,
    /// The same, if a JWT can begin here.
    Token,
    /// Something else that a reader of responses looks for.
    Other,
    /// The same, but only as a whole name.
    WholeOther,
    /// The same, if one of the [`DENIALS`] stands here.
    Denial,
}

impl Tells {
    /// Whether it tells of a token or a credential.
    const fn is_trace(self) -> bool {
        matches!(self, Self::Name | Self::WholeName | Self::Token)
    }
}

/// Words of at least four letters, in the letter cases that occur.
const LONG: [(&str, Tells); 17] = [
    ("oken", Tells::Name),
    ("OKEN", Tells::Name),
    ("ssertion", Tells::Name),
    ("SSERTION", Tells::Name),
    ("ppContext", Tells::Name),
    ("assword", Tells::Name),
    ("sername", Tells::Name),
    ("uthorization", Tells::Name),
    ("UTHORIZATION", Tells::Name),
    ("\\u00", Tells::Name),
    // A SOAP fault (`handshake::observation`).
    ("Fault", Tells::Other),
    ("Error", Tells::Denial),
    // Keys of a list or of federation metadata (`token::verify`).
    ("eyValue", Tells::Other),
    ("eyvalue", Tells::Other),
    ("EntityDescriptor", Tells::Other),
    // What sanitisers write (`input::har`).
    ("redacted", Tells::Other),
    ("REDACTED", Tells::Other),
];

/// Shorter ones. Apart, because the length of the shortest word decides how many places have to be looked at closely.
const SHORT: [(&str, Tells); 15] = [
    ("jwt", Tells::WholeName),
    ("JWT", Tells::WholeName),
    ("cwt", Tells::WholeName),
    // How `token::scan` tells that a JWT, or the base64 of one, may begin.
    ("eyI", Tells::Token),
    ("eyJ", Tells::Token),
    ("eyK", Tells::Token),
    ("eyL", Tells::Token),
    ("eyA", Tells::Token),
    ("ewk", Tells::Token),
    ("ewo", Tells::Token),
    ("ew0", Tells::Token),
    ("ZXl", Tells::Token),
    ("ZXd", Tells::Token),
    ("ZXc", Tells::Token),
    // A key of a list.
    ("kty", Tells::WholeOther),
];

/// Errors of Exchange that say that a caller may not do what it wants.
pub(crate) const DENIALS: [&str; 3] = ["ErrorAccessDenied", "ErrorImpersonat", "ErrorMissingInformationEmailAddress"];

/// The words and what searches them; nothing where the processor has no vectors that fit. The automaton of the same crate
/// takes ten times as long on texts of many words, for parts of names are in them everywhere.
static PASSES: LazyLock<[Pass; 2]> = LazyLock::new(|| [Pass::new(&LONG), Pass::new(&SHORT)]);

/// Words that are searched together.
struct Pass {
    words: &'static [(&'static str, Tells)],
    searcher: Option<Searcher>,
}

impl Pass {
    fn new(words: &'static [(&'static str, Tells)]) -> Self {
        Self { words, searcher: Searcher::new(words.iter().map(|(word, _)| word)) }
    }
}

/// A content, and how it is written.
#[derive(Clone, Copy)]
struct Content<'c> {
    bytes: &'c [u8],
    /// It is the string of a JSON document, as it stands there.
    escaped: bool,
}

/// Whether a content has a trace of a token or a credential.
pub(super) fn has_traces(bytes: &[u8]) -> bool {
    Content { bytes, escaped: false }.tells(&*PASSES, Tells::is_trace)
}

/// Whether the content of a response has anything that a reader of contents looks for: a trace of a token or a credential,
/// a SOAP fault, a denial, a field for a password. The answer is the same for the same bytes.
pub(crate) fn may_tell(content: &[u8]) -> bool {
    let content = utf8(content);
    Content { bytes: &content, escaped: false }.tells(&*PASSES, |_| true) || asks_for_password(&content)
}

/// Whether the content of a response may have anything that a reader of contents looks for, by the string of a JSON
/// document that stands for it, which has no escape `\u`: the others stand for what is no letter, so that the words are
/// the same with them.
///
/// `false` only for markup and lists. Of JSON objects (answers of authorization servers, metadata) and of HTML, which is
/// the caller's to tell, more is asked than words can answer.
pub(crate) fn may_tell_escaped(string: &[u8]) -> bool {
    !matches!(string, [b'<' | b'[', ..]) || Content { bytes: string, escaped: true }.tells(&*PASSES, |_| true)
}

/// Whether it names a password in capital letters: pages of old do.
fn asks_for_password(content: &[u8]) -> bool {
    memmem::find(content, b"ASSWORD").is_some()
}

impl Content<'_> {
    /// Whether one of the words that are `wanted` stands in it.
    fn tells(self, passes: &[Pass], wanted: impl Fn(Tells) -> bool) -> bool {
        passes.iter().any(|pass| self.tells_one(pass, &wanted))
    }

    fn tells_one(self, pass: &Pass, wanted: impl Fn(Tells) -> bool) -> bool {
        let is_met = |word: usize, at: Range<usize>| {
            pass.words.get(word).is_some_and(|(_, tells)| wanted(*tells) && self.means(*tells, at))
        };
        let Some(searcher) = &pass.searcher else {
            return pass.words.iter().enumerate().any(|(number, (word, _))| {
                memmem::find_iter(self.bytes, word).any(|at| is_met(number, at..at + word.len()))
            });
        };
        let mut span = Span { start: 0, end: self.bytes.len() };
        while let Some(found) = searcher.find_in(self.bytes, span) {
            if is_met(found.pattern().as_usize(), found.start()..found.end()) {
                return true;
            }
            // One word may begin within another.
            span.start = found.start() + 1;
        }
        false
    }

    /// Whether a word there means what it can mean.
    fn means(self, tells: Tells, at: Range<usize>) -> bool {
        let from_here = || self.bytes.get(at.start..).unwrap_or_default();
        match tells {
            Tells::Name | Tells::Other => true,
            Tells::WholeName | Tells::WholeOther => {
                !self.is_in_word(at.start.checked_sub(1)) && !self.is_in_word(Some(at.end))
            }
            Tells::Token => begins(from_here()),
            Tells::Denial => DENIALS.iter().any(|denial| from_here().starts_with(denial.as_bytes())),
        }
    }

    /// Whether a letter or a digit stands there, and is no part of an escape.
    fn is_in_word(self, at: Option<usize>) -> bool {
        let byte = |at: Option<usize>| at.and_then(|at| self.bytes.get(at));
        let is_escape = || self.escaped && byte(at.and_then(|at| at.checked_sub(1))) == Some(&b'\\');
        byte(at).is_some_and(u8::is_ascii_alphanumeric) && !is_escape()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tells(text: &str, escaped: bool, wanted: fn(Tells) -> bool) -> bool {
        let content = Content { bytes: text.as_bytes(), escaped };
        let found = content.tells(&*PASSES, wanted);
        let slow = [&LONG[..], &SHORT].map(|words| Pass { words, searcher: None });
        assert_eq!(content.tells(&slow, wanted), found, "{text} without vectors");
        found
    }

    /// The text by itself, and behind so much that vectors are used.
    fn lengths(text: &str) -> [String; 2] {
        [text.to_owned(), format!("{} {text}", "word ".repeat(40))]
    }

    #[test]
    fn names_and_beginnings_of_tokens_are_traces() {
        for (text, expected) in [
            ("{\"jwt\":\"\"}", true),
            ("<a:cwt>", true),
            ("jwt", true),
            ("a=b&JWT=", true),
            ("{\\\"jwt\\\":", true),
            ("\u{e4}jwt", true),
            ("bjwt cwta 1JWT jwt9", false),
            ("bjwt .jwt.", true),
            ("", false),
            ("\\u0065yJ", true),
            ("x=eyJ0", true),
            ("eyAi", true),
            ("eyAZ they key ewes ewoZ ZXlZ ZXdZ ZXcZ", false),
            ("ew0K", true),
            ("ZXlK", true),
            ("ZXdv", true),
            // A word that is none hides none that begins in it.
            ("ewoken", true),
            ("eyAeyJ", true),
            ("a Fault, an ErrorAccessDenied, kty, [redacted]", false),
        ] {
            for text in lengths(text) {
                assert_eq!(has_traces(text.as_bytes()), expected, "{text}");
                assert_eq!(tells(&text, false, Tells::is_trace), expected);
            }
        }
    }

    #[test]
    fn all_that_is_read_of_responses_is_told() {
        for (text, expected) in [
            ("<s:Fault>", true),
            ("ErrorAccessDenied", true),
            ("<m:ResponseCode>ErrorImpersonateUserDenied<", true),
            ("ErrorItemNotFound, an Error", false),
            ("[{\"kty\":\"RSA\"}]", true),
            ("workty, ktya", false),
            ("<md:EntityDescriptor>", true),
            ("[redacted]", true),
            ("<INPUT TYPE=PASSWORD>", true),
            ("PASSWORD", true),
            ("passwd", false),
        ] {
            for text in lengths(text) {
                assert_eq!(may_tell(text.as_bytes()), expected, "{text}");
            }
        }
        assert!(may_tell(b"\xff\xfe<\0e\0y\0J\0"), "UTF-16");
    }

    #[test]
    fn a_string_tells_what_its_content_tells() {
        for (string, expected) in [
            (r#"<a b=\"c\">\njwt\n</a>"#, true),
            (r#"[\t\"cwt\"]"#, true),
            (r#"[\"a\",\n\"bjwt\"]"#, false),
            (r#"[\"a\\nb\"]"#, false),
            (r#"<a>eyJ0</a>"#, true),
            ("<a></a>", false),
            ("[]", false),
            // Whatever else it is, is read.
            (r#"{\"a\":1}"#, true),
            (r#"\n<a/>"#, true),
            ("text", true),
            ("", true),
        ] {
            assert_eq!(may_tell_escaped(string.as_bytes()), expected, "{string}");
            assert!(!expected || !matches!(string, "<a></a>" | "[]"));
        }
    }

    proptest::proptest! {
        #[test]
        fn what_a_content_tells_its_string_tells(
            before in "[<\\[][ -~\n\t\"\\\\/]{0,80}",
            word in 0..LONG.len() + SHORT.len(),
            after in "[ -~\n\t\"\\\\/]{0,80}",
            without in proptest::bool::ANY,
        ) {
            let words: Vec<_> = LONG.iter().chain(&SHORT).map(|(word, _)| *word).collect();
            let word = if without { "" } else { words[word] };
            let text = format!("{before}{word}{after}");
            let quoted = serde_json::to_string(&text).unwrap();
            let string = quoted.trim_start_matches('"').strip_suffix('"').unwrap();
            if memmem::find(string.as_bytes(), b"\\u").is_none() {
                proptest::prop_assert!(!may_tell(text.as_bytes()) || may_tell_escaped(string.as_bytes()), "{}", string);
            }
        }
    }
}
