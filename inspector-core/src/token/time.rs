//! `NumericDate` (RFC 7519 §2) and what Microsoft's issuers write for it.
//!
//! A plain JSON number of seconds is the rule. Strings and Windows FILETIME (100 ns since 1601, 18 digits) occur in
//! documents and traffic. A number of milliseconds is no form of its own: by the rule it counts seconds, so that it lies
//! tens of thousands of years ahead, and that is how receivers take it. Values are read from their text, because an `f64`
//! loses the low digits of a FILETIME.

use smallvec::SmallVec;

use crate::time::Timestamp;

/// Values from here on were probably meant as milliseconds: in seconds they lie after the year 5138.
const MILLISECONDS: i128 = 100_000_000_000;
/// Values from here on are FILETIME.
const FILETIME: i128 = 100_000_000_000_000_000;
/// From 1601 to 1970, in nanoseconds.
const EPOCH_1601: i128 = 11_644_473_600 * 1_000_000_000;

/// A time claim, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NumericDate {
    /// The moment; `None` if the text tells none. One outside 1677 to 2262 is cut to that range.
    pub(super) time: Option<Timestamp>,
    /// How it deviates from a plain number of seconds.
    pub(super) forms: SmallVec<[&'static str; 2]>,
}

/// Reads the JSON spelling of a claim that is no string: `1767225600`, `1.7e9`.
pub(super) fn numeric_date(json: &str) -> NumericDate {
    let mut date = NumericDate::default();
    match Decimal::parse(json.trim()) {
        Some(number) => read(&mut date, &number),
        None => date.forms.push("not a number"),
    }
    date
}

/// Reads a claim that is a string: `1767225600` or a date of RFC 3339.
pub(super) fn date_in_string(text: &str) -> NumericDate {
    let mut date = NumericDate::default();
    date.forms.push("string");
    match Decimal::parse(text.trim()) {
        Some(number) => read(&mut date, &number),
        None => {
            date.time = Timestamp::parse_rfc3339(text);
            date.forms.push("not a number");
        }
    }
    date
}

fn read(date: &mut NumericDate, number: &Decimal) {
    if number.is_fraction {
        date.forms.push("fraction");
    }
    let size = number.billionths / 1_000_000_000;
    let nanos = if size.abs() >= FILETIME {
        date.forms.push("FILETIME");
        // A billionth of 100 ns is a ten-millionth of a nanosecond.
        (number.billionths / 10_000_000).checked_sub(EPOCH_1601)
    } else {
        if size.abs() >= MILLISECONDS {
            date.forms.push("milliseconds");
        }
        Some(number.billionths)
    };
    let nanos = nanos.unwrap_or(if number.billionths < 0 { i128::MIN } else { i128::MAX });
    let cut = if nanos < 0 { Timestamp::MIN } else { Timestamp::MAX };
    date.time = Some(i64::try_from(nanos).map_or(cut, Timestamp::from_nanos));
    // Of milliseconds that goes without saying.
    let is_milliseconds = (MILLISECONDS..FILETIME).contains(&size.abs());
    if date.time.is_some_and(Timestamp::is_cut) && !is_milliseconds {
        date.forms.push("out of range");
    }
}

/// A decimal number, exact to a billionth. Larger ones saturate, which is out of every range anyway.
struct Decimal {
    billionths: i128,
    is_fraction: bool,
}

