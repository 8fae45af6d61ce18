//! The forms of what names a secret in a store and the way to it.

use std::net::IpAddr;

use fluent_uri::Uri;

type Form<T> = Result<T, &'static str>;

/// Where a store answers: nothing in it but a host and a port, so that a path can be put behind it.
pub(super) fn address(text: &str) -> Form<String> {
    const FORM: &str =
        "expected an address such as \"https://vault.internal:8200\", without a path";
    let trimmed = text.trim_end_matches('/');
    let uri = Uri::parse(trimmed).map_err(|_| FORM)?;
    let authority = uri.authority().filter(|authority| !authority.host().is_empty()).ok_or(FORM)?;
    if authority.userinfo().is_some() {
        return Err("expected an address without a user in it: no secret belongs there");
    }
    if !uri.path().is_empty() || uri.has_query() || uri.has_fragment() {
        return Err(FORM);
    }
    let port = authority.port().map_or("", |port| port.as_str());
    if !port.is_empty() && !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err("expected a port from 1 to 65535");
    }
    match uri.scheme().as_str() {
        "https" => Ok(trimmed.to_owned()),
        "http" if is_loopback(authority.host()) => Ok(trimmed.to_owned()),
        "http" => Err("expected https: over http anybody on the way reads the secrets; \
                       only a loopback address may have it"),
        _ => Err(FORM),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse().is_ok_and(|address: IpAddr| address.is_loopback()) || host == "localhost"
}

/// A place in Vault. Slashes at its ends mean nothing there.
pub(super) fn vault_path(text: &str) -> Form<String> {
    let trimmed = text.trim_matches('/');
    let bad = |c: char| c.is_control() || c.is_whitespace() || "?#%\\".contains(c);
    let bad_part = |part: &str| matches!(part, "" | "." | "..");
    if trimmed.chars().any(bad) || trimmed.split('/').any(bad_part) {
        return Err(
            "expected a path such as \"example/prod\", without white space, '?', '#' and '%'",
        );
    }
    Ok(trimmed.to_owned())
}

/// `MOUNT/PATH`, for the option: the mount is the first part.
pub fn vault_secret(text: &str) -> Form<(String, String)> {
    const FORM: &str = "expected MOUNT/PATH, such as secret/example/prod";
    let whole = vault_path(text).map_err(|_| FORM)?;
    let (mount, path) = whole.split_once('/').ok_or(FORM)?;
    Ok((mount.to_owned(), path.to_owned()))
}

/// The name or the ARN of an AWS secret.
pub fn aws_secret(text: &str) -> Form<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-:!".contains(c);
    if text.is_empty() || text.len() > 2048 || !text.chars().all(good) {
        return Err("expected a secret's name or ARN, such as example/prod");
    }
    Ok(text.to_owned())
}

/// The region that an ARN names.
pub(super) fn arn_region(text: &str) -> Option<&str> {
    text.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

/// `/example/prod`. A slash at the end means nothing there.
pub(super) fn parameter_path(text: &str) -> Form<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "/_.-".contains(c);
    let trimmed = text.trim_end_matches('/');
    if !text.starts_with('/') || trimmed.contains("//") || !trimmed.chars().all(good) {
        return Err("expected a path such as \"/example/prod\"");
    }
    // The path of everything is a slash alone.
    Ok(if trimmed.is_empty() { "/" } else { trimmed }.to_owned())
}

/// A parameter's name or ARN, with `:VERSION` or `:LABEL` where one is wanted.
pub(super) fn parameter(text: &str) -> Form<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "/_.-:".contains(c);
    if text.is_empty() || text.ends_with('/') || !text.chars().all(good) {
        return Err("expected a parameter's name, such as \"/example/prod/SECRET_KEY\"");
    }
    Ok(text.to_owned())
}

/// An id, a number, or an id below a domain.
pub(super) fn google_project(text: &str) -> Form<String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:".contains(c);
    if text.is_empty() || text.len() > 100 || !text.chars().all(good) || text.contains("..") {
        return Err("expected a project's id or number, such as \"example-prod\"");
    }
    Ok(text.to_owned())
}

pub(super) fn google_secret(text: &str) -> Form<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if text.is_empty() || text.len() > 255 || !text.chars().all(good) {
        return Err("expected a secret's name: letters, digits, '-' and '_'");
    }
    Ok(text.to_owned())
}

