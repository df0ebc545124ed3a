//! Users and passwords inside the content of a request, by the names they stand under.
//!
//! Forms are read as parameters. This reader finds the same in JSON, XML and what resembles them, whatever the nesting and
//! whether or not the text is whole: it reads no grammar, only names with a value behind them.
//!
//! ```text
//! {"user":"megan","password":"…"}          {"variables":{"input":{"login":"megan","pin":4829}}}
//! {query:"login(user:\"megan\",pass:\"…\")"}   <login user="megan"><Kennwort>…</Kennwort></login>
//! <param name="password" value="…"/>       <param name="password">…</param>
//! ```
//!
//! Where the text speaks of a grant (`grant_type`) that no other reader found, its values are parameters too, as those of a
//! form are.

use std::borrow::Cow;

use memchr::memmem;

use super::{Extractor, Parameter, Password, PasswordCarrier, Place};
use crate::{
    evidence::Part,
    secret::{
        Secret,
        names::{is_password, is_switch, is_user, may_name_password},
    },
    token::{
        extract::xml::{Piece, Pieces},
        mask::safe_name,
    },
};

/// Texts inside texts that are read.
const DEPTH: usize = 4;
/// Longest name of a member, in bytes.
const LONGEST_NAME: usize = 128;

impl Extractor<'_> {
    /// A content of a request, or a value in one, that is no form.
    pub(super) fn logins(&mut self, place: Place, bytes: &[u8]) {
        if place.part != Part::RequestBody || !may_name_password(bytes) {
            return;
        }
        let read = |parameter: &Parameter| parameter.name.eq_ignore_ascii_case("grant_type");
        let is_grant = memmem::find(bytes, b"grant_type").is_some() && !self.found.parameters.iter().any(read);
        let text = String::from_utf8_lossy(bytes);
        let mut found = Found { extractor: self, place, is_grant, user: None };
        found.read(&text, DEPTH);
        let user = found.user.take().unwrap_or_default();
        for password in &mut self.found.passwords {
            if password.carrier == PasswordCarrier::Named && password.user.is_empty() {
                password.user.clone_from(&user);
            }
        }
    }
}

/// What a text is read into.
struct Found<'f, 'e> {
    extractor: &'f mut Extractor<'e>,
    place: Place,
    is_grant: bool,
    /// The first name of a user.
    user: Option<String>,
}

impl Found<'_, '_> {
    fn read(&mut self, text: &str, depth: usize) {
        match text.trim_start_matches('\u{feff}').trim_start().as_bytes().first() {
            Some(b'<') => self.markup(text, depth),
            _ => self.members(text, depth),
        }
    }

    /// A name and its value.
    fn pair(&mut self, name: &str, value: &str, depth: usize) {
        if name.is_empty() || name.len() > LONGEST_NAME || value.is_empty() {
            return;
        }
        if self.is_grant {
            self.extractor.parameter(self.place.part, name, value);
        }
        if is_password(name) {
            if !is_switch(value) {
                self.extractor.password(Password {
                    carrier: PasswordCarrier::Named,
                    user: String::new(),
                    password: Secret::new(value.to_owned()),
                    part: self.place.part,
                    name: safe_name(name).into_owned(),
                });
            }
            return;
        }
        if self.user.is_none() && is_user(name) {
            self.user = Some(safe_name(value).into_owned());
        }
        // A document in a string, or a query of GraphQL with its arguments.
        if let Some(depth) = depth.checked_sub(1)
            && (value.trim_start().starts_with(['{', '[', '<']) || name == "query")
            && may_name_password(value.as_bytes())
        {
            self.read(value, depth);
        }
    }

