//! What the secrets must be: the built-in schema, one of the site's own, and broken ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::harness::{Bench, Invocation, KEY, Outcome};

const FROM: &str = "(in '{dir}/site.env')";
const WITH_DATABASE: &str = "DATABASE_URL=sqlite:////srv/db\n";
const SMALL: &str = "[SECRET_KEY]\ntype = \"django-secret-key\"\n";

/// Under the built-in schema.
fn django<'a>(bench: &'a Bench, secrets: &str) -> Invocation<'a> {
    bench.exec([Path::new("--env-file"), &bench.env_file(secrets)])
}

fn with_key<'a>(bench: &'a Bench, secrets: &str) -> Invocation<'a> {
    django(bench, &format!("SECRET_KEY={KEY}\n{secrets}"))
}

/// Under a schema of the site's own, with a good key.
fn own<'a>(bench: &'a Bench, schema: &str, secrets: &str) -> Invocation<'a> {
    let schema = bench.schema(schema);
    let secrets = bench.env_file(&format!("SECRET_KEY={KEY}\n{secrets}"));
    bench.exec([Path::new("--schema"), &schema, Path::new("--env-file"), &secrets])
}

/// The same with `[keys]` or `[environment]` from a config.
fn configured<'a>(bench: &'a Bench, settings: &str, schema: &str, secrets: &str) -> Invocation<'a> {
    bench.schema(schema);
    bench.env_file(secrets);
    let config: PathBuf = bench.config(&format!(
        "schema = \"{{dir}}/keybearer.schema.toml\"\n\
         [[source]]\ntype = \"env-file\"\npath = \"{{dir}}/site.env\"\n{settings}\n"
    ));
    bench.exec([Path::new("--config"), &config])
}

#[track_caller]
fn refused(outcome: Outcome, lines: &[&str]) -> Outcome {
    let lines: Vec<String> =
        lines.iter().map(|line| format!("keybearer: {}", line.replace("{in}", FROM))).collect();
    outcome.expect_refusal(78, &lines.join("\n"))
}

#[track_caller]
fn warned(outcome: Outcome, warnings: &[&str]) -> BTreeMap<String, String> {
    let lines: Vec<String> = warnings
        .iter()
        .map(|line| format!("keybearer: warning: {}", line.replace("{in}", FROM)))
        .collect();
    outcome.expect_stderr(&lines.join("\n")).environment()
}

/// Each value is a canary: it is in no message.
#[test]
fn the_built_in_rules_one_by_one() {
    let bench = Bench::new();
    let make = "make one with: keybearer key";
    let short = &KEY[..31];
    let few = "abcd".repeat(20);
    let insecure = format!("django-insecure-{KEY}");
    for (name, value, why) in [
        ("SECRET_KEY", "", format!("is empty {{in}}; put it into a source; {make}")),
        ("SECRET_KEY", short, format!("is shorter than 32 characters {{in}}; {make}")),
        ("SECRET_KEY", &few, format!("has fewer than 5 different characters {{in}}; {make}")),
        ("SECRET_KEY", &insecure, format!("starts with 'django-insecure-' {{in}}; {make}")),
        ("DEBUG", "tRuE", "must be False {in}; set it to False".to_owned()),
        ("DJANGO_DEBUG", "yes", "must be False {in}; set it to False".to_owned()),
        (
            "DEBUG",
            "canary-for-debug",
            "is neither true nor false {in}; write true, false, 1, 0, yes, no, on or off"
                .to_owned(),
        ),
        (
            "ALLOWED_HOSTS",
            "canary.example,*",
            "item 2 is '*', which accepts any Host header {in}; name the site's hosts".to_owned(),
        ),
        (
            "DJANGO_ALLOWED_HOSTS",
            "*",
            "item 1 is '*', which accepts any Host header {in}; name the site's hosts".to_owned(),
        ),
        (
            "CSRF_TRUSTED_ORIGINS",
            "canary.example",
            "item 1 has no scheme {in}; write it as in https://example.com".to_owned(),
        ),
        (
            "SENTRY_DSN",
            "https://canary.example/1",
            "has no public key before the '@' {in}; copy it again from the project's settings: \
             https://KEY@HOST/NUMBER"
                .to_owned(),
        ),
        (
            "DATABASE_URL",
            "canary://user:canary@host/db",
            "has a scheme that neither dj-database-url nor django-environ knows {in}; use \
             postgres://, mysql:// or sqlite://, or name the scheme in the schema's 'schemes'"
                .to_owned(),
        ),
    ] {
        let others = [("SECRET_KEY", KEY), ("DATABASE_URL", "sqlite:////srv/db")];
        let others = others.into_iter().filter(|(other, _)| *other != name);
        let text: String = others
            .chain([(name, value)])
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        let outcome = refused(django(&bench, &text).run(), &[&format!("{name}: {why}")]);
        if !value.is_empty() && value != "*" && value != "yes" {
            outcome.expect_nowhere(value).expect_nowhere("canary");
        }
    }
}

