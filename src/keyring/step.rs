use std::fmt;

/// The steps of a rotation, as the operator names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Prepare,
    Promote,
    Retire,
    Abort,
    Revoke,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Prepare => "prepare",
            Step::Promote => "promote",
            Step::Retire => "retire",
            Step::Abort => "abort",
            Step::Revoke => "revoke",
        })
    }
}
