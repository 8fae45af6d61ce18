use keybearer::config::Vault;
use keybearer::helper::{Failure, Got, Held, Kind, Lease};
use serde_json::json;
use vaultrs::api::database::requests::GenerateCredentialsRequest;

use super::ask::Ask;
use super::document;
use super::reply::{self, Object};
use super::session::Session;

/// Credentials made for us, and the lease that they live by.
pub async fn fetch(vault: &Vault, session: &mut Session<'_>) -> Result<Got, Failure> {
    let Vault { mount, path, .. } = vault;
    let ask = GenerateCredentialsRequest { mount: mount.clone(), name: path.clone() };
    // Each answer that is lost leaves a user behind, until its lease ends.
    let reply = session.send(&Ask::of(&ask).once()).await?;
    let client = &session.client;
    let address = client.address();
    match reply.status {
        200..300 => (),
        403 => {
            let text = format!(
                "{address} refuses credentials (HTTP 403); the token may have ended, or its policies lack read on '{mount}/creds/{path}'"
            );
            return Err(client.failure(Kind::Refused, text));
        }
        status => {
            let text = format!(
                "{address} makes no credentials (HTTP {status}); check mount and path, which is the name of a role of the database engine"
            );
            return Err(client.failure(Kind::Wrong, text));
        }
    }
    let answer = reply.object(client)?;
    let data = reply.part(client, &["data"])?;
    let mut got = Got::default();
    let remote = format!("Vault '{mount}/{path}'");
    got.entries = document::entries(&remote, &data, &mut got.warnings);
    let id = reply::text(&answer, "lease_id").filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| reply::not_understood(client))?;
    got.lease = Some(given(&id, &answer, session).await);
    Ok(got)
}

/// Once more for as long as at first, or as long as the store still gives.
pub async fn renew(held: &Held, session: &mut Session<'_>) -> Result<Lease, Failure> {
    let body = json!({ "lease_id": held.id, "increment": held.seconds });
    let reply = session.send(&Ask::put("sys/leases/renew", &body)).await?;
    let client = &session.client;
    let address = client.address();
    match reply.status {
        200..300 => (),
        403 => {
            let text = format!(
                "{address} refuses to renew the lease (HTTP 403); the token may have ended, or its policies lack update on 'sys/leases/renew'"
            );
            return Err(client.failure(Kind::Refused, text));
        }
        status => {
            let text = format!(
                "{address} does not renew the lease (HTTP {status}): it has ended; fetch new credentials"
            );
            return Err(client.failure(Kind::Wrong, text));
        }
    }
    let answer = reply.object(client)?;
    Ok(given(&held.id, &answer, session).await)
}

/// A lease ends with the token that asked for it: what is longer than that is no promise. And where the
/// token nears the end of its longest life, so does the lease.
async fn given(id: &str, answer: &Object<'_>, session: &mut Session<'_>) -> Lease {
    let seconds = reply::number(answer, "lease_duration").unwrap_or(0);
    let renewable = reply::truth(answer, "renewable");
    session.keep_alive(seconds).await;
    let lease = Lease { id: id.to_owned(), seconds, renewable, state: None };
    let token = session.token();
    match token.left() {
        Some(left) if left < lease.seconds => {
            Lease { seconds: left, renewable: lease.renewable && token.is_whole(), ..lease }
        }
        _ => lease,
    }
}

/// Whether it is there or not: afterwards it is gone.
pub async fn revoke(held: &Held, session: &mut Session<'_>) -> Result<(), Failure> {
    let body = json!({ "lease_id": held.id, "sync": true });
    let reply = session.send(&Ask::put("sys/leases/revoke", &body)).await?;
    let client = &session.client;
    let address = client.address();
    match reply.status {
        200..300 => Ok(()),
        403 => Err(client.failure(
            Kind::Refused,
            format!("{address} refuses to revoke the lease (HTTP 403), which ends by itself; the token may have ended, or its policies lack update on 'sys/leases/revoke'"),
        )),
        // Who is told that there is none has what was wanted.
        404 => Ok(()),
        400 if reply.says("lease not found") || reply.says("invalid lease") => Ok(()),
        status => Err(client.failure(
            Kind::Wrong,
            format!("{address} does not revoke the lease (HTTP {status}); it ends by itself"),
        )),
    }
}
