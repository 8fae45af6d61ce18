//! What systemd puts into $CREDENTIALS_DIRECTORY. The real one is for the tests with systemd; this
//! one has its owner, modes and ACL.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::{Bench, Invocation, KEY, Mode};

/// As systemd 252 makes it: root's, closed, and open by an ACL to the unit's User= alone.
fn credentials(bench: &Bench, files: &[(&str, &str)]) {
    let directory = bench.path("credentials");
    fs::create_dir(&directory).unwrap();
    for (name, content) in files {
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        closed(bench, &path, 0o400, "r");
    }
    closed(bench, &directory, 0o500, "rx");
}

fn closed(bench: &Bench, path: &Path, mode: u32, user_may: &str) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    // Without root there is no other owner than this user.
    if Mode::current() == Mode::User && nix::unistd::geteuid().is_root() {
        let entry = format!("u:{}:{user_may}", bench.site().name);
        let set = Command::new("setfacl").args(["-m", &entry]).arg(path).status().unwrap();
        assert!(set.success());
    }
}

fn exec<'a>(bench: &'a Bench, source: &str) -> Invocation<'a> {
    bench.schema("unlisted = \"pass\"\n[SECRET_KEY]\ntype = \"django-secret-key\"\n");
    let config = bench.config(&format!(
        "schema = \"{{dir}}/keybearer.schema.toml\"\n\
         [[source]]\ntype = \"systemd-credentials\"\n{source}\n"
    ));
    let directory = bench.path("credentials");
    bench.exec([Path::new("--config"), &config]).env("CREDENTIALS_DIRECTORY", directory)
}

#[test]
fn one_file_a_secret() {
    let Some(bench) = Bench::in_memory() else { return };
    credentials(&bench, &[("SECRET_KEY", KEY), ("OTHER", "x\n")]);
    let environment = exec(&bench, "").run().expect_stderr("").environment();
    assert_eq!((environment["SECRET_KEY"].as_str(), environment["OTHER"].as_str()), (KEY, "x"));
    assert!(!environment.contains_key("CREDENTIALS_DIRECTORY"));

    let environment = exec(&bench, "names = [\"SECRET_KEY\"]").run().environment();
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert!(!environment.contains_key("OTHER"));
}

#[test]
fn one_credential_that_is_an_env_file() {
    let Some(bench) = Bench::in_memory() else { return };
    let text = format!("SECRET_KEY={KEY}\nA='b c'\n");
    credentials(&bench, &[("site.env", &text), ("broken", "A=\"x"), ("other", "x")]);
    let environment = exec(&bench, "env = \"site.env\"").run().expect_stderr("").environment();
    assert_eq!((environment["SECRET_KEY"].as_str(), environment["A"].as_str()), (KEY, "b c"));

    let refusal = "keybearer: '{dir}/credentials/broken':1:3: this quote is never closed";
    exec(&bench, "env = \"broken\"").run().expect_refusal(78, refusal);
}

#[test]
fn what_is_not_there() {
    let bench = Bench::new();
    credentials(&bench, &[("SECRET_KEY", KEY)]);
    let refusal = "keybearer: credentials directory '{dir}/credentials' holds no 'password'";
    for source in ["names = [\"SECRET_KEY\", \"password\"]", "env = \"password\""] {
        exec(&bench, source).run().expect_refusal(78, refusal);
    }
    let gone = exec(&bench, "").env("CREDENTIALS_DIRECTORY", bench.path("gone"));
    gone.run().expect_refusal(78, "keybearer: '{dir}/gone' does not exist");
}

#[test]
fn no_credentials_at_all() {
    let bench = Bench::new();
    let config = bench.config("[[source]]\ntype = \"systemd-credentials\"\n");
    let refusal = "keybearer: no CREDENTIALS_DIRECTORY: the source systemd-credentials needs \
                   LoadCredential= or SetCredential= in the unit";
    bench.exec([Path::new("--config"), &config]).run().expect_refusal(78, refusal);
}
