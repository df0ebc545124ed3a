//! `--jwks`: what keys make of the tokens of a recording and of a pasted one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{fs, path::PathBuf};

use common::{Run, run};
use serde_json::Value;

/// `CN=sts.example`, which signed the actor token inside [`OUTER`].
const CERTIFICATE: &str = "MIIC0zCCAbugAwIBAgIBATANBgkqhkiG9w0BAQsFADAWMRQwEgYDVQQDDAtzdHMuZXhhbXBsZTAeFw0yNTAxMDEwMDAwMDBaFw0zNTAxMDEwMDAwMDBaMBYxFDASBgNVBAMMC3N0cy5leGFtcGxlMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArPI3FHm6IKG3ZXu5vIMc10l4JZqGTZeriZXTK3aPm/7Pr2pzQjCrN5kC07DDtCLr3/xqt+WWvTgS8Hdyhai+oQ52zwQ+zWsA5DB+19vOD01DjXAlQ9zqx54cBbyC1xMb2muqZO0tT9bHNGWXm01K+WVzpI7MZYCDRlC+CwgRiJGs3wWyDdZ1mEti6u81OXEPaExDL2JPtZesD9I+LFJkUKh8+7ZAMSkwrH258tt1WL4oGc3WM7AdSVFeQ4St/oGGZA/3HmgXQRn4w+E/jX8DWETIhkAmqEsCf9m/Ior4liXGCrC8pOTz3j47l5sXbweQzQcPXtRLyA3CO9QSx2advwIDAQABoywwKjAJBgNVHRMEAjAAMB0GA1UdDgQWBBSdeanf8njGWzdIOHVLEodZjOFg6jANBgkqhkiG9w0BAQsFAAOCAQEAAUMHVcMwVG9ALTfzZ2bRgScFp9QwSPflkr6S3obNSJGxzsikCSWqKs3/GK3Rk60ylwV5TbFB8IZGlnNNGrym/1YVSo8wZwNBggZSlWU0ATF5D08nqMsqQzcSJCs5GVEecpSUt+tz3QW4uvcQmtTbDakOgEZZa7UMdlDQg4zhE1U5hmlS2J57iBC/ShboPYsCI6JPuBtq2gfYtpeabHvAC0aMZLcnQ1GlOfflgNIvg72vWtXjCk73Y+PkvAVka53da6lm50FmFzVz9++kjhVntR/UZ1uyvjAtNO17fe1csw742x4yON8daSZOg1xTiMvKqc3n+F/LvjUn6trB8+6jVw==";
/// Somebody else's.
const OTHER_CERTIFICATE: &str = "MIIBXTCCAQ+gAwIBAgIBBzAFBgMrZXAwWDELMAkGA1UEBhMCREUxFjAUBgNVBAoMDUNvbnRvc28sIEx0ZC4xFzAVBgNVBAsMDlNpZ25pbmcgKyBLZXlzMRgwFgYDVQQDDA9vbGQuc3RzLmV4YW1wbGUwHhcNMTkwMTAxMDAwMDAwWhcNMjAwMTAxMDAwMDAwWjBYMQswCQYDVQQGEwJERTEWMBQGA1UECgwNQ29udG9zbywgTHRkLjEXMBUGA1UECwwOU2lnbmluZyArIEtleXMxGDAWBgNVBAMMD29sZC5zdHMuZXhhbXBsZTAqMAUGAytlcAMhANdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1EaMAUGAytlcANBAGlVff/WB98eDxmZKUwY8dr3jnOsOzAzDBX6CIarcRp2qjwS1PDYthZ9aQv8eNVIAgpFNGyJaU8hDFUlEghsTAw=";
const OUTER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJhdWQiOiIwMDAwMDAwMi0wMDAwLTBmZjEtY2UwMC0wMDAwMDAwMDAwMDAvbWFpbC5jb250b3NvLmNvbUA3ZjljMmIxZS00ZDNhLTRjNTgtOWYyMS0wYTFiMmMzZDRlNWYiLCJpc3MiOiIwMDAwMDAwNC0wMDAwLTBmZjEtY2UwMC0wMDAwMDAwMDAwMDBAN2Y5YzJiMWUtNGQzYS00YzU4LTlmMjEtMGExYjJjM2Q0ZTVmIiwibmJmIjoiMTc2NzIyNTY2MCIsImV4cCI6IjE3NjcyNTQ0NjAiLCJuYW1laWQiOiIxMDAzMjAwMWExYjJjM2Q0IiwibmlpIjoidXJuOmZlZGVyYXRpb246TWljcm9zb2Z0T25saW5lIiwic210cCI6Im1lZ2FuQGNvbnRvc28uY29tIiwic2lwIjoibWVnYW5AY29udG9zby5jb20iLCJ1cG4iOiJtZWdhbkBjb250b3NvLmNvbSIsImFjdG9ydG9rZW4iOiJleUowZVhBaU9pSktWMVFpTENKaGJHY2lPaUpTVXpJMU5pSXNJbmcxZENJNkltdG1aazlwWmsxMWJWVjFiVnA2WkhacUxUbGtTbUo0ZWtzeFdTSXNJbXRwWkNJNkltdG1aazlwWmsxMWJWVjFiVnA2WkhacUxUbGtTbUo0ZWtzeFdTSjkuZXlKaGRXUWlPaUl3TURBd01EQXdNaTB3TURBd0xUQm1aakV0WTJVd01DMHdNREF3TURBd01EQXdNREF2YldGcGJDNWpiMjUwYjNOdkxtTnZiVUEzWmpsak1tSXhaUzAwWkROaExUUmpOVGd0T1dZeU1TMHdZVEZpTW1NelpEUmxOV1lpTENKcGMzTWlPaUl3TURBd01EQXdNUzB3TURBd0xUQXdNREF0WXpBd01DMHdNREF3TURBd01EQXdNREJBTjJZNVl6SmlNV1V0TkdRellTMDBZelU0TFRsbU1qRXRNR0V4WWpKak0yUTBaVFZtSWl3aWFXRjBJam94TnpZM01qSTFOakF3TENKdVltWWlPakUzTmpjeU1qVTJNREFzSW1WNGNDSTZNVGMyTnpNeE1qTXdNQ3dpYm1GdFpXbGtJam9pTURBd01EQXdNRFF0TURBd01DMHdabVl4TFdObE1EQXRNREF3TURBd01EQXdNREF3UURkbU9XTXlZakZsTFRSa00yRXROR00xT0MwNVpqSXhMVEJoTVdJeVl6TmtOR1UxWmlJc0ltOXBaQ0k2SWpWa01tWXpZakZoTFRCak5HVXROR0kzWmkwNFlUWTJMVGxsT0dRM1l6WmlOV0UwTUNJc0luTjFZaUk2SWpWa01tWXpZakZoTFRCak5HVXROR0kzWmkwNFlUWTJMVGxsT0dRM1l6WmlOV0UwTUNJc0ltbGtaVzUwYVhSNWNISnZkbWxrWlhJaU9pSXdNREF3TURBd01TMHdNREF3TFRBd01EQXRZekF3TUMwd01EQXdNREF3TURBd01EQkFOMlk1WXpKaU1XVXROR1F6WVMwMFl6VTRMVGxtTWpFdE1HRXhZakpqTTJRMFpUVm1JaXdpZEhKMWMzUmxaR1p2Y21SbGJHVm5ZWFJwYjI0aU9pSjBjblZsSW4wLmJiMHpoRlJjeXkyUUlCUlFuQkEwc0NacnhWMXBVZjFQZHpiTDVHMmJpei0wenctZzN3RlA1aG12OHpMUEF3RGZxOEFfUG9CQUFrRzNxRURkcXlWSGJ6WHlEWTlsekJfa3BET2w4REZGZmVpSDAxV3BUMm5MdHpSdXQzVHYybnFHQWdzUjl6UHVZTnBEYU1zZGprVDNZalN1cTJvWDRlbVJXS2U2SS16YTBDbm9oRFFGVm5yMTM5MUV3eXQtT3pETXpOSWtEOGdmajA2ajRLNW4tajVMdFNkd2pLZjZNWGZBMTluQkpDMUw5cGozSElCZHJqSkwwX0FINTFfOTBXNHdnV0U0RFVVay1TQy1MMm50SGJya0NDSUxtVnJLeFV6NlpSUmVCdUE0aWxWcG1UeUlKY2ZzYTcwNzYzSjdTMVktaDRFUngzMUJOMW5DZDlmQlFWQ191USJ9.";
/// [`OUTER`] with one character of the inner signature changed.
const FORGED: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJhdWQiOiIwMDAwMDAwMi0wMDAwLTBmZjEtY2UwMC0wMDAwMDAwMDAwMDAvbWFpbC5jb250b3NvLmNvbUA3ZjljMmIxZS00ZDNhLTRjNTgtOWYyMS0wYTFiMmMzZDRlNWYiLCJpc3MiOiIwMDAwMDAwNC0wMDAwLTBmZjEtY2UwMC0wMDAwMDAwMDAwMDBAN2Y5YzJiMWUtNGQzYS00YzU4LTlmMjEtMGExYjJjM2Q0ZTVmIiwibmJmIjoiMTc2NzIyNTY2MCIsImV4cCI6IjE3NjcyNTQ0NjAiLCJuYW1laWQiOiIxMDAzMjAwMWExYjJjM2Q0IiwibmlpIjoidXJuOmZlZGVyYXRpb246TWljcm9zb2Z0T25saW5lIiwic210cCI6Im1lZ2FuQGNvbnRvc28uY29tIiwic2lwIjoibWVnYW5AY29udG9zby5jb20iLCJ1cG4iOiJtZWdhbkBjb250b3NvLmNvbSIsImFjdG9ydG9rZW4iOiJleUowZVhBaU9pSktWMVFpTENKaGJHY2lPaUpTVXpJMU5pSXNJbmcxZENJNkltdG1aazlwWmsxMWJWVjFiVnA2WkhacUxUbGtTbUo0ZWtzeFdTSXNJbXRwWkNJNkltdG1aazlwWmsxMWJWVjFiVnA2WkhacUxUbGtTbUo0ZWtzeFdTSjkuZXlKaGRXUWlPaUl3TURBd01EQXdNaTB3TURBd0xUQm1aakV0WTJVd01DMHdNREF3TURBd01EQXdNREF2YldGcGJDNWpiMjUwYjNOdkxtTnZiVUEzWmpsak1tSXhaUzAwWkROaExUUmpOVGd0T1dZeU1TMHdZVEZpTW1NelpEUmxOV1lpTENKcGMzTWlPaUl3TURBd01EQXdNUzB3TURBd0xUQXdNREF0WXpBd01DMHdNREF3TURBd01EQXdNREJBTjJZNVl6SmlNV1V0TkdRellTMDBZelU0TFRsbU1qRXRNR0V4WWpKak0yUTBaVFZtSWl3aWFXRjBJam94TnpZM01qSTFOakF3TENKdVltWWlPakUzTmpjeU1qVTJNREFzSW1WNGNDSTZNVGMyTnpNeE1qTXdNQ3dpYm1GdFpXbGtJam9pTURBd01EQXdNRFF0TURBd01DMHdabVl4TFdObE1EQXRNREF3TURBd01EQXdNREF3UURkbU9XTXlZakZsTFRSa00yRXROR00xT0MwNVpqSXhMVEJoTVdJeVl6TmtOR1UxWmlJc0ltOXBaQ0k2SWpWa01tWXpZakZoTFRCak5HVXROR0kzWmkwNFlUWTJMVGxsT0dRM1l6WmlOV0UwTUNJc0luTjFZaUk2SWpWa01tWXpZakZoTFRCak5HVXROR0kzWmkwNFlUWTJMVGxsT0dRM1l6WmlOV0UwTUNJc0ltbGtaVzUwYVhSNWNISnZkbWxrWlhJaU9pSXdNREF3TURBd01TMHdNREF3TFRBd01EQXRZekF3TUMwd01EQXdNREF3TURBd01EQkFOMlk1WXpKaU1XVXROR1F6WVMwMFl6VTRMVGxtTWpFdE1HRXhZakpqTTJRMFpUVm1JaXdpZEhKMWMzUmxaR1p2Y21SbGJHVm5ZWFJwYjI0aU9pSjBjblZsSW4wLmJiMHpoRlJjeXkyUUlCUlFuQkEwc0NacnhWMXBVZjFQZHpiTDVHMmJpei0wenctZzN3RlA1aG12OHpMUEF3RGZxOEFfUG9CQUFrRzNxRURkcXlWSGJ6WHlEWTlsekJfa3BET2xBREZGZmVpSDAxV3BUMm5MdHpSdXQzVHYybnFHQWdzUjl6UHVZTnBEYU1zZGprVDNZalN1cTJvWDRlbVJXS2U2SS16YTBDbm9oRFFGVm5yMTM5MUV3eXQtT3pETXpOSWtEOGdmajA2ajRLNW4tajVMdFNkd2pLZjZNWGZBMTluQkpDMUw5cGozSElCZHJqSkwwX0FINTFfOTBXNHdnV0U0RFVVay1TQy1MMm50SGJya0NDSUxtVnJLeFV6NlpSUmVCdUE0aWxWcG1UeUlKY2ZzYTcwNzYzSjdTMVktaDRFUngzMUJOMW5DZDlmQlFWQ191USJ9.";