#[test]
fn half_a_database() {
    let bench = Bench::new();
    for (secrets, missing) in [
        ("DB_NAME=canary\n", "DB_USER, DB_PASSWORD, DB_HOST"),
        ("DB_NAME=canary\nDB_USER=canary\nDB_PASSWORD=canary\n", "DB_HOST"),
        ("POSTGRES_DB=canary\nPOSTGRES_USER=canary\n", "POSTGRES_PASSWORD, POSTGRES_HOST"),
        ("DB_NAME=canary\nDB_USER=canary\nDB_HOST=canary.example\n", "DB_PASSWORD"),
    ] {
        let host = missing.rsplit(", ").next().filter(|last| last.ends_with("_HOST"));
        let socket = host
            .map(|host| format!("; for a local socket {host}=/var/run/postgresql"))
            .unwrap_or_default();
        let line = format!(
            "half a database: {missing} missing; give {missing} too, or DATABASE_URL{socket}"
        );
        refused(with_key(&bench, secrets).run(), &[&line]).expect_nowhere("canary");
    }
    let whole = "DB_NAME=a\nDB_USER=b\nDB_PASSWORD=c\nDB_HOST=d\n";
    warned(with_key(&bench, whole).run(), &[]);
}

#[test]
fn everything_is_said_at_once_and_no_value() {
    let bench = Bench::new();
    let secrets = "SECRET_KEY=canary\nDEBUG=on\nALLOWED_HOSTS=*\nDB_NAME=canary\n\
                   SENTRY_DSN=canary\nREDIS_URL=redis://:can%ary@host/0\n";
    let outcome = django(&bench, secrets).run();
    let lines = [
        "ALLOWED_HOSTS: item 1 is '*', which accepts any Host header {in}; name the site's hosts",
        "DEBUG: must be False {in}; set it to False",
        "SENTRY_DSN: is no URL: byte 7 may not stand there {in}; percent-encode what is special in \
         it, such as '@' as %40 and '#' as %23",
        "SECRET_KEY: is shorter than 32 characters {in}; make one with: keybearer key",
        "half a database: DB_USER, DB_PASSWORD, DB_HOST missing; give DB_USER, DB_PASSWORD, \
         DB_HOST too, or DATABASE_URL; for a local socket DB_HOST=/var/run/postgresql",
        "REDIS_URL: is no URL: byte 13 is a '%' without two hex digits {in}; percent-encode what is \
         special in it, such as '@' as %40 and '#' as %23",
    ];
    refused(outcome, &lines).expect_nowhere("canary");
}

#[test]
fn what_is_only_warned_about() {
    let bench = Bench::new();
    let none = "no database is given, neither DATABASE_URL nor DB_NAME, DB_USER, DB_PASSWORD and \
                DB_HOST: the site's settings decide";
    warned(with_key(&bench, "").run(), &[none]);

    let shorter = format!("SECRET_KEY={}\n{WITH_DATABASE}", &KEY[..44]);
    let warning = "SECRET_KEY is shorter than 50 characters (security.W009); \
                   make one with: keybearer key";
    warned(django(&bench, &shorter).run(), &[warning]);

    let weak = format!("{WITH_DATABASE}SECRET_KEY_FALLBACKS={KEY}x,weak,weaker\n");
    let warning = "SECRET_KEY_FALLBACKS item 2 is shorter than 50 characters and has fewer than 5 \
                   different characters, and 1 more are weak (security.W025); take it out once \
                   nothing is signed with it any more";
    let environment = warned(with_key(&bench, &weak).run(), &[warning]);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], format!("{KEY}x,weak,weaker"));

    let dollar = format!("SECRET_KEY=$x{KEY}\n{WITH_DATABASE}");
    let warning = "SECRET_KEY begins with '$', which django-environ takes for a reference and \
                   prints in its error; replace it: keybearer key";
    let environment = warned(django(&bench, &dollar).run(), &[warning]);
    assert_eq!(environment["SECRET_KEY"], format!("$x{KEY}"));
}

