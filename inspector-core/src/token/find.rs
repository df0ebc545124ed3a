//! Finds tokens in a text of any kind: what a person pastes to have it decoded.
//!
//! A bare token (also broken over lines), a header line, a form, a cookie, a JSON document: JWTs are found wherever they
//! stand. Opaque tokens look like nothing at all, so they are taken only from where a token must be: behind `Bearer`, under
//! a name that means one, or as the whole text if it begins like one of the families this program knows.

use std::{borrow::Cow, sync::Arc};

use super::{Token, classify::family, extract::is_token_name, interner::Interner, scan::scan};
use crate::http::form;

/// The shortest text that is taken for an opaque token.
const SHORTEST: usize = 16;

/// The tokens in `text`, in order, each once. Empty if nothing looks like one.
pub fn find(text: &str, interner: &mut Interner) -> Vec<Arc<Token>> {
    let text = text.trim().trim_matches(['"', '\'']).trim();
    let mut found: Vec<Arc<Token>> = Vec::new();
    let mut keep = |raw: &str| {
        let token = interner.intern(raw);
        if !found.iter().any(|known| known.id == token.id) {
            found.push(token);
        }
    };
    for hit in scan(joined(text).as_bytes()) {
        keep(&hit.token);
    }
    for raw in opaque(text) {
        keep(&raw);
    }
    found
}

/// A token that a mail program or a terminal broke over lines is one again. Other texts stay as they are.
fn joined(text: &str) -> Cow<'_, str> {
    let bare =
        text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map_or(text, |(_, t)| t);
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=' | '+' | '/');
    if bare.contains(char::is_whitespace)
        && bare.chars().all(|c| is_token(c) || c.is_whitespace())
        && bare.contains('.')
    {
        return Cow::Owned(bare.chars().filter(|c| !c.is_whitespace()).collect());
    }
    Cow::Borrowed(text)
}

/// Tokens that are no JWT, from the places where only a token can be.
fn opaque(text: &str) -> Vec<String> {
    let is_jwt = |raw: &str| scan(raw.as_bytes()).next().is_some();
    let is_plausible = |raw: &str| raw.len() >= SHORTEST && !raw.contains(char::is_whitespace) && !is_jwt(raw);
    let value = text.split_once(':').filter(|(name, _)| is_field(name)).map_or(text, |(_, value)| value).trim();
    if let Some((scheme, raw)) = value.split_once(char::is_whitespace)
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return Some(raw.trim()).filter(|raw| is_plausible(raw)).map(str::to_owned).into_iter().collect();
    }
    if (family(value).is_some() || value.split('.').count() == 5) && is_plausible(value) {
        return vec![value.to_owned()];
    }
    value
        .split(['&', ';', '\n'])
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| is_token_name(name.trim()))
        .map(|(_, raw)| form::percent_decode(raw.trim().as_bytes()).into_owned())
        .filter(|raw| is_plausible(raw))
        .collect()
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
        ] {
            assert_eq!(kinds(text), [TokenKind::Opaque], "{text}");
        }
        for text in ["", "hello", "Bearer", "Bearer x", "Basic dXNlcjpwYXNzd29yZA==", "name=value&other=thing"] {
            assert!(kinds(text).is_empty(), "{text}");
        }
    }
}