fn file(name: &str, content: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("jwks-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.display().to_string()
}

fn pem(name: &str, certificate: &str) -> String {
    file(name, &format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n"))
}

fn recording(name: &str, token: &str) -> String {
    let text = format!(
        "# @time 2026-01-01T00:02:00Z\nPOST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\n\
         Authorization: Bearer {token}\n\nHTTP/1.1 200 OK\n\n"
    );
    file(name, &text)
}

fn severity(report: &Value, rule: &str) -> Option<String> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["rule"] == rule).map(|finding| finding["severity"].as_str().unwrap().into())
}

fn check(recording: &str, keys: &[&str]) -> Run {
    let mut arguments = vec!["check", "--format", "json", recording];
    for key in keys {
        arguments.extend(["--jwks", key]);
    }
    run(&arguments)
}

#[test]
fn keys_decide_about_the_actor_token() {
    let (good, forged) = (recording("good.http", OUTER), recording("forged.http", FORGED));
    let (own, other) = (pem("own.pem", CERTIFICATE), pem("other.pem", OTHER_CERTIFICATE));
    let (own, other) = (own.as_str(), other.as_str());
    for (recording, keys, state, s2s_021, s2s_020, fails) in [
        (&good, vec![], "unverifiable", None, None, false),
        (&forged, vec![], "unverifiable", None, None, false),
        (&good, vec![own], "verified", Some("info"), None, false),
        (&good, vec![other, own], "verified", Some("info"), None, false),
        (&forged, vec![own], "invalid", Some("critical"), None, true),
        (&good, vec![other], "unverifiable", None, Some("medium"), false),
    ] {
        let got = check(recording, &keys);
        let report = got.json();
        let case = format!("{recording} {keys:?}: {}", got.out);
        assert_eq!(report["tokens"][0]["signature"], "absent", "{case}");
        let actor = &report["tokens"][0]["actor"];
        assert_eq!(actor["signature"], state, "{case}");
        assert_eq!(severity(&report, "S2S-021").as_deref(), s2s_021, "{case}");
        assert_eq!(severity(&report, "S2S-020").as_deref(), s2s_020, "{case}");
        assert_eq!((got.code == 1, report["outcome"] == "fail"), (fails, fails), "{case}");
        let key = &actor["signature_key"];
        assert_eq!(key.is_object(), s2s_021.is_some(), "{case}");
        if key.is_object() {
            assert_eq!((&key["origin"], &key["pinned"]), (&Value::from(own), &Value::from(true)), "{case}");
            assert_eq!(key["certificate"]["thumbprint"], "91F7CE89F32E994BA667376F8FEF5D25BC732B56", "{case}");
        }
    }
}

