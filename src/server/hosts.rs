use std::collections::BTreeMap;

use crate::environment::Environment;

/// What a probe says beside its path. Django answers a wrong Host with 400, and redirects plain HTTP
/// where SECURE_SSL_REDIRECT is set: so the first concrete host of ALLOWED_HOSTS, and the header that a
/// proxy in front would set. What the operator gave replaces each.
pub fn probe_headers(
    given: &BTreeMap<String, String>,
    environment: &Environment,
) -> BTreeMap<String, String> {
    let mut headers = given.clone();
    let has = |name: &str| given.keys().any(|key| key.eq_ignore_ascii_case(name));
    if !has("Host") {
        let host = ["ALLOWED_HOSTS", "DJANGO_ALLOWED_HOSTS"]
            .into_iter()
            .filter_map(|name| environment.get(name)?.to_str())
            .find_map(first_concrete);
        headers.insert("Host".to_owned(), host.unwrap_or_else(|| "localhost".to_owned()));
    }
    if !has("X-Forwarded-Proto") {
        headers.insert("X-Forwarded-Proto".to_owned(), "https".to_owned());
    }
    headers
}

/// Comma, JSON and Python's list form all come down to the same words.
fn first_concrete(list: &str) -> Option<String> {
    list.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '"' | '\'' | '(' | ')'))
        .find(|host| {
            let mut bytes = host.bytes();
            bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
                && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_host_that_is_one() {
        let concrete = |list| first_concrete(list);
        assert_eq!(concrete("example.com,www.example.com").as_deref(), Some("example.com"));
        assert_eq!(concrete(".example.com, shop.example.com").as_deref(), Some("shop.example.com"));
        assert_eq!(concrete("[\"a.test\"]").as_deref(), Some("a.test"));
        assert_eq!(concrete("*"), None);
        assert_eq!(concrete(""), None);
        assert_eq!(concrete("a\r\nX: y").as_deref(), Some("a"));
    }
}
