//! Whether the site would see the old key among its fallbacks.

use super::error::Error as Refused;
use super::rotation::Rotation;
use crate::account::Account;
use crate::app::error::Error;
use crate::app::fallbacks;
use crate::environment::Environment;
use crate::log;

impl Rotation<'_> {
    /// The most careful rotation logs everybody out of a site that does not read its fallbacks. Once
    /// a rotation has gone through, its record stands for the answer.
    pub fn refuse_blind(&self) -> Result<(), Error> {
        let record = &self.document.record;
        let went_through =
            record.staged.is_some() || !record.fallbacks.is_empty() || !record.revoked.is_empty();
        if self.is_blind || went_through {
            return Ok(());
        }
        let subject = self.subject;
        let settings = &subject.settings;
        let name = &subject.fallbacks_name;
        if settings.manage.is_none() {
            log::warning(format_args!(
                "whether the settings read {name} is not known, and if they do not, a new key logs everybody out; set manage = [\"python\", \"manage.py\"] under [django] in the config, and it is asked"
            ));
            return Ok(());
        }
        let account = Account::resolve(settings.account.as_ref())?;
        account.require_kill()?;
        let validated = subject.validated()?;
        let built =
            Environment::build(validated, &subject.inherited, &settings.environment, &account);
        let (environment, signals) = (built.environment, &self.interrupt.signals);
        match fallbacks::are_read(settings, &account, &environment, signals)? {
            Some(false) => Err(Refused::NotRead(fallbacks::not_read(settings, name)).into()),
            Some(true) | None => Ok(()),
        }
    }
}
