//! How keybearer-store is started, what it can still do then, and what becomes of one that does not answer.

mod stand_in;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use keybearer::helper::{Answer, Failure, Got, Kind};
use keybearer::secrets::Secret;
use nix::sys::signal::Signal;
use nix::unistd::{Pid, User};

use crate::harness::proc::{self, Status};
use crate::harness::{Bench, KEY, Mode, eventually, keybearer, requires_root, requires_root_tests};
use stand_in::{StandIn, site};

const SHORT: &str = "[fetch]\nwithin = \"1s\"";
const LONG: &str = "[fetch]\nwithin = \"1000s\"";

/// capability(7): KILL is 5, SETGID 6, SETUID 7.
const THREE: u64 = 0b1110_0000;

#[track_caller]
fn is_powerless(status: &Status, bench: &Bench) {
    match Mode::current() {
        Mode::User => assert_eq!(status.ids("Uid"), [bench.site().uid; 4]),
        Mode::Root | Mode::Three => {
            let nobody = User::from_name("nobody").unwrap().unwrap();
            assert_eq!(status.ids("Uid"), [nobody.uid.as_raw(); 4]);
            assert_eq!(status.ids("Gid"), [nobody.gid.as_raw(); 4]);
            assert_eq!(status.ids("Groups"), [nobody.gid.as_raw()]);
        }
    }
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
    assert_eq!(status.field("Umask"), "0077");
}

fn limit(pid: Pid, name: &str) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

