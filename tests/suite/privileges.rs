//! What the kernel says of every process of a site, after exec, and of the supervisor.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use nix::unistd::{Group, Pid, geteuid};

use crate::harness::proc::{self, Status};
use crate::harness::{
    Bench, Invocation, KEY, Mode, NotifySocket, Running, eventually, free_port, requires_root, venv,
};

/// capability(7): KILL is 5, SETGID 6, SETUID 7.
const THREE: u64 = 0b1110_0000;

/// Everything that a child must not get: signals ignored and blocked, open descriptors, an umask, a
/// core limit, a directory; then it becomes the program.
const HOSTILE_PARENT: &str = r#"
import os, resource, signal, sys
for number in [signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1,
               signal.SIGTSTP, signal.SIGALRM, signal.SIGRTMIN]:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
for number in (3, 4, 9, 200):
    os.dup2(os.open("/etc/hostname", os.O_RDONLY), number, inheritable=True)
os.umask(0o111)
resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)[1:] * 2)
os.execv(sys.argv[1], sys.argv[1:])
"#;

fn by_hostile_parent(invocation: Invocation<'_>) -> Invocation<'_> {
    invocation.through(["/usr/bin/python3", "-ISc", HOSTILE_PARENT])
}

/// Programs that report on themselves. No shell: dash blocks signals while it waits for a program.
/// The fourth descriptor of ls is the directory that it reads.
const REPORTERS: [&[&str]; 3] = [
    &["/bin/cat", "/proc/self/status", "/proc/self/limits"],
    &["/bin/readlink", "/proc/self/cwd"],
    &["/bin/ls", "-m", "/proc/self/fd"],
];

fn groups_of_site(bench: &Bench, group: u32) -> Vec<u32> {
    if !Mode::current().is_root() {
        // What keybearer had itself; the tests start it with none.
        return Status::of(Pid::this())
            .ids("Groups")
            .into_iter()
            .filter(|_| !geteuid().is_root())
            .collect();
    }
    let extra = Group::from_name("kbextra").unwrap().filter(|_| bench.site().name == "kbsite");
    let mut groups = vec![group];
    groups.extend(extra.map(|group| group.gid.as_raw()));
    groups.sort_unstable();
    groups
}

#[track_caller]
fn is_the_sites(status: &Status, bench: &Bench) {
    let site = bench.site();
    assert_eq!(status.ids("Uid"), [site.uid; 4]);
    assert_eq!(status.ids("Gid"), [site.gid; 4]);
    let mut groups = status.ids("Groups");
    groups.sort_unstable();
    assert_eq!(groups, groups_of_site(bench, site.gid));
    is_without_power(status);
}

#[track_caller]
fn is_without_power(status: &Status) {
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status.mask(set), 0, "{set}");
    }
    match Mode::current() {
        Mode::Root => assert_eq!(status.mask("CapBnd"), 0),
        // To empty it takes SETPCAP; no_new_privs makes it powerless all the same.
        Mode::Three => assert_eq!(status.mask("CapBnd"), THREE),
        Mode::User => (),
    }
    assert_eq!(status.field("NoNewPrivs"), "1");
    assert_eq!(status.mask("SigBlk"), 0);
}

#[track_caller]
fn has_no_core(limits: &str) {
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(line.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{line}");
}

/// What the reporters said, one after another.
#[track_caller]
fn is_clean(report: &str, bench: &Bench, umask: &str, directory: &str) {
    let status = Status::parse(report);
    is_the_sites(&status, bench);
    assert_eq!(status.mask("SigIgn"), 0);
    assert_eq!(status.field("Umask"), umask);
    has_no_core(report);
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines[lines.len() - 2..], [directory, "0, 1, 2, 3"]);
}

#[track_caller]
fn report<'a>(keybearer: impl Fn() -> Invocation<'a>) -> String {
    let report = |command: &&[&str]| {
        let keybearer = by_hostile_parent(keybearer().arg("--").args(*command));
        keybearer.run().expect_code(0).stdout
    };
    REPORTERS.iter().map(report).collect()
}

#[test]
fn the_server_starts_clean_whatever_its_parent_left() {
    let bench = Bench::new();
    let config = "umask = \"0027\"\ndirectory = \"/usr/share\"\n";
    let report = report(|| bench.with_config("run", config));
    is_clean(&report, &bench, "0027", "/usr/share");
}

#[test]
fn a_command_of_exec_starts_clean_whatever_its_parent_left() {
    let bench = Bench::new();
    let report = report(|| bench.with_config("exec", ""));
    is_clean(&report, &bench, "0022", bench.dir().to_str().unwrap());
}

#[test]
fn a_gate_starts_clean_whatever_its_parent_left() {
    let bench = Bench::new();
    let before = format!("[reload]\nbefore = {REPORTERS:?}\n");
    let run = bench.with_config("run", &before).args(["--", "/bin/true"]);
    let outcome = by_hostile_parent(run).run().expect_code(0);
    is_clean(&outcome.stdout, &bench, "0022", bench.dir().to_str().unwrap());
}

