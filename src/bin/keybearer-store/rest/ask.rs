use keybearer::secrets::Secret;
use reqwest::{Method, Url};
use serde_json::Value;

/// One request, before it is sent.
#[derive(Debug)]
pub struct Ask {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(String, Secret)>,
    pub body: Option<Secret>,
}

impl Ask {
    pub fn get(url: Url) -> Ask {
        Ask { method: Method::GET, url, headers: Vec::new(), body: None }
    }

    pub fn json(method: Method, url: Url, body: &Value) -> Ask {
        let ask = Ask { method, ..Ask::get(url) }.header("Content-Type", "application/json");
        Ask { body: Some(Secret::new(body.to_string())), ..ask }
    }

    /// As a form in a web page is sent.
    pub fn form(url: Url, fields: &[(&str, &str)]) -> Ask {
        let ask = Ask { method: Method::POST, ..Ask::get(url.clone()) }
            .header("Content-Type", "application/x-www-form-urlencoded");
        let mut written = url;
        written.query_pairs_mut().clear().extend_pairs(fields);
        let body = written.query().unwrap_or_default().to_owned();
        Ask { body: Some(Secret::new(body)), ..ask }
    }

    pub fn header(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.to_owned(), Secret::new(value.to_owned())));
        self
    }

    pub fn bearer(self, token: &Secret) -> Ask {
        self.header("Authorization", &format!("Bearer {}", token.expose()))
    }
}
