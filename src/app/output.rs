use std::io::{self, Write};

use crate::exit::Exit;

/// What was asked for could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {}", .0.kind())]
pub struct Unwritable(io::Error);

impl Unwritable {
    pub fn exit(&self) -> Exit {
        Exit::Failure
    }
}

/// Standard output without the library's buffer, which would keep a copy of a key.
pub struct Unbuffered;

impl Write for Unbuffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The whole text, or an error: a full disk must not pass for a key that was printed.
pub fn print(out: &mut impl Write, text: &[u8]) -> Result<(), Unwritable> {
    out.write_all(text).and_then(|()| out.flush()).map_err(Unwritable)
}
