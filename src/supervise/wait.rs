use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};

use crate::timeout;

/// What is waited for: one of the descriptors or the first of the deadlines; for ever where there is
/// none.
#[derive(Debug, Default)]
pub(super) struct Wait<'a> {
    watched: Vec<PollFd<'a>>,
    deadline: Option<Instant>,
}

impl<'a> Wait<'a> {
    pub fn on(&mut self, descriptors: impl IntoIterator<Item = PollFd<'a>>) {
        self.watched.extend(descriptors);
    }

    pub fn readable(&mut self, descriptors: impl IntoIterator<Item = BorrowedFd<'a>>) {
        self.on(descriptors.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    }

    pub fn until(&mut self, deadlines: impl IntoIterator<Item = Instant>) {
        self.deadline = deadlines.into_iter().chain(self.deadline).min();
    }

    pub fn poll(mut self) -> io::Result<()> {
        match nix::poll::poll(&mut self.watched, timeout::until(self.deadline)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
