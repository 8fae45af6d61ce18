use std::path::Path;

use regex_lite::Regex;

use super::database_url::DatabaseUrl;
use super::fault::Fault;
use super::key_strength;
use super::list_form::ListForm;
use super::{host, port, url};

/// The type of a variable, with the words that belong to that type alone.
#[derive(Debug)]
pub(super) enum Kind {
    String,
    DjangoSecretKey,
    List {
        of: Box<Kind>,
        /// None: `comma`, or what `[keys] encoding` says for the Django keys.
        form: Option<ListForm>,
    },
    Url {
        schemes: Vec<String>,
    },
    DatabaseUrl {
        schemes: Vec<String>,
    },
    /// Only the built-in schema knows these two by their names.
    SentryDsn,
    Bool,
    Integer,
    Port,
    Host,
    Origin {
        schemes: Vec<String>,
    },
    Enum {
        values: Vec<String>,
    },
    Regex {
        pattern: Regex,
    },
    Path {
        exists: bool,
    },
    Email,
}

impl Kind {
    /// What `type` may be, as an operator writes it.
    pub const WORDS: [&'static str; 16] = [
        "string",
        "django-secret-key",
        "list",
        "url",
        "database-url",
        "bool",
        "integer",
        "port",
        "hosts",
        "origins",
        "enum",
        "regex",
        "path",
        "email",
        "host",
        "origin",
    ];

    /// The kind of the values that the rule's bounds hold for: a list's items, else the value.
    pub fn item(&self) -> &Kind {
        match self {
            Kind::List { of, .. } => of,
            kind => kind,
        }
    }

    /// Whether `length` can say anything.
    pub fn has_length(&self) -> bool {
        match self.item() {
            Kind::String
            | Kind::DjangoSecretKey
            | Kind::Url { .. }
            | Kind::Regex { .. }
            | Kind::Path { .. }
            | Kind::Email => true,
            Kind::List { .. }
            | Kind::DatabaseUrl { .. }
            | Kind::SentryDsn
            | Kind::Bool
            | Kind::Integer
            | Kind::Port
            | Kind::Host
            | Kind::Origin { .. }
            | Kind::Enum { .. } => false,
        }
    }

    /// Whether `range` can say anything.
    pub fn has_range(&self) -> bool {
        matches!(self.item(), Kind::Integer | Kind::Port)
    }

    /// Whether `equals` can say anything: of a value that is no list and no secret by its type.
    pub fn has_equals(&self) -> bool {
        !matches!(self, Kind::List { .. } | Kind::DjangoSecretKey | Kind::DatabaseUrl { .. })
    }

    /// The schemes that a URL may have; empty where any will do.
    pub fn schemes(&self) -> &[String] {
        match self {
            Kind::Url { schemes } | Kind::DatabaseUrl { schemes } | Kind::Origin { schemes } => {
                schemes
            }
            _ => &[],
        }
    }

    /// One value of this kind, or one item of a list of it.
    pub fn check(&self, value: &str) -> Result<(), Fault> {
        match self {
            Kind::String => Ok(()),
            Kind::DjangoSecretKey => {
                match key_strength::weakness(value, key_strength::DJANGO_LENGTH) {
                    Some(problem) => Err(Fault::new(problem, key_strength::MEND)),
                    None => Ok(()),
                }
            }
            Kind::List { of, form } => check_items(of, *form, value),
            Kind::Url { schemes } => url::check(value, schemes),
            Kind::DatabaseUrl { schemes } => DatabaseUrl::parse(value, schemes).map(drop),
            Kind::SentryDsn => url::check_sentry_dsn(value),
            Kind::Bool => match parse_bool(value) {
                Some(_) => Ok(()),
                None => Err(Fault::new(
                    "is neither true nor false",
                    "write true, false, 1, 0, yes, no, on or off",
                )),
            },
            Kind::Integer => match value.parse::<i64>() {
                Ok(_) => Ok(()),
                Err(_) => Err(Fault::new("is no whole number", "write digits alone")),
            },
            Kind::Port => match port::parse(value) {
                Some(_) => Ok(()),
                None => Err(Fault::new("is no port", "a port is a number from 1 to 65535")),
            },
            Kind::Host => host::check_host(value),
            Kind::Origin { schemes } => host::check_origin(value, schemes),
            Kind::Enum { values } => {
                if values.iter().any(|known| known == value) {
                    Ok(())
                } else {
                    let known = values.join(", ");
                    Err(Fault::new("is none of the schema's values", format!("use one of {known}")))
                }
            }
            Kind::Regex { pattern } => {
                if pattern.is_match(value) {
                    Ok(())
                } else {
                    Err(Fault::new(
                        "does not match the schema's pattern",
                        "write it in the form that the pattern asks for",
                    ))
                }
            }
            Kind::Path { exists } => check_path(value, *exists),
            Kind::Email => check_email(value),
        }
    }
}

