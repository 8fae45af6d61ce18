use std::time::SystemTime;

use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_types::base64;
use keybearer::config::VaultAuth;
use keybearer::helper::{Failure, Kind};
use serde_json::{Map, Value};
use vaultrs::api::auth::aws::requests::IamLoginRequest;

use super::client::Client;
use crate::aws::identity;
use crate::retry;

const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const SERVER_ID: &str = "X-Vault-AWS-IAM-Server-ID";
const VARIABLES: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// A question to STS, signed and not sent: Vault asks it, and learns who signed.
pub async fn request(
    client: &Client,
    mount: &str,
    auth: &VaultAuth,
    used: &mut Vec<String>,
) -> Result<IamLoginRequest, Failure> {
    // Some come over the network: of a container, an instance, a web identity, SSO.
    let credentials = retry::until(client.deadline, || async {
        let failed = |failure: Failure| {
            client.failure(failure.kind, format!("AWS login: {}", failure.message))
        };
        identity::found().await.map_err(failed)
    })
    .await?;
    if std::env::var(VARIABLES[0]).is_ok_and(|id| id == credentials.access_key_id()) {
        let set = VARIABLES.iter().filter(|name| std::env::var_os(name).is_some());
        used.extend(set.map(|name| (*name).to_owned()));
    }
    let region = auth.region.as_deref().unwrap_or("us-east-1");
    let host = match &auth.region {
        Some(region) => format!("sts.{region}.amazonaws.com"),
        None => "sts.amazonaws.com".to_owned(),
    };
    let url = format!("https://{host}/");
    let mut headers = vec![
        ("Host".to_owned(), host),
        ("Content-Type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned()),
    ];
    if let Some(id) = &auth.server_id {
        headers.push((SERVER_ID.to_owned(), id.clone()));
    }
    let unsigned = |what: &str| {
        client.failure(Kind::Wrong, format!("the AWS login cannot be signed; check {what}"))
    };
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| unsigned("region"))?;
    let signable = SignableRequest::new(
        "POST",
        &url,
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
        SignableBody::Bytes(BODY.as_bytes()),
    )
    .map_err(|_| unsigned("region and server-id"))?;
    let signed = sign(signable, &SigningParams::from(parameters))
        .map_err(|_| unsigned("region and server-id"))?;
    let (instructions, _) = signed.into_parts();
    let mut all = Map::new();
    for (name, value) in instructions.headers() {
        all.insert(name.to_owned(), Value::from(vec![value]));
    }
    for (name, value) in headers {
        all.insert(name, Value::from(vec![value]));
    }
    Ok(IamLoginRequest {
        mount: mount.to_owned(),
        role: auth.role.clone(),
        iam_http_request_method: "POST".to_owned(),
        iam_request_url: base64::encode(&url),
        iam_request_body: base64::encode(BODY),
        iam_request_headers: base64::encode(Value::from(all).to_string()),
    })
}
