//! A secret that sings when it is shown: in output, in the process table, in files, in a core.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::harness::{
    Bench, Invocation, Mode, Running, eventually, proc, requires_root_tests, skip,
};

/// What makes a good key of a song. Each test has a song of its own, because others leave theirs in
/// files meanwhile.
const TAIL: &str = "-Sings_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2yZ3aB4cD";

fn canary(song: &str) -> String {
    format!("{song}{TAIL}")
}

/// An env file's text with a canary in each of its values.
fn secrets(canary: &str) -> String {
    format!(
        "SECRET_KEY={canary}\nSECRET_KEY_FALLBACKS=Old{canary}\n\
         DATABASE_URL=postgres://site:{canary}@127.0.0.1/site\nTOKEN={canary}\n\
         LD_PRELOAD=/{canary}\nA='{canary} $x # y'\nTOKEN={canary}\n"
    )
}

/// That no process has it among its words.
#[track_caller]
fn in_no_command_line(song: &str) {
    for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        // It may be gone meanwhile.
        let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        assert!(
            !holds(&words, song),
            "{}: {}",
            entry.path().display(),
            String::from_utf8_lossy(&words)
        );
    }
}

/// That no file where temporary files are made has it, but those that a test wrote.
#[track_caller]
fn in_no_file_but(song: &str, written: &[&Path]) {
    for place in ["/tmp", "/var/tmp", "/dev/shm", "/run", "/srv/disk"] {
        for path in files_below(Path::new(place)) {
            let content = fs::read(&path).unwrap_or_default();
            let allowed = written.contains(&path.as_path());
            assert!(allowed || !holds(&content, song), "{} holds the canary", path.display());
        }
    }
}

fn files_below(place: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(place) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths
        .flat_map(|path| match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => files_below(&path),
            Ok(metadata) if metadata.is_file() => vec![path],
            Ok(_) | Err(_) => Vec::new(),
        })
        .collect()
}

fn holds(bytes: &[u8], song: &str) -> bool {
    bytes.windows(song.len()).any(|window| window == song.as_bytes())
}

#[test]
fn the_search_finds_what_is_there() {
    let bench = Bench::new();
    bench.file("found", canary("x Canary"), 0o600);
    assert!(holds(&fs::read(bench.path("found")).unwrap(), "Canary"));
    assert!(files_below(bench.dir()).contains(&bench.path("found")));
}

/// A server that is up, behind a supervisor that says all it can.
fn loudest<'a>(bench: &'a Bench, format: &str) -> Invocation<'a> {
    let run = bench.keybearer(["run", "-vvv", "--log-format", format, "--env-file"]);
    let run = run.arg(bench.path("site.env")).user_flags();
    run.args(["--", "/bin/sh", "-c", "echo ready; exec sleep 1000"])
}

fn up(invocation: Invocation<'_>) -> Running {
    let running = invocation.spawn();
    running.wait_for_stdout("ready");
    running
}

#[test]
fn run_at_its_loudest() {
    let song = "CanaryOfRun";
    for format in ["text", "json"] {
        let bench = Bench::new();
        let path = bench.env_file(&secrets(&canary(song)));
        let running = up(loudest(&bench, format));
        running.signal(Signal::SIGHUP);
        running.wait_for_line("nothing changed");
        in_no_command_line(song);
        in_no_file_but(song, &[&path]);

        bench.env_file(&secrets(&canary("Another_CanaryOfRun")));
        running.signal(Signal::SIGHUP);
        running.wait_for_line("SECRET_KEY changed");
        bench.env_file(&secrets(song));
        running.signal(Signal::SIGHUP);
        running.wait_for_line("SECRET_KEY: is shorter than 32 characters");
        in_no_file_but(song, &[&path]);

        running.signal(Signal::SIGTERM);
        let outcome = running.wait().expect_code(143).expect_nowhere(song);
        assert!(outcome.stderr.contains("LD_PRELOAD"), "{outcome:?}");
        if format == "json" {
            let is_object = |line: &str| line.starts_with('{') && line.ends_with('}');
            assert!(outcome.stderr.lines().all(is_object), "{outcome:?}");
        }
    }
}

