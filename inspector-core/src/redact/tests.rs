//! What must not be shown, and what must.

use ::base64::{Engine, engine::general_purpose::STANDARD};

use super::*;

const JWT: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ";
/// A secret of many letters; with `@` one of few.
const SECRET: &str = "9xQ2mZ7vL4kR8wT1";

fn fields() -> Vec<(&'static str, String, &'static str)> {
    let s = SECRET;
    let basic = STANDARD.encode("megan:S3cr3tPassw0rd");
    let utf16: Vec<u8> = "megan:S3cr3tPassw0rd".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let [wrapped, wide, sasl] = [
        STANDARD.encode(format!("{{\"access_token\":\"{s}\"}}")),
        STANDARD.encode(utf16),
        STANDARD.encode("\0megan\0S3cr3tPassw0rd"),
    ];
    let static_basic: &'static str = Box::leak(basic.clone().into_boxed_str());
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let (wrapped, wide, sasl) = (leak(wrapped), leak(wide), leak(sasl));
    let mut all = vec![
        ("Authorization", format!("Basic {basic}"), static_basic),
        ("authorization", "Bearer opaque-token-value-1234".into(), "opaque"),
        ("Authorization", "opaque-token-value-1234567".into(), "opaque"),
        ("Authorization", "SecretWord".into(), "SecretWord"),
        ("Authorization", format!("Digest username=\"megan\", realm=\"r\", response=\"{s}\", cnonce=\"{s}\""), s),
        ("Cookie", "a=first-secret; b=second-secret".into(), "secret"),
        ("Set-Cookie", "FedAuth=cookie-secret; Path=/; HttpOnly".into(), "cookie-secret"),
        ("Set-Cookie", format!("a=b; Path=/x;jsessionid={s}"), s),
        ("X-Api-Key", "0123456789abcdef".into(), "0123456789abcdef"),
        ("X-Skypetoken", "opaque".into(), "opaque"),
        ("Location", "https://u:p4ss@h/?access_token=opaque#id_token=opaque".into(), "opaque"),
        ("Location", "https://u:p4ss@h/".into(), "p4ss"),
        ("Referer", "https://h/x?next=https%3A%2F%2Fh2%2F%3Faccess_token%3Dopaque".into(), "opaque"),
        ("WWW-Authenticate", "NTLM TlRMTVNTUAACAAAA".into(), "TlRMTVNTUA"),
        ("WWW-Authenticate", "Negotiate oYG2MIGzoAMKAQGiggGrBIIBp2CCAaMGCSqG, Basic realm=\"x\"".into(), "oYG2MIG"),
        ("X-Upstream-Login", format!("Basic {basic}"), static_basic),
        ("X-Upstream-Login", format!("basic%20{basic}"), static_basic),
        ("X-Upstream-Login", format!("user=x; cred=\"Basic {basic}\""), static_basic),
        ("X-Whatever", format!("Bearer {s}"), s),
        ("X-Whatever", "Bearer supersecret".into(), "supersecret"),
        ("X-Whatever", format!("SharedAccessSignature sr=x&sig={s}%3D&se=1"), s),
        ("X-Whatever", format!("https://a.blob.core.windows.net/c/b?sv=2020&sig={s}&se=1"), s),
        ("X-Whatever", format!("Endpoint=sb://a/;SharedAccessKeyName=n;SharedAccessKey={s}="), s),
        ("X-Whatever", "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc/def+ghi==".into(), "abc/def"),
        ("X-Whatever", wrapped.to_owned(), wrapped),
        ("X-Whatever", wide.to_owned(), wide),
        ("X-Whatever", sasl.to_owned(), sasl),
        ("X-Whatever", format!("{{\"a\":{{\"client-secret\":\"{s}\"}}}}"), s),
        ("X-Whatever", format!("{{\\\"a\\\":{{\\\"pwd\\\":\\\"{s}\\\"}}}}"), s),
        ("X-Whatever", "{\"\\u0070assword\":\"hunter\"}".into(), "hunter"),
        ("X-Whatever", "%7B%22pwd%22%3A%22hunter%22%7D".into(), "hunter"),
        ("X-Whatever", "pass%2577ord%253Dhunter".into(), "hunter"),
        ("X-Whatever", "p\u{ad}assword=hunter".into(), "hunter"),
        ("X-Whatever", "B\0a\0s\0i\0c\0 \0d\0X\0N\0l\0c\0j\0p\0w\0".into(), "d\0X\0N"),
        ("X-Whatever", "<o:Password Type=\"x\">hunter</o:Password>".into(), "hunter"),
        ("X-Whatever", "<a b='c'><PIN>hunter</PIN></a>".into(), "hunter"),
        ("X-Whatever", "PaSsWoRd=hunter".into(), "hunter"),
        ("X-Whatever", format!("trace {s} end"), s),
        ("X-Whatever", "0123456789abcdef0123456789abcdef".into(), "0123456789abcdef"),
        ("X-Whatever", "-----BEGIN PRIVATE KEY-----MIIB-----END PRIVATE KEY-----".into(), "MIIB"),
        ("Sec-WebSocket-Protocol", format!("graphql-ws, {s}"), s),
        ("Sec-WebSocket-Protocol", "access_token, hunter".into(), "hunter"),
        ("Sec-WebSocket-Protocol", format!("base64url.bearer.authorization.k8s.io.{s}"), s),
        ("Refresh", "0;url=/x?password=hunter".into(), "hunter"),
        ("Refresh", "0; URL='https://megan:hunter@h/'".into(), "hunter"),
        ("Link", format!("<https://h/x?code={s}>; rel=next"), s),
        ("X-WSSE", format!("UsernameToken Username=\"megan\", PasswordDigest=\"{s}=\", Nonce=\"abc\""), s),
        ("x-ms-diagnostics", format!("2000001;reason=\"cannot parse Bearer {s}\";error_category=\"invalid_token\""), s),
        ("x-ms-diagnostics", "1;reason=\"password 'hunter' of megan\"".into(), "hunter"),
        ("x-ms-diagnostics", "1;reason=\"wrong password Hunter2xyz\"".into(), "Hunter2xyz"),
        ("x-ms-diagnostics", "1;reason=\"pwd=hunter;x\"".into(), "hunter"),
        ("WWW-Authenticate", format!("Bearer error=\"invalid_token\", error_description=\"token {s} is unknown\""), s),
        ("WWW-Authenticate", "Bearer error_description=\"password=hunter\"".into(), "hunter"),
        ("User-Agent", format!("curl/8 Bearer {s}"), s),
        ("X-Request-Id", format!("Basic {basic}"), static_basic),
        ("SOAPAction", "\"http://x?password=hunter\"".into(), "hunter"),
        ("X-Other", format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9%2EeyJpc3MiOiJqb2UifQ%2E{s}"), s),
        ("X-Other", format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9%252EeyJpc3MiOiJqb2UifQ%252E{s}"), s),
        ("X-Other", "/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe".into(), "AAHdqTcvCH1"),
        ("X-Other", "https://hooks.slack.com/services/T0000/B000/Xk2mZ7vL4kR8wT1yB6nC3dF5".into(), "Xk2mZ7vL4"),
        ("X-Other", "ghp_16C7e42F292c6912E7710c838347Ae178B4a".into(), "ghp_16C7"),
    ];
    for text in [
        format!("x={JWT}"),
        JWT.to_owned(),
        format!("reason=\"{JWT}\""),
        format!("/path/{JWT}/more"),
        format!("authtoken=Bearer%3D{JWT}"),
        JWT.replace("c2ln", "c2+/n"),
    ] {
        all.push(("X-Other", text.clone(), "c3VyZQ"));
        all.push(("X-Other", text, "bmF0dXJlLXNpZ25hdHVyZQ"));
    }
    all
}

#[test]
fn secrets_do_not_survive() {
    let mut wrong = Vec::new();
    for (name, value, secret) in fields() {
        let shown = field_value(name, &value);
        if shown.contains(secret) {
            wrong.push(format!("{name}: {value}\n     {shown}"));
        }
        let again = shown_line(&shown);
        let shown = escaped(&shown);
        if again != shown {
            wrong.push(format!("masked again {name}: {shown}\n     {again}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (target, secret) in [
        ("/ews/x;jsessionid=Sess9xQ2mZ7vL4kR8wT1", "Sess9x"),
        ("/ews/x;PHPSESSID=abc?x=1", "abc"),
        ("/x?a=1&pass%77ord=hunter", "hunter"),
        ("/x?a=1&os_password=hunter#b", "hunter"),
        ("/x#access_token=hunter&token_type=Bearer", "hunter"),
        ("/reset/9xQ2mZ7vL4kR8wT1yB6n", "9xQ2mZ7"),
        ("https://9xQ2mZ7vL4kR8wT1@api.test/", "9xQ2mZ7"),
        ("https://h/?SAMLResponse=PHNhbWxwOlJlc3BvbnNl", "PHNhbWxw"),
        ("https://h/?redirect=https%253A%252F%252Fh%252F%253Fcode%253Dhunter", "hunter"),
        ("https://h/?X-Amz-Signature=0123456789abcdef0123456789abcdef", "0123456789abcdef"),
        ("wss://h/?token=hunter", "hunter"),
        ("//megan:hunter@h/x", "hunter"),
        ("mail.contoso.com/http/megan:hunter@h/x", "hunter"),
    ] {
        let shown = url(target);
        assert!(!shown.contains(secret), "{target} {shown}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    let mut wrong = Vec::new();
    for (name, value) in [
        ("Host", "mail.contoso.com"),
        ("Authorization", "Bearer"),
        ("WWW-Authenticate", "Bearer client_id=\"x\", trusted_issuers=\"a@*\",Negotiate,NTLM,Basic realm=\"\""),
        (
            "WWW-Authenticate",
            "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", trusted_issuers=\"00000001-0000-0000-c000-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f\", token_types=\"app_asserted_user_v1 service_asserted_app_v1\", authorization_uri=\"https://login.windows.net/common/oauth2/authorize\", error=\"invalid_token\"",
        ),
        ("Content-Type", "text/xml; charset=utf-8"),
        ("x-ms-diagnostics", "2000000;reason=\"The token has an invalid signature.\""),
        (
            "x-ms-diagnostics",
            "2000003;reason=\"The hostname component of the audience claim value is invalid. Expected 'https://mail.contoso.com'. Actual 'https://outlook.office365.com'.\";error_category=\"invalid_resource\"",
        ),
        (
            "x-ms-diagnostics",
            "2000008;reason=\"The user specified by the user-context in the token does not exist. 00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@contoso.com\";error_category=\"invalid_user\"",
        ),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "graphql-transport-ws, v12.stomp, mqtt, v4.channel.k8s.io"),
        ("Location", "/ews/exchange.asmx?a=1&token_type=Bearer"),
        ("Location", "https://login.microsoftonline.com/7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f/oauth2/v2.0/token"),
        ("User-Agent", "MicrosoftNinja/1.0 Teams/1.0 (ExchangeServicesClient/1.0.0.0) SkypeSpaces/1.0a$*+"),
        ("request-id", "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f"),
        ("X-Amzn-RequestId", "QDCR7VX3M2J9ZB4T0KH5WE6Y8N1FGSAL"),
        ("X-Unknown", "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f"),
        ("X-FEServer", "DB3PR0102CA0018"),
        ("ETag", "W/\"0815-Xk2mZ7vL4kR8wT1\""),
        ("Date", "Mon, 23 Nov 2026 12:00:00 GMT"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Headers", "Authorization, X-Requested-With, Content-Type"),
        ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
        ("X-AnchorMailbox", "megan@contoso.com"),
        ("X-User-Identity", "megan.bowen@contoso.com"),
        ("X-Mailbox", "svc-s4b"),
        ("Content-Disposition", "attachment; filename=\"report-2026-11-23.pdf\""),
        ("Link", "<https://mail.contoso.com/page/2>; rel=\"next\""),
        ("X-Note", "Basic authentication is off, use OAuth 2.0 and a Bearer token"),
        ("X-Note", "[REDACTED]"),
    ] {
        let shown = field_value(name, value);
        if shown != value {
            wrong.push(format!("{name}: {value}\n     {shown}"));
        }
    }
    for same in [
        "https://h/a?b=c&d=e#f",
        "https://user@h/a",
        "/mailto?to=a@b.c",
        "/EWS/Exchange.asmx",
        "/autodiscover/autodiscover.json/v1.0/megan@contoso.com?Protocol=EWS",
        "/api/v2.0/users('megan@contoso.com')/messages?$select=Subject,ReceivedDateTime&$top=10",
        "/7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f/tokens/OAuth/2",
        "/x?redirect_uri=https%3A%2F%2Fmail.contoso.com%2Fowa%2F&client_id=00000002-0000-0ff1-ce00-000000000000",
        "/x?q=caf%C3%A9%20au%20lait",
        "/_api/web/lists/getbytitle('Documents')/items",
    ] {
        if url(same) != same {
            wrong.push(format!("{same}\n     {}", url(same)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(field_value("Set-Cookie", "a=b; Path=/; Secure").ends_with("; Path=/; Secure"));
    assert!(field_value("Authorization", &format!("Bearer {JWT}")).starts_with("Bearer eyJ0…("));
    let digest = field_value("Authorization", "Digest username=\"megan\", response=\"9xQ2mZ7v\"");
    assert!(digest.contains("username=\"megan\""), "{digest}");
    let wsse = field_value("X-WSSE", "UsernameToken Username=\"megan\", PasswordDigest=\"9xQ2=\", Created=\"2026\"");
    assert!(wsse.contains("megan") && wsse.contains("2026") && !wsse.contains("9xQ2"), "{wsse}");
}

/// Issue of the fuzz target: parts in the standard alphabet.
#[test]
fn tokens_in_the_standard_alphabet_are_tokens() {
    let part = |text: &str| STANDARD.encode(text).trim_end_matches('=').to_owned();
    let header = part("{\"alg\":\"RS256\",\"kid\":\"rsa/\u{3ff}\u{3fe}of>the?day\"}");
    let payload = part("{\"jti\":\"m\u{4ea6}\\L???>>>\u{3ff}\"}");
    assert!(format!("{header}{payload}").contains(['+', '/']), "{header}.{payload}");
    let signature = "AAAA+BBB/CCC+9xQ2mZ7vL4kR8wT1yB6nC3dF5gH0jk";
    for token in [
        format!("{header}.{payload}.{signature}"),
        format!("{header}=.{payload}==.{signature}=="),
        format!("{}.{}.{signature}", part("{\"alg\":\"RS256\"}"), part("{\"jti\":\"a\"}")),
    ] {
        for text in [token.clone(), format!("Bearer {token}"), format!("x \"{token}\", y")] {
            let shown = tokens_masked(&text);
            assert!(!shown.contains("9xQ2mZ7") && !shown.contains(&payload), "{text}: {shown}");
            let found: Vec<_> = compact::scan(text.as_bytes()).map(|hit| hit.token.into_owned()).collect();
            let bare = token.trim_end_matches('=');
            assert_eq!(found, [bare], "{text}");
        }
    }
    // A path goes on behind a token.
    let text = format!("/x/{JWT}/more/and");
    let found: Vec<_> = compact::scan(text.as_bytes()).map(|hit| hit.token.into_owned()).collect();
    assert_eq!(found, [JWT]);
    assert!(tokens_masked(&text).ends_with("/more/and"));
}

#[test]
fn hostile_text_takes_linear_time() {
    for text in [
        "basic:".repeat(5000),
        "basic:a=b ".repeat(2500),
        "token=".repeat(5000),
        "\"token\":{".repeat(2500),
        "//a:b@".repeat(5000),
        "%25".repeat(5000),
        "password '".repeat(2500),
        "<password>".repeat(2500),
        "eyJ+".repeat(5000),
        "\\u0065".repeat(2500),
        "-----BEGIN PRIVATE KEY-----".repeat(500),
        "digest a=b,".repeat(2500),
    ] {
        for level in [Level::Facts, Level::Field] {
            let _ = super::text(&text, level);
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_masked(content: String) {
        for level in [Level::Facts, Level::Known, Level::Prose, Level::Field] {
            let _ = text(&content, level);
        }
        let _ = excerpt(&content);
        for name in ["Cookie", "Set-Cookie", "Authorization", "X", "Sec-WebSocket-Protocol", "Location"] {
            let _ = field_value(name, &content);
        }
        proptest::prop_assert!(excerpt(&content).chars().all(|c| !is_invisible(c)));
    }

    #[test]
    fn a_planted_secret_is_found(
        before in "[ -~]{0,30}[ ,;&\"]",
        name in "(os_password|client-secret|apiKey|refresh_token|sig|jsessionid)",
        secret in "[A-Za-z0-9]{16,40}",
        after in "([ &;\"<].{0,30})?",
    ) {
        let content = format!("{before}{name}={secret}{after}");
        let shown = text(&content, Level::Known);
        proptest::prop_assert!(!shown.contains(&secret) || placeholder::is_redacted(&secret), "{} {}", content, shown);
    }
}
