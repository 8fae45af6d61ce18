//! What a newcomer begins with.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use crate::harness::{Bench, Mode, keybearer};

/// A directory that whoever keybearer runs as may write to.
fn writable(bench: &Bench) -> std::path::PathBuf {
    match Mode::current().is_root() {
        true => bench.dir().to_owned(),
        false => bench.site_dir("home"),
    }
}

#[test]
fn a_key_is_64_characters_that_are_safe_everywhere() {
    let bench = Bench::new();
    let mut keys = BTreeSet::new();
    let mut characters = BTreeSet::new();
    for _ in 0..20 {
        let outcome = bench.keybearer(["key"]).run().expect_code(0).expect_stderr("");
        let key = outcome.stdout.strip_suffix('\n').expect("one line").to_owned();
        assert_eq!(key.len(), 64);
        assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)), "{key}");
        characters.extend(key.chars());
        assert!(keys.insert(key));
    }
    // Of 1,280 draws none misses one of 64 but once in ten million runs.
    assert_eq!(characters.len(), 64);
}

#[test]
fn a_key_that_could_not_be_printed_is_an_error() {
    let bench = Bench::new();
    let shell = bench.program("/bin/sh").args(["-c", "exec \"$0\" key >/dev/full"]);
    let keybearer = keybearer();
    let outcome = shell.arg(keybearer).run();
    let line = "keybearer: cannot write to standard output: no storage space";
    outcome.expect_refusal(1, line);
}

#[test]
fn init_makes_what_check_accepts() {
    let bench = Bench::new();
    let dir = writable(&bench).join("starter");
    let user = bench.site().name.clone();
    let init = bench.keybearer(["init", "--user", &user, "--name", "site"]).arg(&dir);
    let said = init.run();
    if Mode::current() == Mode::Three {
        // Without CHOWN no file can get the site's group, and one without it would be of no use.
        let line = "keybearer: cannot make '{dir}/starter/site.env': permission denied";
        said.expect_refusal(77, line);
        assert!(!dir.exists());
        return;
    }
    let said = said.expect_code(0).expect_stderr("");
    let name = |name: &str| dir.join(name);
    let shown = said.stdout.replace(dir.to_str().unwrap(), "DIR");
    assert_eq!(
        shown,
        "made 'DIR/site.toml', 'DIR/site.schema.toml' and 'DIR/site.env' with a fresh key\n\n\
         Put the server's command into the first, then:\n\n    \
         keybearer check --config DIR/site.toml\n    \
         keybearer run --config DIR/site.toml\n"
    );

    let owner = if Mode::current().is_root() { 0 } else { bench.site().uid };
    for (file, mode, group) in [
        ("site.toml", 0o644, None),
        ("site.schema.toml", 0o644, None),
        ("site.env", 0o640, Some(bench.site().gid)),
    ] {
        let metadata = fs::metadata(name(file)).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (mode, owner), "{file}");
        assert!(group.is_none_or(|group| group == metadata.gid()), "{file}");
    }
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o7777, 0o755);

    let text = fs::read_to_string(name("site.env")).unwrap();
    let key = text.lines().find_map(|line| line.strip_prefix("SECRET_KEY=")).unwrap().to_owned();
    assert_eq!(key.len(), 64);
    said.expect_nowhere(&key);

    // As it is, and with its command: no error, and nothing of the key.
    let config = name("site.toml");
    let check = || bench.keybearer(["check", "--config"]).arg(&config).run();
    let outcome = check().expect_code(0).expect_nowhere(&key).expect_stderr("");
    assert!(outcome.stdout.contains("no command given, so none was looked for"), "{outcome:?}");
    let text = fs::read_to_string(&config).unwrap();
    let command = text.lines().find(|line| line.starts_with("#command")).unwrap();
    let text = text.replace(command, "command = [\"/usr/bin/env\", \"-0\"]");
    fs::write(&config, text).unwrap();
    let outcome = check().expect_code(0).expect_nowhere(&key);
    assert!(outcome.stdout.contains("can execute '/usr/bin/env'\n"), "{outcome:?}");
    assert!(outcome.stdout.contains("0 errors, "), "{outcome:?}");

    let environment = bench.keybearer(["exec", "--config"]).arg(&config).run().environment();
    assert_eq!((&environment["SECRET_KEY"], &environment["SECRET_KEY_FALLBACKS"]), (&key, &key));
    assert_eq!(environment["DEBUG"], "False");
}

#[test]
fn nothing_is_overwritten() {
    let bench = Bench::new();
    let dir = writable(&bench);
    let init = |name: &str| bench.keybearer(["init", "--name", name]).arg(&dir).run();
    init("site").expect_code(0);
    let before: Vec<Vec<u8>> = files(&dir).iter().map(|path| fs::read(path).unwrap()).collect();
    let there = |file: &Path| {
        let file = file.display().to_string().replace(bench.dir().to_str().unwrap(), "{dir}");
        format!(
            "keybearer: '{file}' is there already, and nothing is overwritten; give another \
             directory or --name"
        )
    };
    init("site").expect_refusal(1, &there(&dir.join("site.toml")));
    // A link in the way is neither followed nor replaced.
    symlink("elsewhere", dir.join("other.env")).unwrap();
    init("other").expect_refusal(1, &there(&dir.join("other.env")));
    fs::remove_file(dir.join("other.env")).unwrap();
    let after: Vec<Vec<u8>> = files(&dir).iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!((before.len(), before), (3, after));

    // Beside it there is room for another.
    init("second").expect_code(0);
    assert_eq!(files(&dir).len(), 6);
}

fn files(dir: &Path) -> BTreeSet<std::path::PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn where_init_cannot_write() {
    let bench = Bench::new();
    let line = "keybearer: '{dir}/no' is missing; run: mkdir -p {dir}/no";
    bench.keybearer(["init"]).arg(bench.path("no/dir")).run().expect_refusal(1, line);
    bench.file("file", "", 0o644);
    let line = "keybearer: '{dir}/file' is no directory";
    bench.keybearer(["init"]).arg(bench.path("file")).run().expect_refusal(1, line);
    if Mode::current() == Mode::User && nix::unistd::geteuid().is_root() {
        let line = "keybearer: cannot make '{dir}/new': permission denied";
        bench.keybearer(["init"]).arg(bench.path("new")).run().expect_refusal(77, line);
    }
}
