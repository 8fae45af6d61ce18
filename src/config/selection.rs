use std::collections::{BTreeMap, BTreeSet};

use crate::secrets::Name;

/// What every source takes: first `prefix` picks by the source's own names, then `rename` gives the
/// site's names, then `only` picks by those. What rotation writes beside a Django key follows the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pub prefix: Option<String>,
    /// The site's name -> the source's name.
    pub rename: BTreeMap<Name, String>,
    pub only: Option<BTreeSet<Name>>,
}

impl Selection {
    /// What the source calls the site's variable.
    pub fn own_name<'a>(&'a self, site: &'a Name) -> &'a str {
        self.rename.get(site).map_or(site.as_str(), String::as_str)
    }

    /// Whether the site would get the variable, were it there, and under no other name.
    pub fn lets_in(&self, site: &Name) -> bool {
        let own = self.own_name(site);
        let is_others = self.rename.iter().any(|(other, theirs)| other != site && theirs == own);
        own.starts_with(self.prefix.as_deref().unwrap_or(""))
            && self.only.as_ref().is_none_or(|only| only.contains(site))
            && !is_others
    }
}
