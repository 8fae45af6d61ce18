//! The `KEYBEARER_*` variables: the shared options once more, for images.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::{Error, Overrides, SourceOption, closest, forms, store_forms};

/// Option and variable, in the order of the help.
pub const SHARED: &[(&str, &str)] = &[
    ("config", "KEYBEARER_CONFIG"),
    ("name", "KEYBEARER_NAME"),
    ("env-file", "KEYBEARER_ENV_FILE"),
    ("aws-secret", "KEYBEARER_AWS_SECRET"),
    ("vault", "KEYBEARER_VAULT"),
    ("schema", "KEYBEARER_SCHEMA"),
    ("user", "KEYBEARER_USER"),
    ("listen", "KEYBEARER_LISTEN"),
    ("ready-path", "KEYBEARER_READY_PATH"),
    ("log-format", "KEYBEARER_LOG_FORMAT"),
    ("verbose", "KEYBEARER_VERBOSE"),
    ("quiet", "KEYBEARER_QUIET"),
];

const PREFIX: &str = "KEYBEARER_";

/// What the variables say, and one line for each that nobody reads. A list is split on white
/// space; an empty variable is none, because an image often cannot take one away.
pub fn read(environment: &BTreeMap<OsString, OsString>) -> Result<(Overrides, Vec<String>), Error> {
    let mut given = Overrides::default();
    let mut sources: [Vec<SourceOption>; 3] = Default::default();
    for (variable, value) in SHARED.iter().filter_map(|(_, variable)| {
        let value = environment.get(OsStr::new(variable))?;
        (!value.is_empty()).then_some((*variable, value.as_os_str()))
    }) {
        let one = Given { variable, value };
        match variable {
            "KEYBEARER_CONFIG" => given.config = Some(one.path(value)?),
            "KEYBEARER_NAME" => given.name = Some(one.text(forms::instance_name)?),
            "KEYBEARER_ENV_FILE" => {
                for word in one.words() {
                    sources[0].push(SourceOption::EnvFile(one.path(word)?));
                }
            }
            "KEYBEARER_AWS_SECRET" => {
                sources[1] =
                    one.each(|id| store_forms::aws_secret(id).map(SourceOption::AwsSecret))?
            }
            "KEYBEARER_VAULT" => {
                sources[2] = one.each(|text| {
                    let (mount, path) = store_forms::vault_secret(text)?;
                    Ok(SourceOption::Vault { mount, path })
                })?
            }
            "KEYBEARER_SCHEMA" => given.schema = Some(one.checked(forms::schema(value))?),
            "KEYBEARER_USER" => given.user = Some(one.text(forms::account)?),
            "KEYBEARER_LISTEN" => given.listen = one.each(str::parse)?,
            "KEYBEARER_READY_PATH" => given.ready_path = Some(one.text(forms::ready_path)?),
            "KEYBEARER_LOG_FORMAT" => given.log_format = Some(one.text(forms::log_format)?),
            "KEYBEARER_VERBOSE" => given.verbose = one.text(loudness)?,
            "KEYBEARER_QUIET" => given.quiet = one.text(truth)?,
            // A test goes through the whole list.
            unread => debug_assert!(false, "{unread} is listed and not read"),
        }
    }
    if given.verbose > 0 && given.quiet {
        let message = "contradicts KEYBEARER_VERBOSE; leave one of them out";
        return Err(Error::Variable { variable: "KEYBEARER_QUIET", message });
    }
    given.sources = sources.into_iter().flatten().collect();
    Ok((given, unknown(environment)))
}

struct Given<'a> {
    variable: &'static str,
    value: &'a OsStr,
}

impl<'a> Given<'a> {
    fn checked<T>(&self, result: Result<T, &'static str>) -> Result<T, Error> {
        result.map_err(|message| Error::Variable { variable: self.variable, message })
    }

    fn path(&self, word: &OsStr) -> Result<std::path::PathBuf, Error> {
        self.checked(forms::path(word))
    }

    fn text<T>(&self, parse: impl Fn(&str) -> Result<T, &'static str>) -> Result<T, Error> {
        self.checked(utf8(self.value).and_then(parse))
    }

    fn words(&self) -> impl Iterator<Item = &'a OsStr> {
        let bytes = self.value.as_bytes();
        bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(OsStr::from_bytes)
    }

    fn each<T>(&self, parse: impl Fn(&str) -> Result<T, &'static str>) -> Result<Vec<T>, Error> {
        self.words().map(|word| self.checked(utf8(word).and_then(&parse))).collect()
    }
}

fn utf8(text: &OsStr) -> Result<&str, &'static str> {
    text.to_str().ok_or("expected UTF-8")
}

