use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The server that the command starts: it decides how readiness is known and how sockets go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    Gunicorn,
    Hypercorn,
    Uwsgi,
    Uvicorn,
    Daphne,
    /// Any server that says READY=1 itself when it is ready.
    Notify,
    Other,
}

impl ServerKind {
    /// The words of `[server] kind`.
    pub(super) const WORDS: &[(&str, ServerKind)] = &[
        ("gunicorn", ServerKind::Gunicorn),
        ("hypercorn", ServerKind::Hypercorn),
        ("uwsgi", ServerKind::Uwsgi),
        ("uvicorn", ServerKind::Uvicorn),
        ("daphne", ServerKind::Daphne),
        ("notify", ServerKind::Notify),
        ("other", ServerKind::Other),
    ];

    /// What the command's words say. Programs that become the server are looked through
    /// (`python -m`, `env`); those that stay in front of it are not (`uv run`): LISTEN_PID would be
    /// theirs, and the server would not take the sockets.
    pub fn of(command: &[OsString]) -> ServerKind {
        let Some((program, arguments)) = command.split_first() else {
            return ServerKind::Other;
        };
        let Some(program) = Path::new(program).file_name().and_then(OsStr::to_str) else {
            return ServerKind::Other;
        };
        match program {
            "gunicorn" => ServerKind::Gunicorn,
            "hypercorn" => ServerKind::Hypercorn,
            "uwsgi" => ServerKind::Uwsgi,
            "uvicorn" => ServerKind::Uvicorn,
            "daphne" => ServerKind::Daphne,
            "env" => ServerKind::of(after_env(arguments)),
            _ if is_python(program) => ServerKind::of(&python_runs(arguments)),
            _ => ServerKind::Other,
        }
    }
}

/// `python`, `python3`, `python3.13`.
fn is_python(program: &str) -> bool {
    program
        .strip_prefix("python")
        .is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// What follows env's own options and assignments: env(1).
fn after_env(arguments: &[OsString]) -> &[OsString] {
    let mut rest = arguments;
    while let Some((word, after)) = rest.split_first() {
        rest = match word.to_str() {
            Some("--") => after,
            Some("-u" | "--unset" | "-C" | "--chdir") => after.get(1..).unwrap_or_default(),
            // A command in one string: what it holds is not ours to cut up.
            Some(split) if split.starts_with("-S") || split.starts_with("--split") => return &[],
            Some(option) if option.starts_with('-') => after,
            Some(assignment) if assignment.contains('=') => after,
            _ => return rest,
        };
    }
    rest
}

/// The module or the script that Python runs, as a command of one word: python(1).
fn python_runs(arguments: &[OsString]) -> Vec<OsString> {
    let mut arguments = arguments.iter();
    while let Some(word) = arguments.next() {
        let Some(word) = word.to_str() else {
            return Vec::new();
        };
        if word == "--check-hash-based-pycs" {
            arguments.next();
            continue;
        }
        if word.starts_with("--") {
            continue;
        }
        let Some(letters) = word.strip_prefix('-') else {
            return vec![OsString::from(word)];
        };
        // The letters of one word are options; one that takes a value takes the rest, or the next.
        let Some(at) = letters.find(['m', 'c', 'W', 'X']) else {
            continue;
        };
        let (option, rest) = letters[at..].split_at(1);
        let value = match rest {
            "" => arguments.next().and_then(|next| next.to_str()),
            rest => Some(rest),
        };
        match (option, value) {
            ("m", Some(module)) => {
                let package = module.split('.').next().unwrap_or(module);
                return vec![OsString::from(package)];
            }
            ("W" | "X", Some(_)) => {}
            _ => return Vec::new(),
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(command: &str) -> ServerKind {
        ServerKind::of(&command.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn is_known_from_the_command() {
        for (command, kind) in [
            ("/srv/example/venv/bin/gunicorn config.wsgi", ServerKind::Gunicorn),
            ("gunicorn", ServerKind::Gunicorn),
            ("hypercorn config.asgi", ServerKind::Hypercorn),
            ("/usr/bin/uwsgi --ini x", ServerKind::Uwsgi),
            ("uvicorn config.asgi:application", ServerKind::Uvicorn),
            ("daphne config.asgi", ServerKind::Daphne),
            ("python -m gunicorn config.wsgi", ServerKind::Gunicorn),
            (
                "/venv/bin/python3 -u -X dev -W error -m gunicorn.app.wsgiapp x",
                ServerKind::Gunicorn,
            ),
            ("python3.13 -Wdefault -um uvicorn x", ServerKind::Uvicorn),
            ("python -Im daphne", ServerKind::Daphne),
            ("python -mhypercorn x", ServerKind::Hypercorn),
            ("python /venv/bin/gunicorn x", ServerKind::Gunicorn),
            ("/usr/bin/env gunicorn x", ServerKind::Gunicorn),
            ("env -i -u HOME A=b -- python -m gunicorn x", ServerKind::Gunicorn),
        ] {
            assert_eq!(of(command), kind, "{command}");
        }
    }

    #[test]
    fn others_are_others() {
        for command in [
            "",
            "celery -A config worker",
            "python manage.py runserver",
            "python -c gunicorn",
            "python gunicorn.py",
            "python -m",
            "python",
            "env",
            "env -S gunicorn",
            "uv run gunicorn",
            "sh -c gunicorn",
            "gunicorn3",
            "echo gunicorn",
            "pythonic -m gunicorn",
        ] {
            assert_eq!(of(command), ServerKind::Other, "{command}");
        }
        assert_eq!(ServerKind::of(&[]), ServerKind::Other);
    }
}
