use std::path::Path;

use zeroize::Zeroizing;

use crate::config::AccountSpec;
use crate::secrets::Secret;

use super::Error;

/// The starter files, filled in.
pub(super) struct Texts {
    pub config: String,
    pub schema: &'static str,
    pub env: Zeroizing<String>,
}

const CONFIG: &str = include_str!("../starter/config.toml");
const SCHEMA: &str = include_str!("../starter/schema.toml");
const ENV: &str = include_str!("../starter/site.env");

impl Texts {
    pub fn new(
        config: &Path,
        schema: &Path,
        env: &Path,
        user: Option<&AccountSpec>,
        key: &Secret,
    ) -> Result<Self, Error> {
        let account = match user {
            None => "#user = \"example\"\n#group = \"www-data\"".to_owned(),
            Some(AccountSpec { user, group: None }) => format!("user = {}", toml_string(user)),
            Some(AccountSpec { user, group: Some(group) }) => {
                format!("user = {}\ngroup = {}", toml_string(user), toml_string(group))
            }
        };
        // The paths come last: what stands in them is not looked at again.
        let text = CONFIG
            .replace("@ACCOUNT@", &account)
            .replace("@SCHEMA@", &toml_string(written(schema)?))
            .replace("@ENV@", &toml_string(written(env)?))
            .replace("@CONFIG@", &shell_word(Path::new(written(config)?)));
        // Put together in one piece: a String that grows leaves a copy of the key behind.
        let (before, after) = ENV.split_once("@KEY@").unwrap_or((ENV, ""));
        let key = key.expose();
        let mut env = Zeroizing::new(String::with_capacity(ENV.len() + key.len()));
        for part in [before, key, after] {
            env.push_str(part);
        }
        Ok(Texts { config: text, schema: SCHEMA, env })
    }

    /// What to do next, ready to be copied.
    pub fn next(&self, config: &Path, schema: &Path, env: &Path, group_unknown: bool) -> String {
        let group = if group_unknown {
            format!(
                "the user or group is not known on this machine; once it is: chgrp GROUP {}\n\n",
                shell_word(env)
            )
        } else {
            String::new()
        };
        format!(
            "made '{}', '{}' and '{}' with a fresh key\n\n\
             {group}\
             Put the server's command into the first, then:\n\
             \n    keybearer check --config {config}\
             \n    keybearer run --config {config}\n",
            config.display(),
            schema.display(),
            env.display(),
            config = shell_word(config),
        )
    }
}

/// A path that can stand in a config file, and in a comment of one line.
fn written(path: &Path) -> Result<&str, Error> {
    path.to_str().filter(|text| !text.contains(char::is_control)).ok_or(Error::Unwritten)
}

/// TOML's basic string. There is no control character in it.
fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A path as one word of the shell.
pub(super) fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@+:,".contains(c);
    if text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