#[test]
fn check_shows_fingerprints_alone() {
    let song = "CanaryOfCheck";
    let bench = Bench::new();
    let path = bench.env_file(&secrets(&canary(song)));
    for options in [&["-vvv"][..], &["--json"], &["-vvv", "--log-format", "json", "--json"]] {
        let check = bench.keybearer(["check"]).args(options).arg("--env-file").arg(&path);
        let check = check.user_flags().args(["--", "/usr/bin/env"]).run().expect_code(0);
        assert!(check.stdout.contains("fallback"), "{check:?}");
        check.expect_nowhere(song);
    }
    in_no_file_but(song, &[&path]);
}

const SONG: &str = "CanaryOfErrors";

/// Every way to break the secrets, through every command that reads them.
#[test]
fn errors_at_their_loudest() {
    let bench = Bench::new();
    let canary = canary(SONG);
    let long = canary.repeat(2_100);
    let good = secrets(&canary);
    for broken in [
        format!("SECRET_KEY={SONG}\n"),
        format!("SECRET_KEY=django-insecure-{canary}\n"),
        format!("SECRET_KEY={canary},{canary}\n"),
        format!("{good}SECRET_KEY_FALLBACKS='[\"{canary}\"]'\n"),
        format!("{good}DEBUG={canary}\n"),
        format!("{good}ALLOWED_HOSTS=*,{canary}:80\n"),
        format!("{good}CSRF_TRUSTED_ORIGINS={canary}\n"),
        format!("{good}SENTRY_DSN=https://{canary}\n"),
        format!("{good}DATABASE_URL={canary}\n"),
        format!("{good}DATABASE_URL=postgres://u:{canary}@h:{canary}/db\n"),
        format!("{good}DATABASE_URL=postgres://u:{canary}#@h/db\n"),
        format!("{good}DATABASE_URL={canary}://u:{canary}@h/db\n"),
        format!("{good}REDIS_URL=redis://:{canary}%@h\n"),
        format!("{good}DATABASE_URL=\nDB_NAME={canary}\n"),
        format!("{good}BIG={long}\n"),
        format!("{good}{canary}\n"),
        format!("{good}export {canary}\n"),
        format!("{good}{canary}.x=1\n"),
        format!("{good}B='{canary}\n"),
        format!("{good}B={canary}\0\n"),
        format!("{good}B={canary}\r\n"),
        format!("{good}B={canary}\\"),
        format!("\u{feff}{good}"),
    ] {
        let path = bench.env_file(&broken);
        everywhere_refused(&bench, &[Path::new("--env-file"), &path], 78, &broken);
    }

    let path = bench.path("site.env");
    fs::write(&path, [good.as_bytes(), b"B=\xff", canary.as_bytes()].concat()).unwrap();
    everywhere_refused(&bench, &[Path::new("--env-file"), &path], 78, "invalid UTF-8");
    let path = bench.file("open.env", &good, 0o644);
    everywhere_refused(&bench, &[Path::new("--env-file"), &path], 77, "mode 0644");

    // Where only rules and settings belong.
    let path = bench.env_file(&good);
    for schema in [
        format!("SECRET_KEY = \"{canary}\"\n"),
        format!("SECRET_KEY={canary}\n"),
        format!("[TOKEN]\ntype = \"{canary}\"\n"),
        format!("[TOKEN]\ntype = \"integer\"\ndefault = \"{canary}\"\n"),
        "[TOKEN]\ntype = \"enum\"\nvalues = [\"x\"]\n".to_owned(),
        "[TOKEN]\ntype = \"string\"\nlength = { max = 9 }\n".to_owned(),
        "[TOKEN]\ntype = \"regex\"\npattern = \"x+\"\n".to_owned(),
        format!("[TOKEN]\ntype = \"regex\"\npattern = \"({canary}\"\n"),
        "unlisted = \"refuse\"\n[TOKEN]\ntype = \"database-url\"\n".to_owned(),
    ] {
        let file = bench.schema(&schema);
        let options = [Path::new("--schema"), &file, Path::new("--env-file"), &path];
        everywhere_refused(&bench, &options, 78, &schema);
    }
    for config in [
        format!("SECRET_KEY = \"{canary}\"\n"),
        format!("SECRET_KEY={canary}\n"),
        format!("command = \"{canary}\"\n"),
        format!("[listen]\nsockets = [\"{canary}\"]\n"),
        format!("[environment]\nset = {{ \"A B\" = \"{canary}\" }}\n"),
        format!("[keys]\nencoding = \"{canary}\"\n"),
        format!("[[source]]\ntype = \"{canary}\"\n"),
    ] {
        let file = bench.config(&config);
        everywhere_refused(&bench, &[Path::new("--config"), &file], 78, &config);
    }
    in_no_file_but(
        SONG,
        &[
            &path,
            &bench.path("open.env"),
            &bench.path("keybearer.schema.toml"),
            &bench.path("site.toml"),
        ],
    );
}

