use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::libc;
use nix::unistd::Pid;

/// How a process ended. The signal is a number: nix's enum does not know the realtime ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Code(u8),
    Signal(i32),
}

impl Ending {
    /// What a shell would report: the code, or 128 and the signal.
    pub fn exit_code(self) -> u8 {
        match self {
            Ending::Code(code) => code,
            Ending::Signal(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ending::Code(code) => write!(f, "exit code {code}"),
            Ending::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
                Ok(signal) => f.write_str(signal.as_str()),
                Err(_) => write!(f, "signal {number}"),
            },
        }
    }
}

/// What happened to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Ended(Ending),
    /// It stopped for job control.
    Stopped,
}

/// The next child with news, left as it is: an ended one stays a zombie, so that its process id and
/// its group's id cannot be somebody else's yet. waitid(2), WNOWAIT
pub fn look() -> io::Result<Option<(Pid, Change)>> {
    wait(libc::P_ALL, 0, libc::WEXITED | libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT)
}

/// The same for one child.
pub fn look_at(child: Pid) -> io::Result<Option<Change>> {
    let flags = libc::WEXITED | libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT;
    let news = wait(libc::P_PID, child.as_raw().unsigned_abs(), flags)?;
    Ok(news.map(|(_, change)| change))
}

/// Takes the end of `child` off the kernel's hands.
pub fn reap(child: Pid) -> io::Result<()> {
    wait(libc::P_PID, child.as_raw().unsigned_abs(), libc::WEXITED | libc::WNOHANG).map(drop)
}

/// Takes in the end of a child that was killed. It is a matter of moments; but a file system that hangs,
/// or somebody who traces it, may hold it up for ever, and then it is let go of: None.
pub fn reap_within(child: Pid, most: Duration) -> io::Result<Option<Ending>> {
    const PAUSE: Duration = Duration::from_micros(500);
    let until = Instant::now() + most;
    loop {
        let id = child.as_raw().unsigned_abs();
        match wait(libc::P_PID, id, libc::WEXITED | libc::WNOHANG)? {
            Some((_, Change::Ended(ending))) => return Ok(Some(ending)),
            Some((_, Change::Stopped)) | None if Instant::now() >= until => return Ok(None),
            Some((_, Change::Stopped)) | None => sleep(PAUSE),
        }
    }
}

/// Takes the stop of `child` off the kernel's hands, and nothing else: it may have ended since it was
/// looked at, and its end must be seen by the next look.
pub fn acknowledge_stop(child: Pid) -> io::Result<()> {
    wait(libc::P_PID, child.as_raw().unsigned_abs(), libc::WSTOPPED | libc::WNOHANG).map(drop)
}

fn wait(
    kind: libc::idtype_t,
    id: libc::id_t,
    flags: libc::c_int,
) -> io::Result<Option<(Pid, Change)>> {
    // SAFETY: siginfo_t is plain data, for which all zeros is a value; waitid(2) fills it, and
    // leaves si_pid zero where WNOHANG found nothing.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: `info` lives for the time of the call.
    if unsafe { libc::waitid(kind, id, &raw mut info, flags) } == -1 {
        let error = io::Error::last_os_error();
        // No children at all is no news either.
        return if error.raw_os_error() == Some(libc::ECHILD) { Ok(None) } else { Err(error) };
    }
    // SAFETY: waitid succeeded, so the SIGCHLD fields of the union are the ones in use.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let change = match info.si_code {
        libc::CLD_EXITED => Change::Ended(Ending::Code(status as u8)),
        libc::CLD_STOPPED | libc::CLD_TRAPPED => Change::Stopped,
        _ => Change::Ended(Ending::Signal(status)),
    };
    Ok(Some((Pid::from_raw(pid), change)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use nix::sys::signal::{Signal, kill};
    use nix::sys::wait::{Id, WaitPidFlag, waitid};

    use super::*;

    #[test]
    fn a_child_that_does_not_end_is_let_go_of() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep is everywhere");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        let most = Duration::from_millis(20);
        assert_eq!(reap_within(pid, most).expect("it is there"), None);
        kill(pid, Signal::SIGKILL).expect("it is ours");
        let most = Duration::from_secs(60);
        assert_eq!(reap_within(pid, most).expect("it is there"), Some(Ending::Signal(9)));
        assert!(child.wait().is_err(), "it is no zombie");
    }

    #[test]
    fn a_child_that_ends_right_after_its_stop_is_not_lost() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep is everywhere");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        kill(pid, Signal::SIGSTOP).expect("it is ours");
        let stopped = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(pid), stopped).expect("it is there");
        kill(pid, Signal::SIGKILL).expect("it is ours");
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).expect("it is there");

        acknowledge_stop(pid).expect("no stop is no error");
        assert_eq!(child.wait().expect("its end is still there").signal(), Some(9));
    }
}