/// What the readers of Django's world take for true and false alike.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(["true", "1", "yes", "on"]) {
        Some(true)
    } else if is(["false", "0", "no", "off"]) {
        Some(false)
    } else {
        None
    }
}

fn check_items(of: &Kind, form: Option<ListForm>, value: &str) -> Result<(), Fault> {
    let items = form.unwrap_or(ListForm::Comma).items(value)?;
    for (index, item) in items.iter().enumerate() {
        let checked = if item.is_empty() {
            Err(Fault::new("is empty", "take out the comma too many"))
        } else {
            of.check(item)
        };
        checked.map_err(|fault| fault.in_item(index + 1))?;
    }
    Ok(())
}

fn check_path(value: &str, exists: bool) -> Result<(), Fault> {
    let path = Path::new(value);
    if !path.is_absolute() {
        return Err(Fault::new("is no absolute path", "begin it with a slash"));
    }
    if exists && !path.exists() {
        return Err(Fault::new("names nothing that exists", "make it, or mend the path"));
    }
    Ok(())
}

/// As much as is certain without sending a mail.
fn check_email(value: &str) -> Result<(), Fault> {
    let good = value.rsplit_once('@').is_some_and(|(user, domain)| {
        (1..=64).contains(&user.len())
            && !user.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,@".contains(c))
            && host::check_host_name(domain).is_ok()
    });
    if good {
        Ok(())
    } else {
        Err(Fault::new("is no mail address", "write it as in person@example.com"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_kinds() {
        let good: [(Kind, &[&str]); 5] = [
            (Kind::Bool, &["True", "0", "OFF"]),
            (Kind::Integer, &["-1", "9223372036854775807"]),
            (Kind::Port, &["1", "65535"]),
            (Kind::Path { exists: false }, &["/nowhere/at/all"]),
            (Kind::Email, &["a.b+c@example.com", "root@localhost"]),
        ];
        let bad: [(Kind, &[&str]); 6] = [
            (Kind::Bool, &["maybe", "", "t"]),
            (Kind::Integer, &["1.0", " 1", "9223372036854775808"]),
            (Kind::Port, &["0", "65536", "+80", "-1"]),
            (Kind::Path { exists: false }, &["a/b"]),
            (Kind::Path { exists: true }, &["/nowhere/at/all"]),
            (Kind::Email, &["a", "@b", "a@", "a b@c", "a@b@c", "A <a@b>"]),
        ];
        for (kind, values) in good {
            values.iter().for_each(|value| assert_eq!(kind.check(value), Ok(()), "{value}"));
        }
        for (kind, values) in bad {
            values.iter().for_each(|value| assert!(kind.check(value).is_err(), "{value}"));
        }
    }

    #[test]
    fn the_item_that_is_wrong_is_counted() {
        let list = |of| Kind::List { of: Box::new(of), form: None };
        assert_eq!(list(Kind::Integer).check("1, 2"), Ok(()));
        let fault = list(Kind::Integer).check("1,x,3").unwrap_err();
        assert_eq!(fault.problem, "item 2 is no whole number");
        assert_eq!(list(Kind::String).check("a,").unwrap_err().problem, "item 2 is empty");
    }
}
