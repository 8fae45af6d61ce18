use super::Error;

/// How one generation takes the other's place: `[reload] strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Start the new one, and end the old one when it serves.
    HandOver,
    /// Stop, then start, on sockets that keybearer holds: requests wait.
    Pause,
    /// Stop, then start.
    Restart,
}

impl Strategy {
    /// What it is with or without sockets, systemd's included. An overlap without sockets is given for
    /// servers that bear one, such as Celery's workers.
    pub fn or_default(given: Option<Strategy>, has_sockets: bool) -> Result<Strategy, Error> {
        match (given, has_sockets) {
            (Some(Strategy::Pause), false) => Err(Error::PauseWithoutSockets),
            (Some(strategy), _) => Ok(strategy),
            (None, true) => Ok(Strategy::HandOver),
            (None, false) => Ok(Strategy::Restart),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn the_default_follows_the_sockets() {
        let resolved = |given, sockets| Strategy::or_default(given, sockets).unwrap();
        assert_eq!(resolved(None, true), Strategy::HandOver);
        assert_eq!(resolved(None, false), Strategy::Restart);
        assert_eq!(resolved(Some(Strategy::HandOver), false), Strategy::HandOver);
        assert_eq!(resolved(Some(Strategy::Restart), true), Strategy::Restart);
        assert_eq!(resolved(Some(Strategy::Pause), true), Strategy::Pause);
        let error = Strategy::or_default(Some(Strategy::Pause), false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "strategy = \"pause\" in [reload] needs a socket on which requests can wait; \
             give one with --listen, or set strategy = \"restart\""
        );
        assert_eq!(error.exit(), Exit::Config);
    }
}
