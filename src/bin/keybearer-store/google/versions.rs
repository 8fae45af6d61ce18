use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keybearer::config::GoogleSecret;
use keybearer::helper::{Failure, Kind, SourceRequest};
use keybearer::secrets::Secret;
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::access::{self, Access};
use super::crc32c::crc32c;
use crate::deadline::Deadline;
use crate::rest::{Ask, Client, Reply, host, secure};

const ENDPOINT: &str = "https://secretmanager.googleapis.com";

/// Without it Google gives thousands at once, which is more than is read of one answer.
const PAGE: &str = "100";

/// A server that always names one more is none.
const MOST_PAGES: usize = 200;

/// One secret, and the calls that are made about it.
pub struct Versions<'a> {
    asked: &'a GoogleSecret,
    pub client: Client,
    access: Access,
    base: Url,
}

/// One version of it.
pub struct Version {
    pub number: u64,
    /// What the store calls the secret, whatever it was asked by: projects/NUMBER/secrets/NAME.
    pub of: String,
    pub text: Secret,
}

pub enum Found {
    Enabled(Version),
    /// Disabled or destroyed.
    Closed(&'static str),
    None,
}

impl Found {
    pub fn enabled(self) -> Option<Version> {
        match self {
            Found::Enabled(version) => Some(version),
            Found::Closed(_) | Found::None => None,
        }
    }
}

/// The secret itself, without its versions.
pub struct About {
    pub etag: String,
    pub annotations: Map<String, Value>,
}

impl<'a> Versions<'a> {
    pub async fn open(
        asked: &'a GoogleSecret,
        source: &SourceRequest,
        deadline: Deadline,
    ) -> Result<Versions<'a>, Failure> {
        let base = secure(asked.endpoint.as_deref().unwrap_or(ENDPOINT));
        let client = Client::new(source, base.as_ref(), deadline)?;
        let base = base.ok_or_else(|| client.wrong("its endpoint is no address of https"))?;
        let access = access::open(&client, source).await?;
        Ok(Versions { asked, client, access, base })
    }

    /// `latest` may lag behind what was just written, a number does not: so one looks further, number by
    /// number, for as long as there is a next one.
    pub async fn newest(&self) -> Result<Version, Failure> {
        let mut newest = self.ask_for("latest").await?;
        let mut number = match &newest {
            Found::Enabled(version) => version.number,
            Found::None => return self.enabled(newest, None),
            Found::Closed(_) => match self.number_of_latest().await? {
                Some(number) => number,
                None => return self.enabled(newest, None),
            },
        };
        loop {
            match self.find(number + 1).await? {
                Found::None => return self.enabled(newest, Some(number)),
                further => newest = further,
            }
            number += 1;
        }
    }

    /// None where it may not be told without the values.
    pub async fn number_of_newest(&self) -> Result<Option<u64>, Failure> {
        let Some(mut number) = self.number_of_latest().await? else { return Ok(None) };
        loop {
            let ask = self.get_at(&["versions", &(number + 1).to_string()]);
            let reply = self.client.send(&ask).await?;
            match reply.status {
                404 => return Ok(Some(number)),
                200..300 => number += 1,
                _ => return Err(self.refusal(&reply, "secretmanager.versions.get")),
            }
        }
    }

    async fn number_of_latest(&self) -> Result<Option<u64>, Failure> {
        let ask = self.get_at(&["versions", "latest"]);
        let reply = self.client.send(&ask).await?;
        match reply.status {
            200..300 => match name_of(&reply.json()) {
                Some((_, number)) => Ok(Some(number)),
                None => Err(self.not_understood()),
            },
            403 => Ok(None),
            _ => Err(self.refusal(&reply, "secretmanager.versions.get")),
        }
    }

    pub async fn get(&self, number: u64) -> Result<Version, Failure> {
        self.enabled(self.find(number).await?, Some(number))
    }

    fn enabled(&self, found: Found, number: Option<u64>) -> Result<Version, Failure> {
        let which =
            number.map_or("its newest version".to_owned(), |number| format!("version {number}"));
        match found {
            Found::Enabled(version) => Ok(version),
            Found::Closed(how) => {
                Err(self.client.wrong(format!("{which} is {how}; enable it, or add a new version")))
            }
            Found::None if number.is_some() => {
                Err(self.client.wrong(format!("it has no {which} (HTTP 404); check 'version'")))
            }
            Found::None => Err(self.client.wrong(
                "it is not there, or has no version (HTTP 404); check 'project' and 'secret'",
            )),
        }
    }

