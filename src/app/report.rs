use std::fmt;

use serde_json::json;

use super::error::Error;
use crate::environment::KeyInUse;
use crate::log;

/// What `check` found, in the order of the way. It holds no value.
#[derive(Debug, Default)]
pub struct Report {
    pub name: Option<String>,
    pub key: Option<KeyInUse>,
    items: Vec<Item>,
    code: Option<u8>,
}

#[derive(Debug, PartialEq, Eq)]
struct Item {
    area: Area,
    level: Level,
    message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    Config,
    Account,
    Sockets,
    Schema,
    Secrets,
    Audit,
    Command,
    Gates,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Ok,
    Warning,
    Error,
}

impl Report {
    pub fn ok(&mut self, area: Area, message: String) {
        self.add(Item { area, level: Level::Ok, message });
    }

    pub fn warn(&mut self, area: Area, messages: &[String]) {
        for message in messages {
            self.add(Item { area, level: Level::Warning, message: message.clone() });
        }
    }

    /// Each line of an error is an item; the first error's code is the whole's, as it would be `run`'s.
    pub fn error(&mut self, area: Area, error: &Error) {
        for line in error.to_string().lines() {
            self.add(Item { area, level: Level::Error, message: line.to_owned() });
        }
        self.code.get_or_insert(error.code());
    }

    /// Two commands can fail for one reason, which is said once.
    fn add(&mut self, item: Item) {
        if !self.items.contains(&item) {
            self.items.push(item);
        }
    }

    /// The value, or the error as an item.
    pub fn take<T>(&mut self, area: Area, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.error(area, &error)).ok()
    }

    pub fn has_errors(&self) -> bool {
        self.code.is_some()
    }

    pub fn code(&self) -> u8 {
        self.code.unwrap_or(0)
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        for item in &self.items {
            text.push_str(&format!(
                "{:7}  {:8} {}\n",
                item.level.to_string(),
                item.area.to_string(),
                log::printable(&item.message)
            ));
        }
        let counted = |level| {
            let count = self.count(level);
            format!("{count} {level}{}", if count == 1 { "" } else { "s" })
        };
        text.push_str(&format!("{}, {}", counted(Level::Error), counted(Level::Warning)));
        if let Some(code) = self.code {
            text.push_str(&format!("; run would end with exit code {code}"));
        }
        text.push('\n');
        text
    }

    /// The shape is versioned: fields may come, none goes or changes its meaning within a version.
    pub fn json(&self) -> String {
        let items: Vec<_> = self
            .items
            .iter()
            .map(|item| {
                json!({
                    "area": item.area.to_string(),
                    "level": item.level.to_string(),
                    "message": item.message,
                })
            })
            .collect();
        let key = self.key.map(
            |key| json!({ "fingerprint": key.fingerprint.to_string(), "fallbacks": key.fallbacks }),
        );
        let report = json!({
            "version": 1,
            "name": self.name,
            "ok": !self.has_errors(),
            "exit-code": self.code(),
            "errors": self.count(Level::Error),
            "warnings": self.count(Level::Warning),
            "key": key,
            "items": items,
        });
        format!("{report:#}\n")
    }

    fn count(&self, level: Level) -> usize {
        self.items.iter().filter(|item| item.level == level).count()
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Area::Config => "config",
            Area::Account => "account",
            Area::Sockets => "sockets",
            Area::Schema => "schema",
            Area::Secrets => "secrets",
            Area::Audit => "audit",
            Area::Command => "command",
            Area::Gates => "gates",
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        })
    }
}
