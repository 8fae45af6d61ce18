use crate::config::Selection;
use crate::secrets::Name;

use super::{Error, Fields};

const RECORD: &str = "KEYBEARER_ROTATION";

/// What the document calls the fields, in the order in which they are best read: a new one goes after
/// the last that is there.
#[derive(Debug, Clone)]
pub(super) struct OwnNames {
    pub current: String,
    pub fallbacks: String,
    pub next: String,
    pub record: String,
}

impl OwnNames {
    /// `is_file`: they are variables' names there.
    pub fn of(
        fields: &Fields,
        selection: &Selection,
        from: &str,
        is_file: bool,
    ) -> Result<OwnNames, Error> {
        let next = fields.current.with_suffix("_NEXT");
        let record = site_name(RECORD);
        let site = [&fields.current, &fields.fallbacks, &next, &record];
        let own = |site: &Name| match is_file {
            true => own_name(site, selection, from).map(|name| name.to_string()),
            false => Ok(selection.own_name(site).to_owned()),
        };
        let names = OwnNames {
            current: own(&fields.current)?,
            fallbacks: own(&fields.fallbacks)?,
            next: own(&next)?,
            record: own(&record)?,
        };
        names.refuse_shared(site, selection, from)?;
        Ok(names)
    }

    pub fn all(&self) -> [&str; 4] {
        [&self.current, &self.fallbacks, &self.next, &self.record].map(String::as_str)
    }

    /// A field that something else is read from as well would be overwritten.
    fn refuse_shared(
        &self,
        site: [&Name; 4],
        selection: &Selection,
        from: &str,
    ) -> Result<(), Error> {
        let own = self.all();
        for (at, name) in own.iter().enumerate() {
            let twice = own.iter().skip(at + 1).any(|other| other == name);
            let others = selection.rename.iter().filter(|(other, _)| *other != site[at]);
            if twice || others.map(|(_, own)| own).any(|other| other == name) {
                let name = name.escape_debug().to_string();
                return Err(Error::Shared { from: from.to_owned(), name });
            }
        }
        Ok(())
    }
}

fn own_name(site: &Name, selection: &Selection, from: &str) -> Result<Name, Error> {
    match selection.rename.get(site) {
        None => Ok(site.clone()),
        Some(own) => own.parse().map_err(|_| Error::NoVariableName {
            from: from.to_owned(),
            site: site.clone(),
            name: own.escape_debug().to_string(),
        }),
    }
}

/// A name that stands in this program's text.
fn site_name(text: &'static str) -> Name {
    // Letters and an underscore.
    text.parse().expect("a constant that is a variable name")
}
