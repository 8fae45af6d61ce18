use std::ffi::{OsStr, OsString};

use crate::config::ServerKind;

/// An option of Gunicorn's that does not go with a supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// It cannot work: refused before anything starts.
    Refuse(String),
    /// It has no effect.
    Warn(String),
}

/// Gunicorn's options that matter here, with their one-letter forms.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opt {
    Daemon,
    ReusePort,
    DirtyApp,
    Bind,
    Pid,
    /// Takes a value that must not be read as an option.
    Other,
}

const OPTIONS: [(&str, Option<char>, Opt, bool); 5] = [
    ("--daemon", Some('D'), Opt::Daemon, false),
    ("--reuse-port", None, Opt::ReusePort, false),
    ("--dirty-app", None, Opt::DirtyApp, true),
    ("--bind", Some('b'), Opt::Bind, true),
    ("--pid", Some('p'), Opt::Pid, true),
];

/// One-letter options of Gunicorn's that take a value; settings page of its manual.
const LETTERS_WITH_VALUE: &str = "ckwtugmn";

/// Looks through the command and GUNICORN_CMD_ARGS. `sockets`: whether keybearer holds some.
pub fn objections(
    kind: ServerKind,
    command: &[OsString],
    extra: Option<&OsStr>,
    sockets: bool,
) -> Vec<Objection> {
    if kind != ServerKind::Gunicorn {
        return Vec::new();
    }
    let mut words: Vec<String> =
        command.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let extra = extra.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    words.extend(extra.split_whitespace().map(str::to_owned));
    options(&words)
        .into_iter()
        .filter_map(|(option, value)| object(option, &value, sockets))
        .collect()
}

fn object(option: Opt, value: &str, sockets: bool) -> Option<Objection> {
    let refuse = |text: &str| Some(Objection::Refuse(text.to_owned()));
    match option {
        Opt::Daemon => refuse("gunicorn's --daemon leaves its supervisor; take it out"),
        Opt::Bind if value.starts_with("fd://") => refuse(
            "gunicorn's --bind fd:// loses requests at every hand-over; take it out and name the address with --listen",
        ),
        Opt::Bind if sockets => Some(Objection::Warn(
            "gunicorn's --bind has no effect beside --listen; take it out".to_owned(),
        )),
        Opt::ReusePort if sockets => {
            refuse("gunicorn's --reuse-port ignores the sockets that keybearer holds; take it out")
        }
        Opt::Pid if sockets => refuse(
            "gunicorn's --pid stops a second generation from starting; take it out (systemd and keybearer know the process)",
        ),
        Opt::DirtyApp if sockets => {
            refuse("gunicorn's --dirty-app cannot live in two generations; take it out")
        }
        Opt::Bind | Opt::ReusePort | Opt::Pid | Opt::DirtyApp | Opt::Other => None,
    }
}

/// Reads words as Python's argparse does: `--name value`, `--name=value`, unambiguous abbreviations,
/// `-b value`, `-bvalue`, one-letter options run together.
fn options(words: &[String]) -> Vec<(Opt, String)> {
    let mut found = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            break;
        }
        if word.starts_with("--") {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            if let Some((option, takes)) = long(name) {
                let value = match value {
                    None if takes => rest.next().cloned().unwrap_or_default(),
                    value => value.unwrap_or_default(),
                };
                found.push((option, value));
            }
        } else if let Some(letters) = word.strip_prefix('-') {
            found.extend(short(letters, &mut rest));
        }
    }
    found
}

fn long(name: &str) -> Option<(Opt, bool)> {
    // Five characters tell these from every other option of Gunicorn's.
    let known = OPTIONS.iter().find(|(full, ..)| {
        *full == name
            || (name.len() >= 5 && full.starts_with(name))
            || *full == name.trim_end_matches('s')
    })?;
    Some((known.2, known.3))
}

fn short(letters: &str, rest: &mut std::slice::Iter<'_, String>) -> Option<(Opt, String)> {
    let mut found = None;
    for (at, letter) in letters.char_indices() {
        let known = OPTIONS.iter().find(|(_, short, ..)| *short == Some(letter));
        let takes = known.map_or(LETTERS_WITH_VALUE.contains(letter), |(.., takes)| *takes);
        let option = known.map_or(Opt::Other, |(_, _, option, _)| *option);
        if takes {
            let glued = &letters[at + letter.len_utf8()..];
            let value = match glued.is_empty() {
                true => rest.next().cloned().unwrap_or_default(),
                false => glued.trim_start_matches('=').to_owned(),
            };
            return if option == Opt::Other { found } else { Some((option, value)) };
        }
        if option != Opt::Other {
            found = Some((option, String::new()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(words: &str, sockets: bool) -> Vec<&'static str> {
        let command: Vec<OsString> =
            format!("gunicorn {words}").split(' ').map(OsString::from).collect();
        objections(ServerKind::Gunicorn, &command, None, sockets)
            .iter()
            .map(|objection| match objection {
                Objection::Refuse(_) => "refuse",
                Objection::Warn(_) => "warn",
            })
            .collect()
    }

    #[test]
    fn what_cannot_work_is_refused_however_it_is_written() {
        for words in [
            "--daemon app:app",
            "-D app:app",
            "--daem app:app",
            "-w 2 -D app:app",
            "--bind fd://3 app:app",
            "--bind=fd://3 app:app",
            "-b fd://3 app:app",
            "-bfd://3 app:app",
            "--pid /run/x.pid app:app",
            "-p /run/x.pid app:app",
            "--reuse-port app:app",
            "--dirty-app a:b app:app",
        ] {
            assert_eq!(judge(words, true), ["refuse"], "{words}");
        }
    }

    #[test]
    fn what_works_is_let_be() {
        for words in ["app:app", "-w 3 --threads 2 app:app", "-c D app:app", "-n Daemon app:app"] {
            assert!(judge(words, true).is_empty(), "{words}");
        }
        assert_eq!(judge("-b 127.0.0.1:8000 app:app", true), ["warn"]);
        assert!(judge("-b 127.0.0.1:8000 --pid /run/x app:app", false).is_empty());
        assert_eq!(judge("--daemon app:app", false), ["refuse"]);
    }

    #[test]
    fn the_variable_counts_too() {
        let command = [OsString::from("gunicorn")];
        let extra = OsStr::new("--workers 2 --daemon");
        let found = objections(ServerKind::Gunicorn, &command, Some(extra), true);
        assert!(matches!(found.as_slice(), [Objection::Refuse(_)]));
    }
}