/// Descriptors of the server alone: the sockets stand at 3 and upward, whatever was there.
#[test]
fn the_server_has_the_sockets_and_no_other_descriptor() {
    let bench = Bench::new();
    let run = bench.with_config("run", "[ready]\nsettle = \"0s\"\n");
    let run = run.args(["--listen", &format!("127.0.0.1:{}", free_port())]);
    let run = run.args(["--listen", &format!("127.0.0.1:{}", free_port())]);
    // Past its own start, in which it opens and closes files.
    let run = run.args(["--", "/bin/sh", "-c", "echo ready; sleep 1000; :"]);
    let running = by_hostile_parent(run).spawn();
    running.wait_for_stdout("ready");
    let descriptors = proc::descriptors(running.child_pid());
    assert_eq!(descriptors.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    for number in [3, 4] {
        assert!(descriptors[&number].to_str().unwrap().starts_with("socket:"), "{descriptors:?}");
    }
    // The shell blocks all for a moment while it forks, and then restores what it was given.
    eventually("nothing ignored and nothing blocked", || {
        let status = Status::of(running.child_pid());
        (status.mask("SigIgn"), status.mask("SigBlk")) == (0, 0)
    });
}

const APP: &str = r#"
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]
"#;

#[test]
fn every_process_of_a_gunicorn_site_is_the_sites() {
    let bench = Bench::new();
    let Some(gunicorn) = venv("gunicorn") else { return };
    bench.file("app.py", APP, 0o644);
    let notify = NotifySocket::new(&bench);
    let run =
        bench.with_config("run", "").args(["--listen", &format!("127.0.0.1:{}", free_port())]);
    let run =
        run.arg("--").arg(gunicorn).args(["--no-control-socket", "--workers=2", "app:application"]);
    let running = by_hostile_parent(run.env("NOTIFY_SOCKET", notify.path())).spawn();
    notify.receive_until("READY=1", &running);
    eventually("a master and two workers", || proc::descendants(running.pid()).len() == 3);

    for pid in proc::descendants(running.pid()) {
        let status = Status::of(pid);
        is_the_sites(&status, &bench);
        assert_eq!(status.field("Umask"), "0022");
        has_no_core(&std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap());
        // Python itself ignores PIPE (13) and XFSZ (25).
        assert_eq!(status.mask("SigIgn") & !(1 << 12 | 1 << 24), 0);
        // Gunicorn itself moves them, and opens others for its own use: the public one and the probe's,
        // and while a worker closes it the connection of the probe.
        eventually("the two sockets and no other", || {
            let descriptors = proc::descriptors(pid);
            let paths = || descriptors.values().map(|path| path.to_str().unwrap());
            let sockets: BTreeSet<_> = paths().filter(|path| path.starts_with("socket:")).collect();
            assert!(!paths().any(|path| path.ends_with("hostname")), "{descriptors:?}");
            sockets.len() == 2
        });
    }
}

#[test]
fn a_group_of_its_own_takes_the_place_of_the_users() {
    requires_root!();
    let bench = Bench::new();
    let www_data = Group::from_name("www-data").unwrap().unwrap().gid.as_raw();
    let user = format!("{}:www-data", bench.site().name);
    let env_file = bench.env_file(&format!("SECRET_KEY={KEY}\n"));
    for command in ["run", "exec"] {
        let keybearer = bench.keybearer([command, "--user", &user, "--env-file"]).arg(&env_file);
        let outcome = keybearer.arg("--").args(REPORTERS[0]).run().expect_code(0);
        let status = Status::parse(&outcome.stdout);
        assert_eq!(status.ids("Uid"), [bench.site().uid; 4]);
        assert_eq!(status.ids("Gid"), [www_data; 4]);
        assert_eq!(status.ids("Groups"), groups_of_site(&bench, www_data));
        is_without_power(&status);
    }
}

#[test]
fn a_user_may_be_a_number_without_an_entry() {
    requires_root!();
    let bench = Bench::new();
    let env_file = bench.env_file(&format!("SECRET_KEY={KEY}\n"));
    for command in ["run", "exec"] {
        let keybearer = bench.keybearer([command, "--user", "4242:4243", "--env-file"]);
        let keybearer = keybearer.arg(&env_file).args(["--", "/bin/cat", "/proc/self/status"]);
        // What describes root must not be left.
        let root =
            [("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root"), ("SHELL", "/bin/bash")];
        let keybearer = root.iter().fold(keybearer, |k, (name, value)| k.env(name, value));
        let outcome = keybearer.arg("/proc/self/environ").run().expect_code(0);
        let status = Status::parse(&outcome.stdout);
        assert_eq!((status.ids("Uid"), status.ids("Gid")), (vec![4242; 4], vec![4243; 4]));
        assert_eq!(status.ids("Groups"), [4243]);
        is_without_power(&status);
        let variables: Vec<&str> = outcome.stdout.lines().last().unwrap().split('\0').collect();
        assert!(variables.contains(&"HOME=/"), "{variables:?}");
        for name in ["USER=", "LOGNAME=", "SHELL="] {
            assert!(!variables.iter().any(|variable| variable.starts_with(name)), "{variables:?}");
        }
    }
}

