//! The grammar of RFC 9110 §11.2 and §11.6.1, widened to what servers send.
//!
//! ```text
//! challenge  = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
//! auth-param = token BWS "=" BWS ( token / quoted-string )
//! ```
//!
//! Widened: an unquoted value runs to the next comma or blank whatever its characters; a quoted string without its end
//! runs to the end of the field; commas may be missing; line ends count as blanks.

use std::borrow::Cow;

use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{is_not, take_while, take_while1},
    character::complete::{anychar, char},
    combinator::{eof, map, opt, peek, recognize, value},
    multi::fold_many0,
    sequence::{delimited, preceded, terminated},
};

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) quoted: bool,
}

/// Field values are bytes; what is not UTF-8 is read as ISO-8859-1 (RFC 9110 §5.5).
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|b| char::from(*b)).collect()),
    }
}

/// Blanks and line ends, and what else servers skip as such: vertical tabs, form feeds and no-break spaces.
pub(super) const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}' | '\u{a0}')
}

/// RFC 9110 §5.6.2.
pub(super) fn is_tchar(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

pub(super) fn blanks(input: &str) -> IResult<&str, &str> {
    take_while(is_blank).parse(input)
}

/// Commas and blanks between the members of a list.
pub(super) fn separators(input: &str) -> IResult<&str, &str> {
    take_while(|c| is_blank(c) || c == ',').parse(input)
}

/// A scheme or a parameter's name, whatever its characters.
pub(super) fn word(input: &str) -> IResult<&str, &str> {
    take_while1(|c| !is_blank(c) && !matches!(c, ',' | '=' | '"')).parse(input)
}

pub(super) fn token(input: &str) -> IResult<&str, &str> {
    take_while1(is_tchar).parse(input)
}

/// `token68`, which nothing but a comma or the end may follow.
pub(super) fn token68(input: &str) -> IResult<&str, &str> {
    terminated(
        recognize((take_while1(|c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c)), take_while(|c| c == '='))),
        peek((blanks, alt((value((), char(',')), value((), eof))))),
    )
    .parse(input)
}

/// A quoted string with its quoted pairs undone; its end may be missing.
pub(super) fn quoted_string(input: &str) -> IResult<&str, String> {
    let piece = alt((is_not("\"\\"), recognize(preceded(char('\\'), anychar)), recognize(char('\\'))));
    delimited(
        char('"'),
        fold_many0(piece, String::new, |mut all, piece: &str| {
            all.push_str(if piece.len() > 1 { piece.strip_prefix('\\').unwrap_or(piece) } else { piece });
            all
        }),
        opt(char('"')),
    )
    .parse(input)
}

/// `name = value`; the value may be missing.
pub(super) fn parameter(input: &str) -> IResult<&str, (&str, Value)> {
    let quoted = map(quoted_string, |text| Value { text, quoted: true });
    let unquoted =
        map(take_while(|c| !is_blank(c) && c != ','), |text: &str| Value { text: text.to_owned(), quoted: false });
    (terminated(word, (blanks, char('='), blanks)), alt((quoted, unquoted))).parse(input)
}

/// The parameters of credentials, in order. What is no parameter is passed over. At most `most` are read.
pub(super) fn parameters(mut input: &str, most: usize) -> Vec<(&str, String)> {
    let mut all = Vec::new();
    while all.len() < most {
        let Ok((rest, _)) = separators(input) else { break };
        if rest.is_empty() {
            break;
        }
        input = match parameter(rest) {
            Ok((rest, (name, value))) => {
                all.push((name, value.text));
                rest
            }
            Err(_) => pass_over(rest),
        };
    }
    all
}

/// The input behind one piece that fits nowhere; at least one character shorter.
fn pass_over(input: &str) -> &str {
    if let Ok((rest, _)) = alt((word, recognize(quoted_string))).parse(input) {
        return rest;
    }
    let mut characters = input.chars();
    characters.next();
    characters.as_str()
}
