//! keybearer's own lines on stderr: text, text with journald's priorities, or JSON.

#![forbid(unsafe_code)]

/// How and how much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub format: Format,
    pub level: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    Error,
    Warning,
    #[default]
    Info,
    Debug,
}
