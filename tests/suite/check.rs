//! `check` says what `run` would do, and the gates stand before both.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::{Bench, Demo, Invocation, Mode, Outcome, requires_root};

const KEY: &str = "Zq3_7hTn-Vb1xKpLw9RsYc5JmGd0eFaUoXi2BtHk8NvQ4zCuMyW6EgSjDrPfAlO7";
const OTHER_KEY: &str = "kU2v_Xc9rT-4mBz7LqJw1HsNf8YdPg6EaRoKi3Vt5MyGbDxQhCn0ZuWlSjFeOpA";

/// A site with nothing to complain about.
const ENV: &str = "
SECRET_KEY=Zq3_7hTn-Vb1xKpLw9RsYc5JmGd0eFaUoXi2BtHk8NvQ4zCuMyW6EgSjDrPfAlO7
DEBUG=False
ALLOWED_HOSTS=example.com
DATABASE_URL=postgres://site:canary-password@db/site
";

const CONFIG: &str = r#"
user = "{user}"
command = ["/bin/true"]
[[source]]
type = "env-file"
path = "{dir}/site.env"
"#;

fn check(bench: &Bench) -> Invocation<'_> {
    bench.keybearer(["check", "--config"]).arg(bench.path("site.toml"))
}

fn report(outcome: &Outcome) -> Value {
    match serde_json::from_str(&outcome.stdout) {
        Ok(report) => report,
        Err(error) => panic!("no JSON ({error}): {outcome:?}"),
    }
}

/// The messages of one level, with `{dir}` for the bench's directory.
fn messages(bench: &Bench, report: &Value, level: &str) -> Vec<String> {
    let items = report["items"].as_array().unwrap().iter();
    let of_level = items.filter(|item| item["level"] == level);
    of_level
        .map(|item| {
            item["message"].as_str().unwrap().replace(bench.dir().to_str().unwrap(), "{dir}")
        })
        .collect()
}

fn warnings(env: &str, command: &str) -> Vec<String> {
    let bench = Bench::new();
    bench.env_file(env);
    bench.config(&CONFIG.replace("[\"/bin/true\"]", command));
    let outcome = check(&bench).arg("--json").run();
    let report = report(&outcome);
    messages(&bench, &report, "warning")
}

#[test]
fn a_good_site_gets_a_short_report() {
    let bench = Bench::new();
    bench.env_file(ENV);
    bench.config(CONFIG);
    let run = bench.site_dir("run");
    let listen = format!("unix:{}/web.sock", run.display());
    let report = bench.fill(
        "ok       config   read '{DIR}/site.toml'
ok       account  the site runs as user {user}
ok       sockets  can listen on unix:{DIR}/run/web.sock
ok       secrets  read '{DIR}/site.env': 4 variables keep the built-in schema 'django'
ok       secrets  key fed6028d, 0 fallbacks
ok       command  user {user} can execute '/bin/true'
0 errors, 0 warnings",
    );
    let outcome = check(&bench).args(["--listen", &listen]).run();
    outcome.expect_code(0).expect_stderr("").expect_stdout(&report.replace("DIR", "dir"));
    assert_eq!(fs::read_dir(run).unwrap().count(), 0, "a socket was left behind");
    assert!(!bench.runtime_directory().exists(), "a runtime directory was left behind");
}

#[test]
fn the_json_has_the_shape_of_version_1() {
    let bench = Bench::new();
    bench.env_file(&ENV.replace("DEBUG=False", ""));
    bench.config(CONFIG);
    let outcome = check(&bench).nameless().arg("--json").run().expect_code(0).expect_stderr("");
    let report = report(&outcome);
    let fields: Vec<&String> = report.as_object().unwrap().keys().collect();
    let expected = ["errors", "exit-code", "items", "key", "name", "ok", "version", "warnings"];
    assert_eq!(fields, expected);
    assert_eq!(report["version"], 1);
    assert_eq!(report["name"], "site");
    assert_eq!(report["ok"], true);
    assert_eq!((&report["exit-code"], &report["errors"]), (&0.into(), &0.into()));
    assert_eq!(report["warnings"], 1);
    assert_eq!(report["key"].as_object().unwrap()["fallbacks"], 0);
    let fingerprint = report["key"]["fingerprint"].as_str().unwrap();
    assert!(fingerprint.len() == 8 && fingerprint.bytes().all(|b| b.is_ascii_hexdigit()));
    for item in report["items"].as_array().unwrap() {
        let fields: Vec<&String> = item.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["area", "level", "message"]);
    }
}

