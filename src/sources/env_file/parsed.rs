use std::fmt;
use std::ops::Range;

use crate::secrets::{Name, Secret};

/// An env file without syntax errors.
#[derive(Debug, Default)]
pub struct Parsed {
    /// In the file's order, duplicates included: the last one counts.
    pub assignments: Vec<Assignment>,
    pub remarks: Vec<Remark>,
}

#[derive(Debug)]
pub struct Assignment {
    pub name: Name,
    pub value: Secret,
    pub line: usize,
    /// The bytes between the `=` and the end of the line, quotes and all.
    pub span: Range<usize>,
}

/// What systemd accepts and the operator may not have meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    Duplicate { name: Name, first: usize, line: usize },
    HashInValue { name: Name, line: usize },
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Duplicate { name, first, line } => {
                write!(f, "{name} is on line {first} and again on line {line}; the last one counts")
            }
            Remark::HashInValue { name, line } => write!(
                f,
                "line {line}: the '#' after white space is part of {name}; a comment needs a line of its own"
            ),
        }
    }
}