    pub async fn find(&self, number: u64) -> Result<Found, Failure> {
        self.ask_for(&number.to_string()).await
    }

    async fn ask_for(&self, which: &str) -> Result<Found, Failure> {
        let ask = self.get_at(&["versions", &format!("{which}:access")]);
        let reply = self.client.send_while(&ask, damage).await?;
        match reply.status {
            200..300 => self.version(&reply).map(Found::Enabled),
            404 => Ok(Found::None),
            400 => match closed(&reply) {
                Some(how) => Ok(Found::Closed(how)),
                None => Err(self.refusal(&reply, "secretmanager.versions.access")),
            },
            _ => Err(self.refusal(&reply, "secretmanager.versions.access")),
        }
    }

    fn version(&self, reply: &Reply) -> Result<Version, Failure> {
        let answer = reply.json();
        let (of, number) = name_of(&answer).ok_or_else(|| self.not_understood())?;
        let data = answer["payload"]["data"].as_str().unwrap_or_default();
        let bytes = STANDARD.decode(data).map_err(|_| self.not_understood())?;
        let text = String::from_utf8(bytes)
            .map_err(|_| self.client.wrong("its bytes are no text; store them as base64"))?;
        Ok(Version { number, of, text: Secret::new(text) })
    }

    /// The enabled ones before this, the newest first. None: the account may not list them.
    pub async fn enabled_before(
        &self,
        number: u64,
        most: usize,
    ) -> Result<Option<Vec<u64>>, Failure> {
        let mut numbers = Vec::new();
        let mut page = String::new();
        for _ in 0..MOST_PAGES {
            let mut ask = self.get_at(&["versions"]);
            ask.url.query_pairs_mut().append_pair("filter", "state:ENABLED");
            ask.url.query_pairs_mut().append_pair("pageSize", PAGE);
            if !page.is_empty() {
                ask.url.query_pairs_mut().append_pair("pageToken", &page);
            }
            let reply = self.client.send(&ask).await?;
            match reply.status {
                200..300 => {}
                403 => return Ok(None),
                _ => return Err(self.refusal(&reply, "secretmanager.versions.list")),
            }
            let answer = reply.json();
            let listed = answer["versions"].as_array().into_iter().flatten();
            let listed = listed.filter(|version| version["state"] == "ENABLED").filter_map(name_of);
            numbers.extend(listed.map(|(_, number)| number).filter(|found| *found < number));
            let next = answer["nextPageToken"].as_str().unwrap_or_default();
            // They come with the newest first.
            if next.is_empty() || next == page || numbers.len() >= most {
                numbers.sort_unstable_by(|a, b| b.cmp(a));
                numbers.truncate(most);
                return Ok(Some(numbers));
            }
            page = next.to_owned();
        }
        Err(self.client.wrong("the list of its versions has no end"))
    }

    /// A new version, and its number. One try: every call makes another one.
    pub async fn add(&self, text: &Secret) -> Result<u64, Failure> {
        let bytes = text.expose().as_bytes();
        let payload = json!({
            "data": STANDARD.encode(bytes),
            "dataCrc32c": crc32c(bytes).to_string(),
        });
        let mut url = self.url(&[]);
        url.set_path(&format!("{}:addVersion", url.path()));
        let ask = self.signed(Ask::json(Method::POST, url, &json!({ "payload": payload })));
        let reply = self.client.send_once(&ask).await?;
        match reply.status {
            200..300 => match name_of(&reply.json()) {
                Some((_, number)) => Ok(number),
                None => Err(self.not_understood()),
            },
            _ => Err(self.refusal(&reply, "secretmanager.versions.add")),
        }
    }

    pub async fn disable(&self, number: u64) -> Result<(), Failure> {
        let url = self.url(&["versions", &format!("{number}:disable")]);
        let ask = self.signed(Ask::json(Method::POST, url, &json!({})));
        let reply = self.client.send(&ask).await?;
        match reply.is_good() {
            true => Ok(()),
            false => Err(self.refusal(&reply, "secretmanager.versions.disable")),
        }
    }

