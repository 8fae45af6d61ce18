//! What the secrets must be: rules, validation, report.

#![forbid(unsafe_code)]

mod validated;

pub use validated::{DjangoKeys, Validated};
