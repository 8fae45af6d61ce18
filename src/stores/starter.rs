use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use super::Error;
use crate::config::Remote;
use crate::helper::{self, Executable, Request, User, Work};

const REVOKING: Duration = Duration::from_secs(10);

/// What each helper is started with.
pub(super) struct Starter {
    executable: Executable,
    user: User,
    variables: Vec<(OsString, OsString)>,
    within: Duration,
}

impl Starter {
    pub fn open(
        user: Option<&str>,
        remotes: &[&Remote],
        inherited: &BTreeMap<OsString, OsString>,
        within: Duration,
    ) -> Result<Starter, Error> {
        Ok(Starter {
            executable: Executable::find()?,
            user: User::resolve(user)?,
            variables: helper::variables(remotes, inherited),
            within,
        })
    }

    pub fn start(&self, work: Work) -> Result<helper::Job, Error> {
        // Somebody who wants the end waits for no store that is away: a lease ends by itself.
        let within = match work {
            Work::Revoke(_) => self.within.min(REVOKING),
            _ => self.within,
        };
        let request = Request { within, work };
        Ok(helper::Job::start(&self.executable, &self.user, &self.variables, &request)?)
    }
}
