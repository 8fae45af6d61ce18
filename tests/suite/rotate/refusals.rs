//! What is refused before anything is written.

use super::OTHER;
use super::host::{Host, writable};
use crate::check::with_manage;
use crate::harness::{Bench, KEY};

fn env() -> String {
    format!("SECRET_KEY={KEY}\n")
}

#[track_caller]
fn refused(host: &Host, source: &str, code: i32, said: &str) {
    let text = host.text();
    host.bench.file("web.toml", host.bench.fill(source), 0o644);
    let outcome = host.rotate("web", &["-q"]).run();
    outcome.expect_refusal(code, &format!("keybearer: {said}")).expect_nowhere(OTHER);
    assert_eq!(host.text(), text);
}

#[test]
fn sources_that_cannot_be_written() {
    let host = Host::new(&env());
    refused(
        &host,
        "[[source]]\ntype = \"systemd-credentials\"\n",
        78,
        "keys cannot be written to systemd's credentials: they are copied when the unit starts and cannot change; change the credential and restart the unit, or keep the key in an env file",
    );
    refused(
        &host,
        "[[source]]\ntype = \"environment\"\nnames = [\"SECRET_KEY\"]\n",
        78,
        "keys cannot be written to the environment: what was inherited cannot change while keybearer runs; keep the key in an env file",
    );
    let secrets = host.bench.path("secrets");
    std::fs::create_dir(&secrets).unwrap();
    host.bench.file("secrets/SECRET_KEY", OTHER, 0o640);
    let directory = "[[source]]\ntype = \"directory\"\npath = \"{dir}/secrets\"\n";
    let platform = "keys cannot be written to directory '{dir}/secrets': what is in there is the platform's; rotate the secret where the platform keeps it (Docker, Kubernetes), or keep the key in an env file";
    refused(&host, directory, 78, platform);
    // The file is beside it, and the key that counts is not in it.
    let file = "[[source]]\ntype = \"env-file\"\npath = \"{dir}/site.env\"\n";
    refused(&host, &format!("{file}{directory}"), 78, platform);
}

#[test]
fn fallbacks_from_another_source() {
    let host = Host::new(&env());
    host.bench.file("more.env", format!("SECRET_KEY_FALLBACKS={OTHER}\n"), 0o640);
    let file = |name| format!("[[source]]\ntype = \"env-file\"\npath = \"{{dir}}/{name}\"\n");
    refused(
        &host,
        &(file("site.env") + &file("more.env")),
        78,
        "SECRET_KEY_FALLBACKS comes from '{dir}/more.env' and SECRET_KEY from '{dir}/site.env', and both are written to '{dir}/site.env'; move SECRET_KEY_FALLBACKS there",
    );
}

#[test]
fn secrets_that_break_the_schema() {
    let host = Host::new(&format!("{}DEBUG=True\n", env()));
    let file = "[[source]]\ntype = \"env-file\"\npath = \"{dir}/site.env\"\n";
    refused(&host, file, 78, "DEBUG: must be False (in '{dir}/site.env'); set it to False");
}

#[test]
fn a_schema_that_no_new_key_keeps() {
    let short = &KEY[..50];
    let host = Host::new(&format!("SECRET_KEY={short}\n"));
    host.bench.schema("[SECRET_KEY]\ntype = \"string\"\nlength = { max = 50 }\n");
    let file = "schema = \"{dir}/keybearer.schema.toml\"\n[[source]]\ntype = \"env-file\"\npath = \"{dir}/site.env\"\n";
    refused(
        &host,
        file,
        78,
        "the schema '{dir}/keybearer.schema.toml' refuses every key that keybearer makes: SECRET_KEY has the wrong length; the schema wants at most 50 characters",
    );
}

#[test]
fn a_file_with_the_key_twice() {
    let host = Host::new(&format!("SECRET_KEY={OTHER}\n{}", env()));
    let file = "[[source]]\ntype = \"env-file\"\npath = \"{dir}/site.env\"\n";
    let text = host.text();
    host.bench.file("web.toml", host.bench.fill(file), 0o644);
    let said = "'{dir}/site.env': SECRET_KEY is on lines 1 and 2; only the last counts: take the others out";
    let outcome = host.rotate("web", &["-q", "--blind"]).run().expect_code(78);
    outcome.expect_stderr(&format!("keybearer: {said}")).expect_nowhere(KEY);
    assert_eq!(host.text(), text);
}

/// Its users would all be logged out.
#[test]
fn settings_that_ignore_the_fallbacks() {
    let bench = Bench::new();
    let Some(()) = with_manage(&bench, "SECRET_KEY_FALLBACKS = []") else { return };
    writable(&bench);
    let file = bench.path("site.env");
    let before = std::fs::read_to_string(&file).unwrap();
    let rotate = |words: &[&str]| {
        let rotate = bench.keybearer(["rotate", "--config"]).arg(bench.path("site.toml"));
        rotate.args(words).run()
    };
    let said = "keybearer: the settings do not read SECRET_KEY_FALLBACKS, so a new key would log everybody out; add to them: SECRET_KEY_FALLBACKS = os.environ[\"SECRET_KEY_FALLBACKS\"].split(\",\")\nkeybearer: to rotate all the same: keybearer rotate --blind";
    for words in [&["-q"][..], &["-q", "--due"], &["-q", "prepare"], &["-q", "--dry-run"]] {
        rotate(words).expect_code(78).expect_stderr(said).expect_stdout("");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
    }
    rotate(&["--blind"]).expect_code(0);
    assert_ne!(std::fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn settings_that_read_the_fallbacks() {
    let bench = Bench::new();
    let Some(()) = with_manage(&bench, "") else { return };
    writable(&bench);
    let rotate = bench.keybearer(["rotate", "-q", "--config"]).arg(bench.path("site.toml")).run();
    rotate.expect_code(0).expect_stderr("").expect_nowhere(KEY);
}

/// Where the check fails whatever the fallbacks are, nobody knows whether they are read.
#[test]
fn settings_that_cannot_be_asked() {
    let bench = Bench::new();
    let Some(()) = with_manage(&bench, "raise SystemExit(3)") else { return };
    writable(&bench);
    let file = bench.path("site.env");
    let before = std::fs::read_to_string(&file).unwrap();
    let rotate = bench.keybearer(["rotate", "-q", "--config"]).arg(bench.path("site.toml"));
    let said = "keybearer: 'check --deploy' failed with exit code 3; nothing was started";
    rotate.run().expect_code(1).expect_stderr(said).expect_stdout("");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
}

/// Settings that judge their keys themselves have read them.
#[test]
fn settings_that_refuse_a_weak_fallback() {
    let bench = Bench::new();
    let strict = "if 'insecure' in str(SECRET_KEY_FALLBACKS): raise SystemExit(3)";
    let Some(()) = with_manage(&bench, strict) else { return };
    writable(&bench);
    let rotate = bench.keybearer(["rotate", "-q", "--config"]).arg(bench.path("site.toml")).run();
    rotate.expect_code(0).expect_nowhere(KEY);
}
