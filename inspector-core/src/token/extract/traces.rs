//! Whether a content has a trace of anything that somebody looks for in it.
//!
//! Most contents have none, and then nothing else of them is read. The words are searched by vectors, in two passes, in a
//! content as it is or as the string of a JSON document it stands in, with its escapes.

use std::{ops::Range, sync::LazyLock};

use aho_corasick::{
    Span,
    packed::{Config, Searcher},
};
use memchr::memmem;

use super::content::{starts_page, utf8};
use crate::{coding::barren::FORM, encoding::any_case::Words, token::scan::begins};

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
}

impl Tells {
    /// Whether it tells of a token or a credential.
    const fn is_trace(self) -> bool {
        matches!(self, Self::Name | Self::WholeName | Self::Token)
    }
}

/// A word, how much of its letter case matters, and what it tells.
struct Word {
    text: &'static str,
    /// Its readers take it in any letter case.
    any_case: bool,
    tells: Tells,
}

/// As it stands here.
const fn exact(text: &'static str, tells: Tells) -> Word {
    Word { text, any_case: false, tells }
}

/// In any letter case.
const fn any_case(text: &'static str, tells: Tells) -> Word {
    Word { text, any_case: true, tells }
}

/// Words of at least four letters.
const LONG: [Word; 17] = [
    any_case("oken", Tells::Name),
    any_case("ssertion", Tells::Name),
    any_case("ppcontext", Tells::Name),
    // A field for a password is one, too.
    any_case("assword", Tells::Name),
    any_case("sername", Tells::Name),
    any_case("uthorization", Tells::Name),
    exact("\\u00", Tells::Name),
    // A SOAP fault, an error in whatever form (`handshake::observation`).
    exact("Fault", Tells::Other),
    exact("fault", Tells::Other),
    exact("FAULT", Tells::Other),
    exact("Error", Tells::Other),
    exact("error", Tells::Other),
    exact("ERROR", Tells::Other),
    exact("xception", Tells::Other),
    exact("XCEPTION", Tells::Other),
    // Keys of federation metadata (`token::verify`).
    exact("EntityDescriptor", Tells::Other),
    // What sanitisers write (`input::har`).
    any_case("redacted", Tells::Other),
];

/// Shorter ones. Apart, because the length of the shortest word decides how many places have to be looked at closely.
const SHORT: [Word; 15] = [
    any_case("jwt", Tells::WholeName),
    any_case("cwt", Tells::WholeName),
    // How `token::scan` tells that a JWT, or the base64 of one, may begin.
    exact("eyI", Tells::Token),
    exact("eyJ", Tells::Token),
    exact("eyK", Tells::Token),
    exact("eyL", Tells::Token),
    exact("eyA", Tells::Token),
    exact("ewk", Tells::Token),
    exact("ewo", Tells::Token),
    exact("ew0", Tells::Token),
    exact("ZXl", Tells::Token),
    exact("ZXd", Tells::Token),
    exact("ZXc", Tells::Token),
    // Keys of a list (`token::verify`).
    any_case("kty", Tells::WholeOther),
    any_case("eyvalue", Tells::Other),
];

/// Errors of Exchange that say that a caller may not do what it wants.
pub(crate) const DENIALS: [&str; 3] = ["ErrorAccessDenied", "ErrorImpersonat", "ErrorMissingInformationEmailAddress"];

/// The words and what searches them. The automaton of the same crate takes ten times as long on texts of many words, for
/// parts of names are in them everywhere.
static PASSES: LazyLock<[Pass; 2]> = LazyLock::new(|| [Pass::new(&LONG), Pass::new(&SHORT)]);

/// Words that are searched together.
struct Pass {
    words: &'static [Word],
    /// Finds how words begin, in each letter case they can have; `None` where the processor has no vectors that fit.
    searcher: Option<Searcher>,
    /// The word of each beginning.
    begun: Vec<usize>,
}

