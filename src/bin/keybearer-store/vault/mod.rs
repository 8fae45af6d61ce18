//! HashiCorp Vault and OpenBao, which speak the same language.
//!
//! vaultrs says what most requests look like; they are sent by `client`, because vaultrs takes answers of any
//! length, follows redirects with the token still in the headers, and keeps what it was told in its errors.

#![forbid(unsafe_code)]

mod address;
mod ask;
mod client;
mod database;
mod document;
mod health;
mod iam;
mod kv1;
mod kv2;
mod login;
mod miss;
mod reply;
mod session;
mod state;
mod token;

use keybearer::config::{Engine, Vault};
use keybearer::helper::{Change, Failure, Got, Held, Kind, Lease, SourceRequest, Written};

use crate::deadline::Deadline;
use session::Session;

pub async fn fetch(
    vault: &Vault,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Got, Failure> {
    let mut session = Session::open(vault, source, deadline).await?;
    let fetched = match vault.engine {
        Engine::Kv2 => kv2::fetch(vault, &source.history, &mut session).await,
        Engine::Kv1 => kv1::fetch(vault, &mut session).await,
        Engine::Database => database::fetch(vault, &mut session).await,
    };
    match fetched {
        Ok(got) => {
            session.keep_alive(0).await;
            let used = session.used();
            Ok(Got { used, state: session.state(), ..got })
        }
        Err(failure) => Err(failure.leaving(session.state())),
    }
}

pub async fn look(
    vault: &Vault,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Option<String>, Failure> {
    match (vault.engine, vault.version) {
        (Engine::Kv1 | Engine::Database, _) => Ok(None),
        (Engine::Kv2, Some(version)) => Ok(Some(version.to_string())),
        // The answer has no room for what a login would have to leave.
        (Engine::Kv2, None) if login::would_unwrap(vault, source) => Ok(None),
        (Engine::Kv2, None) => {
            let mut session = Session::open(vault, source, deadline).await?;
            let version = kv2::look(vault, &mut session).await;
            // The answer has no room for a token.
            session.leave_nothing().await;
            version
        }
    }
}

pub async fn write(
    vault: &Vault,
    source: &SourceRequest,
    changes: &[Change],
    version: &str,
    deadline: Deadline,
) -> Result<Written, Failure> {
    let wrong = |text: &str| Err(Failure::new(Kind::Wrong, format!("{} {text}", source.remote)));
    match (vault.engine, vault.version) {
        (Engine::Kv1, _) => wrong(
            "cannot be written: KV 1 has no check-and-set, and two writers would overwrite each other; keep the Django keys in KV 2",
        ),
        (Engine::Database, _) => {
            wrong("cannot be written: the database engine makes its own values")
        }
        (Engine::Kv2, Some(fixed)) => wrong(&format!(
            "cannot be written while 'version = {fixed}' fixes what is read; take it out of the config"
        )),
        (Engine::Kv2, None) => {
            let mut session = Session::open(vault, source, deadline).await?;
            match kv2::write(vault, changes, version, &mut session).await {
                Ok(version) => Ok(Written { version, state: session.state() }),
                Err(failure) => Err(failure.leaving(session.state())),
            }
        }
    }
}

pub async fn renew(vault: &Vault, held: &Held, deadline: Deadline) -> Result<Lease, Failure> {
    let mut session = Session::open(vault, &held.source, deadline).await?;
    match database::renew(held, &mut session).await {
        Ok(lease) => Ok(Lease { state: session.state(), ..lease }),
        Err(failure) => Err(failure.leaving(session.state())),
    }
}

pub async fn revoke(vault: &Vault, held: &Held, deadline: Deadline) -> Result<(), Failure> {
    let mut session = Session::open(vault, &held.source, deadline).await?;
    let revoked = database::revoke(held, &mut session).await;
    session.leave_nothing().await;
    revoked
}