#[test]
fn the_guides_name_for_the_key() {
    let bench = Bench::new();
    let secrets = format!("DJANGO_SECRET_KEY={KEY}\n{WITH_DATABASE}");
    let environment = warned(django(&bench, &secrets).run(), &[]);
    assert_eq!(environment["DJANGO_SECRET_KEY"], KEY);
    assert_eq!(environment["DJANGO_SECRET_KEY_FALLBACKS"], KEY);
    assert!(!environment.contains_key("SECRET_KEY"));
    assert!(!environment.contains_key("SECRET_KEY_FALLBACKS"));
}

#[test]
fn what_the_built_in_schema_does_not_know_passes() {
    let bench = Bench::new();
    let secrets = format!("{WITH_DATABASE}lower=1\nLOGIN_URL=/in/\nHOME_URL=home\nX={{a}}\n");
    let environment = warned(with_key(&bench, &secrets).run(), &[]);
    for (name, value) in [("lower", "1"), ("LOGIN_URL", "/in/"), ("HOME_URL", "home"), ("X", "{a}")]
    {
        assert_eq!(environment[name], value);
    }
}

#[test]
fn names_that_steer_the_loader_and_the_interpreter() {
    let bench = Bench::new();
    let names = [
        "BASH_ENV",
        "ENV",
        "GCONV_PATH",
        "HOME",
        "IFS",
        "LD_AUDIT",
        "LD_PRELOAD",
        "LISTEN_FDS",
        "NOTIFY_SOCKET",
        "PATH",
        "PYTHONPATH",
        "PYTHONSTARTUP",
    ];
    let evil: String = names.iter().map(|name| format!("{name}=/evil\n")).collect();
    let warnings: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                "{name} {FROM} never comes from a source, dropped; to have it, name it in the \
                 schema or in [environment] allow"
            )
        })
        .collect();
    let warnings: Vec<&str> = warnings.iter().map(String::as_str).collect();
    let environment = warned(with_key(&bench, &format!("{WITH_DATABASE}{evil}")).run(), &warnings);
    assert!(!environment.values().any(|value| value == "/evil"), "{environment:?}");
    assert!(environment["PATH"].starts_with("/usr/local/sbin:"));

    // The two mends, and only for the name that they name.
    let evil = format!("SECRET_KEY={KEY}\nPYTHONPATH=/mine\nLD_PRELOAD=/evil\n");
    let one = "LD_PRELOAD {in} never comes from a source, dropped; to have it, name it in the \
               schema or in [environment] allow";
    let allowed = configured(&bench, "[environment]\nallow = [\"PYTHONPATH\"]", SMALL, &evil);
    let environment = warned(allowed.run(), &[one]);
    assert_eq!(environment["PYTHONPATH"], "/mine");
    assert!(!environment.contains_key("LD_PRELOAD"));
    let listed = format!("{SMALL}[PYTHONPATH]\ntype = \"path\"\n");
    let environment = warned(configured(&bench, "", &listed, &evil).run(), &[one]);
    assert_eq!(environment["PYTHONPATH"], "/mine");
}

#[test]
fn keybearers_own_names_and_the_rotations() {
    let bench = Bench::new();
    let secrets = format!(
        "{WITH_DATABASE}KEYBEARER_USER=root\nKEYBEARER_ROTATION='{{\"version\":1}}'\nSECRET_KEY_NEXT={KEY}x\n"
    );
    let warning = "KEYBEARER_USER {in} never reaches the site, dropped; it belongs in \
                   keybearer's own environment";
    let environment = warned(with_key(&bench, &secrets).run(), &[warning]);
    assert!(!environment.keys().any(|name| name.starts_with("KEYBEARER_")));
    assert!(!environment.contains_key("SECRET_KEY_NEXT"));
}

