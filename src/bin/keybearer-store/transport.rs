use std::error::Error;
use std::io;
use std::time::Duration;

use keybearer::helper::Kind;
use reqwest::Response;
use rustls::{AlertDescription, CertificateError};
use zeroize::Zeroizing;

use super::deadline::Deadline;

/// A silent server is asked again while there is time.
const ATTEMPT: Duration = Duration::from_secs(10);

/// For one attempt. A little before the end: what is said then is better than that there is no time.
pub fn time(deadline: Deadline) -> Duration {
    ATTEMPT.min(deadline.left().mul_f64(0.9))
}

/// None where there are more bytes than these, however many they were announced to be.
pub async fn body(
    mut response: Response,
    most: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, reqwest::Error> {
    let announced = response.content_length().unwrap_or(0);
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    if announced > most {
        return Ok(None);
    }
    let mut body = Zeroizing::new(Vec::with_capacity(announced));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > most {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// Why there is no answer. What is in the error stays there: only what it is comes out.
pub fn told(error: &reqwest::Error, address: &str) -> (Kind, String) {
    if let Some(tls) = find::<rustls::Error>(error) {
        return of_tls(tls, address);
    }
    if error.is_timeout() {
        return (Kind::Unreachable, format!("no answer from {address} in time"));
    }
    if error.is_connect() {
        let text = format!("cannot connect to {address}");
        return match find::<io::Error>(error).and_then(io::Error::raw_os_error) {
            Some(number) => {
                let kind = io::Error::from_raw_os_error(number).kind();
                (Kind::Unreachable, format!("{text}: {kind}"))
            }
            None => (Kind::Unreachable, format!("{text}; check the address and the name server")),
        };
    }
    if error.is_builder() {
        return (
            Kind::Wrong,
            format!("cannot ask {address}: its path or namespace is no part of a URL"),
        );
    }
    (Kind::Unreachable, format!("{address} broke off its answer"))
}

fn of_tls(error: &rustls::Error, address: &str) -> (Kind, String) {
    let wrong = |text: String| (Kind::Wrong, text);
    match error {
        rustls::Error::InvalidCertificate(what) => match what {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                wrong(format!("the certificate of {address} has expired"))
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                wrong(format!("the certificate of {address} is for another name"))
            }
            CertificateError::UnknownIssuer => wrong(format!(
                "the certificate of {address} is signed by no known CA; set ca-file to the certificate of its CA"
            )),
            _ => wrong(format!("the certificate of {address} is not good")),
        },
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::HandshakeFailure,
        ) => wrong(format!(
            "{address} does not take the client certificate; check client-cert and client-key"
        )),
        _ => (Kind::Unreachable, format!("the TLS handshake with {address} was broken off")),
    }
}

/// An io::Error hides what it was made of from `source`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            // The innermost io::Error is the system's own.
            let deeper = error.source().and_then(find::<T>);
            return deeper.or(Some(found));
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
