//! The whole way from what was fetched to what may be started.

use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use proptest::prelude::*;

use crate::config::{Encoding, Keys};
use crate::secrets::{Name, Secret};
use crate::sources::{Entry, Fetched};

use super::*;

const KEY: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";

const NEXT: &str = "_-ZYXWVUTSRQPONMLKJIHGFEDCBAzyxwvutsrqponmlkjihgfedcba9876543210";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn keys() -> Keys {
    Keys::default()
}

fn fetched<T: AsRef<str>>(pairs: &[(&str, T)]) -> Fetched {
    let source: Rc<str> = Rc::from("'/e.env'");
    let entry = |value: &str| Entry {
        value: Secret::new(value.to_owned()),
        source: source.clone(),
        origin: Some(0),
    };
    Fetched {
        entries: pairs.iter().map(|(n, value)| (name(n), entry(value.as_ref()))).collect(),
        ..Fetched::default()
    }
}

fn own(text: &str) -> Schema {
    Schema::parse(text, Path::new("s.toml")).unwrap()
}

fn run(schema: &Schema, keys: &Keys, pairs: &[(&str, &str)]) -> Result<Validated, Report> {
    validate(fetched(pairs), schema, keys, &BTreeSet::new())
}

fn refused(schema: &Schema, pairs: &[(&str, &str)]) -> String {
    run(schema, &keys(), pairs).unwrap_err().to_string()
}

fn django(pairs: &[(&str, &str)]) -> Result<Validated, Report> {
    let mut all = vec![("SECRET_KEY", KEY)];
    all.extend(pairs);
    run(&Schema::django(), &keys(), &all)
}

fn value<'a>(validated: &'a Validated, name: &str) -> Option<&'a str> {
    validated.variables.get(name).map(Secret::expose)
}

fn warnings(validated: &Validated) -> String {
    validated.warnings.join("\n")
}

#[test]
fn a_good_site_passes_the_built_in_schema_without_a_word() {
    let validated = django(&[
        ("DEBUG", "False"),
        ("ALLOWED_HOSTS", "example.com, .example.org [::1]"),
        ("CSRF_TRUSTED_ORIGINS", r#"["https://example.com"]"#),
        ("DATABASE_URL", "postgres://u:p%40@h:5432/n?sslmode=require"),
        ("LOGIN_URL", "/login/"),
        ("SENTRY_DSN", ""),
        ("ANYTHING", "else"),
    ])
    .unwrap();
    assert_eq!(warnings(&validated), "");
    assert_eq!(value(&validated, "ANYTHING"), Some("else"));
    assert_eq!(value(&validated, "SECRET_KEY"), None);
    let keys = validated.keys.unwrap();
    assert_eq!(keys.document.current.expose(), KEY);
    assert_eq!(keys.fallbacks_name.as_str(), "SECRET_KEY_FALLBACKS");
}

#[test]
fn everything_is_reported_at_once() {
    let shown = refused(
        &Schema::django(),
        &[
            ("DJANGO_SECRET_KEY", "django-insecure-1234567890123456789012345"),
            ("DJANGO_DEBUG", "1"),
            ("DJANGO_ALLOWED_HOSTS", "*"),
            ("CSRF_TRUSTED_ORIGINS", "example.com"),
            ("DB_NAME", "n"),
            ("DB_USER", "u"),
            ("REDIS_URL", "redis://h:x"),
            ("SENTRY_DSN", "https://h/1"),
        ],
    );
    let mut lines: Vec<&str> = shown.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "CSRF_TRUSTED_ORIGINS: item 1 has no scheme (in '/e.env'); write it as in https://example.com",
            "DJANGO_ALLOWED_HOSTS: item 1 is '*', which accepts any Host header (in '/e.env'); name the site's hosts",
            "DJANGO_DEBUG: must be False (in '/e.env'); set it to False",
            "DJANGO_SECRET_KEY: starts with 'django-insecure-' (in '/e.env'); make one with: keybearer key",
            "REDIS_URL: is no URL: byte 11 may not stand there (in '/e.env'); percent-encode what is special in it, such as '@' as %40 and '#' as %23",
            "SENTRY_DSN: has no public key before the '@' (in '/e.env'); copy it again from the project's settings: https://KEY@HOST/NUMBER",
            "half a database: DB_PASSWORD, DB_HOST missing; give DB_PASSWORD, DB_HOST too, or DATABASE_URL; for a local socket DB_HOST=/var/run/postgresql",
        ]
    );
}

