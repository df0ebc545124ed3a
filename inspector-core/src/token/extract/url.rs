//! URLs: user information, path, query and fragment.
//!
//! ```text
//! https://user:password@host/path?query#fragment
//! ```

use super::{Extractor, Password, PasswordCarrier, Place, token_name};
use crate::{
    evidence::Part,
    http::{auth::text, form},
    secret::Secret,
    token::{
        Role,
        mask::safe_name,
        scan::{may_hold, scan},
    },
};

/// Longest parameter without `=` that is taken for a name.
const LONGEST_NAME: usize = 32;

impl Extractor<'_> {
    /// A URL or a request target. `field` is empty for the target, else the field it stands in; `parameters` says whether
    /// its query and fragment are kept as parameters.
    pub(super) fn url(&mut self, place: Place, field: &str, url: &[u8], parameters: bool) {
        let (url, fragment) = divide(url, b'#');
        let (before, query) = divide(url, b'?');
        self.user_information(place.part, field, before);
        if before.len() >= 24 && may_hold(before) {
            self.search(place, Role::Mentioned, &within(field, "path"), before);
        }
        for pairs in [query, fragment].into_iter().filter(|pairs| !pairs.is_empty()) {
            // A fragment can hold a path and a query of its own.
            let (path, pairs) = if pairs.starts_with(b"/") || pairs.starts_with(b"!") {
                divide(pairs, b'?')
            } else {
                (&b""[..], pairs)
            };
            self.search(place, Role::Mentioned, &within(field, "path"), path);
            self.pairs(place, field, pairs, parameters);
        }
    }

    /// The pairs of a query, a fragment or a form.
    pub(super) fn pairs(&mut self, place: Place, field: &str, pairs: &[u8], parameters: bool) {
        for (name, value) in form::pairs(pairs) {
            // `?eyJ0…` has no name; it is all value.
            let lone = value.is_empty() && (name.len() > LONGEST_NAME || scan(name.as_bytes()).next().is_some());
            let (name, value) = if lone { (value, name) } else { (name, value) };
            if parameters {
                self.parameter(place.part, &name, &value);
            }
            // A form can carry a document.
            if value.trim_start().starts_with(['{', '[', '<']) {
                self.logins(place, value.as_bytes());
            }
            let named = token_name(&name).is_some();
            if named || may_hold(value.as_bytes()) {
                self.named(place, &name, &within(field, &safe_name(&name)), &value);
            }
            if !lone && may_hold(name.as_bytes()) {
                self.search(place, Role::Mentioned, &within(field, "content"), name.as_bytes());
            }
        }
    }

    /// The password in `user:password@`, if one is there.
    fn user_information(&mut self, part: Part, field: &str, url: &[u8]) {
        let Some(start) = memchr::memmem::find(url, b"//") else { return };
        let absolute = url.get(..start).is_some_and(|scheme| scheme.is_empty() || scheme.ends_with(b":"));
        let authority = url.get(start + 2..).filter(|_| absolute).unwrap_or_default();
        let end = authority.iter().position(|b| matches!(b, b'/' | b'\\')).unwrap_or(authority.len());
        self.authority(part, field, authority.get(..end).unwrap_or_default());
    }

    /// The same of an authority alone (`Host`, `:authority`, the target of CONNECT).
    pub(super) fn authority(&mut self, part: Part, field: &str, authority: &[u8]) {
        let Some(at) = memchr::memrchr(b'@', authority) else { return };
        let information = authority.get(..at).unwrap_or_default();
        let Some(colon) = memchr::memchr(b':', information) else { return };
        let (user, password) = information.split_at_checked(colon).unwrap_or_default();
        let password = form::percent_decode(password.get(1..).unwrap_or_default()).into_owned();
        self.password(Password {
            carrier: PasswordCarrier::Url,
            user: safe_name(&form::percent_decode(user)).into_owned(),
            password: Secret::new(password),
            part,
            name: if field.is_empty() { "url".to_owned() } else { field.to_owned() },
        });
    }

    /// Text that may hold URLs among other things (`Link`, `Refresh`).
    pub(super) fn urls_in_text(&mut self, place: Place, field: &str, value: &[u8]) {
        let value = text(value);
        let pieces =
            value.split(['<', '>', ' ', ';', '"', '\'', ',']).map(|piece| piece.strip_prefix("url=").unwrap_or(piece));
        for url in pieces.filter(|piece| piece.contains("://")) {
            self.url(place, field, url.as_bytes(), false);
        }
    }
}

/// The sighting's name: the field, and what names the place in it.
fn within(field: &str, name: &str) -> String {
    let name = if name.is_empty() { "content" } else { name };
    if field.is_empty() { name.to_owned() } else { format!("{field} {name}") }
}

fn divide(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(at, text) {
        Some(place) => (text.get(..place).unwrap_or_default(), text.get(place + 1..).unwrap_or_default()),
        None => (text, b""),
    }
}
