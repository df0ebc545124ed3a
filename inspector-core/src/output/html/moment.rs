//! Moments and durations as people read them, in UTC.

use crate::time::Timestamp;

/// `2026-11-23 12:00:54.012 UTC`, or seconds from the beginning where the recording has no calendar.
pub(super) fn full(time: Timestamp) -> String {
    if time.is_relative() {
        return format!("{}.{:03} s", time.seconds(), time.nanos().rem_euclid(1_000_000_000) / 1_000_000);
    }
    format!("{} {} UTC", day(time), clock(time))
}

/// `2026-11-23 12:00:54 to 12:00:56 UTC`.
pub(super) fn span(first: Timestamp, last: Timestamp) -> String {
    if first.is_relative() || last.is_relative() {
        return format!("{} long", duration(last.nanos().saturating_sub(first.nanos())));
    }
    match (day(first), day(last)) {
        (one, other) if one == other => match (second(first), second(last)) {
            (from, to) if from == to => format!("{one} {from} UTC"),
            (from, to) => format!("{one} {from} to {to} UTC"),
        },
        (one, other) => format!("{one} {} to {other} {} UTC", second(first), second(last)),
    }
}

/// `12:00:54.012`; without a fraction if there is none.
pub(super) fn clock(time: Timestamp) -> String {
    match time.nanos().rem_euclid(1_000_000_000) / 1_000_000 {
        0 => second(time),
        millis => format!("{}.{millis:03}", second(time)),
    }
}

fn day(time: Timestamp) -> String {
    time.to_string().chars().take_while(|c| *c != 'T').collect()
}

fn second(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('T').map_or_else(|| text.clone(), |(_, rest)| rest.chars().take(8).collect())
}

/// `40 µs`, `1.4 ms`, `12 s`, `5 min`, `8 h`, `3 d`.
pub(super) fn duration(nanos: i64) -> String {
    let micros = nanos.unsigned_abs() / 1000;
    let tenths = |value: u64, unit: u64| match (value / unit, value % unit * 10 / unit) {
        (whole @ 0..=9, tenth @ 1..) => format!("{whole}.{tenth}"),
        (whole, _) => whole.to_string(),
    };
    match micros {
        0..=999 => format!("{micros} \u{b5}s"),
        1000..=999_999 => format!("{} ms", tenths(micros, 1000)),
        1_000_000..=119_999_999 => format!("{} s", tenths(micros, 1_000_000)),
        120_000_000..=7_199_999_999 => format!("{} min", micros / 60_000_000),
        7_200_000_000..=172_799_999_999 => format!("{} h", tenths(micros, 3_600_000_000)),
        _ => format!("{} d", micros / 86_400_000_000),
    }
}

/// `+0.013 s`, `+12 min`: since the beginning of a story.
pub(super) fn since(begin: Timestamp, time: Timestamp) -> String {
    let nanos = time.nanos().saturating_sub(begin.nanos());
    let sign = if nanos < 0 { '\u{2212}' } else { '+' };
    match nanos.unsigned_abs() / 1_000_000 {
        millis @ 0..=119_999 => format!("{sign}{}.{:03} s", millis / 1000, millis % 1000),
        _ => format!("{sign}{}", duration(nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_by_people() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let (first, last) = (at("2026-11-23T12:00:54Z"), at("2026-11-23T12:00:56.0125Z"));
        assert_eq!(full(last), "2026-11-23 12:00:56.012 UTC");
        assert_eq!(span(first, last), "2026-11-23 12:00:54 to 12:00:56 UTC");
        assert_eq!(span(first, at("2026-11-24T01:00:00Z")), "2026-11-23 12:00:54 to 2026-11-24 01:00:00 UTC");
        assert_eq!(since(first, last), "+2.012 s");
        assert_eq!(since(last, first), "\u{2212}2.012 s");
        assert_eq!(full(Timestamp::from_nanos(1_500_000_000)), "1.500 s");
        for (nanos, text) in [
            (40_000, "40 \u{b5}s"),
            (1_400_000, "1.4 ms"),
            (12_000_000, "12 ms"),
            (3_200_000_000, "3.2 s"),
            (300_000_000_000, "5 min"),
            (28_800_000_000_000, "8 h"),
            (864_000_000_000_000, "10 d"),
        ] {
            assert_eq!(duration(nanos), text);
        }
    }
}
