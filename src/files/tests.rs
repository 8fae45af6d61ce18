use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::scratch::{Scratch, is_root, set_mode};
use super::*;
use crate::exit::Exit;

const CANARY: &[u8] = b"A=canary-value\n";

fn refused(path: &Path, rule: Rule) -> (String, Exit) {
    match read(path, rule) {
        Ok(_) => panic!("{} was believed", path.display()),
        Err(refusal) => {
            let text = refusal.to_string();
            assert!(!format!("{text}{refusal:?}").contains("canary"), "{text}");
            (text, refusal.exit())
        }
    }
}

#[test]
fn an_env_file_is_believed_by_its_mode() {
    let scratch = Scratch::new();
    for mode in [0o640, 0o600, 0o440, 0o400] {
        let path = scratch.file("good.env", CANARY, mode);
        let contents = read(&path, Rule::EnvFile).expect("believed");
        assert_eq!(&contents.bytes[..], CANARY);
        assert!(contents.warnings.is_empty());
        fs::remove_file(path).expect("removed");
    }
    for (mode, words, mended) in [
        (0o644, "readable by everyone", 0o640),
        (0o604, "readable by everyone", 0o600),
        (0o660, "writable by its group", 0o640),
        (0o666, "readable and writable by everyone", 0o640),
        (0o664, "readable by everyone and writable by its group", 0o640),
    ] {
        let path = scratch.file("bad.env", CANARY, mode);
        let shown = path.display();
        assert_eq!(
            refused(&path, Rule::EnvFile),
            (
                format!(
                    "refusing '{shown}': {words} (mode {mode:04o}); run: chmod {mended:o} {shown}"
                ),
                Exit::Refused
            )
        );
    }
}

#[test]
fn settings_may_be_read_but_not_written() {
    let scratch = Scratch::new();
    let path = scratch.file("keybearer.toml", b"", 0o644);
    assert!(read(&path, Rule::Config).expect("believed").bytes.is_empty());
    for (mode, words) in [(0o664, "writable by its group"), (0o646, "writable by everyone")] {
        set_mode(&path, mode);
        let (text, exit) = refused(&path, Rule::Config);
        assert!(text.contains(&format!("{words} (mode {mode:04o}); run: chmod 644 ")), "{text}");
        assert_eq!(exit, Exit::Refused);
    }
}

