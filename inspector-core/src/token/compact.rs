//! Decodes compact JWS and JWE (RFC 7515 §3.1, RFC 7516 §3.1) as receivers of every strictness would.
//!
//! ```text
//! eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0 . eyJhdWQiOiIwMDAwMDAwMi… .
//! header                                payload                   signature (empty: alg none)
//! ```
//!
//! Decoding never fails: a text that is no JWT is an opaque token, and every deviation from the strict form is a
//! [`Defect`]. The decoder of `jsonwebtoken` is for verifying: it refuses `alg: none`, unknown algorithms, padding and
//! two parts, all of which occur here. Claims are judged by rules, not here.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use serde_json::Value;

use super::{
    Defect, Members, Token, TokenKind,
    classify::{actor_text, classify, family},
    json, time,
};
use crate::{
    http::{auth, base64},
    limits::Limits,
    secret::{Fingerprint, Secret, stand_ins},
};

/// Decodes `raw` and the tokens inside it. White space around it is not part of it.
pub fn decode(raw: &str, limits: &Limits) -> Token {
    decode_at(raw, limits, 0)
}

fn decode_at(raw: &str, limits: &Limits, depth: usize) -> Token {
    if depth > limits.token_depth {
        return too_large(raw, limits);
    }
    decode_with(raw, limits, &mut |nested| Arc::new(decode_at(nested, limits, depth + 1)))
}

/// A token that is not decoded, because it is too long or nested too deep. Of a longer text the start is kept.
pub(super) fn too_large(raw: &str, limits: &Limits) -> Token {
    let raw = raw.trim();
    let mut end = raw.len().min(limits.token);
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    let mut token = opaque(raw.get(..end).unwrap_or_default());
    token.id = Fingerprint::of(raw.as_bytes());
    token.defects.push(Defect::TooLarge);
    token
}

