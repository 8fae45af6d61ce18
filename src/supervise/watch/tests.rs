use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::*;
use crate::config::{Credentials, Selection};
use crate::files::scratch::Scratch;

fn env_file(path: &Path) -> SourceSpec {
    let kind = SourceKind::EnvFile { path: path.to_owned() };
    SourceSpec { kind, selection: Selection::default() }
}

fn directory(path: &Path) -> SourceSpec {
    let kind = SourceKind::Directory { path: path.to_owned() };
    SourceSpec { kind, selection: Selection::default() }
}

fn files(sources: &[SourceSpec]) -> Watch {
    let settings = config::Watch { every: None, files: true };
    let (watch, warnings) = Watch::new(&settings, sources, Instant::now());
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(watch.deadline(), None);
    watch
}

/// Waits for the descriptor, as long as it may take.
fn woken(watch: &mut Watch) -> bool {
    let descriptor = watch.descriptor().expect("a descriptor");
    let mut waited = [PollFd::new(descriptor, PollFlags::POLLIN)];
    assert_eq!(poll(&mut waited, PollTimeout::from(10_000u16)), Ok(1), "nothing happened");
    watch.advance(Instant::now())
}

/// What happened was queued before the call that did it returned.
fn is_quiet(watch: &Watch) -> bool {
    let descriptor = watch.descriptor().expect("a descriptor");
    let mut waited = [PollFd::new(descriptor, PollFlags::POLLIN)];
    poll(&mut waited, PollTimeout::ZERO) == Ok(0)
}

#[test]
fn a_file_that_is_replaced_written_or_made_readable() {
    let scratch = Scratch::new();
    let path = scratch.file("site.env", b"A=1\n", 0o640);
    let mut watch = files(&[env_file(&path)]);
    assert!(is_quiet(&watch));
    assert!(!watch.advance(Instant::now()));

    for content in ["A=2\n", "A=3\n"] {
        let new = scratch.file(".site.env.new", content.as_bytes(), 0o640);
        fs::rename(new, &path).unwrap();
        assert!(woken(&mut watch));
        // All of it was one look.
        assert!(is_quiet(&watch) && !watch.advance(Instant::now()));
    }
    fs::write(&path, "A=4\n").unwrap();
    assert!(woken(&mut watch));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(woken(&mut watch));

    assert_eq!(fs::read_to_string(&path).unwrap(), "A=4\n");
    assert!(is_quiet(&watch), "reading is no change");
}

#[test]
fn other_files_beside_it_do_not_count() {
    let scratch = Scratch::new();
    let path = scratch.file("site.env", b"", 0o640);
    let other = scratch.file("other.env", b"", 0o640);
    let mut watch = files(&[env_file(&path)]);
    for name in [".site.env.swp", "site.env~", "4913", "site.env.new", "other.env"] {
        fs::write(scratch.path(name), "").unwrap();
        assert!(!woken(&mut watch), "{name}");
    }
    // On its way somewhere else: what comes into its place counts.
    fs::rename(&path, scratch.path("site.env~")).unwrap();
    assert!(!woken(&mut watch));

    let mut both = files(&[env_file(&path), env_file(&other)]);
    fs::write(&other, "").unwrap();
    assert!(woken(&mut both));
    fs::write(&path, "").unwrap();
    assert!(woken(&mut both));
}

#[test]
fn a_directory_of_secrets() {
    let scratch = Scratch::new();
    let path = scratch.directory("secrets", 0o755);
    // A watch of an env file in it must not take any of that away.
    let mut watch = files(&[directory(&path), env_file(&path.join("site.env"))]);
    for name in [".A.swp", "A~", "#A#", "..2026_2"] {
        fs::write(path.join(name), "").unwrap();
        assert!(!woken(&mut watch), "{name}");
    }
    fs::write(path.join("A"), "").unwrap();
    assert!(woken(&mut watch));
    fs::remove_file(path.join("A")).unwrap();
    assert!(woken(&mut watch));
    symlink("..2026_2", path.join("..data_tmp")).unwrap();
    fs::rename(path.join("..data_tmp"), path.join("..data")).unwrap();
    assert!(woken(&mut watch));
}

#[test]
fn a_directory_that_is_exchanged_is_watched_again() {
    let scratch = Scratch::new();
    let place = scratch.directory("etc", 0o755);
    let path = scratch.file("etc/site.env", b"", 0o640);
    let mut watch = files(&[env_file(&path)]);
    let new = scratch.directory("new", 0o755);
    fs::rename(&place, scratch.path("old")).unwrap();
    fs::rename(&new, &place).unwrap();
    assert!(woken(&mut watch));
    fs::write(scratch.path("old/site.env"), "").unwrap();
    assert!(is_quiet(&watch), "the one that was moved away is watched no more");
    fs::write(&path, "").unwrap();
    assert!(woken(&mut watch));
    assert_eq!(watch.deadline(), None);
}

