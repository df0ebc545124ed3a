//! Profiles (TOML), and judging by one. What a profile says of a text does not change when it is read again.
#![no_main]

use inspector_core::{limits::Limits, policy::Policy, profile::Profile};
use inspector_core_fuzz::hear;
use libfuzzer_sys::fuzz_target;

const RECORDING: &[u8] = b"# @time 2026-01-01T00:00:00Z\n\
GET /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail.contoso.com\r\nAuthorization: Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.\
eyJpc3MiOiIwMDAwMDAwNC0wMDAwLTBmZjEtY2UwMC0wMDAwMDAwMDAwMDBAYSIsImF1ZCI6ImIifQ.\r\n\r\n\
HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", Basic realm=\"a\"\r\n\
Content-Length: 0\r\n\r\n\
###\nPOST /a/tokens/OAuth/2 HTTP/1.1\r\nHost: accounts.accesscontrol.windows.net\r\n\
Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\ngrant_type=client_credentials\r\n\r\n\
HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{\"access_token\":\"abc\"}\n";

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let profile = match Profile::from_toml(text) {
        Ok(profile) => profile,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for word in text.split(['"', '\'', '\n']).take(64) {
        let _ = (profile.caller(word), profile.resource(word), profile.admits_issuer(word), profile.endpoint(word));
        let _ = (profile.forms(word).len(), profile.is_token_host(word), profile.is_token_path(word));
    }
    let again = Profile::from_toml(text).expect("it was read before");
    assert_eq!(format!("{profile:?}"), format!("{again:?}"));
    let limits = Limits::default();
    let [mut one, mut two] = [RECORDING; 2];
    let mut one: &mut (dyn std::io::Read + Send) = &mut one;
    let mut two: &mut (dyn std::io::Read + Send) = &mut two;
    let first = hear(&mut one, 1, &limits, Policy::new(profile));
    assert_eq!(first, hear(&mut two, 1, &limits, Policy::new(again)));
    assert_eq!(first.exchanges.len(), 2);
});