/// Decodes `raw`; `nested` decodes the actor token inside it.
pub(super) fn decode_with(raw: &str, limits: &Limits, nested: &mut dyn FnMut(&str) -> Arc<Token>) -> Token {
    let raw = raw.trim();
    if raw.len() > limits.token {
        return too_large(raw, limits);
    }
    let mut token = opaque(raw);
    let mut text = Cow::Borrowed(raw);
    if has_whitespace(raw) {
        text = Cow::Owned(raw.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    }
    let parts: Vec<&str> = text.splitn(6, '.').collect();
    let Some(header) = header(&mut token, &parts) else {
        if auth::is_redacted(raw) || auth::is_partly_redacted(raw) {
            token.defects.push(Defect::Redacted);
        }
        return token;
    };
    token.header = header;
    if matches!(text, Cow::Owned(_)) {
        token.defects.push(Defect::Whitespace);
    }
    if parts.len() == 5 || token.header.contains_key("enc") {
        token.kind = TokenKind::Jwe;
        check_redaction(&mut token, &parts);
        return token;
    }
    if parts.len() == 4 {
        token.defects.push(Defect::FourParts);
        return token;
    }
    if parts.len() == 2 {
        token.defects.push(Defect::TwoParts);
    }
    let payload = payload(&mut token, parts.get(1).copied().unwrap_or_default());
    signature(&mut token, parts.get(2).copied().unwrap_or_default());
    let Some(json) = payload else {
        check_redaction(&mut token, &parts);
        token.defects.sort();
        token.defects.dedup();
        return token;
    };
    times(&mut token, &json);
    token.kind = classify(&token, parts.len());
    if let Some(actor) = actor_text(&token.claims) {
        token.actor = Some(nested(actor));
    }
    token.defects.sort();
    token.defects.dedup();
    token
}

/// Whether there is white space in it. A token has thousands of characters and none, so they are looked at by the block.
pub(in crate::token) fn has_whitespace(text: &str) -> bool {
    let may_have = |block: &[u8]| block.iter().fold(false, |found, byte| found | (*byte <= b' '));
    text.as_bytes().chunks(64).any(|block| may_have(block) && block.iter().any(u8::is_ascii_whitespace))
}

fn opaque(raw: &str) -> Token {
    Token {
        id: Fingerprint::of(raw.as_bytes()),
        raw: Secret::new(raw.into()),
        kind: TokenKind::Opaque,
        family: family(raw).or_else(|| stand_ins::family(raw)),
        header: Members::default(),
        has_header: false,
        claims: Members::default(),
        actor: None,
        signature_length: 0,
        not_before: None,
        expires: None,
        issued_at: None,
        defects: Vec::new(),
        names: OnceLock::new(),
    }
}

/// The header's members; `None` if this is no JWT: not two to five parts, or the first is no JSON object.
fn header(token: &mut Token, parts: &[&str]) -> Option<Members> {
    let (first, _) = parts.split_first().filter(|(_, rest)| (1..=4).contains(&rest.len()))?;
    let mut defects = Vec::new();
    let json = decoded_text(first, &mut defects)?;
    let looks_like_object = json.trim_start().starts_with('{');
    let Ok(Some(object)) = json::object(&json) else {
        if looks_like_object {
            token.defects.push(Defect::HeaderNotJson);
        }
        return None;
    };
    token.defects.append(&mut defects);
    duplicates(token, "header", object.duplicates);
    token.has_header = true;
    token.family = None;
    Some(object.members)
}

/// Reads the payload and returns its JSON; `None` if it is no base64, which leaves the token opaque.
fn payload(token: &mut Token, part: &str) -> Option<String> {
    let mut defects = Vec::new();
    let Some(json) = decoded_text(part, &mut defects) else {
        token.defects.push(Defect::PayloadNotJson);
        return None;
    };
    token.defects.append(&mut defects);
    match json::object(&json) {
        Ok(Some(object)) => {
            token.claims = object.members;
            duplicates(token, "payload", object.duplicates);
        }
        Ok(None) => token.defects.push(Defect::PayloadNotJson),
        Err(error) => {
            token.defects.push(Defect::PayloadNotJson);
            // The text ends inside the object: somebody cut the token.
            if error.is_eof() && !json.trim().is_empty() {
                token.defects.push(Defect::Redacted);
            }
        }
    }
    Some(json)
}

/// The JSON in a part of a token as sent, counted from 0; `None` if there is none.
pub(super) fn part_json(raw: &str, number: usize) -> Option<String> {
    let text: String = raw.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    decoded_text(text.split('.').nth(number)?, &mut Vec::new())
}

/// Measures the signature. One that was replaced by the recording counts no bytes.
fn signature(token: &mut Token, part: &str) {
    if auth::is_redacted(part) || auth::is_partly_redacted(part) {
        token.defects.push(Defect::Redacted);
        return;
    }
    match base64::decode(part) {
        Some(decoded) => {
            laxness(&decoded, &mut token.defects);
            token.signature_length = decoded.bytes.len();
        }
        None => token.defects.push(Defect::SignatureNotBase64),
    }
}

fn check_redaction(token: &mut Token, parts: &[&str]) {
    if parts.iter().any(|part| auth::is_redacted(part) || auth::is_partly_redacted(part)) {
        token.defects.push(Defect::Redacted);
    }
}

fn duplicates(token: &mut Token, part: &'static str, names: Vec<String>) {
    token.defects.extend(names.into_iter().map(|name| Defect::DuplicateMember { part, name }));
}

/// A part's text, without a byte order mark; `None` if it is no base64.
fn decoded_text(part: &str, defects: &mut Vec<Defect>) -> Option<String> {
    let decoded = base64::decode(part)?;
    laxness(&decoded, defects);
    let mut bytes = decoded.bytes;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
        defects.push(Defect::ByteOrderMark);
    }
    Some(String::from_utf8(bytes).unwrap_or_else(|error| {
        defects.push(Defect::NotUtf8);
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    }))
}

fn laxness(decoded: &base64::Decoded, defects: &mut Vec<Defect>) {
    let found = [
        (decoded.padding, Defect::Padding),
        (decoded.standard, Defect::StandardAlphabet),
        (decoded.trailing_bits, Defect::TrailingBits),
    ];
    defects.extend(found.into_iter().filter(|(is, _)| *is).map(|(_, defect)| defect));
}

