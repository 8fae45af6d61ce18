//! What every source takes: `prefix`, then `rename`, then `only`.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Selection;
use crate::secrets::Name;

use super::Error;

/// One secret that is wanted: the source's name for it and the site's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub own: String,
    pub site: Name,
}

/// Picks from what the source holds, before anything is read that nobody wants.
pub(super) fn choose(
    selection: &Selection,
    held: &BTreeSet<String>,
    source: &str,
    warnings: &mut Vec<String>,
) -> Result<Vec<Wanted>, Error> {
    let prefix = selection.prefix.as_deref().unwrap_or("");
    let mut renamed: BTreeMap<&str, Vec<&Name>> = BTreeMap::new();
    for (site, own) in &selection.rename {
        if !held.contains(own) || !own.starts_with(prefix) {
            return Err(Error::NotHeld { from: source.to_owned(), name: own.clone() });
        }
        renamed.entry(own).or_default().push(site);
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
    Ok(chosen)
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
        let chosen = choose(selection, &held, "the test", &mut warnings)?;
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
}
