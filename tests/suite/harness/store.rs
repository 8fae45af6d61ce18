use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use keybearer::helper::{self, Answer, Request};

use super::keybearer;

/// Asks the helper as keybearer does, with these variables and no others.
#[track_caller]
pub fn ask_store(request: &Request, variables: &[(&str, &str)]) -> Answer {
    ask(Command::new(keybearer().with_file_name("keybearer-store")), request, variables)
}

/// The same where it may open no more descriptors than it needs to be asked and to answer.
#[track_caller]
pub fn ask_starved_store(request: &Request) -> Answer {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "ulimit -n 4; exec \"$0\""]);
    shell.arg(keybearer().with_file_name("keybearer-store"));
    ask(shell, request, &[])
}

/// How long it was tried is said where there was time for more than one try.
pub fn without_tries(message: &str) -> String {
    let Some((before, after)) = message.split_once(" (tried for up to ") else {
        return message.to_owned();
    };
    let (_, after) = after.split_once(')').unwrap();
    format!("{before}{after}")
}

#[track_caller]
fn ask(mut helper: Command, request: &Request, variables: &[(&str, &str)]) -> Answer {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let child = helper
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It holds their end, whose end is waited for.
    drop(helper);
    let bytes = helper::encode_request(request);
    ours.write_all(&(bytes.len() as u64).to_be_bytes()).unwrap();
    ours.write_all(&bytes).unwrap();
    let mut answer = Vec::new();
    ours.read_to_end(&mut answer).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "the helper failed: {said}");
    assert_eq!(said, "", "the helper speaks on its socket alone");
    let (length, answer) = answer.split_at(8);
    assert_eq!(length, (answer.len() as u64).to_be_bytes());
    helper::decode_answer(answer).unwrap()
}
