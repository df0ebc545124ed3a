//! X.509 certificates (RFC 5280): what identifies a signing key, and how long it was meant to be used.
//!
//! ```text
//! Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
//! TBSCertificate ::= SEQUENCE { [0] version?, serialNumber, signature, issuer, validity, subject, publicKey, … }
//! ```
//!
//! A certificate here is a key with a name. Nothing checks who issued it: a key is trusted because the user gave it, as
//! the servers of this protocol trust the certificate they were configured with. No extension is read for that reason.

use std::fmt::Write as _;

use sha1::Digest as _;

use super::{
    der::{self, CONTEXT_0, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE, SET, UTC_TIME},
    public_key::{BadKey, PublicKey},
};
use crate::time::Timestamp;

/// Relative names shown of one distinguished name; more are not shown.
const MOST_NAMES: usize = 32;

/// What a certificate tells about its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Subject in the order of RFC 4514, most specific name first: `CN=sts.example`.
    pub subject: String,
    /// The subject's (most specific) common name.
    pub common_name: Option<String>,
    /// Issuer, as `subject` is written.
    pub issuer: String,
    /// Serial number in hexadecimal.
    pub serial: String,
    /// Start of its validity.
    pub not_before: Timestamp,
    /// End of its validity; `None` if it has none (year 9999, RFC 5280 §4.1.2.5) or one after 2262.
    pub not_after: Option<Timestamp>,
    pub(super) sha1: [u8; 20],
    pub(super) sha256: [u8; 32],
}

/// Where a moment lies in a certificate's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Before it.
    NotYetValid,
    /// In it.
    Valid,
    /// After it.
    Expired,
}

impl Certificate {
    /// Reads one certificate in DER, with its key.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, Result<PublicKey, BadKey>), BadKey> {
        let damaged = BadKey("it is no X.509 certificate, or a damaged one");
        Self::read(bytes).ok_or(damaged)
    }

    fn read(bytes: &[u8]) -> Option<(Self, Result<PublicKey, BadKey>)> {
        let mut certificate = der::only(bytes, SEQUENCE)?;
        let mut fields = certificate.enter(SEQUENCE)?;
        fields.skip_if(CONTEXT_0)?;
        let serial = hexadecimal(fields.expect(INTEGER)?);
        fields.expect(SEQUENCE)?;
        let (issuer, _) = name(fields.enter(SEQUENCE)?)?;
        let mut validity = fields.enter(SEQUENCE)?;
        let not_before = time(&mut validity)?;
        let not_after = time(&mut validity)?;
        let (subject, common_name) = name(fields.enter(SEQUENCE)?)?;
        let key = PublicKey::of_subject_public_key_info(fields.element()?.whole)?;
        let certificate = Self {
            subject,
            common_name,
            issuer,
            serial,
            not_before: not_before.unwrap_or(Timestamp::from_nanos(i64::MAX)),
            not_after,
            sha1: sha1::Sha1::digest(bytes).into(),
            sha256: sha2::Sha256::digest(bytes).into(),
        };
        Some((certificate, key))
    }

    /// SHA-1 of the certificate in upper-case hexadecimal, as Windows shows it.
    pub fn thumbprint(&self) -> String {
        hexadecimal(&self.sha1)
    }

    /// `x5t` (RFC 7515 §4.1.7): base64url of the SHA-1.
    pub fn x5t(&self) -> String {
        super::encode(&self.sha1)
    }

    /// `x5t#S256` (RFC 7515 §4.1.8): base64url of the SHA-256.
    pub fn x5t_s256(&self) -> String {
        super::encode(&self.sha256)
    }

    /// Whether the certificate was valid at `moment`.
    pub fn validity(&self, moment: Timestamp) -> Validity {
        if moment < self.not_before {
            return Validity::NotYetValid;
        }
        // The end is given in whole seconds and belongs to the validity.
        match self.not_after {
            Some(end) if moment.seconds() > end.seconds() => Validity::Expired,
            _ => Validity::Valid,
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

/// A moment; the inner `None` is one after 2262.
fn time(fields: &mut Reader<'_>) -> Option<Option<Timestamp>> {
    let element = fields.element()?;
    let digits = element.content.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).ok()?.parse::<i16>().ok());
    let mut next = || pairs.next().flatten();
    let year = match (element.tag, digits.len()) {
        // RFC 5280 §4.1.2.5.1: two digits from 50 on are 19xx. The seconds are sometimes left out.
        (UTC_TIME, 10 | 12) => next().map(|year| if year < 50 { 2000 + year } else { 1900 + year })?,
        (GENERALIZED_TIME, 14) => next()? * 100 + next()?,
        _ => return None,
    };
    let [month, day, hour, minute] = [next()?, next()?, next()?, next()?].map(|field| i8::try_from(field).ok());
    let second = next().map_or(Some(0), |second| i8::try_from(second).ok())?;
    let civil = jiff::civil::DateTime::new(year, month?, day?, hour?, minute?, second, 0).ok()?;
    let seconds = civil.to_zoned(jiff::tz::TimeZone::UTC).map_or(i64::MAX, |zoned| zoned.timestamp().as_second());
    let latest = i64::MAX / 1_000_000_000;
    Some((seconds <= latest).then(|| Timestamp::from_seconds(seconds)))
}

