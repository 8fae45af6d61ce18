use std::net::Ipv6Addr;

use fluent_uri::pct_enc::encoder::{Data, Query};
use fluent_uri::pct_enc::{EStr, EString, Encoder};

use super::engine;
use super::fault::Fault;
use super::url;

/// A database in its parts, each decoded. No Debug: the password is one of them.
#[derive(PartialEq, Eq)]
pub(super) struct DatabaseUrl {
    pub scheme: String,
    pub user: Option<String>,
    pub password: Option<String>,
    /// A name, an address (IPv6 without brackets) or the directory of a unix socket.
    pub host: Option<String>,
    pub port: Option<u16>,
    /// Empty only for a database in memory.
    pub name: String,
    /// Anything after `?` but the host: DB_* have no place for it.
    pub has_options: bool,
}

const MEMORY: &str = ":memory:";

impl DatabaseUrl {
    pub fn parse(text: &str, schemes: &[String]) -> Result<Self, Fault> {
        // No URL, but dj-database-url documents it.
        let text = if text == "sqlite://:memory:" { "sqlite:///:memory:" } else { text };
        let uri = url::parse(text)?;
        let scheme = uri.scheme().as_str();
        check_scheme(scheme, schemes)?;
        let Some(authority) = uri.authority() else {
            return Err(Fault::new("has no '//' after its scheme", "write SCHEME://..."));
        };
        if uri.fragment().is_some() {
            return Err(Fault::new("is cut short by a '#'", "write '#' as %23"));
        }
        let path = uri.path();
        let name = match path.as_str().strip_prefix('/').and_then(EStr::new) {
            Some(name) => name,
            None => path,
        };
        if engine::is_file(scheme) {
            return file(scheme, authority.as_str(), decode(name, "file name")?);
        }
        let (user, password) = match authority.userinfo() {
            None => (None, None),
            Some(info) => match info.split_once(':') {
                Some((user, password)) => {
                    (Some(decode(user, "user")?), Some(decode(password, "password")?))
                }
                None => (Some(decode(info, "user")?), None),
            },
        };
        let port = authority.port().map(|port| port.as_str());
        url::check_port(port)?;
        let query = uri.query().unwrap_or_default();
        let host = match decode_host(authority.host())? {
            host if host.is_empty() => host_in(query)?,
            host => Some(host),
        };
        // `postgres:///name` is a local socket. With a password and no host, something was not
        // filled in.
        if host.is_none() && password.is_some() {
            return Err(Fault::new(
                "has no host",
                "add one; a local socket is ?host=%2Fvar%2Frun%2Fpostgresql",
            ));
        }
        if name.is_empty() {
            return Err(Fault::new("has no database name", "write it after the host: .../NAME"));
        }
        if name.as_str().contains('/') {
            return Err(Fault::new(
                "has a slash in its database name",
                "take it out, or write it as %2F if it is part of the name",
            ));
        }
        Ok(DatabaseUrl {
            scheme: scheme.to_owned(),
            user,
            password,
            host,
            port: port.and_then(super::port::parse),
            name: decode(name, "database name")?,
            has_options: query
                .split('&')
                .any(|option| !option.is_empty() && host_option(option).is_none()),
        })
    }

    /// Everything outside RFC 3986's unreserved set encoded: both dj-database-url and django-environ
    /// read that back, a space as `%20` and a `+` as `%2B`.
    pub fn compose(&self) -> Result<String, Fault> {
        let scheme = &self.scheme;
        if engine::is_file(scheme) {
            // The slashes of a path may stay, and people read them more easily.
            let path: Vec<String> = self.name.split('/').map(encode).collect();
            return Ok(format!("{scheme}:///{}", path.join("/")));
        }
        let mut text = format!("{scheme}://");
        if let Some(user) = &self.user {
            text.push_str(&encode(user));
        }
        if let Some(password) = &self.password {
            text.push(':');
            text.push_str(&encode(password));
        }
        if self.user.is_some() || self.password.is_some() {
            text.push('@');
        }
        let host = self.host.as_deref().unwrap_or_default();
        if !is_socket(host) {
            text.push_str(&encode_host(host)?);
        }
        if let Some(port) = self.port {
            text.push_str(&format!(":{port}"));
        }
        text.push('/');
        text.push_str(&encode(&self.name));
        if is_socket(host) {
            text.push_str("?host=");
            text.push_str(&encode(host));
        }
        Ok(text)
    }
}

/// libpq takes a host that begins with a slash for the directory of a unix socket.
pub(super) fn is_socket(host: &str) -> bool {
    host.starts_with('/')
}

fn check_scheme(scheme: &str, schemes: &[String]) -> Result<(), Fault> {
    if schemes.is_empty() && engine::of_scheme(scheme).is_none() {
        return Err(Fault::new(
            "has a scheme that neither dj-database-url nor django-environ knows",
            "use postgres://, mysql:// or sqlite://, or name the scheme in the schema's 'schemes'",
        ));
    }
    url::check_scheme(scheme, schemes)
}

fn file(scheme: &str, authority: &str, name: String) -> Result<DatabaseUrl, Fault> {
    if !authority.is_empty() {
        return Err(Fault::new(
            "has a host where a file should be",
            "write three slashes and a relative path, or four for an absolute one",
        ));
    }
    Ok(DatabaseUrl {
        scheme: scheme.to_owned(),
        user: None,
        password: None,
        host: None,
        port: None,
        name: if name.is_empty() { MEMORY.to_owned() } else { name },
        has_options: false,
    })
}

