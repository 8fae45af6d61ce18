//! The forms that the command line, the variables and the config file share. An error says what
//! was expected and never what was given, so that no misplaced secret shows.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::log;

use super::{AccountSpec, SchemaChoice};

type Form<T> = Result<T, &'static str>;

/// An instance's name: it becomes a directory below /run and part of a file name.
pub fn instance_name(text: &str) -> Form<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
    if text.is_empty() || text.len() > 64 || text.starts_with('.') || !text.chars().all(good) {
        return Err("expected a name of at most 64 of A-Z a-z 0-9 _ . @ -, with no dot first");
    }
    Ok(text.to_owned())
}

/// `USER` or `USER:GROUP`.
pub fn account(text: &str) -> Form<AccountSpec> {
    let form = "expected USER or USER:GROUP";
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let group = group.map(account_name).transpose().map_err(|_| form)?;
    Ok(AccountSpec { user: account_name(user).map_err(|_| form)?, group })
}

/// A user or a group alone.
pub(super) fn account_name(text: &str) -> Form<String> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == ':' || c == '/';
    if text.is_empty() || text.chars().any(bad) {
        return Err("expected one user's or group's name");
    }
    Ok(text.to_owned())
}

/// A path on the command line: relative to the working directory, made absolute at once.
pub fn path(text: &OsStr) -> Form<PathBuf> {
    if text.is_empty() || text.as_encoded_bytes().contains(&0) {
        return Err("expected a path");
    }
    std::path::absolute(text).map_err(|_| "the working directory is gone; give an absolute path")
}

/// A path in the config file. What it would be relative to, two readers would guess differently.
pub(super) fn absolute_path(text: &str) -> Form<PathBuf> {
    if !Path::new(text).is_absolute() || text.contains('\0') {
        return Err("expected an absolute path, such as \"/etc/example/example.env\"");
    }
    Ok(PathBuf::from(text))
}

/// `django`, the built-in one, or a file. A file of that name is `./django`.
pub fn schema(text: &OsStr) -> Form<SchemaChoice> {
    if text == "django" { Ok(SchemaChoice::Django) } else { path(text).map(SchemaChoice::File) }
}

/// The path of the readiness probe, as it stands in the request line.
pub fn ready_path(text: &str) -> Form<String> {
    if !text.starts_with('/') || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("expected a path such as /healthz, in ASCII and without white space");
    }
    Ok(text.to_owned())
}

pub fn log_format(text: &str) -> Form<log::Format> {
    match text {
        "text" => Ok(log::Format::Text),
        "json" => Ok(log::Format::Json),
        _ => Err("expected text or json"),
    }
}

/// Durations end here: adding one to a clock must never overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// `500ms`, `60s`, `5m`, `12h`, `14d`, `2w`.
pub(super) fn duration(text: &str) -> Form<Duration> {
    let form = "expected a duration such as \"500ms\", \"60s\", \"5m\", \"12h\", \"14d\" or \"2w\"";
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or(form)?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| form)?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        "w" => 7 * 24 * 3600 * 1000,
        _ => return Err(form),
    };
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= LONGEST)
        .ok_or("expected a duration of at most a hundred years")
}

/// A duration in which something must happen.
pub(super) fn time_limit(text: &str) -> Form<Duration> {
    match duration(text)? {
        Duration::ZERO => Err("expected a duration longer than nothing"),
        limit => Ok(limit),
    }
}

/// A mode or a umask: octal digits in quotes, because TOML's own numbers are decimal.
pub(super) fn octal(text: &str) -> Form<u32> {
    let form = "expected an octal mode such as \"0022\"";
    if !(3..=4).contains(&text.len()) || !text.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
        return Err(form);
    }
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777).ok_or(form)
}

/// A header's name: RFC 9110's token.
pub(super) fn header_name(text: &str) -> Form<String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) {
        return Err("expected a header's name, such as Host");
    }
    Ok(text.to_owned())
}

/// A header's value: one line.
pub(super) fn header_value(text: &str) -> Form<String> {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err("expected a header's value without line ends and control characters");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("60s", 60_000),
            ("5m", 300_000),
            ("12h", 43_200_000),
            ("14d", 1_209_600_000),
            ("2w", 1_209_600_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "60", "s", "1.5s", "-1s", "1 s", "1h30m", "60S", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration("5219w").is_err() && duration("18446744073709551615d").is_err());
        assert!(time_limit("0ms").is_err() && time_limit("1ms").is_ok());
    }

    proptest::proptest! {
        /// Every number with every unit is what arithmetic without an end says, or too long.
        #[test]
        fn no_duration_wraps(number: u64, unit in 0usize..6) {
            let (unit, factor) = [
                ("ms", 1u128),
                ("s", 1_000),
                ("m", 60_000),
                ("h", 3_600_000),
                ("d", 86_400_000),
                ("w", 604_800_000),
            ][unit];
            let exact = u128::from(number) * factor;
            match duration(&format!("{number}{unit}")) {
                Ok(read) => proptest::prop_assert_eq!(read.as_millis(), exact),
                Err(_) => proptest::prop_assert!(exact > LONGEST.as_millis()),
            }
        }
    }

    #[test]
    fn names_of_instances() {
        for good in ["keybearer", "example.com", "site@2", "a_b-c"] {
            assert!(instance_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "a b", "ä", &"a".repeat(65)] {
            assert!(instance_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn accounts() {
        let group = account("example:www-data").unwrap();
        assert_eq!((group.user.as_str(), group.group.as_deref()), ("example", Some("www-data")));
        assert_eq!(account("1000").unwrap().group, None);
        for bad in ["", ":", "a:", ":b", "a:b:c", "a b", "a/b"] {
            assert!(account(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn modes() {
        assert_eq!((octal("0022"), octal("077"), octal("0660")), (Ok(0o22), Ok(0o77), Ok(0o660)));
        for bad in ["", "22", "0o22", "0888", "1777", "00022"] {
            assert!(octal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_goes_into_a_request_cannot_split_it() {
        assert!(ready_path("/healthz?full=1").is_ok());
        for bad in ["", "healthz", "/a b", "/a\r\nHost: x", "/ä"] {
            assert!(ready_path(bad).is_err(), "{bad}");
        }
        assert!(header_name("X-Forwarded-Proto").is_ok() && header_value("example.com").is_ok());
        assert!(header_name("X Y").is_err() && header_name("").is_err());
        assert!(header_value("a\r\nb").is_err());
    }
}
