use crate::{
    handshake::observation::Observation,
    http::base64,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

/// Bytes of a SHA-1.
const SHA1: usize = 20;

declare_rule! {
    /// `x5t` is not the base64url of a SHA-1: often the thumbprint's hexadecimal digits were encoded, or put there as they
    /// are. Receivers that look keys up by it find none.
    ///
    /// # Evidence
    /// `x5t` as sent.
    ///
    /// # Traps
    /// `kid` is free in its form and not judged.
    pub(crate) X5tFormat = "S2S-022" "x5t-format" Low,
    title: "The x5t of a token is not the hash of a certificate",
    remedy: "Let the caller write base64url of the SHA-1 of the certificate's DER form, 27 characters without padding.",
    source: "RFC 7515 §4.1.7",
    reference: "https://www.rfc-editor.org/rfc/rfc7515#section-4.1.7",
}

impl Rule for X5tFormat {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for sighting in observation.s2s_tokens() {
            for token in [Some(&*sighting.token), sighting.token.actor.as_deref()].into_iter().flatten() {
                let Some(x5t) = token.parameter("x5t") else { continue };
                let Some(what) = judge(&x5t) else { continue };
                let detail = format!("x5t \"{}\": {what}", mask::text(&x5t));
                let evidence = observation.claimed(sighting, "x5t", &x5t);
                context.find(Self::META.of(observation).detail(detail).evidence(evidence));
            }
        }
    }
}

/// What is wrong with an `x5t`, if anything.
fn judge(x5t: &str) -> Option<&'static str> {
    let is_hex = |bytes: &[u8]| bytes.len() == 2 * SHA1 && bytes.iter().all(u8::is_ascii_hexdigit);
    if is_hex(x5t.as_bytes()) {
        return Some("it is hexadecimal");
    }
    let Some(decoded) = base64::decode(x5t) else { return Some("it is no base64url") };
    if is_hex(&decoded.bytes) {
        return Some("it encodes hexadecimal digits");
    }
    if decoded.bytes.len() != SHA1 {
        return Some("it is not of 20 bytes");
    }
    (decoded.padding || decoded.standard).then_some("it is base64 with padding or of the other alphabet")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let hex = "8bf833e6a7d8a7960f5802b5fffd188599e2a4b2";
        let encoded = "OGJmODMzZTZhN2Q4YTc5NjBmNTgwMmI1ZmZmZDE4ODU5OWUyYTRiMg";
        for (x5t, fine) in [
            ("i_gz5qfYp5YPWAK1__0YhZnipLI", true),
            ("kffOifMumUumZzdvj-9dJbxzK1Y", true),
            (hex, false),
            (encoded, false),
            ("i_gz5qfYp5YPWAK1__0YhZnipLI=", false),
            ("i/gz5qfYp5YPWAK1//0YhZnipLI", false),
            ("tkkU9EzS9n_N-9BVijkTXES-F9Sl5_anDDav8pQwNeo", false),
            ("", false),
            ("?", false),
        ] {
            assert_eq!(judge(x5t).is_none(), fine, "{x5t}");
        }
    }
}