    /// Strings and numbers behind names, with or without quotes around them.
    fn members(&mut self, text: &str, depth: usize) {
        let bytes = text.as_bytes();
        let mut at = 0;
        // The name in quotes that was read last, and a colon behind it.
        let mut named: Option<Cow<'_, str>> = None;
        while let Some(start) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b':', rest)).map(|to| at + to) {
            if bytes.get(start) == Some(&b':') {
                at = start + 1;
                let name = named.take().unwrap_or_else(|| Cow::Borrowed(word_before(text, start)));
                let value = text.get(at..).unwrap_or_default();
                let digits = value.trim_start();
                let length = digits.bytes().take_while(u8::is_ascii_digit).count();
                if length > 0 {
                    self.pair(&name, digits.get(..length).unwrap_or_default(), depth);
                } else if digits.starts_with('"') {
                    at += value.len() - digits.len();
                    let (literal, end) = literal(text, at);
                    self.pair(&name, &literal, depth);
                    at = end;
                }
                continue;
            }
            let before = text.get(..start).unwrap_or_default().trim_end();
            let (literal, end) = literal(text, start);
            at = end;
            named = None;
            if before.ends_with('=') {
                self.pair(word_before(text, before.len() - 1), &literal, depth);
            } else if text.get(end..).is_some_and(|rest| rest.trim_start().starts_with(':')) {
                named = Some(literal);
            }
        }
    }

    /// Elements and attributes.
    fn markup(&mut self, text: &str, depth: usize) {
        let mut pieces = Pieces::new(text);
        let mut inside: Cow<'_, str> = Cow::Borrowed("");
        let mut in_token = false;
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Open(tag) => {
                    // WS-Security has a reader of its own.
                    in_token |= tag.name == "UsernameToken";
                    inside = Cow::Borrowed(tag.name);
                    if !tag.attributes.contains('=') || in_token {
                        continue;
                    }
                    for (name, value) in tag.all() {
                        self.pair(name, &value, depth);
                    }
                    let named = ["name", "id", "key"].into_iter().find_map(|name| tag.attribute(name));
                    if let Some(named) = named.filter(|named| is_password(named) || is_user(named)) {
                        if let Some(value) = tag.attribute("value") {
                            self.pair(&named, &value, depth);
                        }
                        inside = Cow::Owned(named.into_owned());
                    }
                }
                Piece::Close("UsernameToken") => in_token = false,
                Piece::Close(_) => inside = Cow::Borrowed(""),
                Piece::Text(text) if !in_token => self.pair(&inside, text.trim(), depth),
                Piece::Text(_) => {}
            }
        }
    }
}

/// The string that begins with the quote at `start`, and where what follows it begins. One that does not end is as long as
/// the text.
fn literal(text: &str, start: usize) -> (Cow<'_, str>, usize) {
    let bytes = text.as_bytes();
    let begin = start + 1;
    let mut at = begin;
    let end = loop {
        match bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)).map(|to| at + to) {
            Some(found) if bytes.get(found) == Some(&b'\\') => at = found + 2,
            Some(found) => break found,
            None => break text.len(),
        }
    };
    let raw = text.get(begin..end).unwrap_or_default();
    if !raw.contains('\\') {
        return (Cow::Borrowed(raw), (end + 1).min(text.len()));
    }
    let plain = serde_json::from_str::<String>(&format!("\"{raw}\"")).ok();
    (plain.map_or(Cow::Borrowed(raw), Cow::Owned), (end + 1).min(text.len()))
}