fn loudness(text: &str) -> Result<u8, &'static str> {
    text.parse().ok().filter(|level| *level <= 3).ok_or("expected a number from 0 to 3")
}

fn truth(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("expected true or false"),
    }
}

/// KEYBEARER_ROTATION belongs to the document that the key is in.
fn unknown(environment: &BTreeMap<OsString, OsString>) -> Vec<String> {
    // Compared without what they all share: that would make any two of them alike.
    let known = || SHARED.iter().filter_map(|(_, variable)| variable.strip_prefix(PREFIX));
    environment
        .keys()
        .map(|name| name.to_string_lossy())
        .filter_map(|name| name.strip_prefix(PREFIX).map(str::to_owned))
        .filter(|name| name != "ROTATION" && !known().any(|word| word == name))
        .map(|name| {
            let meant = match closest(&name, known()) {
                Some(word) => format!("; did you mean '{PREFIX}{word}'?"),
                None => String::new(),
            };
            format!("unknown variable '{PREFIX}{}'{meant}", name.escape_debug())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn environment(variables: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn every_shared_variable_is_read() {
        for (_, variable) in SHARED {
            let value = match *variable {
                "KEYBEARER_LISTEN" => "127.0.0.1:8000",
                "KEYBEARER_READY_PATH" => "/healthz",
                "KEYBEARER_VAULT" => "secret/example",
                "KEYBEARER_LOG_FORMAT" => "json",
                "KEYBEARER_VERBOSE" | "KEYBEARER_QUIET" => "1",
                _ => "django",
            };
            let (given, warnings) = read(&environment(&[(variable, value)])).unwrap();
            assert_ne!(given, Overrides::default(), "{variable}");
            assert!(warnings.is_empty(), "{variable}");
            let (given, _) = read(&environment(&[(variable, "")])).unwrap();
            assert_eq!(given, Overrides::default(), "{variable}");
        }
    }

    #[test]
    fn lists_are_split_on_white_space() {
        let (given, _) = read(&environment(&[
            ("KEYBEARER_ENV_FILE", " /a.env\n/b.env "),
            ("KEYBEARER_VAULT", "secret/a"),
            ("KEYBEARER_LISTEN", "127.0.0.1:1\tunix:/a"),
        ]))
        .unwrap();
        assert_eq!(
            given.sources,
            [
                SourceOption::EnvFile("/a.env".into()),
                SourceOption::EnvFile("/b.env".into()),
                SourceOption::Vault { mount: "secret".to_owned(), path: "a".to_owned() },
            ]
        );
        assert_eq!(given.listen.len(), 2);
    }

    #[test]
    fn a_bad_value_names_the_variable_and_not_the_value() {
        for (variable, value, line) in [
            ("KEYBEARER_QUIET", "canary", "KEYBEARER_QUIET: expected true or false"),
            ("KEYBEARER_VERBOSE", "4", "KEYBEARER_VERBOSE: expected a number from 0 to 3"),
            ("KEYBEARER_LOG_FORMAT", "canary", "KEYBEARER_LOG_FORMAT: expected text or json"),
            (
                "KEYBEARER_VAULT",
                "canary",
                "KEYBEARER_VAULT: expected MOUNT/PATH, such as secret/example/prod",
            ),
            (
                "KEYBEARER_AWS_SECRET",
                "canary?",
                "KEYBEARER_AWS_SECRET: expected a secret's name or ARN, such as example/prod",
            ),
            ("KEYBEARER_USER", "canary:", "KEYBEARER_USER: expected USER or USER:GROUP"),
        ] {
            let error = read(&environment(&[(variable, value)])).unwrap_err();
            assert_eq!(error.to_string(), line);
            assert_eq!(error.exit(), Exit::Usage);
        }
        let both = environment(&[("KEYBEARER_QUIET", "1"), ("KEYBEARER_VERBOSE", "1")]);
        assert_eq!(
            read(&both).unwrap_err().to_string(),
            "KEYBEARER_QUIET: contradicts KEYBEARER_VERBOSE; leave one of them out"
        );
    }

    #[test]
    fn unknown_variables_are_named() {
        let (_, warnings) = read(&environment(&[
            ("KEYBEARER_ENVFILE", "x"),
            ("KEYBEARER_ROTATION", "x"),
            ("KEYBEARER_TEST_X", "x"),
            ("OTHER", "x"),
        ]))
        .unwrap();
        assert_eq!(
            warnings,
            [
                "unknown variable 'KEYBEARER_ENVFILE'; did you mean 'KEYBEARER_ENV_FILE'?",
                "unknown variable 'KEYBEARER_TEST_X'",
            ]
        );
    }
}
