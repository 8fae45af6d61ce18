use std::collections::BTreeMap;

use keybearer::helper::{Failure, Kind};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::client::Client;

/// A JSON object whose values are still the text that came: nothing is copied, and a number stays as it was
/// written.
pub type Object<'a> = BTreeMap<String, &'a RawValue>;

/// What came back.
pub struct Reply {
    pub status: u16,
    pub body: Zeroizing<Vec<u8>>,
    /// How often it was asked for.
    pub attempts: usize,
}

impl Reply {
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The whole answer, which is always an object.
    pub fn object(&self, client: &Client) -> Result<Object<'_>, Failure> {
        serde_json::from_slice(&self.body).map_err(|_| not_understood(client))
    }

    /// One object in it.
    pub fn part(&self, client: &Client, names: &[&str]) -> Result<Object<'_>, Failure> {
        let mut object = self.object(client)?;
        for name in names {
            object = inner(&object, name).ok_or_else(|| not_understood(client))?;
        }
        Ok(object)
    }

    /// Whether this, which is in a fixed list of ours, is among its `errors`.
    pub fn says(&self, known: &str) -> bool {
        self.errors().is_some_and(|errors| errors.iter().any(|error| error.contains(known)))
    }

    /// Vault's own words, and no balancer's.
    pub fn is_vaults(&self) -> bool {
        self.errors().is_some()
    }

    fn errors(&self) -> Option<Vec<String>> {
        let object: Object<'_> = serde_json::from_slice(&self.body).ok()?;
        serde_json::from_str(object.get("errors")?.get()).ok()
    }
}

pub fn not_understood(client: &Client) -> Failure {
    let text = format!("{} does not answer as Vault does; check the address", client.address());
    client.failure(Kind::Wrong, text)
}

pub fn inner<'a>(object: &Object<'a>, name: &str) -> Option<Object<'a>> {
    serde_json::from_str(object.get(name)?.get()).ok()
}

pub fn text(object: &Object<'_>, name: &str) -> Option<Zeroizing<String>> {
    serde_json::from_str(object.get(name)?.get()).ok().map(Zeroizing::new)
}

pub fn number(object: &Object<'_>, name: &str) -> Option<u64> {
    serde_json::from_str(object.get(name)?.get()).ok()
}

pub fn truth(object: &Object<'_>, name: &str) -> bool {
    object.get(name).is_some_and(|value| value.get() == "true")
}
