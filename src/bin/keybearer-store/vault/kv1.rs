use keybearer::config::Vault;
use keybearer::helper::{Failure, Got};
use vaultrs::api::kv1::requests::GetSecretRequest;

use super::document;
use super::session::Session;

pub async fn fetch(vault: &Vault, session: &mut Session<'_>) -> Result<Got, Failure> {
    let Vault { mount, path, .. } = vault;
    let ask = GetSecretRequest { mount: mount.clone(), path: path.clone() };
    let reply = session.ask(&ask).await?;
    let client = &session.client;
    match reply.status {
        200..300 => {
            let data = reply.part(client, &["data"])?;
            let mut got = Got::default();
            let remote = format!("Vault '{mount}/{path}'");
            got.entries = document::entries(&remote, &data, &mut got.warnings);
            Ok(got)
        }
        status => {
            let read = format!("{mount}/{path}");
            let otherwise = "a KV 2 mount wants engine = \"kv2\"";
            Err(document::refusal(client, status, &read, otherwise))
        }
    }
}
