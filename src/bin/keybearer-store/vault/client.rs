use std::time::Duration;

use keybearer::config::{Remote, Vault};
use keybearer::helper::{Credential, Failure, Kind, LONGEST, SourceRequest};
use keybearer::secrets::Secret;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Identity, Response, StatusCode, Url};
use zeroize::Zeroizing;

use super::ask::Ask;
use super::miss::Miss;
use super::reply::Reply;
use super::{address, health};
use crate::deadline::Deadline;
use crate::told::Told;
use crate::{retry, transport};

/// Less than an attempt has, so that the two are told apart.
const CONNECTING: Duration = Duration::from_secs(5);

/// One Vault: every request of this helper goes through here.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    /// What the messages begin with.
    remote: String,
    pub deadline: Deadline,
    told: Told,
}

impl Client {
    pub fn new(
        vault: &Vault,
        source: &SourceRequest,
        deadline: Deadline,
    ) -> Result<Client, Failure> {
        let remote = Remote::Vault(vault.clone()).to_string();
        let base = address::judged(&remote, &vault.address)?;
        let http = build(vault, source, &base)
            .map_err(|text| Failure::new(Kind::Wrong, format!("{remote}: {text}")))?;
        Ok(Client { http, base, remote, deadline, told: Told::default() })
    }

    /// The address, for messages.
    pub fn address(&self) -> String {
        address::shown(&self.base)
    }

    pub fn failure(&self, kind: Kind, text: impl AsRef<str>) -> Failure {
        Failure::new(kind, format!("{}: {}", self.remote, text.as_ref()))
    }

    /// The answer, whatever the store thinks of the request; an Err where it could not be had, or where it
    /// is of no use. Asked again while that may help and there is time.
    pub async fn send(&self, ask: &Ask, token: Option<&Secret>) -> Result<Reply, Failure> {
        let header = token.map(|token| self.header(token)).transpose()?;
        self.told.forget();
        let mut attempts = 0;
        let mut reply = retry::until(self.deadline, || {
            attempts += 1;
            async {
                match self.attempt(ask, header.as_ref()).await {
                    Ok(reply) => Ok(Ok(reply)),
                    Err(miss) if ask.is_once && !miss.did_nothing => Ok(Err(miss.failure)),
                    Err(miss) => Err(miss.failure),
                }
            }
        })
        .await??;
        reply.attempts = attempts;
        Ok(reply)
    }

    /// For what changes nothing now: asked once, and for no longer than one of so many parts of the time
    /// that is left.
    pub async fn send_briefly(&self, ask: &Ask, token: &Secret, parts: u32) -> Option<Reply> {
        let header = self.header(token).ok()?;
        let answer = self.once_more(ask, Some(&header));
        tokio::time::timeout(self.deadline.left() / parts, answer).await.ok()?.ok()
    }

    /// Where there is no time left to wait for the answer.
    pub fn unanswered(&self) -> Failure {
        self.told.last().unwrap_or_else(|| {
            let text = format!("no answer from {} in time", self.address());
            self.failure(Kind::Unreachable, text)
        })
    }

    fn header(&self, token: &Secret) -> Result<HeaderValue, Failure> {
        let wrong = |_| self.failure(Kind::Wrong, "the token holds what no token can");
        let mut header = HeaderValue::from_str(token.expose().trim()).map_err(wrong)?;
        header.set_sensitive(true);
        Ok(header)
    }

    async fn attempt(&self, ask: &Ask, token: Option<&HeaderValue>) -> Result<Reply, Miss> {
        let mut result = self.judged(ask, token).await;
        if let Err(miss) = &mut result {
            self.told.mend(&mut miss.failure, self.deadline);
        }
        result
    }

    async fn judged(&self, ask: &Ask, token: Option<&HeaderValue>) -> Result<Reply, Miss> {
        let reply = self.once(ask, token).await?;
        match reply.status {
            429 => Err(Miss::harmless(self.failure(
                Kind::Unreachable,
                format!("{} has too many requests (HTTP 429); try again later", self.address()),
            ))),
            // Not yet replicated to the node that was asked.
            412 => Err(Miss::harmless(self.failure(
                Kind::Unreachable,
                format!("{} is not up to date (HTTP 412); try again", self.address()),
            ))),
            300..=399 => Err(Miss::harmless(self.failure(
                Kind::Wrong,
                format!(
                    "{} sends elsewhere (HTTP {}); set the address that answers itself",
                    self.address(),
                    reply.status
                ),
            ))),
            status if status >= 500 => {
                let why = health::of(self).await;
                let text =
                    why.unwrap_or_else(|| format!("{} fails (HTTP {status})", self.address()));
                // Who is sealed, or a balancer with nobody behind it, has done nothing. Vault itself says
                // 500 of what it could not do, such as reach a database.
                let did_nothing = status == 503 || status == 500 && reply.is_vaults();
                Err(Miss { failure: self.failure(Kind::Unreachable, text), did_nothing })
            }
            _ => Ok(reply),
        }
    }