/// Normalises `nbf`, `exp` and `iat`.
fn times(token: &mut Token, json: &str) {
    for claim in ["nbf", "exp", "iat"] {
        let date = match token.claims.get(claim) {
            None => continue,
            Some(Value::String(text)) => time::date_in_string(text),
            // An integer is spelled in one way.
            Some(Value::Number(number)) if !number.is_f64() => time::numeric_date(&number.to_string()),
            Some(_) => match json::spelling(json, claim) {
                Some(spelling) => time::numeric_date(spelling),
                None => continue,
            },
        };
        token.defects.extend(date.forms.iter().map(|form| Defect::TimeEncoding { claim, form }));
        match claim {
            "nbf" => token.not_before = date.time,
            "exp" => token.expires = date.time,
            _ => token.issued_at = date.time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{time::Timestamp, token::testing::*};

    fn read(raw: &str) -> Token {
        decode(raw, &Limits::default())
    }

    fn time_defect(claim: &'static str, form: &'static str) -> Defect {
        Defect::TimeEncoding { claim, form }
    }

    #[test]
    fn trap_1_the_golden_vector_is_read_in_both_layers() {
        let outer = read(OUTER);
        assert_eq!((outer.kind, outer.signature_length), (TokenKind::S2sOuter, 0));
        assert_eq!(
            outer.defects,
            [time_defect("nbf", "string"), time_defect("exp", "string")].into_iter().rev().collect::<Vec<_>>()
        );
        assert_eq!(outer.not_before, Some(Timestamp::from_seconds(1_767_225_660)));
        assert_eq!(outer.expires, Some(Timestamp::from_seconds(1_767_254_460)));
        let skype = "00000004-0000-0ff1-ce00-000000000000";
        assert!(outer.is_unsigned() && outer.issuer().unwrap().is(skype));
        let actor = outer.actor.as_ref().unwrap();
        assert_eq!(
            (actor.kind, actor.signature_length, actor.defects.as_slice()),
            (TokenKind::S2sActor, 256, [].as_slice())
        );
        assert!(!actor.is_unsigned());
        assert!(actor.issuer().unwrap().is("00000001-0000-0000-c000-000000000000"));
        assert!(actor.name_id().unwrap().is(skype));
        assert_eq!(actor.issued_at, Some(Timestamp::from_seconds(1_767_225_600)));
        assert_eq!(actor.audience().unwrap().host().as_deref(), Some("mail.contoso.com"));
        assert_eq!(actor.id, read(ACTOR).id);
    }

    #[test]
    fn the_golden_vectors_negative_variants() {
        let inner = |actor: String| {
            let outer = read(&wrap(&actor));
            assert_eq!(outer.kind, TokenKind::S2sOuter);
            outer.actor.unwrap()
        };
        let two_parts = read(OUTER.trim_end_matches('.'));
        assert_eq!(two_parts.kind, TokenKind::S2sOuter);
        assert!(two_parts.defects.contains(&Defect::TwoParts) && two_parts.actor.is_some());

        let (signed, signature) = ACTOR.rsplit_once('.').unwrap();
        let flipped = inner(format!("{signed}.c{}", &signature[1..]));
        assert_ne!(flipped.id, read(ACTOR).id);
        assert_eq!((flipped.kind, flipped.signature_length), (TokenKind::S2sActor, 256));
        assert_eq!(inner(format!("{signed}.AAAA")).signature_length, 3);

        let payload = read(OUTER).claims_json().unwrap().reveal().to_string();
        let cased =
            read(&unsigned(&payload.replacen("\"iss\":\"00000004-0000-0ff1", "\"iss\":\"00000004-0000-0FF1", 1)));
        assert_eq!(cased.kind, TokenKind::S2sOuter);
        assert_ne!(cased.issuer().unwrap(), cased.actor.as_ref().unwrap().name_id().unwrap());
        let other = "aaaaaaaa-0000-4000-8000-000000000001";
        let swapped = read(&unsigned(&payload.replace("7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f", other)));
        assert_eq!(swapped.issuer().unwrap().realm(), Some(other));
        assert_ne!(swapped.actor.as_ref().unwrap().name_id().unwrap().realm(), Some(other));

        let claims = read(ACTOR).claims_json().unwrap().reveal().to_string();
        let symmetric = inner(jwt(r#"{"typ":"JWT","alg":"HS256"}"#, &claims));
        assert_eq!((symmetric.kind, symmetric.algorithm().as_ref()), (TokenKind::S2sActor, "HS256"));
    }

    #[test]
    fn rfc_examples() {
        let a1 = read(RFC7515_A1);
        assert_eq!((a1.kind, a1.signature_length, a1.defects.len()), (TokenKind::Jwt, 32, 0));
        assert_eq!(a1.header_json().as_deref(), Some("{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}"));
        assert_eq!(a1.claim("http://example.com/is_root").as_deref(), Some("true"));
        assert_eq!(a1.expires, Some(Timestamp::from_seconds(1_300_819_380)));
        // RFC 7519 §6.1
        let unsecured = read(
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
        );
        assert!(unsecured.is_unsigned());
        assert_eq!((unsecured.kind, unsecured.claim("iss").as_deref()), (TokenKind::Jwt, Some("joe")));
        // The shape of RFC 7519 A.1: five parts.
        let jwe = read(&format!("{}.AAAA.AAAA.AAAA.AAAA", encode(r#"{"alg":"RSA1_5","enc":"A128CBC-HS256"}"#)));
        assert_eq!((jwe.kind, jwe.is_unsigned()), (TokenKind::Jwe, false));
        let session = read(&format!("{}..AA.AA.AA", encode(r#"{"alg":"dir","enc":"A256GCM","ctx":"x"}"#)));
        assert_eq!(session.kind, TokenKind::Jwe);
    }

    #[test]
    fn white_space_is_found_anywhere() {
        for length in [1, 63, 64, 65, 200] {
            let text = "\u{1}".repeat(length);
            assert!(!has_whitespace(&text) && !has_whitespace(""));
            for (at, blank) in (0..length).zip([' ', '\t', '\n', '\r', '\u{c}'].into_iter().cycle()) {
                let mut text = text.clone();
                text.replace_range(at..=at, blank.encode_utf8(&mut [0; 4]));
                assert!(has_whitespace(&text), "{at} of {length}");
            }
        }
    }

    #[test]
    fn deviations_are_named() {
        let header = encode(r#"{"alg":"HS256"}"#);
        let payload = encode(r#"{"iss":"a"}"#);
        let payload_of = |bytes: &[u8]| format!("{header}.{}.c2lnbg", encode(bytes));
        let table = [
            (format!("{header}.{payload}.c2lnbg"), vec![]),
            (format!("{header}.{payload}.c2lnbg=="), vec![Defect::Padding]),
            (format!("{header}.{payload}.+/++"), vec![Defect::StandardAlphabet]),
            (format!("{header}.\r\n {payload}.c2lnbg"), vec![Defect::Whitespace]),
            (format!("{header}.{payload}.c2lnbh"), vec![Defect::TrailingBits]),
            (format!("{header}.{payload}.a"), vec![Defect::SignatureNotBase64]),
            (format!("{header}.{payload}"), vec![Defect::TwoParts]),
            (format!("{header}.{payload}.[REDACTED]"), vec![Defect::Redacted]),
            (format!("{header}.{payload}.redacted"), vec![Defect::Redacted]),
            (payload_of(b"\xef\xbb\xbf{\"iss\":\"a\"}"), vec![Defect::ByteOrderMark]),
            (payload_of(b"{\"iss\":\"a\",\"n\":\"\xfc\"}"), vec![Defect::NotUtf8]),
            (payload_of(b"[1]"), vec![Defect::PayloadNotJson]),
            (payload_of(b"{\"iss\":\"a\""), vec![Defect::PayloadNotJson, Defect::Redacted]),
            (
                payload_of(b"{\"iss\":\"a\",\"x\":[{\"b\":1,\"b\":2}]}"),
                vec![Defect::DuplicateMember { part: "payload", name: "b".into() }],
            ),
            (
                jwt(r#"{"alg":"HS256","kid":"1","kid":"2"}"#, r#"{"iss":"a"}"#),
                vec![Defect::DuplicateMember { part: "header", name: "kid".into() }],
            ),
            (
                payload_of(b"{\"iss\":\"a\",\"iat\":1767225600000,\"nbf\":\"x\"}"),
                vec![
                    time_defect("iat", "milliseconds"),
                    time_defect("nbf", "not a number"),
                    time_defect("nbf", "string"),
                ],
            ),
        ];
        for (raw, expected) in table {
            let token = read(&raw);
            assert_eq!(token.defects, expected, "{raw}");
            assert_eq!(token.kind, TokenKind::Jwt, "{raw}");
            let claims = usize::from(!expected.contains(&Defect::PayloadNotJson));
            assert!(token.claims.len() >= claims, "{raw}");
            assert_eq!(token.is_unsigned(), matches!(expected.first(), Some(Defect::TwoParts)), "{raw}");
        }
        for algorithm in ["none", "NoNe"] {
            assert!(read(&jwt(&format!(r#"{{"alg":"{algorithm}"}}"#), "{}")).is_unsigned());
        }
    }

    #[test]
    fn trap_13_opaque_tokens_are_no_malformed_jwts() {
        for (raw, family) in [
            ("cwt=AAEBHAEFAAAA", Some("cwt")),
            ("t=EwBAA8l6BAAU", Some("msa")),
            ("EwBAA8l6BAAU", Some("msa")),
            ("M.C5_BAY.2.U.abc", Some("msa-code")),
            ("0.AXoAabc.AgABAAEA", Some("entra-refresh")),
            ("1.AXoAabc.AgABAAEA", Some("entra-refresh")),
            ("PAQABAAEAAA", Some("entra-refresh")),
            ("AQABAAIAAAA", Some("entra-code")),
            ("ya29.a0Af.x", Some("google")),
            ("ghp_abc", Some("github")),
            ("2YotnFZFEjr1zCsicMWpAA", None),
            ("a.b.c", None),
            ("", None),
            ("e30", None),
        ] {
            let token = read(raw);
            assert_eq!(
                (token.kind, token.family, token.defects.as_slice()),
                (TokenKind::Opaque, family, [].as_slice()),
                "{raw}"
            );
        }
        let four = read(&format!("{}.e30.AA.AA", encode(r#"{"alg":"HS256"}"#)));
        assert_eq!((four.kind, four.defects), (TokenKind::Opaque, vec![Defect::FourParts]));
        assert_eq!(read("eyJ0eXAi...").defects, [Defect::HeaderNotJson, Defect::Redacted]);
        assert_eq!(read("[REDACTED]").defects, [Defect::Redacted]);
        assert_eq!(read(&format!("{}.e30.", encode(r#"{"alg":"#))).defects, [Defect::HeaderNotJson]);
    }

    #[test]
    fn trap_3_actort_and_actortoken_nest_but_actor_is_a_name() {
        for name in ["actortoken", "actort"] {
            let token = read(&unsigned(&format!(r#"{{"{name}":"{ACTOR}"}}"#)));
            assert_eq!((token.kind, token.actor.unwrap().kind), (TokenKind::S2sOuter, TokenKind::S2sActor), "{name}");
        }
        let bearer = read(&unsigned(&format!(r#"{{"actortoken":"Bearer {ACTOR}"}}"#)));
        assert_eq!(bearer.actor.unwrap().raw.reveal().as_ref(), ACTOR);
        let named = read(&jwt(
            r#"{"alg":"RS256"}"#,
            r#"{"aud":"00000003-0000-0ff1-ce00-000000000000/h@r","iss":"00000001-0000-0000-c000-000000000000@r",
                "nameid":"10032001a1b2c3d4","actor":"00000004-0000-0ff1-ce00-000000000000@r.x"}"#,
        ));
        assert!(named.actor.is_none());
        assert_eq!(named.kind, TokenKind::S2sActor);
    }

    #[test]
    fn classes_of_protocol_1_6_and_10_8() {
        use TokenKind::*;
        let guid = "aaaaaaaa-1111-4222-8333-444444444444";
        let exchange = "00000002-0000-0ff1-ce00-000000000000";
        let skype = "00000004-0000-0ff1-ce00-000000000000";
        let acs = "00000001-0000-0000-c000-000000000000";
        let entra = r#""iss":"https://sts.windows.net/7f9c/""#;
        let rs = r#"{"typ":"JWT","alg":"RS256"}"#;
        let table: &[(&str, String, TokenKind)] = &[
            // §10.8
            (
                rs,
                format!(
                    r#"{{"aud":"https://addin.contoso.com/","iss":"{exchange}@mail.contoso.com","appctxsender":"{exchange}@mail.contoso.com","isbrowserhostedapp":"true","appctx":{{"version":"ExIdTok.V1"}}}}"#
                ),
                AppContext,
            ),
            (
                rs,
                format!(
                    r#"{{"aud":"https://outlook.office365.com/",{entra},"appid":"{guid}","appidacr":"2","roles":["full_access_as_app"],"ver":"1.0"}}"#
                ),
                EntraAccess,
            ),
            // A SharePoint context token comes from the ACS, too.
            (
                r#"{"alg":"HS256"}"#,
                format!(r#"{{"aud":"{guid}/h@r","iss":"{acs}@r","appctx":"{{}}","refreshtoken":"x"}}"#),
                AppContext,
            ),
            (
                r#"{"alg":"none"}"#,
                format!(
                    r#"{{"ver":"hashedprooftoken","aud":"{exchange}@r","iss":"{exchange}@r","nameid":"{exchange}@r"}}"#
                ),
                ProofToken,
            ),
            // §10.2, without nameid
            (rs, format!(r#"{{"aud":"{acs}/accounts.accesscontrol.windows.net@r","iss":"{skype}@r"}}"#), S2sAssertion),
            // §10.5, self-issued
            (
                rs,
                format!(
                    r#"{{"aud":"{exchange}/mail.contoso.com@contoso.com","iss":"{skype}@contoso.com","nameid":"{skype}@contoso.com"}}"#
                ),
                S2sActor,
            ),
            (
                rs,
                format!(
                    r#"{{"aud":["{exchange}/h@r"],"iss":"00000001-0002-0000-c000-000000000000@","nameid":"{skype}@r"}}"#
                ),
                S2sActor,
            ),
            // An outer token whose actor token is missing is none.
            (
                r#"{"alg":"none"}"#,
                format!(r#"{{"aud":"{exchange}/h@r","iss":"{skype}@r","nameid":"megan@contoso.com"}}"#),
                Jwt,
            ),
            (rs, format!(r#"{{"aud":"{guid}",{entra},"nonce":"n"}}"#), EntraId),
            (rs, format!(r#"{{"aud":"{guid}",{entra},"nonce":"n","scp":"x"}}"#), EntraAccess),
            (rs, r#"{"iss":"https://login.microsoftonline.us/t/v2.0"}"#.into(), EntraAccess),
            (rs, r#"{"iss":"https://login.microsoftonline.com.evil.example/t/v2.0"}"#.into(), Jwt),
            (rs, r#"{"iss":"https://evil.example/sts.windows.net"}"#.into(), Jwt),
            (r#"{"alg":"HS256","ctx":"x","kdf_ver":2}"#, r#"{"refresh_token":"x"}"#.into(), Broker),
            (r#"{"alg":"RS256","typ":"pop"}"#, "{}".into(), Pop),
            (rs, r#"{"at":"eyJ","cnf":{}}"#.into(), Pop),
            (r#"{"alg":"ES256","typ":"dpop+jwt"}"#, "{}".into(), Dpop),
            (rs, r#"{"iss":"a"}"#.into(), Jwt),
        ];
        for (header, payload, kind) in table {
            assert_eq!(read(&jwt(header, payload)).kind, *kind, "{payload}");
        }
    }

    #[test]
    fn trap_16_eighteen_digits_keep_their_precision() {
        let token =
            read(&unsigned(r#"{"nbf":"129592882368666656","exp":129592882368666656,"iat":1767225600.000000001}"#));
        let expected = Some("2011-08-31T18:17:16.8666656Z".to_owned());
        assert_eq!(token.not_before.map(|t| t.to_string()), expected);
        assert_eq!(token.expires.map(|t| t.to_string()), expected);
        assert_eq!(token.issued_at.map(|t| t.to_string()).as_deref(), Some("2026-01-01T00:00:00.000000001Z"));
        assert_eq!(token.claim("exp").as_deref(), Some("129592882368666656"));
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let limits = Limits { token_depth: 2, token: 20_000, ..Limits::default() };
        let mut raw = ACTOR.to_owned();
        for _ in 0..3 {
            raw = wrap(&raw);
        }
        let token = decode(&raw, &limits);
        let inside = |token: &Token| Arc::clone(token.actor.as_ref().unwrap());
        let deepest = inside(&inside(&inside(&token)));
        assert_eq!((deepest.kind, deepest.defects.as_slice()), (TokenKind::Opaque, [Defect::TooLarge].as_slice()));
        let long = decode(&format!("{}\u{e4}{}", "a".repeat(19_999), "b".repeat(99)), &limits);
        assert_eq!((long.raw.reveal().len(), long.defects), (19_999, vec![Defect::TooLarge]));
    }

    #[test]
    fn trap_15_debug_shows_no_nested_signature() {
        let shown = format!("{:?}", read(OUTER));
        let signature = ACTOR.rsplit_once('.').unwrap().1;
        assert!(!shown.contains(&signature[..20]) && shown.contains("megan@contoso.com"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_decodes(raw in "\\PC{0,200}") {
            let _ = read(&raw);
        }

        #[test]
        fn any_parts_decode(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
            let token = read(&format!("{}.{}.{}", encode(&header), encode(&payload), encode(&signature)));
            proptest::prop_assert!(token.signature_length == 0 || token.signature_length == signature.len());
        }

        #[test]
        fn damaged_vectors_decode(at in 0..OUTER.len(), byte in 0..128_u8) {
            let mut bytes = OUTER.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = read(std::str::from_utf8(&bytes).unwrap());
        }
    }
}