/// A name, or the whole address: other clouds have other domains.
pub(super) fn azure_vault(text: &str) -> Form<String> {
    const FORM: &str =
        "expected a vault's name, or its address such as \"https://example.vault.azure.net\"";
    if text.contains("://") {
        let address = address(text)?.to_ascii_lowercase();
        return if address.starts_with("https://") { Ok(address) } else { Err(FORM) };
    }
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !(3..=24).contains(&text.len()) || !text.chars().all(good) {
        return Err(FORM);
    }
    Ok(text.to_ascii_lowercase())
}

/// Azure compares names without their case, so that two ways to write one are one.
pub(super) fn azure_secret(text: &str) -> Form<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.is_empty() || text.len() > 127 || !text.chars().all(good) {
        return Err("expected a secret's name: letters, digits and '-'");
    }
    Ok(text.to_ascii_lowercase())
}

pub(super) fn azure_version(text: &str) -> Form<String> {
    if text.len() != 32 || !text.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err("expected a version's id: 32 hexadecimal digits");
    }
    Ok(text.to_ascii_lowercase())
}

/// Of a tenant or a client: mostly a UUID, and a tenant may be a domain.
pub(super) fn azure_id(text: &str) -> Form<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if text.is_empty() || text.len() > 253 || !text.chars().all(good) || text.contains("..") {
        return Err("expected an id such as \"01234567-89ab-cdef-0123-456789abcdef\"");
    }
    Ok(text.to_owned())
}

pub(super) fn region(text: &str) -> Form<String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !text.contains('-') || !text.chars().all(good) {
        return Err("expected a region such as \"eu-central-1\"");
    }
    Ok(text.to_owned())
}

pub(super) fn role_arn(text: &str) -> Form<String> {
    let graphic = text.chars().all(|c| c.is_ascii_graphic());
    if !text.starts_with("arn:") || !text.contains(":role/") || !graphic {
        return Err("expected a role's ARN, such as \"arn:aws:iam::123456789012:role/example\"");
    }
    Ok(text.to_owned())
}

/// One line of something.
pub(super) fn word(text: &str) -> Form<String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("expected one line that is not empty");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (given, kept) in [
            ("https://vault.internal:8200", "https://vault.internal:8200"),
            ("https://vault.internal:8200/", "https://vault.internal:8200"),
            ("https://10.0.0.1", "https://10.0.0.1"),
            ("http://127.0.0.1:8200", "http://127.0.0.1:8200"),
            ("http://127.9.9.9:1", "http://127.9.9.9:1"),
            ("http://[::1]:8200", "http://[::1]:8200"),
            ("http://localhost:8200", "http://localhost:8200"),
        ] {
            assert_eq!(address(given).as_deref(), Ok(kept));
        }
        for bad in [
            "",
            "vault.internal:8200",
            "https://",
            "https://:8200",
            "https://user@vault",
            "https://user:word@vault",
            "https://vault/v1",
            "https://vault?x=1",
            "https://vault#x",
            "https://vault:0",
            "https://vault:65536",
            "ftp://vault",
            "unix:/run/vault",
            "http://vault.internal:8200",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "https://vault\n",
        ] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn places() {
        assert_eq!(vault_path("/example/prod/").as_deref(), Ok("example/prod"));
        assert_eq!(vault_secret("secret/example/prod").unwrap().1, "example/prod");
        for bad in ["", "/", "a//b", "a/../b", ".", "a b", "a?b", "a#b", "a%2fb", "a\nb"] {
            assert!(vault_path(bad).is_err(), "{bad}");
        }
        for bad in ["", "secret", "secret/", "/secret/", "secret//x"] {
            assert!(vault_secret(bad).is_err(), "{bad}");
        }
        assert_eq!(parameter_path("/example/prod/").as_deref(), Ok("/example/prod"));
        assert_eq!(parameter_path("/").as_deref(), Ok("/"));
        for bad in ["", "example", "/a//b", "/a b"] {
            assert!(parameter_path(bad).is_err(), "{bad}");
        }
        assert!(parameter("SECRET_KEY:3").is_ok() && parameter("/a/").is_err());
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example/prod-AbCdEf";
        assert!(aws_secret(arn).is_ok() && aws_secret("a b").is_err());
        assert_eq!(arn_region(arn), Some("eu-west-1"));
        assert_eq!(arn_region("example/prod"), None);
        assert!(region("eu-west-1").is_ok() && region("Ireland").is_err());
        assert!(role_arn("arn:aws:iam::123456789012:role/x").is_ok() && role_arn("x").is_err());
    }
}