/// The word that ends at `end`, blanks and a quote aside: a name without quotes, or with single ones.
fn word_before(text: &str, end: usize) -> &str {
    let before = text.get(..end).unwrap_or_default().trim_end().trim_end_matches('\'');
    let start = before
        .char_indices()
        .rev()
        .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
        .last()
        .map_or(before.len(), |(at, _)| at);
    before.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Extraction, extract};
    use crate::{limits::Limits, rules::testing, token::interner::Interner};

    fn found(content_type: &str, content: &str) -> Extraction {
        let text = format!(
            "POST /session HTTP/1.1\nHost: app.contoso.com\nContent-Type: {content_type}\n\n{content}\n\nHTTP/1.1 200 OK\n"
        );
        let exchange = testing::exchanges(&text).remove(0);
        let limits = Limits::default();
        extract(&exchange, &mut Interner::new(&limits), &limits)
    }

    #[test]
    fn logins_are_found_in_any_form() {
        for (content_type, content) in [
            ("application/json", r#"{"user":"megan","password":"Winter2026"}"#),
            ("application/json", r#"{"user" : "megan" , "password" : "Winter2026"}"#),
            ("text/html", r#"{"data":{"attributes":{"login":"megan","kennwort":"Winter2026"}}}"#),
            ("application/octet-stream", r#"{"password":"Winter2026","user":"megan"}"#),
            ("text/plain", r#"[{"email":"megan","passwd":"Winter2026"}]"#),
            ("application/json", r#"{"user":"megan","password":"Winter2026"#),
            ("application/json", r#"{"body":"{\"user\":\"megan\",\"password\":\"Winter2026\"}"}"#),
            ("application/json", r#"{"query":"mutation{login(user:\"megan\",password:\"Winter2026\"){id}}"}"#),
            ("text/xml", "<login><user>megan</user><password>Winter2026</password></login>"),
            ("text/xml", "<a:login xmlns:a='x' user='megan' a:pwd='Winter2026'/>"),
            ("text/xml", "<p><param name='user' value='megan'/><param name='password' value='Winter2026'/></p>"),
            ("text/xml", "<p><param name='user'>megan</param><param name='password'>Winter2026</param></p>"),
            ("image/png", "<l><benutzer>megan</benutzer><kennwort><![CDATA[Winter2026]]></kennwort></l>"),
            (
                "application/x-www-form-urlencoded",
                "data=%7B%22user%22%3A%22megan%22%2C%22password%22%3A%22Winter2026%22%7D",
            ),
        ] {
            let found = found(content_type, content);
            let passwords: Vec<_> =
                found.passwords.iter().map(|p| (p.user.as_str(), p.password.reveal().as_str())).collect();
            assert_eq!(passwords, [("megan", "Winter2026")], "{content}");
        }
        let pin = found("application/json", r#"{"user":"megan","pin":482913}"#);
        assert_eq!(pin.passwords[0].password.reveal(), "482913");
        for content in [
            r#"{"user":"megan","password":""}"#,
            r#"{"user":"megan","password":null}"#,
            r#"{"user":"megan","showPassword":"Winter2026"}"#,
            r#"{"text":"my password: none of your business"}"#,
            "<l><password/><passwordExpires>2026</passwordExpires></l>",
            r#"{"pass":"true"}"#,
        ] {
            assert!(found("application/json", content).passwords.is_empty(), "{content}");
        }
    }

    #[test]
    fn grants_are_parameters_in_any_form() {
        for (content_type, content) in [
            ("application/json", r#"{"grant_type":"password","username":"megan","password":"Winter2026"}"#),
            ("application/json", r#"{"oauth":{"grant_type":"password","username":"megan","password":"Winter2026"}}"#),
            ("application/octet-stream", "grant_type=password&username=megan&password=Winter2026"),
            ("text/html", "username=megan&password=Winter2026&grant_type=password"),
            ("text/plain", "grant_type=password\nusername=megan\npassword=Winter2026"),
            (
                "application/xml",
                "<t><grant_type>password</grant_type><username>megan</username><password>Winter2026</password></t>",
            ),
            ("multipart/form-data", "username=megan&password=Winter2026&grant_type=password"),
            (
                "multipart/form-data; boundary=b",
                "--b\nContent-Disposition: form-data; name=\"grant_type\"\n\npassword\n--b\nContent-Disposition: form-data; name=\"username\"\n\nmegan\n--b\nContent-Disposition: form-data; name=password\n\nWinter2026\n--b--",
            ),
        ] {
            let found = found(content_type, content);
            for (name, value) in [("grant_type", "password"), ("username", "megan"), ("password", "Winter2026")] {
                assert!(
                    found.parameters.iter().any(|p| p.name == name && p.value.reveal() == value),
                    "{content_type} {content}: {name} in {:?}",
                    found.parameters
                );
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[\"':=\\\\<>/{}a-cpassword ü0-9]{0,80}") {
            for text in [text.clone(), format!("<{text}"), format!("{{{text}")] {
                found("text/plain", &format!("password{text}"));
            }
        }
    }
}
