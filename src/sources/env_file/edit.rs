use std::ops::Range;

use zeroize::Zeroizing;

use crate::secrets::{Name, Secret};

use super::Assignment;
use super::style::Style;

/// What becomes of one variable.
#[derive(Debug)]
pub struct Edit<'a> {
    pub name: &'a Name,
    pub change: Change<'a>,
}

#[derive(Debug)]
pub enum Change<'a> {
    Keep,
    Set(&'a Secret),
    Remove,
}

/// Why the file cannot be edited; without anything of its values.
#[derive(Debug, PartialEq, Eq)]
pub enum EditError {
    /// Which one is meant, nobody can know.
    Duplicate { name: Name, lines: Vec<usize> },
    /// A NUL byte, or a Windows line end: no env file carries one.
    Unwritable { name: Name },
    /// Nothing to write this new variable next to.
    NoPlace { name: Name },
}

/// The file with its edits; every other byte stays. `assignments` are what `parse` says of `bytes`.
///
/// The edits are of variables that belong together: a new one gets a line of its own after the last of
/// those that are named before it here.
pub fn edit(
    bytes: &[u8],
    assignments: &[Assignment],
    edits: &[Edit<'_>],
) -> Result<Zeroizing<Vec<u8>>, EditError> {
    let mut splices: Vec<Splice> = Vec::new();
    let mut neighbour: Option<Neighbour> = None;
    for Edit { name, change } in edits {
        let standing = find(assignments, name, change)?;
        match (standing, change) {
            (None, Change::Keep | Change::Remove) => {}
            (Some(assignment), Change::Keep) => {
                neighbour = Some(Neighbour::kept(bytes, assignment));
            }
            (Some(assignment), Change::Remove) => {
                splices.push(Splice { at: line(bytes, assignment), text: Zeroizing::default() });
            }
            (Some(assignment), Change::Set(value)) => {
                check(name, value)?;
                let (splice, style) = replacement(bytes, assignment, value);
                splices.push(splice);
                neighbour = Some(Neighbour::replaced(bytes, assignment, style));
            }
            (None, Change::Set(value)) => {
                check(name, value)?;
                let no_place = || EditError::NoPlace { name: Name::clone(name) };
                let neighbour = neighbour.as_ref().ok_or_else(no_place)?;
                splices.push(neighbour.new_line(name, value));
            }
        }
    }
    Ok(apply(bytes, splices))
}

/// The last one counts, where it may stand more than once: where it is left alone.
fn find<'a>(
    assignments: &'a [Assignment],
    name: &Name,
    change: &Change<'_>,
) -> Result<Option<&'a Assignment>, EditError> {
    let standing: Vec<&Assignment> = assignments.iter().filter(|a| a.name == *name).collect();
    match change {
        Change::Set(_) | Change::Remove if standing.len() > 1 => {
            let lines = standing.iter().map(|assignment| assignment.line).collect();
            Err(EditError::Duplicate { name: name.clone(), lines })
        }
        _ => Ok(standing.last().copied()),
    }
}

fn check(name: &Name, value: &Secret) -> Result<(), EditError> {
    let text = value.expose();
    match text.contains('\0') || text.contains("\r\n") {
        true => Err(EditError::Unwritable { name: name.clone() }),
        false => Ok(()),
    }
}

/// One stretch of the file and what stands there instead.
struct Splice {
    at: Range<usize>,
    text: Zeroizing<Vec<u8>>,
}

fn replacement(bytes: &[u8], assignment: &Assignment, value: &Secret) -> (Splice, Style) {
    let Range { start, end } = assignment.span;
    let raw = bytes.get(start..end).unwrap_or_default();
    let spaces = raw.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let text = value.expose();
    let style = match Style::of(raw) {
        Some(style) => Style::instead_of(style, text),
        None => Style::beside(Style::Bare, text),
    };
    let mut written = room_for(text, 0);
    style.write(text, &mut written);
    (Splice { at: start + spaces..end, text: written }, style)
}

/// Where a new line goes, and how its value is written there.
struct Neighbour {
    at: usize,
    style: Style,
    /// The file ends behind it without a line end.
    is_unended: bool,
}

impl Neighbour {
    fn replaced(bytes: &[u8], assignment: &Assignment, style: Style) -> Neighbour {
        let end = assignment.span.end;
        match bytes.get(end) {
            Some(_) => Neighbour { at: end + 1, style, is_unended: false },
            None => Neighbour { at: end, style, is_unended: true },
        }
    }

    fn kept(bytes: &[u8], assignment: &Assignment) -> Neighbour {
        let raw = bytes.get(assignment.span.clone()).unwrap_or_default();
        let style = Style::of(raw).unwrap_or(Style::Bare);
        let mut neighbour = Neighbour::replaced(bytes, assignment, style);
        // A backslash continues the value over the last line end of the file: a line behind it would
        // be part of the value.
        let backslashes = raw.iter().rev().take_while(|byte| **byte == b'\\').count();
        neighbour.is_unended |= neighbour.at == bytes.len() && backslashes % 2 == 1;
        neighbour
    }

    fn new_line(&self, name: &Name, value: &Secret) -> Splice {
        let text = value.expose();
        let mut written = room_for(text, name.as_str().len());
        if self.is_unended {
            written.push(b'\n');
        }
        written.extend(name.as_str().as_bytes());
        written.push(b'=');
        Style::beside(self.style, text).write(text, &mut written);
        if !self.is_unended {
            written.push(b'\n');
        }
        Splice { at: self.at..self.at, text: written }
    }
}

/// The assignment from the start of its first line to the start of what follows its last.
fn line(bytes: &[u8], assignment: &Assignment) -> Range<usize> {
    let before = bytes.get(..assignment.span.start).unwrap_or_default();
    // A name has no line end in it, so this is where its own line begins.
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    start..bytes.len().min(assignment.span.end + 1)
}

/// No smaller copy of a secret is left behind by growth: each byte may be escaped.
fn room_for(value: &str, name: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(2 * value.len() + name + 4))
}

fn apply(bytes: &[u8], mut splices: Vec<Splice>) -> Zeroizing<Vec<u8>> {
    // Stable, so that new lines in one place keep the order of their edits; one that begins where a
    // removed line does comes first.
    splices.sort_by_key(|splice| (splice.at.start, splice.at.end));
    let added: usize = splices.iter().map(|splice| splice.text.len()).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len() + added));
    let mut done = 0;
    for Splice { at, text } in splices {
        out.extend(bytes.get(done..at.start).unwrap_or_default());
        out.extend(text.iter());
        done = at.end;
    }
    out.extend(bytes.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests;
