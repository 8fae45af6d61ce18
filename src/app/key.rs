use std::io::Write;

use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::secrets::{self, NoRandomness};

use super::output::{Unwritable, print};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    Output(#[from] Unwritable),
}

impl Error {
    pub fn exit(&self) -> Exit {
        match self {
            Error::Random(error) => error.exit(),
            Error::Output(error) => error.exit(),
        }
    }
}

/// `keybearer key`
///
/// `out` must not keep a copy: a buffer of its own would not be wiped.
pub fn run(out: &mut impl Write) -> Result<(), Error> {
    let key = secrets::generate()?;
    let mut line = Zeroizing::new(String::with_capacity(key.expose().len() + 1));
    line.push_str(key.expose());
    line.push('\n');
    Ok(print(out, line.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_64() {
        let mut out = Vec::new();
        run(&mut out).unwrap();
        assert_eq!(out.iter().position(|byte| *byte == b'\n'), Some(64));
        assert_eq!(out.len(), 65);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let error = run(&mut full).unwrap_err();
        assert_eq!(error.exit(), Exit::Failure);
        assert!(error.to_string().starts_with("cannot write to standard output: "), "{error}");
    }
}