/// A distinguished name as text, and its most specific common name.
fn name(mut names: Reader<'_>) -> Option<(String, Option<String>)> {
    let mut relative = Vec::new();
    let mut common_name = None;
    while !names.is_empty() && relative.len() < MOST_NAMES {
        let mut set = names.enter(SET)?;
        let mut joined = String::new();
        while !set.is_empty() {
            let mut attribute = set.enter(SEQUENCE)?;
            let kind = attribute_type(attribute.expect(OBJECT_IDENTIFIER)?);
            let value = attribute.element()?;
            let text = string(value.tag, value.content);
            if !joined.is_empty() {
                joined.push('+');
            }
            joined.push_str(&kind);
            joined.push('=');
            escape(&text, &mut joined);
            if kind == "CN" {
                common_name = Some(text);
            }
        }
        relative.push(joined);
    }
    relative.reverse();
    Some((relative.join(", "), common_name))
}

/// The short name of an attribute type (RFC 4514 §3, and what Windows shows), else its numbers.
fn attribute_type(oid: &[u8]) -> String {
    let known = match oid {
        [0x55, 0x04, 3] => "CN",
        [0x55, 0x04, 5] => "SERIALNUMBER",
        [0x55, 0x04, 6] => "C",
        [0x55, 0x04, 7] => "L",
        [0x55, 0x04, 8] => "S",
        [0x55, 0x04, 9] => "STREET",
        [0x55, 0x04, 10] => "O",
        [0x55, 0x04, 11] => "OU",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01] => "E",
        _ => return format!("OID.{}", object_identifier(oid)),
    };
    known.to_owned()
}

/// The dotted numbers of an object identifier; numbers above `u64` are cut short.
fn object_identifier(oid: &[u8]) -> String {
    let mut numbers = Vec::new();
    let mut number = 0_u64;
    for &byte in oid {
        number = number.saturating_mul(128).saturating_add(u64::from(byte & 0x7f));
        if byte & 0x80 == 0 {
            if numbers.is_empty() {
                let first = (number / 40).min(2);
                numbers.push(first.to_string());
                number -= first * 40;
            }
            numbers.push(number.to_string());
            number = 0;
        }
    }
    numbers.join(".")
}