    pub async fn about(&self) -> Result<About, Failure> {
        let reply = self.client.send(&self.get_at(&[])).await?;
        if !reply.is_good() {
            return Err(self.refusal(&reply, "secretmanager.secrets.get"));
        }
        let answer = reply.json();
        let Some(etag) = answer["etag"].as_str() else { return Err(self.not_understood()) };
        let annotations = answer["annotations"].as_object().cloned().unwrap_or_default();
        Ok(About { etag: etag.to_owned(), annotations })
    }

    /// False: somebody has changed the secret since.
    pub async fn annotate(&self, about: &About) -> Result<bool, Failure> {
        let mut url = self.url(&[]);
        url.query_pairs_mut().append_pair("updateMask", "annotations");
        let body = json!({ "etag": about.etag, "annotations": about.annotations });
        let ask = self.signed(Ask::json(Method::PATCH, url, &body));
        let reply = self.client.send(&ask).await?;
        match (reply.status, status_of(&reply)) {
            (200..300, _) => Ok(true),
            (400, Some("FAILED_PRECONDITION")) | (409 | 412, _) => Ok(false),
            _ => Err(self.refusal(&reply, "secretmanager.secrets.update")),
        }
    }

    fn url(&self, below: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", "projects", &self.asked.project]);
            path.extend(["secrets", &self.asked.secret]).extend(below);
        }
        url
    }

    fn get_at(&self, below: &[&str]) -> Ask {
        self.signed(Ask::get(self.url(below)))
    }

    fn signed(&self, ask: Ask) -> Ask {
        let ask = ask.bearer(&self.access.token);
        match &self.access.quota_project {
            Some(project) => ask.header("x-goog-user-project", project),
            None => ask,
        }
    }

    fn not_understood(&self) -> Failure {
        self.client.not_understood(&self.base, "Google")
    }

    fn refusal(&self, reply: &Reply, permission: &str) -> Failure {
        let address = host(&self.base);
        let refused = |text: &str| self.client.failure(Kind::Refused, text);
        match reply.status {
            401 => refused(&format!(
                "{address} does not take the access token (HTTP 401); check the credentials and this machine's clock"
            )),
            403 if is_off(reply) => refused(
                "Secret Manager is not enabled in the project (HTTP 403); run: gcloud services enable secretmanager.googleapis.com",
            ),
            403 => refused(&format!(
                "access denied (HTTP 403); allow {permission} on it to this account"
            )),
            404 => self.client.wrong("it is not there (HTTP 404); check 'project' and 'secret'"),
            status => self.client.wrong(format!(
                "{address} does not take the request (HTTP {status}); check 'project' and 'secret'"
            )),
        }
    }
}

/// Of a value on its way; another try may have it whole.
fn damage(reply: &Reply) -> Option<String> {
    let answer = reply.json();
    let payload = &answer["payload"];
    let bytes = STANDARD.decode(payload["data"].as_str().unwrap_or_default()).ok()?;
    let bytes = Zeroizing::new(bytes);
    let sum = &payload["dataCrc32c"];
    let sum = sum.as_str().and_then(|sum| sum.parse().ok()).or(sum.as_u64())?;
    let is_damaged = reply.is_good() && sum != u64::from(crc32c(&bytes));
    is_damaged.then(|| "what arrived is damaged: its checksum is another".to_owned())
}

/// `projects/NUMBER/secrets/NAME/versions/NUMBER`, in its two parts.
fn name_of(version: &Value) -> Option<(String, u64)> {
    let (of, number) = version["name"].as_str()?.split_once("/versions/")?;
    Some((of.to_owned(), number.parse().ok()?))
}

fn status_of(reply: &Reply) -> Option<&'static str> {
    reply.word("/error/status", &["FAILED_PRECONDITION"])
}

fn closed(reply: &Reply) -> Option<&'static str> {
    status_of(reply)?;
    let answer = reply.json();
    let said = answer["error"]["message"].as_str().unwrap_or_default();
    let states = [("DISABLED", "disabled"), ("DESTROYED", "destroyed")];
    states.into_iter().find(|(state, _)| said.contains(state)).map(|(_, how)| how)
}

fn is_off(reply: &Reply) -> bool {
    let answer = reply.json();
    let details = answer["error"]["details"].as_array();
    details.is_some_and(|details| details.iter().any(|one| one["reason"] == "SERVICE_DISABLED"))
}