#[test]
fn a_directory_that_goes_is_looked_for_until_it_is_back() {
    let scratch = Scratch::new();
    let place = scratch.directory("etc", 0o755);
    let mut watch = files(&[env_file(&place.join("site.env"))]);
    fs::remove_dir(&place).unwrap();
    assert!(woken(&mut watch));
    let first = watch.deadline().expect("a retry");
    assert!(!watch.advance(first));
    let second = watch.deadline().expect("another");
    assert_eq!(second - first, 2 * Duration::from_millis(250));
    fs::create_dir(&place).unwrap();
    assert!(!watch.advance(first), "not before its time");
    assert!(watch.advance(second));
    assert_eq!(watch.deadline(), None);
    fs::write(place.join("site.env"), "").unwrap();
    assert!(woken(&mut watch));
}

#[test]
fn more_events_than_the_kernel_keeps_are_a_change() {
    let scratch = Scratch::new();
    let path = scratch.file("site.env", b"", 0o640);
    let mut watch = files(&[env_file(&path)]);
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    if limit > 200_000 {
        eprintln!("SKIPPED: the kernel keeps {limit} events");
        return;
    }
    // The same event twice in a row is kept once, so that it takes two names.
    for number in 0..2 * limit {
        fs::write(scratch.path(["a", "b"][number % 2]), "").unwrap();
    }
    assert!(woken(&mut watch));
    assert!(is_quiet(&watch));
}

#[test]
fn each_wait_is_between_a_half_and_the_whole() {
    let scratch = Scratch::new();
    let path = scratch.file("site.env", b"", 0o640);
    let every = Duration::from_secs(300);
    let settings = config::Watch { every: Some(every), files: false };
    let mut now = Instant::now();
    let (mut watch, warnings) = Watch::new(&settings, &[env_file(&path)], now);
    assert!(warnings.is_empty() && watch.descriptor().is_none());
    let mut waits = Vec::new();
    for _ in 0..100 {
        let next = watch.deadline().expect("a deadline");
        waits.push(next - now);
        assert!(!watch.advance(next - Duration::from_millis(1)));
        assert_eq!(watch.deadline(), Some(next));
        assert!(watch.advance(next));
        now = next;
    }
    assert!(waits.iter().all(|wait| (every / 2..=every).contains(wait)), "{waits:?}");
    let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*most - *least > every / 10, "a splay: {waits:?}");
}

#[test]
fn a_change_of_a_file_puts_off_the_next_look() {
    let scratch = Scratch::new();
    let path = scratch.file("site.env", b"", 0o640);
    let settings = config::Watch { every: Some(Duration::from_secs(300)), files: true };
    let start = Instant::now();
    let (mut watch, _) = Watch::new(&settings, &[env_file(&path)], start);
    fs::write(&path, "").unwrap();
    let later = start + Duration::from_secs(149);
    assert!(watch.advance(later));
    assert!(watch.deadline().unwrap() >= later + Duration::from_secs(150));
}

#[test]
fn what_cannot_be_watched_is_said() {
    let scratch = Scratch::new();
    let path = scratch.path("missing/site.env");
    let shown = format!("'{}'", scratch.path("missing").display());
    let settings = |every| config::Watch { every, files: true };
    let (_, warnings) = Watch::new(&settings(None), &[env_file(&path)], Instant::now());
    let start = format!("cannot watch {shown} for changes (no such file or directory); ");
    let line = |end: &str| [format!("{start}{end}")];
    assert_eq!(warnings, line("give [watch] every, to look at it from time to time"));

    let every = Duration::from_secs(60);
    let (mut watch, warnings) =
        Watch::new(&settings(Some(every)), &[env_file(&path)], Instant::now());
    assert_eq!(warnings, line("[watch] every looks at it all the same"));
    // By the next look it is there.
    fs::create_dir(scratch.path("missing")).unwrap();
    assert!(watch.advance(watch.deadline().expect("a deadline")));
    fs::write(&path, "").unwrap();
    assert!(woken(&mut watch));

    assert_eq!(
        refused("the sources", Errno::EMFILE, false),
        "cannot watch the sources for changes (the limit fs.inotify.max_user_instances is \
         reached); give [watch] every, to look at it from time to time"
    );
}

#[test]
fn what_cannot_change_is_not_watched() {
    let kind = SourceKind::SystemdCredentials { wanted: Credentials::All };
    let sources = [SourceSpec { kind, selection: Selection::default() }];
    let settings = config::Watch { every: Some(Duration::from_secs(1)), files: true };
    let (watch, warnings) = Watch::new(&settings, &sources, Instant::now());
    assert!(watch.deadline().is_none() && watch.descriptor().is_none());
    assert_eq!(
        warnings,
        ["[watch] has no effect: no source can change while keybearer runs; take it out"]
    );
    let (watch, warnings) = Watch::new(&config::Watch::default(), &sources, Instant::now());
    assert!(watch.deadline().is_none() && warnings.is_empty());
}
