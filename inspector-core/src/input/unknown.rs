//! What an input that no format wants looks like, and what its owner can do about it.
//!
//! Whoever reads the message has recorded something and wants an answer: it names the thing and the next step.

/// How many bytes are worth waiting for.
pub(crate) const LOOKED_AT: usize = 512;

struct Known {
    magic: &'static [u8],
    message: &'static str,
}

const KNOWN: &[Known] = &[
    known(b"XCP\0", "a NetXRay/Sniffer capture. Convert it: editcap -F pcapng in.cap out.pcapng"),
    known(
        b"\xac\xed\0\x05",
        "a session of Charles in its binary form (.chls). Export it there: File > Export Session, as JSON session, or \
         charles convert in.chls out.har",
    ),
    known(b"btsnoop\0", "a Bluetooth capture (btsnoop), which carries no HTTP"),
    known(b"ElfFile\0", "a Windows event log (.evtx), which records no packets"),
    known(b"\xfd7zXZ\0", "xz-compressed. Unpack it first: xz -d"),
    known(b"BZh", "bzip2-compressed. Unpack it first: bzip2 -d"),
    known(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive. Unpack it first"),
    known(
        b"MSCF",
        "a cabinet archive. Unpack it first; of a netsh trace, take the .etl out and convert it with etl2pcapng",
    ),
    known(b"\x02\x21\x4c\x18", "LZ4 of the legacy frame format. Unpack it first: lz4 -d"),
    known(b"\x1f\x8b", "still compressed after two unpackings. Unpack it first"),
    known(b"\x28\xb5\x2f\xfd", "still compressed after two unpackings. Unpack it first"),
    known(b"\x04\x22\x4d\x18", "still compressed after two unpackings. Unpack it first"),
    known(b"\x30\x82", "a key or certificate (DER), not a recording. A private key is given with --keys"),
    known(b"MDMP", "a memory dump, which records no packets"),
    known(b"\x7fELF", "a program, not a recording"),
    known(b"MZ", "a program, not a recording"),
    known(b"%PDF", "a PDF document, not a recording"),
];

const fn known(magic: &'static [u8], message: &'static str) -> Known {
    Known { magic, message }
}

/// Names what `head` looks like. Quotes no text of the input, which may be a secret.
pub(crate) fn describe(head: &[u8]) -> String {
    let what = KNOWN
        .iter()
        .find(|known| head.starts_with(known.magic))
        .map(|known| known.message)
        .or_else(|| zip(head))
        .or_else(|| event_trace(head))
        .or_else(|| mitmproxy(head))
        .or_else(|| netscaler(head))
        .or_else(|| text(head));
    match what {
        Some(what) => format!("unknown format: this looks like {what}"),
        None if looks_like_erf(head) => {
            "unknown format: this may be an ERF capture (Endace). Convert it: editcap -F pcapng in.erf out.pcapng"
                .into()
        }
        None => {
            let bytes: Vec<_> = head.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
            format!(
                "unknown format: it begins with the bytes {}; wanted is a capture of packets, a HAR file or an export of a proxy",
                bytes.join(" ")
            )
        }
    }
}

fn zip(head: &[u8]) -> Option<&'static str> {
    if !head.starts_with(b"PK\x03\x04") && !head.starts_with(b"PK\x05\x06") {
        return None;
    }
    Some(
        "a zip archive, of which a part is missing or which holds no recording. Give the archive as a file, or unpack it",
    )
}

/// An event trace log begins with a buffer header of 72 bytes (its first word is the buffer's size), then the first event's
/// system header: version, kind (1 or 2), and 0xc0.
fn event_trace(head: &[u8]) -> Option<&'static str> {
    let size = u32::from_le_bytes(*head.first_chunk()?);
    let (kind, marker) = (*head.get(74)?, *head.get(75)?);
    let is_trace = (1024..=1 << 20).contains(&size) && size % 1024 == 0 && matches!(kind, 1 | 2) && marker == 0xc0;
    is_trace.then_some(
        "a Windows event trace (.etl). Convert it: pktmon etl2pcap in.etl --out out.pcapng, \
         or etl2pcapng in.etl out.pcapng for a netsh trace",
    )
}

/// `length:length:version;…`: a serialised dictionary.
fn mitmproxy(head: &[u8]) -> Option<&'static str> {
    let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = head.get(digits..)?.strip_prefix(b":")?;
    let inner = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_flow = (1..=12).contains(&digits) && (1..=12).contains(&inner) && rest.get(inner) == Some(&b':');
    is_flow.then_some("mitmproxy flows. Export them as HAR: mitmdump -nr in.flows --set hardump=out.har")
}

/// A trace of a NetScaler names itself in its first record.
fn netscaler(head: &[u8]) -> Option<&'static str> {
    let has = |text: &[u8]| memchr::memmem::find(head, text).is_some();
    (has(b"NetScaler Performance Data") || has(b"Netscaler V") || has(b"NetScaler V2")).then_some(
        "a trace of a NetScaler (nstrace). Record it as a capture (nstrace -format pcap), or open it in Wireshark and save \
         it as pcapng",
    )
}