    /// No opinion. Who fails may close the connection as well, and then this went into it: once more.
    pub async fn once_more(
        &self,
        ask: &Ask,
        token: Option<&HeaderValue>,
    ) -> Result<Reply, Failure> {
        match self.once(ask, token).await {
            Err(_) => self.once(ask, token).await.map_err(|miss| miss.failure),
            Ok(reply) => Ok(reply),
        }
    }

    /// No retry and no opinion.
    async fn once(&self, ask: &Ask, token: Option<&HeaderValue>) -> Result<Reply, Miss> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(ask.path.split('/'));
        }
        url.set_query(ask.query.as_deref());
        let time = transport::time(self.deadline);
        let mut request = self.http.request(ask.method.clone(), url).timeout(time);
        if let Some(token) = token {
            request = request.header("X-Vault-Token", token.clone());
        }
        if !ask.body.is_empty() {
            request = request.header("Content-Type", "application/json").body(ask.body.to_vec());
        }
        let response = request.send().await.map_err(|error| Miss {
            failure: self.broken(&error),
            did_nothing: error.is_connect(),
        })?;
        let status = response.status();
        let body = match status {
            StatusCode::NO_CONTENT => Zeroizing::default(),
            _ => self.body(response).await.map_err(Miss::unclear)?,
        };
        Ok(Reply { status: status.as_u16(), body, attempts: 1 })
    }

    async fn body(&self, response: Response) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let body = transport::body(response, LONGEST).await.map_err(|error| self.broken(&error))?;
        body.ok_or_else(|| {
            let text = format!("{} answers with more than {} MiB", self.address(), LONGEST >> 20);
            self.failure(Kind::Wrong, text)
        })
    }

    fn broken(&self, error: &reqwest::Error) -> Failure {
        let (kind, text) = transport::told(error, &self.address());
        self.failure(kind, text)
    }
}

fn build(
    vault: &Vault,
    source: &SourceRequest,
    base: &Url,
) -> Result<reqwest::Client, &'static str> {
    let mut headers = HeaderMap::new();
    headers.insert("X-Vault-Request", HeaderValue::from_static("true"));
    if let Some(namespace) = &vault.namespace {
        let namespace =
            HeaderValue::from_str(namespace).map_err(|_| "its namespace is no name of one")?;
        headers.insert("X-Vault-Namespace", namespace);
    }
    let mut builder = ClientBuilder::new()
        .tls_backend_rustls()
        // Who was not reached has done nothing, and may be asked again.
        .connect_timeout(CONNECTING)
        // The token would go along.
        .redirect(Policy::none())
        .referer(false)
        .default_headers(headers);
    if base.scheme() == "http" {
        // On this machine, where no proxy has a part in it, and no CA.
        return builder.no_proxy().tls_certs_only(Vec::new()).build().map_err(|_| "no client");
    }
    let own_ca = source.credential(Credential::CaCertificates);
    if let Some(pem) = own_ca {
        let certificates = Certificate::from_pem_bundle(pem.expose().as_bytes());
        match certificates {
            Ok(certificates) if !certificates.is_empty() => {
                builder = builder.tls_certs_only(certificates);
            }
            _ => return Err("its ca-file holds no certificate in PEM form"),
        }
    }
    if let Some(identity) = identity(source)? {
        builder = builder.identity(identity);
    }
    builder.build().map_err(|_| match own_ca {
        Some(_) => "its ca-file, or client-cert with client-key, cannot be used",
        None => {
            "no CA certificates were found on this machine; install ca-certificates, or set ca-file"
        }
    })
}

fn identity(source: &SourceRequest) -> Result<Option<Identity>, &'static str> {
    let certificate = source.credential(Credential::ClientCertificate);
    let key = source.credential(Credential::ClientKey);
    let (certificate, key) = match (certificate, key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => return Err("client-cert and client-key go together"),
    };
    let both = Zeroizing::new(format!("{}\n{}", certificate.expose(), key.expose()));
    match Identity::from_pem(both.as_bytes()) {
        Ok(identity) => Ok(Some(identity)),
        Err(_) => Err("client-cert or client-key is not in PEM form"),
    }
}
