use super::*;
use crate::config::{Credentials, Hosts, Inherited, OnHup, Selection, SourceKind};
use crate::exit::Exit;

fn good(text: &str) -> Raw {
    parse(text, Path::new("/etc/keybearer/site.toml")).unwrap()
}

/// The error's line, without the file's name that each begins with.
fn bad(text: &str) -> String {
    let error = parse(text, Path::new("/f")).unwrap_err();
    assert_eq!(error.exit(), Exit::Config);
    let line = error.to_string();
    assert!(!line.contains("canary") && !line.contains('\n'), "{line}");
    line.strip_prefix("'/f':").unwrap().to_owned()
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

const DESIGN: &str = r#"
    command   = ["/srv/example/venv/bin/gunicorn", "config.wsgi:application"]
    user      = "example"
    group     = "www-data"
    directory = "/srv/example/app"
    schema    = "/srv/example/app/keybearer.schema.toml"

    [[source]]
    type = "env-file"
    path = "/etc/example/example.env"
    rename = { SECRET_KEY = "django_secret" }
    only = ["SECRET_KEY"]
    prefix = "django_"

    [[source]]
    type = "directory"
    path = "/run/secrets"

    [[source]]
    type = "systemd-credentials"

    [[source]]
    type = "systemd-credentials"
    names = ["secret_key"]

    [[source]]
    type = "systemd-credentials"
    env = "site.env"

    [[source]]
    type = "environment"
    names = ["DATABASE_URL"]

    [[source]]
    type = "environment"
    prefix = "SITE_"

    [listen]
    sockets = ["127.0.0.1:8000", "unix:/run/example/web.sock"]

    [ready]
    path   = "/healthz"
    within = "60s"
    headers = { Host = "example.com" }
    settle = "3s"
    liveness = false

    [fetch]
    within = "30s"

    [django]
    manage = ["/srv/example/venv/bin/python", "manage.py"]

    [keys]
    current = "SECRET_KEY"
    fallbacks = "SECRET_KEY_FALLBACKS"
    encoding = "comma"
    keep = 5
    grace = "14d"
    every = "90d"
    hosts = "many"

    [reload]
    strategy = "hand-over"
    before = []
    drain = "35s"

    [watch]
    every = "5m"
"#;

#[test]
fn the_whole_example_parses() {
    let raw = good(DESIGN);
    assert_eq!(
        raw.command,
        Some(words(&["/srv/example/venv/bin/gunicorn", "config.wsgi:application"]))
    );
    assert_eq!((raw.user.as_deref(), raw.group.as_deref()), (Some("example"), Some("www-data")));
    assert_eq!(raw.directory, Some(PathBuf::from("/srv/example/app")));
    assert_eq!(
        raw.schema,
        Some(SchemaChoice::File("/srv/example/app/keybearer.schema.toml".into()))
    );
    let name: Name = "SECRET_KEY".parse().unwrap();
    assert_eq!(
        raw.sources[0],
        SourceSpec {
            kind: SourceKind::EnvFile { path: "/etc/example/example.env".into() },
            selection: Selection {
                prefix: Some("django_".to_owned()),
                rename: BTreeMap::from([(name.clone(), "django_secret".to_owned())]),
                only: Some([name].into()),
            },
        }
    );
    let kinds: Vec<SourceKind> =
        raw.sources.into_iter().skip(1).map(|source| source.kind).collect();
    assert_eq!(
        kinds,
        [
            SourceKind::Directory { path: "/run/secrets".into() },
            SourceKind::SystemdCredentials { wanted: Credentials::All },
            SourceKind::SystemdCredentials {
                wanted: Credentials::Names(vec!["secret_key".to_owned()])
            },
            SourceKind::SystemdCredentials { wanted: Credentials::EnvFile("site.env".to_owned()) },
            SourceKind::Environment {
                wanted: Inherited::Names(vec!["DATABASE_URL".parse().unwrap()])
            },
            SourceKind::Environment { wanted: Inherited::Prefix("SITE_".to_owned()) },
        ]
    );
    assert_eq!(raw.listen.sockets.map(|sockets| sockets.len()), Some(2));
    assert_eq!(raw.ready.path.as_deref(), Some("/healthz"));
    assert_eq!(raw.ready.within, Some(Duration::from_secs(60)));
    assert_eq!(raw.ready.headers.unwrap()["Host"], "example.com");
    assert_eq!(raw.fetch_within, Some(Duration::from_secs(30)));
    assert_eq!(raw.manage, Some(words(&["/srv/example/venv/bin/python", "manage.py"])));
    assert_eq!((raw.keys.keep, raw.keys.grace), (Some(5), Some(Duration::from_secs(14 * 86400))));
    assert_eq!(raw.reload.before, Some(Vec::new()));
    assert_eq!((raw.keys.hosts, raw.keys.on_hup), (Some(Hosts::Many), None));
    assert_eq!(raw.keys.every, Some(Duration::from_secs(90 * 86400)));
    assert_eq!(raw.reload.strategy, Some(Strategy::HandOver));
    let watch = raw.watch.unwrap();
    assert_eq!((watch.every, watch.files), (Some(Duration::from_secs(300)), None));
}

#[test]
fn the_rest_of_the_contract_parses() {
    let raw = good(
        r#"
        name = "site"
        schema = "django"
        umask = "0027"
        [listen]
        mode = "0600"
        [keys]
        hosts = 1
        on-hup = "generate"
        write-back = true
        history = true
        [reload]
        before = [["python", "manage.py", "migrate", "--check"]]
        [environment]
        set = { DJANGO_SETTINGS_MODULE = "config.settings", EMPTY = "" }
        unset = ["LANG"]
        clear = true
        keep = ["PATH"]
        allow = ["PYTHONPATH"]
        [server]
        kind = "uwsgi"
        [watch]
        "#,
    );
    assert_eq!((raw.name.as_deref(), raw.schema), (Some("site"), Some(SchemaChoice::Django)));
    assert_eq!((raw.umask, raw.listen.mode), (Some(0o27), Some(0o600)));
    assert_eq!((raw.keys.hosts, raw.keys.on_hup), (Some(Hosts::One), Some(OnHup::Generate)));
    assert_eq!((raw.keys.write_back, raw.keys.history), (Some(true), Some(true)));
    assert_eq!(raw.watch.unwrap().files, None);
    assert_eq!(raw.reload.before.unwrap()[0].len(), 4);
    assert_eq!(raw.environment.set["EMPTY"], "");
    assert!(raw.environment.clear && raw.environment.unset.contains("LANG"));
    assert!(raw.environment.keep.contains("PATH") && raw.environment.allow.contains("PYTHONPATH"));
    assert_eq!(raw.server, Some(ServerKind::Uwsgi));
    let empty = good("");
    assert!(empty.sources.is_empty() && empty.watch.is_none());
}

#[test]
fn unknown_keys_are_refused_where_they_stand() {
    for (text, line) in [
        ("comand = [\"x\"]", "1:1: unknown key 'comand'; did you mean 'command'?"),
        (
            "\n[ready]\n  wihtin = \"1s\"",
            "3:3: unknown key 'wihtin' in [ready]; did you mean 'within'?",
        ),
        ("[redy]\n", "1:2: unknown key 'redy'; did you mean 'ready'?"),
        ("[cache]\nx = 1", "2:1: unknown key 'x' in [cache]"),
        ("[cache]\n", "1:1: missing 'max-age' in [cache]"),
        ("helper-usr = \"x\"", "1:1: unknown key 'helper-usr'; did you mean 'helper-user'?"),
        ("\"a\\nb\" = 1", "1:1: unknown key 'a\\nb'"),
        ("user = \"ä\"; canary", "1:11: unexpected key or value, expected newline, '#'"),
        (
            "[[source]]\ntype = \"env-file\"\npath = \"/a\"\nnames = [\"A\"]",
            "4:1: unknown key 'names' in [[source]] of type \"env-file\"",
        ),
        (
            "[[source]]\ntype = \"env-file\"\npth = \"/a\"",
            "3:1: unknown key 'pth' in [[source]] of type \"env-file\"; did you mean 'path'?",
        ),
    ] {
        assert_eq!(bad(text), line);
    }
}

#[test]
fn wrong_values_are_named_by_kind_and_never_shown() {
    for (text, line) in [
        (
            "command = \"gunicorn canary\"",
            "1:11: 'command': expected an array of words, such as [\"gunicorn\", \
             \"config.wsgi:application\"], found a string; no shell reads it",
        ),
        ("command = []", "1:11: 'command': expected at least one entry"),
        ("command = [\"a\", 1]", "1:17: 'command': expected a word in quotes, found an integer"),
        (
            "command = [\"\"]",
            "1:11: 'command': expected the program as the first word, found an empty one",
        ),
        (
            "umask = 22",
            "1:9: 'umask': expected an octal mode in quotes, such as \"0022\", found an integer",
        ),
        ("umask = \"canary\"", "1:9: 'umask': expected an octal mode such as \"0022\""),
        (
            "directory = \"canary\"",
            "1:13: 'directory': expected an absolute path, such as \"/etc/example/example.env\"",
        ),
        ("schema = \"canary\"", "1:10: 'schema': expected \"django\" or an absolute path"),
        ("group = \"canary\"", "1:1: 'group' needs 'user' beside it"),
        ("user = \"canary:canary\"", "1:8: 'user': expected one user's or group's name"),
        ("listen = [\"canary\"]", "1:10: 'listen': expected a table, found an array"),
        (
            "[listen]\nsockets = [\"127.0.0.1:1\", \"canary\"]",
            "2:27: 'sockets' in [listen]: expected an address such as 127.0.0.1:8000, \
             [::1]:8000, 0.0.0.0:8000, localhost:8000 or unix:/run/example/web.sock",
        ),
        (
            "[ready]\nwithin = 60",
            "2:10: 'within' in [ready]: expected a duration in quotes, such as \"60s\", \
             found an integer",
        ),
        (
            "[ready]\nwithin = \"60\"",
            "2:10: 'within' in [ready]: expected a duration such as \"500ms\", \"60s\", \"5m\", \
             \"12h\", \"14d\" or \"2w\"",
        ),
        (
            "[ready]\nwithin = \"0s\"",
            "2:10: 'within' in [ready]: expected a duration longer than nothing",
        ),
        (
            "[ready]\nheaders = { \"canary x\" = \"y\" }",
            "2:13: 'headers' in [ready]: expected a header's name, such as Host",
        ),
        (
            "[ready]\nliveness = \"canary\"",
            "2:12: 'liveness' in [ready]: expected true or false, found a string",
        ),
        ("[keys]\nkeep = 0", "2:8: 'keep' in [keys]: expected a number from 1 to 100"),
        (
            "[keys]\ncurrent = \"canary-1\"",
            "2:11: 'current' in [keys]: expected a variable's name: letters, digits and '_', \
             with no digit first",
        ),
        (
            "[keys]\ncurrent = \"A\"\nfallbacks = \"A\"",
            "1:1: 'current' and 'fallbacks' in [keys] are the same",
        ),
        (
            "[keys]\nencoding = \"jsn\"",
            "2:12: 'encoding' in [keys]: expected \"comma\" or \"json\"; did you mean \"json\"?",
        ),
        ("[keys]\nhosts = \"canary\"", "2:9: 'hosts' in [keys]: expected \"many\", or 1"),
        ("[keys]\nhosts = 2", "2:9: 'hosts' in [keys]: expected \"many\", or 1"),
        (
            "[keys]\nfallbacks = \"DJANGO_SECRET_KEY_NEXT\"\ncurrent = \"DJANGO_SECRET_KEY\"",
            "1:1: 'fallbacks' in [keys] is where rotation stages the next key; name another \
             variable",
        ),
        (
            "[keys]\nfallbacks = \"KEYBEARER_ROTATION\"",
            "1:1: 'current' or 'fallbacks' in [keys] begins with KEYBEARER_, and such a variable \
             never reaches the site; name the one that the settings read",
        ),
        (
            "[keys]\non-hup = \"generate\"\nhosts = \"many\"",
            "1:1: on-hup = \"generate\" in [keys] rotates at once, and with hosts = \"many\" the \
             other hosts would not know the key; leave it out and use keybearer rotate, or set \
             hosts = 1",
        ),
        (
            "[keys]\non-hup = \"generate\"\nwrite-back = false",
            "1:1: on-hup = \"generate\" in [keys] writes the new key to its document; leave out \
             write-back = false, or on-hup",
        ),
        (
            "[watch]\nfiles = false",
            "1:1: [watch] with files = false looks at nothing; give 'every', or leave it out",
        ),
        (
            "[watch]\nevery = 5",
            "2:9: 'every' in [watch]: expected a duration in quotes, such as \"60s\", found an integer",
        ),
        (
            "[reload]\nbefore = [\"canary\"]",
            "2:11: 'before' in [reload]: expected an array of words, such as [\"gunicorn\", \
             \"config.wsgi:application\"], found a string; no shell reads it",
        ),
        (
            "[server]\nkind = \"canary\"",
            "2:8: 'kind' in [server]: expected \"gunicorn\", \"hypercorn\", \"uwsgi\", \
             \"uvicorn\", \"daphne\", \"notify\" or \"other\"",
        ),
    ] {
        assert_eq!(bad(text), line);
    }
}

#[test]
fn sources_that_cannot_be() {
    for (text, line) in [
        ("source = 1", "1:10: 'source': expected tables headed [[source]], found an integer"),
        ("[[source]]\npath = \"/a\"", "1:1: missing 'type' in [[source]]"),
        (
            "[[source]]\ntype = \"env-file\"",
            "1:1: missing 'path' in [[source]] of type \"env-file\"",
        ),
        (
            "[[source]]\ntype = \"envfile\"",
            "2:8: 'type' in [[source]]: expected \"env-file\", \"directory\", \
             \"systemd-credentials\", \"environment\", \"aws-secrets-manager\", \
             \"aws-parameter-store\", \"vault\", \"google-secret-manager\", \"azure-key-vault\" or \"command\"; did you mean \"env-file\"?",
        ),
        (
            "[[source]]\ntype = \"environment\"",
            "1:1: 'names' or 'prefix' in [[source]] of type \"environment\": give one of the two",
        ),
        (
            "[[source]]\ntype = \"systemd-credentials\"\nnames = [\"a\"]\nenv = \"b\"",
            "1:1: 'names' or 'env' in [[source]] of type \"systemd-credentials\": give one of the two",
        ),
        (
            "[[source]]\ntype = \"systemd-credentials\"\nnames = [\"../canary\"]",
            "3:10: 'names' in [[source]] of type \"systemd-credentials\": expected a \
             credential's name: a file's name, without a slash",
        ),
    ] {
        assert_eq!(bad(text), line);
    }
}

#[test]
fn what_is_no_toml_is_one_line_without_the_text() {
    for text in [
        "x = \"canary",
        "canary canary",
        "[canary",
        "x = canary",
        "a = 1\na = 1",
        "x = \"\\q\"",
        "x = 1\n[x]\n",
        "\u{0}",
        "= canary",
        "[[listen]]\n[listen]\n",
    ] {
        let line = bad(text);
        assert!(line.starts_with(['1', '2']), "{line}");
    }
    assert_eq!(bad("a = 1\na = 2"), "2:1: duplicate key");
}

/// Whatever an editor or a full disk made of the file: an error with a place, or settings.
#[test]
fn no_cut_or_slip_panics() {
    for at in (0..DESIGN.len()).filter(|at| DESIGN.is_char_boundary(*at)) {
        let (before, after) = DESIGN.split_at(at);
        for text in [
            before.to_owned(),
            format!("{before}ä\"{after}"),
            format!("{before}]{after}"),
            format!("{before}\r\n={after}"),
        ] {
            if let Err(error) = parse(&text, Path::new("/f")) {
                assert!(
                    matches!(error, Error::Form { line, column, .. } if line > 0 && column > 0)
                );
                assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
    }
}

#[test]
fn the_keys_known_are_those_of_every_table_and_type() {
    let known = keys_known();
    let is_known = |table: &str, key| known.contains(&(table.to_owned(), key));
    assert!(
        is_known("", "command") && is_known("[ready]", "settle") && is_known("[watch]", "every")
    );
    assert!(is_known("auth of [[source]] of type \"vault\"", "secret-id-file"));
    for type_ in [
        "env-file",
        "directory",
        "systemd-credentials",
        "environment",
        "aws-secrets-manager",
        "aws-parameter-store",
        "vault",
        "google-secret-manager",
        "azure-key-vault",
    ] {
        let table = format!("[[source]] of type \"{type_}\"");
        assert!(is_known(&table, "rename") && is_known(&table, "only"), "{type_}");
    }
}

proptest::proptest! {
    /// A key may be anything, and is cut where it is long: never inside a character, never over a line.
    #[test]
    fn any_unknown_key_is_named_in_one_line(key in "\\PC{1,80}", table: bool) {
        let quoted = serde_json::Value::from(key.as_str()).to_string();
        let text = if table { format!("[{quoted}]\n") } else { format!("{quoted} = 1\n") };
        if let Err(error) = parse(&text, Path::new("k.toml")) {
            proptest::prop_assert!(!error.to_string().contains('\n'), "{}", error);
        }
    }
}
