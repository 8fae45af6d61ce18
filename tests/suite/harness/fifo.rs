use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{Bench, DEADLINE};

/// Holds a program back: it reads a line from here and gets it when the test says so.
#[derive(Debug)]
pub struct Fifo {
    path: PathBuf,
    file: File,
}

impl Fifo {
    pub fn new(bench: &Bench, name: &str) -> Fifo {
        let path = bench.path(name);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        bench.site().owns(&path);
        // For both, which never waits for the other side: fifo(7).
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        Fifo { path, file }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One reader goes on.
    pub fn let_go(&self) {
        self.say("go");
    }

    /// The reader gets this line.
    pub fn say(&self, line: &str) {
        (&self.file).write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What a program has written here, at least a byte of it.
    #[track_caller]
    pub fn hear(&self) -> String {
        let deadline = PollTimeout::try_from(DEADLINE).unwrap();
        let readable = poll(&mut [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)], deadline);
        assert_eq!(readable, Ok(1), "nothing was said in '{}'", self.path.display());
        let mut buffer = [0; 64];
        let length = (&self.file).read(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}
