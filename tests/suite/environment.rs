//! What the server sees, to the last variable.

use std::collections::BTreeMap;

use crate::harness::{Bench, Invocation, KEY, Mode, free_port, requires_root};

/// The environment as the kernel handed it over, and the process's own id.
const SHOW: [&str; 3] = [
    "/usr/bin/python3",
    "-ISc",
    "import os; print(os.getpid()); print(open('/proc/self/environ').read().replace('\\0', '\\n'), end='')",
];

struct Seen {
    pid: String,
    variables: BTreeMap<String, String>,
}

#[track_caller]
fn seen(invocation: Invocation<'_>) -> Seen {
    let outcome = invocation.arg("--").args(SHOW).run().expect_code(0);
    let mut lines = outcome.stdout.lines().map(str::to_owned);
    let pid = lines.next().unwrap();
    let split = |line: String| {
        let (name, value) = line.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    };
    Seen { pid, variables: lines.map(split).collect() }
}

/// What every server of these tests sees, less what the invocation adds.
fn common(bench: &Bench) -> BTreeMap<String, String> {
    let mut all = fixed();
    all.extend(account(bench));
    let session = bench.session().map(|dir| dir.to_str().unwrap().to_owned());
    all.extend(session.map(|dir| ("XDG_RUNTIME_DIR".to_owned(), dir)));
    all
}

fn fixed() -> BTreeMap<String, String> {
    map(&[
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("LANG", "C.UTF-8"),
        ("SECRET_KEY", KEY),
        ("SECRET_KEY_FALLBACKS", KEY),
    ])
}

