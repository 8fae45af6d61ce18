//! What the fuzz targets share. In an input, MARK stands for a secret that no message may show.

#![forbid(unsafe_code)]

use std::sync::OnceLock;

/// One byte, so that the fuzzer can move it about; no text that an operator writes holds it.
pub const MARK: &str = "\u{10}";

/// No variable name, so no message may show it as one; and the same after percent-encoding.
pub const SECRET: &str = "ca~na-ry.7";

/// The input with the secret in place of each mark. None where the secret stands in it already.
pub fn plant(text: &str) -> Option<String> {
    (!text.contains(SECRET)).then(|| text.replace(MARK, SECRET))
}

/// Whether inputs are to be made long by repetition, so that what takes quadratic time runs into the
/// fuzzer's -timeout. `run` asks for it when it replays what the fuzzer has found.
pub fn grow() -> bool {
    static GROW: OnceLock<bool> = OnceLock::new();
    *GROW.get_or_init(|| std::env::var_os("KEYBEARER_FUZZ_GROW").is_some())
}

/// Holds one line that an operator would read against what every line must keep.
#[track_caller]
pub fn check_line(line: &str) {
    check_hidden(line);
    assert!(!line.is_empty(), "an empty line");
    assert!(!line.contains(char::is_control), "control characters in {line:?}");
}

/// Holds a text of several lines against what every text must keep.
#[track_caller]
pub fn check_hidden(text: &str) {
    assert!(!text.contains(SECRET), "a value shows in {text:?}");
}

/// Whether the secret is part of a key or table name of the document: those are shown in messages.
pub fn is_in_a_key(document: &str) -> bool {
    fn holds(table: &toml::Table) -> bool {
        table.iter().any(|(key, value)| key.contains(SECRET) || holds_below(value))
    }
    fn holds_below(value: &toml::Value) -> bool {
        match value {
            toml::Value::Table(table) => holds(table),
            toml::Value::Array(items) => items.iter().any(holds_below),
            _ => false,
        }
    }
    toml::from_str(document).is_ok_and(|table: toml::Table| holds(&table))
}
