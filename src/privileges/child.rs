use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{OwnedFd, RawFd};

use nix::fcntl::OFlag;
use nix::unistd::{Pid, pipe2};

use super::Failure;
use crate::sys::{self, Forked};

/// Why there is no process.
#[derive(Debug)]
pub enum Unborn {
    /// It could not be made.
    Process { what: &'static str, error: io::Error },
    /// It was there, and has said why it left.
    Failed(Failure),
}

/// Forks; the child does `work`, whose last step is exec, and reports why it failed over a close-on-exec
/// pipe whose end has a number from `above` up. Returns when exec has worked.
pub fn in_child(above: RawFd, work: impl FnOnce() -> Result<(), Failure>) -> Result<Pid, Unborn> {
    let process = |what| move |error| Unborn::Process { what, error };
    let (reader, writer) =
        pipe2(OFlag::O_CLOEXEC).map_err(|error| process("pipe")(error.into()))?;
    let writer = sys::move_above(writer, above).map_err(process("dup"))?;
    match sys::fork().map_err(process("fork"))? {
        Forked::Child => {
            if let Err(failure) = work() {
                let _ = File::from(writer).write_all(&failure.to_bytes());
            }
            sys::exit_now(0)
        }
        Forked::Parent(child) => {
            drop(writer);
            match verdict(reader) {
                None => Ok(child),
                Some(failure) => {
                    // It has said why and leaves; nobody else must find its zombie.
                    let _ = nix::sys::wait::waitpid(child, None);
                    Err(Unborn::Failed(failure))
                }
            }
        }
    }
}

/// The pipe ends without a word when exec has closed it.
fn verdict(reader: OwnedFd) -> Option<Failure> {
    let mut bytes = [0; 5];
    File::from(reader).read_exact(&mut bytes).ok()?;
    Failure::from_bytes(bytes)
}
