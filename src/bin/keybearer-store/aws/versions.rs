use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::primitives::Blob;
use keybearer::config::AwsSecret;
use keybearer::helper::{Failure, Kind, SourceRequest};
use keybearer::secrets::Secret;
use zeroize::Zeroizing;

use crate::deadline::Deadline;
use crate::retry;

use super::access;
use super::asked::Asked;

pub const CURRENT: &str = "AWSCURRENT";
pub const PREVIOUS: &str = "AWSPREVIOUS";
/// What is being written carries this until it is current; without any stage AWS may delete it.
const PENDING: &str = "KEYBEARERPENDING";

/// One secret, and the calls that are made about it.
pub struct Versions<'a> {
    asked: &'a AwsSecret,
    source: &'a SourceRequest,
    deadline: Deadline,
    client: Client,
    region: String,
    pub used: Vec<String>,
}

/// One version of it.
pub struct Version {
    pub id: String,
    /// Of the secret, whatever name it was asked by.
    pub arn: Option<String>,
    pub text: Secret,
    /// It is kept as bytes and has to be written as bytes.
    pub binary: bool,
}

#[derive(Clone, Copy)]
pub enum Which<'a> {
    Stage(&'a str),
    Id(&'a str),
}

impl<'a> Versions<'a> {
    pub async fn open(
        asked: &'a AwsSecret,
        source: &'a SourceRequest,
        deadline: Deadline,
    ) -> Result<Versions<'a>, Failure> {
        let access = access::open(&asked.access, &asked.secret, source, deadline).await?;
        let mut config = aws_sdk_secretsmanager::config::Builder::from(&access.config);
        if let Some(endpoint) = &asked.access.endpoint {
            config = config.endpoint_url(endpoint);
        }
        let client = Client::from_conf(config.build());
        Ok(Versions { asked, source, deadline, client, region: access.region, used: access.used })
    }

    /// As the config says.
    pub fn wanted(&self) -> Which<'a> {
        match (&self.asked.version, &self.asked.stage) {
            (Some(id), _) => Which::Id(id),
            (None, Some(stage)) => Which::Stage(stage),
            (None, None) => Which::Stage(CURRENT),
        }
    }

    fn ask(&self, action: &'static str) -> Asked<'_> {
        Asked { remote: &self.source.remote, region: &self.region, action }
    }

    pub fn wrong(&self, cause: &str) -> Failure {
        self.ask("").failed(Kind::Wrong, cause)
    }

    pub fn conflict(&self) -> Failure {
        let cause = "somebody else has written it meanwhile; nothing was changed";
        self.ask("").failed(Kind::Conflict, cause)
    }

    pub async fn get(&self, which: Which<'_>) -> Result<Version, Failure> {
        match self.find(which).await? {
            Some(version) => Ok(version),
            None => Err(self.wrong(&match which {
                Which::Stage(CURRENT) => "not found; check 'secret' and the region".to_owned(),
                Which::Stage(stage) => format!("not found, or no version of it is '{stage}'"),
                Which::Id(id) => format!("not found, or it has no version '{id}'"),
            })),
        }
    }

    /// None: there is no such version.
    pub async fn find(&self, which: Which<'_>) -> Result<Option<Version>, Failure> {
        let ask = self.ask("secretsmanager:GetSecretValue");
        let get = self.client.get_secret_value().secret_id(&self.asked.secret);
        // Always one of them: what the store takes for the default is not always AWSCURRENT.
        let get = match which {
            Which::Stage(stage) => get.version_stage(stage),
            Which::Id(id) => get.version_id(id),
        };
        retry::until(self.deadline, || async {
            match get.clone().send().await {
                Ok(output) => self.version(ask, output).map(Some),
                Err(error) if is(&error, &["ResourceNotFoundException"]) => Ok(None),
                Err(error) => Err(ask.failure(&error)),
            }
        })
        .await
    }

    fn version(&self, ask: Asked<'_>, output: GetSecretValueOutput) -> Result<Version, Failure> {
        let Some(id) = output.version_id else {
            return Err(ask.failed(Kind::Unreachable, "the answer is none of Secrets Manager"));
        };
        let arn = output.arn;
        let bytes = output.secret_binary.map(|blob| Zeroizing::new(blob.into_inner()));
        match (output.secret_string, bytes) {
            (Some(text), _) => Ok(Version { id, arn, text: Secret::new(text), binary: false }),
            (None, Some(bytes)) => match std::str::from_utf8(&bytes) {
                Ok(text) => {
                    Ok(Version { id, arn, text: Secret::new(text.to_owned()), binary: true })
                }
                Err(_) => Err(self.wrong("its bytes are no text; store them as base64")),
            },
            (None, None) => Err(self.wrong("it has no value; give it one")),
        }
    }

    /// Which version has that stage now; the values are not asked for.
    pub async fn id_of(&self, stage: &str) -> Result<String, Failure> {
        let ask = self.ask("secretsmanager:DescribeSecret");
        let describe = self.client.describe_secret().secret_id(&self.asked.secret);
        retry::until(self.deadline, || async {
            let output = describe.clone().send().await.map_err(|error| ask.failure(&error))?;
            let versions = output.version_ids_to_stages.unwrap_or_default();
            let found =
                versions.into_iter().find(|(_, stages)| stages.iter().any(|one| one == stage));
            found
                .map(|(id, _)| id)
                .ok_or_else(|| self.wrong(&format!("no version of it is '{stage}'")))
        })
        .await
    }

    /// A version with this id, that nobody reads yet. Asked twice, it is there once.
    pub async fn put(&self, id: &str, text: &Secret, binary: bool) -> Result<(), Failure> {
        let ask = self.ask("secretsmanager:PutSecretValue");
        retry::until(self.deadline, || async {
            let put = self
                .client
                .put_secret_value()
                .secret_id(&self.asked.secret)
                .client_request_token(id)
                .version_stages(PENDING);
            let put = match binary {
                true => put.secret_binary(Blob::new(text.expose())),
                false => put.secret_string(text.expose()),
            };
            put.send().await.map(|_| ()).map_err(|error| ask.failure(&error))
        })
        .await
    }

    /// The one step that others see. It fails if `from` is not current any more.
    pub async fn make_current(&self, id: &str, from: &str) -> Result<(), Failure> {
        let ask = self.ask("secretsmanager:UpdateSecretVersionStage");
        let update = self
            .client
            .update_secret_version_stage()
            .secret_id(&self.asked.secret)
            .version_stage(CURRENT)
            .move_to_version_id(id)
            .remove_from_version_id(from);
        retry::until(self.deadline, || async {
            match update.clone().send().await {
                Ok(_) => Ok(()),
                Err(error) if is(&error, &["InvalidParameterException"]) => Err(self.conflict()),
                Err(error) => Err(ask.failure(&error)),
            }
        })
        .await
    }

    /// One try with half of the time that is left, and what becomes of it does not matter: the next write
    /// takes the stage over.
    pub async fn drop_pending(&self, id: &str) {
        let update = self
            .client
            .update_secret_version_stage()
            .secret_id(&self.asked.secret)
            .version_stage(PENDING)
            .remove_from_version_id(id);
        let _ = tokio::time::timeout(self.deadline.left() / 2, update.send()).await;
    }
}

fn is<E: ProvideErrorMetadata>(error: &SdkError<E>, codes: &[&str]) -> bool {
    error.code().is_some_and(|code| codes.contains(&code))
}
