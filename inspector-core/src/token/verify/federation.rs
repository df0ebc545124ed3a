//! Keys in federation metadata (SAML 2.0 metadata §2.4.1.1), as Microsoft Entra ID and ADFS publish it.
//!
//! ```xml
//! <EntityDescriptor entityID="https://sts.windows.net/…/">
//!   <ds:Signature>… <X509Certificate> of whoever signed this document, no key for tokens
//!   <RoleDescriptor><KeyDescriptor use="signing"><ds:KeyInfo><X509Data><X509Certificate>MII…
//! ```
//!
//! Only tags are told apart: no entity is expanded, no declaration is read, nothing is fetched.

use memchr::{memchr, memmem};

use super::source::{Found, certified};
use crate::http::base64;

/// Reads the signing certificates; `false` if the text is no federation metadata.
pub(super) fn read(text: &str, found: &mut Found) -> bool {
    let mut issuer = None;
    let mut in_signing_key = false;
    let mut certificate: Option<&str> = None;
    let mut index = 0;
    let mut is_metadata = false;
    for piece in (Pieces { rest: text }) {
        match piece {
            Piece::Start { name: "EntityDescriptor", attributes } => {
                is_metadata = true;
                issuer = attribute(attributes, "entityID");
            }
            Piece::Start { name: "KeyDescriptor", attributes } => {
                in_signing_key = attribute(attributes, "use").is_none_or(|usage| usage == "signing");
            }
            Piece::End { name: "KeyDescriptor" } => in_signing_key = false,
            Piece::Start { name: "X509Certificate", .. } if in_signing_key => certificate = Some(""),
            Piece::Text(text) if certificate.is_some() => certificate = Some(text),
            Piece::End { name: "X509Certificate" } => {
                let Some(text) = certificate.take() else { continue };
                match base64::decode(text) {
                    Some(decoded) => found.push(
                        index,
                        certified(&decoded.bytes).map(|mut candidate| {
                            candidate.issuer = issuer.map(str::to_owned);
                            candidate
                        }),
                    ),
                    None => found.skip(index, "it is not base64"),
                }
                index += 1;
            }
            _ => {}
        }
    }
    is_metadata
}

/// A piece of an XML document; names are without their prefixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'t> {
    Start { name: &'t str, attributes: &'t str },
    End { name: &'t str },
    Text(&'t str),
}

/// Splits an XML document into tags and texts; comments, declarations and instructions are passed over.
struct Pieces<'t> {
    rest: &'t str,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        loop {
            let start = memchr(b'<', self.rest.as_bytes())?;
            let (text, markup) = self.rest.split_at_checked(start)?;
            if !text.trim().is_empty() {
                self.rest = markup;
                return Some(Piece::Text(text));
            }
            if let Some(section) = markup.strip_prefix("<![CDATA[") {
                let (text, rest) = split(section, "]]>")?;
                self.rest = rest;
                return Some(Piece::Text(text));
            }
            let end = match markup.get(..4) {
                Some("<!--") => "-->",
                _ if markup.starts_with("<?") => "?>",
                _ => return self.tag(markup),
            };
            (_, self.rest) = split(markup, end)?;
        }
    }
}

impl<'t> Pieces<'t> {
    fn tag(&mut self, markup: &'t str) -> Option<Piece<'t>> {
        let mut quote = None;
        let end = markup.bytes().position(|byte| match (quote, byte) {
            (None, b'>') => true,
            (None, b'"' | b'\'') => {
                quote = Some(byte);
                false
            }
            (Some(open), _) if open == byte => {
                quote = None;
                false
            }
            _ => false,
        })?;
        let tag = markup.get(1..end)?;
        self.rest = markup.get(end + 1..)?;
        let name_of = |text: &'t str| {
            let name = text.split([' ', '\t', '\r', '\n', '/']).next().unwrap_or_default();
            name.rsplit_once(':').map_or(name, |(_, local)| local)
        };
        Some(match tag.strip_prefix('/') {
            Some(tag) => Piece::End { name: name_of(tag) },
            None => Piece::Start { name: name_of(tag), attributes: tag },
        })
    }
}

fn split<'t>(text: &'t str, at: &str) -> Option<(&'t str, &'t str)> {
    let index = memmem::find(text.as_bytes(), at.as_bytes())?;
    Some((text.get(..index)?, text.get(index + at.len()..)?))
}

/// The value of an attribute of a start tag.
fn attribute<'t>(tag: &'t str, wanted: &str) -> Option<&'t str> {
    let mut rest = tag;
    loop {
        let (before, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, behind) = after.get(1..)?.split_once(quote)?;
        if before.trim_end().rsplit([' ', '\t', '\r', '\n']).next() == Some(wanted) {
            return Some(value);
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let text = "<?xml version='1.0'?><!DOCTYPE a><!-- <x> --><p:a b='1>2' use = \"signing\">\n t <c/><![CDATA[<x>]]></p:a >";
        let pieces: Vec<Piece<'_>> = Pieces { rest: text }.collect();
        let start = "p:a b='1>2' use = \"signing\"";
        assert_eq!(
            pieces,
            [
                Piece::Start { name: "!DOCTYPE", attributes: "!DOCTYPE a" },
                Piece::Start { name: "a", attributes: start },
                Piece::Text("\n t "),
                Piece::Start { name: "c", attributes: "c/" },
                Piece::Text("<x>"),
                Piece::End { name: "a" },
            ]
        );
        assert_eq!((attribute(start, "b"), attribute(start, "use")), (Some("1>2"), Some("signing")));
        assert_eq!((attribute(start, "se"), attribute("a b='", "b"), attribute("a b=1", "b")), (None, None, None));
    }

    #[test]
    fn a_cut_document_ends_quietly() {
        for text in ["<", "<a", "<a b='", "<!--", "<![CDATA[", "<?", "</", "text", "<\u{e4}"] {
            assert_eq!(Pieces { rest: text }.next(), None, "{text}");
        }
    }
}
