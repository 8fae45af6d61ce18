use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use nix::unistd::getpid;

use super::line::Line;

/// The service manager, told how it stands: sd_notify(3). Without one every call does nothing.
#[derive(Debug)]
pub struct Systemd {
    line: Option<Line>,
    watchdog: Option<Duration>,
}

/// How long a wait may go on before it must be said again that it does. sd_notify(3)
pub const EXTENSION: Duration = Duration::from_secs(30);

impl Systemd {
    pub fn from(environment: &BTreeMap<OsString, OsString>) -> Systemd {
        let get = |name: &str| environment.get(OsStr::new(name)).map(OsString::as_os_str);
        let line = get("NOTIFY_SOCKET").and_then(Line::open);
        let number = |name: &str| get(name)?.to_str()?.parse::<u64>().ok();
        // sd_watchdog_enabled(3): WATCHDOG_PID says for whom.
        let for_us = get("WATCHDOG_PID").is_none()
            || number("WATCHDOG_PID") == u64::try_from(getpid().as_raw()).ok();
        let watchdog = number("WATCHDOG_USEC").filter(|usec| for_us && *usec > 0);
        Systemd { watchdog: watchdog.map(Duration::from_micros).filter(|_| line.is_some()), line }
    }

    /// Half of what the manager allows, as sd_watchdog_enabled(3) advises.
    pub fn watchdog_every(&self) -> Option<Duration> {
        self.watchdog.map(|allowed| allowed / 2)
    }

    pub fn is_listening(&self) -> bool {
        self.line.is_some()
    }

    pub fn ready(&self, status: &str) {
        self.tell(format!("READY=1\nSTATUS={status}"));
    }

    /// Answered by `ready`, whatever came of it. Without the time a manager that sent the HUP itself
    /// would wait for ever: sd_notify(3), Type=notify-reload.
    pub fn reloading(&self, status: &str) {
        let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) else { return };
        let now = Duration::from(now).as_micros();
        self.tell(format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS={status}"));
    }

    pub fn stopping(&self, status: &str) {
        self.tell(format!("STOPPING=1\nSTATUS={status}"));
    }

    pub fn status(&self, status: &str) {
        self.tell(format!("STATUS={status}"));
    }

    pub fn alive(&self) {
        self.mention("WATCHDOG=1");
    }

    pub fn extend(&self) {
        self.mention(&format!("EXTEND_TIMEOUT_USEC={}", EXTENSION.as_micros()));
    }

    /// When something is to be said again that was not heard.
    pub fn deadline(&self) -> Option<Instant> {
        self.line.as_ref()?.deadline()
    }

    pub fn advance(&self, now: Instant) {
        if let Some(line) = &self.line {
            line.advance(now);
        }
    }

    fn tell(&self, message: String) {
        if let Some(line) = &self.line {
            line.tell(message);
        }
    }

    fn mention(&self, message: &str) {
        if let Some(line) = &self.line {
            line.mention(message);
        }
    }
}
