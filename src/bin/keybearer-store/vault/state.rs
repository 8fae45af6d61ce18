use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keybearer::config::{Vault, VaultMethod};
use keybearer::secrets::Secret;
use serde_json::json;

use super::reply::{self, Object};
use super::token::{Origin, Token};

/// What the next helper may need: a token got by a login, and a secret-id that was to be had only once.
#[derive(Debug, Default)]
pub struct State {
    pub token: Option<Token>,
    pub secret_id: Option<Unwrapped>,
}

#[derive(Debug)]
pub struct Unwrapped {
    pub secret_id: Secret,
    /// Of the wrapping token that it came in: another one is a new secret-id.
    pub from: String,
}

impl State {
    /// Nothing where it is of another store, another way in, or of no form of ours.
    pub fn read(vault: &Vault, state: Option<&Secret>) -> State {
        let object: Option<Object<'_>> =
            state.and_then(|state| serde_json::from_str(state.expose()).ok());
        let Some(object) = object else { return State::default() };
        let secret = |name: &str| {
            let mut value = reply::text(&object, name)?;
            Some(Secret::new(std::mem::take(&mut *value)))
        };
        if secret("for").is_none_or(|of| of.expose() != whose(vault)) {
            return State::default();
        }
        let token = secret("token").map(|value| Token {
            value,
            ends: reply::number(&object, "ends")
                .and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at))),
            lease: reply::number(&object, "lease").unwrap_or(0),
            renewable: reply::truth(&object, "renewable"),
            origin: Origin::Kept,
        });
        let secret_id = secret("secret_id")
            .zip(secret("from"))
            .map(|(secret_id, from)| Unwrapped { secret_id, from: from.expose().to_owned() });
        State { token, secret_id }
    }

    /// What this wrapping token held, where it was unwrapped before.
    pub fn unwrapped(&self, wrapping: &Secret) -> Option<&Secret> {
        let from = wrapping.fingerprint().to_string();
        self.secret_id.as_ref().filter(|known| known.from == from).map(|known| &known.secret_id)
    }

    pub fn written(&self, vault: &Vault) -> Option<Secret> {
        let token = self.token.as_ref().filter(|token| token.origin != Origin::Operator);
        if token.is_none() && self.secret_id.is_none() {
            return None;
        }
        let mut object = json!({ "for": whose(vault) });
        if let Some(token) = token {
            object["token"] = token.value.expose().into();
            object["ends"] = token.ends.map(seconds).into();
            object["lease"] = token.lease.into();
            object["renewable"] = token.renewable.into();
        }
        if let Some(unwrapped) = &self.secret_id {
            object["secret_id"] = unwrapped.secret_id.expose().into();
            object["from"] = unwrapped.from.as_str().into();
        }
        Some(Secret::new(object.to_string()))
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A token must never reach another server than the one that gave it.
fn whose(vault: &Vault) -> String {
    let auth = &vault.auth;
    let method = match auth.method {
        VaultMethod::Token => "token",
        VaultMethod::TokenFile => "token-file",
        VaultMethod::AppRole => "approle",
        VaultMethod::Kubernetes => "kubernetes",
        VaultMethod::Jwt => "jwt",
        VaultMethod::AwsIam => "aws-iam",
        VaultMethod::Userpass => "userpass",
        VaultMethod::Cert => "cert",
    };
    let parts = [
        Some(vault.address.as_str()),
        vault.namespace.as_deref(),
        Some(method),
        auth.mount.as_deref(),
        auth.role.as_deref(),
        auth.username.as_deref(),
        auth.role_id.as_deref(),
    ];
    parts.map(|part| part.unwrap_or("-")).join(" ")
}

#[cfg(test)]
mod tests {
    use keybearer::config::{Engine, VaultAuth};

    use super::*;

    fn vault(address: &str) -> Vault {
        Vault {
            address: address.to_owned(),
            mount: "m".to_owned(),
            path: "p".to_owned(),
            engine: Engine::Kv2,
            version: None,
            namespace: None,
            ca_file: None,
            client_cert: None,
            client_key: None,
            auth: VaultAuth { method: VaultMethod::AppRole, ..VaultAuth::default() },
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_only_for_the_same_store() {
        let token = Token {
            value: Secret::new("t\"\n".to_owned()),
            ends: Some(UNIX_EPOCH + Duration::from_secs(9)),
            lease: 30,
            renewable: true,
            origin: Origin::Login,
        };
        let secret_id = Unwrapped { secret_id: Secret::new("s".to_owned()), from: "f".to_owned() };
        let state = State { token: Some(token), secret_id: Some(secret_id) };
        let written = state.written(&vault("https://a")).unwrap();
        let read = State::read(&vault("https://a"), Some(&written));
        let token = read.token.unwrap();
        assert_eq!(token.value.expose(), "t\"\n");
        assert_eq!(token.ends, Some(UNIX_EPOCH + Duration::from_secs(9)));
        assert_eq!((token.lease, token.renewable, token.origin), (30, true, Origin::Kept));
        assert_eq!(read.secret_id.unwrap().secret_id.expose(), "s");
        assert!(State::read(&vault("https://b"), Some(&written)).token.is_none());
        assert!(
            State::read(&vault("https://a"), Some(&Secret::new("{".to_owned()))).token.is_none()
        );
    }

    #[test]
    fn an_end_that_no_clock_reaches_is_none() {
        let vault = vault("https://a");
        let object = json!({ "for": whose(&vault), "token": "t", "ends": u64::MAX });
        let read = State::read(&vault, Some(&Secret::new(object.to_string())));
        assert_eq!(read.token.unwrap().ends, None);
    }

    #[test]
    fn an_operators_token_is_not_kept() {
        let token = Token {
            value: Secret::new("t".to_owned()),
            ends: None,
            lease: 0,
            renewable: false,
            origin: Origin::Operator,
        };
        let state = State { token: Some(token), secret_id: None };
        assert_eq!(state.written(&vault("https://a")), None);
    }
}
