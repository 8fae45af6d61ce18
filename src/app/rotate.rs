use super::error::Error;
use crate::cli::RotateOptions;

/// `keybearer rotate`
pub fn rotate(_options: RotateOptions) -> Result<u8, Error> {
    Err(Error::NotBuilt("rotate"))
}
