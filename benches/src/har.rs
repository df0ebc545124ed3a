//! HAR files.

use std::fmt::Write as _;

use crate::{http1, token};

/// A file of `entries` entries that carry `tokens` different tokens in turn.
pub fn file(entries: usize, tokens: usize) -> Vec<u8> {
    let tokens: Vec<String> = (0..tokens).map(token::outer).collect();
    let mut text =
        r#"{"log":{"version":"1.2","creator":{"name":"WebInspector","version":"537.36"},"pages":[],"entries":["#
            .to_owned();
    for number in 0..entries {
        if number > 0 {
            text.push(',');
        }
        entry(&mut text, number, &tokens[number % tokens.len()]);
    }
    text.push_str("]}}");
    text.into_bytes()
}

fn entry(text: &mut String, number: usize, token: &str) {
    let fields = |fields: &[(&str, String)]| {
        let all: Vec<String> =
            fields.iter().map(|(name, value)| format!(r#"{{"name":"{name}","value":"{value}"}}"#)).collect();
        all.join(",")
    };
    let quoted = |content: String| content.replace('"', "\\\"");
    let (minute, second) = (number / 60 % 60, number % 60);
    write!(
        text,
        r#"{{"startedDateTime":"2023-11-14T22:{minute:02}:{second:02}.000Z","time":12.5,"request":{{"method":"POST","url":"https://mail.contoso.com/EWS/Exchange.asmx","httpVersion":"HTTP/1.1","cookies":[],"headers":[{}],"queryString":[],"postData":{{"mimeType":"text/xml; charset=utf-8","text":"{}"}},"headersSize":-1,"bodySize":-1}},"response":{{"status":200,"statusText":"OK","httpVersion":"HTTP/1.1","cookies":[],"headers":[{}],"content":{{"size":1200,"mimeType":"text/xml","text":"{}"}},"redirectURL":"","headersSize":-1,"bodySize":-1}},"cache":{{}},"timings":{{"send":1,"wait":10,"receive":1.5}},"serverIPAddress":"10.0.0.2"}}"#,
        fields(&http1::request_fields(token)),
        quoted(http1::soap_request(number)),
        fields(&http1::response_fields(number)),
        quoted(http1::soap_response(number)),
    )
    .expect("a string takes everything");
}
