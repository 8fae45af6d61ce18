use reqwest::Method;

use super::ask::Ask;
use super::client::Client;

/// What sys/health says of a server that fails: its status code, for which it needs no token.
pub async fn of(client: &Client) -> Option<String> {
    let ask = Ask::with(Method::GET, "sys/health", Vec::new());
    let status = client.once_more(&ask, None).await.ok()?.status;
    let address = client.address();
    match status {
        429 | 473 => Some(format!(
            "{address} is on standby and does not pass requests on; set the address of the active node"
        )),
        472 => Some(format!(
            "{address} is a recovery secondary and serves nobody; set the address of the primary"
        )),
        501 => Some(format!("{address} is not initialised; run: vault operator init")),
        503 => Some(format!("{address} is sealed; unseal it")),
        _ => None,
    }
}
