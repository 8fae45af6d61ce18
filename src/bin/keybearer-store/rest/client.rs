use std::time::Duration;

use keybearer::helper::{Credential, Failure, Kind, SourceRequest};
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder, Response, Url};
use zeroize::Zeroizing;

use super::{Ask, Reply, host};
use crate::deadline::Deadline;
use crate::told::Told;
use crate::{retry, transport};

/// With less time than this nobody is asked again: what is known has to be said in time.
const TOO_LATE: Duration = Duration::from_millis(300);

/// The largest secret of any of these stores has 64 KiB, and a page of versions little more.
const LARGEST: usize = 1024 * 1024;

const UNUSABLE: &str = "its ca-file cannot be used";

/// Every request for one source goes through here, those for credentials too.
#[derive(Debug)]
pub struct Client {
    secure: reqwest::Client,
    /// Where one logs in, which has another CA than a store with one of its own. None: it makes no difference.
    elsewhere: Option<reqwest::Client>,
    store: Option<Url>,
    /// On this machine, where no proxy has a part in it, and no CA.
    plain: reqwest::Client,
    /// What the messages begin with.
    remote: String,
    pub deadline: Deadline,
    told: Told,
}

impl Client {
    /// For the store at this address.
    pub fn new(
        source: &SourceRequest,
        store: Option<&Url>,
        deadline: Deadline,
    ) -> Result<Client, Failure> {
        let remote = source.remote.to_string();
        let wrong = |text: &str| Failure::new(Kind::Wrong, format!("{remote}: {text}"));
        let own_ca = own_ca(source).map_err(wrong)?;
        let elsewhere = own_ca.clone().map(|own_ca| {
            let builder = base().tls_certs_merge(own_ca);
            builder.build().map_err(|_| wrong(UNUSABLE))
        });
        let elsewhere = elsewhere.transpose()?;
        let secure = secure(own_ca).map_err(wrong)?;
        let store = store.cloned();
        let plain = base().no_proxy().tls_certs_only(Vec::new()).build();
        let plain = plain.map_err(|_| wrong("no client"))?;
        Ok(Client { secure, elsewhere, store, plain, remote, deadline, told: Told::default() })
    }

    pub fn failure(&self, kind: Kind, text: impl AsRef<str>) -> Failure {
        Failure::new(kind, format!("{}: {}", self.remote, text.as_ref()))
    }

    pub fn wrong(&self, text: impl AsRef<str>) -> Failure {
        self.failure(Kind::Wrong, text)
    }

    pub fn conflict(&self) -> Failure {
        let text = "somebody else has written it meanwhile; nothing was changed";
        self.failure(Kind::Conflict, text)
    }

    /// After a write without an answer.
    pub fn unclear(&self) -> Failure {
        let text = "somebody else has written it meanwhile, and it is not known whether this write was made; look at its newest versions";
        self.failure(Kind::Conflict, text)
    }

    /// Which of the two was made from which is not known, so neither is touched.
    pub fn both(&self, theirs: &str, ours: &str) -> Failure {
        let text = format!(
            "somebody else wrote version {theirs} at the same moment as version {ours} was written here; look at both, and write what is right"
        );
        self.failure(Kind::Conflict, text)
    }

    pub fn not_understood(&self, url: &Url, store: &str) -> Failure {
        self.wrong(format!("{} does not answer as {store} does; check the address", host(url)))
    }

    /// The answer, whatever the store thinks of the request; an Err where it could not be had, or where it
    /// is of no use. Asked again while that may help and there is time.
    pub async fn send(&self, ask: &Ask) -> Result<Reply, Failure> {
        self.send_while(ask, |_| None).await
    }

    /// The same, and asked again for answers that are of use later only: `busy` says why.
    pub async fn send_while(
        &self,
        ask: &Ask,
        busy: impl Fn(&Reply) -> Option<String>,
    ) -> Result<Reply, Failure> {
        self.told.forget();
        retry::until(self.deadline, || self.attempt(ask, &busy)).await
    }

