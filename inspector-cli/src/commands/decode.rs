//! `inspector decode`: what is in a token that somebody pasted.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use inspector_core::{
    handshake::signatures::Signatures,
    limits::Limits,
    report::v1,
    token::{Token, find::find, interner::Interner, verify::VerificationKeys},
};
use serde_json::Value;

use super::{check::internal, judging};
use crate::{
    args::{Decode, Format},
    exit::{Exit, Failure, complain},
    output::{human, json},
};
use inspector_core::report::v1::revealed::reveal;

/// Longest text that is read from standard input.
const LONGEST: u64 = 16 << 20;

/// Runs the command.
pub(crate) fn run(decode: &Decode) -> Result<Exit, Failure> {
    let limits = Limits::default();
    let keys = judging::signing_keys(&decode.jwks, &limits)?;
    let text = match decode.token.as_deref() {
        None | Some("-") => standard_input()?,
        Some(token) => token.to_owned(),
    };
    let found = find(&text, &mut Interner::new(&limits));
    if found.is_empty() {
        if let Some(name) = decode.token.as_deref().filter(|name| std::path::Path::new(name).is_file()) {
            let name = crate::inputs::quoted(name);
            complain(&format!(
                "error: {name} is the name of a file, and no token. To decode what is in it: inspector decode < {name}; for a \
                 recording: inspector tokens {name}"
            ));
            return Err(Failure::NoInput);
        }
        complain(
            "error: nothing in it looks like a token. Expected a JWT (eyJ….….…), a header line with 'Bearer TOKEN', a \
             form body (assertion=…&…) or a cookie (name=TOKEN), as an argument or on standard input.",
        );
        return Err(Failure::NoInput);
    }
    let now = judging::now();
    let mut signatures = Signatures::new(limits.tokens);
    let recorded = VerificationKeys::new(&limits);
    for token in &found {
        signatures.verify(token, &keys, &recorded, Some(now));
    }
    let mut to = super::output(None, decode.color)?;
    let mut objects = Vec::new();
    for token in &found {
        objects.push(object(token, &signatures, decode.show_secrets)?);
    }
    match decode.format {
        Format::Human => {
            let moment = human::token::Moment { at: Some(now), event: "now" };
            for (number, token) in found.iter().enumerate() {
                if number > 0 {
                    writeln!(to)?;
                }
                let shown = human::token::Shown::decoded(token, &signatures, moment, decode.show_secrets);
                human::token::write(&mut *to, &shown)?;
            }
        }
        Format::Json => match objects.as_slice() {
            [one] => json::write_pretty(&mut *to, one, json::Unseen::with(decode.show_secrets))?,
            all => json::write_pretty(&mut *to, &all, json::Unseen::with(decode.show_secrets))?,
        },
        Format::Ndjson => {
            for object in &objects {
                json::write_line(&mut *to, object, json::Unseen::with(decode.show_secrets))?;
            }
        }
    }
    to.flush()?;
    Ok(Exit::Pass)
}

fn object(token: &Token, signatures: &Signatures, show_secrets: bool) -> Result<Value, Failure> {
    let mut object = serde_json::to_value(v1::Token::decoded(token, signatures)).map_err(internal)?;
    if show_secrets {
        reveal(&mut object, token);
    }
    Ok(object)
}

/// Text in UTF-8, or in UTF-16 as Windows writes it (`>` of PowerShell, "Unicode" of an editor).
fn text_of(bytes: &[u8]) -> String {
    let units = |pair: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units: Vec<u16> = bytes.chunks_exact(2).filter_map(|two| Some(pair(two.try_into().ok()?))).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => units(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => units(u16::from_be_bytes, rest),
        // Without a mark: every other byte of ASCII is zero.
        [first, 0, ..] if *first != 0 => units(u16::from_le_bytes, bytes),
        [0, second, ..] if *second != 0 => units(u16::from_be_bytes, bytes),
        _ => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned(),
    }
}

fn standard_input() -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        complain("Paste a token and end with Ctrl-D (Windows: Ctrl-Z and Enter).");
    }
    let mut bytes = Vec::new();
    if let Err(error) = io::stdin().lock().take(LONGEST).read_to_end(&mut bytes) {
        complain(&format!("error: cannot read standard input: {error}"));
        return Err(Failure::NoInput);
    }
    Ok(text_of(&bytes))
}