/// Both are asked, and must say the same.
#[track_caller]
fn as_run_does(bench: &Bench, code: i32, expected: &str) {
    let run = bench.keybearer(["run", "--config"]).arg(bench.path("site.toml")).run();
    let run = run.expect_code(code).expect_stderr(&format!("keybearer: {expected}"));
    let outcome = check(bench).arg("--json").run().expect_code(code);
    let report = report(&outcome);
    assert_eq!(report["exit-code"], code);
    assert_eq!(report["ok"], false);
    assert_eq!(messages(bench, &report, "error"), [expected], "{run:?}");
}

#[test]
fn it_ends_as_run_would() {
    let cases = [
        ("unknown = 1\n", 78, "'{dir}/site.toml':2:1: unknown key 'unknown'"),
        ("command = [\"/x/y\"]\n", 127, "cannot find '/x/y'; check the path of the command"),
        ("command = [\"no-such\"]\n", 127, "cannot find 'no-such' in PATH; give its whole path"),
        ("schema = \"{dir}/no.toml\"\n", 78, "'{dir}/no.toml' does not exist"),
        (
            "user = \"nobody-at-all\"\n",
            78,
            "there is no user 'nobody-at-all'; make it: useradd --system nobody-at-all",
        ),
    ];
    for (line, code, expected) in cases {
        let bench = Bench::new();
        bench.env_file(ENV);
        let key = line.split(' ').next().unwrap();
        let rest = CONFIG.lines().filter(|config| !config.starts_with(key));
        let rest: String = rest.skip(1).map(|line| format!("{line}\n")).collect();
        bench.config(&format!("\n{line}{rest}"));
        as_run_does(&bench, code, expected);
    }
}

#[test]
fn a_schema_that_is_broken_is_78() {
    let bench = Bench::new();
    bench.env_file(&ENV.replace(KEY, "short"));
    bench.config(CONFIG);
    as_run_does(
        &bench,
        78,
        "SECRET_KEY: is shorter than 32 characters (in '{dir}/site.env'); make one with: keybearer key",
    );
}

#[test]
fn permissions_are_77() {
    let bench = Bench::new();
    bench.file("site.env", ENV, 0o644);
    bench.config(CONFIG);
    let refusal = "refusing '{dir}/site.env': readable by everyone (mode 0644); run: chmod 640 {dir}/site.env";
    as_run_does(&bench, 77, refusal);
}

#[test]
fn a_port_in_use_is_1() {
    let bench = Bench::new();
    bench.env_file(ENV);
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    bench.config(&format!("{CONFIG}[listen]\nsockets = [\"{address}\"]\n"));
    let refusal =
        format!("cannot listen on {address}: in use; stop what holds it (ss -ltnxp shows it)");
    as_run_does(&bench, 1, &refusal);
}

#[test]
fn a_command_of_roots_own_is_126() {
    requires_root!();
    let bench = Bench::new();
    bench.env_file(ENV);
    let script = bench.file("server", "#!/bin/sh\n", 0o700);
    bench.config(&CONFIG.replace("/bin/true", script.to_str().unwrap()));
    as_run_does(&bench, 126, &bench.fill("cannot execute '{DIR}/server' as user '{user}': permission denied; it must be executable by that user, and every directory above it searchable").replace("DIR", "dir"));
}

#[test]
fn a_directory_that_is_closed_to_the_site_is_77() {
    requires_root!();
    let bench = Bench::new();
    bench.env_file(ENV);
    bench.file("closed-marker", "", 0o600);
    let closed = bench.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    bench.config(&format!("directory = \"{{dir}}/closed\"\n{CONFIG}"));
    as_run_does(&bench, 77, &bench.fill("cannot enter '{DIR}/closed' as user '{user}': EACCES: Permission denied; check that it is there and that this user may search it").replace("DIR", "dir"));
}

