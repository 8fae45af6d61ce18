use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::config::{SHARED_VARIABLES, closest};
use crate::exit::Exit;

/// For suggestions; a test holds it against the definition.
pub(super) const COMMANDS: [&str; 9] =
    ["run", "exec", "check", "rotate", "reload", "status", "key", "init", "completions"];

/// Why there is no command to carry out.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    /// `--help` or `--version`: for stdout, and not a failure.
    Shown(String),
    /// No argument at all: the help, for stderr.
    NoCommand(String),
    /// Wrong usage, in one line.
    Usage(String),
}

impl Stop {
    /// None: what was asked for was shown.
    pub fn exit(&self) -> Option<Exit> {
        match self {
            Stop::Shown(_) => None,
            Stop::NoCommand(_) | Stop::Usage(_) => Some(Exit::Usage),
        }
    }
}

impl From<clap::Error> for Stop {
    fn from(error: clap::Error) -> Self {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Stop::Shown(error.render().to_string())
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                Stop::NoCommand(error.render().to_string())
            }
            _ => Stop::Usage(line(&error)),
        }
    }
}

/// clap's several lines in one of ours. What it has no words for here keeps its own first line.
fn line(error: &clap::Error) -> String {
    let argument = said(error, ContextKind::InvalidArg);
    let option = argument.split([' ', '=']).next().unwrap_or_default();
    let option = bare(option);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let given = said(error, ContextKind::InvalidSubcommand);
            // clap's own measure does not forgive two letters that changed places.
            let near = closest(&given, COMMANDS).map(str::to_owned);
            match near.or_else(|| suggestion(error, ContextKind::SuggestedSubcommand)) {
                Some(word) => format!("unknown command '{given}'; did you mean '{word}'?"),
                None => format!(
                    "unknown command '{given}'; to start a server: keybearer run -- {given} ..."
                ),
            }
        }
        ErrorKind::UnknownArgument => unknown_argument(error, &argument),
        ErrorKind::ValueValidation => {
            let why = error.source().map(|source| source.to_string()).unwrap_or_default();
            format!("{option}: {why}")
        }
        ErrorKind::InvalidValue => {
            let given = said(error, ContextKind::InvalidValue);
            match suggestion(error, ContextKind::SuggestedValue) {
                _ if given.is_empty() => format!("{option} needs a value: {argument}"),
                Some(word) => format!("{option}: unknown value; did you mean '{word}'?"),
                None => format!("{option}: expected {}", said(error, ContextKind::ValidValue)),
            }
        }
        ErrorKind::ArgumentConflict => match said(error, ContextKind::PriorArg) {
            prior if prior.is_empty() || prior == argument => {
                format!("{option} is given twice; leave one of them out")
            }
            prior => {
                let prior = bare(&prior);
                format!("{option} contradicts {prior}; leave one of them out")
            }
        },
        ErrorKind::MissingRequiredArgument => format!("missing {option}; see keybearer --help"),
        ErrorKind::TooManyValues => format!("{option} takes no value"),
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_owned(),
        _ => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    }
}

/// Without clap's marks.
fn bare(argument: &str) -> &str {
    argument.trim_matches(['<', '>', '[', ']', '.'])
}

fn unknown_argument(error: &clap::Error, argument: &str) -> String {
    if let Some(option) = suggestion(error, ContextKind::SuggestedArg) {
        return format!("unexpected argument '{argument}'; did you mean '{option}'?");
    }
    let option = argument.trim_start_matches('-').split('=').next().unwrap_or_default();
    if SHARED_VARIABLES.iter().any(|(shared, _)| *shared == option) {
        return format!(
            "unexpected argument '--{option}'; it belongs to run, exec, check and rotate, as in: \
             keybearer run --{option} ..."
        );
    }
    if argument.starts_with('-') || !takes_words(error) {
        format!("unexpected argument '{argument}'; see keybearer --help")
    } else {
        format!(
            "unexpected argument '{argument}'; the server's words come after '--', as in: \
             keybearer run -- {argument} ..."
        )
    }
}

/// Whether the command takes a server's words; its usage line says so.
fn takes_words(error: &clap::Error) -> bool {
    match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string().contains("COMMAND"),
        _ => false,
    }
}

/// One line, whatever was typed.
fn said(error: &clap::Error, kind: ContextKind) -> String {
    let text = match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    text.chars().flat_map(|c| if c.is_control() { vec![' '] } else { vec![c] }).collect()
}

/// The likeliest word comes last in clap's list.
fn suggestion(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.last().cloned(),
        _ => None,
    }
}
