mod bind;
mod error;
mod received;
mod socket;

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

use super::ids::under_ids_of;
use crate::account::Account;
use crate::config::{Address, Listen};

pub use error::SocketError;
pub use received::Received;
use socket::{Socket, SocketFile};

/// The public sockets: bound here before privileges drop, or received from systemd. They outlive every
/// generation.
#[derive(Debug)]
pub struct Sockets {
    sockets: Vec<Socket>,
    account: Account,
}

impl Sockets {
    pub fn new(received: Received, account: &Account) -> Sockets {
        Sockets { sockets: received.0, account: account.clone() }
    }

    /// Binds what was configured and not handed over.
    pub fn bind(&mut self, configured: &Listen) -> Result<(), SocketError> {
        for address in &configured.sockets {
            let shown = address.to_string();
            if self.sockets.iter().any(|socket| socket.shown == shown) {
                continue;
            }
            let (descriptor, file) = match address {
                Address::Tcp(tcp) => (bind::tcp(address, *tcp)?, None),
                Address::Unix(path) => {
                    let (descriptor, file) =
                        bind::unix(address, path, configured.mode, &self.account)?;
                    (descriptor, Some(file))
                }
            };
            self.sockets.push(Socket { descriptor, name: "web".to_owned(), shown, file });
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// For messages.
    pub fn shown(&self) -> String {
        self.addresses().join(", ")
    }

    pub fn addresses(&self) -> Vec<&str> {
        self.sockets.iter().map(|socket| socket.shown.as_str()).collect()
    }

    pub fn handed(&self) -> Vec<(BorrowedFd<'_>, String)> {
        self.sockets.iter().map(|s| (s.descriptor.as_fd(), s.name.clone())).collect()
    }
}

impl Drop for Sockets {
    /// Takes the socket files away that are still the ones made here.
    fn drop(&mut self) {
        let files: Vec<&SocketFile> = self.sockets.iter().filter_map(|s| s.file.as_ref()).collect();
        if files.is_empty() {
            return;
        }
        let _ = under_ids_of(&self.account, || {
            for file in files {
                let same = std::fs::symlink_metadata(&file.path)
                    .is_ok_and(|now| now.dev() == file.device && now.ino() == file.inode);
                if same {
                    let _ = std::fs::remove_file(&file.path);
                }
            }
        });
    }
}
