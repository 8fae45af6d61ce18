use std::ffi::OsString;
use std::str::FromStr;
use std::sync::LazyLock;

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, Command, ValueHint, value_parser};
use clap_complete::Shell;

use crate::config::{self, Address};

use super::{Step, help};

const SECRETS: &str = "Config and secrets";
const SERVER: &str = "Server";
const OUTPUT: &str = "Output";
const ROTATION: &str = "Rotation";

const STEPS: [(&str, Step); 5] = [
    ("prepare", Step::Prepare),
    ("promote", Step::Promote),
    ("retire", Step::Retire),
    ("abort", Step::Abort),
    ("revoke", Step::Revoke),
];

/// The version, and the stores that the helper of this build can ask.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let stores: Vec<&str> = [
        ("aws-secrets-manager", cfg!(feature = "aws-secrets-manager")),
        ("aws-parameter-store", cfg!(feature = "aws-parameter-store")),
        ("vault", cfg!(feature = "vault")),
        ("google-secret-manager", cfg!(feature = "google-secret-manager")),
        ("azure-key-vault", cfg!(feature = "azure-key-vault")),
    ]
    .into_iter()
    .filter_map(|(store, is_built)| is_built.then_some(store))
    .collect();
    let stores = if stores.is_empty() { "none".to_owned() } else { stores.join(", ") };
    format!("{}\nstores: {stores}", env!("CARGO_PKG_VERSION"))
});

/// The command line as clap knows it; completions and the tests of the manual read it too.
pub fn command() -> Command {
    Command::new("keybearer")
        .version(VERSION.as_str())
        .about(help::ABOUT)
        .after_help(help::TOP)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            with_command(shared(Command::new("run")), "The server and its words")
                .about("Fetch, validate, start the server, supervise it")
                .after_help(help::RUN),
        )
        .subcommand(
            with_command(shared(Command::new("exec")), "The command and its words")
                .about("Fetch, validate, drop privileges, become COMMAND; binds no socket")
                .after_help(help::EXEC),
        )
        .subcommand(
            with_command(shared(Command::new("check")), "The server and its words")
                .about("Do everything that run does short of starting, and report")
                .after_help(help::CHECK)
                .arg(flag("json", "Report as JSON, for machines").help_heading(OUTPUT))
                .arg(
                    flag("full", "Also run the 'before' commands and Django's check --deploy")
                        .help_heading(SERVER),
                ),
        )
        .subcommand(rotate())
        .subcommand(
            Command::new("reload")
                .about("Read the secrets again and hand over; wait until that is done")
                .after_help(help::RELOAD)
                .arg(instance()),
        )
        .subcommand(
            Command::new("status")
                .about("Say what an instance does, with which keys, and since when")
                .after_help(help::STATUS)
                .arg(instance())
                .arg(flag("json", "Print it as JSON, for machines").help_heading(OUTPUT))
                .arg(
                    flag("check", "Print one line; exit code 0 where it serves, else 1")
                        .conflicts_with("json")
                        .help_heading(OUTPUT),
                )
                .arg(
                    flag("metrics", "Print it as OpenMetrics text, for Prometheus")
                        .conflicts_with_all(["json", "check"])
                        .help_heading(OUTPUT),
                ),
        )
        .subcommand(
            Command::new("key")
                .about("Print a new key: 64 characters of A-Z a-z 0-9 _ -")
                .after_help(help::KEY),
        )
        .subcommand(
            Command::new("init")
                .about("Write a starter config, a schema and a 0640 env file with a fresh key")
                .after_help(help::INIT)
                .arg(
                    Arg::new("directory")
                        .value_name("DIR")
                        .required(true)
                        .value_hint(ValueHint::DirPath)
                        .value_parser(os(config::path))
                        .help("Where to write them; made where it is missing"),
                )
                .arg(
                    option("name", "NAME", text(config::instance_name))
                        .help("The files' name [default: keybearer]"),
                )
                .arg(
                    option("user", "USER[:GROUP]", text(config::account))
                        .help("The site's user; as root, its group may read the env file"),
                ),
        )
        .subcommand(
            Command::new("completions")
                .about("Print the completions of a shell")
                .after_help(help::COMPLETIONS)
                .arg(
                    Arg::new("shell")
                        .value_name("SHELL")
                        .required(true)
                        .value_parser(value_parser!(Shell))
                        .help("The shell"),
                ),
        )
}

fn rotate() -> Command {
    let steps = PossibleValuesParser::new(STEPS.map(|(name, _)| name));
    let step = steps.try_map(|given| {
        let known = STEPS.into_iter().find(|(name, _)| *name == given);
        known.map(|(_, step)| step).ok_or("expected a step of a rotation")
    });
    shared(Command::new("rotate"))
        .about("Bring in a new key, while the old one still verifies")
        .after_help(help::ROTATE)
        .arg(
            Arg::new("step")
                .value_name("STEP")
                .value_parser(step)
                .help("One step alone [default: as many as are safe]"),
        )
        .arg(
            option("value", "VAR", text(config::variable_name))
                .conflicts_with_all(["step", "due", "now", "blind"])
                .help("Not a key: make a new value of this variable, which the schema generates")
                .help_heading(ROTATION),
        )
        .arg(
            flag("due", "Do what is due and nothing otherwise, for a timer")
                .conflicts_with_all(["step", "now"])
                .help_heading(ROTATION),
        )
        .arg(flag("now", "Promote before it is due").help_heading(ROTATION))
        .arg(
            flag("dry-run", "Print the steps with their fingerprints, and do none")
                .help_heading(ROTATION),
        )
        .arg(
            flag("blind", "Rotate although the settings may not read the fallbacks")
                .help_heading(ROTATION),
        )
}

