use std::net::IpAddr;

use reqwest::Url;

/// As messages show it: scheme, host and port.
pub fn host(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Where a secret may be sent: over TLS, or without leaving this machine. None: it is no such address.
pub fn secure(text: &str) -> Option<Url> {
    parsed(text, IpAddr::is_loopback)
}

/// The same, or the network of this machine alone, where clouds have their metadata.
pub fn link_local(text: &str) -> Option<Url> {
    parsed(text, |address| match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local(),
    })
}

/// The network of this machine alone, over TLS too.
pub fn near(text: &str) -> Option<Url> {
    let url = link_local(text)?;
    let mut plain = url.clone();
    plain.set_scheme("http").ok()?;
    link_local(plain.as_str()).is_some().then_some(url)
}

fn parsed(text: &str, may_be_plain: impl Fn(&IpAddr) -> bool) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    let is_near =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| may_be_plain(&address));
    (url.scheme() == "https" || url.scheme() == "http" && is_near).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_clear_only_where_nobody_listens() {
        for (text, over_the_wire, near) in [
            ("https://oauth2.googleapis.com/token", true, true),
            ("http://127.0.0.1:1/x", true, true),
            ("http://[::1]:1/x", true, true),
            ("http://localhost/x", true, true),
            ("http://169.254.169.254/x", false, true),
            ("http://[fe80::1]/x", false, true),
            ("http://10.0.0.1/x", false, false),
            ("http://example.com/x", false, false),
            ("http://169.254.169.254.example.com/x", false, false),
            ("https://u:p@example.com/x", false, false),
            ("file:///x", false, false),
            ("x", false, false),
        ] {
            assert_eq!(secure(text).is_some(), over_the_wire, "{text}");
            assert_eq!(link_local(text).is_some(), near, "{text}");
        }
        for (text, expected) in [
            ("http://169.254.169.254/x", true),
            ("https://localhost:2377/x", true),
            ("https://[::1]/x", true),
            ("https://example.com/x", false),
            ("https://10.0.0.1/x", false),
            ("http://:p@127.0.0.1/x", false),
            ("x", false),
        ] {
            assert_eq!(super::near(text).is_some(), expected, "{text}");
        }
        let url = Url::parse("https://u.example:444/p?q").unwrap();
        assert_eq!(host(&url), "https://u.example:444");
    }
}