#[test]
fn what_the_schema_does_not_name() {
    let bench = Bench::new();
    let secrets = "TOKEN=canary\nOTHER=canary\n";
    let dropped = "not in the schema, dropped: OTHER, TOKEN; name them there, or set \
                   unlisted = \"pass\"";
    for schema in [SMALL.to_owned(), format!("unlisted = \"drop\"\n{SMALL}")] {
        let environment = warned(own(&bench, &schema, secrets).run(), &[dropped]);
        assert!(!environment.contains_key("TOKEN") && !environment.contains_key("OTHER"));
    }
    let pass = format!("unlisted = \"pass\"\n{SMALL}");
    assert_eq!(warned(own(&bench, &pass, secrets).run(), &[])["TOKEN"], "canary");

    let refuse = format!("unlisted = \"refuse\"\n{SMALL}");
    let why = "is not in the schema {in}; name it there, take it out, or set unlisted = \"drop\"";
    let lines = [format!("OTHER: {why}"), format!("TOKEN: {why}")];
    let outcome = own(&bench, &refuse, secrets).run();
    refused(outcome, &[&lines[0], &lines[1]]).expect_nowhere("canary");

    let many: String = (10..24).map(|n| format!("A{n}=\n")).collect();
    let dropped = "not in the schema, dropped: A10, A11, A12, A13, A14, A15, A16, A17, A18, A19, \
                   A20, A21 and 2 more; name them there, or set unlisted = \"pass\"";
    warned(own(&bench, SMALL, &many).run(), &[dropped]);
}

/// A mistyped name is missing under the right one and dropped under the wrong one: both are said.
#[test]
fn a_variable_under_a_mistyped_name() {
    let bench = Bench::new();
    bench.schema("[SECRET_KEY]\ntype = \"django-secret-key\"\n");
    let secrets = bench.env_file(&format!("SECERT_KEY={KEY}\n"));
    let schema = bench.path("keybearer.schema.toml");
    let said = "keybearer: warning: not in the schema, dropped: SECERT_KEY; name them there, or \
                set unlisted = \"pass\"\n\
                keybearer: SECRET_KEY: is missing; make one with: keybearer key";
    let options = [Path::new("--schema"), &schema, Path::new("--env-file"), &secrets];
    bench.exec(options).run().expect_refusal(78, said);
    // And by check, which goes its own way.
    let check = bench.keybearer(["check"]).args(options).user_flags().run().expect_code(78);
    let dropped = "warning  secrets  not in the schema, dropped: SECERT_KEY; ";
    assert!(check.stdout.contains(dropped), "{}", check.stdout);
    check.expect_nowhere(KEY);
}

