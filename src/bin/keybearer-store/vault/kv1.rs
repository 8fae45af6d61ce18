use keybearer::config::Vault;
use keybearer::helper::{Failure, Got, Kind};
use vaultrs::api::kv1::requests::GetSecretRequest;

use super::document;
use super::session::Session;

pub async fn fetch(vault: &Vault, session: &mut Session<'_>) -> Result<Got, Failure> {
    let Vault { mount, path, .. } = vault;
    let ask = GetSecretRequest { mount: mount.clone(), path: path.clone() };
    let reply = session.ask(&ask).await?;
    let client = &session.client;
    let address = client.address();
    match reply.status {
        200..300 => {
            let data = reply.part(client, &["data"])?;
            let mut got = Got::default();
            let remote = format!("Vault '{mount}/{path}'");
            got.entries = document::entries(&remote, &data, &mut got.warnings);
            Ok(got)
        }
        403 => Err(client.failure(
            Kind::Refused,
            format!("{address} refuses to read it (HTTP 403); the token may have ended, or its policies lack read on '{mount}/{path}'"),
        )),
        404 => Err(client.failure(
            Kind::Wrong,
            format!("{address} has nothing there (HTTP 404); check mount and path, and namespace; a KV 2 mount wants engine = \"kv2\""),
        )),
        status => Err(client.failure(
            Kind::Wrong,
            format!("{address} does not take the request (HTTP {status}); check mount, path and engine"),
        )),
    }
}
