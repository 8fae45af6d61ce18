use keybearer::config::{Vault, VaultMethod};
use keybearer::helper::{Credential, Failure, Kind, SourceRequest};
use keybearer::secrets::Secret;
use reqwest::Method;
use rustify::Endpoint;
use serde_json::json;
use vaultrs::api::token::requests::LookupTokenSelfRequest;

use super::ask::Ask;
use super::client::Client;
use super::login;
use super::reply::Reply;
use super::state::State;
use super::token::{Origin, Token, end_of};
use crate::deadline::Deadline;

/// A store, and the token that opens it: given, kept from the helper before, or got by a login.
#[derive(Debug)]
pub struct Session<'a> {
    pub client: Client,
    vault: &'a Vault,
    source: &'a SourceRequest,
    state: State,
    token: Token,
    /// Variables of the environment that a login used.
    used: Vec<String>,
}

impl<'a> Session<'a> {
    pub async fn open(
        vault: &'a Vault,
        source: &'a SourceRequest,
        deadline: Deadline,
    ) -> Result<Session<'a>, Failure> {
        let client = Client::new(vault, source, deadline)?;
        let mut state = State::read(vault, source.state.as_ref());
        let mut used = Vec::new();
        let token = match given(vault, source, &client)? {
            Some(token) => token,
            None => match kept(&client, state.token.take()).await? {
                Some(token) => token,
                None => match login::log_in(&client, vault, source, &mut state, &mut used).await {
                    Ok(token) => token,
                    Err(failure) => return Err(failure.leaving(state.written(vault))),
                },
            },
        };
        Ok(Session { client, vault, source, state, token, used })
    }

    /// One that vaultrs knows.
    pub async fn ask(&mut self, endpoint: &impl Endpoint) -> Result<Reply, Failure> {
        self.send(&Ask::of(endpoint)).await
    }

    /// A kept token that has died meanwhile is replaced by a new login, once. Only the store can say that it
    /// has: without its word the first answer stands.
    pub async fn send(&mut self, ask: &Ask) -> Result<Reply, Failure> {
        let reply = self.client.send(ask, Some(&self.token.value)).await?;
        if reply.status != 403 || self.token.origin != Origin::Kept {
            return Ok(reply);
        }
        let lookup = Ask::of(&LookupTokenSelfRequest {});
        let about = self.client.send(&lookup, Some(&self.token.value));
        match tokio::time::timeout(self.client.deadline.left() / 2, about).await {
            Ok(Ok(about)) if !about.is_good() => self.log_in().await?,
            _ => return Ok(reply),
        }
        self.client.send(ask, Some(&self.token.value)).await
    }

    async fn log_in(&mut self) -> Result<(), Failure> {
        let Session { client, vault, source, state, used, .. } = self;
        self.token = login::log_in(client, vault, source, state, used).await?;
        Ok(())
    }

    /// Renewed where it is short of time, or of what its leases need: they die with it. What comes of it
    /// changes nothing now, so what was fetched does not wait for it.
    pub async fn keep_alive(&mut self, needed: u64) {
        let Session { client, token, .. } = self;
        if token.origin == Origin::Operator {
            let lookup = Ask::of(&LookupTokenSelfRequest {});
            let about = client.send_briefly(&lookup, &token.value, 4).await;
            let Some(about) = about.filter(Reply::is_good) else { return };
            match about.part(client, &["data"]) {
                Ok(about) => token.learn(&about),
                Err(_) => return,
            }
        }
        if token.renewable
            && token.is_short(needed)
            && let Some(reply) = client.send_briefly(&renewal(), &token.value, 4).await
        {
            let _ = renewed(client, token, &reply);
        }
    }

    /// What hangs on it.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// A token that nobody is told of is given back.
    pub async fn leave_nothing(&mut self) {
        if self.token.origin == Origin::Login {
            let ask = Ask::with(Method::POST, "auth/token/revoke-self", Vec::new());
            let _ = self.client.send_briefly(&ask, &self.token.value, 2).await;
        }
    }

    pub fn used(&mut self) -> Vec<String> {
        std::mem::take(&mut self.used)
    }

    /// For the next helper.
    pub fn state(self) -> Option<Secret> {
        let mut state = self.state;
        state.token = Some(self.token);
        state.written(self.vault)
    }
}

fn given(vault: &Vault, source: &SourceRequest, client: &Client) -> Result<Option<Token>, Failure> {
    let mend = match vault.auth.method {
        VaultMethod::Token => "set VAULT_TOKEN, or another auth method",
        VaultMethod::TokenFile => "its token-file is empty",
        _ => return Ok(None),
    };
    match source.credential(Credential::Token).map(|token| token.expose().trim()) {
        Some(token) if !token.is_empty() => Ok(Some(Token {
            value: Secret::new(token.to_owned()),
            ends: None,
            lease: 0,
            renewable: false,
            origin: Origin::Operator,
        })),
        _ => Err(client.failure(Kind::Wrong, format!("there is no token; {mend}"))),
    }
}

/// None where a new login is due. What is known of it may be old: another helper that could tell nobody has
/// perhaps renewed it.
async fn kept(client: &Client, token: Option<Token>) -> Result<Option<Token>, Failure> {
    let Some(mut token) = token else { return Ok(None) };
    if !token.is_short(1) {
        return Ok(Some(token));
    }
    let about = client.send(&Ask::of(&LookupTokenSelfRequest {}), Some(&token.value)).await?;
    if !about.is_good() {
        return Ok(None);
    }
    token.learn(&about.part(client, &["data"])?);
    if token.is_short(1) {
        if !token.renewable {
            return Ok(token.left().is_none_or(|left| left > 0).then_some(token));
        }
        let reply = client.send(&renewal(), Some(&token.value)).await?;
        if !renewed(client, &mut token, &reply)? {
            return Ok(token.left().is_none_or(|left| left > 0).then_some(token));
        }
        // At the end of its longest life a renewal gives next to nothing.
        if token.left() == Some(0) {
            return Ok(None);
        }
    }
    Ok(Some(token))
}

fn renewal() -> Ask {
    Ask::with(Method::POST, "auth/token/renew-self", json!({}).to_string().into_bytes())
}

/// False where that was refused.
fn renewed(client: &Client, token: &mut Token, reply: &Reply) -> Result<bool, Failure> {
    if !reply.is_good() {
        return Ok(false);
    }
    let new = Token::of_auth(client, reply, token.origin)?;
    // Near its end it is given for less than at first; a third is a third of the whole.
    let lease = token.lease.max(new.lease);
    *token = Token { lease, ends: end_of(lease, new.lease), ..new };
    Ok(true)
}
