use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use super::capture::Capture;
use super::{Bench, DEADLINE, Outcome, proc};

/// A started program. Dropped, it is killed with everything it started.
#[derive(Debug)]
pub struct Running {
    pid: Pid,
    end: Arc<(Mutex<Option<ExitStatus>>, Condvar)>,
    stdout: Capture,
    stderr: Capture,
    filled: Vec<(String, &'static str)>,
}

impl Running {
    pub fn new(mut child: Child, stdin: Option<Vec<u8>>, bench: &Bench) -> Running {
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        if let Some((mut pipe, content)) = child.stdin.take().zip(stdin) {
            // A program may end without having read it all.
            std::thread::spawn(move || pipe.write_all(&content));
        }
        let stdout = Capture::of(child.stdout.take().unwrap());
        let stderr = Capture::of(child.stderr.take().unwrap());
        let end = Arc::default();
        reap(child, Arc::clone(&end));
        Running {
            pid,
            end,
            stdout,
            stderr,
            filled: vec![(bench.dir().to_str().unwrap().to_owned(), "{dir}")],
        }
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Its living children, zombies left out.
    pub fn child_pids(&self) -> Vec<Pid> {
        let living = proc::children(self.pid).into_iter().filter(|child| child.state != 'Z');
        living.map(|child| child.pid).collect()
    }

    /// The one child it has, as soon as it has one and no more: after a hand-over the one before may still
    /// be on its way out.
    #[track_caller]
    pub fn child_pid(&self) -> Pid {
        let mut children = Vec::new();
        super::eventually("one child", || {
            children = self.child_pids();
            children.len() == 1
        });
        children[0]
    }

    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits for a line on stdout that contains the text, and returns it.
    #[track_caller]
    pub fn wait_for_stdout(&self, text: &str) -> String {
        self.wait_for("stdout", &self.stdout, text)
    }

    /// Waits for a line on stderr that contains the text, and returns it.
    #[track_caller]
    pub fn wait_for_line(&self, text: &str) -> String {
        self.wait_for("stderr", &self.stderr, text)
    }

    #[track_caller]
    fn wait_for(&self, name: &str, stream: &Capture, text: &str) -> String {
        match stream.line(text, Instant::now() + DEADLINE) {
            Some(line) => line,
            None => panic!("{name} never said {text:?}\n{}", self.report()),
        }
    }

    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        // Under the lock it has not been reaped, so the id is still its own.
        let end = self.end.0.lock().unwrap();
        let sent = end.is_none() && kill(self.pid, signal).is_ok();
        drop(end);
        assert!(sent, "it has ended already\n{}", self.report());
    }

    pub fn has_ended(&self) -> bool {
        self.end.0.lock().unwrap().is_some()
    }

    /// Waits for its end, and for the end of its output.
    #[track_caller]
    pub fn wait(self) -> Outcome {
        self.wait_within(DEADLINE)
    }

    /// For what takes as long as a site takes to boot, twice.
    #[track_caller]
    pub fn wait_within(self, time: Duration) -> Outcome {
        let until = Instant::now() + time;
        let Some(status) = self.status_within(time) else {
            panic!("it did not end within {time:?}\n{}", self.report());
        };
        for stream in [&self.stdout, &self.stderr] {
            assert!(
                stream.end(until),
                "it ended, but something it started still holds its output\n{}",
                self.report()
            );
        }
        Outcome {
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout(),
            stderr: self.stderr(),
            filled: self.filled.clone(),
        }
    }

    fn status_within(&self, time: Duration) -> Option<ExitStatus> {
        let (status, changed) = &*self.end;
        let status = status.lock().unwrap();
        *changed.wait_timeout_while(status, time, |status| status.is_none()).unwrap().0
    }

    /// What it has said, for a panic.
    pub fn report(&self) -> String {
        format!("--- stdout\n{}\n--- stderr\n{}", self.stdout(), self.stderr())
    }
}

/// Waits in a thread of its own. The id is given back only under the lock: see `signal`.
fn reap(mut child: Child, end: Arc<(Mutex<Option<ExitStatus>>, Condvar)>) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    std::thread::spawn(move || {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        while waitid(Id::Pid(pid), flags).is_err() {}
        let (status, changed) = &*end;
        *status.lock().unwrap() = Some(child.wait().unwrap());
        changed.notify_all();
    });
}

impl Drop for Running {
    fn drop(&mut self) {
        let end = self.end.0.lock().unwrap();
        if end.is_none() {
            // A supervisor puts its server into another group, so the group alone is not enough.
            let descendants = proc::descendants(self.pid);
            let _ = killpg(self.pid, Signal::SIGKILL);
            for pid in descendants {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
    }
}