#[test]
fn tokens_and_decode_tell_the_signature() {
    let own = pem("shown.pem", CERTIFICATE);
    let good = recording("shown.http", OUTER);
    for (arguments, word) in [
        (vec!["tokens", &good, "--jwks", &own], "verified: key"),
        (vec!["tokens", &good], "not verified: no key was given"),
        (vec!["decode", OUTER, "--jwks", &own], "verified: key"),
        (vec!["decode", FORGED, "--jwks", &own], "INVALID:"),
        (vec!["decode", OUTER], "not verified: no key was given"),
    ] {
        let got = run(&arguments);
        assert!(got.code == 0 && got.out.contains(word), "{word}: {}{}", got.out, got.err);
    }
    let decoded = run(&["decode", OUTER, "--jwks", &own, "--format", "json"]).json();
    assert_eq!(decoded["actor"]["signature"], "verified");
}

#[test]
fn files_without_keys_are_refused() {
    let junk = file("junk.txt", "no key at all");
    let good = recording("refused.http", OUTER);
    for arguments in [vec!["check", &good], vec!["tokens", &good], vec!["timeline", &good], vec!["decode", OUTER]] {
        for (keys, words) in [(junk.as_str(), "no file of keys"), ("missing.pem", "cannot read")] {
            let got = run(&[arguments.as_slice(), &["--jwks", keys]].concat());
            assert_eq!(got.code, 2, "{}", got.err);
            assert!(got.err.contains(words) && got.err.contains(keys), "{}", got.err);
        }
    }
}

