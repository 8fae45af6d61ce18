use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keybearer::helper::Failure;

use super::versions::Versions;
use crate::rest::drawn;

/// The annotation of the secret that says who is writing it.
const ANNOTATION: &str = "keybearer-writes";

/// Beyond what the writer has time for: after it a claim is one of a writer who is no more.
const GRACE: Duration = Duration::from_secs(60);

/// Others change a secret's annotations too.
const TRIES: usize = 3;

/// The right to make the version after one. Adding a version knows no condition, but changing the secret
/// does: it takes the etag that was read. So of several writers who want to follow the same version, one
/// gets this annotation written, and the others find it or are told that their etag is old.
pub struct Claim {
    before: u64,
    text: String,
}

impl Claim {
    pub async fn take(versions: &Versions<'_>, before: u64) -> Result<Claim, Failure> {
        let client = &versions.client;
        let until = now() + client.deadline.left().as_secs() + GRACE.as_secs();
        let claim = Claim { before, text: format!("{before} {until} {}", drawn(client)?) };
        for _ in 0..TRIES {
            let mut about = versions.about().await?;
            let held = about.annotations.get(ANNOTATION).and_then(|value| value.as_str());
            // Ours already: the answer that said so was lost.
            if held == Some(&claim.text) {
                return Ok(claim);
            }
            if held.is_some_and(|held| claim.is_barred_by(held)) {
                return Err(client.conflict());
            }
            about.annotations.insert(ANNOTATION.to_owned(), claim.text.as_str().into());
            if versions.annotate(&about).await? {
                return Ok(claim);
            }
        }
        Err(client.conflict())
    }

    /// One that ends in nothing leaves the way free at once; one that was of use is over with its version.
    pub async fn give_back(self, versions: &Versions<'_>) {
        let released = async {
            let mut about = versions.about().await?;
            let held = about.annotations.get(ANNOTATION).and_then(|value| value.as_str());
            if held == Some(&self.text) {
                about.annotations.remove(ANNOTATION);
                versions.annotate(&about).await?;
            }
            Ok::<(), Failure>(())
        };
        let _ = tokio::time::timeout(versions.client.deadline.left() / 2, released).await;
    }

    fn is_barred_by(&self, held: &str) -> bool {
        let mut parts = held.split(' ');
        let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
        match (number(), number()) {
            (Some(before), Some(until)) => before == self.before && until > now(),
            _ => false,
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_bars_for_the_same_version_and_its_time() {
        let claim = Claim { before: 5, text: String::new() };
        assert!(claim.is_barred_by(&format!("5 {} x", now() + 60)));
        assert!(!claim.is_barred_by(&format!("4 {} x", now() + 60)));
        assert!(!claim.is_barred_by(&format!("5 {} x", now() - 1)));
        assert!(!claim.is_barred_by("canary"));
    }
}
