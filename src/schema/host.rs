//! One entry of ALLOWED_HOSTS, and one of CSRF_TRUSTED_ORIGINS.

use std::net::Ipv6Addr;

use fluent_uri::component::Scheme;

use super::fault::Fault;

/// `example.com`, `.example.com` for it and all below it, an address, an IPv6 one in brackets.
pub(super) fn check_host(text: &str) -> Result<(), Fault> {
    if text == "*" {
        return Err(Fault::new("is '*', which accepts any Host header", "name the site's hosts"));
    }
    if text.contains("://") || text.contains('/') {
        return Err(Fault::new("is a URL", "write the host alone, as in example.com"));
    }
    if text.starts_with("*.") {
        return Err(Fault::new("begins with '*.'", "Django writes it with a dot: .example.com"));
    }
    // Django compares the host without its port, so that such an entry matches nothing.
    if !text.starts_with('[') && text.contains(':') {
        return Err(if text.parse::<Ipv6Addr>().is_ok() {
            Fault::new("is an IPv6 address without brackets", "write it as in [::1]")
        } else {
            Fault::new("has a port", "Django compares hosts without it: take it out")
        });
    }
    check_host_name(text.strip_prefix('.').unwrap_or(text))
}

/// `https://example.com`, `https://example.com:8443`, `https://*.example.com`.
pub(super) fn check_origin(text: &str, schemes: &[String]) -> Result<(), Fault> {
    const FORM: &str = "write it as in https://example.com";
    let (scheme, rest) = text.split_once("://").ok_or_else(|| Fault::new("has no scheme", FORM))?;
    if Scheme::new(scheme).is_none() {
        return Err(Fault::new("has a scheme that is none", FORM));
    }
    super::url::check_scheme(scheme, schemes)?;
    if rest == "*" {
        return Err(Fault::new("trusts every origin", "name the site's origins"));
    }
    // Django compares the Origin header as a whole, so that even a last slash matches nothing.
    if rest.contains(['/', '?', '#', '@']) {
        return Err(Fault::new("has more than scheme, host and port", FORM));
    }
    let rest = rest.strip_prefix("*.").unwrap_or(rest);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    if port.is_some_and(|port| super::port::parse(port).is_none()) {
        return Err(Fault::new("has a port that is none", "a port is a number from 1 to 65535"));
    }
    check_host_name(host)
}

/// What Django lets through as a host (`host_validation_re` of its HttpRequest): no underscore.
pub(super) fn check_host_name(text: &str) -> Result<(), Fault> {
    if let Some(address) = text.strip_prefix('[') {
        return match address.strip_suffix(']').map(str::parse::<Ipv6Addr>) {
            Some(Ok(_)) => Ok(()),
            _ => Err(Fault::new("is no IPv6 address in brackets", "write it as in [::1]")),
        };
    }
    if !text.is_ascii() {
        return Err(Fault::new(
            "has letters that are not ASCII",
            "write the name as browsers send it: xn--...",
        ));
    }
    let good = text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
    if good {
        Ok(())
    } else {
        Err(Fault::new(
            "is no host name",
            "a host name has letters, digits and '-' between single dots",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in ["example.com", ".example.com", "localhost", "10.0.0.1", "[::1]", "A-b.C"] {
            assert_eq!(check_host(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("*", "any Host header"),
            ("*.example.com", "'*.'"),
            ("https://example.com", "URL"),
            ("example.com/x", "URL"),
            ("example.com:8000", "port"),
            ("::1", "brackets"),
            ("[::1", "brackets"),
            ("my_host", "host name"),
            ("a..b", "host name"),
            ("", "host name"),
            ("a b", "host name"),
            ("bücher.example", "ASCII"),
        ] {
            let fault = check_host(bad).unwrap_err();
            assert!(fault.problem.contains(why), "{bad}: {fault:?}");
        }
    }

    #[test]
    fn origins() {
        for good in [
            "https://example.com",
            "http://localhost:8000",
            "https://*.example.com",
            "http://[::1]:80",
        ] {
            assert_eq!(check_origin(good, &[]), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("example.com", "no scheme"),
            ("1x://example.com", "scheme"),
            ("https://example.com/", "more than"),
            ("https://u@example.com", "more than"),
            ("https://*", "every origin"),
            ("https://example.com:0", "port"),
            ("https://", "host name"),
        ] {
            let fault = check_origin(bad, &[]).unwrap_err();
            assert!(fault.problem.contains(why), "{bad}: {fault:?}");
        }
        assert!(check_origin("http://example.com", &["https".to_owned()]).is_err());
    }
}
