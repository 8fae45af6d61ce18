//! Secrets that come with the environment, as Fly, Kubernetes and CI hand them over.

use std::path::Path;

use crate::harness::{Bench, Invocation, KEY};

const SCHEMA: &str = "
[SECRET_KEY]
type = \"django-secret-key\"

[DEBUG]
type = \"bool\"
equals = false
default = \"False\"

[PORT]
type = \"port\"
required = false
";

fn exec<'a>(bench: &'a Bench, source: &str) -> Invocation<'a> {
    bench.schema(SCHEMA);
    let config = bench.config(&format!(
        "schema = \"{{dir}}/keybearer.schema.toml\"\n\
         [[source]]\ntype = \"environment\"\n{source}\n"
    ));
    bench.exec([Path::new("--config"), &config])
}

#[test]
fn named_variables_go_through_the_schema() {
    let bench = Bench::new();
    let exec = |source: &str| exec(&bench, source).env("SECRET_KEY", KEY).env("OTHER", "x");
    let source = "names = [\"SECRET_KEY\", \"PORT\"]";
    let environment = exec(source).env("PORT", "8000").run().expect_stderr("").environment();
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], KEY);
    assert_eq!((environment["PORT"].as_str(), environment["DEBUG"].as_str()), ("8000", "False"));
    // What no source names is inherited as it always was.
    assert_eq!(environment["OTHER"], "x");

    let refusal =
        "keybearer: PORT: is no port (in the environment); a port is a number from 1 to 65535";
    exec(source).env("PORT", KEY).run().expect_refusal(78, refusal);
    let refusal = "keybearer: the environment holds no 'PORT'";
    exec(source).run().expect_refusal(78, refusal);
}

#[test]
fn an_inherited_name_does_not_bypass_the_schema() {
    let bench = Bench::new();
    // DEBUG is in the schema and in no source: its default stands, not what was inherited.
    let exec = |source: &str| exec(&bench, source).env("SECRET_KEY", KEY).env("DEBUG", "True");
    let environment = exec("names = [\"SECRET_KEY\"]").run().expect_stderr("").environment();
    assert_eq!(environment["DEBUG"], "False");

    let refusal = "keybearer: DEBUG: must be False (in the environment); set it to False";
    exec("names = [\"SECRET_KEY\", \"DEBUG\"]").run().expect_refusal(78, refusal);

    // Named in a source and not in the schema: dropped, the raw one too.
    let source = "names = [\"SECRET_KEY\", \"TOKEN\"]";
    let warning = "keybearer: warning: not in the schema, dropped: TOKEN; name them there, or set \
                   unlisted = \"pass\"";
    let environment = exec(source).env("TOKEN", "x").run().expect_stderr(warning).environment();
    assert!(!environment.contains_key("TOKEN"));
}

#[test]
fn by_prefix() {
    let bench = Bench::new();
    let source = "prefix = \"SITE_\"\nrename = { SECRET_KEY = \"SITE_KEY\", PORT = \"SITE_PORT\" }";
    let exec = || exec(&bench, source).env("SITE_KEY", KEY).env("SITE_PORT", "80");
    let environment = exec().env("SECRET_KEY", "raw").run().expect_stderr("").environment();
    assert_eq!((environment["SECRET_KEY"].as_str(), environment["PORT"].as_str()), (KEY, "80"));
    // Under their own names they would be there unvalidated, and twice.
    assert!(!environment.keys().any(|name| name.starts_with("SITE_")), "{environment:?}");

    let refusal = "keybearer: SECRET_KEY: is shorter than 50 characters (in the environment); \
                   make one with: keybearer key";
    exec().env("SITE_KEY", "0123456789 a weak canary").run().expect_refusal(78, refusal);
}

#[test]
fn a_prefix_that_nothing_has() {
    let bench = Bench::new();
    let said = "keybearer: warning: the environment gives no variable\n\
                keybearer: SECRET_KEY: is missing; make one with: keybearer key";
    exec(&bench, "prefix = \"SITE_\"").env("SECRET_KEY", KEY).run().expect_refusal(78, said);
}

#[test]
fn what_is_no_text() {
    use std::os::unix::ffi::OsStrExt;

    let bench = Bench::new();
    let latin = std::ffi::OsStr::from_bytes(b"caf\xe9");
    let refusal = "keybearer: the environment: SECRET_KEY is not valid UTF-8; encode it (base64, \
                   for instance) where it is written";
    let exec = exec(&bench, "names = [\"SECRET_KEY\"]").env("SECRET_KEY", latin);
    exec.run().expect_refusal(78, refusal);
}
