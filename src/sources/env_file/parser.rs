use std::collections::HashMap;
use std::ops::Range;

use zeroize::Zeroizing;

use crate::secrets::{Name, Secret};

use super::{Assignment, Parsed, Problem, Remark, SyntaxError};

/// Reads a whole env file, in one pass over its bytes, and finds all errors at once.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Vec<SyntaxError>> {
    let mut parser = Parser::new(bytes);
    parser.refuse_bytes();
    parser.skip_byte_order_mark();
    while parser.skip_to_assignment() {
        parser.assignment();
    }
    if parser.errors.is_empty() {
        return Ok(parser.parsed);
    }
    parser.errors.sort_unstable();
    Err(parser.errors)
}

struct Parser<'a> {
    bytes: &'a [u8],
    here: Mark,
    parsed: Parsed,
    /// The line where each name stood last.
    lines: HashMap<Name, usize>,
    errors: Vec<SyntaxError>,
    lone_carriage_return: bool,
}

/// A place in the file; its column is counted only when somebody must be told.
#[derive(Clone, Copy)]
struct Mark {
    at: usize,
    line: usize,
    line_start: usize,
}

/// A value that was read to its end.
struct Value {
    bytes: Zeroizing<Vec<u8>>,
    hash_after_space: bool,
}

impl<'a> Parser<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Parser {
            bytes,
            here: Mark { at: 0, line: 1, line_start: 0 },
            parsed: Parsed::default(),
            lines: HashMap::new(),
            errors: Vec::new(),
            lone_carriage_return: false,
        }
    }

    /// NUL bytes and CRLF, wherever they stand: the first NUL of a line, the first CRLF of all.
    fn refuse_bytes(&mut self) {
        let mut mark = self.here;
        let mut nul_line = 0;
        let mut crlf = false;
        for (at, &byte) in self.bytes.iter().enumerate() {
            mark.at = at;
            match byte {
                b'\n' => mark = Mark { at, line: mark.line + 1, line_start: at + 1 },
                0 if nul_line != mark.line => {
                    nul_line = mark.line;
                    self.error(mark, Problem::Nul);
                }
                b'\r' if !crlf && self.bytes.get(at + 1) == Some(&b'\n') => {
                    crlf = true;
                    self.error(mark, Problem::CarriageReturn);
                }
                _ => {}
            }
        }
    }

    fn skip_byte_order_mark(&mut self) {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        if self.bytes.starts_with(BYTE_ORDER_MARK) {
            self.error(self.here, Problem::ByteOrderMark);
            self.here.at = BYTE_ORDER_MARK.len();
            self.here.line_start = self.here.at;
        }
    }

    /// Over white space and comments; false at the end of the file.
    fn skip_to_assignment(&mut self) -> bool {
        loop {
            match self.peek() {
                None => return false,
                Some(b' ' | b'\t' | b'\n' | b'\r') => {
                    self.next_unquoted();
                }
                Some(b'#' | b';') => self.comment(),
                Some(_) => return true,
            }
        }
    }

    fn comment(&mut self) {
        let mut escape = None;
        loop {
            let mark = self.here;
            match self.next_unquoted() {
                None | Some(b'\n') => break,
                Some(b'\\') if escape.is_none() => escape = Some(mark),
                Some(_) => escape = None,
            }
        }
        // Harmless unless the next line is an assignment, which systemd before 254 loses.
        if let Some(mark) = escape {
            let rest = self.bytes.get(self.here.at..).unwrap_or_default();
            let next = rest.iter().find(|b| !matches!(b, b' ' | b'\t'));
            if !matches!(next, None | Some(b'\n' | b'\r' | b'#' | b';')) {
                self.error(mark, Problem::ContinuedComment);
            }
        }
    }

    fn assignment(&mut self) {
        let start = self.here;
        let Some(key) = self.key() else { return };
        let name = name(self.bytes.get(key).unwrap_or_default());
        if let Err(problem) = name {
            self.error(start, problem);
        }
        let value_start = self.here;
        // Read in any case: a quoted value may hold line ends.
        let Some(value) = self.value() else { return };
        let span = value_start.at..self.value_end(value_start);
        let Some(value_text) = self.utf8(value_start, &span, value.bytes) else {
            return;
        };
        let Ok(name) = name else { return };

        let line = start.line;
        if let Some(first) = self.lines.insert(name.clone(), line) {
            self.parsed.remarks.push(Remark::Duplicate { name: name.clone(), first, line });
        }
        if value.hash_after_space {
            self.parsed.remarks.push(Remark::HashInValue { name: name.clone(), line });
        }
        self.parsed.assignments.push(Assignment { name, value: value_text, line, span });
    }

    /// Up to and over the `=`; None where the line has none.
    fn key(&mut self) -> Option<Range<usize>> {
        let start = self.here;
        loop {
            let end = self.here.at;
            match self.next_unquoted() {
                Some(b'=') => return Some(start.at..end),
                None | Some(b'\n') => {
                    let line = self.bytes.get(start.at..end).unwrap_or_default();
                    let exported = starts_with_export(line);
                    let problem = if exported { Problem::Export } else { Problem::NoEquals };
                    self.error(start, problem);
                    return None;
                }
                Some(_) => {}
            }
        }
    }

    /// White space, then quoted parts with white space between them; from the first other character
    /// on it is unquoted, and quotes are characters like others.
    fn value(&mut self) -> Option<Value> {
        let mut value = Value { bytes: Zeroizing::new(Vec::new()), hash_after_space: false };
        loop {
            let mark = self.here;
            match self.next_unquoted() {
                None | Some(b'\n') => return Some(value),
                Some(b' ' | b'\t' | b'\r') => {}
                Some(quote @ (b'\'' | b'"')) => {
                    let closed = match quote {
                        b'\'' => self.single_quoted(&mut value.bytes),
                        _ => self.double_quoted(&mut value.bytes),
                    };
                    if !closed {
                        self.error(mark, Problem::UnclosedQuote);
                        return None;
                    }
                }
                Some(_) => {
                    // A '#' right after the '=' is a key that starts with one.
                    let after_equals = self.byte_before(mark) == Some(b'=');
                    value.hash_after_space =
                        self.bytes.get(mark.at) == Some(&b'#') && !after_equals;
                    self.rewind(mark);
                    return self.unquoted(value);
                }
            }
        }
    }

    fn unquoted(&mut self, mut value: Value) -> Option<Value> {
        // White space at the end goes, unless a backslash came before or after it.
        let mut end = value.bytes.len();
        loop {
            let mark = self.here;
            match self.next_unquoted() {
                None | Some(b'\n') => {
                    value.bytes.truncate(end);
                    return Some(value);
                }
                Some(b'\\') => {
                    match self.next_unquoted() {
                        None => {
                            self.error(mark, Problem::BackslashAtEnd);
                            return None;
                        }
                        Some(b'\n') => {}
                        Some(byte) => value.bytes.push(byte),
                    }
                    end = value.bytes.len();
                }
                Some(byte @ (b' ' | b'\t' | b'\r')) => value.bytes.push(byte),
                Some(byte) => {
                    let before = self.byte_before(mark);
                    value.hash_after_space |= byte == b'#' && matches!(before, Some(b' ' | b'\t'));
                    value.bytes.push(byte);
                    end = value.bytes.len();
                }
            }
        }
    }

    /// Everything up to the next quote counts as it is.
    fn single_quoted(&mut self, value: &mut Vec<u8>) -> bool {
        loop {
            match self.next() {
                None => return false,
                Some(b'\'') => return true,
                Some(byte) => value.push(byte),
            }
        }
    }

    fn double_quoted(&mut self, value: &mut Vec<u8>) -> bool {
        loop {
            match self.next() {
                None => return false,
                Some(b'"') => return true,
                Some(b'\\') => match self.next() {
                    None => return false,
                    Some(byte @ (b'"' | b'\\' | b'`' | b'$')) => value.push(byte),
                    Some(b'\n') => {}
                    // Before anything else the backslash stays, as in a shell.
                    Some(byte) => value.extend([b'\\', byte]),
                },
                Some(byte) => value.push(byte),
            }
        }
    }

    /// Where the value that began at `start` and was just read ends: before its line end.
    fn value_end(&self, start: Mark) -> usize {
        let end = self.here.at;
        match self.byte_before(self.here) {
            Some(b'\n') if end > start.at => end - 1,
            _ => end,
        }
    }

    /// The value as text. Its raw bytes decide: taking ASCII out of valid UTF-8 leaves it valid.
    fn utf8(
        &mut self,
        start: Mark,
        span: &Range<usize>,
        mut value: Zeroizing<Vec<u8>>,
    ) -> Option<Secret> {
        let raw = self.bytes.get(span.clone()).unwrap_or_default();
        let bad = match std::str::from_utf8(raw) {
            Err(error) => error.valid_up_to(),
            Ok(_) => match String::from_utf8(std::mem::take(&mut *value)) {
                Ok(text) => return Some(Secret::new(text)),
                Err(_) => 0,
            },
        };
        let mut mark = start;
        for (at, _) in raw.iter().enumerate().take(bad).filter(|(_, byte)| **byte == b'\n') {
            mark = Mark { at, line: mark.line + 1, line_start: start.at + at + 1 };
        }
        mark.at = start.at + bad;
        self.error(mark, Problem::NotUtf8);
        None
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.here.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.here.at += 1;
        if byte == b'\n' {
            self.here.line += 1;
            self.here.line_start = self.here.at;
        }
        Some(byte)
    }

    /// Outside quotes systemd ends the line at a carriage return, wherever it stands.
    fn next_unquoted(&mut self) -> Option<u8> {
        let mark = self.here;
        let byte = self.next()?;
        let lone = byte == b'\r' && self.peek() != Some(b'\n');
        if lone && !self.lone_carriage_return {
            self.lone_carriage_return = true;
            self.error(mark, Problem::LoneCarriageReturn);
        }
        Some(byte)
    }

    fn rewind(&mut self, mark: Mark) {
        self.here = mark;
    }

    fn byte_before(&self, mark: Mark) -> Option<u8> {
        self.bytes.get(mark.at.checked_sub(1)?).copied()
    }

    fn error(&mut self, mark: Mark, problem: Problem) {
        let before = self.bytes.get(mark.line_start..mark.at).unwrap_or_default();
        // A byte of the form 10xxxxxx continues a character.
        let column = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count() + 1;
        self.errors.push(SyntaxError { line: mark.line, column, problem });
    }
}

fn name(key: &[u8]) -> Result<Name, Problem> {
    let key = key.trim_ascii_end();
    let text = std::str::from_utf8(key).map_err(|_| Problem::NoName)?;
    let wrong = if starts_with_export(key) { Problem::Export } else { Problem::NoName };
    text.parse().map_err(|_| wrong)
}

fn starts_with_export(line: &[u8]) -> bool {
    line.strip_prefix(b"export")
        .is_some_and(|rest| rest.starts_with(b" ") || rest.starts_with(b"\t"))
}

#[cfg(test)]
mod tests;
