use std::fmt;

/// How a client treats its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A connection for each request.
    New,
    /// Several requests on one, close upon each other and with longer rests.
    KeptAlive,
    /// Connected long before the first byte is sent.
    Idle,
    /// Sends in pieces; reads a large answer in pieces.
    Slow,
    /// A logged-in user: see `Users`.
    User,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::New => "new",
            Kind::KeptAlive => "kept-alive",
            Kind::Idle => "idle",
            Kind::Slow => "slow",
            Kind::User => "user",
        })
    }
}