fn text(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) || is_utf16(head) {
        return Some("text in UTF-16. Save it as UTF-8 (a HAR file always is): iconv -f UTF-16 -t UTF-8");
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if head.starts_with(b"-----BEGIN ") {
        return Some("a PEM key or certificate, not a recording. Give it with --keys");
    }
    const KEY_LOG: [&[u8]; 6] =
        [b"CLIENT_RANDOM ", b"CLIENT_", b"SERVER_", b"RSA ", b"# SSL/TLS secrets log", b"EXPORTER_SECRET "];
    if KEY_LOG.iter().any(|start| head.starts_with(start)) {
        return Some("a TLS key log, not a recording. Give it with --keys, beside the capture it belongs to");
    }
    let printable = head.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace() || *byte >= 0x80);
    if !printable || head.is_empty() || head.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count() > 1 {
        return None;
    }
    let has = |text: &[u8]| memchr::memmem::find(head, text).is_some();
    Some(match head.first() {
        Some(b'{') if has(b"_postman_id") || has(b"schema.getpostman.com") => {
            "a collection of Postman: requests that somebody wrote, not what was sent. Record what is sent"
        }
        Some(b'S') if head.starts_with(b"SET DATABASE") || head.starts_with(b"SET FILES") => {
            "a session of ZAP. Export it there: Report > Export Messages to File, or as HAR"
        }
        Some(b'{' | b'[') => "JSON, but not a HAR file: that is an object with the member log.entries",
        Some(b'<') => "HTML or XML, not a recording",
        _ => "plain text, and not a transcript of HTTP messages. Wanted is a pcap, pcapng or HAR file",
    })
}

/// Without a byte order mark: every other of the first bytes is zero, the others are ASCII.
fn is_utf16(head: &[u8]) -> bool {
    let pairs = head.get(..16).unwrap_or_default().chunks_exact(2);
    let is = |text: usize, zero: usize| {
        pairs.len() == 8
            && pairs.clone().all(|pair| {
                pair.get(zero) == Some(&0)
                    && pair.get(text).is_some_and(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
            })
    };
    is(0, 1) || is(1, 0)
}

/// ERF has no magic number: a record is a little-endian time, a type below 32, flags, and two lengths. All records in sight
/// must be sound.
fn looks_like_erf(head: &[u8]) -> bool {
    let mut rest = head;
    while let Some(record) = rest.first_chunk::<16>() {
        let [_, _, _, _, a, b, c, d, kind, _, high, low, ..] = *record;
        let length = usize::from(u16::from_be_bytes([high, low]));
        // Since 1995.
        if u32::from_le_bytes([a, b, c, d]) < 788_918_400 || !(1..32).contains(&(kind & 0x7f)) || length < 16 {
            return false;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    head.len() >= 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_it_sees_and_what_to_do() {
        let mut trace = vec![0; 128];
        trace[..4].copy_from_slice(&0x1_0000_u32.to_le_bytes());
        trace[74..76].copy_from_slice(&[2, 0xc0]);
        let utf16: Vec<u8> = "{\"log\":{}}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut erf = vec![0, 0, 0, 0, 0, 0, 0, 0x60, 2, 4, 0, 0x60, 0, 0, 0, 0x50];
        erf.resize(100, 7);
        let table: &[(&[u8], &str)] = &[
            (b"PK\x03\x04\x14\0\0\0\0\0 a.pcap", "zip archive"),
            (&trace, "pktmon etl2pcap"),
            (&utf16, "UTF-16"),
            (b"\xff\xfe{\0", "UTF-16"),
            (&erf, "ERF"),
            (b"2134:7:version;1:9#", "mitmproxy"),
            (b"\xac\xed\0\x05sr", "Charles"),
            (b"\0\0NetScaler V20 Performance Data", "nstrace"),
            (b"{\"info\": {\"_postman_id\": \"1\"}}", "Postman"),
            (b"SET DATABASE UNIQUE NAME X", "ZAP"),
            (b"-----BEGIN PRIVATE KEY-----\n", "PEM"),
            (b"CLIENT_RANDOM 00 11", "--keys"),
            (b"# SSL/TLS secrets log file", "key log"),
            (b"{\"a\": 1}", "JSON"),
            (b"<html>", "HTML"),
            ("Gr\u{fc}\u{df}e".as_bytes(), "plain text"),
            (b"\0\x01\x02\x03\x04", "00 01 02 03"),
            (b"\x1f\x8b\x08", "two unpackings"),
        ];
        for (bytes, wanted) in table {
            let message = describe(bytes);
            assert!(message.contains(wanted), "{message}");
        }
    }

    #[test]
    fn quotes_no_secret() {
        for secret in ["eyJhbGciOiJub25lIn0.e30.", "Authorization Basic dXNlcjpwYXNz"] {
            assert!(!describe(secret.as_bytes()).contains(secret.get(..4).unwrap()));
        }
    }
}
