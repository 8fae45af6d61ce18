//! The grammar of systemd's EnvironmentFile= (systemd.exec(5)), as version 252 reads it; what
//! systemd skips in silence is an error here.

mod edit;
mod gather;
mod parsed;
mod parser;
mod style;
mod syntax_error;

pub use edit::{Change, Edit, EditError, edit};
pub(super) use gather::gather;
pub use parsed::{Assignment, Parsed, Remark};
pub use parser::parse;
pub use syntax_error::{Problem, SyntaxError};