impl Pass {
    fn new(words: &'static [Word]) -> Self {
        // Words are told by so many letters, so that a word has few beginnings.
        let letters = words.iter().map(|word| word.text.len()).min().unwrap_or_default();
        let beginnings = |(number, word): (usize, &Word)| {
            let beginning = word.text.as_bytes().get(..letters).unwrap_or_default().to_vec();
            let all = if word.any_case { letter_cases(beginning) } else { vec![beginning] };
            all.into_iter().enumerate().map(move |(nth, beginning)| (nth, number, beginning))
        };
        let mut all: Vec<_> = words.iter().enumerate().flat_map(beginnings).collect();
        // The first of all words come first: the searcher gives each a group in turn, which those that differ from it only
        // in their letter case join.
        all.sort_by_key(|(nth, ..)| *nth);
        let (begun, beginnings): (Vec<usize>, Vec<_>) =
            all.into_iter().map(|(_, number, beginning)| (number, beginning)).unzip();
        // The beginnings are many, but differ in little else than their letter case: vectors tell them in few groups.
        let mut config = Config::new();
        config.heuristic_pattern_limits(false).only_teddy_fat(Some(false));
        Self { words, searcher: config.builder().extend(beginnings).build(), begun }
    }
}

/// A word of few small letters in all letter cases it can have.
fn letter_cases(word: Vec<u8>) -> Vec<Vec<u8>> {
    word.iter().enumerate().fold(vec![word.clone()], |all, (at, _)| {
        let capital = |word: &Vec<u8>| {
            let mut word = word.clone();
            if let Some(letter) = word.get_mut(at) {
                letter.make_ascii_uppercase();
            }
            word
        };
        let capitals: Vec<_> = all.iter().map(capital).collect();
        [all, capitals].concat()
    })
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
/// a fault, an error, a field for a password. The answer is the same for the same bytes.
///
/// `false` only for markup and lists. Of JSON objects (answers of authorization servers, metadata) and of pages more is
/// asked than words can answer, and so is of what has no form.
pub(crate) fn may_tell(content: &[u8]) -> bool {
    let content = utf8(content);
    !is_plain(&content) || Content { bytes: &content, escaped: false }.tells(&*PASSES, |_| true)
}

/// Whether a content is markup that is no page, or a list whose first members do not tell how a call went.
fn is_plain(content: &[u8]) -> bool {
    match content {
        [b'<', ..] => !starts_page(content),
        [b'[', ..] => {
            let beginning = content.get(..FORM).unwrap_or(content);
            !OUTCOMES.is_match(beginning)
        }
        _ => false,
    }
}

/// Names of members by which an API tells how a call went (`handshake::answer`).
static OUTCOMES: LazyLock<Words> = LazyLock::new(|| {
    Words::new([
        "ok", "status", "success", "code", "message", "detail", "title", "result", "fault", "denied", "unauthor",
    ])
});

/// Whether the content of a response may have anything that a reader of contents looks for, by the string of a JSON
/// document that stands for it, which has no escape `\u`: the others stand for what is no letter, so that the words are
/// the same with them.
///
/// `false` only where [`may_tell`] is.
pub(crate) fn may_tell_escaped(string: &[u8]) -> bool {
    !is_plain(string) || Content { bytes: string, escaped: true }.tells(&*PASSES, |_| true)
}

impl Content<'_> {
    /// Whether one of the words that are `wanted` stands in it.
    fn tells(self, passes: &[Pass], wanted: impl Fn(Tells) -> bool) -> bool {
        passes.iter().any(|pass| self.tells_one(pass, &wanted))
    }

    fn tells_one(self, pass: &Pass, wanted: impl Fn(Tells) -> bool) -> bool {
        let is_met = |word: &Word, start: usize| {
            let at = start..start.saturating_add(word.text.len());
            let is_word = self.bytes.get(at.clone()).is_some_and(|found| {
                if word.any_case {
                    found.eq_ignore_ascii_case(word.text.as_bytes())
                } else {
                    found == word.text.as_bytes()
                }
            });
            is_word && wanted(word.tells) && self.means(word.tells, at)
        };
        let Some(searcher) = &pass.searcher else {
            let folded = self.bytes.to_ascii_lowercase();
            return pass.words.iter().any(|word| {
                let text = if word.any_case { &folded } else { self.bytes };
                memmem::find_iter(text, word.text).any(|start| is_met(word, start))
            });
        };
        let mut span = Span { start: 0, end: self.bytes.len() };
        while let Some(found) = searcher.find_in(self.bytes, span) {
            let word = pass.begun.get(found.pattern().as_usize()).and_then(|number| pass.words.get(*number));
            if word.is_some_and(|word| is_met(word, found.start())) {
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
        let slow = [&LONG[..], &SHORT].map(|words| Pass { words, searcher: None, begun: Vec::new() });
        assert_eq!(content.tells(&slow, wanted), found, "{text} without vectors");
        found
    }

    /// The text by itself, and behind so much that vectors are used.
    fn lengths(text: &str) -> [String; 2] {
        [text.to_owned(), format!("{} {text}", "word ".repeat(40))]
    }

    /// More words, or more letter cases, than the vectors can tell would be searched one by one.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_words_are_few_enough_for_vectors() {
        assert!(PASSES.iter().all(|pass| pass.searcher.is_some()));
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
            ("AccessToKen", true),
            ("aSsertioN appcontexT", true),
            ("appCONtext", true),
            ("UseRname", true),
            ("AuthoriZation", true),
            ("{\"jWt\":\"\"}", true),
            ("EYJ0 Ew0K zXlK assertio uthorizatio authority usernam", false),
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
            ("ErrorItemNotFound", true),
            ("{\"errors\":[]}", true),
            ("Erro, Terror", true),
            ("Erro, faul", false),
            ("<ExceptionReport>", true),
            ("[{\"kty\":\"RSA\"}]", true),
            ("workty, ktya", false),
            ("<md:EntityDescriptor>", true),
            ("[redacted]", true),
            ("<INPUT TYPE=PASSWORD>", true),
            ("PASSWORD", true),
            ("<input type=\"PassWord\">", true),
            ("[{\"KEYVALUE\":\"\"}]", true),
            ("[{\"KeyvAluE\":\"\"}]", true),
            ("[{\"KTy\":\"RSA\"}]", true),
            ("[reDacted]", true),
            ("<s:FAULT>", true),
            ("passwd, passworx, eyVal, REDAct", false),
        ] {
            for text in lengths(text) {
                for begin in ["<a>", "[\"", "<?xml version=\"1.0\"?>"] {
                    assert_eq!(may_tell(format!("{begin}{text}").as_bytes()), expected, "{begin}{text}");
                }
                for begin in [
                    "",
                    "{\"",
                    "<!DOCTYPE html>",
                    "<HTML>",
                    " ",
                    "[{\"ok\":false,\"x\":\"",
                    "[{\"Status\":401,\"x\":\"",
                ] {
                    assert!(may_tell(format!("{begin}{text}").as_bytes()) || text.starts_with('<'), "{begin}{text}");
                }
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
            capitals in proptest::num::u32::ANY,
        ) {
            let word = LONG.iter().chain(&SHORT).nth(word).unwrap();
            let is_capital = |at: usize| word.any_case && capitals >> at & 1 == 1;
            let cased = |(at, letter): (usize, char)| if is_capital(at) { letter.to_ascii_uppercase() } else { letter };
            let telling: String = word.text.chars().enumerate().map(cased).collect();
            // Others tell only where they stand alone, or with what follows.
            let markup = ["<", &telling].concat();
            proptest::prop_assert!(may_tell(markup.as_bytes()) || matches!(word.tells, Tells::Token));
            let word = if without { "" } else { &telling };
            let text = format!("{before}{word}{after}");
            let quoted = serde_json::to_string(&text).unwrap();
            let string = quoted.trim_start_matches('"').strip_suffix('"').unwrap();
            if memmem::find(string.as_bytes(), b"\\u").is_none() {
                proptest::prop_assert!(!may_tell(text.as_bytes()) || may_tell_escaped(string.as_bytes()), "{}", string);
            }
        }
    }
}