impl Decimal {
    /// Parses `[+-] digits [. digits] [e [+-] digits]`.
    fn parse(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
        let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || fraction.is_some_and(|f| !digits(f)) {
            return None;
        }
        let exponent = match exponent {
            Some(text) if digits(text.trim_start_matches(['+', '-'])) => {
                let value: i64 = text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX });
                value.clamp(-64, 64)
            }
            Some(_) => return None,
            None => 0,
        };
        // The digits of the number, and where its point stands among them once it counts billionths.
        let all = whole.bytes().chain(fraction.unwrap_or_default().bytes()).map(|b| i128::from(b.saturating_sub(b'0')));
        let point = i64::try_from(whole.len()).unwrap_or(i64::MAX).saturating_add(exponent).saturating_add(9);
        let point = usize::try_from(point).unwrap_or(0);
        let mut billionths = 0_i128;
        for digit in all.chain(std::iter::repeat(0)).take(point.min(4096)) {
            billionths = billionths.saturating_mul(10).saturating_add(digit);
        }
        Some(Self {
            billionths: if negative { -billionths } else { billionths },
            is_fraction: mantissa != whole || unsigned != mantissa,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_4_times_in_every_encoding() {
        const END: &str = "2262-04-11T23:47:16.854775807Z";
        const BEGIN: &str = "1677-09-21T00:12:43.145224192Z";
        let table: &[(&str, Option<&str>, &[&str])] = &[
            ("1767225600", Some("2026-01-01T00:00:00Z"), &[]),
            ("\"1767225600\"", Some("2026-01-01T00:00:00Z"), &["string"]),
            ("\" 01767225600 \"", Some("2026-01-01T00:00:00Z"), &["string"]),
            // By the letter a whole number of seconds: the year 57971.
            ("1767225600000", Some(END), &["milliseconds"]),
            ("\"1767225600123\"", Some(END), &["string", "milliseconds"]),
            ("1.7672256e12", Some(END), &["fraction", "milliseconds"]),
            ("-1767225600000", Some(BEGIN), &["milliseconds"]),
            // The sample of [MS-XOAUTH] §2.2; as f64 it would end in …656.
            ("129592882368666656", Some("2011-08-31T18:17:16.8666656Z"), &["FILETIME"]),
            ("\"129592882368666656\"", Some("2011-08-31T18:17:16.8666656Z"), &["string", "FILETIME"]),
            ("1767225600.5", Some("2026-01-01T00:00:00.5Z"), &["fraction"]),
            ("1767225600.123456789123", Some("2026-01-01T00:00:00.123456789Z"), &["fraction"]),
            ("1.7672256e9", Some("2026-01-01T00:00:00Z"), &["fraction"]),
            ("17672256000e-1", Some("2026-01-01T00:00:00Z"), &["fraction"]),
            ("0", Some("1970-01-01T00:00:00Z"), &[]),
            ("-1", Some("1969-12-31T23:59:59Z"), &[]),
            ("99999999999", Some(END), &["out of range"]),
            ("18446744073709551616000", Some(END), &["FILETIME", "out of range"]),
            ("1e999999999999999999999", Some(END), &["fraction", "FILETIME", "out of range"]),
            ("1e-999999999999999999999", Some("1970-01-01T00:00:00Z"), &["fraction"]),
            ("\"2026-01-01T00:00:00Z\"", Some("2026-01-01T00:00:00Z"), &["string", "not a number"]),
            ("\"soon\"", None, &["string", "not a number"]),
            ("\"\"", None, &["string", "not a number"]),
            ("null", None, &["not a number"]),
            ("[1]", None, &["not a number"]),
        ];
        for (json, time, forms) in table {
            let string = serde_json::from_str::<String>(json);
            let found = string.map_or_else(|_| numeric_date(json), |text| date_in_string(&text));
            assert_eq!(found.time.map(|t| t.to_string()).as_deref(), *time, "{json}");
            assert_eq!(found.forms.as_slice(), *forms, "{json}");
        }
    }

    proptest::proptest! {
        #[test]
        fn seconds_read_back(seconds in -9_000_000_000_i64..9_000_000_000) {
            proptest::prop_assert_eq!(numeric_date(&seconds.to_string()).time, Some(Timestamp::from_seconds(seconds)));
        }

        #[test]
        fn any_text_is_read(text in ".{0,40}") {
            let _ = (numeric_date(&text), date_in_string(&text));
        }
    }
}
