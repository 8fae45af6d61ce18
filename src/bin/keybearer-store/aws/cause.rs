use std::error::Error;
use std::io;

use aws_config::meta::ProviderChainError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::error::{ConnectorError, ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use http_body_util::LengthLimitError;
use keybearer::helper::Kind;
use rustls::{CertificateError, Error as TlsError};

use super::bounded::LARGEST;
use super::{codes, instance};

/// Why a call failed, in words of our own.
pub struct Cause {
    pub kind: Kind,
    pub text: String,
}

impl Cause {
    pub fn unreachable(text: impl Into<String>) -> Cause {
        Cause { kind: Kind::Unreachable, text: text.into() }
    }

    pub fn refused(text: impl Into<String>) -> Cause {
        Cause { kind: Kind::Refused, text: text.into() }
    }

    pub fn wrong(text: impl Into<String>) -> Cause {
        Cause { kind: Kind::Wrong, text: text.into() }
    }

    /// Of a call that got no answer: the first of the errors inside that is known.
    pub fn of(error: &(dyn Error + 'static)) -> Cause {
        let mut for_credentials = false;
        let mut credentials = None;
        for error in chain(error) {
            if let Some(error) = error.downcast_ref::<CredentialsError>() {
                for_credentials = true;
                credentials = Some(of_credentials(error));
            }
            let cause = of_role(error)
                .or_else(|| of_web_identity(error))
                .or_else(|| of_sso_file(error))
                .or_else(|| known(error));
            if let Some(cause) = cause {
                let text = match for_credentials {
                    true => format!("no credentials: {}", cause.text),
                    false => cause.text,
                };
                return Cause { text, ..cause };
            }
        }
        credentials.unwrap_or_else(|| Cause::unreachable("the connection failed"))
    }

    /// Of an answer that could not be read to its end.
    pub fn cut(error: &(dyn Error + 'static), status: u16) -> Cause {
        if chain(error).any(|error| error.is::<LengthLimitError>()) {
            let text = format!("the answer is larger than {LARGEST} bytes and none of AWS");
            return Cause::wrong(text);
        }
        match status {
            500.. => Cause::unreachable(format!("AWS failed with HTTP {status}")),
            _ => Cause::unreachable("the answer was cut off or is none of AWS"),
        }
    }
}

/// The error and what is inside, also what an io::Error carries without calling it its source.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        if let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            return Some(inner as &(dyn Error + 'static));
        }
        error.source()
    })
}

