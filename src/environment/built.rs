use super::Environment;
use crate::schema::DjangoKeys;

/// An environment, and what else came of the secrets that it is made from.
#[derive(Debug)]
pub struct Built {
    pub environment: Environment,
    /// As their document has them. The environment has its current key and its fallbacks, until
    /// somebody who knows what runs decides otherwise.
    pub keys: Option<DjangoKeys>,
    /// One line each, without values.
    pub warnings: Vec<String>,
}