fn account(bench: &Bench) -> BTreeMap<String, String> {
    let entry = nix::unistd::User::from_name(&bench.site().name).unwrap().unwrap();
    map(&[
        ("HOME", entry.dir.to_str().unwrap()),
        ("USER", &entry.name),
        ("LOGNAME", &entry.name),
        ("SHELL", entry.shell.to_str().unwrap()),
    ])
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// All that is meant for keybearer, and root's own description.
fn crowded(invocation: Invocation<'_>) -> Invocation<'_> {
    let ours = [
        ("KEYBEARER_LOG_FORMAT", "text"),
        ("KEYBEARER_ROTATION", "{}"),
        ("KEYBEARER_VERBOSE", ""),
        ("NOTIFY_SOCKET", "/nonexistent/notify"),
        ("WATCHDOG_USEC", "30000000"),
        ("WATCHDOG_PID", "1"),
        ("LISTEN_FDS", "2"),
        ("LISTEN_PID", "1"),
        ("LISTEN_FDNAMES", "a:b"),
        ("CREDENTIALS_DIRECTORY", "/nonexistent"),
        ("SECRET_KEY_NEXT", "a key that is staged and nobody's business"),
        ("SECRET_KEY", "what was inherited gives way to what was fetched"),
        ("HOME", "/root"),
        ("USER", "root"),
        ("LOGNAME", "root"),
        ("SHELL", "/bin/bash"),
        ("KEPT", "a = b, \"c\" $d"),
        ("EMPTY", ""),
    ];
    ours.iter().fold(invocation, |invocation, (name, value)| invocation.env(name, value))
}

#[test]
fn keybearers_own_variables_go_and_the_rest_stays() {
    let bench = Bench::new();
    let mut expected = common(&bench);
    expected.extend(map(&[("KEPT", "a = b, \"c\" $d"), ("EMPTY", "")]));
    for command in ["run", "exec"] {
        let seen = seen(crowded(bench.with_config(command, "")));
        assert_eq!(seen.variables, expected, "{command}");
    }
}

#[test]
fn a_gate_sees_what_the_server_sees() {
    let bench = Bench::new();
    let run = bench.with_config("run", &format!("[reload]\nbefore = [{SHOW:?}]\n"));
    let listen = ["--listen", &format!("127.0.0.1:{}", free_port())];
    let outcome = crowded(run.args(listen)).args(["--", "/bin/true"]).run().expect_code(0);
    let mut expected = common(&bench);
    expected.extend(map(&[("KEPT", "a = b, \"c\" $d"), ("EMPTY", "")]));
    let lines = outcome.stdout.lines().skip(1).map(|line| line.split_once('=').unwrap());
    let seen: BTreeMap<String, String> =
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_config_sets_and_unsets() {
    let bench = Bench::new();
    let config = "[environment]\nset = { LANG = \"de_DE.UTF-8\", HOME = \"/srv/home\", NEW = \"1\" }\n\
                  unset = [\"GONE\", \"SHELL\"]\n";
    let seen = seen(bench.with_config("run", config).env("GONE", "1").env("OTHER", "2"));
    let mut expected = common(&bench);
    expected.extend(map(&[
        ("LANG", "de_DE.UTF-8"),
        ("HOME", "/srv/home"),
        ("NEW", "1"),
        ("OTHER", "2"),
    ]));
    expected.remove("SHELL");
    assert_eq!(seen.variables, expected);
}

/// Names in `keep` that are keybearer's own do not come back by it.
#[test]
fn the_config_clears_all_but_what_it_keeps() {
    let bench = Bench::new();
    let config = "[environment]\nclear = true\nkeep = [\"PATH\", \"KEPT\", \"NOTIFY_SOCKET\"]\n";
    let seen = seen(crowded(bench.with_config("run", config)));
    let mut expected = common(&bench);
    expected.remove("LANG");
    expected.remove("XDG_RUNTIME_DIR");
    expected.insert("KEPT".to_owned(), "a = b, \"c\" $d".to_owned());
    assert_eq!(seen.variables, expected);
}

#[test]
fn sockets_are_announced_to_the_server_by_its_own_process_id() {
    let bench = Bench::new();
    let listen = |_| ["--listen".to_owned(), format!("127.0.0.1:{}", free_port())];
    let run = bench.with_config("run", "").args((0..2).flat_map(listen));
    let seen = seen(crowded(run));
    let mut expected = common(&bench);
    expected.extend(map(&[
        ("KEPT", "a = b, \"c\" $d"),
        ("EMPTY", ""),
        ("LISTEN_FDS", "2"),
        ("LISTEN_PID", &seen.pid),
        ("LISTEN_FDNAMES", "web:web"),
    ]));
    assert_eq!(seen.variables, expected);
}

/// Rotation's own fields may stand in the document; they are no business of the site's.
#[test]
fn a_staged_key_is_verified_and_the_rotations_own_fields_stay_out() {
    let bench = Bench::new();
    let staged = "Yq3_7hTn-Vb1xKpLw9RsYc5JmGd0eFaUoXi2BtHk8NvQ4zCuMyW6EgSjDrPfAlO8";
    let env_file = bench.file(
        "other.env",
        format!("SECRET_KEY={KEY}\nSECRET_KEY_NEXT={staged}\nKEYBEARER_ROTATION='{{\"version\":1}}'\nA=1\n"),
        0o600,
    );
    let run = bench.keybearer(["run", "--env-file"]).arg(env_file).user_flags();
    let seen = seen(run);
    let mut expected = common(&bench);
    expected.insert("A".to_owned(), "1".to_owned());
    expected.insert("SECRET_KEY_FALLBACKS".to_owned(), staged.to_owned());
    assert_eq!(seen.variables, expected);
}

#[test]
fn without_a_user_of_another_id_the_own_account_is_described() {
    if Mode::current().is_root() {
        return crate::harness::skip("needs an ordinary user");
    }
    let bench = Bench::new();
    let seen = seen(bench.with_config("run", "").env("HOME", "/elsewhere").env("USER", "x"));
    assert_eq!(seen.variables, common(&bench));
}

#[test]
fn root_is_refused_without_a_user() {
    requires_root!();
    let bench = Bench::new();
    let env_file = bench.env_file(&format!("SECRET_KEY={KEY}\n"));
    let run = bench.keybearer(["run", "--env-file"]).arg(env_file).arg("--").args(SHOW).run();
    run.expect_code(78).expect_stderr(
        "keybearer: refusing to run the site as root; name its user: --user USER, or user = \"USER\" in the config",
    );
}

/// Whoever reads the other name would read an empty key, with which anybody can sign.
#[test]
fn no_fallbacks_variable_is_empty_under_whichever_name() {
    let bench = Bench::new();
    let config = bench.config("");
    let env_file = bench.env_file(&format!("DJANGO_SECRET_KEY={KEY}\nSECRET_KEY_FALLBACKS=\n"));
    let exec = || {
        let exec = bench.keybearer(["exec", "--config"]).arg(&config).arg("--env-file");
        exec.arg(&env_file).user_flags()
    };
    let variables = seen(exec()).variables;
    assert_eq!(variables["DJANGO_SECRET_KEY_FALLBACKS"], KEY);
    assert_eq!(variables["SECRET_KEY_FALLBACKS"], KEY);

    // Inherited, under a schema of one's own that knows no key.
    let schema = bench.schema("[PORT]\ntype = \"port\"\n");
    bench.env_file("PORT=80\n");
    let inherited = exec().arg("--schema").arg(schema).env("SECRET_KEY_FALLBACKS", "a,,b");
    assert!(!seen(inherited).variables.contains_key("SECRET_KEY_FALLBACKS"));
}

/// getenv(3) takes the first of two, and keybearer's own comes last.
#[test]
fn the_config_cannot_stand_in_for_what_keybearer_says_itself() {
    let bench = Bench::new();
    let config = "[environment]\nset = { NOTIFY_SOCKET = \"/evil\", LISTEN_FDS = \"7\", KEYBEARER_X = \"y\" }\n";
    let variables = seen(bench.with_config("exec", config)).variables;
    assert_eq!(variables, common(&bench));
}
