use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};

use super::scratch::{Scratch, is_root, set_mode};
use super::successor::Successor;
use super::{Unwritten, hold};
use crate::exit::Exit;
use crate::sys;

const OLD: &[u8] = b"SECRET_KEY=canary-old\n";
const NEW: &[u8] = b"SECRET_KEY=canary-new-and-longer\n";
const PATIENCE: Duration = Duration::from_secs(60);
const ACL: &std::ffi::CStr = c"system.posix_acl_access";

fn replace(path: &Path, bytes: &[u8]) -> Result<(), Unwritten> {
    hold(path, PATIENCE)?.replace(bytes)
}

fn refused(path: &Path) -> (String, Exit) {
    let before = fs::metadata(path).expect("there");
    let error = replace(path, NEW).expect_err("refused");
    let text = error.to_string();
    assert!(!format!("{text}{error:?}").contains("canary"), "{text}");
    let after = fs::metadata(path).expect("there");
    assert_eq!((before.ino(), before.ctime_nsec()), (after.ino(), after.ctime_nsec()));
    assert!(!temporary(path).exists());
    (text, error.exit())
}

fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().expect("a name").to_str().expect("text");
    path.with_file_name(format!(".{name}.keybearer-new"))
}

#[test]
fn the_new_file_is_like_the_old_one() {
    let scratch = Scratch::new();
    for mode in [0o600, 0o640, 0o400, 0o440] {
        let path = scratch.file("x.env", OLD, mode);
        let before = fs::metadata(&path).expect("there");
        replace(&path, NEW).expect("replaced");
        let after = fs::metadata(&path).expect("there");
        assert_eq!(fs::read(&path).expect("read"), NEW);
        assert_ne!(before.ino(), after.ino());
        assert_eq!((after.mode(), after.uid(), after.gid()), {
            (before.mode(), before.uid(), before.gid())
        });
        assert!(!temporary(&path).exists());
        fs::remove_file(&path).expect("removed");
    }
}

#[test]
fn group_attributes_and_acl_are_kept() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    // Whatever else the directory would give to a new file.
    let directory = scratch.directory("inherits", 0o755);
    chown(&directory, None, Some(777)).expect("chown");
    set_mode(&directory, 0o2755);
    let default = Command::new("setfacl").args(["-m", "d:u:54321:rw"]).arg(&directory).status();
    let has_acl = default.is_ok_and(|status| status.success());
    if !has_acl {
        eprintln!("SKIPPED in part: no setfacl, or a file system without ACLs");
    }

    let path = scratch.file("inherits/x.env", OLD, 0o600);
    let file = File::open(&path).expect("opened");
    sys::fremovexattr(&file, ACL).expect("no ACL");
    chown(&path, None, Some(4321)).expect("chown");
    set_mode(&path, 0o640);
    sys::fsetxattr(&file, c"user.note", b"kept").expect("an attribute");
    replace(&path, NEW).expect("replaced");

    let after = File::open(&path).expect("opened");
    let meta = after.metadata().expect("there");
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (0, 4321, 0o640));
    assert_eq!(sys::fgetxattr(&after, c"user.note"), Ok(Some(b"kept".to_vec())));
    assert_eq!(sys::fgetxattr(&after, ACL), Ok(None));

    // One that opens nothing, or the file would not be believed.
    let masked = Command::new("setfacl").args(["-m", "u:54321:r,m::-"]).arg(&path).status();
    if !masked.is_ok_and(|status| status.success()) {
        return;
    }
    let acl = sys::fgetxattr(File::open(&path).expect("opened"), ACL).expect("read");
    assert!(acl.is_some());
    replace(&path, OLD).expect("replaced");
    let after = File::open(&path).expect("opened");
    assert_eq!(sys::fgetxattr(&after, ACL), Ok(acl));
    assert_eq!(after.metadata().expect("there").mode() & 0o7777, 0o600);
}

