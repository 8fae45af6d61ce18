use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Bench, Invocation, KEY};

/// The demo site of packaging/demo, with a database and a user of its own.
#[derive(Debug)]
pub struct Demo<'a> {
    bench: &'a Bench,
    kit: PathBuf,
    data: PathBuf,
}

impl<'a> Demo<'a> {
    /// The user who is in the database.
    pub const USER: &'static str = "demo";

    /// None, and said so, where `tests/run` has not prepared Python.
    pub fn new(bench: &'a Bench) -> Option<Demo<'a>> {
        let Some(kit) = std::env::var_os("KEYBEARER_TEST_KIT") else {
            super::skip("needs the kit of tests/run");
            return None;
        };
        let demo = Demo { bench, kit: kit.into(), data: bench.site_dir("data") };
        let (database, _) = demo.made();
        let path = demo.data.join("db.sqlite3");
        fs::write(&path, database).unwrap();
        bench.site().owns(&path);
        Some(demo)
    }

    pub fn app(&self) -> PathBuf {
        self.kit.join("app")
    }

    pub fn python(&self) -> PathBuf {
        self.kit.join("venv/bin/python")
    }

    pub fn gunicorn(&self) -> PathBuf {
        self.kit.join("venv/bin/gunicorn")
    }

    /// What belongs into the site's env file.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        environment(&self.data)
    }

    /// The same as the text of an env file.
    pub fn env_text(&self) -> String {
        let lines = self.environment().into_iter();
        lines.map(|(name, value)| format!("{name}={value}\n")).collect()
    }

    /// The canary: no output may show it.
    pub fn key(&self) -> &'static str {
        KEY
    }

    pub fn password(&self) -> &'static str {
        &self.made().1
    }

    /// Migrated once; every test gets a copy.
    fn made(&self) -> &'static (Vec<u8>, String) {
        static MADE: OnceLock<(Vec<u8>, String)> = OnceLock::new();
        MADE.get_or_init(|| {
            let bench = Bench::new();
            let data = bench.site_dir("data");
            self.manage(&bench, &data).args(["migrate", "--verbosity=0"]).run().expect_code(0);
            let made = self.manage(&bench, &data).args(["newuser", Demo::USER]).run();
            let password = made.expect_code(0).stdout.trim().to_owned();
            (fs::read(data.join("db.sqlite3")).unwrap(), password)
        })
    }

    fn manage<'b>(&self, bench: &'b Bench, data: &Path) -> Invocation<'b> {
        let manage = bench.program(self.python()).by_site().cwd(self.app()).arg("manage.py");
        let variables = environment(data).into_iter();
        variables.fold(manage, |manage, (name, value)| manage.env(name, value))
    }

    /// The site without keybearer, as a check on the tests.
    pub fn bare_gunicorn(&self, bind: &str) -> Invocation<'a> {
        let gunicorn = self.bench.program(self.gunicorn()).by_site().cwd(self.app()).args([
            "--bind",
            bind,
            "--no-control-socket",
            "demo.wsgi:application",
        ]);
        let variables = self.environment().into_iter();
        variables.fold(gunicorn, |gunicorn, (name, value)| gunicorn.env(name, value))
    }
}

fn environment(data: &Path) -> Vec<(&'static str, String)> {
    vec![
        ("SECRET_KEY", KEY.to_owned()),
        ("DEBUG", "False".to_owned()),
        ("ALLOWED_HOSTS", "localhost,127.0.0.1".to_owned()),
        ("DEMO_DATA", data.to_str().unwrap().to_owned()),
    ]
}
