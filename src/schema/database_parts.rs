use super::database_url::{DatabaseUrl, is_socket};
use super::engine;
use super::fault::Fault;

/// One part of a database that is given in parts, and the names it goes by in the guides: those
/// of DB_*, and those of the official PostgreSQL image.
#[derive(Clone, Copy)]
pub(super) struct Part(&'static [&'static str]);

pub(super) const ENGINE: Part = Part(&["DB_ENGINE"]);
pub(super) const NAME: Part = Part(&["DB_NAME", "DB_DATABASE", "POSTGRES_DB", "POSTGRES_NAME"]);
pub(super) const USER: Part = Part(&["DB_USER", "DB_USERNAME", "POSTGRES_USER"]);
pub(super) const PASSWORD: Part = Part(&["DB_PASSWORD", "DB_PASS", "POSTGRES_PASSWORD"]);
pub(super) const HOST: Part = Part(&["DB_HOST", "POSTGRES_HOST"]);
pub(super) const PORT: Part = Part(&["DB_PORT", "POSTGRES_PORT"]);

const ALL: [Part; 6] = [ENGINE, NAME, USER, PASSWORD, HOST, PORT];

impl Part {
    /// The name that keybearer itself writes.
    pub fn own_name(self) -> &'static str {
        self.0[0]
    }

    fn value<'a>(self, given: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
        self.0.iter().find_map(|name| given(name))
    }
}

pub(super) fn is_part(name: &str) -> bool {
    ALL.iter().any(|part| part.0.contains(&name))
}

/// A database given in parts, some of which may be missing.
pub(super) struct DatabaseParts<'a> {
    engine: Option<&'a str>,
    name: Option<&'a str>,
    pub user: Option<&'a str>,
    pub password: Option<&'a str>,
    host: Option<&'a str>,
    port: Option<&'a str>,
    is_postgres_image: bool,
}

impl<'a> DatabaseParts<'a> {
    /// `given` answers with values that are there and not empty.
    pub fn of(given: impl Fn(&str) -> Option<&'a str>) -> Self {
        DatabaseParts {
            engine: ENGINE.value(&given),
            name: NAME.value(&given),
            user: USER.value(&given),
            password: PASSWORD.value(&given),
            host: HOST.value(&given),
            port: PORT.value(&given),
            is_postgres_image: !ALL
                .iter()
                .flat_map(|part| part.0)
                .any(|name| name.starts_with("DB_") && given(name).is_some()),
        }
    }

    /// Whether anything says that there should be a database: an engine or a port alone does not.
    pub fn is_meant(&self) -> bool {
        [self.name, self.user, self.password, self.host].iter().any(Option::is_some)
    }

    pub fn is_file(&self) -> bool {
        self.engine.is_some_and(engine::is_file)
    }

    /// Over a local socket the server knows its peer and needs no password.
    pub fn is_local(&self) -> bool {
        self.host.is_some_and(is_socket)
    }

    /// What is missing to make a database of it.
    pub fn missing(&self) -> Vec<&'static str> {
        let file = self.is_file();
        [
            (NAME, self.name.is_none()),
            (USER, self.user.is_none() && !file),
            (PASSWORD, self.password.is_none() && !file && !self.is_local()),
            (HOST, self.host.is_none() && !file),
        ]
        .into_iter()
        .filter(|(_, missing)| *missing)
        .map(|(part, _)| self.name_of(part))
        .collect()
    }

    /// As a message names the part: in the manner of those that are given.
    fn name_of(&self, part: Part) -> &'static str {
        let wanted = if self.is_postgres_image { "POSTGRES_" } else { "DB_" };
        part.0.iter().find(|name| name.starts_with(wanted)).unwrap_or(&part.0[0])
    }

    /// The fault of a half database.
    pub fn half(&self) -> Option<Fault> {
        let missing = self.missing();
        if missing.is_empty() || !self.is_meant() {
            return None;
        }
        let mut mend = format!("give {} too, or DATABASE_URL", missing.join(", "));
        if self.host.is_none() && !self.is_file() {
            let host = self.name_of(HOST);
            mend.push_str(&format!("; for a local socket {host}=/var/run/postgresql"));
        }
        Some(Fault::new(format!("half a database: {} missing", missing.join(", ")), mend))
    }

    pub fn compose(&self, schemes: &[String]) -> Result<String, Fault> {
        let scheme = match self.engine {
            Some(engine) => engine::scheme_of(engine, schemes).ok_or_else(|| {
                Fault::new(
                    "cannot be composed: DB_ENGINE is no engine that the schema allows",
                    "write it as in django.db.backends.postgresql, or widen 'schemes'",
                )
            })?,
            None => schemes.first().map_or("postgres", String::as_str),
        };
        let port = self
            .port
            .map(|text| {
                super::port::parse(text).ok_or_else(|| {
                    Fault::new(
                        "cannot be composed: DB_PORT is no port",
                        "a port is a number from 1 to 65535",
                    )
                })
            })
            .transpose()?;
        let host = self.host.map(|host| {
            host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
        });
        DatabaseUrl {
            scheme: scheme.to_owned(),
            user: self.user.map(str::to_owned),
            password: self.password.map(str::to_owned),
            host: host.map(str::to_owned),
            port,
            name: self.name.unwrap_or_default().to_owned(),
            has_options: false,
        }
        .compose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<&'a str> {
        move |name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    #[test]
    fn missing_parts_by_the_names_that_are_used() {
        let missing = |pairs: &[(&str, &str)]| DatabaseParts::of(given(pairs)).missing().join(" ");
        assert_eq!(missing(&[("DB_NAME", "n"), ("DB_PASS", "p")]), "DB_USER DB_HOST");
        assert_eq!(
            missing(&[("POSTGRES_DB", "n")]),
            "POSTGRES_USER POSTGRES_PASSWORD POSTGRES_HOST"
        );
        assert_eq!(missing(&[("DB_ENGINE", "x.sqlite3"), ("DB_NAME", "n")]), "");
        assert_eq!(missing(&[("DB_NAME", "n"), ("DB_USER", "u"), ("DB_HOST", "/run")]), "");
    }

    #[test]
    fn composes() {
        let compose = |pairs: &[(&str, &str)], schemes: &[String]| {
            DatabaseParts::of(given(pairs)).compose(schemes).ok()
        };
        let all = [("DB_NAME", "n"), ("DB_USER", "u"), ("DB_PASSWORD", "p w+@"), ("DB_HOST", "h")];
        assert_eq!(compose(&all, &[]).unwrap(), "postgres://u:p%20w%2B%40@h/n");
        assert!(compose(&all, &["mysql".into()]).unwrap().starts_with("mysql://"));
        let file = [("DB_ENGINE", "django.db.backends.sqlite3"), ("DB_NAME", "/srv/a b")];
        assert_eq!(compose(&file, &[]).unwrap(), "sqlite:////srv/a%20b");
        assert_eq!(compose(&file, &["postgres".into()]), None);
        let six = [("DB_NAME", "n"), ("DB_USER", "u"), ("DB_HOST", "[::1]"), ("DB_PORT", "5")];
        assert_eq!(compose(&six, &[]).unwrap(), "postgres://u@[::1]:5/n");
        let bad = [("DB_NAME", "n"), ("DB_HOST", "h"), ("DB_PORT", "x")];
        assert_eq!(compose(&bad, &[]), None);
    }
}
