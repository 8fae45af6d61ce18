//! The grammar of systemd's EnvironmentFile= (systemd.exec(5)), as version 252 reads it; what
//! systemd skips in silence is an error here.

mod gather;
mod parsed;
mod parser;
mod syntax_error;

pub(super) use gather::gather;
pub use parsed::{Assignment, Parsed, Remark};
pub use parser::parse;
pub use syntax_error::{Problem, SyntaxError};
