use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Bench, DEADLINE, Running};

/// The service manager's side of sd_notify(3).
#[derive(Debug)]
pub struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl NotifySocket {
    pub fn new(bench: &Bench) -> NotifySocket {
        let path = bench.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        // As systemd has it: everybody may send.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        NotifySocket { socket, path }
    }

    /// For NOTIFY_SOCKET.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Until there is no room for one message more. Each comes from a socket of its own, so that it is
    /// the queue that is full and not what one sender may send.
    pub fn fill(&self) {
        loop {
            let sender = UnixDatagram::unbound().unwrap();
            sender.set_nonblocking(true).unwrap();
            match sender.send_to(b"FILLS=1", &self.path) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("cannot send: {error}"),
            }
        }
    }

    /// Every assignment up to and with the one that is waited for.
    #[track_caller]
    pub fn receive_until(&self, assignment: &str, sender: &Running) -> Vec<String> {
        let end = Instant::now() + DEADLINE;
        let mut all = Vec::new();
        while !all.iter().any(|line| line == assignment) {
            // Looked at first: what it said before it ended is there then.
            let hopeless = sender.has_ended() || Instant::now() > end;
            match self.receive() {
                Some(lines) => all.extend(lines),
                None if hopeless => panic!("no {assignment}, but {all:?}\n{}", sender.report()),
                None => (),
            }
        }
        all
    }

    /// What has come meanwhile.
    pub fn received(&self) -> Vec<String> {
        std::iter::from_fn(|| self.receive()).flatten().collect()
    }

    /// The next message: one assignment a line. None: nothing came for a moment.
    fn receive(&self) -> Option<Vec<String>> {
        let mut buffer = [0; 8 * 1024];
        let length = match self.socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return None;
            }
            Err(error) => panic!("cannot receive: {error}"),
        };
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        Some(text.lines().map(str::to_owned).collect())
    }
}
