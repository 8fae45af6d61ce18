use std::path::Path;

use crate::files::command_word;

/// One place in an env file. It holds nothing of the file's text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SyntaxError {
    /// Both count from 1; a column is a character.
    pub line: usize,
    pub column: usize,
    pub problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    ByteOrderMark,
    CarriageReturn,
    LoneCarriageReturn,
    Nul,
    NotUtf8,
    NoEquals,
    Export,
    NoName,
    UnclosedQuote,
    BackslashAtEnd,
    ContinuedComment,
}

impl Problem {
    /// The problem and its mend, for the file that it is in.
    pub fn describe(self, path: &Path) -> String {
        let file = command_word(path);
        match self {
            Problem::ByteOrderMark => {
                format!(r"a byte order mark; run: sed -i '1s/^\xEF\xBB\xBF//' {file}")
            }
            Problem::CarriageReturn => {
                format!(r"Windows line ends (CRLF); run: sed -i 's/\r$//' {file}")
            }
            Problem::LoneCarriageReturn => {
                "a carriage return in the middle of a line, where systemd would end it; put it in quotes or take it out".to_owned()
            }
            Problem::Nul => "a NUL byte; environment variables cannot carry one".to_owned(),
            Problem::NotUtf8 => "invalid UTF-8; save the file as UTF-8".to_owned(),
            Problem::NoEquals => {
                "no '='; a line is NAME=value, and a value of several lines needs quotes".to_owned()
            }
            Problem::Export => {
                format!(r"'export' belongs to a shell; run: sed -i 's/^[ \t]*export[ \t]*//' {file}")
            }
            Problem::NoName => {
                "no variable name before the '='; a name has letters, digits and '_', and starts with no digit".to_owned()
            }
            Problem::UnclosedQuote => "this quote is never closed".to_owned(),
            Problem::BackslashAtEnd => {
                r"a '\' at the end of the file, with nothing after it; for one that counts write '\\'".to_owned()
            }
            Problem::ContinuedComment => {
                r"a comment that ends with '\': systemd before 254 takes the next line into it; take the '\' out".to_owned()
            }
        }
    }
}