#[track_caller]
fn everywhere_refused(bench: &Bench, options: &[&Path], code: i32, what: &str) {
    for command in [
        &["run", "-vvv"][..],
        &["run", "-vvv", "--log-format", "json"],
        &["exec", "-vvv"],
        &["check", "-vvv"],
        &["check", "--json"],
    ] {
        let outcome = bench.keybearer(command).args(options).user_flags();
        let outcome = outcome.args(["--", "/bin/true"]).run();
        assert_eq!(outcome.code, Some(code), "{command:?}: {what}\n{outcome:?}");
        outcome.expect_nowhere(SONG);
    }
}

#[test]
fn the_supervisor_was_never_given_it() {
    requires_root_tests!();
    let bench = Bench::new();
    bench.env_file(&secrets(&canary("Canary")));
    let running = up(loudest(&bench, "text"));
    for file in ["environ", "cmdline", "comm"] {
        let content = fs::read(format!("/proc/{}/{file}", running.pid())).unwrap();
        assert!(!holds(&content, "Canary"), "{file}");
    }
    // The server was. In the moment in which the shell becomes `sleep` there is nothing to read.
    let child = running.child_pid();
    eventually("an environment", || !proc::environ(child).is_empty());
    assert_eq!(proc::environ(child)["SECRET_KEY"], canary("Canary"));
}

/// PR_SET_DUMPABLE(2const): /proc/PID belongs to root then, also where the site has the same uid.
#[test]
fn the_site_cannot_look_into_the_supervisor() {
    requires_root_tests!();
    let bench = Bench::new();
    bench.env_file(&secrets(&canary("Canary")));
    let running = up(loudest(&bench, "text"));
    for file in ["environ", "mem", "maps"] {
        let path = format!("/proc/{}/{file}", running.pid());
        let cat = bench.program("/bin/cat").arg(&path).by_site().run().expect_code(1);
        cat.expect_stderr(&format!("/bin/cat: {path}: Permission denied"));
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"]);
}

#[test]
fn a_crash_leaves_no_core() {
    let bench = Bench::new();
    bench.env_file(&secrets(&canary("Canary")));
    let dir = match Mode::current().is_root() {
        true => bench.dir().to_owned(),
        false => bench.site_dir("home"),
    };
    let limit = ["/usr/bin/prlimit", "--core=unlimited"];
    // That a core would be found here.
    let before = files(&dir);
    let crash = bench.program("/bin/sh").args(["-c", "kill -SEGV $$"]).through(limit).cwd(&dir);
    assert_eq!(crash.run().signal, Some(Signal::SIGSEGV as i32));
    let cores: Vec<PathBuf> = files(&dir).difference(&before).cloned().collect();
    if cores.is_empty() {
        return skip("needs a kernel that writes cores into the working directory");
    }
    cores.iter().for_each(|core| fs::remove_file(core).unwrap());

    for signal in [Signal::SIGABRT, Signal::SIGILL, Signal::SIGSEGV, Signal::SIGBUS] {
        let running = up(loudest(&bench, "text").through(limit).cwd(&dir));
        running.signal(signal);
        // The standard library's handler of stack overflows takes the first one that no fault
        // follows, and is gone then.
        if matches!(signal, Signal::SIGSEGV | Signal::SIGBUS) {
            let caught = 1 << (signal as u64 - 1);
            eventually("its handler is gone", || {
                proc::Status::of(running.pid()).mask("SigCgt") & caught == 0
            });
            running.signal(signal);
        }
        let outcome = running.wait().expect_nowhere("Canary");
        assert_eq!(outcome.signal, Some(signal as i32), "{outcome:?}");
        assert_eq!(files(&dir), before);
    }
    // Nor may the server, whose environment would be in it.
    let exec = bench.keybearer(["exec", "--env-file"]).arg(bench.path("site.env")).user_flags();
    let exec = exec.args(["--", "/bin/sh", "-c", "kill -SEGV $$"]).through(limit).cwd(&dir);
    assert_eq!(exec.run().signal, Some(Signal::SIGSEGV as i32));
    assert_eq!(files(&dir), before);
}

fn files(dir: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}
