use aws_sdk_sts::config::SharedHttpClient;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use keybearer::helper::{Credential, Failure, Kind, SourceRequest};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::bounded::Bounded;

/// The one that all requests go through, those for credentials too. It trusts the certificates of
/// `ca-file` and no others, or without it those of SSL_CERT_FILE or the system. It asks HTTPS_PROXY and
/// its like, and follows no redirect.
pub fn http_client(source: &SourceRequest) -> Result<SharedHttpClient, Failure> {
    Ok(client(context(source)?))
}

/// The same without a `ca-file`; None where there is nothing that could be trusted.
#[cfg(feature = "vault")]
pub fn of_the_system() -> Option<SharedHttpClient> {
    let context = TlsContext::builder().with_trust_store(TrustStore::default()).build().ok()?;
    Some(client(context))
}

fn client(context: TlsContext) -> SharedHttpClient {
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        let connector = connector.proxy_config(ProxyConfig::from_env());
        connector
            .tls_provider(Provider::rustls(CryptoMode::Ring))
            .tls_context(context.clone())
            .build()
    });
    SharedHttpClient::new(Bounded(client))
}

fn context(source: &SourceRequest) -> Result<TlsContext, Failure> {
    let wrong = || {
        let message = format!("{}: the 'ca-file' holds no certificates in PEM form", source.remote);
        Failure::new(Kind::Wrong, message)
    };
    let mut store = TrustStore::default();
    if let Some(certificates) = source.credential(Credential::CaCertificates) {
        let pem = certificates.expose().as_bytes();
        if !usable(pem) {
            return Err(wrong());
        }
        store = TrustStore::empty().with_pem_certificate(pem);
    }
    TlsContext::builder().with_trust_store(store).build().map_err(|_| wrong())
}

/// The SDK panics over certificates that it cannot read.
fn usable(pem: &[u8]) -> bool {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let Ok(certificates) = certificates else { return false };
    let mut roots = RootCertStore::empty();
    !certificates.is_empty() && certificates.into_iter().all(|one| roots.add(one).is_ok())
}