#[test]
fn types_and_constraints() {
    let bench = Bench::new();
    let schema = r#"
[SECRET_KEY]
type = "django-secret-key"
[A_STRING]
type = "string"
length = { min = 12, max = 16 }
[B_LIST]
type = "list"
of = "integer"
range = { min = 1, max = 9 }
[C_JSON]
type = "list"
encoding = "json"
[D_URL]
type = "url"
schemes = ["https"]
[E_INTEGER]
type = "integer"
range = { max = 4 }
[F_PORT]
type = "port"
[G_ENUM]
type = "enum"
values = ["live", "staging"]
[H_REGEX]
type = "regex"
pattern = "[a-f]+"
[I_PATH]
type = "path"
exists = true
[J_EMAIL]
type = "email"
[K_ORIGINS]
type = "origins"
schemes = ["https"]
[L_MISSING]
type = "string"
[M_EQUALS]
type = "string"
equals = "production"
"#;
    let bad = "A_STRING=canary\nB_LIST=1,99\nC_JSON=canary\nD_URL=ftp://canary\nE_INTEGER=5\n\
               F_PORT=canary\nG_ENUM=canary\nH_REGEX=canary\nI_PATH=/canary\nJ_EMAIL=canary\n\
               K_ORIGINS=http://canary\nM_EQUALS=canary\n";
    let outcome = own(&bench, schema, bad).run();
    let lines = [
        "A_STRING: has the wrong length {in}; the schema wants at least 12 characters",
        "B_LIST: item 2 is out of range {in}; the schema wants at most 9",
        "C_JSON: is no JSON list {in}; write it as [\"one\", \"two\"]",
        "D_URL: has a scheme that is not allowed {in}; use https://",
        "E_INTEGER: is out of range {in}; the schema wants at most 4",
        "F_PORT: is no port {in}; a port is a number from 1 to 65535",
        "G_ENUM: is none of the schema's values {in}; use one of live, staging",
        "H_REGEX: does not match the schema's pattern {in}; write it in the form that the pattern \
         asks for",
        "I_PATH: names nothing that exists {in}; make it, or mend the path",
        "J_EMAIL: is no mail address {in}; write it as in person@example.com",
        "K_ORIGINS: item 1 has a scheme that is not allowed {in}; use https://",
        "L_MISSING: is missing; put it into a source",
        "M_EQUALS: must be production {in}; set it to production",
    ];
    refused(outcome, &lines).expect_nowhere("canary");

    let good = "A_STRING=twelve chars\nB_LIST=1, 9\nC_JSON='[\"a\", \"b,c\"]'\n\
                D_URL=https://example.com/\nE_INTEGER=-5\nF_PORT=65535\nG_ENUM=live\n\
                H_REGEX=abcdef\nI_PATH=/etc/passwd\nJ_EMAIL=a@example.com\n\
                K_ORIGINS=https://*.example.com:8443\nL_MISSING=x\nM_EQUALS=production\n";
    let environment = warned(own(&bench, schema, good).run(), &[]);
    assert_eq!(environment["C_JSON"], "[\"a\", \"b,c\"]");
}

#[test]
fn one_set_of_a_group() {
    let bench = Bench::new();
    let schema = format!(
        "{SMALL}[[any-of]]\nsets = [[\"DATABASE_URL\"], [\"DB_NAME\", \"DB_USER\", \"DB_HOST\"]]\n\
         [DB_HOST]\ntype = \"host\"\n"
    );
    let line = "no set of an any-of group is complete; still missing: DATABASE_URL, or: DB_USER, \
                DB_HOST";
    refused(own(&bench, &schema, "DB_NAME=canary\n").run(), &[line]).expect_nowhere("canary");
    warned(own(&bench, &schema, "DATABASE_URL=x\n").run(), &[]);
    warned(own(&bench, &schema, "DB_NAME=a\nDB_USER=b\nDB_HOST=c\n").run(), &[]);
}

#[test]
fn a_url_composed_and_taken_apart() {
    let bench = Bench::new();
    let compose = format!(
        "{SMALL}[DATABASE_URL]\ntype = \"database-url\"\nschemes = [\"postgresql\"]\ncompose = true\n"
    );
    let parts = "DB_NAME=my db\nDB_USER=us@er\nDB_PASSWORD='p/w:#?%+ ä&='\nDB_HOST=db.internal\n\
                 DB_PORT=5433\n";
    let environment = warned(own(&bench, &compose, parts).run(), &[]);
    assert_eq!(
        environment["DATABASE_URL"],
        "postgresql://us%40er:p%2Fw%3A%23%3F%25%2B%20%C3%A4%26%3D@db.internal:5433/my%20db"
    );
    // The parts were wanted for this alone.
    assert!(!environment.keys().any(|name| name.starts_with("DB_")), "{environment:?}");

    let socket = "DB_NAME=n\nDB_USER=u\nDB_HOST=/var/run/postgresql\n";
    let environment = warned(own(&bench, &compose, socket).run(), &[]);
    assert_eq!(environment["DATABASE_URL"], "postgresql://u@/n?host=%2Fvar%2Frun%2Fpostgresql");

    let half = own(&bench, &compose, "DB_NAME=canary\nDB_USER=u\nDB_PASSWORD=canary\n").run();
    let line = "DATABASE_URL: half a database: DB_HOST missing; give DB_HOST too, or \
                DATABASE_URL; for a local socket DB_HOST=/var/run/postgresql";
    refused(half, &[line]).expect_nowhere("canary");
    let line = "DATABASE_URL: is missing; put it, or DB_NAME, DB_USER, DB_PASSWORD and DB_HOST, \
                into a source";
    refused(own(&bench, &compose, "").run(), &[line]);

    let split = format!("{SMALL}[DATABASE_URL]\ntype = \"database-url\"\nsplit = true\n");
    let url = "DATABASE_URL=postgres://us%40er:p%2Fw%25@[::1]:5433/my%20db?sslmode=require\n";
    let warning = "DATABASE_URL has options after '?', which DB_* have no place for";
    let environment = warned(own(&bench, &split, url).run(), &[warning]);
    for (name, value) in [
        ("DB_ENGINE", "django.db.backends.postgresql"),
        ("DB_NAME", "my db"),
        ("DB_USER", "us@er"),
        ("DB_PASSWORD", "p/w%"),
        ("DB_HOST", "::1"),
        ("DB_PORT", "5433"),
    ] {
        assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
    }
}

