//! XML and SOAP contents, without building a tree: tags, their local names, and the text behind them.
//!
//! Namespace prefixes are arbitrary, so only local names count. Entities of the document type are not expanded.
//!
//! | element | what it holds |
//! |---|---|
//! | `BinarySecurityToken` (WS-Security 1.1 §6.3) | a token, or the base64 of one |
//! | `TokenValue` (EWS `GetClientAccessToken`) | a token |
//! | `UsernameToken` with `Username` and `Password` ([WSS Username Token Profile 1.1.1]) | a user and a password |
//!
//! [WSS Username Token Profile 1.1.1]: https://docs.oasis-open.org/wss-m/wss/v1.1.1/os/wss-UsernameTokenProfile-v1.1.1-os.html

use std::borrow::Cow;

use super::{Extractor, Password, PasswordCarrier, Place, Site, token_name};
use crate::{
    http::base64,
    secret::Secret,
    token::{Role, mask::safe_name, scan::may_hold},
};

/// A `UsernameToken` that is being read.
#[derive(Debug, Default)]
struct UsernameToken {
    user: String,
    password: Option<(String, PasswordCarrier)>,
}

impl Extractor<'_> {
    /// An XML content.
    pub(super) fn xml(&mut self, place: Place, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut login: Option<UsernameToken> = None;
        let mut pieces = Pieces::new(&text);
        let mut tag = Tag::default();
        // Of the element that is open: its type is one of tokens. Looked for once, for comments may part its text often.
        let mut of_token_type = false;
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Open(open) => {
                    of_token_type = open.name == "BinarySecurityToken" && is_token_type(&open);
                    if open.name == "UsernameToken" {
                        self.login(place, login.replace(UsernameToken::default()));
                    }
                    if may_hold(open.attributes.as_bytes()) {
                        self.search(place, Role::Mentioned, &safe_name(open.name), open.attributes.as_bytes());
                    }
                    tag = open;
                }
                Piece::Close("UsernameToken") => self.login(place, login.take()),
                Piece::Close(_) => tag = Tag::default(),
                Piece::Text(text) => match (&mut login, tag.name) {
                    (Some(login), "Username") => login.user.push_str(&text),
                    (Some(login), "Password") => {
                        // The type is looked for once, however many pieces comments make of the text.
                        let begun = login.password.get_or_insert_with(|| {
                            let digest = tag.attribute("Type").is_some_and(|kind| kind.ends_with("#PasswordDigest"));
                            (String::new(), if digest { PasswordCarrier::WsDigest } else { PasswordCarrier::WsText })
                        });
                        begun.0.push_str(&text);
                    }
                    _ => self.element(place, tag.name, of_token_type, text.trim()),
                },
            }
        }
        self.login(place, login);
    }

    /// The text of an element.
    fn element(&mut self, place: Place, name: &str, of_token_type: bool, text: &str) {
        if text.is_empty() {
            return;
        }
        match name {
            "BinarySecurityToken" => self.security_token(place, of_token_type, text),
            "TokenValue" => {
                let role = if place.site == Site::ResponseMember { Role::Issued } else { Role::Mentioned };
                self.token(place, role, "TokenValue", None, text);
            }
            name if token_name(name).is_some() || (text.len() >= 24 && may_hold(text.as_bytes())) => {
                // Roles by name are those of JSON and forms; an element of that name only mentions.
                let place = Place { site: Site::Elsewhere, ..place };
                self.named(
                    place,
                    name,
                    &if name.is_empty() { Cow::Borrowed("content") } else { safe_name(name) },
                    text,
                );
            }
            _ => {}
        }
    }

    fn security_token(&mut self, place: Place, of_token_type: bool, text: &str) {
        let role = match place.site {
            Site::RequestMember => Role::Presented,
            Site::ResponseMember => Role::Issued,
            _ => Role::Mentioned,
        };
        let is_jwt = |text: &str| text.contains('.') && (text.starts_with("ey") || text.starts_with("ew"));
        if is_jwt(text) {
            self.sight(place, role, "BinarySecurityToken", None, text);
            return;
        }
        let decoded = base64::decode(text).and_then(|decoded| String::from_utf8(decoded.bytes).ok());
        if let Some(token) = decoded.filter(|token| is_jwt(token)) {
            self.sight(place, role, "BinarySecurityToken", None, &token);
            return;
        }
        if of_token_type {
            self.sight(place, role, "BinarySecurityToken", None, text);
        }
    }

    fn login(&mut self, place: Place, login: Option<UsernameToken>) {
        let Some(UsernameToken { user, password: Some((password, carrier)) }) = login else { return };
        self.password(Password {
            carrier,
            user: user.trim().to_owned(),
            password: Secret::new(password),
            part: place.part,
            name: "UsernameToken".to_owned(),
        });
    }
}

/// Certificates and Kerberos tickets are no tokens in the sense of this program.
fn is_token_type(tag: &Tag<'_>) -> bool {
    let kind = tag.attribute("ValueType").unwrap_or_default().to_ascii_lowercase();
    ["oauth", "jwt", "bearer", "webticket"].iter().any(|word| kind.contains(word))
}

/// A start tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tag<'x> {
    /// Local name.
    pub(super) name: &'x str,
    /// What follows the name.
    pub(super) attributes: &'x str,
}

impl<'x> Tag<'x> {
    /// The attribute of that local name.
    pub(super) fn attribute(&self, wanted: &str) -> Option<Cow<'x, str>> {
        self.all().find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }

    /// The attributes, by their local names.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'x str, Cow<'x, str>)> + use<'x> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            let (name, after) = rest.split_once('=')?;
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let (value, after) = after.strip_prefix(quote)?.split_once(quote)?;
            rest = after;
            Some((local(name.trim()), unescape(value)))
        })
    }
}

