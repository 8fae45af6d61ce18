use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keybearer::helper::{Failure, Kind};
use keybearer::secrets::Secret;
use reqwest::Url;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use super::access::SCOPE;
use crate::rest::Client;

/// Google gives no token for longer than this.
const LIFETIME: u64 = 3600;

/// That this service account asks for a token. RFC 7523
pub fn signed(
    client: &Client,
    email: &str,
    key_id: Option<&str>,
    key: &Secret,
    tokens: &Url,
) -> Result<Secret, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(key_id) = key_id {
        header["kid"] = key_id.into();
    }
    let claims = json!({
        "iss": email,
        "scope": SCOPE,
        "aud": tokens.as_str(),
        "iat": now,
        "exp": now + LIFETIME,
    });
    let encoded = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
    let wrong = || client.wrong("private_key of its credentials is no RSA key; get a new key");
    let pair = pair(key).ok_or_else(wrong)?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| client.failure(Kind::Wrong, "the kernel gave no random bytes"))?;
    Ok(Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

fn pair(key: &Secret) -> Option<RsaKeyPair> {
    match PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).ok()? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
        _ => None,
    }
}
