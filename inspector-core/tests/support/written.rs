//! Recordings in the formats of other tools, written from a scenario's HAR or from its capture in clear text.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// The folder of the scenarios.
fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios")
}

pub(crate) fn entries(scenario: &str) -> Vec<Value> {
    let text = fs::read_to_string(scenarios().join(scenario).join("recording.har")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["log"]["entries"].as_array().unwrap().clone()
}

pub(crate) fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn headers(message: &Value) -> Vec<(String, String)> {
    let headers = message["headers"].as_array().unwrap().iter();
    headers.map(|one| (text(one, "/name").to_owned(), text(one, "/value").to_owned())).collect()
}

/// A message as HTTP/1 text, without its content; pseudo-header fields left out.
pub(crate) fn head(line: &str, message: &Value) -> String {
    let fields = headers(message).into_iter().filter(|(name, _)| !name.starts_with(':'));
    let fields: String = fields.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{line}\r\n{fields}\r\n")
}

/// Scheme, authority, and path with query.
pub(crate) fn split(url: &str) -> (&str, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap();
    let at = rest.find('/').unwrap_or(rest.len());
    (scheme, &rest[..at], if at == rest.len() { "/" } else { &rest[at..] })
}

/// An exchange of a HAR: the request with the whole URL or without, its content, the response and its content.
pub(crate) struct Texts {
    pub(crate) absolute: String,
    pub(crate) origin: String,
    pub(crate) sent: String,
    pub(crate) response: String,
    pub(crate) received: String,
}

pub(crate) fn texts(entry: &Value) -> Texts {
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

pub(crate) fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A zip with stored members.
pub(crate) fn zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
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

pub(crate) fn saz(scenario: &str) -> Vec<u8> {
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
pub(crate) fn net(value: &Value, kind: Option<char>) -> Vec<u8> {
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
pub(crate) fn seconds(time: &str) -> f64 {
    let stamp: Vec<f64> = time.split(['-', 'T', ':', 'Z', '+']).filter_map(|part| part.parse().ok()).collect();
    let [year, month, day, hour, minute, second, ..] = stamp[..] else { panic!("{time}") };
    let (y, m) = if month <= 2.0 { (year - 1.0, month + 9.0) } else { (year, month - 3.0) };
    let days =
        (365.25 * y).floor() - (y / 100.0).floor() + (y / 400.0).floor() + ((153.0 * m + 2.0) / 5.0).floor() + day;
    (days - 719_469.0) * 86_400.0 + hour * 3600.0 + minute * 60.0 + second
}

pub(crate) fn flows(scenario: &str) -> Vec<u8> {
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

pub(crate) fn charles(scenario: &str) -> Vec<Value> {
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

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

pub(crate) fn charles_xml(scenario: &str) -> Vec<u8> {
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

pub(crate) fn burp(scenario: &str) -> Vec<u8> {
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

pub(crate) fn zap(scenario: &str) -> Vec<u8> {
    let block = |(at, entry): (usize, &Value)| {
        let Texts { absolute, sent, response, received, .. } = texts(entry);
        format!("=== {at} ==========\n{absolute}{sent}\n{response}{received}\n")
    };
    entries(scenario).iter().enumerate().map(block).collect::<String>().into()
}

pub(crate) fn netlog(scenario: &str) -> Vec<u8> {
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

pub(crate) fn curl(scenario: &str) -> Vec<u8> {
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

/// A packet of a capture: time in nanoseconds, and bytes.
pub(crate) type Packet = (u64, Vec<u8>);

/// The packets of a scenario in clear text.
pub(crate) fn packets(scenario: &str) -> Vec<Packet> {
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

pub(crate) fn snoop(packets: &[Packet]) -> Vec<u8> {
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
pub(crate) fn file_time(time: u64) -> u64 {
    time / 100 + 116_444_736_000_000_000
}

pub(crate) fn netmon(packets: &[Packet]) -> Vec<u8> {
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

pub(crate) fn etl(packets: &[Packet]) -> Vec<u8> {
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
pub(crate) fn hexdump(packets: &[Packet]) -> Vec<u8> {
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

/// As Sniffer keeps them, in millionths of a second since midnight.
pub(crate) fn sniffer(packets: &[Packet]) -> Vec<u8> {
    let day = packets.first().map_or(0, |(time, _)| time / 86_400_000_000_000);
    // The date as DOS keeps it.
    let [year, month, date] = civil(day);
    let stamp = ((year - 1980) << 9 | month << 5 | date) as u16;
    let mut out = b"TRSNIFF data    \x1a".to_vec();
    out.extend([1, 0, 18, 0, 0, 0, 4, 0, 0, 0, 0, 0]);
    out.extend(stamp.to_le_bytes());
    out.extend([4, 1, 1, 5, 0, 0, 0, 0, 0, 0]);
    for (time, bytes) in packets {
        let ticks = time / 1000 - day * 86_400_000_000;
        out.extend([4, (14 + bytes.len()) as u16, 0].map(u16::to_le_bytes).concat());
        out.extend(&ticks.to_le_bytes()[..5]);
        out.push(0);
        out.extend([bytes.len() as u16, 0, bytes.len() as u16, 0].map(u16::to_le_bytes).concat());
        out.extend(bytes);
    }
    out.extend([3, 0, 0, 0, 0, 0]);
    out
}

/// Year, month and day of so many days since 1970.
pub(crate) fn civil(days: u64) -> [u64; 3] {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era;
    if month < 10 { [year, month + 3, day] } else { [year + 1, month - 9, day] }
}

/// Address and port.
type End = ([u8; 4], u16);

/// A TCP segment over IPv4 over Ethernet: its ends, and its payload.
fn segment(frame: &[u8]) -> Option<(End, End, &[u8])> {
    let ip = frame.get(14..).filter(|_| frame[12..14] == [8, 0])?;
    let length = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    let tcp = ip.get(usize::from(ip[0] & 15) * 4..length).filter(|_| ip[9] == 6)?;
    let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let payload = tcp.get(usize::from(tcp[12] >> 4) * 4..)?;
    Some(((ip[12..16].try_into().ok()?, port(0)), (ip[16..20].try_into().ok()?, port(2)), payload))
}

/// As Wireshark exports them from a capture: what each segment carried.
pub(crate) fn exported(packets: &[Packet]) -> Vec<u8> {
    let mut out = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 0x4_0000, 252].map(u32::to_le_bytes).concat();
    for (time, frame) in packets {
        let Some(((source, from), (destination, to), payload)) = segment(frame) else { continue };
        if payload.is_empty() {
            continue;
        }
        let tag =
            |kind: u16, value: &[u8]| [&kind.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat();
        let unit = [
            tag(12, b"http"),
            tag(20, &source),
            tag(21, &destination),
            tag(24, &2_u32.to_be_bytes()),
            tag(25, &u32::from(from).to_be_bytes()),
            tag(26, &u32::from(to).to_be_bytes()),
            tag(0, b""),
            payload.to_vec(),
        ]
        .concat();
        let length = unit.len() as u32;
        let words = [(time / 1_000_000_000) as u32, (time / 1000 % 1_000_000) as u32, length, length];
        out.extend(words.map(u32::to_le_bytes).concat());
        out.extend(unit);
    }
    out
}

/// As `tcpdump -A` prints them.
pub(crate) fn asciidump(packets: &[Packet]) -> Vec<u8> {
    let mut out = String::new();
    for (time, frame) in packets {
        let Some(((source, from), (destination, to), payload)) = segment(frame) else { continue };
        let clock = time / 1_000_000_000 % 86_400;
        let dotted = |address: [u8; 4]| address.map(|byte| byte.to_string()).join(".");
        out += &format!(
            "{:02}:{:02}:{:02}.{:06} IP {}.{from} > {}.{to}: Flags [P.], seq 1:2, ack 1, length {}\n",
            clock / 3600,
            clock / 60 % 60,
            clock % 60,
            time / 1000 % 1_000_000,
            dotted(source),
            dotted(destination),
            payload.len()
        );
        let shown = |byte: &u8| match byte {
            b' '..=b'~' | b'\n' | b'\r' | b'\t' => char::from(*byte),
            _ => '.',
        };
        out.extend(frame[14..].iter().map(shown).filter(|letter| *letter != '\r'));
        out.push('\n');
    }
    out.into()
}

/// A capture with the trailers of a load balancer: behind each packet, the secrets of a key log of TLS 1.2.
pub(crate) fn f5(capture: &[u8], log: &str) -> Vec<u8> {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let secrets: Vec<Vec<u8>> = log
        .lines()
        .filter_map(|line| line.strip_prefix("CLIENT_RANDOM ")?.split_once(' '))
        .map(|(random, master)| [hex(master), hex(random), vec![0; 32]].concat())
        .collect();
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    let (mut at, mut out, mut next) = (24, capture[..24].to_vec(), secrets.iter().cycle());
    while at + 16 <= capture.len() {
        let length = word(at + 8) as usize;
        let mut frame = capture[at + 16..at + 16 + length].to_vec();
        if let Some(data) = next.next() {
            let item = [[4_u16, 0, 8 + data.len() as u16, 0].map(u16::to_be_bytes).concat(), data.clone()].concat();
            frame.extend(0xf5de_b0f5_u32.to_be_bytes());
            frame.extend([8 + item.len() as u16, 1].map(u16::to_be_bytes).concat());
            frame.extend(item);
        }
        out.extend(&capture[at..at + 8]);
        out.extend([frame.len() as u32; 2].map(u32::to_le_bytes).concat());
        out.extend(frame);
        at += 16 + length;
    }
    out
}

/// An archive of files, as tar writes it.
pub(crate) fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in members {
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[156] = b'0';
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].fill(b' ');
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(block);
        out.extend(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}
