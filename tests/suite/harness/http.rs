use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::DEADLINE;

/// Where a site listens.
#[derive(Clone, Debug)]
pub enum Target {
    Loopback(u16),
    Unix(PathBuf),
}

/// One request on a connection of its own.
#[derive(Debug)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn get(path: &str) -> Request {
        Request { method: "GET", path: path.to_owned(), headers: Vec::new(), body: String::new() }
    }

    /// An HTML form; the values need no encoding.
    pub fn post(path: &str, fields: &[(&str, &str)]) -> Request {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::get(path);
        request.method = "POST";
        request.body = fields.join("&");
        request.header("Content-Type", "application/x-www-form-urlencoded")
    }

    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn send(self, target: &Target) -> io::Result<Response> {
        match target {
            Target::Loopback(port) => {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?;
                stream.set_read_timeout(Some(DEADLINE))?;
                self.exchange(stream)
            }
            Target::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(DEADLINE))?;
                self.exchange(stream)
            }
        }
    }

    fn exchange(self, mut stream: impl Read + Write) -> io::Result<Response> {
        // HTTP/1.0: the answer ends with the connection and comes in one piece.
        let mut text = format!("{} {} HTTP/1.0\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            text += "Host: localhost\r\n";
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body);
        stream.write_all(text.as_bytes())?;

        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Response::parse(&answer).ok_or_else(|| io::Error::other(format!("no HTTP: {answer:?}")))
    }
}

impl Response {
    fn parse(text: &str) -> Option<Response> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(": "));
        Some(Response {
            status,
            headers: headers.map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect(),
            body: body.to_owned(),
        })
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
