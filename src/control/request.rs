use serde_json::{Value, json};

use super::VERSION;
use super::fields::shortened;
use crate::exit::Exit;

/// What an instance can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    Status,
    /// What HUP does.
    Reload,
    /// Fetch again and take over, without `on-hup`: the document was written by who asks.
    Adopt,
}

/// What came was no request that this version knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRequest {
    #[error("expected a request, such as {{\"version\":1,\"command\":\"status\"}}")]
    NotARequest,
    #[error("this instance runs keybearer {own}, which does not know version {0} of its requests; restart it, or ask with that keybearer", own = env!("CARGO_PKG_VERSION"))]
    Version(String),
    #[error("this instance runs keybearer {own}, which does not know the request '{0}'; restart it, or ask with that keybearer", own = env!("CARGO_PKG_VERSION"))]
    Command(String),
}

impl BadRequest {
    pub fn exit(&self) -> Exit {
        match self {
            BadRequest::NotARequest => Exit::Usage,
            BadRequest::Version(_) | BadRequest::Command(_) => Exit::Unavailable,
        }
    }
}

impl Request {
    pub fn command(self) -> &'static str {
        match self {
            Request::Status => "status",
            Request::Reload => "reload",
            Request::Adopt => "adopt",
        }
    }

    pub(super) fn line(self) -> String {
        format!("{}\n", json!({ "version": VERSION, "command": self.command() }))
    }

    /// Without its line break. Fields that are not known are passed over.
    pub(super) fn parse(line: &[u8]) -> Result<Request, BadRequest> {
        let value: Value = serde_json::from_slice(line).map_err(|_| BadRequest::NotARequest)?;
        let version = value.get("version").ok_or(BadRequest::NotARequest)?;
        if version.as_u64() != Some(VERSION) {
            return Err(BadRequest::Version(shortened(&version.to_string())));
        }
        match value.get("command").and_then(Value::as_str).ok_or(BadRequest::NotARequest)? {
            "status" => Ok(Request::Status),
            "reload" => Ok(Request::Reload),
            "adopt" => Ok(Request::Adopt),
            unknown => Err(BadRequest::Command(shortened(unknown))),
        }
    }
}
