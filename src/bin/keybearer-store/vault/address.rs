use std::net::IpAddr;

use keybearer::helper::{Failure, Kind};
use reqwest::Url;

/// What goes over the wire in the clear is anybody's: only this machine's own ears may hear it.
pub fn judged(remote: &str, address: &str) -> Result<Url, Failure> {
    let wrong = |text: &str| Failure::new(Kind::Wrong, format!("{remote}: {text}"));
    // The address is not shown before it is known to hold no password.
    let Ok(url) = Url::parse(address) else {
        return Err(wrong("its address is no URL; it looks like https://vault.example.com:8200"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("its address holds a user or a password; take them out"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("its address holds more than a host, a port and a path"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(wrong(&format!(
            "refusing {}: tokens would go over the wire in the clear; use https://",
            shown(&url)
        ))),
        _ => Err(wrong("its address is not one of https://")),
    }
}

/// As messages show it.
pub fn shown(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(address: &str) -> Option<String> {
        judged("Vault 'm/p'", address).err().map(|failure| failure.message)
    }

    #[test]
    fn https_anywhere_and_http_on_loopback_only() {
        for good in
            ["https://vault:8200", "http://127.0.0.1:8200", "http://localhost:1", "http://[::1]:1"]
        {
            assert_eq!(message(good), None, "{good}");
        }
        let clear = "Vault 'm/p': refusing http://10.0.0.1:8200: tokens would go over the wire in the clear; use https://";
        assert_eq!(message("http://10.0.0.1:8200/").as_deref(), Some(clear));
        assert!(message("http://localhost.example.com").is_some());
    }

    #[test]
    fn a_password_in_it_is_not_shown() {
        for bad in ["https://u:canary@v", "canary", "ftp://canary", "https://v/?canary"] {
            assert!(!message(bad).unwrap().contains("canary"), "{bad}");
        }
    }
}
