use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use keybearer::config::AwsAccess;
use keybearer::helper::{Failure, Kind, SourceRequest};

use super::{instance, loader, trust};
use crate::deadline::Deadline;
use crate::retry;

/// What AWS is asked with.
pub struct Access {
    pub config: SdkConfig,
    pub region: String,
    /// The variables with credentials that were used.
    pub used: Vec<String>,
}

/// The region is the config's, or that of `name` where it is an ARN, or what the SDK finds. So are the
/// credentials, and with them a role may be assumed.
pub async fn open(
    access: &AwsAccess,
    name: &str,
    source: &SourceRequest,
    deadline: Deadline,
) -> Result<Access, Failure> {
    retry::until(deadline, || attempt(access, name, source)).await
}

async fn attempt(
    access: &AwsAccess,
    name: &str,
    source: &SourceRequest,
) -> Result<Access, Failure> {
    let http_client = trust::http_client(source)?;
    let mut loader = loader::with(http_client.clone());
    let mut region = access
        .region
        .as_deref()
        .or_else(|| region_of(name))
        .map(|name| Region::new(name.to_owned()));
    if let Some(profile) = &access.profile {
        let plain = ProviderConfig::without_region()
            .with_http_client(http_client)
            .with_retry_config(RetryConfig::disabled())
            .with_timeout_config(loader::timeouts());
        if region.is_none() {
            let provider = ProfileFileRegionProvider::builder().profile_name(profile);
            region = provider.configure(&plain).build().region().await;
        }
        // A profile that the config names goes before credentials in the environment, as `--profile`
        // does elsewhere.
        let provider = ProfileFileCredentialsProvider::builder().profile_name(profile);
        let provider = provider.configure(&plain.with_region(region.clone())).build();
        loader = loader.profile_name(profile).credentials_provider(provider);
    }
    if let Some(region) = region {
        loader = loader.region(region);
    }
    let mut config = loader.load().await;
    let Some(region) = config.region().map(|region| region.as_ref().to_owned()) else {
        // The instance metadata, which would know it, comes last.
        let (kind, why) = match instance::may_answer() {
            true => (Kind::Unreachable, ", and the instance metadata gives none now"),
            false => (Kind::Wrong, ""),
        };
        let message = format!(
            "{}: no region{why}; give one: region = \"eu-west-1\", or AWS_REGION",
            source.remote
        );
        return Err(Failure::new(kind, message));
    };
    if let Some(role) = &access.role {
        let mut provider =
            AssumeRoleProvider::builder(role).session_name("keybearer").configure(&config);
        if let Some(external_id) = &access.external_id {
            provider = provider.external_id(external_id);
        }
        let provider = provider.build().await;
        config = config
            .into_builder()
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                provider,
            ))
            .build();
    }
    Ok(Access { config, region, used: used(access) })
}

/// arn:aws:secretsmanager:REGION:account:...
fn region_of(name: &str) -> Option<&str> {
    let mut parts = name.split(':');
    if parts.next() != Some("arn") {
        return None;
    }
    parts.nth(2).filter(|region| !region.is_empty())
}

/// In the SDK's chain the environment comes first, and needs both of these.
fn used(access: &AwsAccess) -> Vec<String> {
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let both = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    if access.profile.is_some() || !both.iter().all(is_set) {
        return Vec::new();
    }
    both.into_iter().chain(["AWS_SESSION_TOKEN"]).filter(is_set).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::region_of;

    #[test]
    fn an_arn_names_its_region() {
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:example/prod-AbCdEf";
        assert_eq!(region_of(arn), Some("eu-west-1"));
        assert_eq!(region_of("example/prod"), None);
        assert_eq!(region_of("arn:aws:ssm::1:parameter/x"), None);
    }
}