/// A piece of the document.
pub(super) enum Piece<'x> {
    Open(Tag<'x>),
    /// The local name of an end tag, or of an empty element.
    Close(&'x str),
    /// Text with its entities undone, or a CDATA section.
    Text(Cow<'x, str>),
}

pub(super) struct Pieces<'x> {
    rest: &'x str,
    /// A quote was met that never closes: from there on a `>` ends a tag wherever it stands. Looking for the end of each
    /// quote again would take the square of the length.
    quotes_broken: bool,
}

impl<'x> Pieces<'x> {
    pub(super) const fn new(text: &'x str) -> Self {
        Self { rest: text, quotes_broken: false }
    }

    /// The next piece.
    pub(super) fn next(&mut self) -> Option<Piece<'x>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let Some(markup) = self.rest.strip_prefix('<') else {
                let text = self.until("<", 0);
                return Some(Piece::Text(unescape(text)));
            };
            if let Some(data) = markup.strip_prefix("![CDATA[") {
                self.rest = data;
                return Some(Piece::Text(Cow::Borrowed(self.until("]]>", 3))));
            }
            if markup.starts_with("!--") {
                self.until("-->", 3);
            } else if markup.starts_with(['?', '!']) {
                self.until(">", 1);
            } else if let Some(name) = markup.strip_prefix('/') {
                self.rest = name;
                return Some(Piece::Close(local(self.until(">", 1).trim())));
            } else {
                self.rest = markup;
                return Some(Piece::Open(self.tag()));
            }
        }
    }

    /// Takes what stands before `end`, and passes over `skip` bytes behind it.
    fn until(&mut self, end: &str, skip: usize) -> &'x str {
        let at = memchr::memmem::find(self.rest.as_bytes(), end.as_bytes()).unwrap_or(self.rest.len());
        let (before, behind) = self.rest.split_at_checked(at).unwrap_or((self.rest, ""));
        self.rest = behind.get(skip..).unwrap_or_default();
        before
    }

    /// Takes a start tag; a `>` in an attribute's value does not end it.
    fn tag(&mut self) -> Tag<'x> {
        let mut quote = None;
        let trusted = if self.quotes_broken { "" } else { self.rest };
        let end = trusted.bytes().position(|byte| match (quote, byte) {
            (None, b'>') => true,
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                false
            }
            (Some(open), _) => {
                if byte == open {
                    quote = None;
                }
                false
            }
            _ => false,
        });
        // A quote that never closes would swallow the rest of the document.
        self.quotes_broken |= end.is_none();
        let end = end.or_else(|| memchr::memchr(b'>', self.rest.as_bytes())).unwrap_or(self.rest.len());
        let (tag, behind) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = behind.get(1..).unwrap_or_default();
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((tag, ""));
        Tag { name: local(name), attributes }
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Undoes the predefined entities and character references (XML 1.0 §4.1, §4.6); others stand for themselves.
fn unescape(text: &str) -> Cow<'_, str> {
    let Some((before, mut rest)) = text.split_once('&') else { return Cow::Borrowed(text) };
    let mut plain = String::with_capacity(text.len());
    plain.push_str(before);
    loop {
        let (piece, more) = rest.split_once('&').map_or((rest, None), |(piece, more)| (piece, Some(more)));
        match piece.split_once(';').and_then(|(name, after)| Some((character(name)?, after))) {
            Some((character, after)) => {
                plain.push(character);
                plain.push_str(after);
            }
            None => {
                plain.push('&');
                plain.push_str(piece);
            }
        }
        match more {
            Some(more) => rest = more,
            None => return Cow::Owned(plain),
        }
    }
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_undone() {
        for (text, plain) in [
            ("a", "a"),
            ("&lt;a&gt; &amp;amp; &quot;&apos;", "<a> &amp; \"'"),
            ("&#65;&#x42;&#X43;", "ABC"),
            ("a&b; &unknown; &", "a&b; &unknown; &"),
            ("&#xd800;&#9999999999;", "&#xd800;&#9999999999;"),
        ] {
            assert_eq!(unescape(text), plain, "{text}");
        }
    }

    #[test]
    fn attributes_are_found_by_local_name() {
        let tag = Tag { name: "Password", attributes: " wsu:Id = 'x=1>' ns:Type=\"a&amp;b\" " };
        assert_eq!(tag.attribute("Type").as_deref(), Some("a&b"));
        assert_eq!(tag.attribute("Id").as_deref(), Some("x=1>"));
        assert_eq!(tag.attribute("None"), None);
        assert_eq!(Tag { name: "", attributes: "Type" }.attribute("Type"), None);
    }

    fn opened(text: &str) -> Vec<String> {
        let mut pieces = Pieces::new(text);
        let mut names = Vec::new();
        while let Some(piece) = pieces.next() {
            if let Piece::Open(tag) = piece {
                names.push(format!("{}|{}", tag.name, tag.attributes));
            }
        }
        names
    }

    #[test]
    fn a_quote_that_never_closes_ends_with_its_tag() {
        assert_eq!(opened("<a b='>'/><c>"), ["a|b='>'", "c|"]);
        assert_eq!(opened("<a b='><c d=\"e\"><f>"), ["a|b='", "c|d=\"e\"", "f|"]);
        assert_eq!(opened("<a '><b '><c>").len(), 2, "the second quote closes the first");
        assert_eq!(opened("<a '><b x='1'><c ").len(), 3);
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends(text in "[<>/!&;a\"'= \\[\\]-]{0,80}") {
            let mut pieces = Pieces::new(&text);
            let mut count = 0;
            while pieces.next().is_some() {
                count += 1;
            }
            proptest::prop_assert!(count <= text.len());
        }
    }
}
