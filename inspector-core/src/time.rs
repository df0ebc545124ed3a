//! Moments of a recording.
//!
//! Everything is judged at the time of the capture, never at the time of the run: this crate reads no clock.
//! [`Timestamp`] counts nanoseconds since 1970-01-01T00:00:00Z in an `i64`, which covers 1677 to 2262.

use std::fmt;

/// A moment: nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    nanos: i64,
}

impl Timestamp {
    /// The last moment it can hold, in 2262; what lies beyond is cut to it.
    pub const MAX: Self = Self { nanos: i64::MAX };

    /// The first moment it can hold, in 1677; what lies before is cut to it.
    pub const MIN: Self = Self { nanos: i64::MIN };

    /// 1990-01-01T00:00:00Z. Nobody recorded HTTP before it: earlier times of a recording are counted from its beginning.
    const FIRST_CALENDAR: Self = Self::from_seconds(631_152_000);

    /// Whether a recording's time is no moment of the calendar, but counted from the recording's beginning.
    pub fn is_relative(self) -> bool {
        self < Self::FIRST_CALENDAR
    }

    /// Whether it stands for anything beyond the range.
    pub fn is_cut(self) -> bool {
        self == Self::MAX || self == Self::MIN
    }

    /// The moment `nanos` nanoseconds after 1970.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// The moment `seconds` after 1970; saturates at the ends of the range.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { nanos: seconds.saturating_mul(1_000_000_000) }
    }

    /// Nanoseconds since 1970.
    pub const fn nanos(self) -> i64 {
        self.nanos
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.nanos.div_euclid(1_000_000_000)
    }

    /// Parses RFC 3339, and what exporters write for it: a blank instead of `T`, a missing offset (read as UTC).
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let text = text.trim();
        let stamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let civil = text.parse::<jiff::civil::DateTime>().ok()?;
            Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        })?;
        i64::try_from(stamp.as_nanosecond()).ok().map(Self::from_nanos)
    }

    /// Parses the `Date` field's IMF-fixdate (RFC 9110 §5.6.7), for example `Thu, 01 Jan 2026 00:00:00 GMT`.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let stamp = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
        i64::try_from(stamp.as_nanosecond()).ok().map(Self::from_nanos)
    }
}

/// RFC 3339 in UTC with as many fractional digits as the moment has.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.nanos)) {
            Ok(stamp) => write!(f, "{stamp}"),
            Err(_) => write!(f, "{}ns", self.nanos),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_moments() {
        let new_year = Timestamp::from_seconds(1_767_225_600);
        assert_eq!(new_year.to_string(), "2026-01-01T00:00:00Z");
        for text in
            ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00.000+01:00", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00"]
        {
            assert_eq!(Timestamp::parse_rfc3339(text), Some(new_year), "{text}");
        }
        assert_eq!(Timestamp::parse_http_date("Thu, 01 Jan 2026 00:00:00 GMT"), Some(new_year));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
        assert_eq!(Timestamp::from_nanos(-1).seconds(), -1);
    }

    #[test]
    fn times_before_1990_are_counted_from_the_beginning() {
        for (text, relative) in [
            ("1970-01-01T00:00:05Z", true),
            ("1601-01-01T00:00:00Z", true),
            ("1989-12-31T23:59:59Z", true),
            ("1990-01-01T00:00:00Z", false),
            ("2026-01-01T00:00:00Z", false),
        ] {
            let time = Timestamp::parse_rfc3339(text).unwrap_or(Timestamp::MIN);
            assert_eq!(time.is_relative(), relative, "{text}");
        }
    }
}
