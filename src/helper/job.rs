use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd::Pid;
use zeroize::Zeroizing;

use super::message::LONGEST;
use super::reply::Reply;
use super::{Answer, Error, Executable, Request, User, decode_answer, encode_request, start};
use crate::sys::{self, Change, Ending};

/// The helper keeps the deadline itself, and says of each source what became of it; only one that is
/// stuck needs this much more.
const GRACE: Duration = Duration::from_secs(2);
/// The supervisor has other things to do than to wait for one that was killed.
const REAPING: Duration = Duration::from_millis(200);

/// One running helper.
pub struct Job {
    process: Pid,
    channel: OwnedFd,
    state: State,
    within: Duration,
    deadline: Instant,
}

enum State {
    Telling {
        bytes: Zeroizing<Vec<u8>>,
        sent: usize,
    },
    Hearing(Reply),
    /// Its process is no more.
    Over,
}

impl Job {
    pub fn start(
        executable: &Executable,
        user: &User,
        variables: &[(OsString, OsString)],
        request: &Request,
    ) -> Result<Job, Error> {
        let bytes = with_length(&encode_request(request))?;
        let (process, channel) = start::start(executable, user, variables)?;
        let state = State::Telling { bytes, sent: 0 };
        let within = request.within;
        let deadline = Instant::now() + within + GRACE;
        Ok(Job { process, channel, state, within, deadline })
    }

    pub fn pid(&self) -> Pid {
        self.process
    }

    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    /// What to poll its descriptor for.
    pub fn interest(&self) -> PollFlags {
        match self.state {
            State::Telling { .. } => PollFlags::POLLOUT,
            State::Hearing(_) => PollFlags::POLLIN,
            State::Over => PollFlags::empty(),
        }
    }

    /// When it has to be looked at again, whatever its descriptor says.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Sends and reads what can be sent and read now. Some, once, when it is over; then its process is
    /// gone as well.
    pub fn advance(&mut self, now: Instant) -> Option<Result<Answer, Error>> {
        if let State::Over = self.state {
            return None;
        }
        if let Ok(Some(Change::Stopped)) = sys::look_at(self.process) {
            // Or it would be news for ever. Nobody here makes it go on, and its time ends.
            let _ = sys::acknowledge_stop(self.process);
        }
        let result = match self.speak() {
            None if now < self.deadline => return None,
            None => Err(Error::Late(self.within)),
            Some(result) => result,
        };
        let ended = self.end();
        Some(match result {
            Err(Error::HungUp) => Err(ended.map_or(Error::HungUp, Error::Ended)),
            other => other,
        })
    }

    /// Some when nothing more is to be said or heard.
    fn speak(&mut self) -> Option<Result<Answer, Error>> {
        if let State::Telling { bytes, sent } = &mut self.state {
            while *sent < bytes.len() {
                // No PIPE: somebody who has gone is nothing to die of.
                let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
                match send(self.channel.as_raw_fd(), &bytes[*sent..], flags) {
                    Ok(count) => *sent += count,
                    Err(Errno::EAGAIN) => return None,
                    Err(Errno::EINTR) => {}
                    Err(Errno::EPIPE | Errno::ECONNRESET) => return Some(Err(Error::HungUp)),
                    Err(error) => return Some(Err(Error::Wait { what: "send", error })),
                }
            }
            self.state = State::Hearing(Reply::default());
        }
        let State::Hearing(reply) = &mut self.state else { return None };
        loop {
            let room = match reply.room() {
                Ok([]) => break,
                Ok(room) => room,
                Err(error) => return Some(Err(error)),
            };
            match recv(self.channel.as_raw_fd(), room, MsgFlags::MSG_DONTWAIT) {
                Ok(0) | Err(Errno::ECONNRESET) => return Some(Err(Error::HungUp)),
                Ok(count) => reply.filled(count),
                Err(Errno::EAGAIN) => return None,
                Err(Errno::EINTR) => {}
                Err(error) => return Some(Err(Error::Wait { what: "recv", error })),
            }
        }
        Some(decode_answer(reply.message()).map_err(|_| Error::Unreadable))
    }

    /// Kills what is left of it and reaps it. How it ended, where it was not by this: one whose socket is
    /// closed is on its way out, and then a signal changes nothing any more.
    fn end(&mut self) -> Option<Ending> {
        self.state = State::Over;
        let before = match sys::look_at(self.process) {
            Ok(Some(Change::Ended(ending))) => Some(ending),
            Ok(Some(Change::Stopped) | None) | Err(_) => None,
        };
        // Nobody else reaps it, so the id is still its own.
        let _ = killpg(self.process, Signal::SIGKILL);
        let _ = kill(self.process, Signal::SIGKILL);
        // One that is held up by others is reaped with the orphans, in its time.
        let after = sys::reap_within(self.process, REAPING).ok().flatten();
        before.or(after.filter(|ending| *ending != Ending::Signal(Signal::SIGKILL as i32)))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        match self.state {
            State::Over => {}
            State::Telling { .. } | State::Hearing(_) => drop(self.end()),
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("process", &self.process).finish_non_exhaustive()
    }
}

/// 8 bytes of length, then the message.
fn with_length(message: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    if message.len() > LONGEST {
        return Err(Error::TooMuch { size: message.len(), limit: LONGEST });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 + message.len()));
    bytes.extend_from_slice(&(message.len() as u64).to_be_bytes());
    bytes.extend_from_slice(message);
    Ok(bytes)
}