#[test]
fn the_key_of_the_built_in_schema() {
    let weak = |key: &str| run(&Schema::django(), &keys(), &[("SECRET_KEY", key)]);
    assert!(weak(&KEY[..31]).unwrap_err().to_string().contains("shorter than 32"));
    assert!(weak(&"abcd".repeat(20)).unwrap_err().to_string().contains("5 different"));
    assert!(weak("").unwrap_err().to_string().contains("SECRET_KEY: is empty"));
    let passable = weak(&KEY[..44]).unwrap();
    assert!(warnings(&passable).contains("SECRET_KEY is shorter than 50 characters"));
    assert!(refused(&Schema::django(), &[("A", "b")]).starts_with("SECRET_KEY: is missing"));

    let configured = Keys { current: Some(name("SITE_KEY")), ..keys() };
    let found = run(&Schema::django(), &configured, &[("SECRET_KEY", KEY)]);
    assert!(found.unwrap_err().to_string().starts_with("SITE_KEY: is missing"));
    let found = run(&Schema::django(), &configured, &[("SITE_KEY", KEY)]).unwrap();
    assert_eq!(found.keys.unwrap().fallbacks_name.as_str(), "SITE_KEY_FALLBACKS");

    let guides = run(&Schema::django(), &keys(), &[("DJANGO_SECRET_KEY", KEY)]).unwrap();
    assert_eq!(guides.keys.unwrap().current_name.as_str(), "DJANGO_SECRET_KEY");
}

#[test]
fn databases_of_the_built_in_schema() {
    let none = django(&[]).unwrap();
    assert!(warnings(&none).contains("no database is given"));
    for whole in [
        &[("DB_NAME", "n"), ("DB_USER", "u"), ("DB_PASSWORD", "p"), ("DB_HOST", "h")][..],
        &[("DB_NAME", "n"), ("DB_USER", "u"), ("DB_HOST", "/var/run/postgresql")][..],
        &[("DB_ENGINE", "django.db.backends.sqlite3"), ("DB_NAME", "/n")][..],
        &[("DATABASE_URL", "postgres://h/n"), ("DB_PASSWORD", "p")][..],
    ] {
        assert_eq!(warnings(&django(whole).unwrap()), "");
    }
    let half = django(&[("POSTGRES_DB", "n"), ("POSTGRES_USER", "u"), ("POSTGRES_PASSWORD", "p")]);
    assert!(half.unwrap_err().to_string().contains("POSTGRES_HOST missing"));
    assert!(django(&[("DATABASE_URL", "postgres://u:p@/n")]).is_err());
}

#[test]
fn fallbacks_are_cleaned() {
    let other = KEY.chars().rev().collect::<String>();
    let text = format!(" {other},,{KEY},short , {other}");
    let validated = django(&[("SECRET_KEY_FALLBACKS", &text)]).unwrap();
    let found = validated.keys.as_ref().unwrap();
    let fallbacks: Vec<&str> = found.document.fallbacks.iter().map(Secret::expose).collect();
    assert_eq!(fallbacks, [other.as_str(), "short"]);
    let said = warnings(&validated);
    assert!(said.contains("SECRET_KEY_FALLBACKS has an empty item"), "{said}");
    assert!(said.contains("SECRET_KEY_FALLBACKS item 2 is shorter than 50"), "{said}");
    assert_eq!(value(&validated, "SECRET_KEY_FALLBACKS"), None);
}

