use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use super::{Bench, Invocation, Running, eventually, free_port};

/// A PostgreSQL of one test's own, on the loopback interface, where it asks for passwords. Its role
/// `site` owns the database `site`.
#[derive(Debug)]
pub struct Postgres<'a> {
    bench: &'a Bench,
    programs: PathBuf,
    port: u16,
    server: Running,
}

impl<'a> Postgres<'a> {
    /// None, and said so, where it is not installed.
    pub fn new(bench: &'a Bench, password: &str) -> Option<Postgres<'a>> {
        let Some(programs) = programs() else {
            super::skip("needs PostgreSQL");
            return None;
        };
        // It refuses to be root; the site's user will do.
        let data = bench.site_dir("postgres");
        let program = |name: &str| bench.program(programs.join(name)).by_site();
        program("initdb")
            .args(["--no-sync", "--encoding=UTF8", "--username=postgres", "--auth-local=trust"])
            .args(["--auth-host=scram-sha-256", "--pgdata"])
            .arg(&data)
            .run()
            .expect_code(0);
        let port = free_port();
        let server = program("postgres")
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-p", &port.to_string()])
            .args(["-c", "lc_messages=C", "-k"])
            .arg(&data)
            .arg("-D")
            .arg(&data)
            .spawn();
        server.wait_for_line("ready to accept connections");
        let postgres = Postgres { bench, programs, port, server };
        let quoted = password.replace('\'', "''");
        postgres.sql(&format!("CREATE ROLE site LOGIN PASSWORD '{quoted}'"));
        postgres.sql("CREATE DATABASE site OWNER site");
        Some(postgres)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its own client.
    pub fn psql(&self) -> PathBuf {
        self.programs.join("psql")
    }

    /// As its superuser, over the socket that asks for no password.
    #[track_caller]
    pub fn sql(&self, statement: &str) {
        let psql: Invocation<'_> = self.bench.program(self.psql()).by_site();
        psql.args(["-U", "postgres", "-p", &self.port.to_string(), "-h"])
            .arg(self.bench.path("postgres"))
            .args(["-c", statement])
            .run()
            .expect_code(0);
    }
}

/// Debian keeps one directory for each version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let bins = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    bins.filter(|bin| Path::new(&bin.join("initdb")).exists()).max()
}

impl Drop for Postgres<'_> {
    fn drop(&mut self) {
        // At once, but so that it takes its shared memory away, which KILL would leave.
        if !self.server.has_ended() {
            self.server.signal(Signal::SIGQUIT);
            eventually("PostgreSQL ends", || self.server.has_ended());
        }
    }
}
