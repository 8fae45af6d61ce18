use std::time::Instant;

use super::Fault;

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// When its first bytes came.
    pub began: Instant,
}

impl Answer {
    /// None as long as something is missing. What has no Content-Length could be cut without
    /// anybody seeing it, so the sites of the tests always give one.
    pub fn parse(bytes: &[u8], began: Instant) -> Result<Option<Answer>, Fault> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let wrong = || Fault::Wrong(format!("{head:?}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let mut answer = Answer {
            status: status.ok_or_else(wrong)?,
            headers: headers.map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())).collect(),
            body: Vec::new(),
            began,
        };
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        let length: usize = length.ok_or_else(wrong)?;
        let body = &bytes[end + 4..];
        if body.len() < length {
            return Ok(None);
        }
        if body.len() > length {
            return Err(Fault::Wrong(format!("{} bytes too many", body.len() - length)));
        }
        answer.body = body.to_vec();
        Ok(Some(answer))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// One for each cookie that is set.
    pub fn set_cookies(&self) -> impl Iterator<Item = &str> {
        let cookies = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        cookies.map(|(_, value)| value.as_str())
    }

    /// The server says that this connection ends here.
    pub fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The process id of the master whose worker answered: which generation it was.
    pub fn master(&self) -> Option<u32> {
        self.header("x-master")?.parse().ok()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
