//! Every scenario in the formats of other tools, written here from its HAR or its capture in clear text: the same outcome,
//! or a weaker one where the format tells less. No format may turn a scenario into a pass that is none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, reason = "each test program uses a part of the common module")]

mod common;

use std::{fs, path::PathBuf};

use common::{run, scenarios};
use serde_json::{Value, json};

/// What a format can tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tells {
    /// All that a HAR tells.
    All,
    /// What was sent, but not all that was: a pass is not possible.
    Part,
    /// Not the time, or not the contents that were sent.
    Less,
}

/// Judges each scenario in the form that `write` gives it.
fn check(name: &str, tells: Tells, write: impl Fn(&str) -> Vec<u8>) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("formats-{name}"));
    fs::create_dir_all(&folder).unwrap();
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(scenarios().join("scenarios.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut outcomes = std::collections::BTreeMap::<String, usize>::new();
    for (scenario, expected) in expected.as_object().unwrap() {
        let path = folder.join(scenario);
        fs::write(&path, write(scenario)).unwrap();
        let report = run(&["check", "--format", "json", path.to_str().unwrap()]).json();
        let (outcome, wanted) = (report["outcome"].as_str().unwrap(), expected["outcome"].as_str().unwrap());
        *outcomes.entry(outcome.to_owned()).or_default() += 1;
        let fits = match (tells, wanted) {
            // What was left out can also be what would have turned a failure around.
            (Tells::Part, "pass") => outcome == "inconclusive",
            (Tells::Part, wanted) => outcome == wanted || outcome == "inconclusive",
            (Tells::Less, wanted) => outcome == wanted || outcome == "inconclusive",
            _ => outcome == wanted,
        };
        if !fits {
            wrong.push(format!("{scenario}: {outcome}, not {wanted}: {}", report["reason"]));
        }
        let format = report["inputs"][0]["format"].as_str().unwrap_or_default();
        if format != name {
            wrong.push(format!("{scenario}: read as {format}"));
        }
        if report["coverage"]["exchanges"] != expected["exchanges"] {
            wrong.push(format!("{scenario}: {} exchanges", report["coverage"]["exchanges"]));
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    assert!(tells == Tells::Part || outcomes.len() >= 2, "{name}: {outcomes:?}");
}

fn entries(scenario: &str) -> Vec<Value> {
    let text = fs::read_to_string(scenarios().join(scenario).join("recording.har")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["log"]["entries"].as_array().unwrap().clone()
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn headers(message: &Value) -> Vec<(String, String)> {
    let headers = message["headers"].as_array().unwrap().iter();
    headers.map(|one| (text(one, "/name").to_owned(), text(one, "/value").to_owned())).collect()
}

/// A message as HTTP/1 text, without its content; pseudo-header fields left out.
fn head(line: &str, message: &Value) -> String {
    let fields = headers(message).into_iter().filter(|(name, _)| !name.starts_with(':'));
    let fields: String = fields.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{line}\r\n{fields}\r\n")
}

/// Scheme, authority, and path with query.
fn split(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap();
    let at = rest.find('/').unwrap_or(rest.len());
    (scheme, &rest[..at], if at == rest.len() { "/" } else { &rest[at..] })
}

/// An exchange of a HAR: the request with the whole URL or without, its content, the response and its content.
struct Texts {
    absolute: String,
    origin: String,
    sent: String,
    response: String,
    received: String,
}

fn texts(entry: &Value) -> Texts {
    let (request, response) = (&entry["request"], &entry["response"]);
    let (method, url) = (text(request, "/method"), text(request, "/url"));
    let (_, authority, path) = split(url);
    let line = |target: &str| format!("{method} {target} HTTP/1.1");
    let mut origin = head(&line(path), request);
    if !headers(request).iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        origin = origin.replacen("\r\n", &format!("\r\nHost: {authority}\r\n"), 1);
    }
    let status = format!("HTTP/1.1 {} {}", response["status"], text(response, "/statusText"));
    let has_response = response["status"].as_i64().unwrap_or(0) > 0;
    Texts {
        absolute: head(&line(url), request),
        origin,
        sent: text(request, "/postData/text").to_owned(),
        response: if has_response { head(&status, response) } else { String::new() },
        received: text(response, "/content/text").to_owned(),
    }
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A zip with stored members.
fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let offset = out.len() as u32;
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend([crc(content), content.len() as u32, content.len() as u32].map(u32::to_le_bytes).concat());
        common.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(content);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let begin = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([members.len() as u16; 2].map(u16::to_le_bytes).concat());
    out.extend([directory.len() as u32, begin].map(u32::to_le_bytes).concat());
    out.extend([0, 0]);
    out
}

fn saz(scenario: &str) -> Vec<u8> {
    let mut members = vec![("[Content_Types].xml".to_owned(), b"<Types/>".to_vec())];
    for (at, entry) in entries(scenario).iter().enumerate() {
        let Texts { absolute, sent, response, received, .. } = texts(entry);
        let number = format!("{:02}", at + 1);
        let time = text(entry, "/startedDateTime");
        let facts = format!("<Session SID=\"{}\"><SessionTimers ClientBeginRequest=\"{time}\" /></Session>", at + 7);
        members.push((format!("raw/{number}_c.txt"), format!("{absolute}{sent}").into()));
        members.push((format!("raw/{number}_m.xml"), facts.into()));
        members.push((format!("raw/{number}_s.txt"), format!("{response}{received}").into()));
    }
    zip(&members)
}

/// A tnetstring, as mitmproxy writes it.
fn net(value: &Value, kind: Option<char>) -> Vec<u8> {
    let (payload, kind): (Vec<u8>, char) = match value {
        Value::Null => (Vec::new(), '~'),
        Value::Bool(is) => (is.to_string().into(), '!'),
        Value::Number(number) if number.is_f64() => (number.to_string().into(), '^'),
        Value::Number(number) => (number.to_string().into(), '#'),
        Value::String(text) => (text.clone().into(), kind.unwrap_or(',')),
        Value::Array(list) => (list.iter().flat_map(|one| net(one, None)).collect(), ']'),
        Value::Object(members) => {
            let pairs = members
                .iter()
                .flat_map(|(name, value)| [net(&Value::String(name.clone()), Some(';')), net(value, None)].concat());
            (pairs.collect(), '}')
        }
    };
    [payload.len().to_string().as_bytes(), b":", &payload, kind.to_string().as_bytes()].concat()
}

/// Seconds since 1970 of `2026-11-25T10:11:12.345…Z`.
fn seconds(time: &str) -> f64 {
    let stamp: Vec<f64> = time.split(['-', 'T', ':', 'Z', '+']).filter_map(|part| part.parse().ok()).collect();
    let [year, month, day, hour, minute, second, ..] = stamp[..] else { panic!("{time}") };
    let (y, m) = if month <= 2.0 { (year - 1.0, month + 9.0) } else { (year, month - 3.0) };
    let days =
        (365.25 * y).floor() - (y / 100.0).floor() + (y / 400.0).floor() + ((153.0 * m + 2.0) / 5.0).floor() + day;
    (days - 719_469.0) * 86_400.0 + hour * 3600.0 + minute * 60.0 + second
}

fn flows(scenario: &str) -> Vec<u8> {
    let flow = |entry: &Value| {
        let (request, response) = (&entry["request"], &entry["response"]);
        let (scheme, authority, path) = split(text(request, "/url"));
        let (host, port) =
            authority.split_once(':').unwrap_or((authority, if scheme == "http" { "80" } else { "443" }));
        let time = seconds(text(entry, "/startedDateTime"));
        let pairs = |message: &Value| json!(headers(message));
        let answer = json!({"http_version": "HTTP/1.1", "status_code": response["status"], "reason": text(response, "/statusText"),
            "headers": pairs(response), "content": text(response, "/content/text"), "trailers": null, "timestamp_end": time + 0.1});
        let has_response = response["status"].as_i64().unwrap_or(0) > 0;
        json!({"type": "http", "version": 21, "response": if has_response { answer } else { Value::Null }, "backup": null,
            "websocket": null, "request": {"method": text(request, "/method"), "scheme": scheme, "host": host,
            "port": port.parse::<u16>().unwrap(), "path": path, "authority": authority, "http_version": "HTTP/1.1",
            "headers": pairs(request), "content": text(request, "/postData/text"), "timestamp_start": time}})
    };
    entries(scenario).iter().flat_map(|entry| net(&flow(entry), None)).collect()
}

fn charles(scenario: &str) -> Vec<Value> {
    let transaction = |entry: &Value| {
        let (request, response) = (&entry["request"], &entry["response"]);
        let (scheme, authority, path) = split(text(request, "/url"));
        let (host, port) =
            authority.split_once(':').map_or((authority, None), |(host, port)| (host, port.parse::<u16>().ok()));
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let message = |message: &Value, content: &str| {
            let fields: Vec<Value> =
                headers(message).iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
            let mut out = json!({"sizes": {"headers": 1, "body": content.len()}, "header": {"headers": fields}});
            if !content.is_empty() {
                out["body"] = json!({"text": content, "charset": "utf-8"});
            }
            out
        };
        let mut answer = message(response, text(response, "/content/text"));
        answer["status"] = response["status"].clone();
        let has_response = response["status"].as_i64().unwrap_or(0) > 0;
        json!({"status": "COMPLETE", "method": text(request, "/method"), "protocolVersion": "HTTP/1.1", "scheme": scheme,
            "host": host, "port": port, "actualPort": port.unwrap_or(443), "path": path, "query": query, "tunnel": false,
            "keptAlive": false, "webSocket": false, "remoteAddress": "x/192.0.2.10", "clientAddress": "127.0.0.1",
            "times": {"start": text(entry, "/startedDateTime")},
            "request": message(request, text(request, "/postData/text")),
            "response": if has_response { answer } else { Value::Null }})
    };
    entries(scenario).iter().map(transaction).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn charles_xml(scenario: &str) -> Vec<u8> {
    let message = |name: &str, message: &Value| {
        let fields: String = message["header"]["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let (name, value) = (escaped(text(one, "/name")), escaped(text(one, "/value")));
                format!("<header><name>{name}</name><value>{value}</value></header>")
            })
            .collect();
        let content = text(message, "/body/text");
        let body = if content.is_empty() { String::new() } else { format!("<body>{}</body>", escaped(content)) };
        let status = message["status"].as_i64().map_or_else(String::new, |status| format!(" status=\"{status}\""));
        format!(
            "<{name}{status} headers=\"true\" body=\"{}\"><headers>{fields}</headers>{body}</{name}>",
            !content.is_empty()
        )
    };
    let transaction = |one: &Value| {
        let attributes: String = ["method", "protocolVersion", "host", "path", "query"]
            .iter()
            .map(|name| format!(" {name}=\"{}\"", escaped(one[*name].as_str().unwrap_or_default())))
            .collect();
        let response = if one["response"].is_null() { String::new() } else { message("response", &one["response"]) };
        format!(
            "<transaction status=\"COMPLETE\" protocol=\"{}\" actualPort=\"{}\" startTime=\"{}\"{attributes}>{}{response}</transaction>",
            text(one, "/scheme"),
            one["actualPort"],
            text(one, "/times/start"),
            message("request", &one["request"])
        )
    };
    let all: String = charles(scenario).iter().map(transaction).collect();
    format!(
        "<?xml version=\"1.0\"?><!DOCTYPE charles-session SYSTEM \"x.dtd\"><charles-session>{all}</charles-session>"
    )
    .into()
}

fn burp(scenario: &str) -> Vec<u8> {
    let item = |entry: &Value| {
        let Texts { origin, sent, response, received, .. } = texts(entry);
        let data = |text: String| text.replace("\r\n", "\n").replace("]]>", "]]]]><![CDATA[>");
        let (scheme, ..) = split(text(entry, "/request/url"));
        format!(
            "<item><time>Sat Nov 28 21:05:00 CET 2026</time><protocol>{scheme}</protocol>\
            <request base64=\"false\"><![CDATA[{}]]></request><response base64=\"false\"><![CDATA[{}]]></response></item>",
            data(origin + &sent),
            data(response + &received)
        )
    };
    let all: String = entries(scenario).iter().map(item).collect();
    format!("<?xml version=\"1.1\"?>\n<!DOCTYPE items [\n<!ELEMENT items (item*)>\n]>\n<items burpVersion=\"2025.6.5\">{all}</items>").into()
}

fn zap(scenario: &str) -> Vec<u8> {
    let block = |(at, entry): (usize, &Value)| {
        let Texts { absolute, sent, response, received, .. } = texts(entry);
        format!("=== {at} ==========\n{absolute}{sent}\n{response}{received}\n")
    };
    entries(scenario).iter().enumerate().map(block).collect::<String>().into()
}

fn netlog(scenario: &str) -> Vec<u8> {
    let names = [
        "REQUEST_ALIVE",
        "URL_REQUEST_START_JOB",
        "HTTP_TRANSACTION_SEND_REQUEST_HEADERS",
        "HTTP_TRANSACTION_READ_RESPONSE_HEADERS",
        "URL_REQUEST_JOB_FILTERED_BYTES_READ",
    ];
    let types: serde_json::Map<String, Value> =
        names.iter().enumerate().map(|(at, name)| ((*name).to_owned(), json!(at + 50))).collect();
    let lines = |message: &Value| -> Vec<String> {
        headers(message).iter().map(|(name, value)| format!("{name}: {value}")).collect()
    };
    let mut events = Vec::new();
    for (id, entry) in entries(scenario).iter().enumerate() {
        let time = format!("{:.0}", seconds(text(entry, "/startedDateTime")) * 1000.0);
        let mut event = |kind: usize, phase: u8, params: Value| {
            events.push(json!({"params": params, "phase": phase, "source": {"id": id, "type": 1}, "time": time, "type": kind + 50}).to_string());
        };
        let (request, response) = (&entry["request"], &entry["response"]);
        let (_, _, path) = split(text(request, "/url"));
        event(1, 1, json!({"method": request["method"], "url": request["url"]}));
        event(
            2,
            0,
            json!({"line": format!("{} {path} HTTP/1.1\r\n", text(request, "/method")), "headers": lines(request)}),
        );
        if response["status"].as_i64().unwrap_or(0) > 0 {
            let mut all = vec![format!("HTTP/1.1 {} {}", response["status"], text(response, "/statusText"))];
            all.extend(lines(response));
            event(3, 0, json!({"headers": all}));
        }
        event(0, 2, json!({}));
    }
    format!(
        "{{\"constants\":{},\n\"events\": [\n{}],\n\"polledData\":[]}}",
        json!({"logEventTypes": types,
        "logSourceType": {"URL_REQUEST": 1}, "logEventPhase": {"PHASE_BEGIN": 1, "PHASE_END": 2, "PHASE_NONE": 0},
        "logCaptureMode": "IncludeSensitive", "timeTickOffset": 0}),
        events.join(",\n")
    )
    .into()
}

fn curl(scenario: &str) -> Vec<u8> {
    let mut out = String::new();
    for entry in &entries(scenario) {
        let (scheme, authority, _) = split(text(entry, "/request/url"));
        let name = authority.split(':').next().unwrap();
        out += &format!("== Info: Connected to {name} (192.0.2.10) port 443 (#0)\n");
        if scheme == "https" {
            out += "== Info: SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384\n";
        }
        let Texts { origin, sent, response, received, .. } = texts(entry);
        let heads = response.split_inclusive("\r\n").map(|line| ("<= Recv header", line.to_owned()));
        let records = [("=> Send header", origin), ("=> Send data", sent)]
            .into_iter()
            .chain(heads)
            .chain([("<= Recv data", received)]);
        for (kind, content) in records.filter(|(_, content)| !content.is_empty()) {
            out += &format!("{kind}, {} bytes (0x{:x})\n", content.len(), content.len());
            for (row, bytes) in content.as_bytes().chunks(16).enumerate() {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
                let ascii: String =
                    bytes.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect();
                out += &format!("{:04x}: {hex:<48}{ascii}\n", row * 16);
            }
        }
    }
    out.into()
}

#[test]
fn fiddler() {
    check("saz", Tells::All, saz);
}

#[test]
fn mitmproxy() {
    check("mitmproxy", Tells::All, flows);
}

#[test]
fn charles_sessions() {
    check("charles-json", Tells::All, |scenario| serde_json::to_vec(&charles(scenario)).unwrap());
    check("charles-xml", Tells::All, charles_xml);
}

#[test]
fn selections() {
    check("burp", Tells::Part, burp);
    check("zap", Tells::Part, zap);
}

#[test]
fn chromium_netlog() {
    check("netlog", Tells::Less, netlog);
}

#[test]
fn curl_trace() {
    check("curl-trace", Tells::Less, curl);
}

/// A packet of a capture: time in nanoseconds, and bytes.
type Packet = (u64, Vec<u8>);

/// The packets of a scenario in clear text.
fn packets(scenario: &str) -> Vec<Packet> {
    let file = fs::read(scenarios().join(scenario).join("clear.pcap")).unwrap();
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    assert_eq!(word(20), 1, "Ethernet");
    let unit = if word(0) == 0xa1b2_c3d4 { 1000 } else { 1 };
    let (mut at, mut packets) = (24, Vec::new());
    while at + 16 <= file.len() {
        let length = word(at + 8) as usize;
        let time = u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4)) * unit;
        packets.push((time, file[at + 16..at + 16 + length].to_vec()));
        at += 16 + length;
    }
    packets
}

fn snoop(packets: &[Packet]) -> Vec<u8> {
    let mut out = b"snoop\0\0\0\0\0\0\x02\0\0\0\x04".to_vec();
    for (time, bytes) in packets {
        let (length, padded) = (bytes.len() as u32, bytes.len().next_multiple_of(4));
        let words =
            [length, length, 24 + padded as u32, 0, (time / 1_000_000_000) as u32, (time / 1000 % 1_000_000) as u32];
        out.extend(words.map(u32::to_be_bytes).concat());
        out.extend(bytes);
        out.resize(out.len() + padded - bytes.len(), 0);
    }
    out
}

/// FILETIME of a time in nanoseconds.
fn file_time(time: u64) -> u64 {
    time / 100 + 116_444_736_000_000_000
}

fn netmon(packets: &[Packet]) -> Vec<u8> {
    let (mut out, mut table) = (b"GMBU\x03\x02\x01\0".to_vec(), Vec::new());
    out.resize(128, 0);
    for (time, bytes) in packets {
        table.extend((out.len() as u32).to_le_bytes());
        out.extend([0; 8]);
        out.extend([bytes.len() as u32; 2].map(u32::to_le_bytes).concat());
        out.extend(bytes);
        out.extend([1, 0, 0, 0, 0, 0]);
        out.extend(file_time(*time).to_le_bytes());
        out.push(0);
    }
    let place = [out.len() as u32, table.len() as u32];
    out[24..32].copy_from_slice(&place.map(u32::to_le_bytes).concat());
    out.extend(table);
    out
}

fn etl(packets: &[Packet]) -> Vec<u8> {
    const SIZE: usize = 64 << 10;
    let buffer = |events: &[u8]| {
        let mut buffer = vec![0; 0x48];
        buffer[..4].copy_from_slice(&(SIZE as u32).to_le_bytes());
        buffer[0x30..0x34].copy_from_slice(&(0x48 + events.len() as u32).to_le_bytes());
        buffer.extend(events);
        buffer.resize(SIZE, 0xff);
        buffer
    };
    let mut first = vec![0; 0x20 + 0x118];
    first[2..4].copy_from_slice(&[2, 0xc0]);
    first[4..6].copy_from_slice(&(0x138_u16).to_le_bytes());
    first[0x20..0x24].copy_from_slice(&(SIZE as u32).to_le_bytes());
    first[0x20 + 44] = 8;
    first[0x20 + 0x110] = 2;
    let mut out = buffer(&first);
    out[0x36] = 4;
    let mut events = Vec::new();
    for (time, bytes) in packets {
        let mut event = vec![0; 0x50];
        event[..2].copy_from_slice(&((0x50 + 12 + bytes.len()) as u16).to_le_bytes());
        event[2..4].copy_from_slice(&[0x13, 0xc0]);
        event[0x10..0x18].copy_from_slice(&file_time(*time).to_le_bytes());
        event[0x18..0x28].copy_from_slice(b"\x6e\0\xd6\x2e\x29\x47\x09\x46\xb4\x23\x3e\xe7\xbc\xd6\x78\xef");
        event[0x28..0x2a].copy_from_slice(&1001_u16.to_le_bytes());
        event[0x30..0x38].copy_from_slice(&0xc000_0001_u64.to_le_bytes());
        event.extend([1, 2, bytes.len() as u32].map(u32::to_le_bytes).concat());
        event.extend(bytes);
        event.resize(event.len().next_multiple_of(8), 0xff);
        if events.len() + event.len() > SIZE - 0x48 {
            out.extend(buffer(&std::mem::take(&mut events)));
        }
        events.extend(event);
    }
    out.extend(buffer(&events));
    out
}

/// As `tcpdump -XX -tttt` prints them.
fn hexdump(packets: &[Packet]) -> Vec<u8> {
    let mut out = String::new();
    for (time, bytes) in packets {
        let (seconds, micros) = (time / 1_000_000_000, time / 1000 % 1_000_000);
        let (days, clock) = (seconds / 86_400, seconds % 86_400);
        // The civil date of days since 1970.
        let z = days + 719_468;
        let (era, day_of_era) = (z / 146_097, z % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, year) =
            if month < 10 { (month + 3, era * 400 + year_of_era) } else { (month - 9, era * 400 + year_of_era + 1) };
        out += &format!(
            "{year}-{month:02}-{day:02} {:02}:{:02}:{:02}.{micros:06} IP a > b: tcp\n",
            clock / 3600,
            clock / 60 % 60,
            clock % 60
        );
        for (row, bytes) in bytes.chunks(16).enumerate() {
            let hex: Vec<String> =
                bytes.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
            let ascii: String =
                bytes.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect();
            out += &format!("\t0x{:04x}:  {:<39}  {ascii}\n", row * 16, hex.join(" "));
        }
    }
    out.into()
}

#[test]
fn captures_of_other_programs() {
    for (name, write) in
        [("snoop", snoop as fn(&[Packet]) -> Vec<u8>), ("netmon", netmon), ("etl", etl), ("hexdump", hexdump)]
    {
        check(name, Tells::All, |scenario| write(&packets(scenario)));
    }
}

/// Recorded from real programs: see `fixtures/gen/formats.py`.
#[test]
fn recordings_of_real_programs() {
    let folder = scenarios().join("../formats");
    for (name, format) in [
        ("curl.trace", "curl-trace"),
        ("curl.trace-ascii", "curl-trace"),
        ("curl-v.txt", "http"),
        ("mitmproxy.flows", "mitmproxy"),
    ] {
        let path = folder.join(name);
        let listed = run(&["exchanges", "--format", "ndjson", path.to_str().unwrap()]).out;
        let read: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let wanted = fs::read_to_string(folder.join(format!("{name}.expected.json"))).unwrap();
        let wanted: Vec<Value> = serde_json::from_str(&wanted).unwrap();
        assert_eq!(read.len(), wanted.len(), "{name}");
        for (read, wanted) in read.iter().zip(&wanted) {
            assert_eq!((&read["method"], &read["status"]), (&wanted["method"], &wanted["status"]), "{name}");
            assert!(text(read, "/url").ends_with(text(wanted, "/target")), "{name}: {}", read["url"]);
        }
        let report = run(&["check", "--format", "json", path.to_str().unwrap()]).json();
        assert_eq!(report["inputs"][0]["format"], format);
        // The token that was sent is unsigned.
        assert_eq!(report["outcome"], "fail", "{name}: {}", report["reason"]);
    }
}

#[test]
fn members_of_an_archive_are_inputs_and_its_keys_open_them() {
    let folder = scenarios().join("handshake-complete");
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let inner = zip(&[("recording.har".to_owned(), read("recording.har"))]);
    let members = [
        ("traces/tls13.pcap".to_owned(), read("tls13.pcap")),
        ("keys.log".to_owned(), read("tls13.keys")),
        ("more.zip".to_owned(), inner),
        ("case.saz".to_owned(), saz("handshake-complete")),
        ("notes.txt".to_owned(), b"what happened".to_vec()),
        ("__MACOSX/._x".to_owned(), b"\0\x05\x16\x07".to_vec()),
    ];
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("case.zip");
    fs::write(&path, zip(&members)).unwrap();
    let path = path.to_str().unwrap();
    let report = run(&["check", "--format", "json", path]).json();
    let inputs: Vec<_> = report["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| (input["path"].as_str().unwrap().strip_prefix(path).unwrap(), input["format"].as_str().unwrap()))
        .collect();
    assert_eq!(inputs, [("!traces/tls13.pcap", "pcap"), ("!more.zip!recording.har", "har"), ("!case.saz", "saz")]);
    assert_eq!(
        (report["outcome"].as_str(), report["coverage"]["tls_decrypted"].as_u64() > Some(0)),
        (Some("pass"), true)
    );
    // So may what only its name says is macOS's own, and an archive too deep in others.
    let har = || ("a.har".to_owned(), read("recording.har"));
    let outcome = |members: &[(String, Vec<u8>)]| {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("members.zip");
        fs::write(&place, zip(members)).unwrap();
        run(&["check", "--format", "json", place.to_str().unwrap()]).json()["outcome"].as_str().unwrap().to_owned()
    };
    let basic = fs::read(scenarios().join("basic-sent/recording.har")).unwrap();
    assert_eq!(outcome(&[har()]), "pass");
    assert_eq!(outcome(&[har(), ("__MACOSX/._a".to_owned(), b"\0\x05\x16\x07\0".to_vec())]), "pass");
    assert_eq!(outcome(&[har(), ("__MACOSX/b.har".to_owned(), basic.clone())]), "fail");
    let deep = zip(&[("deeper.zip".to_owned(), zip(&[("b.har".to_owned(), basic)]))]);
    assert_eq!(outcome(&[har(), ("deep.zip".to_owned(), deep)]), "inconclusive");
    // Names of members are not the user's own, and are shown as other texts of a recording.
    let token = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJub2JvZHkifQ.c2lnbmF0dXJlLW9mLW5vYm9keQ";
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("names.zip");
    let named = |name: String| {
        [har(), (format!("{name}.har"), read("recording.har")), (format!("{name}.saz"), b"PK\x03\x04".to_vec())]
    };
    fs::write(&place, zip(&named(format!("page?access_token={token}")))).unwrap();
    for command in ["check", "exchanges", "tokens", "timeline", "doctor"] {
        let run = run(&[command, place.to_str().unwrap()]);
        assert!(!format!("{}{}", run.out, run.err).contains("eyJhdWQiOiJub2JvZHkifQ"), "{command}");
    }
    // A member that wants a password may hold anything.
    let mut locked = zip(&[members[0].clone(), ("a.har".to_owned(), read("recording.har"))]);
    let at = locked.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    locked[at + 8] |= 1;
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("locked.zip");
    fs::write(&place, locked).unwrap();
    let report = run(&["check", "--format", "json", place.to_str().unwrap()]).json();
    assert_eq!(report["outcome"], "inconclusive");
}
