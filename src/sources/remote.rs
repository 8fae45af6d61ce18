//! What a store gave, under the site's names.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::helper::Got;
use crate::secrets::{Name, Secret};

use super::Error;
use super::gathered::Gathered;
use super::selection::{Picks, choose};

/// The fields of a database's login that RDS and Vault write, and what the guides call them.
const LOGIN: [(&str, &str); 6] = [
    ("username", "DB_USER"),
    ("password", "DB_PASSWORD"),
    ("host", "DB_HOST"),
    ("port", "DB_PORT"),
    ("dbname", "DB_NAME"),
    ("engine", "DB_ENGINE"),
];

/// What RDS writes beside the login and no site reads.
const BESIDE: [&str; 4] =
    ["dbInstanceIdentifier", "dbClusterIdentifier", "masterarn", "resourceId"];

pub(super) fn gather(
    source: &Rc<str>,
    got: &Got,
    picks: Picks<'_>,
    is_lease: bool,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered::from(Rc::clone(source));
    gathered.warnings.extend(got.warnings.iter().cloned());
    let is_login = is_login(got, is_lease) && picks.selection.rename.is_empty();
    let own = |name: &str| match is_login {
        true => {
            LOGIN.iter().find(|(own, _)| *own == name).map_or(name, |(_, site)| site).to_owned()
        }
        false => name.to_owned(),
    };
    let entries: Vec<(String, &Secret)> = got
        .entries
        .iter()
        .filter(|(name, _)| !(is_login && BESIDE.contains(&name.as_str())))
        .map(|(name, value)| (own(name), value))
        .collect();
    let held: BTreeSet<String> = entries.iter().map(|(name, _)| name.clone()).collect();
    for chosen in choose(picks, &held, source, &mut gathered.warnings)? {
        let Some((_, value)) = entries.iter().find(|(name, _)| *name == chosen.own) else {
            continue;
        };
        let value = match chosen.own.as_str() {
            "DB_ENGINE" if is_login => Secret::new(engine(value.expose()).to_owned()),
            _ => value.duplicate(),
        };
        gathered.push(chosen.site, value)?;
    }
    Ok(gathered)
}

/// The values that a key had before, newest first.
pub(super) fn history<'a>(
    got: &'a Got,
    picks: Picks<'a>,
) -> impl Iterator<Item = (&'a Name, &'a Secret)> {
    got.history.iter().filter_map(move |(own, value)| {
        let named =
            |names: &&'a crate::config::KeyNames| picks.selection.own_name(&names.current) == own;
        Some((&picks.keys.iter().find(named)?.current, value))
    })
}

fn is_login(got: &Got, is_lease: bool) -> bool {
    let has = |name: &str| got.entries.iter().any(|(own, _)| own == name);
    let required: &[&str] = if is_lease {
        &["username", "password"]
    } else {
        &["username", "password", "host", "engine"]
    };
    required.iter().all(|name| has(name))
}

/// As Django calls it.
fn engine(name: &str) -> &str {
    match name {
        "postgres" | "postgresql" | "aurora-postgresql" => "django.db.backends.postgresql",
        "mysql" | "mariadb" | "aurora" | "aurora-mysql" => "django.db.backends.mysql",
        "oracle" => "django.db.backends.oracle",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Selection;

    fn gathered(entries: &[(&str, &str)], selection: &Selection, is_lease: bool) -> Vec<String> {
        let entries =
            entries.iter().map(|(n, v)| ((*n).to_owned(), Secret::new((*v).to_owned()))).collect();
        let got = Got { entries, ..Got::default() };
        let picks = Picks { selection, keys: &[] };
        let gathered = gather(&Rc::from("the test"), &got, picks, is_lease).expect("gathered");
        let shown = |(name, value): &(Name, Secret)| format!("{name}={}", value.expose());
        let mut shown: Vec<String> = gathered.values.iter().map(shown).collect();
        shown.sort();
        shown
    }

    const RDS: [(&str, &str); 7] = [
        ("username", "u"),
        ("password", "p"),
        ("host", "h"),
        ("port", "5432"),
        ("dbname", "n"),
        ("engine", "postgres"),
        ("dbInstanceIdentifier", "id"),
    ];

    #[test]
    fn what_rds_writes_is_a_database_in_parts() {
        let parts = [
            "DB_ENGINE=django.db.backends.postgresql",
            "DB_HOST=h",
            "DB_NAME=n",
            "DB_PASSWORD=p",
            "DB_PORT=5432",
            "DB_USER=u",
        ];
        assert_eq!(gathered(&RDS, &Selection::default(), false), parts);
    }

    #[test]
    fn whoever_renames_has_the_fields_as_they_are() {
        let rename = [("PGUSER".parse().expect("a name"), "username".to_owned())].into();
        let only = Some(["PGUSER", "password"].map(|name| name.parse().expect("a name")).into());
        let selection = Selection { rename, only, ..Selection::default() };
        assert_eq!(gathered(&RDS, &selection, false), ["PGUSER=u", "password=p"]);
    }

    #[test]
    fn a_username_alone_is_no_database() {
        let two = &RDS[..2];
        assert_eq!(gathered(two, &Selection::default(), false), ["password=p", "username=u"]);
        assert_eq!(gathered(two, &Selection::default(), true), ["DB_PASSWORD=p", "DB_USER=u"]);
    }
}
