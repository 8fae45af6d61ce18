use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};

use super::{Answer, Fault};
use crate::harness::{DEADLINE, Target};

/// One connection of HTTP/1.1, which may carry several requests.
pub struct Connection {
    stream: Box<dyn Stream>,
    read: Vec<u8>,
}

trait Stream: Read + Write + AsFd + Send {}
impl<S: Read + Write + AsFd + Send> Stream for S {}

impl Connection {
    pub fn open(target: &Target) -> Result<Connection, Fault> {
        let failed = |error| Fault::of_connecting(&error);
        let stream: Box<dyn Stream> = match target {
            Target::Loopback(port) => {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                stream.set_read_timeout(Some(DEADLINE)).map_err(failed)?;
                stream.set_write_timeout(Some(DEADLINE)).map_err(failed)?;
                Box::new(stream)
            }
            Target::Unix(path) => {
                let stream = UnixStream::connect(path).map_err(failed)?;
                stream.set_read_timeout(Some(DEADLINE)).map_err(failed)?;
                stream.set_write_timeout(Some(DEADLINE)).map_err(failed)?;
                Box::new(stream)
            }
        };
        Ok(Connection { stream, read: Vec::new() })
    }

    /// A client that is behind a thin line: little waits for it in the kernel.
    pub fn narrow(self) -> Connection {
        setsockopt(&self.stream.as_fd(), sockopt::RcvBuf, &32768).unwrap();
        self
    }

    /// The other side has closed, and this one can know it before it sends.
    pub fn is_closed(&self) -> bool {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        match recv(self.stream.as_fd().as_raw_fd(), &mut [0], flags) {
            Err(Errno::EAGAIN) => false,
            // A byte that nobody asked for is as bad as none.
            Ok(_) | Err(_) => true,
        }
    }

    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.stream.write_all(bytes).map_err(|error| Fault::of(&error))
    }

    pub fn send_slowly(&mut self, bytes: &[u8], pause: Duration) -> Result<(), Fault> {
        for piece in bytes.chunks(4) {
            self.send(piece)?;
            std::thread::sleep(pause);
        }
        Ok(())
    }

    /// The whole answer, read at once or in pieces with a pause between them.
    pub fn receive(&mut self, pause: Option<Duration>) -> Result<Answer, Fault> {
        self.read.clear();
        let mut began = None;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = match self.stream.read(&mut buffer) {
                Ok(0) if self.read.is_empty() => return Err(Fault::Closed),
                Ok(0) => return Err(Fault::Short),
                Ok(length) => length,
                Err(error) => {
                    return Err(match Fault::of(&error) {
                        Fault::Reset if !self.read.is_empty() => Fault::Short,
                        fault => fault,
                    });
                }
            };
            let began = *began.get_or_insert_with(Instant::now);
            self.read.extend_from_slice(&buffer[..length]);
            if let Some(answer) = Answer::parse(&self.read, began)? {
                return Ok(answer);
            }
            if let Some(pause) = pause {
                std::thread::sleep(pause);
            }
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("fd", &self.stream.as_fd()).finish_non_exhaustive()
    }
}
