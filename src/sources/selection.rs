//! What every source takes: `prefix`, then `rename`, then `only`.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{KeyNames, Selection};
use crate::secrets::Name;

use super::Error;

/// How one source's secrets are picked.
#[derive(Clone, Copy)]
pub(super) struct Picks<'a> {
    pub selection: &'a Selection,
    /// The Django keys that the site may have.
    pub keys: &'a [KeyNames],
}

/// One secret that is wanted: the source's name for it and the site's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub own: String,
    pub site: Name,
}

/// Picks from what the source holds, before anything is read that nobody wants.
pub(super) fn choose(
    picks: Picks<'_>,
    held: &BTreeSet<String>,
    source: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<Wanted>, Error> {
    let Picks { selection, keys } = picks;
    let prefix = selection.prefix.as_deref().unwrap_or("");
    let mut renamed: BTreeMap<&str, Vec<&Name>> = BTreeMap::new();
    let mut not_held = Vec::new();
    for (site, own) in &selection.rename {
        match held.contains(own) && own.starts_with(prefix) {
            true => renamed.entry(own).or_default().push(site),
            false => not_held.push((site, own)),
        }
    }

    let is_wanted = |site: &Name| selection.only.as_ref().is_none_or(|only| only.contains(site));
    let mut chosen = Vec::new();
    for own in held.iter().filter(|own| own.starts_with(prefix)) {
        if let Some(sites) = renamed.get(own.as_str()) {
            let sites = sites.iter().filter(|site| is_wanted(site));
            chosen.extend(sites.map(|site| Wanted { own: own.clone(), site: Name::clone(site) }));
            continue;
        }
        match own.parse::<Name>() {
            Ok(site) if !is_wanted(&site) => {}
            Ok(site) => match selection.rename.get(&site) {
                Some(other) => warnings.push(format!(
                    "{source} holds {site}, which is not used: {site} is renamed from '{other}'"
                )),
                None => chosen.push(Wanted { own: own.clone(), site }),
            },
            // `only` is by the site's names, and this can be none.
            Err(_) if selection.only.is_some() => {}
            Err(_) => {
                return Err(Error::NoVariableName {
                    from: source.to_owned(),
                    name: own.escape_debug().to_string(),
                });
            }
        }
    }
    // Where the key is, rotation writes the rest of its names, whatever was there when `only`,
    // `prefix` and `rename` were thought of.
    let given: Vec<&KeyNames> =
        keys.iter().filter(|key| is_chosen(&chosen, &key.current)).collect();
    if let Some((_, own)) =
        not_held.iter().find(|(site, _)| !given.iter().any(|key| key.beside().contains(site)))
    {
        return Err(Error::NotHeld { from: source.to_owned(), name: String::clone(own) });
    }
    for site in given.iter().flat_map(|key| key.beside()) {
        let own = selection.own_name(site);
        // One that another name stands for is not it.
        let is_other = renamed.get(own).is_some_and(|sites| !sites.contains(&site));
        if held.contains(own) && !is_other && !is_chosen(&chosen, site) {
            chosen.push(Wanted { own: own.to_owned(), site: site.clone() });
        }
    }
    Ok(chosen)
}

fn is_chosen(chosen: &[Wanted], site: &Name) -> bool {
    chosen.iter().any(|wanted| wanted.site == *site)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a name")
    }

    fn chosen(selection: &Selection, held: &[&str]) -> Result<(Vec<String>, Vec<String>), Error> {
        let held = held.iter().map(|&s| s.to_owned()).collect();
        let mut warnings = Vec::new();
        let current = name("SECRET_KEY");
        let keys = [KeyNames {
            fallbacks: name("SECRET_KEY_FALLBACKS"),
            next: name("SECRET_KEY_NEXT"),
            record: name("KEYBEARER_ROTATION"),
            current,
        }];
        let picks = Picks { selection, keys: &keys };
        let chosen = choose(picks, &held, "the test", &mut warnings)?;
        let shown = chosen.iter().map(|w| format!("{}={}", w.site, w.own)).collect();
        Ok((shown, warnings))
    }

    #[test]
    fn prefix_then_rename_then_only() {
        let held = ["APP_A", "APP_B", "B", "app-c"];
        let selection = Selection {
            prefix: Some("APP_".to_owned()),
            rename: [(name("KEY"), "APP_A".to_owned()), (name("ALSO"), "APP_A".to_owned())].into(),
            only: Some([name("KEY"), name("APP_B"), name("APP_A")].into()),
        };
        let (shown, warnings) = chosen(&selection, &held).expect("chosen");
        assert_eq!(shown, ["KEY=APP_A", "APP_B=APP_B"]);
        assert!(warnings.is_empty());
    }

    #[test]
    fn a_renamed_secret_displaces_one_of_that_name_and_says_so() {
        let rename = [(name("SECRET_KEY"), "django-secret".to_owned())].into();
        let selection = Selection { rename, ..Selection::default() };
        let (shown, warnings) = chosen(&selection, &["SECRET_KEY", "django-secret"]).expect("ok");
        assert_eq!(shown, ["SECRET_KEY=django-secret"]);
        assert_eq!(
            warnings,
            [
                "the test holds SECRET_KEY, which is not used: SECRET_KEY is renamed from 'django-secret'"
            ]
        );
    }

    #[test]
    fn what_is_not_there_or_no_name_is_an_error_that_names_it() {
        let rename = [(name("A"), "missing".to_owned())].into();
        let selection = Selection { rename, ..Selection::default() };
        let error = chosen(&selection, &["B"]).expect_err("missing");
        assert_eq!(error.to_string(), "the test holds no 'missing'");

        let error = chosen(&Selection::default(), &["api-key"]).expect_err("no name");
        assert_eq!(
            error.to_string(),
            "the test holds 'api-key', which is no variable name; give it one with rename = { NAME = \"api-key\" }, or leave it out with only = [...]"
        );
        let only = Some([name("B")].into());
        let selection = Selection { only, ..Selection::default() };
        assert!(chosen(&selection, &["api-key", "B"]).is_ok());
    }

    #[test]
    fn what_rotation_writes_follows_the_key() {
        let held = [
            "APP_KEY",
            "KEYBEARER_ROTATION",
            "OTHER",
            "SECRET_KEY",
            "SECRET_KEY_FALLBACKS",
            "SECRET_KEY_NEXT",
        ];
        let beside = [
            "SECRET_KEY_FALLBACKS=SECRET_KEY_FALLBACKS",
            "SECRET_KEY_NEXT=SECRET_KEY_NEXT",
            "KEYBEARER_ROTATION=KEYBEARER_ROTATION",
        ]
        .map(str::to_owned);
        let only = Some([name("SECRET_KEY")].into());
        let by_only = Selection { only, ..Selection::default() };
        let (shown, _) = chosen(&by_only, &held).expect("chosen");
        assert_eq!((shown[0].as_str(), &shown[1..]), ("SECRET_KEY=SECRET_KEY", &beside[..]));

        let rename = [(name("SECRET_KEY"), "APP_KEY".to_owned())].into();
        let prefix = Some("APP_".to_owned());
        let by_prefix = Selection { prefix, rename, only: None };
        let (shown, _) = chosen(&by_prefix, &held).expect("chosen");
        assert_eq!((shown[0].as_str(), &shown[1..]), ("SECRET_KEY=APP_KEY", &beside[..]));

        // Without the key nothing of its is taken.
        let only = Some([name("OTHER")].into());
        let without = Selection { only, ..Selection::default() };
        assert_eq!(chosen(&without, &held).expect("chosen").0, ["OTHER=OTHER"]);
    }

    #[test]
    fn what_rotation_writes_may_be_renamed_before_it_is_there() {
        let renamed = |pairs: &[(&str, &str)]| Selection {
            rename: pairs.iter().map(|(site, own)| (name(site), (*own).to_owned())).collect(),
            ..Selection::default()
        };
        let later = renamed(&[("SECRET_KEY_NEXT", "next"), ("KEYBEARER_ROTATION", "record")]);
        let (shown, _) = chosen(&later, &["SECRET_KEY"]).expect("chosen");
        assert_eq!(shown, ["SECRET_KEY=SECRET_KEY"]);
        let (shown, _) = chosen(&later, &["SECRET_KEY", "next"]).expect("chosen");
        assert_eq!(shown, ["SECRET_KEY=SECRET_KEY", "SECRET_KEY_NEXT=next"]);
        let error = chosen(&later, &["A"]).expect_err("no key is here");
        assert_eq!(error.to_string(), "the test holds no 'record'");
        // A name that stands for another variable is that one alone.
        let other = renamed(&[("OLD", "SECRET_KEY_NEXT")]);
        let (shown, _) = chosen(&other, &["SECRET_KEY", "SECRET_KEY_NEXT"]).expect("chosen");
        assert_eq!(shown, ["SECRET_KEY=SECRET_KEY", "OLD=SECRET_KEY_NEXT"]);
    }
}
