//! argv -> [`Command`].

#![forbid(unsafe_code)]

mod definition;
mod form;
mod help;
mod rotate_options;
mod stop;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;
use clap_complete::Shell;

use crate::config::{AccountSpec, Overrides, SourceOption};

pub use crate::keyring::Step;
pub use definition::command;
pub use form::Form;
pub use rotate_options::RotateOptions;
pub use stop::Stop;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Run(Overrides),
    Exec(Overrides),
    Check {
        overrides: Overrides,
        json: bool,
        full: bool,
    },
    Rotate(RotateOptions),
    /// The instance's name, where one is given.
    Reload(Option<String>),
    Status {
        name: Option<String>,
        form: Form,
    },
    Key,
    Init {
        directory: PathBuf,
        name: Option<String>,
        user: Option<AccountSpec>,
    },
    Completions(Shell),
}

/// The whole command line, the program's name first.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Stop> {
    let mut matches = command().try_get_matches_from(arguments).map_err(Stop::from)?;
    let Some((name, mut matches)) = matches.remove_subcommand() else {
        return Err(Stop::NoCommand(command().render_help().to_string()));
    };
    let matches = &mut matches;
    Ok(match name.as_str() {
        "run" => Command::Run(overrides(matches)),
        "exec" => Command::Exec(overrides(matches)),
        "check" => Command::Check {
            overrides: overrides(matches),
            json: matches.get_flag("json"),
            full: matches.get_flag("full"),
        },
        "rotate" => Command::Rotate(RotateOptions {
            step: matches.remove_one("step"),
            value: matches.remove_one("value"),
            due: matches.get_flag("due"),
            now: matches.get_flag("now"),
            dry_run: matches.get_flag("dry-run"),
            blind: matches.get_flag("blind"),
            overrides: overrides(matches),
        }),
        "reload" => Command::Reload(matches.remove_one("instance")),
        "status" => Command::Status { name: matches.remove_one("instance"), form: form(matches) },
        "init" => Command::Init {
            directory: matches.remove_one("directory").unwrap_or_default(),
            name: matches.remove_one("name"),
            user: matches.remove_one("user"),
        },
        "completions" => match matches.remove_one("shell") {
            Some(shell) => Command::Completions(shell),
            None => return Err(Stop::Usage("completions: name the shell".to_owned())),
        },
        // The definition knows one more, and a test goes through them all.
        _ => Command::Key,
    })
}

/// The definition takes one of them at most.
fn form(matches: &ArgMatches) -> Form {
    let named = [("json", Form::Json), ("check", Form::Check), ("metrics", Form::Metrics)];
    let given = named.into_iter().find(|(flag, _)| matches.get_flag(flag));
    given.map_or(Form::Text, |(_, form)| form)
}

fn overrides(matches: &mut ArgMatches) -> Overrides {
    Overrides {
        config: matches.remove_one("config"),
        name: matches.remove_one("name"),
        sources: sources(matches),
        schema: matches.remove_one("schema"),
        user: matches.remove_one("user"),
        listen: matches.remove_many("listen").into_iter().flatten().collect(),
        ready_path: matches.remove_one("ready-path"),
        log_format: matches.remove_one("log-format"),
        verbose: matches.get_count("verbose"),
        quiet: matches.get_flag("quiet"),
        command: words(matches),
    }
}

/// `rotate` takes no command.
fn words(matches: &mut ArgMatches) -> Vec<OsString> {
    let words = matches.try_remove_many("command").ok().flatten();
    words.into_iter().flatten().collect()
}

/// A later source wins, so the order counts across the options too.
fn sources(matches: &mut ArgMatches) -> Vec<SourceOption> {
    let mut sources =
        given(matches, "env-file", |path: OsString| SourceOption::EnvFile(path.into()));
    sources.extend(given(matches, "aws-secret", SourceOption::AwsSecret));
    sources.extend(given(matches, "vault", |(mount, path)| SourceOption::Vault { mount, path }));
    sources.sort_by_key(|(place, _)| *place);
    sources.into_iter().map(|(_, source)| source).collect()
}

/// Each with its place on the command line.
fn given<T: Clone + Send + Sync + 'static>(
    matches: &mut ArgMatches,
    option: &str,
    to: fn(T) -> SourceOption,
) -> Vec<(usize, SourceOption)> {
    let places: Vec<usize> = matches.indices_of(option).into_iter().flatten().collect();
    let values = matches.remove_many::<T>(option).into_iter().flatten();
    places.into_iter().zip(values.map(to)).collect()
}

#[cfg(test)]
mod tests;
