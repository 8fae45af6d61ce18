//! A real PostgreSQL, and passwords that come to it through keybearer.

use std::path::Path;

use crate::harness::{Bench, Browser, Demo, Outcome, Postgres, Running, Target, free_port};

/// Nothing that a URL, a shell or an env file would leave alone.
const PASSWORD: &str = "p@ss/wo:rd#%? +é";
const ENCODED: &str = "p%40ss%2Fwo%3Ard%23%25%3F%20%2B%C3%A9";
const WRONG: &str = "another-password";

const SCHEMA: &str = r#"
[SECRET_KEY]
type = "django-secret-key"

[DEBUG]
type = "bool"
equals = false

[ALLOWED_HOSTS]
type = "hosts"

[DATABASE_URL]
type = "database-url"
"#;

/// The demo site on a database of its own.
struct Site<'a> {
    bench: &'a Bench,
    demo: Demo<'a>,
    postgres: Postgres<'a>,
}

impl<'a> Site<'a> {
    fn new(bench: &'a Bench, schema: &str) -> Option<Site<'a>> {
        let demo = Demo::new(bench)?;
        let postgres = Postgres::new(bench, PASSWORD)?;
        bench.schema(&format!("{SCHEMA}{schema}"));
        Some(Site { bench, demo, postgres })
    }

    /// The env file, with these lines for the database.
    fn database(&self, lines: &str) {
        let variables = self.demo.env_text();
        let others = variables.lines().filter(|line| !line.starts_with("DEMO_DATA"));
        let others: String = others.map(|line| format!("{line}\n")).collect();
        self.bench.env_file(&format!("{others}{lines}\n"));
    }

    fn url(&self, password: &str) {
        self.database(&format!("DATABASE_URL=postgres://site:{password}@{}/site", self.address()));
    }

    fn parts(&self) -> String {
        let port = self.postgres.port();
        format!(
            "DB_NAME=site\nDB_USER=site\nDB_PASSWORD='{PASSWORD}'\nDB_HOST=127.0.0.1\nDB_PORT={port}"
        )
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.postgres.port())
    }

    fn config(&self, more: &str) {
        self.bench.config(&format!(
            "user = \"{{user}}\"
directory = \"{}\"
schema = \"{{dir}}/keybearer.schema.toml\"
[[source]]
type = \"env-file\"
path = \"{{dir}}/site.env\"
{more}",
            self.demo.app().display()
        ));
    }

    /// A one-off command under the site's secrets.
    fn exec(&self, program: &Path, arguments: &[&str]) -> Outcome {
        let exec = self.bench.keybearer(["exec", "--config"]).arg(self.bench.path("site.toml"));
        exec.arg("--").arg(program).args(arguments).run()
    }

    fn manage(&self, arguments: &[&str]) -> Outcome {
        self.exec(&self.demo.python(), &[&["manage.py"], arguments].concat())
    }

    /// Starts it and waits until it says that it serves.
    fn serve(&self) -> (Running, Target) {
        let port = free_port();
        let run = self.run(port);
        run.wait_for_line("keybearer: serving on");
        (run, Target::Loopback(port))
    }

    fn run(&self, port: u16) -> Running {
        let run = self.bench.keybearer(["run", "--config"]).arg(self.bench.path("site.toml"));
        let run = run.args(["--listen", &format!("127.0.0.1:{port}"), "--"]);
        run.arg(self.demo.gunicorn()).args(["--no-control-socket", "demo.wsgi:application"]).spawn()
    }

    /// With tables and a user, whose password is the answer.
    fn filled(&self) -> String {
        self.manage(&["migrate", "--verbosity=0"]).expect_code(0);
        self.manage(&["newuser", Demo::USER]).expect_code(0).stdout.trim().to_owned()
    }

    fn logs_in(&self) {
        let password = self.filled();
        let (run, target) = self.serve();
        let mut browser = Browser::new(target);
        assert_eq!(browser.log_in(Demo::USER, &password).unwrap().status, 302);
        assert_eq!(browser.signed_in_as().unwrap().as_deref(), Some(Demo::USER));
        assert!(!run.stderr().contains(PASSWORD) && !run.stderr().contains(ENCODED));
    }
}

#[test]
fn a_login_works_with_the_password_of_the_env_file() {
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, "") else { return };
    site.url(ENCODED);
    site.config("");
    site.logs_in();
}

#[test]
fn a_login_works_with_a_database_given_in_parts() {
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, "compose = true\n") else { return };
    site.database(&site.parts());
    site.config("");
    let url = "import os; print(os.environ['DATABASE_URL'])";
    let expected = format!("postgres://site:{ENCODED}@{}/site", site.address());
    site.exec(&site.demo.python(), &["-c", url]).expect_code(0).expect_stdout(&expected);
    site.logs_in();
}

#[test]
fn a_url_taken_apart_opens_the_database() {
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, "split = true\n") else { return };
    site.url(ENCODED);
    site.config("");
    let psql = site.postgres.psql();
    let script = format!(
        "printf '%s\\n' \"$DB_PASSWORD\"; PGPASSWORD=$DB_PASSWORD exec {} -h \"$DB_HOST\" -p \"$DB_PORT\" -U \"$DB_USER\" \"$DB_NAME\" -Atc 'SELECT current_user'",
        psql.display()
    );
    let outcome = site.exec(Path::new("/bin/sh"), &["-c", &script]).expect_code(0);
    outcome.expect_stdout(&format!("{PASSWORD}\nsite"));
}

const REFUSAL: &str = "password authentication failed for user \"site\"";

/// With a gate that asks the database the site does not start.
#[test]
fn a_wrong_password_fails_at_the_gate() {
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, "") else { return };
    site.url(WRONG);
    let python = site.demo.python();
    let before = format!(
        "[reload]\nbefore = [[\"{}\", \"manage.py\", \"migrate\", \"--check\"]]",
        python.display()
    );
    site.config(&before);
    let outcome = site.run(free_port()).wait().expect_code(1).expect_stderr_contains(REFUSAL);
    let last = outcome.stderr.lines().last();
    let expected = "keybearer: the 'before' command 1 failed with exit code 1; nothing was started";
    assert_eq!(last, Some(expected));
    assert!(!outcome.stderr.contains("Starting gunicorn"));
    outcome.expect_nowhere(WRONG).expect_nowhere(site.demo.key());
}

/// Without one the site serves what needs no database, and its own log says what is wrong.
#[test]
fn a_wrong_password_is_in_the_sites_log() {
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, "") else { return };
    site.url(WRONG);
    site.config("");
    let (run, target) = site.serve();
    let mut browser = Browser::new(target);
    assert_eq!(browser.log_in(Demo::USER, "x").unwrap().status, 500);
    run.wait_for_line(REFUSAL);
    assert!(!run.stderr().contains(WRONG));
}
