use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::{Bench, DEADLINE};

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
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        // As systemd has it: everybody may send.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        NotifySocket { socket, path }
    }

    /// For NOTIFY_SOCKET.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next message: one assignment a line.
    #[track_caller]
    pub fn receive(&self) -> Vec<String> {
        let mut buffer = [0; 8 * 1024];
        let length = match self.socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) => panic!("no message: {error}"),
        };
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        text.lines().map(str::to_owned).collect()
    }

    /// Every assignment up to and with the one that is waited for.
    #[track_caller]
    pub fn receive_until(&self, assignment: &str) -> Vec<String> {
        let mut all = Vec::new();
        while !all.iter().any(|line| line == assignment) {
            all.extend(self.receive());
        }
        all
    }
}