#[test]
fn everything_is_found_at_once() {
    let bench = Bench::new();
    bench.env_file("SECRET_KEY=short\nDEBUG=True\nALLOWED_HOSTS=*\n");
    let one = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let (one, other) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let held = [TcpListener::bind(one), TcpListener::bind(other)];
    bench.config(&CONFIG.replace("/bin/true", "/no/server"));
    let listen = ["--listen", &one.to_string(), "--listen", &other.to_string()];
    let outcome = check(&bench).args(listen).arg("--json").run();
    drop(held);
    // The code is that of the first, as it would be `run`'s.
    let errors = messages(&bench, &report(&outcome), "error");
    outcome.expect_code(1);
    let expected = [
        "SECRET_KEY",
        "DEBUG",
        "ALLOWED_HOSTS",
        &one.to_string(),
        &other.to_string(),
        "/no/server",
    ];
    for part in expected {
        assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:#?}");
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
}

#[test]
fn the_running_instance_may_have_the_address() {
    let bench = Bench::new();
    bench.env_file(ENV);
    let runtime = match Mode::current().is_root() {
        true => bench.path("runtime"),
        false => bench.site_dir("runtime"),
    };
    let _ = fs::create_dir(&runtime);
    let port = crate::harness::free_port();
    let config = CONFIG.replace("/bin/true\"", "/bin/sleep\", \"1000\"");
    bench.config(&format!(
        "{config}[listen]\nsockets = [\"127.0.0.1:{port}\"]\n[ready]\nsettle = \"0s\"\n"
    ));
    let run = bench.keybearer(["run", "--config"]).arg(bench.path("site.toml"));
    let run = run.env("RUNTIME_DIRECTORY", &runtime).spawn();
    run.wait_for_line("serving on");
    let outcome = check(&bench).env("RUNTIME_DIRECTORY", &runtime).run().expect_code(0);
    let line = format!(
        "ok       sockets  127.0.0.1:{port} is in use by the running '{}' (pid {})\n",
        bench.name(),
        run.pid()
    );
    assert!(outcome.stdout.contains(&line), "{outcome:?}");
    run.signal(Signal::SIGTERM);
    run.wait().expect_code(143);
}

#[test]
fn the_audit_asks_what_djangos_guides_ask() {
    let strong = [KEY, OTHER_KEY];
    let keys: Vec<String> = (10..16).map(|n| format!("{OTHER_KEY}{n}")).collect();
    let cases = [
        (
            ENV.replace(KEY, &KEY[..40]),
            "SECRET_KEY is shorter than 50 characters (security.W009); make one with: keybearer key",
        ),
        (
            format!("{ENV}SECRET_KEY_FALLBACKS={},{}\n", strong[1], &KEY[..20]),
            "SECRET_KEY_FALLBACKS item 2 is shorter than 50 characters (security.W025); take it out once nothing is signed with it any more",
        ),
        (
            format!("{ENV}SECRET_KEY_FALLBACKS={}\n", keys.join(",")),
            "SECRET_KEY_FALLBACKS holds 6 keys, more than [keys] keep = 5: every one of them can sign in anybody; take out the last ones",
        ),
        (
            ENV.replace("DEBUG=False", ""),
            "DEBUG is not given: the settings' own default decides; set DEBUG=False",
        ),
        (
            ENV.replace("ALLOWED_HOSTS=example.com", ""),
            "ALLOWED_HOSTS is not given: unless the settings name the site's hosts, Django answers every request with 400",
        ),
        (
            ENV.replace("canary-password", "site"),
            "DATABASE_URL: the database's password is the user's name; change it",
        ),
        (
            ENV.replace(":canary-password", ""),
            "DATABASE_URL: the database's password is empty; give the user one",
        ),
        (
            format!(
                "{}DB_NAME=n\nDB_USER=u-u-u\nDB_PASSWORD=u-u-u\nDB_HOST=h\n",
                without_database()
            ),
            "DB_PASSWORD: the database's password is the user's name; change it",
        ),
        (
            without_database(),
            "no database is given, neither DATABASE_URL nor DB_NAME, DB_USER, DB_PASSWORD and DB_HOST: the site's settings decide",
        ),
    ];
    for (env, expected) in cases {
        assert_eq!(warnings(&env, "[\"/bin/true\"]"), [expected]);
    }
}

fn without_database() -> String {
    ENV.replace("DATABASE_URL=postgres://site:canary-password@db/site\n", "")
}

/// A command that is taken for Gunicorn, and has a socket of keybearer's.
fn as_gunicorn(options: &str) -> Bench {
    let bench = Bench::new();
    bench.env_file(ENV);
    bench.site_dir("run");
    let config = CONFIG.replace("/bin/true\"", &format!("/bin/true\", {options}"));
    let listen = "[listen]\nsockets = [\"unix:{dir}/run/web.sock\"]\n";
    bench.config(&format!("{config}{listen}[server]\nkind = \"gunicorn\"\n"));
    bench
}

#[test]
fn gunicorn_options_that_cannot_work_are_refused() {
    let cases = [
        ("\"-D\"", "--daemon leaves its supervisor; take it out"),
        (
            "\"--bind\", \"fd://3\"",
            "--bind fd:// loses requests at every hand-over; take it out and name the address with --listen",
        ),
        ("\"--reuse-port\"", "--reuse-port ignores the sockets that keybearer holds; take it out"),
        (
            "\"--pid\", \"/run/x\"",
            "--pid stops a second generation from starting; take it out (systemd and keybearer know the process)",
        ),
        ("\"--dirty-app\", \"x\"", "--dirty-app cannot live in two generations; take it out"),
    ];
    for (options, refusal) in cases {
        let bench = as_gunicorn(options);
        as_run_does(&bench, 78, &format!("refusing the command: gunicorn's {refusal}"));
    }
}

#[test]
fn gunicorns_own_bind_is_a_warning() {
    let bench = as_gunicorn("\"--bind\", \"127.0.0.1:1\"");
    let outcome = check(&bench).arg("--json").run().expect_code(0);
    let warning = "gunicorn's --bind has no effect beside --listen; take it out";
    assert_eq!(messages(&bench, &report(&outcome), "warning"), [warning]);
}

#[test]
fn without_a_command_the_rest_is_checked() {
    let bench = Bench::new();
    let env_file = bench.env_file(ENV);
    let check = bench.keybearer(["check", "--json", "--env-file"]).arg(env_file).user_flags();
    let outcome = check.run().expect_code(0);
    let warning = "no command given, so none was looked for; run needs one: after '--', or as command = [\"...\"] in the config";
    assert_eq!(messages(&bench, &report(&outcome), "warning"), [warning]);
}

#[test]
fn no_value_is_anywhere() {
    let weak = "canary-fallback";
    let env =
        format!("{ENV}SECRET_KEY_FALLBACKS={weak}\nDB_HOST=canary-host\nDEBUG=canary-debug\n");
    for flags in [&["-vvv"][..], &["-vvv", "--json", "--log-format", "json"]] {
        let bench = Bench::new();
        bench.env_file(&env);
        bench.config(CONFIG);
        let outcome = check(&bench).args(flags).run().expect_code(78);
        outcome.expect_nowhere(KEY).expect_nowhere("canary");
    }
}

/// A `before` command that says in whose name and with what it runs.
fn with_before(bench: &Bench, script: &str, extra: &str) -> PathBuf {
    let data = bench.site_dir("data");
    bench.env_file(&ENV.replace("canary-password", "seen"));
    let before = bench.file("before", format!("#!/bin/sh\n{script}\n"), 0o755);
    let head = format!("directory = \"{{dir}}/data\"\n{extra}");
    let tail = format!("[reload]\nbefore = [[\"{}\"]]\n", before.display());
    bench.config(&format!("{head}{CONFIG}{tail}"));
    data
}

#[test]
fn full_runs_the_before_commands_as_the_site() {
    let bench = Bench::new();
    let script = "echo printed; { id -u; pwd; echo $DATABASE_URL; } >said";
    let data = with_before(&bench, script, "");
    let outcome = check(&bench).args(["--full", "--json"]).run().expect_code(0);
    let lines = "keybearer: running the 'before' command 1\nprinted";
    let outcome = outcome.expect_stderr(lines);
    let succeeded = "the 'before' command 1 succeeded";
    assert!(messages(&bench, &report(&outcome), "ok").iter().any(|line| line == succeeded));
    let said = fs::read_to_string(data.join("said")).unwrap();
    let uid = bench.site().uid;
    assert_eq!(said, format!("{uid}\n{}\npostgres://site:seen@db/site\n", data.display()));
}

#[test]
fn without_full_no_command_is_run() {
    let bench = Bench::new();
    let data = with_before(&bench, "echo >said", "");
    check(&bench).run().expect_code(0).expect_stderr("");
    assert!(!data.join("said").exists());
}

#[test]
fn a_before_command_that_fails_ends_run_before_it_starts() {
    let bench = Bench::new();
    let data = with_before(&bench, "exit 3", "");
    let failed = "the 'before' command 1 failed with exit code 3; nothing was started";
    let run = bench.keybearer(["run", "--config"]).arg(bench.path("site.toml"));
    let run = run.args(["--", "/bin/sh", "-c", "echo >started"]).run();
    let said = format!("keybearer: running the 'before' command 1\nkeybearer: {failed}");
    run.expect_code(1).expect_stderr(&said);
    assert!(!data.join("started").exists());
    let outcome = check(&bench).args(["--full", "--json"]).run().expect_code(1);
    assert_eq!(messages(&bench, &report(&outcome), "error"), [failed]);
}

/// The demo site, its settings with one line more, and a config that has them checked.
pub(crate) fn with_manage(bench: &Bench, settings: &str) -> Option<()> {
    let demo = Demo::new(bench)?;
    let app = bench.path("app");
    let copied = Command::new("/bin/cp").arg("-r").arg(demo.app()).arg(&app).status().unwrap();
    assert!(copied.success());
    let file = app.join("demo/settings.py");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}{settings}\n")).unwrap();
    bench.env_file(&demo.env_text());
    let python = demo.python();
    bench.config(&format!(
        "directory = \"{{dir}}/app\"\n{CONFIG}[django]\nmanage = [\"{}\", \"manage.py\"]\n",
        python.display()
    ));
    Some(())
}

