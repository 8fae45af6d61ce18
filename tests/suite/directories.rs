//! Secrets that a platform mounted, one file each: Docker's and Kubernetes' defaults, and what is
//! refused.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Bench, KEY, Outcome};

const OPEN: &str = "keybearer: warning: files in '{dir}/secrets' are readable by others, accepted \
                    on a tmpfs only";

/// A config whose only source is the directory `secrets`, and a schema that asks for little.
fn config(bench: &Bench, more: &str) -> PathBuf {
    bench.schema("unlisted = \"pass\"\n[SECRET_KEY]\ntype = \"django-secret-key\"\n");
    bench.config(&format!(
        "schema = \"{{dir}}/keybearer.schema.toml\"\n\
         [[source]]\ntype = \"directory\"\npath = \"{{dir}}/secrets\"\n{more}\n"
    ))
}

fn exec(bench: &Bench) -> Outcome {
    bench.exec([Path::new("--config"), &config(bench, "")]).run()
}

/// Made by whoever runs the tests, as the platform's root would.
fn directory(bench: &Bench, name: &str, mode: u32) -> PathBuf {
    let path = bench.path(name);
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// The swarm: /run/secrets, files 0444.
fn docker(bench: &Bench) {
    directory(bench, "secrets", 0o755);
    bench.file("secrets/SECRET_KEY", KEY, 0o444);
    bench.file("secrets/DATABASE_URL", "sqlite:////srv/db\n", 0o444);
}

/// A projected volume: `NAME -> ..data/NAME`, `..data -> ..2026_11_21_00_00_00.1`, files 0644.
fn kubernetes(bench: &Bench) {
    directory(bench, "secrets", 0o1777);
    directory(bench, "secrets/..2026_11_21_00_00_00.1", 0o755);
    bench.file("secrets/..2026_11_21_00_00_00.1/SECRET_KEY", KEY, 0o644);
    symlink("..2026_11_21_00_00_00.1", bench.path("secrets/..data")).unwrap();
    symlink("..data/SECRET_KEY", bench.path("secrets/SECRET_KEY")).unwrap();
}

#[test]
fn docker_swarms_default_on_a_tmpfs() {
    let Some(bench) = Bench::in_memory() else { return };
    docker(&bench);
    let environment = exec(&bench).expect_stderr(OPEN).environment();
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["DATABASE_URL"], "sqlite:////srv/db");
}

#[test]
fn kubernetes_default_on_a_tmpfs() {
    let Some(bench) = Bench::in_memory() else { return };
    kubernetes(&bench);
    let environment = exec(&bench).expect_stderr(OPEN).environment();
    assert_eq!(environment["SECRET_KEY"], KEY);
}

#[test]
fn closed_files_are_read_without_a_word() {
    for bench in [Bench::in_memory(), Bench::on_disk()].into_iter().flatten() {
        directory(&bench, "secrets", 0o755);
        bench.file("secrets/SECRET_KEY", KEY, 0o400);
        assert_eq!(exec(&bench).expect_stderr("").environment()["SECRET_KEY"], KEY);
    }
}

#[test]
fn open_files_on_a_disk() {
    let Some(bench) = Bench::on_disk() else { return };
    docker(&bench);
    let refusal = "keybearer: refusing '{dir}/secrets/DATABASE_URL': readable by everyone \
                   (mode 0444), and not on a tmpfs; run: chmod 440 {dir}/secrets/DATABASE_URL";
    exec(&bench).expect_refusal(77, refusal);

    let Some(bench) = Bench::on_disk() else { return };
    kubernetes(&bench);
    let refusal = "keybearer: refusing '{dir}/secrets/SECRET_KEY': readable by everyone \
                   (mode 0644), and not on a tmpfs; run: chmod 640 {dir}/secrets/SECRET_KEY";
    exec(&bench).expect_refusal(77, refusal);
}