#[test]
fn encodings_of_the_keys() {
    let comma = format!("{KEY},x");
    let shown = refused(&Schema::django(), &[("SECRET_KEY", &comma)]);
    assert!(shown.contains("comma") && shown.contains("[keys] encoding = \"json\""), "{shown}");
    let json = Keys { encoding: Encoding::Json, ..keys() };
    let pairs = [("SECRET_KEY", comma.as_str()), ("SECRET_KEY_FALLBACKS", r#"["a,b", ""]"#)];
    let found = run(&Schema::django(), &json, &pairs).unwrap().keys.unwrap();
    assert_eq!(found.document.fallbacks[0].expose(), "a,b");
    assert_eq!(found.document.fallbacks.len(), 1);
    assert!(django(&[("SECRET_KEY_FALLBACKS", r#"["a"]"#)]).is_err());
    let pairs = [("SECRET_KEY", KEY), ("SECRET_KEY_FALLBACKS", "a,b")];
    assert!(run(&Schema::django(), &json, &pairs).unwrap_err().to_string().contains("no JSON"));
    let dollar = run(&Schema::django(), &keys(), &[("SECRET_KEY", &format!("${KEY}"))]).unwrap();
    assert!(warnings(&dollar).contains("begins with '$'"));
}

fn fingerprint(key: &str) -> String {
    Secret::new(key.to_owned()).fingerprint().to_string()
}

fn revoked(key: &str) -> String {
    format!(r#"{{"version":1,"revoked":["{}"]}}"#, fingerprint(key))
}

#[test]
fn what_rotation_keeps_beside_the_key() {
    let record = revoked("another");
    let pairs = [("SECRET_KEY_NEXT", NEXT), ("KEYBEARER_ROTATION", &record)];
    let refusing = own("unlisted = \"refuse\"\n[SECRET_KEY]\ntype = \"django-secret-key\"");
    for schema in [Schema::django(), refusing] {
        let all = [&[("SECRET_KEY", KEY)][..], &pairs[..]].concat();
        let validated = run(&schema, &keys(), &all).unwrap();
        assert!(!validated.warnings.iter().any(|w| w.contains("NEXT") || w.contains("ROTATION")));
        assert!(validated.variables.is_empty());
        let keys = validated.keys.unwrap();
        assert_eq!((keys.origin, keys.fallbacks_origin), (0, None));
        assert_eq!(keys.document.next.as_ref().map(Secret::expose), Some(NEXT));
        assert_eq!(keys.document.record, record.parse().unwrap());
    }
    let empty = [("SECRET_KEY_NEXT", ""), ("KEYBEARER_ROTATION", "")];
    let document = django(&empty).unwrap().keys.unwrap().document;
    assert!(document.next.is_none() && document.record.is_empty());
    // Without a key there is nothing that they belong to.
    let without = run(&own(""), &keys(), &pairs).unwrap();
    assert!(without.keys.is_none());
    assert_eq!(
        without.warnings,
        [
            "SECRET_KEY_NEXT (in '/e.env') is not used without SECRET_KEY beside it; take it out",
            "KEYBEARER_ROTATION (in '/e.env') is not used without SECRET_KEY beside it; take it out",
        ]
    );
}

#[test]
fn a_staged_key_is_judged_like_the_key() {
    let comma = format!("{NEXT},x");
    let bad = |next: &str| django(&[("SECRET_KEY_NEXT", next)]).unwrap_err().to_string();
    assert!(bad(&comma).starts_with("SECRET_KEY_NEXT: has a comma"));
    assert!(bad("short").starts_with("SECRET_KEY_NEXT: is shorter than 32 characters"));
    let schema = own("[SECRET_KEY]\ntype = \"django-secret-key\"");
    let pairs = [("SECRET_KEY", KEY), ("SECRET_KEY_NEXT", &NEXT[..49])];
    assert_eq!(
        refused(&schema, &pairs),
        "SECRET_KEY_NEXT: is shorter than 50 characters (in '/e.env'); make one with: keybearer key"
    );
    let dollar = django(&[("SECRET_KEY_NEXT", &format!("${NEXT}"))]).unwrap();
    assert!(warnings(&dollar).contains("SECRET_KEY_NEXT begins with '$'"));
    // It has no rule of its own: promote takes it away.
    let table = own("[SECRET_KEY_NEXT]\ntype = \"integer\"");
    assert!(run(&table, &keys(), &[("SECRET_KEY", KEY), ("SECRET_KEY_NEXT", NEXT)]).is_ok());
    assert!(run(&table, &keys(), &[("SECRET_KEY", KEY)]).is_ok());
}

#[test]
fn revoked_keys_and_records_that_are_none() {
    let record = revoked(KEY);
    let shown = refused(&Schema::django(), &[("SECRET_KEY", KEY), ("KEYBEARER_ROTATION", &record)]);
    assert_eq!(
        shown,
        format!(
            "SECRET_KEY: is a revoked key ({}) (in '/e.env'); make another with: keybearer key",
            fingerprint(KEY)
        )
    );
    let shown = refused(
        &Schema::django(),
        &[("SECRET_KEY", KEY), ("KEYBEARER_ROTATION", r#"{"version":"canary"}"#)],
    );
    assert_eq!(
        shown,
        "KEYBEARER_ROTATION: is not what rotate wrote (in '/e.env'); take it out, or restore it"
    );
    let record = revoked(NEXT);
    for (next, record, why) in [
        (NEXT, record.as_str(), format!("is a revoked key ({})", fingerprint(NEXT))),
        (KEY, "", "is the same as SECRET_KEY".to_owned()),
    ] {
        let pairs = [("SECRET_KEY_NEXT", next), ("KEYBEARER_ROTATION", record)];
        let validated = django(&pairs).unwrap();
        let line =
            format!("SECRET_KEY_NEXT {why} and is not used; take it out: keybearer rotate abort");
        assert!(validated.warnings.contains(&line), "{:?}", validated.warnings);
        assert!(validated.keys.unwrap().document.next.is_none());
    }
}

/// A document is one source's: what another one holds says nothing about it.
#[test]
fn what_stands_beside_the_key_is_its_own_sources() {
    let entry = |value: &str, origin: usize| Entry {
        value: Secret::new(value.to_owned()),
        source: Rc::from(format!("'/{origin}.env'")),
        origin: Some(origin),
    };
    let entries = [
        (name("SECRET_KEY"), entry(KEY, 1)),
        (name("SECRET_KEY_FALLBACKS"), entry("a", 0)),
        (name("SECRET_KEY_NEXT"), entry(NEXT, 0)),
        (name("KEYBEARER_ROTATION"), entry("canary", 2)),
    ];
    let record = revoked("another");
    let fetched = Fetched {
        entries: entries.into(),
        replaced: vec![
            (name("KEYBEARER_ROTATION"), entry("canary", 0)),
            (name("KEYBEARER_ROTATION"), entry(&record, 1)),
        ],
        ..Fetched::default()
    };
    let validated = validate(fetched, &Schema::django(), &keys(), &BTreeSet::new()).unwrap();
    assert_eq!(
        validated.warnings[..3],
        ["KEYBEARER_ROTATION (in '/0.env')", "SECRET_KEY_NEXT (in '/0.env')", "KEYBEARER_ROTATION (in '/2.env')"].map(
            |what| format!(
                "{what} is not used, since SECRET_KEY comes from '/1.env'; take it out, or keep it beside the key"
            )
        )
    );
    let keys = validated.keys.unwrap();
    assert_eq!((keys.origin, keys.fallbacks_origin), (1, Some(0)));
    assert_eq!(keys.document.fallbacks.len(), 1);
    assert!(keys.document.next.is_none());
    assert_eq!(keys.document.record, record.parse().unwrap());
}

#[test]
fn a_key_has_no_default() {
    let schema = own(&format!("[SECRET_KEY]\ntype = \"string\"\ndefault = \"{KEY}\""));
    assert_eq!(
        refused(&schema, &[]),
        "SECRET_KEY: must not have a default (in the schema's default); put the key into a source"
    );
}

#[test]
fn names_that_never_come_from_a_source() {
    let pairs = [
        ("LD_PRELOAD", "x"),
        ("PATH", "x"),
        ("PYTHONPATH", "x"),
        ("KEYBEARER_USER", "root"),
        ("KEYBEARER_ROTATION", r#"{"version":1}"#),
        ("SECRET_KEY_NEXT", NEXT),
        ("SECRET_KEY", KEY),
    ];
    let allow: BTreeSet<Name> = [name("PYTHONPATH"), name("KEYBEARER_USER")].into();
    let validated = validate(fetched(&pairs), &Schema::django(), &keys(), &allow).unwrap();
    let left: Vec<&str> = validated.variables.keys().map(Name::as_str).collect();
    assert_eq!(left, ["PYTHONPATH"]);
    let said = warnings(&validated);
    for dropped in
        ["LD_PRELOAD (in '/e.env')", "PATH (in '/e.env')", "KEYBEARER_USER (in '/e.env')"]
    {
        assert!(said.contains(dropped), "{said}");
    }
    assert!(!said.contains("ROTATION") && !said.contains("NEXT"), "{said}");

    let validated = run(&own("[PATH]\ntype = \"string\""), &keys(), &[("PATH", "/bin")]).unwrap();
    assert_eq!(value(&validated, "PATH"), Some("/bin"));
}

#[test]
fn unlisted_variables() {
    let table = "[A]\ntype = \"string\"";
    let pairs = [("A", "a"), ("B", "b"), ("SECRET_KEY", KEY)];
    let dropped = run(&own(table), &keys(), &pairs).unwrap();
    assert_eq!(value(&dropped, "B"), None);
    assert!(warnings(&dropped).contains("not in the schema, dropped: B;"));
    assert!(dropped.keys.is_some(), "the key is keybearer's to know");
    let passed = run(&own(&format!("unlisted = \"pass\"\n{table}")), &keys(), &pairs).unwrap();
    assert_eq!(value(&passed, "B"), Some("b"));
    let shown = refused(&own(&format!("unlisted = \"refuse\"\n{table}")), &pairs);
    assert!(shown.starts_with("B: is not in the schema"), "{shown}");
}

#[test]
fn required_empty_and_defaults() {
    let schema = own("[A]\ntype = \"string\"\n[B]\ntype = \"integer\"\nrequired = false\n\
         [C]\ntype = \"port\"\ndefault = 8000\n[D]\ntype = \"string\"");
    let shown = refused(&schema, &[("A", ""), ("B", "")]);
    assert_eq!(
        shown,
        "A: is empty (in '/e.env'); put it into a source\nD: is missing; put it into a source"
    );
    let validated = run(&schema, &keys(), &[("A", "a"), ("B", ""), ("C", ""), ("D", "d")]).unwrap();
    assert_eq!(value(&validated, "B"), Some(""));
    assert_eq!(value(&validated, "C"), Some("8000"));
    assert!(validated.keys.is_none());
    assert!(refused(&schema, &[("A", "a\0"), ("D", "d")]).contains("A: holds a NUL byte"));
}

#[test]
fn groups() {
    let schema = own("[[any-of]]\nsets = [[\"A\", \"B\"], [\"C\"]]");
    assert!(run(&schema, &keys(), &[("A", "a"), ("B", "b")]).is_ok());
    assert!(run(&schema, &keys(), &[("C", "c")]).is_ok());
    assert_eq!(
        refused(&schema, &[("A", "a")]),
        "no set of an any-of group is complete; still missing: B, or: C"
    );
    // A key counts although it is taken out.
    let schema = own("[[any-of]]\nsets = [[\"SECRET_KEY\"], [\"C\"]]");
    assert!(run(&schema, &keys(), &[("SECRET_KEY", KEY)]).is_ok());
}

#[test]
fn composed_and_taken_apart() {
    let compose = own(
        "[DATABASE_URL]\ntype = \"database-url\"\ncompose = true\nschemes = [\"postgresql\"]\n\
         [DB_PORT]\ntype = \"port\"\ndefault = 5432",
    );
    let parts = [("DB_NAME", "n"), ("DB_USER", "u"), ("DB_PASSWORD", "p@ :/"), ("DB_HOST", "h")];
    let validated = run(&compose, &keys(), &parts).unwrap();
    assert_eq!(value(&validated, "DATABASE_URL"), Some("postgresql://u:p%40%20%3A%2F@h:5432/n"));
    assert_eq!(value(&validated, "DB_PASSWORD"), None, "wanted for composing alone");
    assert_eq!(warnings(&validated), "");
    let shown = refused(&compose, &parts[..3]);
    assert!(shown.starts_with("DATABASE_URL: half a database: DB_HOST missing"), "{shown}");
    assert_eq!(shown.lines().count(), 1);
    assert!(refused(&compose, &[]).starts_with("DATABASE_URL: is missing"));

    let split = own("[DATABASE_URL]\ntype = \"database-url\"\nsplit = true");
    let url = "postgres://u:p%40@[::1]:1/n?sslmode=require";
    let validated = run(&split, &keys(), &[("DATABASE_URL", url)]).unwrap();
    let all: Vec<(&str, &str)> =
        validated.variables.iter().map(|(n, v)| (n.as_str(), v.expose())).collect();
    assert_eq!(
        all,
        [
            ("DATABASE_URL", url),
            ("DB_ENGINE", "django.db.backends.postgresql"),
            ("DB_HOST", "::1"),
            ("DB_NAME", "n"),
            ("DB_PASSWORD", "p@"),
            ("DB_PORT", "1"),
            ("DB_USER", "u"),
        ]
    );
    assert!(warnings(&validated).contains("options after '?'"));
}

#[test]
fn keys_under_a_schema_of_ones_own() {
    let schema = own("[SECRET_KEY]\ntype = \"django-secret-key\"\n\
         [SECRET_KEY_FALLBACKS]\ntype = \"list\"\nof = \"django-secret-key\"\nrequired = false");
    assert!(run(&schema, &keys(), &[("SECRET_KEY", KEY)]).is_ok());
    let shown = refused(
        &schema,
        &[("SECRET_KEY", &KEY[..49]), ("SECRET_KEY_FALLBACKS", &format!("{KEY},x"))],
    );
    assert!(shown.contains("SECRET_KEY: is shorter than 50"), "{shown}");
    assert!(shown.contains("SECRET_KEY_FALLBACKS: item 2 is shorter than 50"), "{shown}");
    assert!(refused(&schema, &[]).contains("SECRET_KEY: is missing"));
    // What the schema names wins over what else is there.
    let schema = own("[DJANGO_SECRET_KEY]\ntype = \"django-secret-key\"");
    let both = [("SECRET_KEY", "x"), ("DJANGO_SECRET_KEY", KEY)];
    let found = run(&schema, &keys(), &both).unwrap();
    assert_eq!(found.keys.unwrap().current_name.as_str(), "DJANGO_SECRET_KEY");
    let differs = own("[SECRET_KEY_FALLBACKS]\ntype = \"list\"\nencoding = \"json\"");
    let shown = refused(&differs, &[("SECRET_KEY", KEY), ("SECRET_KEY_FALLBACKS", "a")]);
    assert!(shown.contains("one way by the schema"), "{shown}");
}

#[test]
fn the_audit_says_what_validation_did_not() {
    let messages = |validated: &Validated| -> Vec<String> {
        audit(validated, 1).into_iter().map(|finding| finding.message).collect()
    };
    let validated = django(&[
        ("SECRET_KEY_FALLBACKS", "a,b"),
        ("DATABASE_URL", "postgres://example:example@h/n"),
    ])
    .unwrap();
    let said = messages(&validated);
    for part in ["holds 2 keys", "DEBUG is not", "ALLOWED_HOSTS is not", "is the user's name"] {
        assert_eq!(said.iter().filter(|message| message.contains(part)).count(), 1, "{said:?}");
    }
    assert_eq!(said.len(), 4, "weak fallbacks were warned about already: {said:?}");

    let schema = own("unlisted = \"pass\"");
    let pairs = [("SECRET_KEY", "short"), ("DB_NAME", "n"), ("DB_USER", "u"), ("DB_HOST", "h")];
    let said = messages(&run(&schema, &keys(), &pairs).unwrap());
    assert!(
        said[0].contains("W009") && said.last().unwrap().contains("password is empty"),
        "{said:?}"
    );
}

#[test]
fn ten_thousand_variables_make_few_warnings() {
    let pairs: Vec<(String, &str)> = (0..10_000).map(|i| (format!("V{i}"), "x")).collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    let validated = run(&own("[V1]\ntype = \"string\""), &keys(), &pairs).unwrap();
    assert_eq!(validated.variables.len(), 1);
    assert!(warnings(&validated).contains("and 9987 more"));
    assert_eq!(validated.warnings.len(), 1);
}

/// Every type, each under a name of its own.
const EVERY_TYPE: &str = r#"
    A = { type = "string", length = { min = 900 } }
    B = { type = "django-secret-key" }
    C = { type = "list", of = "integer", encoding = "json" }
    D = { type = "url", schemes = ["https"] }
    E = { type = "database-url", split = true }
    F = { type = "bool", equals = true }
    G = { type = "integer", range = { min = 5 } }
    H = { type = "port" }
    I = { type = "hosts" }
    J = { type = "origins" }
    K = { type = "enum", values = ["one"] }
    L = { type = "regex", pattern = "[a-z]+9" }
    M = { type = "path", exists = true }
    N = { type = "email" }
    O = { type = "list", of = "database-url" }
"#;

proptest! {
    #[test]
    fn no_report_holds_a_value(text in ".{0,20}", form in 0usize..7) {
        let secret = "canarysecret";
        let value = match form {
            0 => format!("{secret}{text}"),
            1 => format!("postgres://u:{secret}{text}@h/n"),
            2 => format!("https://{secret}{text}"),
            3 => format!(r#"["{secret}{text}", {secret}]"#),
            4 => format!("{secret},{text},{secret}"),
            5 => format!("{secret}://{text}"),
            _ => format!("/{text}{secret}"),
        };
        let names = [
            "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "X",
            "SECRET_KEY", "SECRET_KEY_FALLBACKS", "SECRET_KEY_NEXT", "KEYBEARER_ROTATION", "DEBUG", "ALLOWED_HOSTS", "DATABASE_URL",
            "CSRF_TRUSTED_ORIGINS", "SENTRY_DSN", "X_URL", "DB_HOST", "DB_PORT", "PATH",
        ];
        let pairs: Vec<(&str, &str)> = names.iter().map(|n| (*n, value.as_str())).collect();
        for schema in [own(EVERY_TYPE), Schema::django()] {
            let said = match run(&schema, &keys(), &pairs) {
                Ok(validated) => {
                    let findings = audit(&validated, 0);
                    format!("{validated:?} {findings:?}")
                }
                Err(report) => format!("{report} {report:?}"),
            };
            prop_assert!(!said.to_lowercase().contains(secret), "{}", said);
        }
    }
}
