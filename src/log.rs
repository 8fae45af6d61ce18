//! keybearer's own lines on stderr: text, text with journald's priorities, or JSON. One line a
//! message, one write a line; a reader that does not read costs lines, never the site.

#![forbid(unsafe_code)]

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::os::fd::AsFd;
use std::os::linux::fs::MetadataExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::moment::Moment;

/// How and how much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }

    /// sd-daemon(3)
    fn priority(self) -> u8 {
        match self {
            Level::Error => 3,
            Level::Warning => 4,
            Level::Info => 6,
            Level::Debug => 7,
        }
    }
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Says how to log; the first call holds. Before it, lines are text at the default level.
pub fn start(settings: Settings) {
    let _ = SETTINGS.set(settings);
}

pub fn error(message: impl fmt::Display) {
    write(Level::Error, &message);
}

pub fn warning(message: impl fmt::Display) {
    write(Level::Warning, &message);
}

pub fn info(message: impl fmt::Display) {
    write(Level::Info, &message);
}

pub fn debug(message: impl fmt::Display) {
    write(Level::Debug, &message);
}

/// Text as it is, for help that stands in place of a command.
pub fn plain(text: &str) {
    send(text);
}

/// A pipe that polls as writable takes a page at once: pipe(7). What is longer could block.
const LONGEST: usize = 4096;

fn write(level: Level, message: &dyn fmt::Display) {
    let settings = SETTINGS.get().copied().unwrap_or_default();
    if level > settings.level {
        return;
    }
    let style = match settings.format {
        Format::Json => Style::Json(SystemTime::now()),
        Format::Text if journald_reads_stderr() => Style::Journal,
        Format::Text => Style::Text,
    };
    for line in message.to_string().lines() {
        send(&style.line(level, line));
    }
}

enum Style {
    Text,
    /// journald knows who speaks; it wants the priority. systemd.exec(5), SyslogLevelPrefix=
    Journal,
    Json(SystemTime),
}

impl Style {
    fn line(&self, level: Level, message: &str) -> String {
        let mut message = printable(message);
        // JSON writes some characters as six.
        let room = if matches!(self, Style::Json(_)) { LONGEST / 6 - 100 } else { LONGEST - 100 };
        if message.len() > room {
            message.truncate(message.floor_char_boundary(room));
            message.push_str("...");
        }
        match self {
            Style::Text if level == Level::Warning => format!("keybearer: warning: {message}\n"),
            Style::Text => format!("keybearer: {message}\n"),
            Style::Journal => format!("<{}>{message}\n", level.priority()),
            Style::Json(time) => {
                let line = serde_json::json!({
                    "time": rfc3339(*time),
                    "level": level.name(),
                    "message": message,
                });
                format!("{line}\n")
            }
        }
    }
}

/// JOURNAL_STREAM holds the device and inode of the stream that journald reads; systemd.exec(5).
fn journald_reads_stderr() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
        let Ok(stderr) = std::io::stderr().as_fd().try_clone_to_owned() else { return false };
        std::fs::File::from(stderr)
            .metadata()
            .is_ok_and(|own| stream == format!("{}:{}", own.st_dev(), own.st_ino()))
    })
}

/// One line whatever is in it: a path, or a name out of a file, may hold anything. The bidirectional
/// controls would show a line in another order than it has.
pub fn printable(text: &str) -> String {
    let bad =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if bad(c) { '\u{fffd}' } else { c }).collect()
}

/// Waits a moment for a full pipe, then lets the line go: a supervisor that hangs on its log cannot
/// pass on a TERM. Nor does it wait again for every line until the reader reads.
fn send(line: &str) {
    static LOST: AtomicUsize = AtomicUsize::new(0);
    let stderr = std::io::stderr();
    let lost = LOST.load(Ordering::Relaxed);
    let patience = if lost == 0 { PollTimeout::from(200u8) } else { PollTimeout::ZERO };
    let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    if !nix::poll::poll(&mut ready, patience).is_ok_and(|n| n > 0) {
        LOST.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let _ = stderr.lock().write_all(line.as_bytes());
    if LOST.swap(0, Ordering::Relaxed) > 0 {
        warning(format_args!("{lost} lines before this one were lost: nobody read them"));
    }
}

/// To the millisecond.
fn rfc3339(time: SystemTime) -> String {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).subsec_millis();
    let mut text = Moment::from(time).to_string();
    text.pop();
    let _ = write!(text, ".{millis:03}Z");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_millis(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(1_795_246_461_123), "2026-11-21T07:34:21.123Z");
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(Style::Text.line(Level::Info, "a\u{7}b"), "keybearer: a\u{fffd}b\n");
        assert_eq!(Style::Journal.line(Level::Warning, "x"), "<4>x\n");
        let json = Style::Json(UNIX_EPOCH).line(Level::Error, "say \"x\"");
        let read: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
        assert_eq!(read["message"], "say \"x\"");
        assert_eq!(read["level"], "error");
    }
}