#[test]
fn write_for_others_is_refused_everywhere() {
    for bench in [Bench::in_memory(), Bench::on_disk()].into_iter().flatten() {
        directory(&bench, "secrets", 0o755);
        for (mode, what, mend) in [
            (0o620, "writable by its group (mode 0620)", "600"),
            (0o602, "writable by everyone (mode 0602)", "600"),
        ] {
            bench.file("secrets/SECRET_KEY", KEY, mode);
            let refusal = format!(
                "keybearer: refusing '{{dir}}/secrets/SECRET_KEY': {what}; \
                 run: chmod {mend} {{dir}}/secrets/SECRET_KEY"
            );
            exec(&bench).expect_refusal(77, &refusal);
        }
    }
    let Some(bench) = Bench::in_memory() else { return };
    directory(&bench, "secrets", 0o755);
    bench.file("secrets/SECRET_KEY", KEY, 0o664);
    let refusal = "keybearer: refusing '{dir}/secrets/SECRET_KEY': writable by its group \
                   (mode 0664); run: chmod 644 {dir}/secrets/SECRET_KEY";
    exec(&bench).expect_refusal(77, refusal);
}

#[test]
fn a_directory_that_anybody_may_write() {
    let bench = Bench::new();
    docker(&bench);
    fs::set_permissions(bench.path("secrets"), Permissions::from_mode(0o777)).unwrap();
    let refusal = "keybearer: refusing '{dir}/secrets': directory '{dir}/secrets' is writable by \
                   everyone (mode 0777); run: chmod o-w {dir}/secrets";
    exec(&bench).expect_refusal(77, refusal);
}

#[test]
fn data_that_leads_out_of_the_directory() {
    let bench = Bench::new();
    directory(&bench, "elsewhere", 0o755);
    bench.file("elsewhere/SECRET_KEY", KEY, 0o600);
    directory(&bench, "secrets", 0o755);
    symlink("..data/SECRET_KEY", bench.path("secrets/SECRET_KEY")).unwrap();
    let absolute = bench.path("elsewhere");
    for target in ["../elsewhere".as_ref(), absolute.as_path(), "../secrets/../elsewhere".as_ref()]
    {
        symlink(target, bench.path("secrets/..data")).unwrap();
        let refusal = "keybearer: refusing '{dir}/secrets/..data': a symbolic link out of its \
                       directory; run: rm {dir}/secrets/..data";
        exec(&bench).expect_refusal(77, refusal);
        fs::remove_file(bench.path("secrets/..data")).unwrap();
    }
}

#[test]
fn links_other_than_kubernetes_own() {
    let bench = Bench::new();
    directory(&bench, "elsewhere", 0o755);
    bench.file("elsewhere/SECRET_KEY", KEY, 0o600);
    bench.file("elsewhere/other", KEY, 0o600);
    kubernetes(&bench);
    let link = bench.path("secrets/SECRET_KEY");
    for (target, shown) in [
        ("../elsewhere/SECRET_KEY", "{dir}/secrets/../elsewhere/SECRET_KEY"),
        ("..data/../../elsewhere/SECRET_KEY", "{dir}/secrets/..data/../../elsewhere/SECRET_KEY"),
        ("..2026_11_21_00_00_00.1/SECRET_KEY", "{dir}/secrets/..2026_11_21_00_00_00.1/SECRET_KEY"),
    ] {
        fs::remove_file(&link).unwrap();
        symlink(target, &link).unwrap();
        let refusal = format!(
            "keybearer: refusing '{{dir}}/secrets/SECRET_KEY': a symbolic link; \
             name its target: '{shown}'"
        );
        exec(&bench).expect_refusal(77, &refusal);
    }
    // Through `..data`, and there a link again.
    fs::remove_file(&link).unwrap();
    symlink("..data/SECRET_KEY", &link).unwrap();
    let inner = bench.path("secrets/..data/SECRET_KEY");
    fs::remove_file(&inner).unwrap();
    symlink(bench.path("elsewhere/SECRET_KEY"), &inner).unwrap();
    let refusal = "keybearer: refusing '{dir}/secrets/SECRET_KEY': a symbolic link; \
                   name its target: '{dir}/elsewhere/SECRET_KEY'";
    exec(&bench).expect_refusal(77, refusal);
}

