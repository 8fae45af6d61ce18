//! The helper, as the process that starts it sees it, and what the two say to each other: one request, one
//! answer, each a length-prefixed, versioned message. The supervisor links this and no store's code.

#![forbid(unsafe_code)]

mod answer;
mod azure_credentials;
#[cfg(test)]
mod cloud_credentials_tests;
mod credential_error;
mod credentials;
mod error;
mod executable;
mod failure;
mod forms;
mod google_credentials;
mod job;
mod message;
mod reply;
mod request;
mod start;
#[cfg(test)]
mod tests;
mod user;
mod wire;

pub use answer::{Answer, Got, Kept, Lease, Written};
pub use credential_error::CredentialError;
pub use credentials::{Supplied, credential_files, read_credentials, variables};
pub use error::Error;
pub use executable::Executable;
pub use failure::{Failure, Kind};
pub use job::Job;
pub use message::{
    LONGEST, Malformed, VERSION, decode_answer, decode_kept, decode_request, encode_answer,
    encode_kept, encode_request,
};
pub use request::{Change, Credential, Held, Request, SourceRequest, Work, Write};
pub use user::{ANYBODY, User, usual_user};
