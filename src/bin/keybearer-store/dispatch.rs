use std::future::Future;
use std::pin::Pin;

use keybearer::config::Remote;
use keybearer::helper::{
    Answer, Change, Failure, Got, Held, Kind, Lease, SourceRequest, Work, Write, Written,
};

#[cfg(any(feature = "aws-secrets-manager", feature = "aws-parameter-store"))]
use super::aws;
#[cfg(feature = "azure-key-vault")]
use super::azure;
use super::deadline::Deadline;
#[cfg(feature = "google-secret-manager")]
use super::google;
#[cfg(feature = "vault")]
use super::vault;

/// Each source to its store, all of them side by side.
pub async fn answer(work: Work, deadline: Deadline) -> Answer {
    match work {
        Work::Fetch(sources) => {
            let jobs =
                sources.iter().map(|source| bounded(deadline, source, fetch(source, deadline)));
            Answer::Fetched(together(jobs).await)
        }
        Work::Look(sources) => {
            let jobs =
                sources.iter().map(|source| bounded(deadline, source, look(source, deadline)));
            Answer::Looked(together(jobs).await)
        }
        Work::Write(job) => {
            let Write { source, changes, version } = *job;
            let job = write(&source, &changes, &version, deadline);
            // Something may be under way when the time is over.
            let written = match tokio::time::timeout(deadline.left(), job).await {
                Ok(written) => written,
                Err(_) => {
                    let why = no_answer(deadline, &source);
                    let message = format!("{why}; whether it was written is not known");
                    Err(Failure::new(Kind::Unreachable, message))
                }
            };
            Answer::Written(written)
        }
        Work::Renew(leases) => {
            let jobs =
                leases.iter().map(|held| bounded(deadline, &held.source, renew(held, deadline)));
            Answer::Renewed(together(jobs).await)
        }
        Work::Revoke(leases) => {
            let jobs =
                leases.iter().map(|held| bounded(deadline, &held.source, revoke(held, deadline)));
            Answer::Revoked(together(jobs).await)
        }
    }
}

async fn fetch(source: &SourceRequest, deadline: Deadline) -> Result<Got, Failure> {
    match &source.remote {
        #[cfg(feature = "aws-secrets-manager")]
        Remote::AwsSecret(secret) => aws::secret::fetch(secret, source, deadline).await,
        #[cfg(feature = "aws-parameter-store")]
        Remote::AwsParameters(parameters) => {
            aws::parameters::fetch(parameters, source, deadline).await
        }
        #[cfg(feature = "vault")]
        Remote::Vault(vault) => vault::fetch(vault, source, deadline).await,
        #[cfg(feature = "google-secret-manager")]
        Remote::GoogleSecret(google) => google::fetch(google, source, deadline).await,
        #[cfg(feature = "azure-key-vault")]
        Remote::AzureSecret(azure) => azure::fetch(azure, source, deadline).await,
        #[allow(unreachable_patterns)]
        other => Err(left_out(other)),
    }
}

async fn look(source: &SourceRequest, deadline: Deadline) -> Result<Option<String>, Failure> {
    match &source.remote {
        #[cfg(feature = "aws-secrets-manager")]
        Remote::AwsSecret(secret) => aws::secret::look(secret, source, deadline).await,
        #[cfg(feature = "aws-parameter-store")]
        Remote::AwsParameters(parameters) => {
            aws::parameters::look(parameters, source, deadline).await
        }
        #[cfg(feature = "vault")]
        Remote::Vault(vault) => vault::look(vault, source, deadline).await,
        #[cfg(feature = "google-secret-manager")]
        Remote::GoogleSecret(google) => google::look(google, source, deadline).await,
        #[cfg(feature = "azure-key-vault")]
        Remote::AzureSecret(azure) => azure::look(azure, source, deadline).await,
        #[allow(unreachable_patterns)]
        other => Err(left_out(other)),
    }
}

async fn write(
    source: &SourceRequest,
    changes: &[Change],
    version: &str,
    deadline: Deadline,
) -> Result<Written, Failure> {
    match &source.remote {
        #[cfg(feature = "aws-secrets-manager")]
        Remote::AwsSecret(secret) => {
            aws::secret::write(secret, source, changes, version, deadline).await
        }
        #[cfg(feature = "aws-parameter-store")]
        Remote::AwsParameters(parameters) => {
            aws::parameters::write(parameters, source, changes, version, deadline).await
        }
        #[cfg(feature = "vault")]
        Remote::Vault(vault) => vault::write(vault, source, changes, version, deadline).await,
        #[cfg(feature = "google-secret-manager")]
        Remote::GoogleSecret(google) => {
            google::write(google, source, changes, version, deadline).await
        }
        #[cfg(feature = "azure-key-vault")]
        Remote::AzureSecret(azure) => azure::write(azure, source, changes, version, deadline).await,
        #[allow(unreachable_patterns)]
        other => Err(left_out(other)),
    }
}

#[cfg_attr(not(feature = "vault"), allow(unused_variables))]
async fn renew(held: &Held, deadline: Deadline) -> Result<Lease, Failure> {
    match &held.source.remote {
        #[cfg(feature = "vault")]
        Remote::Vault(vault) => vault::renew(vault, held, deadline).await,
        other => Err(no_lease(other)),
    }
}

#[cfg_attr(not(feature = "vault"), allow(unused_variables))]
async fn revoke(held: &Held, deadline: Deadline) -> Result<(), Failure> {
    match &held.source.remote {
        #[cfg(feature = "vault")]
        Remote::Vault(vault) => vault::revoke(vault, held, deadline).await,
        other => Err(no_lease(other)),
    }
}

fn no_lease(remote: &Remote) -> Failure {
    Failure::new(Kind::Wrong, format!("{remote} gives no lease"))
}

fn left_out(remote: &Remote) -> Failure {
    let message = format!("{remote}: this build of keybearer-store leaves that store out");
    Failure::new(Kind::Wrong, message)
}

/// A store that says nothing at all costs no more than the time that there is.
async fn bounded<T>(
    deadline: Deadline,
    source: &SourceRequest,
    job: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(deadline.left(), job).await {
        Ok(result) => result,
        Err(_) => Err(Failure::new(Kind::Unreachable, no_answer(deadline, source))),
    }
}

fn no_answer(deadline: Deadline, source: &SourceRequest) -> String {
    format!("{}: no answer within {:?}", source.remote, deadline.within)
}

/// All at once, the results in their order.
async fn together<T>(jobs: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut jobs: Vec<Pin<Box<_>>> = jobs.map(Box::pin).collect();
    let mut results: Vec<Option<T>> = jobs.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (job, result) in jobs.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(done) = job.as_mut().poll(context)
            {
                *result = Some(done);
            }
        }
        match results.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    results.into_iter().flatten().collect()
}