#[test]
fn every_wrong_kind_has_its_word() {
    let scratch = Scratch::new();
    let target = scratch.file("target.env", CANARY, 0o600);
    let shown = |name: &str| format!("'{}'", scratch.path(name).display());

    symlink("target.env", scratch.path("link.env")).expect("a link");
    assert_eq!(
        refused(&scratch.path("link.env"), Rule::EnvFile),
        (
            format!(
                "refusing {}: a symbolic link; name its target: '{}'",
                shown("link.env"),
                target.display()
            ),
            Exit::Refused
        )
    );
    nix::unistd::mkfifo(&scratch.path("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let _socket = std::os::unix::net::UnixListener::bind(scratch.path("socket")).expect("a socket");
    scratch.directory("directory", 0o755);
    for (name, word) in
        [("fifo", "a named pipe"), ("socket", "a socket"), ("directory", "a directory")]
    {
        let text = format!("refusing {}: {word}, not a regular file", shown(name));
        assert_eq!(refused(&scratch.path(name), Rule::EnvFile), (text, Exit::Refused));
    }
    let (text, _) = refused(Path::new("/dev/null"), Rule::EnvFile);
    assert_eq!(text, "refusing '/dev/null': a character device, not a regular file");
    for path in ["/", "", "..", "/etc/passwd/"] {
        let (text, _) = refused(Path::new(path), Rule::EnvFile);
        assert_eq!(text, format!("refusing '{path}': a directory, not a regular file"));
    }
}

#[test]
fn what_is_not_there_is_a_mistake_in_the_configuration() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing.env");
    let text = format!("'{}' does not exist", missing.display());
    assert_eq!(refused(&missing, Rule::EnvFile), (text.clone(), Exit::Config));
    let (text, exit) = refused(&scratch.path("nowhere/missing.env"), Rule::EnvFile);
    assert!(text.ends_with(&format!("no directory '{}'", scratch.path("nowhere").display())));
    assert_eq!(exit, Exit::Config);
}

#[test]
fn a_file_past_the_limit_is_not_read() {
    let scratch = Scratch::new();
    let path = scratch.file("large.env", b"", 0o600);
    let file = fs::OpenOptions::new().write(true).open(&path).expect("opened");
    file.set_len(16 * 1024 * 1024).expect("a length");
    assert_eq!(read(&path, Rule::EnvFile).expect("believed").bytes.len(), 16 * 1024 * 1024);
    file.set_len(16 * 1024 * 1024 + 1).expect("a length");
    let (text, exit) = refused(&path, Rule::EnvFile);
    assert!(text.contains("16777217 bytes") && text.contains("16 MiB"), "{text}");
    assert_eq!(exit, Exit::Config);
}

#[test]
fn links_on_the_way_are_followed_by_hand() {
    let scratch = Scratch::new();
    scratch.directory("a", 0o755);
    scratch.directory("a/b", 0o755);
    scratch.file("a/b/x.env", CANARY, 0o600);
    symlink("a/b", scratch.path("relative")).expect("a link");
    symlink(scratch.path("relative"), scratch.path("absolute")).expect("a link");
    symlink("loop", scratch.path("loop")).expect("a link");
    for name in ["relative/x.env", "absolute/x.env", "absolute/../b/./x.env", "a/../a/b/x.env"] {
        assert!(read(&scratch.path(name), Rule::EnvFile).is_ok(), "{name}");
    }
    let (text, _) = refused(&scratch.path("loop/x.env"), Rule::EnvFile);
    assert!(text.ends_with("more than 40 symbolic links on the way"), "{text}");
}

#[test]
fn a_directory_that_anybody_may_write_is_refused_unless_sticky() {
    let scratch = Scratch::new();
    let open = scratch.directory("open", 0o777);
    scratch.directory("open/below", 0o755);
    let path = scratch.file("open/below/x.env", CANARY, 0o600);
    let (text, exit) = refused(&path, Rule::EnvFile);
    let (path_shown, open_shown) = (path.display(), open.display());
    assert_eq!(
        text,
        format!(
            "refusing '{path_shown}': directory '{open_shown}' is writable by everyone (mode 0777); run: chmod o-w {open_shown}"
        )
    );
    assert_eq!(exit, Exit::Refused);
    // By another way to the same place, too.
    symlink("open/below", scratch.path("detour")).expect("a link");
    assert!(refused(&scratch.path("detour/x.env"), Rule::Config).0.contains("chmod o-w"));
    set_mode(&open, 0o1777);
    assert!(read(&path, Rule::EnvFile).is_ok());
}

#[test]
fn a_second_name_counts_where_others_may_make_names() {
    let scratch = Scratch::new();
    let directory = scratch.directory("shared", 0o1777);
    let path = scratch.file("shared/x.env", CANARY, 0o600);
    fs::hard_link(&path, scratch.path("second")).expect("a second name");
    let (text, exit) = refused(&path, Rule::EnvFile);
    assert!(text.contains("2 names"), "{text}");
    assert_eq!(exit, Exit::Refused);
    set_mode(&directory, 0o755);
    assert!(read(&path, Rule::EnvFile).is_ok());
}

#[test]
fn owners_and_acls() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.file("x.env", CANARY, 0o640);
    let shown = path.display();
    chown(&path, Some(54321), None).expect("chown");
    assert_eq!(
        refused(&path, Rule::EnvFile).0,
        format!("refusing '{shown}': owned by uid 54321, not by root; run: chown root {shown}")
    );
    set_mode(&path, 0o644);
    assert_eq!(
        refused(&path, Rule::EnvFile).0,
        format!(
            "refusing '{shown}': owned by uid 54321, not by root, readable by everyone (mode 0644); run: chown root {shown} && chmod 640 {shown}"
        )
    );
    chown(&path, Some(0), None).expect("chown");
    set_mode(&path, 0o640);

    let foreign = scratch.directory("foreign", 0o755);
    let inside = scratch.file("foreign/x.env", CANARY, 0o600);
    chown(&foreign, Some(54321), None).expect("chown");
    let (text, _) = refused(&inside, Rule::EnvFile);
    assert!(text.contains("belongs to uid 54321, not to root; move the file, or run: chown root "));
    symlink(scratch.root(), scratch.path("link")).expect("a link");
    std::os::unix::fs::lchown(scratch.path("link"), Some(54321), None).expect("chown");
    let (text, _) = refused(&scratch.path("link/x.env"), Rule::EnvFile);
    assert!(text.contains("belongs to uid 54321; run: rm "), "{text}");

    let setfacl = |arguments: &[&str]| {
        Command::new("setfacl").args(arguments).arg(&path).status().is_ok_and(|s| s.success())
    };
    if !setfacl(&["-m", "u:54321:r"]) {
        eprintln!("SKIPPED: no setfacl, or a file system without ACLs");
        return;
    }
    assert_eq!(
        refused(&path, Rule::EnvFile).0,
        format!(
            "refusing '{shown}': an ACL opens it to other users or groups; run: setfacl -b {shown}"
        )
    );
    assert!(read(&path, Rule::Config).is_ok());
    assert!(setfacl(&["-m", "m::-"]));
    assert!(read(&path, Rule::EnvFile).is_ok());
    assert!(setfacl(&["-m", "g:54321:r,m::r"]));
    assert!(refused(&path, Rule::EnvFile).0.contains("setfacl -b"));
}

