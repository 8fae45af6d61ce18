use super::{Signals, Systemd, Terminal};

/// What the supervisor lives with as long as it lives.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    pub signals: &'a Signals,
    pub systemd: &'a Systemd,
    pub terminal: Option<&'a Terminal>,
}