#[test]
fn a_stop_at_any_step_leaves_the_old_file_and_the_next_writer_goes_on() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    for steps in 0..=3 {
        let held = hold(&path, PATIENCE).expect("held");
        let (way, fd, stat) = held.parts();
        let mut successor = Successor::make(way, Instant::now()).expect("made");
        let mode = || fs::metadata(temporary(&path)).expect("there").mode() & 0o7777;
        assert_eq!((mode(), fs::read(temporary(&path)).expect("read").len()), (0o600, 0));
        if steps > 0 {
            successor.become_like(fd, stat).expect("alike");
            assert_eq!((mode(), fs::read(temporary(&path)).expect("read").len()), (0o640, 0));
        }
        if steps > 1 {
            successor.fill(NEW).expect("filled");
        }
        if steps > 2 {
            held.look_again().expect("the same");
        }
        assert_eq!(fs::read(&path).expect("read"), OLD);
        // Killed: nothing is cleaned up, and the kernel takes the locks back.
        successor.abandon();
        drop(held);
        assert!(temporary(&path).exists());
        replace(&path, NEW).expect("replaced");
        assert_eq!(fs::read(&path).expect("read"), NEW);
        assert!(!temporary(&path).exists());
        replace(&path, OLD).expect("replaced");
    }
}

#[test]
fn whatever_stands_under_the_temporary_name_is_not_written_through() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    let victim = scratch.file("victim", b"safe", 0o644);
    symlink(&victim, temporary(&path)).expect("a link");
    replace(&path, NEW).expect("replaced");
    fs::hard_link(&victim, temporary(&path)).expect("a second name");
    replace(&path, OLD).expect("replaced");
    nix::unistd::mkfifo(&temporary(&path), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    replace(&path, NEW).expect("replaced");
    assert_eq!(fs::read(&victim).expect("read"), b"safe");
    assert_eq!(fs::metadata(&path).expect("there").nlink(), 1);

    fs::create_dir(temporary(&path)).expect("a directory");
    let error = replace(&path, OLD).expect_err("refused");
    let shown = path.display();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot write '{shown}': cannot remove what an earlier try left (.NAME.keybearer-new): Is a directory"
        )
    );
    assert_eq!(fs::read(&path).expect("read"), NEW);
}

#[test]
fn a_living_writers_file_is_no_leftover() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    let first = hold(&path, PATIENCE).expect("held");
    let (way, ..) = first.parts();
    let _successor = Successor::make(way, Instant::now()).expect("made");
    let inode = fs::metadata(temporary(&path)).expect("there").ino();
    // What an editor does: the second writer finds another inode, and no lock on it.
    let edited = scratch.file("edited", b"SECRET_KEY=edited\n", 0o640);
    fs::rename(edited, &path).expect("renamed");
    let second = hold(&path, Duration::ZERO).expect("held");
    let error = second.replace(NEW).expect_err("refused");
    assert!(matches!(error, Unwritten::Locked { .. }), "{error}");
    assert_eq!(fs::metadata(temporary(&path)).expect("there").ino(), inode);
    let error = first.look_again().expect_err("changed");
    assert!(matches!(error, Unwritten::Changed { .. }), "{error}");
    assert_eq!(fs::read(&path).expect("read"), b"SECRET_KEY=edited\n");
}

#[test]
fn what_an_editor_saves_meanwhile_is_not_lost() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    for in_place in [true, false] {
        let held = hold(&path, PATIENCE).expect("held");
        let now: &[u8] = if in_place { b"SECRET_KEY=in-place\n" } else { b"SECRET_KEY=renamed\n" };
        if in_place {
            fs::write(&path, now).expect("written");
        } else {
            fs::rename(scratch.file("edited", now, 0o640), &path).expect("renamed");
        }
        let error = held.replace(NEW).expect_err("changed");
        assert_eq!(
            error.to_string(),
            format!("'{}' was changed by something else meanwhile; try again", path.display())
        );
        assert_eq!(error.exit(), Exit::Failure);
        assert_eq!(fs::read(&path).expect("read"), now);
        assert!(!temporary(&path).exists());
    }
}

#[test]
fn who_has_waited_holds_the_lock_of_the_file_that_is_there_now() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    let opened = || {
        let descriptors = fs::read_dir("/proc/self/fd").expect("listed");
        let targets = descriptors.filter_map(|fd| fs::read_link(fd.ok()?.path()).ok());
        targets.filter(|target| *target == path).count()
    };
    let first = hold(&path, PATIENCE).expect("held");
    std::thread::scope(|scope| {
        let second = scope.spawn(|| hold(&path, PATIENCE).expect("held"));
        while opened() < 2 {
            std::thread::yield_now();
        }
        first.replace(NEW).expect("replaced");
        let second = second.join().expect("held");
        assert_eq!(second.bytes(), NEW);
        let third = hold(&path, Duration::ZERO).expect_err("locked");
        assert!(matches!(third, Unwritten::Locked { .. }), "{third}");
    });
}