#[test]
fn keys_seen_in_the_recording_show_integrity_only() {
    let metadata = serde_json::json!({
        "issuer": "00000001-0000-0000-c000-000000000000@*",
        "keys": [{"usage": "signing", "keyvalue": {"type": "x509Certificate", "value": CERTIFICATE}}],
    });
    for (token, state) in [(OUTER, "verified"), (FORGED, "invalid")] {
        let seen = recording("with-metadata.http", token);
        let mut text = fs::read_to_string(&seen).unwrap();
        text.push_str(&format!(
            "\n###\n# @time 2026-01-01T00:03:00Z\nGET /metadata/json/1 HTTP/1.1\nHost: sts.example\n\n\
             HTTP/1.1 200 OK\nContent-Type: application/json\n\n{metadata}\n"
        ));
        let report = check(&file("with-metadata.http", &text), &[]).json();
        let actor = &report["tokens"][0]["actor"];
        assert_eq!(actor["signature"], state, "{report:#}");
        assert_eq!(actor["signature_key"]["pinned"], false, "{report:#}");
    }
}

/// The recording of a call with `token`, then the answer to a request for `path`.
fn with_answer(name: &str, token: &str, path: &str, status: u16, content_type: &str, body: &str) -> Value {
    let mut text = fs::read_to_string(recording(name, token)).unwrap();
    text.push_str(&format!(
        "\n###\n# @time 2026-01-01T00:03:00Z\nGET {path} HTTP/1.1\nHost: sts.example\n\n\
         HTTP/1.1 {status} X\nContent-Type: {content_type}\n\n{body}\n"
    ));
    check(&file(name, &text), &[]).json()
}

