use keybearer::helper::Failure;
use keybearer::secrets::Secret;
use reqwest::Url;
use serde_json::Value;

use crate::rest::{Client, link_local, secure};

/// Where Google answers unless the credentials say otherwise.
const TOKENS: &str = "https://oauth2.googleapis.com/token";

/// What a credentials file holds.
pub struct Credentials {
    pub account: Account,
    /// The project whose quota the requests use up. Google asks for one where a user's login is used.
    pub quota_project: Option<String>,
}

pub enum Account {
    /// A key that signs.
    Service { email: String, key_id: Option<String>, key: Secret, tokens: Url },
    /// Somebody who has logged in.
    User { client_id: String, client_secret: Secret, refresh_token: Secret, tokens: Url },
    /// Somebody whom another provider vouches for.
    External(Box<External>),
}

pub struct External {
    pub audience: String,
    pub token_type: String,
    pub tokens: Url,
    /// None: the file that keybearer has read.
    pub from: Option<(Url, Vec<(String, Secret)>)>,
    /// Of a token that is a field of a JSON document.
    pub field: Option<String>,
    pub impersonated: Option<Url>,
}

impl Credentials {
    pub fn read(client: &Client, text: &str) -> Result<Credentials, Failure> {
        let read = Read { client, value: serde_json::from_str(text).unwrap_or_default() };
        let quota_project = read.text("quota_project_id").ok();
        Ok(Credentials { account: read.account()?, quota_project })
    }
}

struct Read<'a> {
    client: &'a Client,
    value: Value,
}

impl Read<'_> {
    fn account(&self) -> Result<Account, Failure> {
        match self.value["type"].as_str() {
            Some("service_account") => Ok(Account::Service {
                email: self.text("client_email")?,
                key_id: self.text("private_key_id").ok(),
                key: Secret::new(self.text("private_key")?),
                tokens: self.url("token_uri", Some(TOKENS))?,
            }),
            Some("authorized_user") => Ok(Account::User {
                client_id: self.text("client_id")?,
                client_secret: Secret::new(self.text("client_secret")?),
                refresh_token: Secret::new(self.text("refresh_token")?),
                tokens: self.url("token_uri", Some(TOKENS))?,
            }),
            Some("external_account") => self.external().map(Box::new).map(Account::External),
            _ => Err(self.client.wrong(
                "its credentials are of no type that is read; give a service_account, authorized_user or external_account",
            )),
        }
    }

    fn text(&self, name: &str) -> Result<String, Failure> {
        match self.value[name].as_str() {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(self.client.wrong(format!("its credentials lack {name}; get new ones"))),
        }
    }

    fn url(&self, name: &str, usual: Option<&str>) -> Result<Url, Failure> {
        let given = self.value[name].as_str().or(usual).unwrap_or_default();
        secure(given).ok_or_else(|| {
            self.client.wrong(format!("{name} of its credentials is no address of https"))
        })
    }

    fn external(&self) -> Result<External, Failure> {
        let source = &self.value["credential_source"];
        let from = match source["url"].as_str() {
            // AWS's has one too, and it is no token that is there.
            Some(url) if source["environment_id"].is_null() => {
                let url = link_local(url).ok_or_else(|| {
                    self.client.wrong("credential_source.url of its credentials is no address of https")
                })?;
                Some((url, headers(&source["headers"])))
            }
            _ if source["file"].is_string() => None,
            _ => return Err(self.client.wrong(
                "its credentials want a subject token that is neither in a file nor at a URL; that is not built in",
            )),
        };
        let field = match source["format"]["type"].as_str() {
            Some("json") => Some(
                source["format"]["subject_token_field_name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            ),
            _ => None,
        };
        let impersonated = match self.value["service_account_impersonation_url"].is_null() {
            true => None,
            false => Some(self.url("service_account_impersonation_url", None)?),
        };
        Ok(External {
            audience: self.text("audience")?,
            token_type: self.text("subject_token_type")?,
            tokens: self.url("token_url", None)?,
            from,
            field,
            impersonated,
        })
    }
}

fn headers(given: &Value) -> Vec<(String, Secret)> {
    let given = given.as_object().into_iter().flatten();
    given
        .filter_map(|(name, value)| Some((name.clone(), Secret::new(value.as_str()?.to_owned()))))
        .collect()
}
