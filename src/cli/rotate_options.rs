use super::Step;
use crate::config::Overrides;
use crate::secrets::Name;

/// `keybearer rotate`
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RotateOptions {
    /// None: as many as are safe.
    pub step: Option<Step>,
    /// Not a key, but this variable.
    pub value: Option<Name>,
    /// Only what is due.
    pub due: bool,
    /// A promotion does not wait until it is due.
    pub now: bool,
    pub dry_run: bool,
    /// Although the settings may not read the fallbacks.
    pub blind: bool,
    pub overrides: Overrides,
}
