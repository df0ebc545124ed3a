//! Moments and spans for people: UTC always, and what they mean at another moment.

use inspector_core::time::Timestamp;

/// `2026-01-01 00:01:00 UTC`; what lies beyond the range of moments is said to do so.
pub(crate) fn utc(moment: Timestamp) -> String {
    match moment {
        Timestamp::MAX => "beyond the year 2262".to_owned(),
        Timestamp::MIN => "before the year 1677".to_owned(),
        _ => format!("{} UTC", civil(moment)),
    }
}

/// `2026-01-01 00:01:00 to 08:01:00 UTC`; the date of the end only if it is another day.
pub(crate) fn range(from: Timestamp, to: Timestamp) -> String {
    if from.is_cut() || to.is_cut() {
        return format!("{} to {}", utc(from), utc(to));
    }
    let (begin, end) = (civil(from), civil(to));
    match (begin.split_once(' '), end.split_once(' ')) {
        (Some((day, _)), Some((same, time))) if day == same => format!("{begin} to {time} UTC"),
        _ => format!("{begin} to {end} UTC"),
    }
}

fn civil(moment: Timestamp) -> String {
    let text = Timestamp::from_seconds(moment.seconds()).to_string();
    text.trim_end_matches('Z').replacen('T', " ", 1)
}

/// `2 d 3 h`, `23 h 59 min`, `4 min 10 s`, `12 s`: the two largest units.
pub(crate) fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut shown = Vec::new();
    let mut rest = seconds;
    for (size, unit) in UNITS {
        let number = rest / size;
        rest %= size;
        if number > 0 {
            shown.push(format!("{number} {unit}"));
        } else if !shown.is_empty() {
            break;
        }
        if shown.len() == 2 {
            break;
        }
    }
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

/// Where `moment` lies as seen from `from`: `5 min before the call`, `at the call`, `8 h after the call`.
pub(crate) fn relative(moment: Timestamp, from: Timestamp, event: &str) -> String {
    let difference = moment.seconds().saturating_sub(from.seconds());
    match difference {
        0 => format!("at {event}"),
        1.. => format!("{} after {event}", span(difference.unsigned_abs())),
        _ => format!("{} before {event}", span(difference.unsigned_abs())),
    }
}

/// What a lifetime says at `at`: `7 h 59 min left at the call`, `expired 3 min before the call`. Nothing, where `at` counts
/// from the beginning of the recording.
pub(crate) fn lifetime(
    not_before: Option<Timestamp>,
    expires: Option<Timestamp>,
    at: Timestamp,
    event: &str,
) -> Option<String> {
    if at.is_relative() {
        return None;
    }
    if let Some(begin) = not_before.filter(|begin| *begin > at) {
        return Some(format!("not valid until {}", relative(begin, at, event)));
    }
    let end = expires.filter(|end| !end.is_cut())?;
    let left = end.seconds().saturating_sub(at.seconds());
    Some(if left > 0 {
        format!("{} left at {event}", span(left.unsigned_abs()))
    } else {
        format!("expired {}", relative(end, at, event))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (12, "12 s"),
            (250, "4 min 10 s"),
            (86_399, "23 h 59 min"),
            (86_401, "1 d"),
            (183_600, "2 d 3 h"),
            (3600, "1 h"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn lifetimes_are_told_as_seen_from_a_moment() {
        let at = Timestamp::from_seconds(1_767_225_600);
        let plus = |seconds: i64| Some(Timestamp::from_seconds(1_767_225_600 + seconds));
        let told = |begin, end| lifetime(begin, end, at, "the call");
        assert_eq!(told(plus(-60), plus(3600)).as_deref(), Some("1 h left at the call"));
        assert_eq!(told(plus(-60), plus(-30)).as_deref(), Some("expired 30 s before the call"));
        assert_eq!(told(plus(-60), plus(0)).as_deref(), Some("expired at the call"));
        assert_eq!(told(plus(90), plus(3600)).as_deref(), Some("not valid until 1 min 30 s after the call"));
        assert_eq!(told(plus(-60), None), None);
        assert_eq!(told(plus(-60), Some(Timestamp::MAX)), None);
        assert_eq!(lifetime(plus(-60), plus(60), Timestamp::from_seconds(5), "the call"), None);
        assert_eq!(range(at, Timestamp::MAX), "2026-01-01 00:00:00 UTC to beyond the year 2262");
        assert_eq!(utc(at), "2026-01-01 00:00:00 UTC");
        assert_eq!(range(at, plus(3600).unwrap()), "2026-01-01 00:00:00 to 01:00:00 UTC");
        assert_eq!(range(at, plus(90_000).unwrap()), "2026-01-01 00:00:00 to 2026-01-02 01:00:00 UTC");
    }
}
