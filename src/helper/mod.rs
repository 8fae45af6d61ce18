//! What the two executables say to each other: one request, one answer, each a length-prefixed, versioned
//! message. The supervisor links this and no store's code.

#![forbid(unsafe_code)]

mod answer;
mod credential_error;
mod credentials;
mod failure;
mod forms;
mod message;
mod request;
#[cfg(test)]
mod tests;
mod wire;

pub use answer::{Answer, Got, Lease, Written};
pub use credential_error::CredentialError;
pub use credentials::{Supplied, credential_files, read_credentials, variables};
pub use failure::{Failure, Kind};
pub use message::{
    LONGEST, Malformed, VERSION, decode_answer, decode_request, encode_answer, encode_request,
};
pub use request::{Change, Credential, Held, Request, SourceRequest, Work, Write};
