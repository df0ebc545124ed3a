//! Challenges and credentials, one field value a line. What is shown of credentials has no password in it.
#![no_main]

use inspector_core::{
    evidence::Part,
    http::auth::{CredentialsKind, challenges, credentials, is_credentials_field},
    redact,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let lines = || bytes.split(|byte| *byte == b'\n');
    for most in [usize::MAX, 3] {
        for challenge in challenges(lines(), false, most) {
            let _ = (challenge.is("bearer"), challenge.trusted_issuers().count());
        }
    }
    for line in lines() {
        let _ = is_credentials_field(line);
        for credentials in credentials("Authorization", line, Part::RequestHeader) {
            let shown = credentials.masked();
            if let CredentialsKind::Basic(basic) = &credentials.kind {
                let password = basic.password.reveal();
                let elsewhere =
                    [basic.user.as_str(), credentials.scheme.as_str(), " malformed, user password of bytes (masked)"];
                let is_unique = password.len() >= 8 && !elsewhere.iter().any(|text| text.contains(password.as_str()));
                assert!(!is_unique || !shown.contains(password.as_str()), "{password} in {shown}");
            }
        }
        let text = String::from_utf8_lossy(line);
        for name in ["Authorization", "WWW-Authenticate", "Cookie", "Set-Cookie", "Location", "X-Other"] {
            let _ = redact::field_value(name, &text);
        }
    }
});
