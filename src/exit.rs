//! The exit codes of the operator's contract.

#![forbid(unsafe_code)]

/// Why keybearer itself ends. A server's own exit code is not in this list: it passes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Not ready in time, a `before` command failed, a port in use.
    Failure,
    /// Wrong usage of the command line.
    Usage,
    /// No instance answers.
    Unavailable,
    /// A store could not be reached: trying again may help.
    Unreachable,
    /// Refused for permissions.
    Refused,
    /// Wrong configuration, an unknown user, a secret that breaks the schema: trying again cannot help.
    Config,
    /// The command was found and could not be executed.
    CannotExecute,
    /// The command was not found.
    NotFound,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Exit::Failure => 1,
            Exit::Usage => 64,
            Exit::Unavailable => 69,
            Exit::Unreachable => 75,
            Exit::Refused => 77,
            Exit::Config => 78,
            Exit::CannotExecute => 126,
            Exit::NotFound => 127,
        }
    }
}
