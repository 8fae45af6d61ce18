use super::*;
use crate::config::Remote;
use crate::exit::Exit;
use crate::secrets::Secret;
use nix::poll::PollFlags;
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::time::Instant;
#[derive(Debug)]
pub struct Executable;
impl Executable {
    pub fn find() -> Result<Executable, Error> {
        Ok(Executable)
    }
}
#[derive(Debug)]
pub struct User;
impl User {
    pub fn resolve(_: Option<&str>) -> Result<User, Error> {
        Ok(User)
    }
}
#[derive(Debug)]
pub struct Job;
impl Job {
    pub fn start(
        _: &Executable,
        _: &User,
        _: &[(OsString, OsString)],
        _: &Request,
    ) -> Result<Job, Error> {
        Ok(Job)
    }
    pub fn pid(&self) -> Pid {
        Pid::this()
    }
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        todo()
    }
    pub fn interest(&self) -> PollFlags {
        PollFlags::POLLIN
    }
    pub fn deadline(&self) -> Instant {
        Instant::now()
    }
    pub fn advance(&mut self, _: Instant) -> Option<Result<Answer, Error>> {
        None
    }
    pub fn run(self, _: &dyn Fn() -> bool, _: Option<BorrowedFd<'_>>) -> Result<Answer, Error> {
        Err(Error)
    }
}
fn todo() -> BorrowedFd<'static> {
    panic!()
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct Error;
impl Error {
    pub fn exit(&self) -> Exit {
        Exit::Failure
    }
}