#[test]
fn every_document_of_keys_in_the_recording_is_used() {
    let json = "application/json; charset=utf-8";
    let jwks = serde_json::json!({"keys": [{"kty": "RSA", "use": "sig", "x5c": [CERTIFICATE]}]}).to_string();
    let sharepoint = serde_json::json!({
        "issuer": "00000001-0000-0000-c000-000000000000@*",
        "keys": [{"usage": "Signing", "keyValue": {"type": "x509certificate", "value": CERTIFICATE}}],
    })
    .to_string();
    let federation = format!(
        "<?xml version=\"1.0\"?><EntityDescriptor entityID=\"https://sts.example/\"><RoleDescriptor>\
         <KeyDescriptor use=\"signing\"><KeyInfo><X509Data><X509Certificate>{CERTIFICATE}</X509Certificate></X509Data>\
         </KeyInfo></KeyDescriptor></RoleDescriptor></EntityDescriptor>"
    );
    let xml = "application/samlmetadata+xml";
    for (path, status, content_type, body, state) in [
        ("/common/discovery/keys", 200, json, &jwks, "verified"),
        ("/t/discovery/v2.0/keys", 200, json, &jwks, "verified"),
        ("/_layouts/15/metadata/json/1", 200, json, &sharepoint, "verified"),
        ("/t/federationmetadata/2007-06/federationmetadata.xml", 200, xml, &federation, "verified"),
        ("/FederationMetadata/2007-06/FederationMetadata.xml", 200, "text/xml", &federation, "verified"),
        // Not an answer that publishes them.
        ("/t/discovery/v2.0/keys", 404, json, &jwks, "unverifiable"),
        ("/things", 200, json, &sharepoint, "unverifiable"),
    ] {
        let report = with_answer("published.http", OUTER, path, status, content_type, body);
        let actor = &report["tokens"][0]["actor"];
        assert_eq!(actor["signature"], state, "{path} {status}: {actor:#}");
        if state == "verified" {
            // Whoever could change the token could change the key.
            assert_eq!(actor["signature_key"]["pinned"], false, "{path}");
            assert!(actor["signature_reason"].as_str().unwrap().contains("not who made it"), "{actor:#}");
            assert_eq!(actor["signature_key"]["certificate"]["thumbprint"], "91F7CE89F32E994BA667376F8FEF5D25BC732B56");
        }
    }
    // An unknown key beside a seen one stays open, and does not read as if none had been seen.
    let other = serde_json::json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]});
    let report = with_answer("published.http", OUTER, "/jwks", 200, json, &other.to_string());
    let actor = &report["tokens"][0]["actor"];
    assert_eq!(actor["signature"], "unverifiable");
    assert!(actor["signature_reason"].as_str().unwrap().contains("none that was seen in the recording"), "{actor:#}");
}

