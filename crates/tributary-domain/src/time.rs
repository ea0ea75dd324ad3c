//! Moments and periods, in UTC.

use std::fmt;

use thiserror::Error;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Timestamp(pub i64);

/// A length of time in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Span(pub i64);

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimeError {
    /// Neither RFC 3339 nor Unix seconds or milliseconds.
    #[error("`{0}` is not a time; write RFC 3339 such as `2026-01-15T10:00:00Z`")]
    NotATime(String),
    /// Outside the years 2000 to 2100.
    #[error("`{0}` is outside the years 2000 to 2100")]
    OutOfRange(String),
    /// Not a period such as `2026-01`.
    #[error("`{0}` is not a period; write a month such as `2026-01`")]
    NotAPeriod(String),
    /// Not a length of time such as `30d`.
    #[error("`{0}` is not a length of time; write a number with s, m, h or d, such as `30d`")]
    NotASpan(String),
}

/// 2000-01-01 and 2100-01-01: what lies outside is a mistake of unit, not a moment of trade.
const EARLIEST: i64 = 946_684_800_000_000;
const LATEST: i64 = 4_102_444_800_000_000;

impl Timestamp {
    /// Reads RFC 3339 with any offset, or plain Unix seconds (10 digits) or milliseconds (13 digits).
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let trimmed = text.trim();
        let micros = if !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit()) {
            let number: i64 = trimmed.parse().map_err(|_| TimeError::NotATime(text.to_owned()))?;
            match trimmed.len() {
                9..=10 => number * 1_000_000,
                12..=13 => number * 1_000,
                15..=16 => number,
                _ => return Err(TimeError::NotATime(text.to_owned())),
            }
        } else {
            let moment: jiff::Timestamp =
                trimmed.parse().map_err(|_| TimeError::NotATime(text.to_owned()))?;
            moment.as_microsecond()
        };
        if (EARLIEST..LATEST).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(TimeError::OutOfRange(text.to_owned()))
        }
    }

    /// Whole milliseconds since 1970, as a UUIDv7 carries them.
    #[must_use]
    pub fn milliseconds(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// This moment moved by a span.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Time elapsed since an earlier moment; negative when `earlier` is in fact later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Start of the UTC hour that holds this moment.
    #[must_use]
    pub fn hour(self) -> Self {
        Self(self.0 - self.0.rem_euclid(Span::HOUR.0))
    }

    /// The calendar month (UTC) that holds this moment.
    #[must_use]
    pub fn period(self) -> Period {
        let moment = jiff::Timestamp::from_microsecond(self.0).unwrap_or_default();
        let date = moment.to_zoned(jiff::tz::TimeZone::UTC).date();
        Period { year: date.year(), month: date.month() }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => moment.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl Span {
    /// One second.
    pub const SECOND: Self = Self(1_000_000);
    /// Sixty seconds.
    pub const MINUTE: Self = Self(60_000_000);
    /// Sixty minutes.
    pub const HOUR: Self = Self(3_600_000_000);
    /// Twenty-four hours; never a calendar day.
    pub const DAY: Self = Self(86_400_000_000);

    /// That many times 24 hours.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self(days * Self::DAY.0)
    }

    /// Reads `90s`, `30m`, `12h` or `30d`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError::NotASpan(text.to_owned());
        let trimmed = text.trim();
        let unit = match trimmed.chars().last() {
            Some('s') => Self::SECOND,
            Some('m') => Self::MINUTE,
            Some('h') => Self::HOUR,
            Some('d') => Self::DAY,
            _ => return Err(error()),
        };
        let number = &trimmed[..trimmed.len() - 1];
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error());
        }
        let count: i64 = number.parse().map_err(|_| error())?;
        count.checked_mul(unit.0).filter(|span| *span <= Self::days(36_600).0).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(Self::DAY, "d"), (Self::HOUR, "h"), (Self::MINUTE, "m")] {
            if self.0 != 0 && self.0 % unit.0 == 0 {
                return write!(f, "{}{name}", self.0 / unit.0);
            }
        }
        write!(f, "{}s", self.0 / Self::SECOND.0)
    }
}

/// A calendar month in UTC: the unit of statements and reconciliation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Period {
    year: i16,
    month: i8,
}

impl Period {
    /// Reads `2026-01`.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let error = || TimeError::NotAPeriod(text.to_owned());
        let (year, month) = text.trim().split_once('-').ok_or_else(error)?;
        let digits = |part: &str, length| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(error());
        }
        let period =
            Self { year: year.parse().map_err(|_| error())?, month: month.parse().map_err(|_| error())? };
        if (2000..2100).contains(&period.year) && (1..=12).contains(&period.month) {
            Ok(period)
        } else {
            Err(error())
        }
    }

    /// First moment of the period.
    #[must_use]
    pub fn start(self) -> Timestamp {
        let first = jiff::civil::date(self.year, self.month, 1);
        Timestamp(
            first.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_microsecond()),
        )
    }

    /// First moment after the period.
    #[must_use]
    pub fn end(self) -> Timestamp {
        let next = if self.month == 12 {
            Self { year: self.year + 1, month: 1 }
        } else {
            Self { year: self.year, month: self.month + 1 }
        };
        next.start()
    }

    /// Whether the moment lies in the period.
    #[must_use]
    pub fn contains(self, moment: Timestamp) -> bool {
        self.start() <= moment && moment < self.end()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_in_every_accepted_notation() {
        for text in ["2026-01-15T10:00:00Z", "2026-01-15T11:00:00+01:00", "1768471200", "1768471200000"] {
            assert_eq!(Timestamp::parse(text).unwrap(), Timestamp(1_768_471_200_000_000), "{text}");
        }
        for text in ["", "yesterday", "2026-01-15", "12", "1969-01-01T00:00:00Z", "2026-13-01T00:00:00Z"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn periods_are_half_open_months() {
        let december = Period::parse("2025-12").unwrap();
        assert_eq!(december.end().to_string(), "2026-01-01T00:00:00Z");
        assert!(december.contains(Timestamp::parse("2025-12-31T23:59:59.999999Z").unwrap()));
        assert!(!december.contains(december.end()));
        assert_eq!(Timestamp::parse("2025-12-31T23:00:00Z").unwrap().period(), december);
        for text in ["2026-13", "2026-1", "26-01", "2026"] {
            assert!(Period::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_read_and_written() {
        for (text, span) in
            [("30d", Span::days(30)), ("12h", Span(12 * Span::HOUR.0)), ("90s", Span(90_000_000))]
        {
            assert_eq!(Span::parse(text).unwrap(), span);
            assert_eq!(span.to_string(), text);
        }
        for text in ["", "d", "30", "1.5h", "-3d", "99999999d"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }
}
