use keybearer::config::{Vault, VaultAuth, VaultMethod};
use keybearer::helper::{Credential, Failure, Kind, SourceRequest};
use keybearer::secrets::Secret;
use reqwest::Method;
use serde_json::json;
use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
use vaultrs::api::auth::kubernetes::requests::LoginWithKubernetesRequest;
use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
use vaultrs::api::auth::userpass::requests::LoginRequest as UserpassRequest;

use super::ask::Ask;
use super::client::Client;
use super::iam;
use super::reply;
use super::state::{State, Unwrapped};
use super::token::{Origin, Token};

/// A new token, for what the source says of itself.
pub async fn log_in(
    client: &Client,
    vault: &Vault,
    source: &SourceRequest,
    state: &mut State,
    used: &mut Vec<String>,
) -> Result<Token, Failure> {
    let auth = &vault.auth;
    let wanted = Wanted { client, source, auth };
    let (usual, check) = match auth.method {
        VaultMethod::Token | VaultMethod::TokenFile => ("token", "the token"),
        VaultMethod::AppRole => ("approle", "role-id and secret-id"),
        VaultMethod::Kubernetes => ("kubernetes", "the role and its service account"),
        VaultMethod::Jwt => ("jwt", "the role and the JWT"),
        VaultMethod::AwsIam => ("aws", "the role and the AWS identity that is bound to it"),
        VaultMethod::Userpass => ("userpass", "username and password"),
        VaultMethod::Cert => ("cert", "client-cert, and role where it is set"),
    };
    let mount = auth.mount.clone().unwrap_or_else(|| usual.to_owned());
    let mount = mount.trim_matches('/').to_owned();
    let ask = match auth.method {
        VaultMethod::Token | VaultMethod::TokenFile => {
            return Err(client.failure(Kind::Wrong, "there is no token"));
        }
        VaultMethod::AppRole => {
            let role_id = match &auth.role_id {
                Some(role_id) => role_id.trim().to_owned(),
                None => wanted.credential(Credential::RoleId, "role-id-file")?,
            };
            let secret_id = secret_id(&wanted, state).await?;
            Ask::of(&LoginWithApproleRequest { mount: mount.clone(), role_id, secret_id })
        }
        VaultMethod::Kubernetes => Ask::of(&LoginWithKubernetesRequest {
            mount: mount.clone(),
            role: wanted.role()?,
            jwt: wanted.credential(Credential::Jwt, "jwt-file")?,
        }),
        VaultMethod::Jwt => Ask::of(&JWTLoginRequest {
            mount: mount.clone(),
            role: auth.role.clone(),
            jwt: wanted.credential(Credential::Jwt, "jwt-file")?,
        }),
        VaultMethod::AwsIam => Ask::of(&iam::request(client, &mount, auth, used).await?),
        VaultMethod::Userpass => Ask::of(&UserpassRequest {
            mount: mount.clone(),
            username: auth.username.clone().ok_or_else(|| wanted.missing("username"))?,
            password: wanted.credential(Credential::Password, "password-file")?,
        }),
        // vaultrs calls the field by a name that Vault does not know.
        VaultMethod::Cert => {
            let body = auth.role.as_ref().map_or(json!({}), |name| json!({ "name": name }));
            let path = format!("auth/{mount}/login");
            Ask::with(Method::POST, &path, body.to_string().into_bytes())
        }
    };
    let reply = client.send(&ask, None).await?;
    let address = client.address();
    match reply.status {
        200..300 => Token::of_auth(client, &reply, Origin::Login),
        404 => Err(client.failure(
            Kind::Wrong,
            format!("{address} has no auth method at 'auth/{mount}' (HTTP 404); check the mount of auth, and namespace"),
        )),
        status if reply.attempts > 1 && auth.method == VaultMethod::AppRole => {
            let text = format!(
                "{address} refuses the login at 'auth/{mount}' (HTTP {status}), for which it was asked {} times; check {check}; where the secret-id is good for one login, an answer that was lost has used it up: put a new one into secret-id-file",
                reply.attempts
            );
            Err(client.failure(Kind::Refused, text))
        }
        status => Err(client.failure(
            Kind::Refused,
            format!("{address} refuses the login at 'auth/{mount}' (HTTP {status}); check {check}"),
        )),
    }
}

struct Wanted<'a> {
    client: &'a Client,
    source: &'a SourceRequest,
    auth: &'a VaultAuth,
}

impl Wanted<'_> {
    fn missing(&self, what: &str) -> Failure {
        self.client.failure(Kind::Wrong, format!("its auth wants {what}"))
    }

    fn role(&self) -> Result<String, Failure> {
        self.auth.role.clone().ok_or_else(|| self.missing("role"))
    }

    /// Without the new line that ends most files; but a password may end in a blank.
    fn credential(&self, which: Credential, name: &str) -> Result<String, Failure> {
        let value = self.source.credential(which).ok_or_else(|| self.missing(name))?.expose();
        let value = match which {
            Credential::Password => value.strip_suffix('\n').unwrap_or(value),
            _ => value.trim(),
        };
        match value {
            "" => Err(self.client.failure(Kind::Wrong, format!("its {name} is empty"))),
            value => Ok(value.to_owned()),
        }
    }
}

/// A role may do without one. A wrapped one is unwrapped once, and kept for the next login.
async fn secret_id(wanted: &Wanted<'_>, state: &mut State) -> Result<String, Failure> {
    if wanted.source.credential(Credential::SecretId).is_none() && !wanted.auth.wrapped {
        return Ok(String::new());
    }
    let given = Secret::new(wanted.credential(Credential::SecretId, "secret-id-file")?);
    if !wanted.auth.wrapped {
        return Ok(given.expose().to_owned());
    }
    if let Some(known) = state.unwrapped(&given) {
        return Ok(known.expose().to_owned());
    }
    let from = given.fingerprint().to_string();
    let secret_id = unwrap(wanted.client, &given).await?;
    let copy = secret_id.expose().to_owned();
    state.secret_id = Some(Unwrapped { secret_id, from });
    Ok(copy)
}

/// Whether a login now would use up a secret-id that can be had only once.
pub fn would_unwrap(vault: &Vault, source: &SourceRequest) -> bool {
    let known = |given: &Secret| {
        let given = Secret::new(given.expose().trim().to_owned());
        State::read(vault, source.state.as_ref()).unwrapped(&given).is_some()
    };
    vault.auth.wrapped && !source.credential(Credential::SecretId).is_some_and(known)
}

async fn unwrap(client: &Client, wrapping: &Secret) -> Result<Secret, Failure> {
    let ask = Ask::with(Method::POST, "sys/wrapping/unwrap", Vec::new());
    let reply = client.send(&ask, Some(wrapping)).await?;
    if !reply.is_good() {
        let why = match reply.attempts {
            1 => "it has been unwrapped before, or its time is over; put a new one into secret-id-file, and look who took the old one".to_owned(),
            // Nobody else need have had a hand in it.
            asked => format!("it was asked {asked} times, and an answer that was lost may have used it up; put a new one into secret-id-file"),
        };
        let text = format!(
            "{} does not unwrap the secret-id (HTTP {}): {why}",
            client.address(),
            reply.status
        );
        return Err(client.failure(Kind::Refused, text));
    }
    let data = reply.part(client, &["data"])?;
    let text = "what its secret-id-file wraps is no secret-id";
    let mut secret_id =
        reply::text(&data, "secret_id").ok_or_else(|| client.failure(Kind::Wrong, text))?;
    Ok(Secret::new(std::mem::take(&mut *secret_id)))
}
