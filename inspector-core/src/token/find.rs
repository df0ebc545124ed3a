//! Finds tokens in a text of any kind: what a person pastes to have it decoded.
//!
//! A bare token (also broken over lines), a header line or a whole header section, a form, a cookie, a JSON document, a
//! command line of curl: JWTs are found wherever they stand. Opaque tokens look like nothing at all, so they are taken only
//! from where a token must be: behind `Bearer`, under a name that means one, or as the whole text if it begins like one of
//! the families this program knows.

use std::{borrow::Cow, sync::Arc};

use serde_json::Value;

use super::{
    Token,
    classify::family,
    extract::is_token_name,
    interner::Interner,
    paste,
    scan::{is_header, joined, scan},
};
use crate::{encoding::base64, http::form};

/// The shortest text that is taken for an opaque token.
const SHORTEST: usize = 16;

/// The tokens in `text`, in order, each once. Empty if nothing looks like one.
pub fn find(text: &str, interner: &mut Interner) -> Vec<Arc<Token>> {
    let text = text.trim().trim_matches(['"', '\'']).trim();
    let mut found: Vec<Arc<Token>> = Vec::new();
    let mut keep = |found: &mut Vec<Arc<Token>>, raw: &str| {
        let token = interner.intern(raw);
        if !found.iter().any(|known| known.id == token.id) {
            found.push(token);
        }
    };
    let mended = paste::mended(text);
    let blanks = if mended.trim().contains('\n') { None } else { apart(&mended) };
    for hit in scan(blanks.as_deref().unwrap_or(&mended).as_bytes()) {
        keep(&mut found, &hit.token);
    }
    // Escaped as in URLs, beside what is not.
    if mended.contains("%2E") || mended.contains("%2e") {
        for hit in scan(form::percent_decode(mended.as_bytes()).as_bytes()) {
            keep(&mut found, &hit.token);
        }
    }
    let text = apart(text).map_or(Cow::Borrowed(text), Cow::Owned);
    for raw in opaque(&text) {
        // The first line of a token that was mended is no other token.
        let piece = raw.trim_end_matches(['=', '\\', '^', '`', '"', '\'']);
        if !found.iter().any(|known| known.raw.reveal().starts_with(piece)) {
            keep(&mut found, &raw);
        }
    }
    // What is wrapped is looked into where nothing stands in the clear.
    if found.is_empty() {
        for inner in wrapped(&text) {
            let inner = apart(&inner).unwrap_or(inner);
            for hit in scan(inner.as_bytes()) {
                keep(&mut found, &hit.token);
            }
        }
    }
    found
}

/// Tokens of which each may be broken over lines, with a line each; `None` where the text is anything else. A word that
/// begins a token begins a line: two tokens are never one.
fn apart(text: &str) -> Option<String> {
    joined(text)?;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if TOKEN_SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme)) {
            lines.push(String::new());
            continue;
        }
        match lines.last_mut() {
            Some(line) if !begins(line, word) => line.push_str(word),
            _ => lines.push(word.to_owned()),
        }
    }
    Some(lines.join("\n"))
}

/// Whether `word` begins a token, and is not the rest of what stands before it.
fn begins(before: &str, word: &str) -> bool {
    let header = word.split('.').next().unwrap_or_default();
    if word.contains('.') && is_header(header) {
        return true;
    }
    // The beginning of a header that is broken itself, behind a token that has its parts.
    word.starts_with("eyJ") && before.matches('.').count() >= 2
}

/// Texts that are wrapped in another: escaped as in URLs, or coded in base64, by themselves or as the credentials of Basic.
fn wrapped(text: &str) -> Vec<String> {
    let mut inner = Vec::new();
    if text.contains('%') {
        inner.push(form::percent_decode(text.as_bytes()).into_owned());
    }
    let whole: String = text.split_whitespace().collect();
    inner.extend(hexadecimal(text));
    // Base64 that is wrapped over lines: the credentials of Basic, the content of an element.
    let lower = text.to_ascii_lowercase();
    let basic = lower.find("basic ").and_then(|at| text.get(at + 6..));
    for piece in text.split(['<', '>', '"', '\'']).chain(basic) {
        let joined: String = piece.split_whitespace().map(|word| word.trim_start_matches('>')).collect();
        if joined.len() >= SHORTEST_WRAPPED
            && let Some(decoded) = base64::decode(&joined)
        {
            inner.push(String::from_utf8_lossy(&decoded.bytes).into_owned());
        }
    }
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';'));
    for word in words.chain([whole.as_str()]).filter(|word| word.len() >= SHORTEST_WRAPPED) {
        if let Some(decoded) = base64::decode(word) {
            inner.push(String::from_utf8_lossy(&decoded.bytes).into_owned());
        }
    }
    inner
}