    /// The same without another try: for what would be done twice.
    pub async fn send_once(&self, ask: &Ask) -> Result<Reply, Failure> {
        let reply = self.ask(ask).await?;
        let address = host(&ask.url);
        match reply.status {
            429 => Err(self.failure(
                Kind::Unreachable,
                format!("{address} has too many requests (HTTP 429); try again later"),
            )),
            status if status == 408 || status >= 500 => Err(self
                .failure(Kind::Unreachable, format!("{address} fails (HTTP {status})"))),
            status @ 300..=399 => Err(self.wrong(format!(
                "{address} sends elsewhere (HTTP {status}), which is not followed; check the address"
            ))),
            _ => Ok(reply),
        }
    }

    async fn attempt(
        &self,
        ask: &Ask,
        busy: impl Fn(&Reply) -> Option<String>,
    ) -> Result<Reply, Failure> {
        if self.deadline.left() < TOO_LATE
            && let Some(failure) = self.told.last()
        {
            return Err(failure);
        }
        let mut result = self.send_once(ask).await.and_then(|reply| match busy(&reply) {
            Some(text) => Err(self.failure(Kind::Unreachable, text)),
            None => Ok(reply),
        });
        if let Err(failure) = &mut result {
            self.told.mend(failure, self.deadline);
        }
        result
    }

    async fn ask(&self, ask: &Ask) -> Result<Reply, Failure> {
        let time = transport::time(self.deadline);
        let mut request =
            self.http(&ask.url).request(ask.method.clone(), ask.url.clone()).timeout(time);
        for (name, value) in &ask.headers {
            let named = name.parse::<reqwest::header::HeaderName>();
            let (Ok(name), Ok(mut value)) = (named, HeaderValue::from_str(value.expose())) else {
                return Err(self.wrong(
                    "a header would hold what no header can; look for it in the credentials",
                ));
            };
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if let Some(body) = &ask.body {
            request = request.body(body.expose().as_bytes().to_vec());
        }
        let broken = |error| self.broken(&error, &ask.url);
        let response = request.send().await.map_err(broken)?;
        let status = response.status().as_u16();
        let flavour = response.headers().get("Metadata-Flavor");
        let flavour = flavour.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Reply { status, body: self.body(response, &ask.url).await?, flavour })
    }

    fn http(&self, url: &Url) -> &reqwest::Client {
        match &self.elsewhere {
            _ if url.scheme() != "https" => &self.plain,
            Some(elsewhere) if self.store.as_ref().map(Url::origin) != Some(url.origin()) => {
                elsewhere
            }
            _ => &self.secure,
        }
    }

    async fn body(&self, response: Response, url: &Url) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let broken = |error| self.broken(&error, url);
        let body = transport::body(response, LARGEST).await.map_err(broken)?;
        body.ok_or_else(|| {
            self.wrong(format!("{} answers with more than {} MiB", host(url), LARGEST >> 20))
        })
    }

    fn broken(&self, error: &reqwest::Error, url: &Url) -> Failure {
        let (kind, text) = transport::told(error, &host(url));
        self.failure(kind, text)
    }
}

fn base() -> ClientBuilder {
    // The token would go along.
    ClientBuilder::new().tls_backend_rustls().redirect(Policy::none()).referer(false)
}

fn own_ca(source: &SourceRequest) -> Result<Option<Vec<Certificate>>, &'static str> {
    let Some(pem) = source.credential(Credential::CaCertificates) else { return Ok(None) };
    match Certificate::from_pem_bundle(pem.expose().as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Ok(Some(certificates)),
        _ => Err("its ca-file holds no certificate in PEM form"),
    }
}

/// It trusts the certificates of `ca-file` and no others, or without it those of the system.
fn secure(own_ca: Option<Vec<Certificate>>) -> Result<reqwest::Client, &'static str> {
    match own_ca {
        Some(certificates) => base().tls_certs_only(certificates).build().map_err(|_| UNUSABLE),
        None => base().build().map_err(|_| {
            "no CA certificates were found on this machine; install ca-certificates, or set ca-file"
        }),
    }
}
