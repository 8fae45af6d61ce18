//! Programs of the system in the helper's place: what becomes of those that do not answer.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::{Answer, Error, Job};
use crate::helper::{self, Executable, Request, User, Work};

fn start(program: &str, within: Duration) -> Job {
    let user = User::resolve(None).expect("somebody");
    let request = Request { within, work: Work::Fetch(Vec::new()) };
    let job = helper::Job::start(&Executable::at(program), &user, &[], &request);
    Job::new(Some(job.expect("it starts")), Vec::new())
}

fn process(job: &Job) -> Pid {
    job.pids().next().expect("the helper's")
}

fn run(program: &str) -> Result<Answer, Error> {
    start(program, Duration::from_secs(30)).run(&|| false, None)
}

#[test]
fn one_that_ends_without_a_word_is_named_with_its_code() {
    for (program, said) in [
        ("/usr/bin/true", "keybearer-store ended with code 0 before it answered"),
        ("/usr/bin/false", "keybearer-store ended with code 1 before it answered"),
    ] {
        let error = run(program).expect_err("no answer");
        assert_eq!((error.to_string().as_str(), error.exit().code()), (said, 75));
    }
}

/// It reads what it is told and says nothing.
const SILENT: &str = "/usr/bin/md5sum";

#[test]
fn one_that_is_killed_is_named_with_the_signal() {
    let job = start(SILENT, Duration::from_secs(30));
    kill(process(&job), Signal::SIGSEGV).expect("it is there");
    let error = job.run(&|| false, None).expect_err("no answer");
    assert_eq!(error.to_string(), "keybearer-store was killed by SIGSEGV before it answered");
}

#[test]
fn one_that_hangs_is_ended_when_its_time_is_over() {
    let job = start(SILENT, Duration::from_millis(1));
    let pid = process(&job);
    let error = job.run(&|| false, None).expect_err("no answer");
    assert_eq!(error.to_string(), "keybearer-store did not answer within 1ms");
    assert_eq!(error.exit().code(), 75);
    assert!(waitpid(pid, None).is_err(), "it is still a child");
}

#[test]
fn one_that_nobody_waits_for_any_more_is_ended() {
    let job = start(SILENT, Duration::from_secs(1000));
    let pid = process(&job);
    drop(job);
    assert!(waitpid(pid, None).is_err(), "it is still a child");

    let job = start(SILENT, Duration::from_secs(1000));
    let pid = process(&job);
    assert!(matches!(job.run(&|| true, None), Err(Error::Interrupted)));
    assert!(waitpid(pid, None).is_err(), "it is still a child");
}

#[test]
fn one_that_cannot_be_executed_says_so() {
    let user = User::resolve(None).expect("somebody");
    let request = Request { within: Duration::from_secs(1), work: Work::Fetch(Vec::new()) };
    let error = helper::Job::start(&Executable::at("/etc/passwd"), &user, &[], &request);
    let error = error.expect_err("it is no program").to_string();
    assert!(error.starts_with("cannot execute '/etc/passwd' as user '"), "{error}");
    assert!(error.ends_with("': permission denied; run: chmod 755 /etc/passwd"), "{error}");
}
