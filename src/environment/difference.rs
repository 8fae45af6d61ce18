use std::fmt;

/// What one variable did between two environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    Added(String),
    Changed(String),
    Removed(String),
}

impl Difference {
    pub fn name(&self) -> &str {
        match self {
            Difference::Added(name) | Difference::Changed(name) | Difference::Removed(name) => name,
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Added(name) => write!(f, "{name} is new"),
            Difference::Changed(name) => write!(f, "{name} changed"),
            Difference::Removed(name) => write!(f, "{name} is gone"),
        }
    }
}