#[test]
fn whoever_holds_the_lock_is_named() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    let file = File::open(&path).expect("opened");
    let lock = Flock::lock(file, FlockArg::LockExclusive).expect("locked");
    let error = hold(&path, Duration::from_millis(20)).expect_err("locked");
    let text = error.to_string();
    let shown = path.display();
    let by = |who: &str| {
        format!(
            "cannot write '{shown}': {who} holds a lock (flock) on it; wait for that to end, then try again"
        )
    };
    // Some file systems count their devices in two ways.
    let own = by(&format!("process {}", std::process::id()));
    assert!(text == own || text == by("another process"), "{text}");
    assert_eq!(error.exit(), Exit::Failure);
    drop(lock);
    replace(&path, NEW).expect("replaced");
}

#[test]
fn a_file_of_two_names_is_refused() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    fs::hard_link(&path, scratch.path("second")).expect("a second name");
    let shown = path.display();
    let text = format!(
        "cannot write '{shown}': it has 2 names, and only this one would get the new content; run: cp -p {shown} {shown}.new && mv {shown}.new {shown}"
    );
    assert_eq!(refused(&path), (text, Exit::Refused));
}

#[test]
fn what_reading_refuses_is_not_written_either() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o644);
    assert!(refused(&path).0.contains("readable by everyone"));
    assert_eq!(refused(&path).1, Exit::Refused);
}

#[test]
fn an_immutable_file_stays() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    let chattr = |flag: &str, of: &Path| {
        Command::new("chattr").arg(flag).arg(of).output().is_ok_and(|out| out.status.success())
    };
    if !chattr("+i", &path) {
        eprintln!("SKIPPED: no chattr, or a file system without the flag");
        return;
    }
    let (shown, directory) = (path.display(), scratch.root());
    let result = replace(&path, NEW).expect_err("refused");
    let left = temporary(&path).exists();
    assert!(chattr("-i", &path));
    assert_eq!(
        (result.to_string(), result.exit(), left),
        (
            format!(
                "cannot write '{shown}': it is immutable or append-only; run: chattr -ia {shown}"
            ),
            Exit::Refused,
            false
        )
    );
    assert!(chattr("+i", directory));
    let result = replace(&path, NEW).expect_err("refused");
    assert!(chattr("-i", directory));
    let directory = directory.display();
    assert_eq!(
        result.to_string(),
        format!(
            "cannot write '{shown}': directory '{directory}' is immutable; run: chattr -i {directory}"
        )
    );
    assert_eq!(fs::read(&path).expect("read"), OLD);
}

/// As another user or with fewer capabilities: another process, this test's own executable.
fn as_somebody(path: &Path, command: &mut Command) -> String {
    let output = command
        .args(["--exact", "files::write_tests::write_as_somebody", "--ignored", "--nocapture"])
        .env("KEYBEARER_TEST_PATH", path)
        .output()
        .expect("this test's own executable");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let start = text.find("RESULT ").unwrap_or_else(|| panic!("{output:?}"));
    text[start + 7..].lines().next().unwrap_or_default().to_owned()
}

#[test]
#[ignore = "run by other tests, as another user"]
#[allow(clippy::print_stdout)]
fn write_as_somebody() {
    let Some(path) = std::env::var_os("KEYBEARER_TEST_PATH") else {
        return;
    };
    match replace(Path::new(&path), NEW) {
        Ok(()) => println!("RESULT written"),
        Err(error) => println!("RESULT {:?}: {error}", error.exit()),
    }
}

