//! Tokens as the server-to-server protocol has them: an unsigned outer token around a signed actor token.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};

use crate::Random;

const TENANT: &str = "4a3ff7c1-6d4e-4b57-9a1b-1f0e6e3f2a10";
const CALLER: &str = "00000004-0000-0ff1-ce00-000000000000";
const RESOURCE: &str = "00000002-0000-0ff1-ce00-000000000000";
const ACCESS_CONTROL: &str = "00000001-0000-0000-c000-000000000000";

/// Moment the tokens begin to be valid, in seconds since 1970.
pub const NOT_BEFORE: u64 = 1_700_000_000;

/// The outer token number `number`: about 1,700 characters, different for each number.
pub fn outer(number: usize) -> String {
    let mut random = Random::default();
    let signature: Vec<u8> = (0..256).map(|_| random.bits() as u8).chain((number as u64).to_be_bytes()).collect();
    let actor = format!(
        "{}.{}.{}",
        BASE64.encode(r#"{"typ":"JWT","alg":"RS256","x5t":"kriMPdmBvx68skT8-mPAB3BseeA"}"#),
        BASE64.encode(format!(
            r#"{{"aud":"{RESOURCE}/mail.contoso.com@{TENANT}","iss":"{ACCESS_CONTROL}@{TENANT}","nbf":{NOT_BEFORE},"exp":{},"nameid":"{CALLER}@{TENANT}","identityprovider":"{ACCESS_CONTROL}@{TENANT}","trustedfordelegation":"true","jti":"{number}"}}"#,
            NOT_BEFORE + 86_400
        )),
        BASE64.encode(&signature[8..])
    );
    format!(
        "{}.{}.",
        BASE64.encode(r#"{"typ":"JWT","alg":"none"}"#),
        BASE64.encode(format!(
            r#"{{"aud":"{RESOURCE}/mail.contoso.com@{TENANT}","iss":"{CALLER}@{TENANT}","nbf":{NOT_BEFORE},"exp":{},"nameid":"100320009d6f5a1b","nii":"urn:federation:MicrosoftOnline","upn":"user{number}@contoso.com","actortoken":"{actor}"}}"#,
            NOT_BEFORE + 28_800
        )),
    )
}

/// A token without an actor token, of about 300 characters, different for each number.
pub fn short(number: usize) -> String {
    format!(
        "{}.{}.{}",
        BASE64.encode(r#"{"typ":"JWT","alg":"RS256"}"#),
        BASE64.encode(format!(
            r#"{{"aud":"{RESOURCE}","iss":"{ACCESS_CONTROL}@{TENANT}","nbf":{NOT_BEFORE},"exp":{},"sub":"user{number}"}}"#,
            NOT_BEFORE + 3600
        )),
        BASE64.encode(format!("signature {number}"))
    )
}

/// A token nobody but its issuer can read, of 43 characters, different for each number.
pub fn opaque(number: usize) -> String {
    let mut random = Random::default();
    let bytes: Vec<u8> = (0..24).map(|_| random.bits() as u8).chain((number as u64).to_be_bytes()).collect();
    BASE64.encode(bytes)
}

/// A text in the alphabet for URLs.
pub fn base64(text: &str) -> String {
    BASE64.encode(text)
}
