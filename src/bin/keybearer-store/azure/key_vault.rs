use keybearer::config::AzureSecret;
use keybearer::helper::{Failure, Kind, SourceRequest};
use keybearer::secrets::Secret;
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};

use super::cloud::Cloud;
use super::login;
use super::version::{Listed, Version, now};
use crate::deadline::Deadline;
use crate::rest::{Ask, Client, Reply, host, secure};

const API: &str = "7.4";

/// More pages than any secret has; a server that always names one more is none.
const MOST_PAGES: usize = 200;

/// One secret, and the calls that are made about it.
pub struct KeyVault<'a> {
    asked: &'a AzureSecret,
    pub client: Client,
    token: Secret,
    base: Url,
    /// Variables of the environment that the login used.
    pub used: Vec<String>,
}

impl<'a> KeyVault<'a> {
    pub async fn open(
        asked: &'a AzureSecret,
        source: &SourceRequest,
        deadline: Deadline,
    ) -> Result<KeyVault<'a>, Failure> {
        let base = secure(&asked.address());
        let client = Client::new(source, base.as_ref(), deadline)?;
        let base = base.ok_or_else(|| client.wrong("its vault is no address of https"))?;
        let cloud = Cloud::of(base.host_str().unwrap_or_default());
        let mut used = Vec::new();
        let token = login::token(&client, asked, source, cloud, &mut used).await?;
        Ok(KeyVault { asked, client, token, base, used })
    }

    /// None: the current one.
    pub async fn get(&self, version: Option<&str>) -> Result<Version, Failure> {
        let reply = self.read(version).await?;
        match reply.status {
            200..300 => Version::of(&reply.json()).ok_or_else(|| self.not_understood()),
            _ => Err(self.refusal(&reply, "get", version)),
        }
    }

    /// None: it is disabled, or there is no such version.
    pub async fn find(&self, version: &str) -> Result<Option<Version>, Failure> {
        let reply = self.read(Some(version)).await?;
        match reply.status {
            200..300 => match Version::of(&reply.json()) {
                Some(version) => Ok(Some(version)),
                None => Err(self.not_understood()),
            },
            404 => Ok(None),
            403 if reason(&reply) == Some("SecretDisabled") => Ok(None),
            _ => Err(self.refusal(&reply, "get", Some(version))),
        }
    }

    async fn read(&self, version: Option<&str>) -> Result<Reply, Failure> {
        let url = self.url(version.as_slice());
        self.client.send(&Ask::get(url).bearer(&self.token)).await
    }

    /// All of them, in no order. None: the account may not list them.
    pub async fn versions(&self) -> Result<Option<Vec<Listed>>, Failure> {
        let mut listed = Vec::new();
        let mut url = self.url(&["versions"]);
        for _ in 0..MOST_PAGES {
            let reply = self.client.send(&Ask::get(url.clone()).bearer(&self.token)).await?;
            match reply.status {
                200..300 => {}
                403 => return Ok(None),
                _ => return Err(self.refusal(&reply, "list", None)),
            }
            let answer = reply.json();
            listed.extend(answer["value"].as_array().into_iter().flatten().filter_map(Listed::of));
            match answer["nextLink"].as_str().filter(|next| !next.is_empty()) {
                None => return Ok(Some(listed)),
                Some(next) => url = self.next_page(next)?,
            }
        }
        Err(self.client.wrong("the list of its versions has no end"))
    }

    /// The token goes to the vault alone, wherever the answer points.
    fn next_page(&self, next: &str) -> Result<Url, Failure> {
        let own = self.url(&["versions"]);
        let next = Url::parse(next).ok().filter(|next| {
            // Names are compared without their case.
            next.origin() == own.origin()
                && next.path().eq_ignore_ascii_case(own.path())
                && next.username().is_empty()
        });
        next.ok_or_else(|| {
            self.client.wrong(format!(
                "{} sends elsewhere for the next page, which is not followed",
                host(&own)
            ))
        })
    }

    /// A new version with this text, and beside it what the one before had. One try: every call makes
    /// another one.
    pub async fn put(
        &self,
        text: &Secret,
        before: &Version,
        tags: &Map<String, Value>,
    ) -> Result<Version, Failure> {
        let mut attributes = json!({ "enabled": true });
        if let Some(until) = before.until.filter(|until| *until > now()) {
            attributes["exp"] = until.into();
        }
        let mut body = json!({ "value": text.expose(), "attributes": attributes, "tags": tags });
        if let Some(content_type) = &before.content_type {
            body["contentType"] = content_type.as_str().into();
        }
        let ask = Ask::json(Method::PUT, self.url(&[]), &body).bearer(&self.token);
        let reply = self.client.send_once(&ask).await?;
        match reply.status {
            200..300 => Version::of(&reply.json()).ok_or_else(|| self.not_understood()),
            _ => Err(self.refusal(&reply, "set", None)),
        }
    }

    /// Of a version that is there.
    pub async fn tag(&self, version: &str, tags: &Map<String, Value>) -> Result<(), Failure> {
        self.update(version, &json!({ "tags": tags })).await
    }

    pub async fn disable(&self, version: &str) -> Result<(), Failure> {
        self.update(version, &json!({ "attributes": { "enabled": false } })).await
    }

    async fn update(&self, version: &str, body: &Value) -> Result<(), Failure> {
        let ask = Ask::json(Method::PATCH, self.url(&[version]), body).bearer(&self.token);
        let reply = self.client.send(&ask).await?;
        match reply.is_good() {
            true => Ok(()),
            false => Err(self.refusal(&reply, "set", Some(version))),
        }
    }

    fn url(&self, below: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["secrets", &self.asked.secret]).extend(below);
        }
        url.query_pairs_mut().clear().append_pair("api-version", API);
        url
    }

    pub fn not_understood(&self) -> Failure {
        self.client.not_understood(&self.base, "Key Vault")
    }

    pub fn may_not_list(&self) -> Failure {
        let text = "access denied (HTTP 403); allow to list secrets to this client: without that a lost race would go unseen";
        self.client.failure(Kind::Refused, text)
    }

    fn refusal(&self, reply: &Reply, what: &str, version: Option<&str>) -> Failure {
        let address = host(&self.base);
        let refused = |text: &str| self.client.failure(Kind::Refused, text);
        match (reply.status, reason(reply)) {
            (401, _) => refused(&format!(
                "{address} does not take the access token (HTTP 401); check 'tenant' and this machine's clock"
            )),
            (403, Some("SecretDisabled")) => {
                self.client.wrong("it is disabled; enable it, or write a new version")
            }
            (403, Some("ForbiddenByFirewall" | "ForbiddenByConnection")) => {
                refused("the vault's firewall keeps this machine out (HTTP 403); allow its network")
            }
            (403, _) => refused(&format!(
                "access denied (HTTP 403); allow to {what} secrets to this client"
            )),
            (404, _) if version.is_some() => {
                self.client.wrong("it has no such version (HTTP 404); check 'version'")
            }
            (404, _) => self.client.wrong("it is not there (HTTP 404); check 'vault' and 'secret'"),
            (409, Some(_)) => self.client.wrong("it is being deleted (HTTP 409); recover it first"),
            // Several at once on one secret.
            (409, None) if what == "set" => self.client.conflict(),
            (status, _) => self.client.wrong(format!(
                "{address} does not take the request (HTTP {status}); check 'vault' and 'secret'"
            )),
        }
    }
}

/// Why a 403 or a 409 is one. Azure writes the field in two ways.
fn reason(reply: &Reply) -> Option<&'static str> {
    let known: &[&str] = match reply.status {
        409 => &["ObjectIsDeletedButRecoverable", "ObjectIsBeingDeleted"],
        _ => &["SecretDisabled", "ForbiddenByFirewall", "ForbiddenByConnection"],
    };
    let inner = |name: &str| reply.word(&format!("/error/{name}/code"), known);
    inner("innererror").or_else(|| inner("innerError"))
}
