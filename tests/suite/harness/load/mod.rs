//! Load on one address, and what became of every request.

mod answer;
mod connection;
mod fault;
mod figures;
mod kind;
mod clients;
mod mix;
mod page;
mod tally;
mod user;
mod users;

pub use answer::Answer;
pub use clients::Load;
pub use connection::Connection;
pub use fault::Fault;
pub use figures::Figures;
pub use kind::Kind;
pub use mix::Mix;
pub use page::Page;
pub use tally::Tally;
pub use users::Users;