#[test]
fn an_expired_certificate_is_told_at_the_time_of_the_recording() {
    let own = pem("expiring.pem", CERTIFICATE);
    let good = recording("expiring.http", OUTER);
    for (at, severity_then, words) in [
        ("capture", "info", None),
        ("2036-01-01T00:00:00Z", "low", Some("its certificate had expired (2035-01-01)")),
        ("2024-01-01T00:00:00Z", "low", Some("its certificate was not valid yet (2025-01-01)")),
    ] {
        let report = run(&["check", "--format", "json", &good, "--jwks", &own, "--at", at]).json();
        let actor = &report["tokens"][0]["actor"];
        assert_eq!(actor["signature"], "verified", "{at}");
        assert_eq!(severity(&report, "S2S-021").as_deref(), Some(severity_then), "{at}");
        let reason = actor["signature_reason"].as_str().unwrap();
        assert_eq!(words.is_some(), reason.contains("its certificate"), "{at}: {reason}");
        assert!(words.is_none_or(|words| reason.contains(words)), "{at}: {reason}");
    }
}

#[test]
fn every_signature_that_cannot_be_verified_says_why_without_keys() {
    for (header, signature, state, words) in [
        (r#"{"alg":"HS256"}"#, 32, "unverifiable", "needs the secret"),
        (r#"{"alg":"ES512"}"#, 132, "unverifiable", "no key was given"),
        (r#"{"alg":"ES256K"}"#, 64, "unverifiable", "no key was given"),
        (r#"{"alg":"Ed448"}"#, 114, "unverifiable", "cannot be verified by this program"),
        (r#"{"alg":"XX1"}"#, 32, "unverifiable", "its algorithm is not known"),
        (r#"{"alg":"RS256","nonce":"AQAB"}"#, 256, "unverifiable", "nonce"),
        (r#"{"alg":"RS256"}"#, 256, "unverifiable", "no key was given"),
        (r#"{"alg":"RS256"}"#, 3, "invalid", "3 bytes"),
        (r#"{"alg":"none"}"#, 0, "absent", "alg is"),
    ] {
        let encode = |bytes: &[u8]| common::base64url(bytes);
        let token =
            format!("{}.{}.{}", encode(header.as_bytes()), encode(b"{\"iss\":\"a\"}"), encode(&vec![7; signature]));
        let decoded = run(&["decode", &token, "--format", "json"]).json();
        assert_eq!(decoded["signature"], state, "{header}: {decoded:#}");
        assert!(decoded["signature_reason"].as_str().unwrap().contains(words), "{header}: {decoded:#}");
    }
}
