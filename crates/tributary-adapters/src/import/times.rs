//! Times without a zone, in files whose map names one.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use tributary_domain::time::Timestamp;

/// A fixed distance from UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Zone(Offset);

impl Zone {
    /// Reads `UTC`, `Z`, `+01:00` or `-0530`. Names of zones are not taken: their rules change under a file's feet, and
    /// one hour of every autumn has two meanings.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if matches!(text, "UTC" | "Z" | "utc") {
            return Some(Self(Offset::UTC));
        }
        let (sign, rest) = match text.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let digits: String = rest.chars().filter(|c| *c != ':').collect();
        let well_formed = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
        let number: i32 = well_formed.then(|| digits.parse().ok()).flatten()?;
        let (hours, minutes) = (number / 100, number % 100);
        if hours > 14 || minutes > 59 {
            return None;
        }
        Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().map(Self)
    }
}

/// The text with the zone applied where it has none; a text that is no time stays as it is and is refused later by name.
pub(super) fn with_zone(text: &str, zone: Zone) -> String {
    let trimmed = text.trim();
    if Timestamp::parse(trimmed).is_ok() || !trimmed.contains('-') {
        return text.to_owned();
    }
    let moment = trimmed.parse::<DateTime>().ok().and_then(|local| zone.0.to_timestamp(local).ok());
    moment.map_or_else(|| text.to_owned(), |moment| moment.to_string())
}