/// With an empty key among its fallbacks Django accepts a signature that anybody can make.
#[test]
fn fallbacks_are_never_empty_and_never_missing() {
    let bench = Bench::new();
    let old = format!("old_{KEY}");
    let empty = "SECRET_KEY_FALLBACKS has an empty item, dropped: with an empty fallback Django \
                 accepts what anybody signed; take out the comma too many";
    for (given, carried, warnings) in [
        (None, KEY, &[][..]),
        (Some(String::new()), KEY, &[]),
        (Some(" ".to_owned()), KEY, &[]),
        (Some(",".to_owned()), KEY, &[empty]),
        (Some(" , ,".to_owned()), KEY, &[empty]),
        (Some(KEY.to_owned()), KEY, &[]),
        (Some(format!("{old},")), &old, &[empty]),
        (Some(format!("{old}, {old} ,{KEY}")), &old, &[]),
    ] {
        let line = given.map(|given| format!("SECRET_KEY_FALLBACKS=\"{given}\"\n"));
        let secrets = format!("{WITH_DATABASE}{}", line.unwrap_or_default());
        // Whatever was inherited.
        let not_carried = "SECRET_KEY_FALLBACKS is inherited and comes from no source, so it is not \
                           carried; take it in with a source of type environment";
        for (inherited, more) in [("", &[][..]), ("inherited", &[not_carried])] {
            let run = with_key(&bench, &secrets).env("SECRET_KEY_FALLBACKS", inherited).run();
            let warnings = [warnings, more].concat();
            assert_eq!(warned(run, &warnings)["SECRET_KEY_FALLBACKS"], carried, "{secrets:?}");
        }
    }
}

#[test]
fn a_key_that_the_encoding_would_cut() {
    let bench = Bench::new();
    let secrets = format!("SECRET_KEY={KEY},{KEY}\n{WITH_DATABASE}");
    let line = "SECRET_KEY: has a comma, which would cut it in two among the fallbacks {in}; make \
                another with: keybearer key, or set [keys] encoding = \"json\"";
    refused(django(&bench, &secrets).run(), &[line]);
    let json = "[keys]\nencoding = \"json\"";
    let pass = format!("unlisted = \"pass\"\n{SMALL}");
    let environment = warned(configured(&bench, json, &pass, &secrets).run(), &[]);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], format!("[\"{KEY},{KEY}\"]"));

    let listed = format!("SECRET_KEY={KEY}\nSECRET_KEY_FALLBACKS='[\"{KEY}x\"]'\n");
    let line = "SECRET_KEY_FALLBACKS: is JSON where commas are expected {in}; set [keys] \
                encoding = \"json\" if the settings read JSON";
    refused(configured(&bench, "", SMALL, &listed).run(), &[line]);
    let environment = warned(configured(&bench, json, SMALL, &listed).run(), &[]);
    assert_eq!(environment["SECRET_KEY_FALLBACKS"], format!("[\"{KEY}x\"]"));
}