fn supervised(bench: &Bench) -> Invocation<'_> {
    bench.with_config("run", "[ready]\nsettle = \"0s\"\n").args(["--", "/bin/sleep", "1000"])
}

fn serving(invocation: Invocation<'_>) -> Running {
    let running = invocation.spawn();
    running.wait_for_line("serving");
    running
}

#[test]
fn the_supervisor_keeps_three_capabilities_and_no_way_to_more() {
    let bench = Bench::new();
    let running = serving(supervised(&bench));
    let status = Status::of(running.pid());
    let kept = if Mode::current().is_root() { THREE } else { 0 };
    assert_eq!((status.mask("CapEff"), status.mask("CapPrm")), (kept, kept));
    assert_eq!((status.mask("CapInh"), status.mask("CapAmb")), (0, 0));
    match Mode::current() {
        Mode::Root => assert_eq!(status.mask("CapBnd"), 0),
        Mode::Three => assert_eq!(status.mask("CapBnd"), THREE),
        Mode::User => (),
    }
    assert_eq!(status.field("NoNewPrivs"), "1");
    assert_eq!(status.field("Threads"), "1");
    has_no_core(&std::fs::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap());
}

#[test]
fn the_supervisor_is_closed_to_the_user_it_shares() {
    let bench = Bench::new();
    let running = serving(supervised(&bench));
    let pid = running.pid();
    // A process that is not dumpable has its /proc files owned by root: proc_pid(5).
    let owner = std::fs::metadata(format!("/proc/{pid}/environ")).unwrap();
    assert_eq!((owner.uid(), owner.gid()), (0, 0));
    let cat = bench.program("/bin/cat").by_site().arg(format!("/proc/{pid}/environ")).run();
    cat.expect_code(1).expect_stderr(&format!("/bin/cat: /proc/{pid}/environ: Permission denied"));
}

#[test]
fn the_secret_is_in_the_servers_environment_and_not_in_the_supervisors() {
    let bench = Bench::new();
    let running = serving(supervised(&bench));
    let server = running.child_pid();
    assert_eq!(proc::environ(server)["SECRET_KEY"], KEY);
    assert!(!proc::cmdline(server).concat().contains(KEY));
    assert!(!proc::cmdline(running.pid()).concat().contains(KEY));
    if geteuid().is_root() {
        assert!(!proc::environ(running.pid()).values().any(|value| value.contains(KEY)));
    }
}

#[test]
fn memory_is_locked_where_the_limit_allows() {
    let bench = Bench::new();
    let warning = "keybearer: warning: cannot lock the secrets in memory, so they may reach the \
                   swap; raise the limit: LimitMEMLOCK=64M, or ulimit -l";
    let locked =
        |pid| -> u64 { Status::of(pid).field("VmLck").split(' ').next().unwrap().parse().unwrap() };
    let without = serving(supervised(&bench).through(["/usr/bin/prlimit", "--memlock=0"]));
    assert_eq!(locked(without.pid()), 0);
    assert!(without.stderr().lines().any(|line| line == warning), "{}", without.stderr());

    // Whether the limit of this machine is high enough for a program with all its debugging is not
    // known here; that it is one or the other is.
    let other = format!("{}-2", bench.name());
    let with = serving(supervised(&bench).env("KEYBEARER_NAME", other));
    assert_eq!(locked(with.pid()) == 0, with.stderr().contains(warning), "{}", with.stderr());
}

/// Whatever holes the linker leaves between its parts. Its data stays locked.
#[test]
fn the_code_of_one_that_rests_is_given_back() {
    requires_root!();
    let bench = Bench::new();
    let running = serving(supervised(&bench));
    let mut locked = (0, 0);
    eventually("the program's own code is not locked", || {
        locked = locked_kilobytes(running.pid());
        // The ends of its parts, which are no whole pages.
        locked.0 <= 16
    });
    assert!(locked.1 > 0 || running.stderr().contains("cannot lock"), "{locked:?}");
}

/// Of a program's own file: its code, and what it writes to.
fn locked_kilobytes(pid: Pid) -> (u64, u64) {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    let (mut locked, mut at) = ((0, 0), String::new());
    for line in smaps.lines() {
        match line.strip_prefix("Locked:") {
            Some(size) => {
                let size: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
                match at.as_str() {
                    "r-xp" => locked.0 += size,
                    "rw-p" => locked.1 += size,
                    _ => {}
                }
            }
            None if line.ends_with(program.to_str().unwrap()) => {
                at = line.split(' ').nth(1).unwrap().to_owned();
            }
            // The head of another mapping.
            None if line.contains('-') && !line.starts_with(char::is_uppercase) => at.clear(),
            None => {}
        }
    }
    locked
}