/// Bytes in hexadecimal, also with `0x`, colons or blanks between, or as programs dump them: with offsets before and
/// characters behind.
fn hexadecimal(text: &str) -> Option<String> {
    let is_hex = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_hexdigit());
    let mut digits = String::new();
    for line in text.lines() {
        let dumped = line.split_once(": ").filter(|(offset, _)| offset.len() >= 4 && is_hex(offset));
        let line = dumped.map_or(line, |(_, rest)| rest.split("  ").next().unwrap_or(rest));
        for word in line.split([' ', '\t', ':', ',']).filter(|word| !word.is_empty()) {
            let word = word.strip_prefix("0x").or_else(|| word.strip_prefix("\\x")).unwrap_or(word);
            if !is_hex(word) {
                return None;
            }
            digits.push_str(word);
        }
    }
    let bytes: Option<Vec<u8>> =
        digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    bytes.filter(|bytes| bytes.len() >= SHORTEST_WRAPPED).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The shortest base64 that is looked into: that of the shortest token.
const SHORTEST_WRAPPED: usize = 40;

/// Tokens that are no JWT, from the places where only a token can be.
fn opaque(text: &str) -> Vec<String> {
    let mut places = Places { values: Vec::new() };
    match serde_json::from_str(text) {
        Ok(document @ (Value::Object(_) | Value::Array(_))) => places.json(None, &document, DEEPEST),
        _ if is_command(text) => places.command(text),
        _ => places.lines(text),
    }
    places.values
}

/// How deep JSON is looked into.
const DEEPEST: usize = 32;

/// What stands where a token must be.
struct Places {
    values: Vec<String>,
}

impl Places {
    fn keep(&mut self, raw: &str) {
        let raw = raw.trim().trim_matches(['"', '\'']);
        let is_plausible = raw.len() >= SHORTEST && !raw.contains(char::is_whitespace);
        if is_plausible && scan(raw.as_bytes()).next().is_none() {
            self.values.push(raw.to_owned());
        }
    }

    /// A text of lines: header fields, the target of a request, a form, a cookie, or a token by itself.
    fn lines(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once(':').filter(|(name, _)| is_field(name)) {
                Some((name, value)) => self.field(name, value.trim()),
                None => self.value(line),
            }
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        if is_token_name(name) {
            return self.keep(value);
        }
        self.value(value);
    }

