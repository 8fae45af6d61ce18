use keybearer::helper::{Failure, Kind};
use keybearer::secrets::Secret;

use super::client::Client;
use super::reply::Object;

/// The fields of a document as variables. Text as it is, whatever else in the JSON that it was written in.
pub fn entries(
    remote: &str,
    object: &Object<'_>,
    warnings: &mut Vec<String>,
) -> Vec<(String, Secret)> {
    let mut entries = Vec::with_capacity(object.len());
    for (name, value) in object {
        match value_of(value.get()) {
            Some(value) => entries.push((name.clone(), value)),
            None => warnings.push(format!("{remote}: {name:?} is null and is left out")),
        }
    }
    entries
}

/// None: null.
pub fn value_of(json: &str) -> Option<Secret> {
    if json == "null" {
        return None;
    }
    let text = serde_json::from_str::<String>(json);
    Some(Secret::new(text.unwrap_or_else(|_| json.to_owned())))
}

/// Why it was not read at this path; `otherwise` is what else may be the matter where nothing is there.
pub fn refusal(client: &Client, status: u16, path: &str, otherwise: &str) -> Failure {
    let address = client.address();
    match status {
        403 => client.failure(
            Kind::Refused,
            format!("{address} refuses to read it (HTTP 403); the token may have ended, or its policies lack read on '{path}'"),
        ),
        404 => client.failure(
            Kind::Wrong,
            format!("{address} has nothing there (HTTP 404); check mount and path, and namespace; {otherwise}"),
        ),
        status => client.failure(
            Kind::Wrong,
            format!("{address} does not take the request (HTTP {status}); check mount, path and engine"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_as_it_is_and_the_rest_as_it_was_written() {
        let json = r#"{"a":"é\n\"","b":1.10,"c":true,"d":{"x":[1, 2]},"e":null,"f":123456789012345678901234567890,"g":""}"#;
        let object: Object<'_> = serde_json::from_str(json).unwrap();
        let mut warnings = Vec::new();
        let entries = entries("Vault 'm/p'", &object, &mut warnings);
        let entries: Vec<(&str, &str)> =
            entries.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        let expected = [
            ("a", "é\n\""),
            ("b", "1.10"),
            ("c", "true"),
            ("d", r#"{"x":[1, 2]}"#),
            ("f", "123456789012345678901234567890"),
            ("g", ""),
        ];
        assert_eq!(entries, expected);
        assert_eq!(warnings, ["Vault 'm/p': \"e\" is null and is left out"]);
    }
}