/// The text of a string type; damaged characters become U+FFFD.
fn string(tag: u8, content: &[u8]) -> String {
    match tag {
        // TeletexString: Latin-1 in practice.
        0x14 => content.iter().copied().map(char::from).collect(),
        // BMPString
        0x1e => {
            let units = content.as_chunks::<2>().0.iter().map(|&pair| u16::from_be_bytes(pair));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        // UniversalString
        0x1c => {
            let points = content.as_chunks::<4>().0.iter().map(|&four| u32::from_be_bytes(four));
            points.map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => String::from_utf8_lossy(content).into_owned(),
    }
}

/// Escapes an attribute's value (RFC 4514 §2.4).
fn escape(value: &str, to: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (index, character) in value.chars().enumerate() {
        let at_the_edge = (character == ' ' && (index == 0 || index == last)) || (character == '#' && index == 0);
        if at_the_edge || matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            to.push('\\');
        }
        to.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{public_key::KeyKind, vectors::*},
        *,
    };

    #[test]
    fn the_golden_certificate() {
        let (certificate, key) = Certificate::parse(&base64_of(GOLDEN_CERTIFICATE)).unwrap();
        assert_eq!(certificate.subject, "CN=sts.example");
        assert_eq!(certificate.common_name.as_deref(), Some("sts.example"));
        assert_eq!(certificate.issuer, "CN=sts.example");
        assert_eq!(certificate.serial, "01");
        assert_eq!(certificate.thumbprint(), "91F7CE89F32E994BA667376F8FEF5D25BC732B56");
        assert_eq!(certificate.x5t(), GOLDEN_X5T);
        assert_eq!(certificate.x5t_s256(), "tkkU9EzS9n_N-9BVijkTXES-F9Sl5_anDDav8pQwNeo");
        assert_eq!(certificate.not_before.to_string(), "2025-01-01T00:00:00Z");
        assert_eq!(certificate.not_after.unwrap().to_string(), "2035-01-01T00:00:00Z");
        assert_eq!(key.unwrap().kind, KeyKind::Rsa { bits: 2048 });
    }

    #[test]
    fn names_and_validity() {
        let (certificate, key) = Certificate::parse(&base64_of(EXPIRED_CERTIFICATE)).unwrap();
        assert_eq!(certificate.subject, r"CN=old.sts.example, OU=Signing \+ Keys, O=Contoso\, Ltd., C=DE");
        assert_eq!(certificate.common_name.as_deref(), Some("old.sts.example"));
        assert_eq!(key.unwrap().kind, KeyKind::Ed25519);
        for (moment, expected) in [
            ("2018-12-31T23:59:59Z", Validity::NotYetValid),
            ("2019-01-01T00:00:00Z", Validity::Valid),
            ("2020-01-01T00:00:00.5Z", Validity::Valid),
            ("2020-01-01T00:00:01Z", Validity::Expired),
        ] {
            assert_eq!(certificate.validity(Timestamp::parse_rfc3339(moment).unwrap()), expected, "{moment}");
        }
    }

    #[test]
    fn times() {
        let read = |tag: u8, text: &str| {
            let mut bytes = vec![tag, u8::try_from(text.len()).unwrap()];
            bytes.extend_from_slice(text.as_bytes());
            time(&mut Reader::new(&bytes)).map(|time| time.map(|time| time.to_string()))
        };
        for (tag, text, expected) in [
            (UTC_TIME, "491231235959Z", Some(Some("2049-12-31T23:59:59Z"))),
            (UTC_TIME, "500101000000Z", Some(Some("1950-01-01T00:00:00Z"))),
            (UTC_TIME, "2501010000Z", Some(Some("2025-01-01T00:00:00Z"))),
            (GENERALIZED_TIME, "20500101000000Z", Some(Some("2050-01-01T00:00:00Z"))),
            (GENERALIZED_TIME, "99991231235959Z", Some(None)),
            (GENERALIZED_TIME, "22630101000000Z", Some(None)),
            (GENERALIZED_TIME, "15000101000000Z", Some(Some("1677-09-21T00:12:43.145224192Z"))),
            (GENERALIZED_TIME, "20251301000000Z", None),
            (UTC_TIME, "250101000000", None),
            (UTC_TIME, "25010100000Z", None),
            (UTC_TIME, "25-101000000Z", None),
            (UTC_TIME, "20250101000000Z", None),
        ] {
            assert_eq!(read(tag, text), expected.map(|time| time.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn every_cut_of_a_certificate_is_refused() {
        let whole = base64_of(GOLDEN_CERTIFICATE);
        for length in 0..whole.len() {
            assert!(Certificate::parse(&whole[..length]).is_err(), "{length}");
        }
        assert!(Certificate::parse(&[whole.as_slice(), b"\0"].concat()).is_err());
    }

    #[test]
    fn object_identifiers_and_strings() {
        assert_eq!(attribute_type(&[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37]), "OID.1.3.6.1.4.1.311");
        assert_eq!(object_identifier(&[0x88, 0x37, 0x03]), "2.999.3");
        assert_eq!(string(0x1e, b"\0H\0\xe9"), "Hé");
        assert_eq!(string(0x14, b"H\xe9"), "Hé");
        assert_eq!(string(0x1c, b"\0\0\0H\0\x11\0\0"), "H\u{fffd}");
        assert_eq!(string(0x0c, b"H\xff"), "H\u{fffd}");
    }
}
