use std::fmt;

use super::kind::parse_bool;

/// The one value that a variable may have; it stands in the schema and is no secret.
#[derive(Debug)]
pub(super) enum Equals {
    Text(String),
    Bool(bool),
    Integer(i64),
}

impl Equals {
    /// Whether the value means the same, however it is written.
    pub fn holds(&self, value: &str) -> bool {
        match self {
            Equals::Text(text) => text == value,
            Equals::Bool(yes) => parse_bool(value) == Some(*yes),
            Equals::Integer(number) => value.parse() == Ok(*number),
        }
    }
}

impl fmt::Display for Equals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Equals::Text(text) => f.write_str(text),
            // As Python writes it, which every reader of the environment understands.
            Equals::Bool(true) => f.write_str("True"),
            Equals::Bool(false) => f.write_str("False"),
            Equals::Integer(number) => write!(f, "{number}"),
        }
    }
}
