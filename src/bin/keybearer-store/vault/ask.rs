use reqwest::Method;
use rustify::Endpoint;
use zeroize::Zeroizing;

/// One request, before it is known who sends it.
#[derive(Debug)]
pub struct Ask {
    pub method: Method,
    /// Below /v1.
    pub path: String,
    pub query: Option<String>,
    pub body: Zeroizing<Vec<u8>>,
    /// Doing it twice would leave something behind.
    pub is_once: bool,
}

impl Ask {
    /// As vaultrs describes it. It cannot fail to be written down: its fields are text and numbers.
    pub fn of(endpoint: &impl Endpoint) -> Ask {
        Ask {
            method: endpoint.method().into(),
            path: endpoint.path().trim().trim_matches('/').to_owned(),
            query: endpoint.query().ok().flatten().filter(|query| !query.is_empty()),
            body: Zeroizing::new(endpoint.body().ok().flatten().unwrap_or_default()),
            is_once: false,
        }
    }

    pub fn put(path: &str, body: &serde_json::Value) -> Ask {
        Ask::with(Method::PUT, path, body.to_string().into_bytes())
    }

    pub fn with(method: Method, path: &str, body: Vec<u8>) -> Ask {
        let (path, body) = (path.to_owned(), Zeroizing::new(body));
        Ask { method, path, query: None, body, is_once: false }
    }

    /// Asked again only where it is certain that nothing was done.
    pub fn once(self) -> Ask {
        Ask { is_once: true, ..self }
    }
}
