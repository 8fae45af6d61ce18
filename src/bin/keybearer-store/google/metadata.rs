use std::env;

use keybearer::helper::{Failure, Kind};
use keybearer::secrets::Secret;
use reqwest::Url;

use super::access::SCOPE;
use crate::rest::{Ask, Client, host, near};

const HOST: &str = "metadata.google.internal";
const MEND: &str = "without credentials-file and GOOGLE_APPLICATION_CREDENTIALS the machine's own are asked for there";

/// That of the machine's service account, on Google's machines and in its clusters.
pub async fn token(client: &Client) -> Result<Secret, Failure> {
    let given = env::var("GCE_METADATA_HOST").ok().filter(|host| !host.is_empty());
    let mut url = address(given.as_deref().unwrap_or(HOST)).ok_or_else(|| {
        client.wrong(format!("GCE_METADATA_HOST is neither {HOST} nor an address on this machine"))
    })?;
    url.set_path("/computeMetadata/v1/instance/service-accounts/default/token");
    url.query_pairs_mut().append_pair("scopes", SCOPE);
    let ask = Ask::get(url.clone()).header("Metadata-Flavor", "Google");
    let reply = client.send(&ask).await.map_err(|failure| Failure {
        message: format!("{}; {MEND}", failure.message),
        ..failure
    })?;
    let address = host(&url);
    // Somebody else may live at that address.
    if reply.flavour.as_deref() != Some("Google") {
        return Err(client.wrong(format!("{address} is no metadata server of Google; {MEND}")));
    }
    match reply.secret("/access_token") {
        Some(token) if reply.is_good() => Ok(token),
        _ if reply.is_good() => Err(client.not_understood(&url, "a metadata server")),
        _ => Err(client.failure(
            Kind::Refused,
            format!(
                "{address} gives no access token (HTTP {}); give this machine a service account",
                reply.status
            ),
        )),
    }
}

/// HOST or HOST:PORT; the one name, or an address that no other machine's answer comes from.
fn address(host: &str) -> Option<Url> {
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    let is_google = url.host_str() == Some(HOST);
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let has_user = !url.username().is_empty() || url.password().is_some();
    (is_bare && !has_user && (is_google || near(url.as_str()).is_some())).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_but_a_metadata_server_is_asked_in_the_clear() {
        for (host, good) in [
            ("metadata.google.internal", true),
            ("metadata.google.internal:80", true),
            ("169.254.169.254", true),
            ("169.254.169.252:988", true),
            ("127.0.0.1:1", true),
            ("[fe80::1]:1", true),
            ("localhost:1", true),
            ("example.com", false),
            ("10.0.0.1", false),
            ("metadata.google.internal.example.com", false),
            (":p@metadata.google.internal", false),
            ("u@127.0.0.1", false),
            ("127.0.0.1#x", false),
            ("127.0.0.1/x", false),
        ] {
            assert_eq!(address(host).is_some(), good, "{host}");
        }
    }
}