    /// A value that tells by itself what it is: `Bearer …`, parameters, or a token of a known family.
    fn value(&mut self, value: &str) {
        if let Some((scheme, raw)) = value.split_once(char::is_whitespace)
            && TOKEN_SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return self.keep(raw);
        }
        if family(value).is_some() || value.split('.').count() == 5 {
            return self.keep(value);
        }
        self.parameters(value);
    }

    /// A form, a cookie, or the query of a target.
    fn parameters(&mut self, text: &str) {
        for pair in text.split(['&', ';', '?', '#']) {
            let Some((name, raw)) = pair.trim().split_once('=') else { continue };
            if is_token_name(name.trim()) {
                self.keep(&form::percent_decode(raw.trim().as_bytes()));
            }
        }
    }

    fn json(&mut self, name: Option<&str>, value: &Value, depth: usize) {
        match value {
            Value::String(text) if name.is_some_and(is_token_name) => self.keep(text),
            Value::Array(all) if depth > 0 => all.iter().for_each(|one| self.json(name, one, depth - 1)),
            Value::Object(members) if depth > 0 => {
                members.iter().for_each(|(name, value)| self.json(Some(name), value, depth - 1));
            }
            _ => {}
        }
    }

    /// A command line of curl: its fields, cookies, data and URL.
    fn command(&mut self, text: &str) {
        let mut words = words(text).into_iter().skip(1);
        while let Some(word) = words.next() {
            let (option, attached) = match word.split_once('=').filter(|(name, _)| name.starts_with("--")) {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                // A short option may have its value behind it.
                None => match word.get(..2).filter(|two| ["-H", "-d", "-b"].contains(two) && word.len() > 2) {
                    Some(two) => (two.to_owned(), word.get(2..).map(str::to_owned)),
                    None => (word.clone(), None),
                },
            };
            let mut value = || attached.clone().or_else(|| words.next()).unwrap_or_default();
            match option.as_str() {
                "-H" | "--header" => self.lines(&value()),
                "--oauth2-bearer" => self.keep(&value()),
                "-b" | "--cookie" | "--url" | "-F" | "--form" | "--form-string" => self.parameters(&value()),
                "-d" | "--data" | "--data-raw" | "--data-ascii" | "--data-binary" | "--data-urlencode" | "--json" => {
                    let data = value();
                    match serde_json::from_str(&data) {
                        Ok(document) => self.json(None, &document, DEEPEST),
                        Err(_) => self.parameters(&data),
                    }
                }
                // Whose words are no tokens.
                "-u" | "--user" | "-A" | "--user-agent" | "-o" | "--output" | "-x" | "--proxy" | "-X" | "--request" => {
                    value();
                }
                other => self.parameters(other),
            }
        }
    }
}

/// Schemes of `Authorization` whose credentials are one token.
const TOKEN_SCHEMES: [&str; 4] = ["Bearer", "DPoP", "PoP", "Token"];

/// Whether a text is a command line of curl.
fn is_command(text: &str) -> bool {
    let first = text.split(char::is_whitespace).next().unwrap_or_default();
    let name = first.rsplit(['/', '\\']).next().unwrap_or_default();
    name.eq_ignore_ascii_case("curl") || name.eq_ignore_ascii_case("curl.exe")
}

