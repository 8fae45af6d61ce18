use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::file_watch::{FileWatch, Unwatched};
use crate::config::{self, SourceKind, SourceSpec};
use crate::splay::splayed;

/// When to look at the sources again without being asked. Made before they are read for the first time,
/// it misses no change of a file.
#[derive(Debug)]
pub struct Watch {
    timer: Option<Timer>,
    files: Option<FileWatch>,
}

/// `[watch] every`
#[derive(Debug)]
struct Timer {
    every: Duration,
    next: Instant,
}

impl Watch {
    /// With it what cannot be watched, one line each.
    pub fn new(
        settings: &config::Watch,
        sources: &[SourceSpec],
        now: Instant,
    ) -> (Watch, Vec<String>) {
        let wanted = settings.every.is_some() || settings.files;
        if !wanted || !sources.iter().any(|source| can_change(&source.kind)) {
            let warning =
                "[watch] has no effect: no source can change while keybearer runs; take it out";
            let warnings = wanted.then(|| warning.to_owned()).into_iter().collect();
            return (Watch { timer: None, files: None }, warnings);
        }
        let timer = settings.every.map(|every| Timer { every, next: now + splayed(every) });
        let refused = |what: &str, error| refused(what, error, timer.is_some());
        let (files, warnings) = match settings.files.then(|| FileWatch::open(sources)) {
            None => (None, Vec::new()),
            Some(Ok((files, unwatched))) => {
                let shown = |one: &Unwatched| format!("'{}'", one.directory.display());
                let lines = unwatched.iter().map(|one| refused(&shown(one), one.error));
                (Some(files), lines.collect())
            }
            Some(Err(error)) => (None, vec![refused("the sources", error)]),
        };
        (Watch { timer, files }, warnings)
    }

    /// Readable when a file may have changed.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.files.as_ref().map(FileWatch::descriptor)
    }

    pub fn deadline(&self) -> Option<Instant> {
        let timer = self.timer.as_ref().map(|timer| timer.next);
        let files = self.files.as_ref().and_then(FileWatch::deadline);
        timer.into_iter().chain(files).min()
    }

    /// Whether to look again. To be called when the descriptor is readable or the deadline is there;
    /// all that has happened until then is one look.
    pub fn advance(&mut self, now: Instant) -> bool {
        let mut look = false;
        match self.files.as_mut().map(|files| files.advance(now)) {
            None => {}
            Some(Ok(changed)) => look = changed,
            // A descriptor that cannot be read would wake for ever.
            Some(Err(_)) => {
                self.files = None;
                look = true;
            }
        }
        if let Some(timer) = &mut self.timer
            && (look || timer.next <= now)
        {
            look = true;
            timer.next = now + splayed(timer.every);
            if let Some(files) = &mut self.files {
                // What could not be watched may be allowed by now; said once is enough.
                let _ = files.add_missing();
            }
        }
        look
    }
}

/// Credentials are copied when the unit starts (systemd.exec(5)), and an environment is inherited once.
fn can_change(kind: &SourceKind) -> bool {
    match kind {
        SourceKind::EnvFile { .. }
        | SourceKind::Directory { .. }
        | SourceKind::Remote(_)
        | SourceKind::Command(_) => true,
        SourceKind::SystemdCredentials { .. } | SourceKind::Environment { .. } => false,
    }
}

fn refused(what: &str, error: Errno, is_polled: bool) -> String {
    let why = match error {
        Errno::ENOSPC => "the limit fs.inotify.max_user_watches is reached".to_owned(),
        Errno::EMFILE => "the limit fs.inotify.max_user_instances is reached".to_owned(),
        error => error.desc().to_lowercase(),
    };
    let then = match is_polled {
        true => "[watch] every looks at it all the same",
        false => "give [watch] every, to look at it from time to time",
    };
    format!("cannot watch {what} for changes ({why}); {then}")
}

#[cfg(test)]
mod tests;