/// The kubelet changes the whole set by one rename, and what is read is of one set.
#[test]
fn a_set_of_files_that_is_exchanged_while_it_is_read() {
    let bench = Bench::new();
    directory(&bench, "secrets", 0o755);
    let names = ["A", "B", "C", "D"];
    for set in ["one", "two"] {
        directory(&bench, &format!("secrets/..{set}"), 0o755);
        bench.file(&format!("secrets/..{set}/SECRET_KEY"), KEY, 0o600);
        for name in names {
            bench.file(&format!("secrets/..{set}/{name}"), set, 0o600);
        }
    }
    for name in names.into_iter().chain(["SECRET_KEY"]) {
        symlink(format!("..data/{name}"), bench.path("secrets").join(name)).unwrap();
    }
    symlink("..one", bench.path("secrets/..data")).unwrap();

    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                for set in ["..two", "..one"] {
                    symlink(set, bench.path("secrets/..data_tmp")).unwrap();
                    let (new, data) = ("secrets/..data_tmp", "secrets/..data");
                    fs::rename(bench.path(new), bench.path(data)).unwrap();
                }
            }
        });
        let result = std::panic::catch_unwind(|| {
            for _ in 0..60 {
                let environment = exec(&bench).environment();
                let read = names.map(|name| environment[name].clone());
                assert!(read.iter().all(|value| *value == read[0]), "{read:?}");
            }
        });
        enough.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn what_a_file_may_hold() {
    let bench = Bench::new();
    directory(&bench, "secrets", 0o755);
    bench.file("secrets/SECRET_KEY", format!("{KEY}\r\n"), 0o600);
    for (name, content) in [("TWO", "one\ntwo\n\n"), ("SPACES", "  x  "), ("EMPTY", "")] {
        bench.file(&format!("secrets/{name}"), content, 0o600);
    }
    let environment = exec(&bench).expect_stderr("").environment();
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["TWO"], "one\ntwo\n");
    assert_eq!((environment["SPACES"].as_str(), environment["EMPTY"].as_str()), ("  x  ", ""));

    let from = "keybearer: directory '{dir}/secrets': BAD";
    for (content, why) in [
        (&b"a\0b"[..], "holds a NUL byte, which no environment variable can carry"),
        (b"caf\xe9", "is not valid UTF-8; encode it (base64, for instance) where it is written"),
    ] {
        bench.file("secrets/BAD", content, 0o600);
        exec(&bench).expect_refusal(78, &format!("{from} {why}"));
    }
    bench.file("secrets/BAD", "x".repeat(131_068), 0o600);
    let why = "is 131072 bytes long with its name, and the kernel takes 131071 (execve(2)); \
               keep it in a file and name that instead";
    exec(&bench).expect_refusal(78, &format!("{from} {why}"));
    bench.file("secrets/BAD", "x".repeat(131_067), 0o600);
    assert_eq!(exec(&bench).environment()["BAD"].len(), 131_067);
}

#[test]
fn names_that_are_no_variables() {
    let bench = Bench::new();
    docker(&bench);
    bench.file("secrets/api-key", "x", 0o600);
    bench.file("secrets/.hidden", "x", 0o666);
    directory(&bench, "secrets/sub", 0o755);
    let refusal = "keybearer: directory '{dir}/secrets' holds 'api-key', which is no variable \
        name; give it one with rename = { NAME = \"api-key\" }, or leave it out with only = [...]";
    exec(&bench).expect_refusal(78, refusal);

    let renamed = config(&bench, "rename = { API_KEY = \"api-key\" }");
    let outcome = bench.exec([Path::new("--config"), &renamed]).run();
    let skipped = "keybearer: warning: directory '{dir}/secrets': the directory \
                   '{dir}/secrets/sub' is skipped\n";
    assert_eq!(outcome.expect_stderr_contains(skipped).environment()["API_KEY"], "x");

    let only = config(&bench, "only = [\"SECRET_KEY\"]");
    let environment = bench.exec([Path::new("--config"), &only]).run().environment();
    assert!(environment.contains_key("SECRET_KEY") && !environment.contains_key("DATABASE_URL"));
}

#[test]
fn a_directory_that_is_not_there_or_none() {
    let bench = Bench::new();
    exec(&bench).expect_refusal(78, "keybearer: '{dir}/secrets' does not exist");
    bench.file("secrets", KEY, 0o600);
    let refusal = "keybearer: refusing '{dir}/secrets': a regular file, not a directory";
    exec(&bench).expect_refusal(77, refusal);
}
