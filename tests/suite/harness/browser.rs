use std::collections::BTreeMap;
use std::io;

use super::http::Response;
use super::{Request, Target};

/// A visitor of the demo site, with cookies.
#[derive(Debug)]
pub struct Browser {
    target: Target,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(target: Target) -> Browser {
        Browser { target, cookies: BTreeMap::new() }
    }

    pub fn get(&mut self, path: &str) -> io::Result<Response> {
        self.send(Request::get(path))
    }

    /// Fills in the form at /login/; what the site answers to it.
    pub fn log_in(&mut self, user: &str, password: &str) -> io::Result<Response> {
        let page = self.get("/login/")?;
        let token = page
            .body
            .split_once("name=\"csrfmiddlewaretoken\" value=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(token, _)| token.to_owned())
            .ok_or_else(|| io::Error::other(format!("no login form: {page:?}")))?;
        self.send(Request::post(
            "/login/",
            &[("csrfmiddlewaretoken", &token), ("username", user), ("password", password)],
        ))
    }

    /// Whom the home page greets.
    pub fn signed_in_as(&mut self) -> io::Result<Option<String>> {
        let page = self.get("/")?;
        if page.status != 200 {
            return Err(io::Error::other(format!("no home page: {page:?}")));
        }
        let name = page.body.split_once("Signed in as <strong>");
        Ok(name.and_then(|(_, rest)| Some(rest.split_once('<')?.0.to_owned())))
    }

    fn send(&mut self, request: Request) -> io::Result<Response> {
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let response = request.header("Cookie", &cookies.join("; ")).send(&self.target)?;
        for (name, value) in &response.headers {
            if name == "set-cookie"
                && let Some((cookie, value)) =
                    value.split(';').next().and_then(|c| c.split_once('='))
            {
                self.cookies.insert(cookie.to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}
