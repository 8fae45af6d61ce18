use super::{Answer, Fault};

/// What the sites in tests/site answer to anybody.
#[derive(Clone, Copy, Debug)]
pub enum Page {
    Small,
    /// An answer that takes so many milliseconds: in flight when a server is told to stop.
    Work(u16),
    Echo,
    Large,
}

/// What `/large` answers, so that a missing piece shows wherever it is missing.
const LARGE: usize = 1024 * 1024;
const ECHO: &[u8] = b"said once, and to be heard again";

impl Page {
    pub fn request(self, keep_alive: bool) -> Vec<u8> {
        let (method, path, body): (_, _, &[u8]) = match self {
            Page::Small => ("GET", "/small".to_owned(), b""),
            Page::Work(milliseconds) => ("GET", format!("/work?ms={milliseconds}"), b""),
            Page::Echo => ("POST", "/echo".to_owned(), ECHO),
            Page::Large => ("GET", "/large".to_owned(), b""),
        };
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    pub fn judge(self, answer: &Answer) -> Result<(), Fault> {
        if answer.status != 200 {
            return Err(Fault::Status(answer.status));
        }
        let right = match self {
            Page::Small => answer.body == b"small",
            Page::Work(_) => answer.body == b"done",
            Page::Echo => answer.body == ECHO,
            Page::Large => {
                answer.body.len() == LARGE
                    && answer.body.chunks(8).zip(0u32..).all(|(chunk, n)| {
                        let hex = |byte: u8| char::from(byte).to_digit(16);
                        chunk.iter().try_fold(0, |sum, byte| Some(sum * 16 + hex(*byte)?))
                            == Some(n)
                    })
            }
        };
        if right {
            return Ok(());
        }
        let body = answer.text().chars().take(80).collect();
        Err(Fault::Wrong(body))
    }
}
