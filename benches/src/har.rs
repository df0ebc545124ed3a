//! HAR files.

use crate::{http1, made::Made, token};

const START: &str =
    r#"{"log":{"version":"1.2","creator":{"name":"WebInspector","version":"537.36"},"pages":[],"entries":["#;
const END: &str = "]}}";
/// What the content of [`huge`] repeats, and how often in one piece: about 16 KiB.
const TEXT: &str = r#"{\"subject\":\"Conversation with a colleague\",\"size\":4711},"#;
const AT_ONCE: usize = 256;
/// An entry that says as little as an entry can.
const TINY: &str = r#"{"request":{"method":"GET","url":"https://mail.contoso.com/owa/"},"response":{"status":200}}"#;

/// A file of `entries` entries that carry `tokens` different tokens in turn.
pub fn file(entries: usize, tokens: usize) -> Vec<u8> {
    streamed(entries, tokens).into_bytes()
}

/// The same, made as it is read.
pub fn streamed(entries: usize, tokens: usize) -> Made<impl Iterator<Item = Vec<u8>> + Send> {
    let tokens: Vec<String> = (0..tokens).map(token::outer).collect();
    log((0..entries).map(move |number| entry(number, &tokens[number % tokens.len()])))
}

/// A file of `entries` entries of under a hundred bytes.
pub fn tiny(entries: usize) -> Made<impl Iterator<Item = Vec<u8>> + Send> {
    log((0..entries).map(|_| TINY.to_owned()))
}

/// A file of one entry, whose content has `bytes` bytes or a few more.
pub fn huge(bytes: usize) -> Made<impl Iterator<Item = Vec<u8>> + Send> {
    let entry = entry(0, &token::outer(0));
    let (before, after) = entry.rsplit_once(r#""text":""#).expect("a response has a content");
    let before = format!("{before}\"text\":\"");
    let after = after.to_owned();
    let piece = TEXT.repeat(AT_ONCE);
    let pieces = bytes.div_ceil(piece.len());
    let content = (0..pieces).map(move |_| piece.clone());
    let pieces = [START.to_owned(), before].into_iter().chain(content).chain([after, END.to_owned()]);
    Made::new(pieces.map(String::into_bytes))
}

/// A file of these entries.
pub fn log(entries: impl Iterator<Item = String> + Send) -> Made<impl Iterator<Item = Vec<u8>> + Send> {
    let entries = entries.enumerate().map(|(number, entry)| if number > 0 { format!(",{entry}") } else { entry });
    let pieces = std::iter::once(START.to_owned()).chain(entries).chain([END.to_owned()]);
    Made::new(pieces.map(String::into_bytes))
}

/// A call without more than the fields that are given, and its answer.
pub fn call(host: &str, target: &str, fields: &[(&str, String)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!(r#"{{"name":"{name}","value":"{value}"}}"#)).collect();
    format!(
        r#"{{"startedDateTime":"2023-11-14T22:13:20.000Z","request":{{"method":"GET","url":"https://{host}{target}","httpVersion":"HTTP/1.1","headers":[{}]}},"response":{{"status":200,"statusText":"OK","httpVersion":"HTTP/1.1","headers":[]}}}}"#,
        fields.join(",")
    )
}

/// A call of Exchange with its answer.
pub fn entry(number: usize, token: &str) -> String {
    let fields = |fields: &[(&str, String)]| {
        let all: Vec<String> =
            fields.iter().map(|(name, value)| format!(r#"{{"name":"{name}","value":"{value}"}}"#)).collect();
        all.join(",")
    };
    let quoted = |content: String| content.replace('"', "\\\"");
    let (minute, second) = (number / 60 % 60, number % 60);
    format!(
        r#"{{"startedDateTime":"2023-11-14T22:{minute:02}:{second:02}.000Z","time":12.5,"request":{{"method":"POST","url":"https://mail.contoso.com/EWS/Exchange.asmx","httpVersion":"HTTP/1.1","cookies":[],"headers":[{}],"queryString":[],"postData":{{"mimeType":"text/xml; charset=utf-8","text":"{}"}},"headersSize":-1,"bodySize":-1}},"response":{{"status":200,"statusText":"OK","httpVersion":"HTTP/1.1","cookies":[],"headers":[{}],"content":{{"size":1200,"mimeType":"text/xml","text":"{}"}},"redirectURL":"","headersSize":-1,"bodySize":-1}},"cache":{{}},"timings":{{"send":1,"wait":10,"receive":1.5}},"serverIPAddress":"10.0.0.2"}}"#,
        fields(&http1::request_fields(token)),
        quoted(http1::soap_request(number)),
        fields(&http1::response_fields(number)),
        quoted(http1::soap_response(number)),
    )
}
