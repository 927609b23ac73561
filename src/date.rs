//! Calendar dates, for what HTTP and certificates say about time.

use std::time::Duration;

/// Reads a date in any of the three forms that must be understood (RFC 9110 §5.6.7), as the time
/// since 1970. `now` tells what a year of two digits means.
pub(crate) fn parse_http(text: &str, now: Duration) -> Option<Duration> {
    let parts = text.split([' ', ':', '-']).filter(|part| !part.is_empty());
    let parts: Vec<_> = parts.take(MOST_PARTS + 1).collect();
    let (day, month, year, [hour, minute, second]) = match parts[..] {
        // `Sun, 06 Nov 1994 08:49:37 GMT`, and of old `Sunday, 06-Nov-94 08:49:37 GMT`.
        [weekday, day, month, year, hour, minute, second, "GMT"] if weekday.ends_with(',') => {
            (day, month, year, [hour, minute, second])
        }
        // Of old, from C's asctime: `Sun Nov  6 08:49:37 1994`.
        [_, month, day, hour, minute, second, year] => (day, month, year, [hour, minute, second]),
        _ => return None,
    };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let (day, written) = (number(day)?, number(year)?);
    let time = [number(hour)?, number(minute)?, number(second)?];
    let year = if year.len() == 2 {
        // The last such year that is not more than 50 years ahead.
        let (this_year, _, _) = civil(now.as_secs() / 86_400);
        let latest = this_year + 50;
        latest - (latest - written) % 100
    } else {
        written
    };
    since_1970([year, month, day], time)
}

/// Reads `20311231235959Z`, the form of dates in certificates (RFC 5280 §4.1.2.5.2), as the time since
/// 1970.
pub(crate) fn parse_digits(text: &str) -> Option<Duration> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.len() == 14)?;
    let part = |at: usize, length: usize| number(digits.get(at..at + length)?);
    since_1970(
        [part(0, 4)?, part(4, 2)?, part(6, 2)?],
        [part(8, 2)?, part(10, 2)?, part(12, 2)?],
    )
}

/// `None` if there is no such day or time of day, or it was before 1970.
fn since_1970([year, month, day]: [u64; 3], [hour, minute, second]: [u64; 3]) -> Option<Duration> {
    let in_range = (1970..10_000).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !in_range {
        return None;
    }
    let seconds = days_before(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Duration::from_secs(seconds))
}

/// Digits only: `parse` alone would take a sign.
fn number(digits: &str) -> Option<u64> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// Shows a time since 1970 as `2026-11-22 10:49:29 UTC`.
pub(crate) fn show(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Days from 1970-01-01 to the given day of the Gregorian calendar.
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let month_days: u64 = (1..month).map(|month| days_in(year, month)).sum();
    days_before_year(year) + month_days + day - 1
}

/// The day of the Gregorian calendar that is `days` after 1970-01-01.
fn civil(mut days: u64) -> (u64, u64, u64) {
    // A year is never longer than 366 days, so this starts at or before the right one.
    let mut year = 1970 + days / 366;
    while days_before_year(year + 1) <= days {
        year += 1;
    }
    days -= days_before_year(year);
    let mut month = 1;
    while days >= days_in(year, month) {
        days -= days_in(year, month);
        month += 1;
    }
    (year, month, days + 1)
}

fn days_before_year(year: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
}

fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The parts of a date in the form that has most of them.
const MOST_PARTS: usize = 8;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        let now = Duration::from_secs(1_700_000_000);
        let read = |text| parse_http(text, now).map(|time| time.as_secs());
        for same in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(read(same), Some(784_111_777), "{same}");
        }
        assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(read("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        for bad in [
            "",
            "06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun Nov  6 1994",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_of_certificates_are_read() {
        let read = |text| parse_digits(text).map(show);
        assert_eq!(
            read("20311231235959Z").as_deref(),
            Some("2031-12-31 23:59:59 UTC")
        );
        for bad in [
            "",
            "20311231235959",
            "2031123123595Z",
            "20311331235959Z",
            "19691231235959Z",
            "2031123123595\u{e9}Z",
            "+0311231235959Z",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_fifty_years_ahead() {
        let year = |this_year, digits| {
            let now = Duration::from_secs(days_before(this_year, 7, 1) * 86_400);
            let text = format!("Monday, 01-Jan-{digits:02} 00:00:00 GMT");
            let time = parse_http(&text, now).unwrap();
            civil(time.as_secs() / 86_400).0
        };
        assert_eq!(year(2026, 26), 2026);
        assert_eq!(year(2026, 76), 2076);
        assert_eq!(year(2026, 77), 1977);
        assert_eq!(year(2099, 0), 2100);
        assert_eq!(year(1970, 99), 1999);
    }

    #[test]
    fn times_are_shown_as_dates() {
        assert_eq!(
            show(Duration::from_secs(784_111_777)),
            "1994-11-06 08:49:37 UTC"
        );
        assert_eq!(
            show(Duration::from_secs(951_782_399)),
            "2000-02-28 23:59:59 UTC"
        );
        assert_eq!(
            show(Duration::from_secs(4_107_542_400)),
            "2100-03-01 00:00:00 UTC"
        );
    }

    #[test]
    fn every_day_of_four_centuries_goes_there_and_back() {
        for days in 0..146_097 {
            let (year, month, day) = civil(days);
            assert_eq!(days_before(year, month, day), days);
        }
    }
}
