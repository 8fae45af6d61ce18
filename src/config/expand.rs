//! `${NAME}` in what a source is called by: one config for many sites of a kind, such as one for each
//! pull request.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::secrets::Name;

/// The keys of a source that may hold it.
pub(super) const KEYS: [&str; 2] = ["path", "secret"];

/// The text with each variable's value in its place. A value is one part of a path at most: who may set
/// a number may not point to another place with it.
pub(super) fn expand(
    text: &str,
    variables: &BTreeMap<OsString, OsString>,
) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            return Err("'${' without its '}'; write ${NAME}".to_owned());
        };
        let name: Name = name.parse().map_err(|_| {
            "'${' is followed by no variable's name; write ${NAME}: letters, digits and '_'"
                .to_owned()
        })?;
        expanded.push_str(before);
        expanded.push_str(value(&name, variables)?);
        rest = behind;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn value<'a>(name: &Name, variables: &'a BTreeMap<OsString, OsString>) -> Result<&'a str, String> {
    let given = variables.get(OsStr::new(name.as_str())).filter(|value| !value.is_empty());
    let Some(given) = given else {
        return Err(format!(
            "${{{name}}} is not set in keybearer's environment; set it, for systemd: Environment={name}=..."
        ));
    };
    let is_part = |text: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        text.bytes().all(plain) && !matches!(*text, "." | "..")
    };
    given.to_str().filter(is_part).ok_or_else(|| {
        format!("${{{name}}} holds more than letters, digits, '.', '_' and '-'; it may be no path of its own")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, String> {
        let given =
            [("PR", "123"), ("STAGE", "eu-1.b"), ("EMPTY", ""), ("UP", ".."), ("OTHER", "a/b")];
        let given = given.map(|(name, value)| (name.into(), value.into()));
        expand(text, &BTreeMap::from(given))
    }

    #[test]
    fn values_in_their_places() {
        assert_eq!(expanded("staging/pr-${PR}").as_deref(), Ok("staging/pr-123"));
        assert_eq!(expanded("${STAGE}/${PR}/x").as_deref(), Ok("eu-1.b/123/x"));
        // Anything else with a dollar is meant as it stands.
        assert_eq!(expanded("a$PR/$").as_deref(), Ok("a$PR/$"));
        assert_eq!(expanded("").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_refused() {
        for (text, why) in [
            ("a/${UNSET}", "${UNSET} is not set"),
            ("a/${EMPTY}", "${EMPTY} is not set"),
            ("a/${UP}/b", "${UP} holds more than"),
            ("a/${OTHER}", "${OTHER} holds more than"),
            ("a/${PR", "without its '}'"),
            ("a/${}", "no variable's name"),
            ("a/${A-B}", "no variable's name"),
            ("a/${PR:-1}", "no variable's name"),
        ] {
            let error = expanded(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("a/b"), "{error}");
        }
    }
}
