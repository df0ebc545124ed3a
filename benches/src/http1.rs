//! HTTP/1.1 conversations.

use inspector_core::flow::Side;

use crate::{Pieces, token};

/// What the response of [`large_response`] repeats.
const ITEM: &[u8] = br#"{"subject":"Conversation with a colleague","size":4711,"read":true},"#;
/// How many of them are sent at once: about 16 KiB.
const AT_ONCE: usize = 240;

/// Content of a request.
pub fn soap_request(number: usize) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><t:RequestServerVersion xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" Version="Exchange2013"/></s:Header><s:Body><m:GetItem xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><m:ItemIds><t:ItemId xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" Id="{number:016x}"/></m:ItemIds></m:GetItem></s:Body></s:Envelope>"#
    )
}

/// Content of a response.
pub fn soap_response(number: usize) -> String {
    let item = format!(
        "<t:Item><t:ItemId Id=\"{number:016x}\"/><t:Subject>Conversation with a colleague</t:Subject></t:Item>"
    );
    format!("<?xml version=\"1.0\"?><s:Envelope><s:Body><m:Items>{}</m:Items></s:Body></s:Envelope>", item.repeat(12))
}

/// Fields of a request that carries a token, as names and values.
pub fn request_fields(token: &str) -> [(&'static str, String); 6] {
    [
        ("host", "mail.contoso.com".to_owned()),
        ("user-agent", "SkypeServices/16.0".to_owned()),
        ("authorization", format!("Bearer {token}")),
        ("content-type", "text/xml; charset=utf-8".to_owned()),
        ("x-anchormailbox", "user@contoso.com".to_owned()),
        ("accept", "text/xml".to_owned()),
    ]
}

/// Fields of a response.
pub fn response_fields(number: usize) -> [(&'static str, String); 5] {
    [
        ("server", "Microsoft-IIS/10.0".to_owned()),
        ("content-type", "text/xml; charset=utf-8".to_owned()),
        ("request-id", format!("00000000-0000-4000-8000-{number:012x}")),
        ("x-calculatedbetarget", "mail01.contoso.com".to_owned()),
        ("date", "Tue, 14 Nov 2023 22:13:20 GMT".to_owned()),
    ]
}

fn lines(fields: &[(&str, String)]) -> String {
    fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

/// A connection of `requests` requests, one after the other, that carry `tokens` different tokens in turn.
pub fn conversation(requests: usize, tokens: usize) -> Pieces {
    exchanges(requests, tokens).collect()
}

/// The same, made request by request.
pub fn exchanges(requests: usize, tokens: usize) -> impl Iterator<Item = (Side, Vec<u8>)> {
    let tokens: Vec<String> = (0..tokens).map(token::outer).collect();
    (0..requests).flat_map(move |number| exchange(number, &tokens[number % tokens.len()]))
}

/// A request that carries `token`, and its response.
pub fn exchange(number: usize, token: &str) -> [(Side, Vec<u8>); 2] {
    let (asked, answered) = (soap_request(number), soap_response(number));
    let request = format!(
        "POST /EWS/Exchange.asmx HTTP/1.1\r\n{}content-length: {}\r\n\r\n{asked}",
        lines(&request_fields(token)),
        asked.len()
    );
    let response = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: {}\r\n\r\n{answered}",
        lines(&response_fields(number)),
        answered.len()
    );
    [(Side::Client, request.into_bytes()), (Side::Server, response.into_bytes())]
}

/// One request, and a response with `bytes` bytes of JSON as content, or a few more.
pub fn large_response(bytes: usize) -> Pieces {
    large(bytes).collect()
}

/// The same, made piece by piece.
pub fn large(bytes: usize) -> impl Iterator<Item = (Side, Vec<u8>)> {
    const START: &[u8] = b"{\"value\":[";
    const END: &[u8] = b"{}]}";
    let [request, _] = exchange(0, &token::outer(0));
    let pieces = bytes.div_ceil(ITEM.len() * AT_ONCE);
    let length = START.len() + pieces * AT_ONCE * ITEM.len() + END.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    let piece = ITEM.repeat(AT_ONCE);
    let content = std::iter::once(START.to_vec()).chain((0..pieces).map(move |_| piece.clone())).chain([END.to_vec()]);
    let response = std::iter::once(head.into_bytes()).chain(content);
    std::iter::once(request).chain(response.map(|bytes| (Side::Server, bytes)))
}
