use super::*;
use crate::config::{Address, Hosts, ServerKind, SourceOption};
use crate::exit::Exit;
use crate::log;

/// A directory that stands for /etc/keybearer and goes with the test.
struct Etc(PathBuf);

impl Etc {
    fn new(test: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("keybearer-{}-{test}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        for (name, text) in files {
            std::fs::write(path.join(name), text).unwrap();
        }
        Etc(path)
    }

    fn resolve(&self, flags: Overrides, variables: &[(&str, &str)]) -> Result<Settings, Error> {
        let environment =
            variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        resolve_in(&self.0, flags, &environment)
    }

    fn level(&self, flags: &Overrides, variables: &[(&str, &str)]) -> log::Level {
        let environment =
            variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        log_settings(flags, &environment).level
    }
}

impl Drop for Etc {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const FILE: &str = r#"
    command = ["gunicorn", "file"]
    user = "file"
    group = "www-data"
    schema = "/file.toml"
    [[source]]
    type = "env-file"
    path = "/file.env"
    [listen]
    sockets = ["127.0.0.1:1"]
    [ready]
    path = "/file"
    [watch]
    every = "5m"
"#;

fn env_file(path: &str) -> Vec<SourceOption> {
    vec![SourceOption::EnvFile(path.into())]
}

fn only_env_file(settings: &Settings) -> &Path {
    match &settings.sources[..] {
        [SourceSpec { kind: SourceKind::EnvFile { path }, .. }] => path,
        others => panic!("{others:?}"),
    }
}

#[test]
fn defaults() {
    let etc = Etc::new("defaults", &[]);
    let flags = Overrides { sources: env_file("/a.env"), ..Overrides::default() };
    let settings = etc.resolve(flags, &[]).unwrap();
    assert_eq!((settings.name.as_str(), settings.config_file.as_deref()), ("keybearer", None));
    assert_eq!((settings.umask, settings.listen.mode), (0o022, 0o660));
    assert_eq!(settings.schema, SchemaChoice::Django);
    assert_eq!(settings.ready.within, Duration::from_secs(60));
    assert_eq!(settings.ready.settle, Duration::from_secs(3));
    assert_eq!(settings.fetch_within, Duration::from_secs(30));
    assert_eq!(settings.reload.drain, Duration::from_secs(35));
    assert_eq!((settings.reload.strategy, settings.keys.hosts), (None, None));
    assert_eq!(settings.keys.every, Duration::from_secs(90 * 86400));
    assert_eq!((settings.keys.on_hup, settings.keys.write_back), (OnHup::Fetch, None));
    assert_eq!(settings.watch, Watch { every: None, files: false });
    assert_eq!(settings.keys.keep, 5);
    assert_eq!(settings.keys.grace, Duration::from_secs(1_209_600));
    assert_eq!(etc.level(&Overrides::default(), &[]), log::Level::Info);
    assert!(settings.account.is_none() && settings.command.is_empty());
    assert!(settings.listen.sockets.is_empty() && settings.warnings.is_empty());
    assert_eq!(settings.server.map(|kind| kind == ServerKind::Other), None);
}

#[test]
fn flag_beats_variable_beats_file() {
    let etc = Etc::new("precedence", &[("keybearer.toml", FILE)]);
    let settings = etc.resolve(Overrides::default(), &[]).unwrap();
    assert_eq!(settings.config_file, Some(etc.0.join("keybearer.toml")));
    assert_eq!(settings.command, ["gunicorn", "file"]);
    assert_eq!(only_env_file(&settings), Path::new("/file.env"));
    assert_eq!(settings.account.unwrap().group.as_deref(), Some("www-data"));
    assert_eq!(settings.ready.path.as_deref(), Some("/file"));
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    assert_eq!(settings.watch, Watch { every: Some(Duration::from_secs(300)), files: true });

    let variables = [
        ("KEYBEARER_ENV_FILE", "/variable.env"),
        ("KEYBEARER_USER", "variable"),
        ("KEYBEARER_LISTEN", "127.0.0.1:2"),
        ("KEYBEARER_READY_PATH", "/variable"),
        ("KEYBEARER_SCHEMA", "django"),
        ("KEYBEARER_QUIET", "1"),
    ];
    let settings = etc.resolve(Overrides::default(), &variables).unwrap();
    assert_eq!(only_env_file(&settings), Path::new("/variable.env"));
    // The file's group is that of the file's user.
    let account = AccountSpec { user: "variable".to_owned(), group: None };
    assert_eq!(settings.account, Some(account));
    assert_eq!(settings.listen.sockets, ["127.0.0.1:2".parse().unwrap()]);
    assert_eq!(settings.schema, SchemaChoice::Django);
    assert_eq!(etc.level(&Overrides::default(), &variables), log::Level::Warning);

    let flags = Overrides {
        sources: env_file("/flag.env"),
        user: Some(forms::account("flag:flag").unwrap()),
        listen: vec!["127.0.0.1:3".parse().unwrap()],
        ready_path: Some("/flag".to_owned()),
        verbose: 3,
        command: vec!["flag".into()],
        ..Overrides::default()
    };
    assert_eq!(etc.level(&flags, &variables), log::Level::Debug);
    let settings = etc.resolve(flags, &variables).unwrap();
    assert_eq!(only_env_file(&settings), Path::new("/flag.env"));
    assert_eq!(settings.account.unwrap().user, "flag");
    assert_eq!(settings.listen.sockets, ["127.0.0.1:3".parse::<Address>().unwrap()]);
    assert_eq!(settings.ready.path.as_deref(), Some("/flag"));
    assert_eq!(settings.command, ["flag"]);
}

#[test]
fn the_name_comes_from_the_flag_the_file_or_its_stem() {
    let named = format!("name = \"inside\"\n{FILE}");
    let etc = Etc::new("name", &[("shop.toml", FILE), ("b.toml", &named), ("a b.toml", FILE)]);
    let with = |config: &str, name: Option<&str>| {
        let config = Some(etc.0.join(config));
        let flags = Overrides { config, name: name.map(str::to_owned), ..Overrides::default() };
        etc.resolve(flags, &[]).map(|settings| settings.name)
    };
    assert_eq!(with("shop.toml", None).unwrap(), "shop");
    assert_eq!(with("b.toml", None).unwrap(), "inside");
    assert_eq!(with("b.toml", Some("flag")).unwrap(), "flag");
    assert_eq!(with("a b.toml", Some("flag")).unwrap(), "flag");
    assert_eq!(
        with("a b.toml", None).unwrap_err().to_string(),
        format!(
            "'{}': its file name makes no instance name; give --name NAME",
            etc.0.join("a b.toml").display()
        )
    );
    let flags = Overrides { name: Some("shop".to_owned()), ..Overrides::default() };
    assert_eq!(etc.resolve(flags, &[]).unwrap().config_file, Some(etc.0.join("shop.toml")));
}

#[test]
fn what_local_sources_cannot_do() {
    let source = "[[source]]\ntype = \"environment\"\nnames = [\"SECRET_KEY\"]\n";
    let generate = format!("{source}[keys]\non-hup = \"generate\"\n");
    let history = format!("{source}[keys]\nhistory = true\n[watch]\nfiles = false\nevery = \"1m\"");
    let etc = Etc::new("cannot", &[("a.toml", &generate), ("b.toml", &history)]);
    let with = |config: &str, sources| {
        let config = Some(etc.0.join(config));
        etc.resolve(Overrides { config, sources, ..Overrides::default() }, &[])
    };
    let error = with("a.toml", Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "on-hup = \"generate\" in [keys] writes a new key, and no source is an env file that it \
         could be written to; put the key into one, or leave on-hup out"
    );
    assert_eq!(error.exit(), Exit::Config);
    let settings = with("a.toml", env_file("/a.env")).unwrap();
    assert_eq!(settings.keys.on_hup, OnHup::Generate);

    let aws = || vec![SourceOption::AwsSecret("example/prod".to_owned())];
    assert_eq!(
        with("a.toml", aws()).unwrap_err().to_string(),
        "on-hup = \"generate\" in [keys] writes a new key, and no source is an env file that it \
         could be written to; leave on-hup out, and use keybearer rotate, which writes to stores too"
    );
    let settings = with("b.toml", aws()).unwrap();
    assert!(settings.keys.history && settings.warnings.is_empty(), "{:?}", settings.warnings);
    let hosts = Hosts::or_default(None, &settings.sources[0].kind);
    assert_eq!(hosts, Hosts::Many);

    let settings = with("b.toml", Vec::new()).unwrap();
    assert_eq!(
        settings.warnings,
        [format!(
            "'{}': [keys] history has no effect: none of the sources keeps older values; \
             take it out",
            etc.0.join("b.toml").display()
        )]
    );
    assert_eq!(settings.watch, Watch { every: Some(Duration::from_secs(60)), files: false });
    let hosts = |given| Hosts::or_default(given, &settings.sources[0].kind);
    assert_eq!((hosts(None), hosts(Some(Hosts::Many))), (Hosts::One, Hosts::Many));
}

#[test]
fn refusals() {
    let etc = Etc::new("refusals", &[("latin.toml", ""), ("empty.toml", "")]);
    std::fs::write(etc.0.join("latin.toml"), b"# \xe9\n").unwrap();
    let shown = |file: &str| etc.0.join(file).display().to_string();
    let refused = |flags: Overrides, line: String| {
        let error = etc.resolve(flags, &[]).unwrap_err();
        assert_eq!(error.to_string(), line);
        assert_eq!(error.exit(), Exit::Config);
    };
    let config = |file: &str| Overrides { config: Some(etc.0.join(file)), ..Overrides::default() };
    refused(
        Overrides::default(),
        format!(
            "no source of secrets; give --env-file PATH, or a [[source]] in '{}'",
            shown("keybearer.toml")
        ),
    );
    refused(
        config("empty.toml"),
        format!(
            "no source of secrets; give --env-file PATH, or a [[source]] in '{}'",
            shown("empty.toml")
        ),
    );
    refused(config("latin.toml"), format!("'{}':1:3: not UTF-8", shown("latin.toml")));
    let error = etc.resolve(config("missing.toml"), &[]).unwrap_err();
    assert_eq!(error.exit(), Exit::Config);
    assert!(error.to_string().contains(&shown("missing.toml")), "{error}");
    let twice: Address = "127.0.0.1:1".parse().unwrap();
    refused(
        Overrides {
            sources: env_file("/a.env"),
            listen: vec![twice.clone(), twice],
            ..Overrides::default()
        },
        "the address '127.0.0.1:1' is given twice; leave one of them out".to_owned(),
    );
}
