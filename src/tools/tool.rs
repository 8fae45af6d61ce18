use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::geteuid;

use super::{Error, Run};
use crate::account::Account;
use crate::config::{self, AccountSpec};
use crate::helper::{ANYBODY, Failure, usual_user};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One command, with all that it takes to start it again and again.
pub struct Tool {
    /// For messages.
    pub(super) shown: String,
    pub(super) path: PathBuf,
    pub(super) argv: Vec<CString>,
    pub(super) account: Account,
    /// Somebody has chosen that user, for this or for the stores.
    is_named: bool,
    pub(super) variables: Vec<CString>,
    /// Those of keybearer's own environment among them.
    pub(super) used: Vec<String>,
    pub(super) within: Duration,
}

impl Tool {
    /// `within` is the time for all sources together: no command has longer.
    pub fn open(
        tool: &config::Tool,
        helper_user: Option<&str>,
        within: Duration,
        inherited: &BTreeMap<OsString, OsString>,
    ) -> Result<Tool, Error> {
        let account = account(tool, helper_user)?;
        let kept: BTreeMap<&str, &OsStr> = tool
            .keep
            .iter()
            .filter_map(|name| {
                let value = inherited.get(OsStr::new(name.as_str()))?;
                Some((name.as_str(), value.as_os_str()))
            })
            .collect();
        let own = own_variables(&account);
        // The site has a PATH, HOME and USER of its own.
        let used = kept.keys().filter(|name| !own.contains_key(**name));
        let used = used.map(|name| (*name).to_owned()).collect();
        let mut variables: BTreeMap<&str, OsString> = own;
        variables.extend(kept.into_iter().map(|(name, value)| (name, value.to_owned())));
        Ok(Tool {
            shown: tool.to_string(),
            path: tool.program().to_owned(),
            argv: tool.argv.iter().filter_map(|word| CString::new(word.as_bytes()).ok()).collect(),
            account,
            is_named: tool.user.is_some() || helper_user.is_some(),
            variables: variables.into_iter().filter_map(string).collect(),
            used,
            within: tool.within.map_or(within, |own| own.min(within)),
        })
    }

    /// What its user gives away, where it could be another one.
    pub fn warning(&self, site: &Account) -> Option<String> {
        let (tool, user) = (&self.shown, &self.account);
        let is_anybody = !self.is_named && user.name.as_deref() == Some(ANYBODY);
        let who = if !user.switch {
            return None;
        } else if user.uid == site.uid {
            format!("user '{user}', who is the site's own: the site")
        } else if is_anybody {
            format!("user '{user}', as others do: whoever else runs as '{user}'")
        } else {
            return None;
        };
        Some(format!(
            "{tool} runs as {who} can read its memory and what opens the secrets; name one of its own in its [[source]]: user = \"USER\", or helper-user = \"USER\" for all of them"
        ))
    }

    /// Variables of keybearer's own environment that it is given, and that the site must not see.
    pub fn used(&self) -> &[String] {
        &self.used
    }

    /// What decides what it prints beside its config: as whom it runs, and with which variables.
    pub fn chosen_by(&self) -> impl Iterator<Item = Vec<u8>> {
        let uid = self.account.uid.as_raw().to_string().into_bytes();
        let variables = self.variables.iter().map(|text| text.as_bytes().to_vec());
        std::iter::once(uid).chain(variables)
    }

    pub fn start(&self) -> Result<Run, Failure> {
        Run::start(self)
    }
}

/// Its words and variables may be secrets.
impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Tool");
        shown.field("shown", &self.shown).field("account", &self.account).finish_non_exhaustive()
    }
}

/// Where keybearer is not root it can be nobody else, whoever is named. Else it is the one who asks the
/// stores, and not the site: what opens the secrets is not for the site to see.
fn account(tool: &config::Tool, helper_user: Option<&str>) -> Result<Account, Error> {
    let own_words = |error| Error::of(tool.to_string(), error);
    if !geteuid().is_root() {
        return Account::resolve(None).map_err(own_words);
    }
    let user = match tool.user.as_deref().or(helper_user) {
        Some(named) => named,
        None => usual_user().ok_or_else(|| Error::NoUser { tool: tool.to_string() })?,
    };
    let spec = AccountSpec { user: user.to_owned(), group: None };
    let account = Account::resolve(Some(&spec)).map_err(own_words)?;
    account.require_kill().map_err(own_words)?;
    Ok(account)
}

fn own_variables(account: &Account) -> BTreeMap<&'static str, OsString> {
    let home = account.home.as_ref().map_or_else(|| OsString::from("/"), OsString::from);
    let mut variables = BTreeMap::from([("PATH", OsString::from(PATH)), ("HOME", home)]);
    if let Some(name) = &account.name {
        variables.insert("USER", name.into());
        variables.insert("LOGNAME", name.into());
    }
    variables
}

/// None where a NUL is in it, which nothing that was in an environment has.
fn string((name, value): (&str, OsString)) -> Option<CString> {
    CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
}
