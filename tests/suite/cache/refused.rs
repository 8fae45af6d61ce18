//! A cache that is not believed: the exit code is that of the store, and a line says why.

use std::os::unix::fs::{PermissionsExt, chown};

use sha2::{Digest, Sha256};

use super::{CACHE, KEY, PASSWORD, Setting, ends, place};
use crate::harness::{Bench, Mode, requires_root_tests};

/// A store that is away, and a cache of it.
fn away(bench: &Bench) -> Option<Setting<'_>> {
    let setting = Setting::new(bench)?;
    ends(setting.serving());
    setting.is_away();
    Some(setting)
}

#[track_caller]
fn refuses(setting: &Setting<'_>, why: &str) {
    for words in [&["run"][..], &["exec", "--", "/bin/true"]] {
        let words: Vec<&str> = words.to_vec();
        let (command, rest) = words.split_first().unwrap();
        let outcome = setting.keybearer(&[command]).args(rest).run().expect_code(75);
        let file = setting.file().display().to_string();
        let line = why.replace("{file}", &file);
        assert!(
            outcome.stderr.lines().any(|said| said.ends_with(&line)),
            "{}\n{line}",
            outcome.stderr
        );
        outcome
            .expect_stderr_contains("Vault 'secret/example/prod'")
            .expect_nowhere("STALE")
            .expect_nowhere(KEY)
            .expect_nowhere(PASSWORD);
    }
}

/// Its content changed by the hour: the file says of itself how it is written.
fn aged(setting: &Setting<'_>, by: i64) {
    let whole = std::fs::read(setting.file()).unwrap();
    let (head, rest) = whole.split_at(b"keybearer cache 1\n".len());
    let mut message = rest[32..].to_vec();
    // The version, how many, the identity with its length, and then the time.
    let at = 8 + 8 + 8 + 64;
    let time = i64::from_be_bytes(message[at..at + 8].try_into().unwrap()) + by;
    message[at..at + 8].copy_from_slice(&time.to_be_bytes());
    let digest = Sha256::digest(&message);
    std::fs::write(setting.file(), [head, &digest[..], &message[..]].concat()).unwrap();
}

#[test]
fn too_old_and_from_the_future() {
    let bench = Bench::new();
    let Some(setting) = away(&bench) else { return };
    aged(&setting, -3601);
    let outcome = setting.exec().run().expect_code(75);
    outcome
        .expect_stderr_contains("not using the cache '")
        .expect_stderr_contains("Z, and [cache] max-age is 3600s")
        .expect_nowhere(KEY);
    aged(&setting, 2 * 3600);
    let outcome = setting.exec().run().expect_code(75);
    outcome.expect_stderr_contains(": it is from the future (20").expect_nowhere(KEY);
    // Its own time again.
    aged(&setting, 1 - 3600);
    setting.exec().run().expect_code(0);
}

#[test]
fn cut_short_or_changed() {
    let bench = Bench::new();
    let Some(setting) = away(&bench) else { return };
    let whole = std::fs::read(setting.file()).unwrap();
    let broken = "not using the cache: '{file}' is cut short or broken; run: rm {file}";
    std::fs::write(setting.file(), &whole[..whole.len() - 1]).unwrap();
    refuses(&setting, broken);
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(setting.file(), changed).unwrap();
    refuses(&setting, broken);
    std::fs::write(setting.file(), "").unwrap();
    refuses(&setting, broken);
    std::fs::write(setting.file(), whole).unwrap();
    setting.exec().run().expect_code(0);
}

#[test]
fn open_to_others() {
    let bench = Bench::new();
    let Some(setting) = away(&bench) else { return };
    std::fs::set_permissions(setting.file(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let outcome = setting.exec().run().expect_code(75);
    outcome.expect_stderr_contains("not using the cache: refusing '").expect_nowhere(KEY);
    std::fs::set_permissions(setting.file(), std::fs::Permissions::from_mode(0o604)).unwrap();
    refuses(
        &setting,
        "not using the cache: refusing '{file}': readable by everyone (mode 0604); run: chmod 600 {file}",
    );
}

#[test]
fn of_another_user() {
    requires_root_tests!();
    let bench = Bench::new();
    let Some(setting) = away(&bench) else { return };
    let other = nix::unistd::User::from_name("kbother").unwrap().unwrap();
    chown(setting.file(), Some(other.uid.as_raw()), None).unwrap();
    let user = if Mode::current().is_root() { "root" } else { &bench.site().name };
    refuses(
        &setting,
        &format!(
            "not using the cache: refusing '{{file}}': owned by 'kbother', not by '{user}'; run: rm {{file}}"
        ),
    );
}

#[test]
fn of_another_source() {
    let bench = Bench::new();
    let Some(setting) = away(&bench) else { return };
    setting.config_of("example/other", CACHE);
    let outcome = setting.exec().run().expect_code(75);
    outcome
        .expect_stderr_contains(
            ": it holds nothing of Vault 'secret/example/other' as it is configured now",
        )
        .expect_nowhere(KEY);
    // Nor in another namespace.
    setting.config(CACHE);
    setting.exec().run().expect_code(0);
}

#[test]
fn on_a_disk() {
    let Some(bench) = Bench::on_disk() else { return };
    let Some(setting) = Setting::new(&bench) else { return };
    let directory = place(&bench);
    setting.config(&format!("{CACHE}directory = {directory:?}\n"));
    // It serves all the same, and nothing is written.
    let running = setting.serving();
    running.wait_for_line(
        "not on a tmpfs, and no secret of a store goes to a disk; mount one there, or name a directory on one",
    );
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    ends(running);

    // Nor is what somebody has put there believed.
    let name = format!("{}.cache", bench.name());
    bench.file(&format!("kept/{name}"), "canary", 0o600);
    setting.is_away();
    let outcome = setting.exec().run().expect_code(75);
    outcome
        .expect_stderr_contains("not using the cache: refusing '{dir}/kept/")
        .expect_stderr_contains(": not on a tmpfs, ");
}