#[test]
fn what_cannot_be_kept_is_refused_with_the_mend() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let own = scratch.directory("own", 0o755);
    chown(&own, Some(54321), Some(54321)).expect("chown");
    let made = |name: &str, uid, gid| {
        let path = scratch.file(name, OLD, 0o640);
        chown(&path, Some(uid), Some(gid)).expect("chown");
        path
    };
    let as_user =
        |path: &Path| as_somebody(path, Command::new("/proc/self/exe").uid(54321).gid(54321));

    let path = made("own/roots.env", 0, 54321);
    let shown = path.display();
    assert_eq!(
        as_user(&path),
        format!("Refused: cannot write '{shown}' and keep its owner 'root'; do it as that user")
    );
    let path = made("own/group.env", 54321, 4321);
    let shown = path.display();
    assert_eq!(
        as_user(&path),
        format!(
            "Refused: cannot write '{shown}' and keep its group '4321'; do it as root, or as a member of that group"
        )
    );
    let path = made("elsewhere.env", 54321, 54321);
    let (shown, directory) = (path.display(), scratch.root().display());
    assert_eq!(
        as_user(&path),
        format!(
            "Refused: cannot write '{shown}': uid 54321 may make no file in directory '{directory}'; do it as root"
        )
    );
    for path in ["own/roots.env", "own/group.env", "elsewhere.env"] {
        assert_eq!(fs::read(scratch.path(path)).expect("read"), OLD, "{path}");
        assert!(!temporary(&scratch.path(path)).exists());
    }
    let path = made("own/good.env", 54321, 54321);
    assert_eq!(as_user(&path), "written");
    let meta = fs::metadata(&path).expect("there");
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (54321, 54321, 0o640));
}

#[test]
fn root_that_has_given_chown_away_keeps_the_group() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    chown(&path, None, Some(4321)).expect("chown");
    let with = |capabilities: &str| {
        let mut command = Command::new("setpriv");
        command.arg(format!("--bounding-set=-all{capabilities}"));
        command.arg("--inh-caps=-all").arg("--").arg(std::env::current_exe().expect("a path"));
        command
    };
    if !Command::new("setpriv").arg("--version").output().is_ok_and(|o| o.status.success()) {
        eprintln!("SKIPPED: no setpriv");
        return;
    }
    let shown = path.display();
    assert_eq!(
        as_somebody(&path, &mut with("")),
        format!(
            "Refused: cannot write '{shown}' and keep its group '4321'; give keybearer the capability SETGID or CHOWN"
        )
    );
    assert_eq!(fs::read(&path).expect("read"), OLD);
    assert_eq!(as_somebody(&path, &mut with(",+setgid,+setuid,+kill")), "written");
    let meta = fs::metadata(&path).expect("there");
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o7777), (0, 4321, 0o640));
    assert_eq!(fs::read(&path).expect("read"), NEW);
}

/// In a mount namespace of its own, where `setup` has been done by a shell.
fn under_mounts(path: &Path, setup: &str) -> Option<String> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", &format!("{setup}; exec \"$0\" \"$@\"")]);
    command.arg(std::env::current_exe().expect("a path"));
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED: no mount namespaces here");
        return None;
    }
    Some(as_somebody(path, &mut command))
}

#[test]
fn a_full_a_read_only_and_a_mounted_place_have_their_words() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.file("x.env", OLD, 0o640);
    let (shown, directory) = (path.display(), scratch.root().display());
    let Some(result) = under_mounts(&path, &format!("mount --bind {shown} {shown}")) else {
        return;
    };
    assert_eq!(
        result,
        format!(
            "Refused: cannot write '{shown}': it is a mount of its own, which cannot be exchanged; mount its directory instead"
        )
    );
    let read_only =
        format!("mount --bind {directory} {directory}; mount -o remount,ro,bind {directory}");
    assert_eq!(
        under_mounts(&path, &read_only).as_deref(),
        Some(&*format!(
            "Refused: cannot write '{shown}': directory '{directory}' is read-only here; mount it writable, or give the unit ReadWritePaths={directory}"
        ))
    );
    // One page for the file and none for another.
    let full = format!(
        "cp {shown} /dev/shm/keybearer-$$; mount -t tmpfs -o size=4k,mode=755 none {directory}; \
         mv /dev/shm/keybearer-$$ {shown}; chmod 640 {shown}"
    );
    assert_eq!(
        under_mounts(&path, &full).as_deref(),
        Some(&*format!(
            "Failure: cannot write '{shown}': cannot write its new content: No space left on device"
        ))
    );
    assert_eq!(fs::read(&path).expect("read"), OLD);
    assert!(!temporary(&path).exists());
}
