//! A moment in UTC to the second, written as RFC 3339: `2026-11-21T07:34:21Z`.

#![forbid(unsafe_code)]

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

/// The text is no moment as keybearer writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAMoment;

/// The end of the year 9999, the last that four digits can write.
const LAST: u64 = 253_402_300_799;

const DAY: u64 = 86_400;

impl Moment {
    pub fn now() -> Moment {
        Moment::from(SystemTime::now())
    }

    pub const fn from_unix(seconds: u64) -> Moment {
        Moment(if seconds > LAST { LAST } else { seconds })
    }

    pub fn unix(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; nothing where it lies ahead.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Moment {
        Moment::from_unix(time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs())
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, time: Duration) -> Moment {
        Moment::from_unix(self.0.saturating_add(time.as_secs()))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, time: Duration) -> Moment {
        Moment(self.0.saturating_sub(time.as_secs()))
    }
}

/// By the days-to-date arithmetic of the proleptic Gregorian calendar.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0 / DAY);
        let second = self.0 % DAY;
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Moment, NotAMoment> {
        let number = |from: usize, to: usize| -> Result<u64, NotAMoment> {
            let digits = text.get(from..to).ok_or(NotAMoment)?;
            let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| only_digits).ok_or(NotAMoment)
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(NotAMoment);
        }
        let moment = Moment(days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second);
        // The 30th of February would be written as another day.
        if moment.to_string() == text { Ok(moment) } else { Err(NotAMoment) }
    }
}

/// Years that begin in March, so that the leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The other way, for a year from 1970 on.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates() {
        let shown = |seconds| Moment::from_unix(seconds).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(shown(951_868_799), "2000-02-29T23:59:59Z");
        assert_eq!(shown(1_795_246_461), "2026-11-21T07:34:21Z");
        assert_eq!(shown(u64::MAX), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn what_is_no_moment() {
        for bad in [
            "",
            "2026-11-21",
            "2026-11-21 07:34:21Z",
            "2026-11-21T07:34:21",
            "2026-02-30T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "+026-11-21T07:34:21Z",
            "2026-11-21T07:34:21Zz",
            "ééééééééééé",
        ] {
            assert_eq!(bad.parse::<Moment>(), Err(NotAMoment), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn is_read_back(seconds in 0..=LAST) {
            let moment = Moment::from_unix(seconds);
            prop_assert_eq!(moment.to_string().parse::<Moment>(), Ok(moment));
        }
    }
}
