use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, read};
use zeroize::Zeroizing;

use super::Tool;
use super::printed::Printed;
use super::start::{Started, start};
use crate::helper::{Failure, Got, Kind, LONGEST};
use crate::secrets::Secret;
use crate::sys::{self, Change, Ending};

/// A command that says so itself means that another try may help: EX_TEMPFAIL of sysexits.h(3head).
const TRY_AGAIN: u8 = 75;

/// Whether it has ended is looked at so often: a pipe that somebody else holds open does not tell.
const LOOK: Duration = Duration::from_millis(100);
/// The same when its pipes are closed, and its end is a matter of moments.
const LOOK_SOON: Duration = Duration::from_millis(5);

/// The supervisor has other things to do than to wait for one that was killed.
const REAPING: Duration = Duration::from_millis(200);

/// Read at a time; one that floods must not keep the supervisor from what else it does.
const PIECES: usize = 64;

/// One running command.
#[derive(Debug)]
pub struct Run {
    shown: String,
    user: String,
    used: Vec<String>,
    process: Pid,
    output: Pipe,
    complaints: Pipe,
    printed: Printed,
    /// Bytes on standard error.
    said: usize,
    within: Duration,
    deadline: Instant,
    is_over: bool,
}

/// None when its end was read.
type Pipe = Option<OwnedFd>;

impl Run {
    pub(super) fn start(tool: &Tool) -> Result<Run, Failure> {
        let Started { process, output, complaints } = start(tool)?;
        Ok(Run {
            shown: tool.shown.clone(),
            user: tool.account.to_string(),
            used: tool.used.clone(),
            process,
            output: Some(output),
            complaints: Some(complaints),
            printed: Printed::default(),
            said: 0,
            within: tool.within,
            deadline: Instant::now() + tool.within,
            is_over: false,
        })
    }

    pub fn pid(&self) -> Pid {
        self.process
    }

    /// To be polled for input.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.output.iter().chain(&self.complaints).map(AsFd::as_fd)
    }

    /// When it has to be looked at again, whatever its descriptors say.
    pub fn deadline(&self) -> Instant {
        let pipes_are_closed = self.output.is_none() && self.complaints.is_none();
        let look = if pipes_are_closed { LOOK_SOON } else { LOOK };
        self.deadline.min(Instant::now() + look)
    }

    /// Reads what can be read now. Some, once, when it is over; then none of its group is left.
    pub fn advance(&mut self, now: Instant) -> Option<Result<Got, Failure>> {
        if self.is_over {
            return None;
        }
        // Before the pipes are read: what one that has ended wrote is in them by now.
        let ending = match sys::look_at(self.process) {
            Ok(Some(Change::Ended(ending))) => Some(ending),
            // Or it would be news for ever. Nobody here makes it go on, and its time ends.
            Ok(Some(Change::Stopped)) => {
                let _ = sys::acknowledge_stop(self.process);
                None
            }
            Ok(None) | Err(_) => None,
        };
        if ending.is_some() {
            // Those that it leaves behind write no more.
            let _ = killpg(self.process, Signal::SIGKILL);
        }
        let result = match (self.read(), ending) {
            (Err(error), _) => Err(self.failed(Kind::Failed, format!("cannot be read: {error}"))),
            (Ok(_), _) if self.printed.is_too_much() => {
                Err(self.failed(Kind::Wrong, format!("printed more than {LONGEST} bytes")))
            }
            (Ok(true), Some(ending)) => self.verdict(ending),
            (Ok(_), _) if now < self.deadline => return None,
            (Ok(_), _) => {
                let late = format!("did not end within {:?}{}", self.within, self.complaint());
                Err(self.failed(Kind::Unreachable, late))
            }
        };
        self.end();
        Some(result)
    }

    /// True: nothing more has been printed by now. Who floods standard error keeps nobody from the end.
    fn read(&mut self) -> Result<bool, Errno> {
        let printed = &mut self.printed;
        let is_empty = drain(&mut self.output, |pipe| match printed.is_too_much() {
            true => Ok(0),
            false => read(pipe, printed.room()).inspect(|count| printed.filled(*count)),
        })?;
        // A secret may be quoted there.
        let mut unread = Zeroizing::new([0; 4096]);
        let said = &mut self.said;
        drain(&mut self.complaints, |pipe| {
            read(pipe, &mut unread[..]).inspect(|count| *said = said.saturating_add(*count))
        })?;
        Ok(is_empty)
    }

    fn verdict(&self, ending: Ending) -> Result<Got, Failure> {
        let (kind, what) = match ending {
            Ending::Code(0) => return self.text(),
            Ending::Code(code) => {
                let kind = if code == TRY_AGAIN { Kind::Unreachable } else { Kind::Failed };
                (kind, format!("ended with exit code {code}"))
            }
            Ending::Signal(_) => (Kind::Unreachable, format!("was killed by {ending}")),
        };
        Err(self.failed(kind, format!("{what}{}", self.complaint())))
    }

    /// All of it under no name: its source knows how to read it.
    fn text(&self) -> Result<Got, Failure> {
        let bytes = self.printed.bytes();
        let wrong = |what| Err(self.failed(Kind::Wrong, format!("printed {what}")));
        match std::str::from_utf8(bytes) {
            Err(_) => wrong("what is not UTF-8; have it encoded (base64, for instance)"),
            Ok(text) if text.contains('\0') => {
                wrong("a NUL byte, which no environment variable can carry")
            }
            Ok(text) => Ok(Got {
                entries: vec![(String::new(), Secret::new(text.to_owned()))],
                used: self.used.clone(),
                ..Got::default()
            }),
        }
    }

    fn failed(&self, kind: Kind, what: impl std::fmt::Display) -> Failure {
        Failure::new(kind, format!("{} {what}", self.shown))
    }

    fn complaint(&self) -> String {
        let user = &self.user;
        match self.said {
            0 => format!(" and said nothing; run it by hand as user '{user}'"),
            said => format!(
                "; it wrote {said} bytes to standard error, which are not shown: run it by hand as user '{user}' to read them"
            ),
        }
    }

    /// Kills what is left of its group, and reaps it.
    fn end(&mut self) {
        self.is_over = true;
        // Nobody else reaps it, so the id is still its own.
        let _ = killpg(self.process, Signal::SIGKILL);
        let _ = kill(self.process, Signal::SIGKILL);
        // One that is held up by others is reaped with the orphans, in its time.
        let _ = sys::reap_within(self.process, REAPING);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.is_over {
            self.end();
        }
    }
}

/// Reads piece after piece. True: nothing more is there now.
fn drain(
    pipe: &mut Pipe,
    mut read: impl FnMut(BorrowedFd<'_>) -> Result<usize, Errno>,
) -> Result<bool, Errno> {
    for _ in 0..PIECES {
        let Some(open) = pipe else { return Ok(true) };
        match read(open.as_fd()) {
            Ok(0) => *pipe = None,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(pipe.is_none())
}