#[test]
fn a_block_device_is_not_opened() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path("device");
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    if mknod(&path, SFlag::S_IFBLK, Mode::S_IRUSR, makedev(7, 200)).is_err() {
        eprintln!("SKIPPED: mknod is not allowed here");
        return;
    }
    assert!(refused(&path, Rule::EnvFile).0.contains("a block device, not a regular file"));
}

#[test]
fn mounted_files_may_be_read_by_others_in_memory_only() {
    let on_disk = Scratch::new();
    if statfs_is_tmpfs(on_disk.root()) {
        eprintln!("SKIPPED: the temporary directory is a tmpfs");
    } else {
        let path = on_disk.file("token", CANARY, 0o444);
        let shown = path.display();
        assert_eq!(
            refused(&path, Rule::Mounted).0,
            format!(
                "refusing '{shown}': readable by everyone (mode 0444), and not on a tmpfs; run: chmod 440 {shown}"
            )
        );
        set_mode(&path, 0o440);
        assert!(read(&path, Rule::Mounted).expect("believed").warnings.is_empty());
    }
    let Some(scratch) = Scratch::in_memory() else {
        return;
    };
    let path = scratch.file("token", CANARY, 0o444);
    let warnings = read(&path, Rule::Mounted).expect("believed").warnings;
    let shown = path.display();
    assert_eq!(warnings, [format!("'{shown}' is readable by others, accepted on a tmpfs only")]);
    set_mode(&path, 0o446);
    let (text, exit) = refused(&path, Rule::Mounted);
    assert!(
        text.contains("readable and writable by everyone") || text.contains("writable by everyone")
    );
    assert!(!text.contains("tmpfs"), "{text}");
    assert_eq!(exit, Exit::Refused);
}

fn statfs_is_tmpfs(path: &Path) -> bool {
    use nix::sys::statfs::{TMPFS_MAGIC, statfs};
    statfs(path).is_ok_and(|s| s.filesystem_type() == TMPFS_MAGIC)
}