#[test]
fn a_schema_file_that_is_wrong() {
    let bench = Bench::new();
    for (schema, place, why) in [
        (
            "[A]\ntype = \"string\"\nrequird = true",
            "3:1",
            "unknown word 'requird'; did you mean 'required'?",
        ),
        ("unlistd = \"drop\"", "1:1", "unknown word 'unlistd'; did you mean 'unlisted'?"),
        (
            "unlisted = \"dorp\"",
            "1:12",
            "unknown way with unlisted variables; did you mean 'drop'?",
        ),
        ("[A]\ntype = \"strng\"", "2:8", "unknown type; did you mean 'string'?"),
        ("[A]\nrequired = true", "1:1", "'type' is missing; write for example type = \"string\""),
        (
            "[any-off]",
            "1:2",
            "'any-off' is no variable name: letters, digits and '_', no digit first; did you mean [[any-of]]?",
        ),
        (
            "[A]\ntype = \"bool\"\nschemes = [\"a\"]",
            "3:1",
            "'schemes' means nothing for the type 'bool'; take it out",
        ),
        (
            "[A]\ntype = \"integer\"\nrange = { min = \"canary\" }",
            "3:17",
            "expected an integer, found a string",
        ),
        (
            "[A]\ntype = \"integer\"\ndefault = \"canary\"",
            "3:11",
            "the default breaks the variable's own rule: is no whole number; write digits alone",
        ),
        (
            "[KEYBEARER_X]\ntype = \"string\"",
            "1:2",
            "'KEYBEARER_X' is keybearer's own name and never reaches the site; take it out",
        ),
        // Somebody put a secret where only its rule belongs.
        (
            "SECRET_KEY = \"{KEY}\"",
            "1:1",
            "'SECRET_KEY' is no table; a schema holds rules, not values: write [SECRET_KEY]",
        ),
        (
            "SECRET_KEY={KEY}",
            "1:12",
            "not valid TOML: string values must be quoted, expected literal string",
        ),
        (
            "[SECRET_KEY]\ntype = \"django-secret-key\"\ndefault = \"{KEY}\"",
            "3:1",
            "'default' means nothing for the type 'django-secret-key'; take it out",
        ),
        ("[A]\ntype = \"string\"\n[A]\ntype = \"{KEY}\"", "3:2", "not valid TOML: duplicate key"),
        ("[A]\ntype = \"{KEY}", "2:", "not valid TOML: "),
    ] {
        let outcome = own(&bench, &schema.replace("{KEY}", KEY), "").run();
        let place = format!("keybearer: '{{dir}}/keybearer.schema.toml':{place}");
        if place.ends_with(':') {
            outcome.expect_code(78).expect_stderr_contains(&place).expect_nowhere(KEY);
            continue;
        }
        outcome.expect_nowhere("canary").expect_refusal(78, &format!("{place}: {why}"));
    }
}

#[test]
fn a_schema_file_that_others_may_write() {
    let bench = Bench::new();
    for (mode, what) in [(0o664, "writable by its group"), (0o646, "writable by everyone")] {
        let schema = bench.file("a.schema.toml", SMALL, mode);
        let secrets = bench.env_file(&format!("SECRET_KEY={KEY}\n"));
        let options = [Path::new("--schema"), &schema, Path::new("--env-file"), &secrets];
        let refusal = format!(
            "keybearer: refusing '{{dir}}/a.schema.toml': {what} (mode {mode:04o}); \
             run: chmod 644 {{dir}}/a.schema.toml"
        );
        bench.exec(options).run().expect_refusal(77, &refusal);
    }
    let schema = bench.file("b.schema.toml", b"# caf\xe9\n", 0o644);
    let secrets = bench.path("site.env");
    let options = [Path::new("--schema"), &schema, Path::new("--env-file"), &secrets];
    let refusal = "keybearer: '{dir}/b.schema.toml' is not UTF-8 text; write it as such";
    bench.exec(options).run().expect_refusal(78, refusal);
}

/// A terminal obeys control characters, and a log is read line by line.
#[test]
fn what_a_schema_says_can_steer_no_terminal_and_forge_no_line() {
    let bench = Bench::new();
    let schema = bench.schema("\"X\\nkeybearer: everything fine\\u001b[2J\" = 1\n");
    let env_file = bench.env_file(&format!("SECRET_KEY={KEY}\n"));
    for command in ["exec", "check"] {
        let keybearer = bench.keybearer([command, "--env-file"]).arg(&env_file).user_flags();
        let outcome = keybearer.arg("--schema").arg(&schema).args(["--", "true"]).run();
        let outcome = outcome.expect_code(78);
        let text = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(text.contains("X\u{fffd}keybearer: everything fine\u{fffd}[2J"), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("\nkeybearer: everything"), "{text}");
    }
}
