//! How strong a Django key is, by the measures of Django's own `check --deploy` (security.W009).

/// Django's own prefix for keys that `startproject` wrote and nobody replaced.
const INSECURE_PREFIX: &str = "django-insecure-";
const DIFFERENT: usize = 5;

/// What W009 and W025 want.
pub(super) const DJANGO_LENGTH: usize = 50;
/// Under this the built-in schema refuses: `openssl rand -base64 32` gives 44, a hex key of 128
/// bits 32.
pub(super) const LEAST_LENGTH: usize = 32;

pub(super) const MEND: &str = "make one with: keybearer key";

/// What is weak about a key, without a word of it; None for a strong one.
pub(super) fn weakness(key: &str, length: usize) -> Option<String> {
    let mut found = Vec::new();
    // A `char` of Rust is a character of Python's len().
    if key.chars().take(length).count() < length {
        found.push(format!("is shorter than {length} characters"));
    }
    if !has_different(key) {
        found.push(format!("has fewer than {DIFFERENT} different characters"));
    }
    if key.starts_with(INSECURE_PREFIX) {
        found.push(format!("starts with '{INSECURE_PREFIX}'"));
    }
    if found.is_empty() { None } else { Some(found.join(" and ")) }
}

fn has_different(key: &str) -> bool {
    let mut seen: Vec<char> = Vec::with_capacity(DIFFERENT);
    key.chars().any(|c| {
        if !seen.contains(&c) {
            seen.push(c);
        }
        seen.len() == DIFFERENT
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_of_w009() {
        let strong: String = ('!'..='~').take(50).collect();
        assert_eq!(weakness(&strong, 50), None);
        assert_eq!(weakness(&strong, 51).unwrap(), "is shorter than 51 characters");
        let four = "abcd".repeat(20);
        assert_eq!(weakness(&four, 50).unwrap(), "has fewer than 5 different characters");
        assert_eq!(weakness(&format!("{four}e"), 50), None);
        let left = format!("django-insecure-{strong}");
        assert_eq!(weakness(&left, 50).unwrap(), "starts with 'django-insecure-'");
        assert!(weakness("", 32).unwrap().contains(" and "));
    }

    #[test]
    fn counts_characters_as_python_does() {
        let key: String = ('А'..='я').take(50).collect();
        assert_eq!(key.len(), 100);
        assert_eq!(weakness(&key, 50), None);
        assert!(weakness(&key, 51).is_some());
    }
}