fn of_role(error: &(dyn Error + 'static)) -> Option<Cause> {
    let error = error.downcast_ref::<SdkError<AssumeRoleError>>()?;
    let SdkError::ServiceError(context) = error else { return None };
    let status = context.raw().status().as_u16();
    let cause = codes::answered(context.err().code(), status, "sts:AssumeRole");
    match context.err().code() {
        Some("AccessDenied") => Some(Cause::refused(
            "the role may not be assumed; allow sts:AssumeRole on it, and check its trust policy and 'external-id'",
        )),
        _ => Some(cause),
    }
}

fn of_web_identity(error: &(dyn Error + 'static)) -> Option<Cause> {
    let error = error.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError>>()?;
    let SdkError::ServiceError(context) = error else { return None };
    let status = context.raw().status().as_u16();
    match context.err().code() {
        Some("AccessDenied" | "InvalidIdentityToken" | "ExpiredTokenException") => {
            Some(Cause::refused(
                "the role was refused to the web identity; check AWS_ROLE_ARN, its trust policy and the token file",
            ))
        }
        code => Some(codes::answered(code, status, "sts:AssumeRoleWithWebIdentity")),
    }
}

const SSO_ENDED: &str = "the SSO session has ended or is about to; run: aws sso login";

/// Who has never logged in has no file of it; which one is missing says the text alone.
fn of_sso_file(error: &(dyn Error + 'static)) -> Option<Cause> {
    let inner = error.source()?.downcast_ref::<io::Error>()?;
    let missing = inner.kind() == io::ErrorKind::NotFound;
    (missing && error.to_string().contains("/.aws/sso/cache/")).then(|| Cause::refused(SSO_ENDED))
}

fn known(error: &(dyn Error + 'static)) -> Option<Cause> {
    if let Some(error) = error.downcast_ref::<TlsError>() {
        return Some(of_tls(error));
    }
    if error.downcast_ref::<ConnectorError>().is_some_and(ConnectorError::is_timeout) {
        return Some(Cause::unreachable("no answer"));
    }
    let error = error.downcast_ref::<io::Error>()?;
    if error.get_ref().is_some_and(|inner| chain(inner).any(|inner| inner.is::<TlsError>())) {
        return None;
    }
    of_io(error)
}

fn of_tls(error: &TlsError) -> Cause {
    match error {
        TlsError::InvalidCertificate(CertificateError::NotValidForName)
        | TlsError::InvalidCertificate(CertificateError::NotValidForNameContext { .. }) => {
            Cause::wrong("the certificate is for another host name; check 'endpoint'")
        }
        TlsError::InvalidCertificate(CertificateError::Expired)
        | TlsError::InvalidCertificate(CertificateError::ExpiredContext { .. })
        | TlsError::InvalidCertificate(CertificateError::NotValidYet)
        | TlsError::InvalidCertificate(CertificateError::NotValidYetContext { .. }) => {
            Cause::wrong("the certificate is not valid at this time; check this machine's clock")
        }
        TlsError::InvalidCertificate(_) => Cause::wrong(
            "the certificate is not trusted; give its CA as 'ca-file' or in SSL_CERT_FILE",
        ),
        _ => Cause::unreachable("the TLS handshake was broken off"),
    }
}

fn of_io(error: &io::Error) -> Option<Cause> {
    use io::ErrorKind::*;
    Some(match error.kind() {
        ConnectionRefused => Cause::unreachable("connection refused"),
        NetworkUnreachable | HostUnreachable => Cause::unreachable("no route"),
        ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof => {
            Cause::unreachable("the connection was broken off")
        }
        TimedOut => Cause::unreachable("no answer"),
        NotFound => Cause::wrong("a file that the AWS variables or profile name is not there"),
        PermissionDenied => {
            Cause::refused("a file of the AWS variables or profile may not be read")
        }
        // What getaddrinfo(3) says has no kind of its own.
        _ if error.to_string().starts_with("failed to lookup address") => {
            Cause::unreachable("the host name was not found")
        }
        _ => return None,
    })
}

fn of_credentials(error: &CredentialsError) -> Cause {
    // Some of it comes as text alone, which is looked at and not shown.
    let said = |words: &str| chain(error).any(|error| error.to_string().contains(words));
    if said("credentials-process") {
        return Cause::wrong(
            "the profile needs credential_process, which is not built in; use another profile",
        );
    }
    if said("auth token could not be used") {
        return Cause::wrong(
            "no credentials: the container's token is no header value; take the line end out of its file",
        );
    }
    if said("HTTP credential provider: StatusCode(4") {
        return Cause::refused(
            "no credentials: refused by the container's endpoint; check its role and its token",
        );
    }
    if said("UnauthorizedException") {
        return Cause::refused(format!("no credentials: {SSO_ENDED}"));
    }
    if said("ForbiddenException") || said("ResourceNotFoundException") {
        return Cause::refused(
            "no credentials: refused by SSO; check the profile's sso_account_id and sso_role_name",
        );
    }
    let everywhere =
        chain(error).find_map(|error| error.downcast_ref::<ProviderChainError<CredentialsError>>());
    match error {
        CredentialsError::CredentialsNotLoaded(_)
            if everywhere.is_some_and(is_metadata_silent) && instance::may_answer() =>
        {
            Cause::unreachable("no credentials: the instance metadata does not answer")
        }
        CredentialsError::CredentialsNotLoaded(_) if everywhere.is_some() => Cause::refused(
            "no credentials; looked in the environment, the profile, web identity, container and instance metadata",
        ),
        CredentialsError::CredentialsNotLoaded(_) => {
            Cause::refused("no credentials in the profile; check 'profile' and its files")
        }
        CredentialsError::InvalidConfiguration(_) => Cause::wrong(
            "no credentials: the AWS variables or the profile are not complete; check them",
        ),
        _ if said("sso") || said("SSO") => Cause::refused(format!("no credentials: {SSO_ENDED}")),
        CredentialsError::ProviderTimedOut(_) => {
            Cause::unreachable("no credentials: no answer from where they come from")
        }
        _ => Cause::unreachable("no credentials: an error where they come from"),
    }
}

/// The SDK takes no answer from there for no credentials, and says so in text alone.
fn is_metadata_silent(everywhere: &ProviderChainError<CredentialsError>) -> bool {
    let said = |error: &(dyn Error + 'static)| error.to_string().contains("communicate with IMDS");
    everywhere.attempts().iter().any(|attempt| chain(attempt.error()).any(said))
}