/// The helper that the process has started, when it is past its exec.
fn helper_of(pid: Pid) -> Pid {
    let mut found = None;
    eventually("a helper", || {
        let children = proc::children(pid);
        found = children.iter().map(|child| child.pid).find(|child| {
            proc::cmdline_if_there(*child).is_some_and(|words| words == ["keybearer-store"])
        });
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn it_starts_with_nothing_but_what_it_needs() {
    requires_root_tests!();
    let bench = Bench::new();
    let standing = StandIn::new(&bench);
    let exec = standing.keybearer("exec", LONG).args(["--", "/bin/true"]);
    let exec = exec.env("NO_PROXY", "127.0.0.1").env("AWS_PROFILE", "site").env("HOME", "/root");
    let running = exec.spawn();
    let helper = helper_of(running.pid());

    // The loader opens its libraries.
    eventually("three descriptors", || proc::descriptors(helper).len() == 3);
    let descriptors = proc::descriptors(helper);
    assert!(descriptors[&0].to_str().unwrap().starts_with("socket:"), "{descriptors:?}");
    assert_eq!(
        [&descriptors[&1], &descriptors[&2]].map(|path| path.to_str()),
        [Some("/dev/null"); 2]
    );
    let status = Status::of(helper);
    is_powerless(&status, &bench);
    assert_eq!(status.mask("SigIgn"), 0);
    let expected = BTreeMap::from([("NO_PROXY".to_owned(), "127.0.0.1".to_owned())]);
    assert_eq!(proc::environ(helper), expected);
    for (name, value) in [
        ("Max core file size", "0"),
        ("Max file size", "0"),
        ("Max open files", "256"),
        ("Max address space", "1073741824"),
    ] {
        assert_eq!(limit(helper, name), [value, value], "{name}");
    }
    assert_eq!(fs::read_link(format!("/proc/{helper}/cwd")).unwrap().to_str(), Some("/"));
    assert_eq!(nix::unistd::getsid(Some(helper)), Ok(helper));

    // It does not outlive who asked it.
    running.signal(Signal::SIGKILL);
    eventually("no helper", || standing.processes() == 0);
}

#[test]
fn it_gives_up_the_rest_before_it_speaks_to_anybody() {
    requires_root_tests!();
    let bench = Bench::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let exec = site(&bench, keybearer(), "exec", port, LONG).args(["--", "/bin/true"]);
    let running = exec.spawn();
    let (_connection, _) = silent.accept().unwrap();
    let helper = helper_of(running.pid());

    let status = Status::of(helper);
    is_powerless(&status, &bench);
    assert_eq!(status.field("Seccomp"), "2");
    assert_eq!(status.field("Name"), "keybearer-store");
    // A process that is not dumpable has its /proc files owned by root: proc_pid(5).
    let owner = fs::metadata(format!("/proc/{helper}/environ")).unwrap();
    assert_eq!((owner.uid(), owner.gid()), (0, 0));
    running.signal(Signal::SIGKILL);
    eventually("no helper", || !fs::exists(format!("/proc/{helper}")).unwrap());
}

/// The token is in the request, which nobody sees.
#[test]
fn a_store_that_is_silent_costs_the_time_that_it_has() {
    let bench = Bench::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let exec = site(&bench, keybearer(), "exec", port, SHORT).args(["--", "/bin/true"]);
    let outcome = exec.run().expect_code(75).expect_stdout("");
    let outcome = outcome.expect_stderr_contains("keybearer: Vault 'secret/example/prod': ");
    outcome.expect_nowhere("a-token-of-the-test");
}

/// What it does, what is said of it, and the code.
#[test]
fn one_that_does_not_answer_costs_one_line() {
    let bench = Bench::new();
    let standing = StandIn::new(&bench);
    let refused = |what: &str, said: &str| {
        let exec = standing.keybearer("exec", SHORT).args(["--", "/bin/true"]);
        let outcome = exec.run().expect_code(75).expect_stdout("");
        assert_eq!(outcome.stderr, format!("keybearer: keybearer-store {said}\n"), "{what}");
        eventually("no helper", || standing.processes() == 0);
    };
    for (what, said) in [
        ("crash", "was killed by SIGSEGV before it answered"),
        ("exit", "ended with code 1 before it answered"),
        ("close", "hung up before it answered"),
        ("hang", "did not answer within 1s"),
    ] {
        standing.does(what);
        refused(what, said);
    }
    let unreadable = "gave an answer that cannot be read; \
                      install keybearer and keybearer-store of one version";
    let number = |number: u64| number.to_be_bytes();
    for (what, bytes, said) in [
        ("rubbish", [&number(5)[..], b"hello"].concat(), unreadable),
        ("nothing", number(0).to_vec(), unreadable),
        ("another version", [number(16), number(2), number(1)].concat(), unreadable),
        ("a huge length", number(1 << 40).to_vec(), "began an answer of more than 16777216 bytes"),
        ("half an answer", [&number(100)[..], b"half"].concat(), "did not answer within 1s"),
    ] {
        standing.says(&bytes);
        refused(what, said);
    }
}

fn a_key() -> Answer {
    let entries = vec![("SECRET_KEY".to_owned(), Secret::new(KEY.to_owned()))];
    Answer::Fetched(vec![Ok(Got { entries, version: Some("1".to_owned()), ..Got::default() })])
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    let bench = Bench::new();
    let standing = StandIn::new(&bench);
    standing.answers(&a_key());
    let exec = standing.keybearer("exec", LONG).args(["--", "/usr/bin/env", "-0"]);
    assert_eq!(exec.run().environment()["SECRET_KEY"], KEY);
    eventually("no helper", || standing.processes() == 0);

    let failure = Failure::new(Kind::Refused, "Vault 'secret/example/prod': it said no");
    standing.answers(&Answer::Fetched(vec![Err(failure)]));
    let exec = standing.keybearer("exec", LONG).args(["--", "/bin/true"]);
    exec.run().expect_refusal(77, "keybearer: Vault 'secret/example/prod': it said no");
}

#[test]
fn one_that_crashes_later_costs_the_site_nothing() {
    let bench = Bench::new();
    let standing = StandIn::new(&bench);
    standing.answers(&a_key());
    let config = format!("{LONG}\n[ready]\nsettle = \"0s\"");
    let run = standing.keybearer("run", &config).args(["--", "/bin/sleep", "1000"]);
    let running = run.spawn();
    running.wait_for_line("serving");
    let server = running.child_pid();

    standing.does("crash");
    running.signal(Signal::SIGHUP);
    running.wait_for_line("keybearer-store was killed by SIGSEGV before it answered");
    eventually("the server alone", || {
        let children = proc::children(running.pid());
        children.iter().map(|child| child.pid).eq([server])
    });
    running.signal(Signal::SIGTERM);
    running.wait();
}

#[test]
fn one_that_is_nowhere_is_named_with_the_mend() {
    let bench = Bench::new();
    let standing = StandIn::alone(&bench);
    let exec = standing.keybearer("exec", SHORT).args(["--", "/bin/true"]);
    exec.run().expect_refusal(
        78,
        "keybearer: cannot find keybearer-store, which asks the stores: looked for \
         '{dir}/bin/keybearer-store', '{dir}/libexec/keybearer/keybearer-store', \
         '/usr/libexec/keybearer/keybearer-store'; install it beside keybearer",
    );
}

#[test]
fn one_that_somebody_else_may_write_is_refused() {
    let bench = Bench::new();
    let standing = StandIn::new(&bench);
    let refused = |said: &str| {
        let exec = standing.keybearer("exec", SHORT).args(["--", "/bin/true"]);
        exec.run().expect_refusal(77, said);
    };
    standing.mode(0o757);
    refused(
        "keybearer: refusing '{dir}/bin/keybearer-store': writable by everyone (mode 0757); \
         run: chmod 755 {dir}/bin/keybearer-store",
    );
    standing.mode(0o775);
    refused(
        "keybearer: refusing '{dir}/bin/keybearer-store': writable by its group (mode 0775); \
         run: chmod 755 {dir}/bin/keybearer-store",
    );
    standing.mode(0o755);

    if nix::unistd::geteuid().is_root() {
        let bin = bench.path("bin");
        chown(&bin, None, Some(bench.site().gid)).unwrap();
        fs::set_permissions(&bin, fs::Permissions::from_mode(0o775)).unwrap();
        refused(
            "keybearer: refusing '{dir}/bin/keybearer-store': directory '{dir}/bin' is writable \
             by its group (mode 0775); run: chmod g-w {dir}/bin",
        );
        fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).unwrap();
        let other = User::from_name("daemon").unwrap().unwrap();
        chown(standing.path(), Some(other.uid.as_raw()), None).unwrap();
        let whose = match Mode::current().is_root() {
            true => "root".to_owned(),
            false => format!("root or '{}'", bench.site().name),
        };
        refused(&format!(
            "keybearer: refusing '{{dir}}/bin/keybearer-store': owned by 'daemon', not by {whose}; \
             run: chown root {{dir}}/bin/keybearer-store"
        ));
    }
}

#[test]
fn it_has_a_user_of_its_own_who_is_not_root() {
    requires_root!();
    let bench = Bench::new();
    let standing = StandIn::new(&bench);
    let config = |user: &str| format!("helper-user = \"{user}\"\n{LONG}");
    let exec = standing.keybearer("exec", &config("root")).args(["--", "/bin/true"]);
    exec.run().expect_refusal(
        78,
        "keybearer: refusing to run keybearer-store as root: user 'root' has uid 0; \
         name another: helper-user = \"USER\"",
    );

    let daemon = User::from_name("daemon").unwrap().unwrap();
    let exec = standing.keybearer("exec", &config("daemon")).args(["--", "/bin/true"]);
    let running = exec.spawn();
    let status = Status::of(helper_of(running.pid()));
    assert_eq!(status.ids("Uid"), [daemon.uid.as_raw(); 4]);
    assert_eq!(status.ids("Gid"), [daemon.gid.as_raw(); 4]);
    running.signal(Signal::SIGKILL);
    drop(running);

    standing.mode(0o700);
    let exec = standing.keybearer("exec", &config("daemon")).args(["--", "/bin/true"]);
    exec.run().expect_refusal(
        77,
        "keybearer: cannot execute '{dir}/bin/keybearer-store' as user 'daemon': permission \
         denied; run: chmod 755 {dir}/bin/keybearer-store",
    );
}