#[test]
fn full_asks_django_whether_the_fallbacks_are_read() {
    let bench = Bench::new();
    let Some(()) = with_manage(&bench, "") else { return };
    let outcome = check(&bench).args(["--full", "--json"]).run().expect_code(0);
    let report = report(&outcome);
    let ok = messages(&bench, &report, "ok");
    let last = ["'check --deploy' succeeded", "the settings read SECRET_KEY_FALLBACKS"];
    assert_eq!(ok[ok.len() - 2..], last);
    outcome.expect_nowhere(KEY);
}

#[test]
fn full_warns_where_the_settings_ignore_the_fallbacks() {
    let bench = Bench::new();
    let Some(()) = with_manage(&bench, "SECRET_KEY_FALLBACKS = []") else { return };
    let outcome = check(&bench).args(["--full", "--json"]).run().expect_code(0);
    let warnings = messages(&bench, &report(&outcome), "warning");
    let expected = "the settings do not read SECRET_KEY_FALLBACKS, so a new key would log everybody out; add to them: SECRET_KEY_FALLBACKS = os.environ[\"SECRET_KEY_FALLBACKS\"].split(\",\")";
    assert_eq!(warnings.last().map(String::as_str), Some(expected));
}

/// It succeeds with the fallbacks of the site and fails with the weak one.
#[test]
fn settings_that_refuse_a_weak_fallback_read_them() {
    let bench = Bench::new();
    let refuse = "assert len(SECRET_KEY_FALLBACKS[0]) == 64";
    let Some(()) = with_manage(&bench, refuse) else { return };
    let outcome = check(&bench).args(["--full", "--json"]).run().expect_code(0);
    let ok = messages(&bench, &report(&outcome), "ok");
    assert_eq!(ok.last().map(String::as_str), Some("the settings read SECRET_KEY_FALLBACKS"));
}

#[test]
fn settings_that_raise_end_run_before_it_starts() {
    let bench = Bench::new();
    let Some(()) = with_manage(&bench, "raise ValueError('no good')") else { return };
    let data = bench.path("data");
    let started = format!("echo >{}/started", data.display());
    let run = bench.keybearer(["run", "--config"]).arg(bench.path("site.toml"));
    let run = run.args(["--", "/bin/sh", "-c", &started]).run().expect_code(1);
    let last = run.stderr.lines().last().unwrap();
    let failed = "'check --deploy' failed with exit code 1; nothing was started";
    assert_eq!(last, format!("keybearer: {failed}"));
    run.expect_stderr_contains("ValueError: no good").expect_nowhere(KEY);
    assert!(!data.join("started").exists());
}
