use std::fmt;

use super::database_parts::DatabaseParts;
use super::database_url::{DatabaseUrl, is_socket};
use super::django;
use super::validated::{DjangoKeys, Validated};

/// Something that `check` reports although the site may start with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub level: Level,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Warning,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::Warning => f.write_str("warning"),
        }
    }
}

/// What Django's guides ask for and no rule of the schema says. `keep` is `[keys] keep`. What
/// `validate` has warned about already is not said twice.
pub fn audit(validated: &Validated, keep: usize) -> Vec<Finding> {
    let mut messages = Vec::new();
    if let Some(keys) = &validated.keys {
        messages.extend(django::weak_key(&keys.current_name, keys.document.current.expose()));
        messages.extend(django::weak_fallbacks(keys));
        messages.extend(many_fallbacks(keys, keep));
    }
    messages.extend(not_given(validated));
    messages.extend(database_password(validated));
    messages
        .into_iter()
        .filter(|message| !validated.warnings.contains(message))
        .map(|message| Finding { level: Level::Warning, message })
        .collect()
}

fn many_fallbacks(keys: &DjangoKeys, keep: usize) -> Option<String> {
    let (name, count) = (&keys.fallbacks_name, keys.document.fallbacks.len());
    (count > keep).then(|| {
        format!(
            "{name} holds {count} keys, more than [keys] keep = {keep}: every one of them can sign \
             in anybody; take out the last ones"
        )
    })
}

fn given<'a>(validated: &'a Validated, name: &str) -> Option<&'a str> {
    validated.variables.get(name).map(|value| value.expose()).filter(|value| !value.is_empty())
}

fn not_given(validated: &Validated) -> Vec<String> {
    let missing = |names: [&str; 2]| names.iter().all(|name| given(validated, name).is_none());
    let mut messages = Vec::new();
    if missing(["DEBUG", "DJANGO_DEBUG"]) {
        messages.push(
            "DEBUG is not given: the settings' own default decides; set DEBUG=False".to_owned(),
        );
    }
    if missing(["ALLOWED_HOSTS", "DJANGO_ALLOWED_HOSTS"]) {
        messages.push(
            "ALLOWED_HOSTS is not given: unless the settings name the site's hosts, Django \
             answers every request with 400"
                .to_owned(),
        );
    }
    messages
}

fn database_password(validated: &Validated) -> Option<String> {
    if let Some(text) = given(validated, "DATABASE_URL") {
        // Whatever schemes the schema allows: only the parts count here.
        let any = text.split_once(':').map(|(scheme, _)| vec![scheme.to_owned()])?;
        let url = DatabaseUrl::parse(text, &any).ok()?;
        let peer = url.host.as_deref().is_none_or(is_socket);
        return weak_password("DATABASE_URL", url.user.as_deref(), url.password.as_deref(), peer);
    }
    let parts = DatabaseParts::of(|name| given(validated, name));
    if !parts.is_meant() || parts.is_file() {
        return None;
    }
    weak_password("DB_PASSWORD", parts.user, parts.password, parts.is_local())
}

fn weak_password(
    name: &str,
    user: Option<&str>,
    password: Option<&str>,
    is_local: bool,
) -> Option<String> {
    match (user, password) {
        (Some(user), Some(password)) if user == password => {
            Some(format!("{name}: the database's password is the user's name; change it"))
        }
        (Some(_), None | Some("")) if !is_local => {
            Some(format!("{name}: the database's password is empty; give the user one"))
        }
        _ => None,
    }
}
