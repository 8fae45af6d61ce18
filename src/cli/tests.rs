use super::*;
use crate::config::{SHARED_VARIABLES, SchemaChoice};

fn given(line: &str) -> Result<Command, Stop> {
    parse(std::iter::once("keybearer").chain(line.split_whitespace()).map(OsString::from))
}

fn usage(line: &str) -> String {
    match given(line) {
        Err(Stop::Usage(message)) => {
            assert!(!message.contains('\n'), "{message}");
            message
        }
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_definition_is_sound() {
    command().debug_assert();
}

#[test]
fn every_command_can_be_suggested() {
    let command = command();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(names, super::stop::COMMANDS);
}

#[test]
fn every_option_reaches_its_place() {
    let command = given(
        "run --config /c.toml --name site --env-file /a.env --vault secret/a --env-file b.env \
         --aws-secret x/y --schema django --user example:www-data --listen 127.0.0.1:8000 \
         --listen unix:/run/a --ready-path /healthz --log-format json -vv -- gunicorn -q --name x",
    )
    .unwrap();
    let Command::Run(overrides) = command else { panic!("{command:?}") };
    assert_eq!(
        overrides,
        Overrides {
            config: Some("/c.toml".into()),
            name: Some("site".into()),
            sources: vec![
                SourceOption::EnvFile("/a.env".into()),
                SourceOption::Vault { mount: "secret".into(), path: "a".into() },
                SourceOption::EnvFile(std::env::current_dir().unwrap().join("b.env")),
                SourceOption::AwsSecret("x/y".into()),
            ],
            schema: Some(SchemaChoice::Django),
            user: Some(AccountSpec { user: "example".into(), group: Some("www-data".into()) }),
            listen: vec!["127.0.0.1:8000".parse().unwrap(), "unix:/run/a".parse().unwrap()],
            ready_path: Some("/healthz".into()),
            log_format: Some(crate::log::Format::Json),
            verbose: 2,
            quiet: false,
            command: ["gunicorn", "-q", "--name", "x"].map(OsString::from).into(),
        }
    );
}

#[test]
fn the_other_commands() {
    assert!(matches!(given("exec -q -- true").unwrap(), Command::Exec(o) if o.quiet));
    let check = given("check --json --full").unwrap();
    assert_eq!(check, Command::Check { overrides: Overrides::default(), json: true, full: true });
    assert_eq!(given("key").unwrap(), Command::Key);
    assert_eq!(given("completions zsh").unwrap(), Command::Completions(Shell::Zsh));
    let init = given("init /etc/keybearer --name site --user example").unwrap();
    let user = AccountSpec { user: "example".into(), group: None };
    assert_eq!(
        init,
        Command::Init {
            directory: "/etc/keybearer".into(),
            name: Some("site".into()),
            user: Some(user)
        }
    );
    assert_eq!(given("reload").unwrap(), Command::Reload(None));
    assert_eq!(given("reload site").unwrap(), Command::Reload(Some("site".into())));
    for (line, name, form) in [
        ("status", None, Form::Text),
        ("status site", Some("site"), Form::Text),
        ("status --json", None, Form::Json),
        ("status site --check", Some("site"), Form::Check),
        ("status --metrics site", Some("site"), Form::Metrics),
    ] {
        let name = name.map(str::to_owned);
        assert_eq!(given(line).unwrap(), Command::Status { name, form }, "{line}");
    }
    assert_eq!(given("rotate").unwrap(), Command::Rotate(RotateOptions::default()));
    let overrides = Overrides { name: Some("site".into()), quiet: true, ..Overrides::default() };
    assert_eq!(
        given("rotate promote --now --dry-run --blind --name site -q").unwrap(),
        Command::Rotate(RotateOptions {
            step: Some(Step::Promote),
            value: None,
            due: false,
            now: true,
            dry_run: true,
            blind: true,
            overrides,
        })
    );
    for (word, step) in [
        ("prepare", Step::Prepare),
        ("retire", Step::Retire),
        ("abort", Step::Abort),
        ("revoke", Step::Revoke),
    ] {
        let rotate = given(&format!("rotate {word}")).unwrap();
        assert!(matches!(rotate, Command::Rotate(o) if o.step == Some(step) && !o.due), "{word}");
    }
    assert!(matches!(given("rotate --due").unwrap(), Command::Rotate(o) if o.due));
    let value = given("rotate --value STAGING_PASSWORD --dry-run").unwrap();
    let name = "STAGING_PASSWORD".parse().ok();
    assert!(matches!(value, Command::Rotate(o) if o.value == name && o.dry_run));
    for line in ["--value A prepare", "--value A --due", "--value A --now", "--value A --blind"] {
        assert!(given(&format!("rotate {line}")).is_err(), "{line}");
    }
    assert!(given("rotate --value 1A").is_err());
    // Every command of the definition is one of these nine.
    assert_eq!(command().get_subcommands().count(), 9);
}

#[test]
fn wrong_usage_is_one_line_with_the_mend() {
    for (line, message) in [
        ("run --env-fil /a", "unexpected argument '--env-fil'; did you mean '--env-file'?"),
        ("chekc", "unknown command 'chekc'; did you mean 'check'?"),
        (
            "gunicorn config.wsgi",
            "unknown command 'gunicorn'; to start a server: keybearer run -- gunicorn ...",
        ),
        (
            "run gunicorn",
            "unexpected argument 'gunicorn'; the server's words come after '--', as in: \
             keybearer run -- gunicorn ...",
        ),
        (
            "--env-file /a",
            "unexpected argument '--env-file'; it belongs to run, exec, check and rotate, as in: \
             keybearer run --env-file ...",
        ),
        (
            "-- gunicorn",
            "unknown command 'gunicorn'; to start a server: keybearer run -- gunicorn ...",
        ),
        ("run -x", "unexpected argument '-x'; see keybearer --help"),
        ("run --user", "--user needs a value: --user <USER[:GROUP]>"),
        ("run --user a --user b", "--user is given twice; leave one of them out"),
        ("run -q -v", "--quiet contradicts --verbose; leave one of them out"),
        ("run --log-format yaml", "--log-format: expected text or json"),
        ("run --vault secret", "--vault: expected MOUNT/PATH, such as secret/example/prod"),
        (
            "run --aws-secret a?b",
            "--aws-secret: expected a secret's name or ARN, such as example/prod",
        ),
        ("run --user a:", "--user: expected USER or USER:GROUP"),
        ("check --json=1", "--json takes no value"),
        ("rotate promot", "STEP: unknown value; did you mean 'promote'?"),
        ("rotate now", "STEP: expected prepare, promote, retire, abort, revoke"),
        ("rotate --due promote", "--due contradicts STEP; leave one of them out"),
        ("rotate --due --now", "--due contradicts --now; leave one of them out"),
        ("status --json --metrics", "--json contradicts --metrics; leave one of them out"),
        (
            "status ../x",
            "NAME: expected a name of at most 64 of A-Z a-z 0-9 _ . @ -, with no dot first",
        ),
        ("reload a b", "unexpected argument 'b'; see keybearer --help"),
        (
            "reload --name a",
            "unexpected argument '--name'; it belongs to run, exec, check and rotate, as in: \
             keybearer run --name ...",
        ),
        ("init", "missing DIR; see keybearer --help"),
        ("completions powershel", "SHELL: unknown value; did you mean 'powershell'?"),
        ("completions x", "SHELL: expected bash, elvish, fish, powershell, zsh"),
    ] {
        assert_eq!(usage(line), message);
    }
    let broken = ["keybearer", "run", "--x\ny"].map(OsString::from);
    assert!(matches!(parse(broken), Err(Stop::Usage(line)) if !line.contains('\n')));
}

#[test]
fn help_and_version_are_no_failure() {
    for line in ["--help", "-h", "--version", "-V", "run --help", "init -h", "help", "help run"] {
        let stop = given(line).unwrap_err();
        assert!(matches!(stop, Stop::Shown(_)) && stop.exit().is_none(), "{line}");
    }
    let Err(Stop::Shown(version)) = given("--version") else { panic!("no version") };
    let (first, stores) = version.trim_end().split_once('\n').unwrap();
    assert_eq!(first, format!("keybearer {}", env!("CARGO_PKG_VERSION")));
    let all = "stores: aws-secrets-manager, aws-parameter-store, vault, google-secret-manager, azure-key-vault";
    let default = cfg!(all(
        feature = "aws-secrets-manager",
        feature = "aws-parameter-store",
        feature = "azure-key-vault",
        feature = "google-secret-manager",
        feature = "vault"
    ));
    assert!(!default || stores == all, "{stores}");
    assert!(cfg!(feature = "stores") || stores == "stores: none", "{stores}");
    let Err(Stop::NoCommand(help)) = given("") else { panic!("no help") };
    for word in ["keybearer run --env-file", "Exit codes:", "/etc/keybearer/NAME.toml"] {
        assert!(help.contains(word), "{word}");
    }
}

#[test]
fn every_shared_option_has_its_variable_and_one_line() {
    let own = ["json", "full", "value", "due", "now", "dry-run", "blind"];
    for name in ["run", "exec", "check", "rotate"] {
        let command = command();
        let command = command.find_subcommand(name).unwrap();
        let mut options = command
            .get_arguments()
            .filter(|argument| argument.get_long().is_some_and(|long| !own.contains(&long)))
            .map(|argument| (argument.get_id().as_str(), argument.get_help().unwrap().to_string()));
        for (option, variable) in SHARED_VARIABLES {
            let (id, help) = options.next().unwrap();
            assert_eq!(id, *option);
            assert!(help.ends_with(&format!("[{variable}]")), "{help}");
            assert!(!help.contains('\n'), "{help}");
        }
        assert_eq!(options.next(), None);
    }
}