/// The words of a command line, as a shell splits them; browsers copy them for a POSIX shell or for Windows' (`^` before
/// what is special).
fn words(text: &str) -> Vec<String> {
    let text: Cow<'_, str> = if text.contains("^\"") { Cow::Owned(text.replace('^', "")) } else { Cow::Borrowed(text) };
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            // At the end of a line it joins the next.
            (None | Some('"'), '\\') => match letters.next() {
                Some('\n') | None => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

fn is_field(name: &str) -> bool {
    !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::Limits, token::TokenKind};

    const JWT: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJpc3MiOiJhIn0.";

    fn kinds(text: &str) -> Vec<TokenKind> {
        find(text, &mut Interner::new(&Limits::default())).iter().map(|token| token.kind).collect()
    }

    #[test]
    fn tokens_are_found_in_whatever_is_pasted() {
        let broken = format!("{}\n  {}", JWT.get(..20).unwrap(), JWT.get(20..).unwrap());
        for text in [
            JWT.to_owned(),
            format!("  \"{JWT}\"\n"),
            format!("Bearer {JWT}"),
            format!("Authorization: Bearer {JWT}"),
            format!("grant_type=x&assertion={JWT}&resource=y"),
            format!("a=1; authtoken=Bearer%3D{JWT}; b=2"),
            format!("{{\"access_token\":\"{JWT}\",\"expires_in\":1}}"),
            format!("{JWT} {JWT}\n"),
            format!("Bearer {broken}"),
            broken,
        ] {
            assert_eq!(kinds(&text), [TokenKind::Jwt], "{text}");
        }
        for text in [
            "Bearer opaque-access-token-0123456789",
            "Authorization: bearer opaque-access-token-0123456789",
            "access_token=opaque-access-token-0123456789&x=y",
            "refresh_token=opaque%2Daccess%2Dtoken-0123456789",
            "cwt=AAEBHAEFAAAABBBBCCCC",
            "Cookie: a=b; authtoken=opaque-access-token-0123456789; c=d",
            "DPoP opaque-access-token-0123456789",
            "GET /x?access_token=opaque-access-token-0123456789&y=z HTTP/1.1\nHost: a",
            "https://a.test/x#access_token=opaque-access-token-0123456789",
            r#"{"token_type":"Bearer","access_token":"opaque-access-token-0123456789"}"#,
            r#"[{"a":{"refresh_token":"opaque-access-token-0123456789"}}]"#,
            "curl -H 'Authorization: Bearer opaque-access-token-0123456789' -u a:b https://a.test/",
            "curl 'https://a.test/?access_token=opaque-access-token-0123456789'",
            "curl --oauth2-bearer opaque-access-token-0123456789 https://a.test/",
            "/usr/bin/curl https://a.test/ \\\n  -d'grant_type=refresh_token&refresh_token=opaque-access-token-0123456789'",
            r#"curl --json "{\"access_token\":\"opaque-access-token-0123456789\"}" https://a.test/"#,
            r#"curl ^"https://a.test/^" -H ^"Authorization: Bearer opaque-access-token-0123456789^""#,
            "curl --cookie=authtoken=opaque-access-token-0123456789 https://a.test/",
        ] {
            assert_eq!(kinds(text), [TokenKind::Opaque], "{text}");
        }
        for text in [
            "",
            "hello",
            "Bearer",
            "Bearer x",
            "Basic dXNlcjpwYXNzd29yZA==",
            "name=value&other=thing",
            "curl -u 'access_token=0123456789abcdef:b' a.test",
            "{}",
        ] {
            assert!(kinds(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn all_tokens_of_a_text_are_found_each_once() {
        let response = format!(
            r#"{{"access_token":"{JWT}","refresh_token":"opaque-refresh-token-0123456789","id_token":"{JWT}"}}"#
        );
        assert_eq!(kinds(&response), [TokenKind::Jwt, TokenKind::Opaque]);
        let command = format!(
            "curl 'https://a.test/token' -H 'Authorization: Bearer {JWT}' \\\n -H 'Cookie: authtoken=opaque-session-0123456789' \\\n \
             --data-raw 'grant_type=refresh_token&refresh_token=opaque-refresh-token-0123456789'"
        );
        assert_eq!(kinds(&command), [TokenKind::Jwt, TokenKind::Opaque, TokenKind::Opaque]);
    }

    #[test]
    fn two_tokens_never_fuse() {
        let other = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJiIn0.AAAA";
        let (head, tail) = other.split_at(12);
        for text in [
            format!("{JWT}\n{other}"),
            format!("{other} {JWT}"),
            format!("Bearer {JWT}\nBearer {other}"),
            format!("{JWT}\n{head}\n  {tail}\n"),
            format!("{head}\r\n{tail}\r\n{JWT}\r\n"),
        ] {
            assert_eq!(kinds(&text).len(), 2, "{text}");
        }
        let many: Vec<String> = (0..50).map(|number| format!("{other}{number:02}")).collect();
        assert_eq!(kinds(&many.join(" ")).len(), 50);
        assert_eq!(kinds(&many.join("\n")).len(), 50);
    }

    #[test]
    fn wrapped_tokens_are_found() {
        let coded = base64_of(JWT);
        let (head, tail) = coded.split_at(40);
        for text in [
            coded.clone(),
            format!("{head}\n{tail}\n"),
            format!("Authorization: Basic {}", base64_of(&format!("user:{JWT}"))),
            format!("{{\"token\": \"{coded}\"}}"),
            JWT.replace('.', "%2E"),
        ] {
            assert_eq!(kinds(&text), [TokenKind::Jwt], "{text}");
        }
        assert!(kinds(&base64_of("no token is in this text, however long it may be")).is_empty());
    }

    fn base64_of(text: &str) -> String {
        use ::base64::Engine as _;
        ::base64::engine::general_purpose::STANDARD.encode(text)
    }

    #[test]
    fn command_lines_are_split_as_a_shell_does() {
        for (text, expected) in [
            ("a 'b c' \"d\\\"e\" f\\ g", vec!["a", "b c", "d\"e", "f g"]),
            ("a \\\n b''c \"\"", vec!["a", "bc", ""]),
            ("a 'unfinished", vec!["a", "unfinished"]),
            ("", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }
}
