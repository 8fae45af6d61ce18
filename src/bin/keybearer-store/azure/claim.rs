use std::time::{Duration, Instant};

use keybearer::helper::{Failure, Kind};

use super::key_vault::KeyVault;
use super::version::{Version, now};
use crate::rest::drawn;

/// The tag of the current version that says who is writing the next one.
pub const TAG: &str = "keybearer-writes";

/// Between setting the tag and believing it. Whoever saw no tag has set his own within this time, or gives
/// up: so after it nobody else's can appear.
const WAIT: Duration = Duration::from_secs(1);

/// Beyond what the writer has time for: after it a claim is one of a writer who is no more.
const GRACE: u64 = 60;

/// The right to make the version after one. Key Vault knows no condition at all: a new version is made and
/// a tag is set whatever was there before. What it has is a tag that the last writer wins, and time. Each
/// writer who sees none sets his own, waits, and looks again; the one whose tag is there then goes on
/// (Fischer's mutual exclusion). It holds as long as the vault shows everybody the same tag.
pub struct Claim {
    version: String,
    text: String,
}

impl Claim {
    /// With it the current version, which is still the one asked for.
    pub async fn take(vault: &KeyVault<'_>, before: &str) -> Result<(Claim, Version), Failure> {
        let client = &vault.client;
        let until = now() + client.deadline.left().as_secs() + GRACE;
        let text = format!("{until} {}", drawn(client)?);
        let start = Instant::now();
        let mut current = vault.get(None).await?;
        if current.version != before || current.tags.get(TAG).is_some_and(is_alive) {
            return Err(client.conflict());
        }
        current.tags.insert(TAG.to_owned(), text.as_str().into());
        vault.tag(before, &current.tags).await?;
        let claim = Claim { version: before.to_owned(), text };
        if start.elapsed() > WAIT {
            claim.give_back(vault).await;
            let text = "the vault answers too slowly to be written safely; try again later";
            return Err(client.failure(Kind::Unreachable, text));
        }
        tokio::time::sleep(WAIT).await;
        let current = vault.get(None).await?;
        if current.version != before || !claim.is_in(&current) {
            return Err(client.conflict());
        }
        Ok((claim, current))
    }

    fn is_in(&self, version: &Version) -> bool {
        version.tags.get(TAG).and_then(|held| held.as_str()) == Some(&self.text)
    }

    /// One that ends in nothing leaves the way free at once; one that was of use is over with its version.
    pub async fn give_back(self, vault: &KeyVault<'_>) {
        let released = async {
            let mut current = vault.get(Some(&self.version)).await?;
            if self.is_in(&current) {
                current.tags.remove(TAG);
                vault.tag(&self.version, &current.tags).await?;
            }
            Ok::<(), Failure>(())
        };
        let _ = tokio::time::timeout(vault.client.deadline.left() / 2, released).await;
    }
}

fn is_alive(held: &serde_json::Value) -> bool {
    let until = held.as_str().and_then(|held| held.split(' ').next()?.parse::<u64>().ok());
    until.is_some_and(|until| until > now())
}
