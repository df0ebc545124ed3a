//! Compact tokens, alone and in a text. Nothing that prints a token shows it.
#![no_main]

use inspector_core::{
    handshake::signatures::Signatures,
    redact::{self, Level},
    report::v1,
    token::{
        Token, compact,
        find::find,
        interner::Interner,
        mask::{self, tokens_masked},
    },
};
use inspector_core_fuzz::limits;
use libfuzzer_sys::fuzz_target;

/// A JWT is not to be found in what is shown of it. (An opaque token can be any word.)
fn is_masked(token: &Token) {
    let raw: &str = token.raw.reveal();
    if !token.kind.is_readable() || raw.len() < 24 {
        return;
    }
    let json = serde_json::to_string(&v1::Token::decoded(token, &Signatures::new(16))).expect("a token serialises");
    for shown in [
        format!("{token:?}"),
        json,
        mask::token(token),
        redact::text(raw, Level::Facts).into_owned(),
        tokens_masked(raw).into_owned(),
    ] {
        assert!(!shown.contains(raw), "{raw} in {shown}");
    }
    if let Some(actor) = &token.actor {
        is_masked(actor);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let limits = limits(bytes);
    let text = String::from_utf8_lossy(bytes);
    let token = compact::decode(&text, &limits);
    is_masked(&token);
    let _ = (token.issuer(), token.audience(), token.name_id(), token.is_unsigned());
    let mut interner = Interner::new(&limits);
    for found in find(&text, &mut interner) {
        is_masked(&found);
    }
    let _ = redact::url(&text);
    let shown = mask::text(&text);
    assert!(shown.chars().all(|c| !c.is_control()), "a control character is shown");
});
