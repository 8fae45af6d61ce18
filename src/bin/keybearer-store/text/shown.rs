use keybearer::secrets::Name;

/// A name for a message: what is there may be anything.
pub fn shown(name: &str) -> String {
    match name.parse::<Name>() {
        Ok(name) => format!("'{}'", name.as_str()),
        Err(_) => "a field".to_owned(),
    }
}
