//! HTTP/1.1 conversations.

use inspector_core::flow::Side;

use crate::{Pieces, token};

/// Octets in the response of [`large_response`] that are sent at once.
const PIECE: usize = 16 << 10;

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
    let tokens: Vec<String> = (0..tokens).map(token::outer).collect();
    (0..requests).flat_map(|number| exchange(number, &tokens[number % tokens.len()])).collect()
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

/// One request, and a response with `bytes` bytes of JSON as content.
pub fn large_response(bytes: usize) -> Pieces {
    let [request, _] = exchange(0, &token::outer(0));
    let mut content = b"{\"value\":[".to_vec();
    while content.len() < bytes {
        content.extend_from_slice(br#"{"subject":"Conversation with a colleague","size":4711,"read":true},"#);
    }
    content.extend_from_slice(b"{}]}");
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", content.len());
    let mut pieces = vec![request, (Side::Server, head.into_bytes())];
    pieces.extend(content.chunks(PIECE).map(|piece| (Side::Server, piece.to_vec())));
    pieces
}
