//! URLs by RFC 3986.

use fluent_uri::{ParseError, ParseErrorKind, Uri};

use super::fault::Fault;

const ENCODE: &str = "percent-encode what is special in it, such as '@' as %40 and '#' as %23";

/// Schemes that are nothing without a host.
const NEED_HOST: [&str; 4] = ["http", "https", "ws", "wss"];

pub(super) fn parse(text: &str) -> Result<Uri<&str>, Fault> {
    Uri::parse(text).map_err(fault)
}

pub(super) fn check(text: &str, schemes: &[String]) -> Result<(), Fault> {
    let uri = parse(text)?;
    let scheme = uri.scheme().as_str();
    check_scheme(scheme, schemes)?;
    let Some(authority) = uri.authority() else {
        // mailto: and its like, only where the schema asks for them.
        return if schemes.is_empty() {
            Err(Fault::new("is a URL without '//'", "write it as in https://example.com"))
        } else {
            Ok(())
        };
    };
    let needs_host = NEED_HOST.iter().any(|known| known.eq_ignore_ascii_case(scheme));
    if needs_host && authority.host().is_empty() {
        return Err(Fault::new("has no host", "write it as in https://example.com"));
    }
    check_port(authority.port().map(|port| port.as_str()))
}

/// What the built-in schema asks of a variable that ends in _URL. It cannot know what the variable
/// is for: LOGIN_URL is a path or the name of a view, a tile server's URL is a template, and a
/// broker's may be several (`sentinel://a;sentinel://b`) or have several hosts.
pub(super) fn check_loosely(text: &str) -> Result<(), Fault> {
    if !text.contains("://") || text.contains('{') {
        return Ok(());
    }
    text.split(';').filter(|piece| piece.contains("://")).try_for_each(check_hosts)
}

fn check_hosts(text: &str) -> Result<(), Fault> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(());
    };
    let (authority, _) = rest.split_once(['/', '?', '#']).unwrap_or((rest, ""));
    let Some((first, more)) = authority.split_once(',') else {
        return check(text, &[]);
    };
    let tail = &rest[authority.len()..];
    check(&format!("{scheme}://{first}{tail}"), &[])?;
    more.split(',').try_for_each(|host| check(&format!("{scheme}://{host}"), &[]))
}

/// A DSN as Sentry's SDK takes it apart: a public key, a host, a number for the project.
pub(super) fn check_sentry_dsn(text: &str) -> Result<(), Fault> {
    const FORM: &str = "copy it again from the project's settings: https://KEY@HOST/NUMBER";
    let uri = parse(text)?;
    check_scheme(uri.scheme().as_str(), &["https".to_owned(), "http".to_owned()])?;
    let authority = uri.authority().ok_or_else(|| Fault::new("has no host", FORM))?;
    if authority.host().is_empty() {
        return Err(Fault::new("has no host", FORM));
    }
    if authority.userinfo().is_none_or(|user| user.is_empty()) {
        return Err(Fault::new("has no public key before the '@'", FORM));
    }
    let path = uri.path().as_str().trim_end_matches('/');
    let project = path.rsplit('/').next().unwrap_or_default();
    if project.is_empty() || !project.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::new("does not end in a project's number", FORM));
    }
    check_port(authority.port().map(|port| port.as_str()))
}

/// An empty list of schemes allows every one.
pub(super) fn check_scheme(scheme: &str, schemes: &[String]) -> Result<(), Fault> {
    if schemes.is_empty() || schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        Ok(())
    } else {
        Err(Fault::new(
            "has a scheme that is not allowed",
            format!("use {}", schemes.join("://, ") + "://"),
        ))
    }
}

/// RFC 3986 allows an empty port after the colon, and so does Python.
pub(super) fn check_port(port: Option<&str>) -> Result<(), Fault> {
    match port {
        None | Some("") => Ok(()),
        Some(port) if super::port::parse(port).is_some() => Ok(()),
        Some(_) => Err(Fault::new("has a port that is none", "a port is a number from 1 to 65535")),
    }
}

/// Where it breaks, not on what: the text is a secret.
fn fault(error: ParseError) -> Fault {
    let at = error.index() + 1;
    let problem = match error.kind() {
        ParseErrorKind::InvalidPctEncodedOctet => {
            format!("is no URL: byte {at} is a '%' without two hex digits")
        }
        ParseErrorKind::UnexpectedChar => format!("is no URL: byte {at} may not stand there"),
        ParseErrorKind::InvalidIpv6Addr => {
            format!("is no URL: at byte {at} there is no IPv6 address")
        }
    };
    Fault::new(problem, ENCODE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for good in ["https://example.com", "redis://:p%40ss@h:6379/0", "unix:///run/x.sock"] {
            assert_eq!(check(good, &[]), Ok(()), "{good}");
        }
        for bad in [
            "example.com",
            "https://",
            "https:///x",
            "redis://:p@ss@h",
            "redis://:p#ss@h",
            "https://h:99999",
            "https://h/%zz",
            "http://[::1",
            "mailto:a@example.com",
        ] {
            assert!(check(bad, &[]).is_err(), "{bad}");
        }
        assert_eq!(check("mailto:a@example.com", &["mailto".to_owned()]), Ok(()));
        assert_eq!(check("HTTPS://example.com", &["https".to_owned()]), Ok(()));
        let fault = check("ftp://example.com", &["http".into(), "https".into()]).unwrap_err();
        assert_eq!(fault.mend, "use http://, https://");
    }

    #[test]
    fn a_url_that_nobody_described() {
        for good in [
            "/static/",
            "accounts:login",
            "https://{s}.tile.example.com/{z}",
            "sentinel://a:26379;sentinel://b:26379",
            "rediscache://u:p@a:6379,b:6379/1",
            "memory://",
        ] {
            assert_eq!(check_loosely(good), Ok(()), "{good}");
        }
        for bad in ["redis://a:b:c", "redis://a:1,b:x/1", "https://", "redis://:a@b@c"] {
            assert!(check_loosely(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sentry() {
        assert_eq!(check_sentry_dsn("https://abc@o1.ingest.sentry.io/42"), Ok(()));
        for bad in ["https://o1.sentry.io/42", "https://abc@o1.sentry.io/", "https://a@h/x", "a"] {
            assert!(check_sentry_dsn(bad).is_err(), "{bad}");
        }
    }
}
