use std::collections::BTreeMap;
use std::time::Instant;

use super::{Answer, Connection, Fault, Kind, Tally};
use crate::harness::Target;

/// Somebody who has logged in at the site of tests/site and keeps what it gave: cookies, a signed
/// value, a token to set a new password.
#[derive(Debug)]
pub struct User {
    name: String,
    cookies: BTreeMap<String, String>,
    signed: String,
    token: String,
}

impl User {
    pub fn log_in(number: usize, target: &Target) -> Result<User, Fault> {
        let (name, cookies) = (format!("user{number}"), BTreeMap::new());
        let mut user = User { name, cookies, signed: String::new(), token: String::new() };
        user.come_back(target)?;
        user.take_token(target)?;
        Ok(user)
    }

    /// Shows everything it has and takes what is new. What the site does not know any more is a
    /// loss; the user then logs in again and goes on.
    pub fn click(&mut self, target: &Target, tally: &Tally) -> Result<(), Fault> {
        let asked = Instant::now();
        let answer = self.ask(target, "/click")?;
        let text = answer.text();
        let [name, verdict, signed] = text.lines().collect::<Vec<_>>()[..] else {
            return Err(Fault::Wrong(text));
        };
        tally.answered(Kind::User, asked, &answer);
        signed.clone_into(&mut self.signed);
        if verdict != "good" {
            tally.lost(&self.name, "its signature is bad", answer.master());
        }
        if name != self.name {
            tally.lost(&self.name, "logged out", answer.master());
            self.come_back(target)?;
            // The login has ended the token from before.
            self.take_token(target)?;
        }
        Ok(())
    }

    pub fn renew_token(&mut self, target: &Target, tally: &Tally) -> Result<(), Fault> {
        self.use_token(target, tally)?;
        self.take_token(target)
    }

    /// It was given some keys ago, and must still be good.
    pub fn use_token(&mut self, target: &Target, tally: &Tally) -> Result<(), Fault> {
        let path = format!("/token?user={}&token={}", self.name, self.token);
        let answer = self.ask(target, &path)?;
        match answer.text().as_str() {
            "good" => (),
            "bad" => tally.lost(&self.name, "its token is bad", answer.master()),
            other => return Err(Fault::Wrong(other.to_owned())),
        }
        Ok(())
    }

    fn take_token(&mut self, target: &Target) -> Result<(), Fault> {
        self.token = self.ask(target, &format!("/token?user={}", self.name))?.text();
        Ok(())
    }

    fn come_back(&mut self, target: &Target) -> Result<(), Fault> {
        self.cookies.clear();
        self.signed = self.ask(target, &format!("/login?user={}", self.name))?.text();
        Ok(())
    }

    fn ask(&mut self, target: &Target, path: &str) -> Result<Answer, Fault> {
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Cookie: {}\r\nX-Signed: {}\r\n\r\n",
            cookies.join("; "),
            self.signed
        );
        let mut connection = Connection::open(target)?;
        connection.send(request.as_bytes())?;
        let answer = connection.receive(None)?;
        if answer.status != 200 {
            return Err(Fault::Status(answer.status));
        }
        for cookie in answer.set_cookies() {
            let Some((name, value)) = cookie.split(';').next().and_then(|c| c.split_once('='))
            else {
                return Err(Fault::Wrong(cookie.to_owned()));
            };
            // How Django takes a cookie back.
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}