fn decode_host(host: &str) -> Result<String, Fault> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => Ok(address.to_owned()),
        // The parser has seen to it that every '%' is followed by two digits.
        None => EStr::<fluent_uri::pct_enc::encoder::RegName>::new(host)
            .map_or_else(|| Ok(String::new()), |host| decode(host, "host")),
    }
}

fn host_in(query: &EStr<Query>) -> Result<Option<String>, Fault> {
    match query.split('&').find_map(host_option) {
        Some(host) if !host.is_empty() => decode(host, "host").map(Some),
        _ => Ok(None),
    }
}

fn host_option(option: &EStr<Query>) -> Option<&EStr<Query>> {
    option.split_once('=').filter(|(key, _)| key.as_str() == "host").map(|(_, host)| host)
}

fn decode<E: Encoder>(text: &EStr<E>, part: &'static str) -> Result<String, Fault> {
    let decoded = text.decode().to_string().map_err(|_| {
        Fault::new(format!("has a {part} that is not UTF-8"), "percent-encode its UTF-8 bytes")
    })?;
    if decoded.contains('\0') {
        return Err(Fault::new(format!("has a {part} with a NUL byte"), "take out the %00"));
    }
    Ok(decoded.into_owned())
}

fn encode_host(host: &str) -> Result<String, Fault> {
    if host.parse::<Ipv6Addr>().is_ok() {
        Ok(format!("[{host}]"))
    } else if host.contains([':', '[', ']']) {
        Err(Fault::new("cannot be composed: DB_HOST is no host", "write the port into DB_PORT"))
    } else {
        Ok(encode(host))
    }
}

fn encode(text: &str) -> String {
    let mut encoded = EString::<Data>::with_capacity(text.len());
    encoded.encode_str::<Data>(text);
    encoded.into_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<DatabaseUrl, String> {
        DatabaseUrl::parse(text, &[]).map_err(|fault| fault.problem.into_owned())
    }

    #[test]
    fn takes_apart() {
        let url = parse("postgres://us%40er:p%3Ass@[::1]:5433/na%2Fme?sslmode=require").unwrap();
        assert_eq!(url.user.as_deref(), Some("us@er"));
        assert_eq!(url.password.as_deref(), Some("p:ss"));
        assert_eq!(url.host.as_deref(), Some("::1"));
        assert_eq!(url.port, Some(5433));
        assert_eq!(url.name, "na/me");
        assert!(url.has_options);
        let url = parse("postgres://u:p@/n?host=%2Fvar%2Frun%2Fpostgresql").unwrap();
        assert_eq!(url.host.as_deref(), Some("/var/run/postgresql"));
        assert!(!url.has_options);
        assert_eq!(parse("postgres://%2Frun/n").unwrap().host.as_deref(), Some("/run"));
        assert_eq!(parse("postgres:///n").unwrap().host, None);
        assert_eq!(parse("sqlite:////srv/db.sqlite3").unwrap().name, "/srv/db.sqlite3");
        assert_eq!(parse("sqlite://:memory:").unwrap().name, ":memory:");
        assert_eq!(parse("sqlite://").unwrap().name, ":memory:");
    }

    #[test]
    fn what_is_wrong_is_named_and_not_shown() {
        for (bad, why) in [
            ("postgres://u:canary@/n", "no host"),
            ("postgres://u:canary@h", "no database name"),
            ("postgres://u:canary@h/n/", "slash"),
            ("postgres://u:canary@h:0/n", "port"),
            ("postgres://u:ca@nary@h/n", "may not stand"),
            ("postgres://u:canary@h/n#x", "'#'"),
            ("postgres://u:canary%ff@h/n", "UTF-8"),
            ("postgres://u:canary%00@h/n", "NUL"),
            ("mariadb://u:canary@h/n", "scheme"),
            ("postgres:canary", "'//'"),
            ("sqlite://canary.sqlite3", "three slashes"),
            ("canary", "no URL"),
        ] {
            let fault = DatabaseUrl::parse(bad, &[]).err().unwrap();
            let shown = format!("{} {}", fault.problem, fault.mend);
            assert!(shown.contains(why), "{bad}: {shown}");
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn a_host_with_its_port_is_no_host() {
        let mut url = parse("postgres://u:p@h/n").unwrap();
        url.host = Some("h:5432".to_owned());
        assert!(url.compose().is_err());
    }

    proptest! {
        #[test]
        fn composed_and_taken_apart_gives_every_part_back(
            user in "[^\0]{1,12}",
            password in proptest::option::of("[^\0]{0,24}"),
            host in prop_oneof!["[a-z0-9_.-]{1,20}", Just("::1".to_owned()), "/[^\0]{0,12}"],
            port in proptest::option::of(1u16..),
            name in "[^\0]{1,12}",
        ) {
            let url = DatabaseUrl {
                scheme: "postgres".to_owned(),
                user: Some(user),
                password,
                host: Some(host),
                port,
                name,
                has_options: false,
            };
            let text = url.compose().ok().unwrap();
            prop_assert!(DatabaseUrl::parse(&text, &[]).ok() == Some(url));
        }

        #[test]
        fn a_file_name_comes_back(name in "[^\0]{1,24}") {
            let url = DatabaseUrl {
                scheme: "sqlite".to_owned(),
                user: None,
                password: None,
                host: None,
                port: None,
                name,
                has_options: false,
            };
            let text = url.compose().ok().unwrap();
            prop_assert!(DatabaseUrl::parse(&text, &[]).ok() == Some(url));
        }
    }
}
