use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use crate::config::{SourceKind, SourceSpec};

/// Tells that a local source may have changed: inotify(7). A file is watched through its directory,
/// because whoever replaces it by renaming brings another inode.
#[derive(Debug)]
pub(super) struct FileWatch {
    inotify: Inotify,
    places: Vec<Place>,
    retry: Option<Retry>,
}

#[derive(Debug)]
pub(super) struct Unwatched {
    pub directory: PathBuf,
    pub error: Errno,
}

/// A directory, and what counts in it.
#[derive(Debug)]
struct Place {
    directory: PathBuf,
    counts: Counts,
    watched: Option<WatchDescriptor>,
    /// It was watched, and is gone.
    is_lost: bool,
}

#[derive(Debug)]
enum Counts {
    /// Env files.
    Names(BTreeSet<OsString>),
    /// All that a `directory` source would read.
    Secrets,
}

/// A directory that went away is looked for less and less often: nothing tells when it is back.
#[derive(Debug)]
struct Retry {
    at: Instant,
    wait: Duration,
}

impl Retry {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(60);
}

/// Reads in a row before somebody else gets a turn. One read holds at least 15 events, and the kernel's
/// queue 16,384 by default.
const READS: usize = 2_000;

const IN_A_FILE: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);
/// A secret that goes is a change. An env file that goes is on its way to be replaced, or an error that
/// the next look will find.
const IN_A_DIRECTORY: AddWatchFlags =
    IN_A_FILE.union(AddWatchFlags::IN_DELETE).union(AddWatchFlags::IN_MOVED_FROM);
/// The directory itself went away, or its watch did.
const LOST: AddWatchFlags = AddWatchFlags::IN_DELETE_SELF
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_UNMOUNT)
    .union(AddWatchFlags::IN_IGNORED);

impl FileWatch {
    /// With it what could not be watched.
    pub fn open(sources: &[SourceSpec]) -> Result<(FileWatch, Vec<Unwatched>), Errno> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let mut watch = FileWatch { inotify, places: places(sources), retry: None };
        let refused = watch.add_missing();
        Ok((watch, refused))
    }

    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }

    /// Only while a directory is away.
    pub fn deadline(&self) -> Option<Instant> {
        self.retry.as_ref().map(|retry| retry.at)
    }

    /// Takes all that has happened; whether any of it is worth a look.
    pub fn advance(&mut self, now: Instant) -> Result<bool, Errno> {
        let mut changed = false;
        for _ in 0..READS {
            match self.inotify.read_events() {
                Ok(events) => {
                    for event in events {
                        changed |= self.take(&event);
                    }
                }
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
        let is_new = self.places.iter().any(|place| place.is_lost) && self.retry.is_none();
        if is_new || self.deadline().is_some_and(|at| at <= now) {
            changed |= self.look_for_lost(now);
        }
        Ok(changed)
    }

    /// Watches what was not there, or not allowed, the last time. What cannot be watched still is
    /// answered with the reason.
    pub fn add_missing(&mut self) -> Vec<Unwatched> {
        let mut refused = Vec::new();
        for place in self.places.iter_mut().filter(|place| place.watched.is_none()) {
            match self.inotify.add_watch(&place.directory, place.counts.mask()) {
                Ok(descriptor) => {
                    place.watched = Some(descriptor);
                    place.is_lost = false;
                }
                Err(error) => refused.push(Unwatched { directory: place.directory.clone(), error }),
            }
        }
        refused
    }

    fn take(&mut self, event: &InotifyEvent) -> bool {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return true;
        }
        // The watch would go where the directory goes. Its own end is then an event of a descriptor
        // that nobody knows any more.
        if event.mask.contains(AddWatchFlags::IN_MOVE_SELF) {
            let _ = self.inotify.rm_watch(event.wd);
        }
        let mut counts = false;
        for place in self.places.iter_mut().filter(|place| place.watched == Some(event.wd)) {
            if event.mask.intersects(LOST) {
                place.watched = None;
                place.is_lost = true;
                counts = true;
            }
            counts |= event.name.as_deref().is_some_and(|name| place.counts.includes(name));
        }
        counts
    }

    /// Whether one of those that were lost is back, perhaps with other contents.
    fn look_for_lost(&mut self, now: Instant) -> bool {
        let lost = |watch: &FileWatch| watch.places.iter().filter(|place| place.is_lost).count();
        let before = lost(self);
        let _ = self.add_missing();
        let left = lost(self);
        self.retry = (left > 0).then(|| {
            let wait = match &self.retry {
                Some(retry) => (retry.wait * 2).min(Retry::LONGEST),
                None => Retry::FIRST,
            };
            Retry { at: now + wait, wait }
        });
        left < before
    }
}

impl Counts {
    fn mask(&self) -> AddWatchFlags {
        match self {
            Counts::Names(_) => IN_A_FILE,
            Counts::Secrets => IN_A_DIRECTORY,
        }
    }

    fn includes(&self, name: &OsStr) -> bool {
        match self {
            Counts::Names(names) => names.contains(name),
            // The kubelet renames `..data`; other names with a dot are not read. The rest of it are
            // what editors leave beside a file.
            Counts::Secrets => {
                let bytes = name.as_bytes();
                let is_an_editors = bytes.ends_with(b"~") || bytes.starts_with(b"#");
                bytes == b"..data" || !bytes.starts_with(b".") && !is_an_editors
            }
        }
    }
}

/// Directories of env files first: a second watch of a directory replaces the mask of the first
/// (inotify_add_watch(2)), and that of a `directory` source has all that the other one has.
fn places(sources: &[SourceSpec]) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let place = |directory: &Path, counts| Place {
        directory: directory.to_owned(),
        counts,
        watched: None,
        is_lost: false,
    };
    for (directory, name) in sources.iter().filter_map(env_file) {
        let known = places.iter_mut().find(|place| place.directory == directory);
        match known.map(|place| &mut place.counts) {
            Some(Counts::Names(names)) => {
                names.insert(name.to_owned());
            }
            Some(Counts::Secrets) | None => {
                places.push(place(directory, Counts::Names([name.to_owned()].into())));
            }
        }
    }
    for source in sources {
        if let SourceKind::Directory { path } = &source.kind {
            places.push(place(path, Counts::Secrets));
        }
    }
    places
}

fn env_file(source: &SourceSpec) -> Option<(&Path, &OsStr)> {
    match &source.kind {
        SourceKind::EnvFile { path } => Some((path.parent()?, path.file_name()?)),
        SourceKind::Directory { .. }
        | SourceKind::SystemdCredentials { .. }
        | SourceKind::Environment { .. }
        | SourceKind::Remote(_)
        | SourceKind::Command(_) => None,
    }
}
