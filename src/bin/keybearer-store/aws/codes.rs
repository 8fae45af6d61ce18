use keybearer::helper::Kind;

use super::cause::Cause;

/// What an answer that says no means: by its code, where that is one of those that AWS documents, else by
/// its HTTP status. The code is compared and never shown.
pub fn answered(code: Option<&str>, status: u16, action: &str) -> Cause {
    if status >= 500 {
        return Cause::unreachable(format!("AWS failed with HTTP {status}"));
    }
    // Some services write the code with what it is of before or after it.
    let code = code.unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    match code {
        "AccessDenied" | "AccessDeniedException" => {
            Cause::refused(format!("access denied; allow {action} to this role"))
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidAccessKeyId" => {
            Cause::refused("the access key is not known to AWS; give one that is")
        }
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException" => Cause::refused(
            "the signature is not accepted; check the secret access key and this machine's clock",
        ),
        "RequestExpired" | "RequestTimeTooSkewed" => {
            Cause::refused("the signature is too old; set this machine's clock")
        }
        "ExpiredToken" | "ExpiredTokenException" => {
            Cause::refused("the session token has expired; get new credentials")
        }
        "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => {
            Cause::refused("AWS saw no credentials; is there a proxy that removes them?")
        }
        "OptInRequired" | "RegionDisabledException" => {
            Cause::refused("the account may not use this region; enable it or name another")
        }
        "DecryptionFailure"
        | "EncryptionFailure"
        | "InvalidKeyId"
        | "KMSAccessDeniedException"
        | "KMSDisabledException"
        | "KMSInvalidStateException"
        | "KMSNotFoundException" => Cause::refused(
            "its KMS key cannot be used; enable it, and allow kms:Decrypt to this role",
        ),
        "IDPRejectedClaim" | "InvalidIdentityToken" => {
            Cause::refused("the web identity token is not accepted; check the role's trust policy")
        }
        "ResourceNotFoundException" | "ParameterNotFound" | "ParameterVersionNotFound" => {
            Cause::wrong("not found; check its name and the region")
        }
        "InvalidRequestException" => {
            Cause::wrong("it has no value or is marked for deletion; restore it or name another")
        }
        "InvalidParameterException"
        | "ValidationException"
        | "ValidationError"
        | "InvalidFilterKey"
        | "InvalidFilterValue" => Cause::wrong("AWS does not accept the name; check it"),
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "IDPCommunicationError" => Cause::unreachable("throttled by AWS"),
        "InternalServiceError"
        | "InternalServerError"
        | "InternalFailure"
        | "ServiceUnavailable" => Cause::unreachable("AWS failed"),
        "LimitExceededException" => Cause::refused("it has as many versions as AWS allows"),
        _ => by_status(status, action),
    }
}

fn by_status(status: u16, action: &str) -> Cause {
    match status {
        401 | 403 => {
            Cause::refused(format!("access denied (HTTP {status}); allow {action} to this role"))
        }
        408 | 429 => Cause::unreachable(format!("throttled by AWS (HTTP {status})")),
        300..400 => Cause::wrong(format!(
            "the answer sends on to another address (HTTP {status}), which is not followed; check 'endpoint'"
        )),
        400..500 => Cause {
            kind: Kind::Wrong,
            text: format!(
                "AWS does not accept the request (HTTP {status}); check the name and 'endpoint'"
            ),
        },
        _ => Cause::unreachable("the answer was cut off or is none of AWS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(code: &str, status: u16, kind: Kind, text: &str) {
        let code = Some(code).filter(|code| !code.is_empty());
        let cause = answered(code, status, "secretsmanager:GetSecretValue");
        assert_eq!((cause.kind, cause.text.as_str()), (kind, text));
    }

    #[test]
    fn codes_before_statuses() {
        let denied = "access denied; allow secretsmanager:GetSecretValue to this role";
        is("AccessDeniedException", 400, Kind::Refused, denied);
        is("com.amazon#AccessDeniedException:http://x", 400, Kind::Refused, denied);
        is("ThrottlingException", 400, Kind::Unreachable, "throttled by AWS");
        is("AccessDeniedException", 503, Kind::Unreachable, "AWS failed with HTTP 503");
    }

    #[test]
    fn a_code_that_nobody_knows_is_not_shown() {
        is("canary", 200, Kind::Unreachable, "the answer was cut off or is none of AWS");
        let text = "AWS does not accept the request (HTTP 418); check the name and 'endpoint'";
        is("canary", 418, Kind::Wrong, text);
        is("", 429, Kind::Unreachable, "throttled by AWS (HTTP 429)");
    }
}
