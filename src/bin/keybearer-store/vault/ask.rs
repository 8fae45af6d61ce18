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
}

impl Ask {
    /// As vaultrs describes it. It cannot fail to be written down: its fields are text and numbers.
    pub fn of(endpoint: &impl Endpoint) -> Ask {
        Ask {
            method: endpoint.method().into(),
            path: endpoint.path().trim().trim_matches('/').to_owned(),
            query: endpoint.query().ok().flatten().filter(|query| !query.is_empty()),
            body: Zeroizing::new(endpoint.body().ok().flatten().unwrap_or_default()),
        }
    }

    pub fn put(path: &str, body: &serde_json::Value) -> Ask {
        Ask::with(Method::PUT, path, body.to_string().into_bytes())
    }

    pub fn with(method: Method, path: &str, body: Vec<u8>) -> Ask {
        Ask { method, path: path.to_owned(), query: None, body: Zeroizing::new(body) }
    }
}