/// As another user: a process has one uid, so it is another process, this test's own executable.
#[test]
fn what_may_not_be_read_names_the_group() {
    if !is_root() {
        return;
    }
    let scratch = Scratch::new();
    scratch.file("group.env", CANARY, 0o640);
    scratch.file("owner.env", CANARY, 0o600);
    scratch.directory("closed", 0o710);
    scratch.file("closed/x.env", CANARY, 0o640);
    for (name, what, mend) in [
        (
            "group.env",
            "may not read it (owner 'root', group 'root', mode 0640)",
            "SupplementaryGroups=root",
        ),
        ("owner.env", "may not read it", "SupplementaryGroups=root and run: chmod g+r /"),
        ("closed/x.env", "may not enter directory '/", "SupplementaryGroups=root"),
    ] {
        let output = Command::new("/proc/self/exe")
            .args(["--exact", "files::tests::read_as_somebody", "--ignored", "--nocapture"])
            .env("KEYBEARER_TEST_PATH", scratch.path(name))
            .uid(54321)
            .gid(54321)
            .output()
            .expect("this test's own executable");
        let text = String::from_utf8_lossy(&output.stdout);
        let start =
            format!("Refused: refusing '{}': uid 54321 {what}", scratch.path(name).display());
        assert!(text.contains(&start) && text.contains(mend), "{name}: {text}");
        assert!(!text.contains("canary"));
    }
}

#[test]
#[ignore = "run by the test above, as another user"]
#[allow(clippy::print_stdout)]
fn read_as_somebody() {
    let Some(path) = std::env::var_os("KEYBEARER_TEST_PATH") else {
        return;
    };
    let refusal = read(Path::new(&path), Rule::EnvFile).expect_err("refused");
    println!("{:?}: {refusal}", refusal.exit());
}

#[test]
fn the_projected_set_is_resolved_once() {
    let Some(scratch) = Scratch::in_memory() else {
        return;
    };
    let top = scratch.projected(&[("A", b"old"), ("B", b"old")]);
    let directory = Directory::open(&top).expect("believed");
    assert_eq!(directory.list().expect("listed").files, ["A", "B"]);
    assert_eq!(&directory.read("A".as_ref()).expect("read")[..], b"old");

    // What the kubelet does at an update.
    fs::create_dir(top.join("..2026_2")).expect("a new set");
    for name in ["A", "B"] {
        fs::write(top.join("..2026_2").join(name), "new").expect("a file");
    }
    symlink("..2026_2", top.join("..data_tmp")).expect("a link");
    fs::rename(top.join("..data_tmp"), top.join("..data")).expect("swung");
    assert_eq!(&directory.read("B".as_ref()).expect("read")[..], b"old");
    let directory = Directory::open(&top).expect("believed");
    assert_eq!(&directory.read("B".as_ref()).expect("read")[..], b"new");
    assert_eq!(directory.warnings().len(), 1);
}

#[test]
fn no_link_leads_out_of_a_directory() {
    let scratch = Scratch::new();
    let outside = scratch.directory("outside", 0o755);
    scratch.file("outside/A", CANARY, 0o600);
    let top = scratch.directory("top", 0o755);
    symlink("..data/A", top.join("A")).expect("a link");
    symlink("../outside/A", top.join("B")).expect("a link");
    for target in [outside.as_path(), Path::new("../outside")] {
        symlink(target, top.join("..data")).expect("a link");
        let error = Directory::open(&top).expect_err("refused");
        assert!(error.to_string().contains("a symbolic link out of its directory"), "{error}");
        fs::remove_file(top.join("..data")).expect("removed");
    }
    let directory = Directory::open(&top).expect("believed");
    for name in ["A", "B"] {
        let error = directory.read(name.as_ref()).expect_err("refused");
        assert!(error.to_string().contains("a symbolic link; name its target"), "{error}");
    }
}

#[test]
fn without_openat2_the_link_is_checked_by_hand() {
    let scratch = Scratch::new();
    let top = scratch.projected(&[("A", b"x")]);
    let here = walk::directory(&top, &top, owner::Owners::STRICT).expect("believed");
    let found = directory::data_by_hand(&here, &top.join("..data"), &top).expect("believed");
    assert_eq!(found.path, top.join("..2026_1"));
    for target in ["/etc", "../projected", "..", ".", "..data"] {
        fs::remove_file(top.join("..data")).expect("removed");
        symlink(target, top.join("..data")).expect("a link");
        let result = directory::data_by_hand(&here, &top.join("..data"), &top);
        assert!(result.is_err(), "{target}");
    }
}
