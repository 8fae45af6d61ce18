use std::fmt;

use crate::exit::Exit;
use crate::log::printable;
use crate::secrets::Name;

use super::fault::Fault;

/// Everything that breaks the schema, at once and without values.
#[derive(Debug)]
pub struct Report {
    pub violations: Vec<Violation>,
    /// What was warned about on the way; the caller still wants to say it.
    pub warnings: Vec<String>,
}

/// One rule that is broken.
#[derive(Debug)]
pub struct Violation {
    /// None where several variables break a rule together.
    pub name: Option<Name>,
    pub message: String,
}

impl Report {
    pub fn exit(&self) -> Exit {
        Exit::Config
    }
}

impl Violation {
    pub(super) fn new(name: Option<Name>, source: Option<&str>, fault: Fault) -> Self {
        // The schema's own texts are in them, and it is not keybearer's file.
        let (problem, mend) = (printable(&fault.problem), printable(&fault.mend));
        let message = match source {
            Some(source) => format!("{problem} (in {source}); {mend}"),
            None => format!("{problem}; {mend}"),
        };
        Violation { name, message }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.violations.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