/// The one that is asked.
fn instance() -> Arg {
    Arg::new("instance")
        .value_name("NAME")
        .value_parser(text(config::instance_name))
        .help("The instance [default: the only one that runs] [KEYBEARER_NAME]")
}

/// The options that run, exec, check and rotate share. Each is a variable too: `config::SHARED_VARIABLES`.
fn shared(command: Command) -> Command {
    command
        .arg(
            option("config", "FILE", os(config::path))
                .value_hint(ValueHint::FilePath)
                .help("The config file [default: /etc/keybearer/NAME.toml]")
                .help_heading(SECRETS),
        )
        .arg(
            option("name", "NAME", text(config::instance_name))
                .help("This instance's name [default: the config file's, without .toml]")
                .help_heading(SECRETS),
        )
        .arg(
            many("env-file", "PATH", os(|path| config::path(path).map(OsString::from)))
                .value_hint(ValueHint::FilePath)
                .help("Read this env file, not the config's sources; repeatable")
                .help_heading(SECRETS),
        )
        .arg(
            many("aws-secret", "ID", text(config::aws_secret))
                .help("Read this secret of AWS Secrets Manager, by name or ARN; repeatable")
                .help_heading(SECRETS),
        )
        .arg(
            many("vault", "MOUNT/PATH", text(config::vault_secret))
                .help("Read this KV 2 secret of the Vault at VAULT_ADDR; repeatable")
                .help_heading(SECRETS),
        )
        .arg(
            option("schema", "FILE", os(config::schema))
                .value_hint(ValueHint::FilePath)
                .help("What the secrets must be [default: django, built in]")
                .help_heading(SECRETS),
        )
        .arg(
            option("user", "USER[:GROUP]", text(config::account))
                .help("Run the site as this user; needed where keybearer is root")
                .help_heading(SERVER),
        )
        .arg(
            many("listen", "ADDRESS", text(Address::from_str))
                .help("Listen here: 127.0.0.1:8000, unix:/run/example/web.sock; repeatable")
                .help_heading(SERVER),
        )
        .arg(
            option("ready-path", "PATH", text(config::ready_path))
                .help("The site is ready when this answers 2xx, such as /healthz")
                .help_heading(SERVER),
        )
        .arg(
            option("log-format", "FORMAT", text(config::log_format))
                .help("Log as text or json [default: text]")
                .help_heading(OUTPUT),
        )
        .arg(
            Arg::new("verbose")
                .short('v')
                .long("verbose")
                .action(ArgAction::Count)
                .help("Say more; never a value")
                .help_heading(OUTPUT),
        )
        .arg(
            flag("quiet", "Say warnings and errors only")
                .short('q')
                .conflicts_with("verbose")
                .help_heading(OUTPUT),
        )
        .mut_args(with_variable)
}

fn with_command(command: Command, help: &'static str) -> Command {
    command.arg(
        Arg::new("command")
            .value_name("COMMAND")
            .num_args(0..)
            .last(true)
            .value_hint(ValueHint::CommandWithArguments)
            .value_parser(value_parser!(OsString))
            .help(help),
    )
}

/// Each option's line ends with its variable.
fn with_variable(argument: Arg) -> Arg {
    let id = argument.get_id().as_str();
    let variable = config::SHARED_VARIABLES.iter().find(|(option, _)| *option == id);
    match (variable, argument.get_help()) {
        (Some((_, variable)), Some(help)) => {
            let help = format!("{help} [{variable}]");
            argument.help(help)
        }
        (_, _) => argument,
    }
}

fn option(long: &'static str, value: &'static str, parser: ValueParser) -> Arg {
    Arg::new(long).long(long).value_name(value).value_parser(parser)
}

fn many(long: &'static str, value: &'static str, parser: ValueParser) -> Arg {
    option(long, value, parser).action(ArgAction::Append)
}

fn flag(long: &'static str, help: &'static str) -> Arg {
    Arg::new(long).long(long).action(ArgAction::SetTrue).help(help)
}

fn text<T, F>(parse: F) -> ValueParser
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&str) -> Result<T, &'static str> + Clone + Send + Sync + 'static,
{
    ValueParser::from(parse)
}

fn os<T, F>(parse: F) -> ValueParser
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&std::ffi::OsStr) -> Result<T, &'static str> + Clone + Send + Sync + 'static,
{
    ValueParser::new(OsStringValueParser::new().try_map(move |text| parse(&text)))
}
