use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::{Bench, Fifo, Invocation, Running, Target, free_port, venv};

/// The sites of tests/site under a real Gunicorn: one of Django's with users, and a plain one that
/// boots at once and goes wrong as it is told.
#[derive(Debug)]
pub struct TestSite<'a> {
    bench: &'a Bench,
    worker: Worker,
    app: App,
    address: String,
    target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    Sync,
    Gthread,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    Tcp,
    Unix,
}

/// Where Django keeps the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    SignedCookies,
    Database,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum App {
    Django(Sessions),
    Plain,
}

/// Compiled in, so that the tests and the site they expect are never of two versions.
const FILES: [(&str, &str); 8] = [
    ("settings.py", include_str!("../../site/settings.py")),
    ("urls.py", include_str!("../../site/urls.py")),
    ("views.py", include_str!("../../site/views.py")),
    ("wsgi.py", include_str!("../../site/wsgi.py")),
    ("prepare.py", include_str!("../../site/prepare.py")),
    ("asgi.py", include_str!("../../site/asgi.py")),
    ("plain.py", include_str!("../../site/plain.py")),
    ("generations.py", include_str!("../../site/generations.py")),
];

impl<'a> TestSite<'a> {
    /// How many users its database has.
    pub const USERS: usize = 200;

    /// None, and said so, where `tests/run` has not prepared Python.
    pub fn django(
        bench: &'a Bench,
        worker: Worker,
        listen: Listen,
        sessions: Sessions,
    ) -> Option<TestSite<'a>> {
        let site = TestSite::new(bench, worker, listen, App::Django(sessions))?;
        let database = bench.site_dir("data").join("db.sqlite3");
        fs::write(&database, migrated()).unwrap();
        bench.site().owns(&database);
        Some(site)
    }

    pub fn plain(bench: &'a Bench, worker: Worker, listen: Listen) -> Option<TestSite<'a>> {
        TestSite::new(bench, worker, listen, App::Plain)
    }

    fn new(bench: &'a Bench, worker: Worker, listen: Listen, app: App) -> Option<TestSite<'a>> {
        venv("gunicorn")?;
        unpack(bench);
        let (address, target) = match listen {
            Listen::Tcp => {
                let port = free_port();
                (format!("127.0.0.1:{port}"), Target::Loopback(port))
            }
            Listen::Unix => {
                let path = bench.site_dir("socket").join("web.sock");
                (format!("unix:{}", path.display()), Target::Unix(path))
            }
        };
        Some(TestSite { bench, worker, app, address, target })
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn directory(&self) -> PathBuf {
        self.bench.path("site")
    }

    /// What `[listen] sockets` or `--bind` says.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn command(&self) -> Vec<String> {
        let gunicorn = venv("gunicorn").expect("found when this was made");
        let workers: &[&str] = match self.worker {
            Worker::Sync => &["--workers", "4"],
            Worker::Gthread => &["--workers", "2", "--worker-class", "gthread", "--threads", "6"],
        };
        let app = match self.app {
            App::Django(_) => "wsgi:application",
            App::Plain => "plain:application",
        };
        let words = [gunicorn.to_str().unwrap(), "--no-control-socket"].into_iter();
        words.chain(workers.iter().copied()).chain([app]).map(str::to_owned).collect()
    }

    /// What belongs into the site's env file beside its keys.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        match self.app {
            App::Plain => Vec::new(),
            App::Django(sessions) => {
                let sessions = match sessions {
                    Sessions::SignedCookies => "signed_cookies",
                    Sessions::Database => "db",
                };
                let database = self.bench.path("data/db.sqlite3");
                vec![
                    ("SITE_DATABASE", database.to_str().unwrap().to_owned()),
                    ("SITE_SESSIONS", sessions.to_owned()),
                    ("ALLOWED_HOSTS", "localhost".to_owned()),
                ]
            }
        }
    }

    /// Gunicorn alone, which binds the address itself.
    pub fn bare(&self, key: &str) -> Invocation<'a> {
        let command = self.command();
        let invocation = self.bench.program(&command[0]).by_site().cwd(self.directory());
        let invocation = invocation.args(["--bind", &self.address]).args(&command[1..]);
        let invocation = invocation.env("SECRET_KEY", key).env("SECRET_KEY_FALLBACKS", key);
        self.variables().into_iter().fold(invocation, |inv, (name, value)| inv.env(name, value))
    }

    /// tests/site/generations.py, which does as it is told over the fifo.
    pub fn by_hand(&self, orders: &Fifo) -> Running {
        let orders = orders.path().display();
        let script = format!("exec /usr/bin/python3 -IS \"$0\" \"$@\" <'{orders}'");
        // Its private sockets are made in the directory where it is.
        let directory = self.bench.site_dir("by-hand");
        let shell = self.bench.program("/bin/sh").by_site().cwd(&directory).args(["-c", &script]);
        let shell = shell.arg(self.directory().join("generations.py")).arg(&self.address);
        let shell =
            shell.args(self.command()).args(["--chdir", self.directory().to_str().unwrap()]);
        self.variables()
            .into_iter()
            .fold(shell, |shell, (name, value)| shell.env(name, value))
            .spawn()
    }
}

fn unpack(bench: &Bench) {
    let directory = bench.path("site");
    fs::create_dir(&directory).unwrap();
    for (name, content) in FILES {
        bench.file(&format!("site/{name}"), content, 0o644);
    }
}

/// Made once; every test gets a copy.
fn migrated() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let bench = Bench::new();
        unpack(&bench);
        let database = bench.site_dir("data").join("db.sqlite3");
        let python = venv("python").expect("found before");
        let prepare = bench.program(python).by_site().cwd(bench.path("site"));
        prepare
            .args([Path::new("prepare.py"), Path::new(&TestSite::USERS.to_string())])
            .env("SECRET_KEY", super::KEY)
            .env("SECRET_KEY_FALLBACKS", super::KEY)
            .env("SITE_DATABASE", &database)
            .env("SITE_SESSIONS", "db")
            .run()
            .expect_code(0);
        fs::read(database).unwrap()
    })
}
