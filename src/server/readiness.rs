use std::ffi::OsString;

use crate::config::ServerKind;

/// How a server is known to be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is asked on a private socket, which it gets as its last descriptor.
    Probe,
    /// It says READY=1 on a socket of ours.
    Heard,
    /// It must live for a while.
    Settle,
}

/// `sockets` is how many public ones the server gets. Gunicorn takes the private one by itself, but
/// only where it takes its sockets from keybearer at all; hypercorn must name it in its own options.
pub fn way(kind: ServerKind, command: &[OsString], sockets: usize) -> Way {
    match kind {
        ServerKind::Gunicorn if sockets > 0 => Way::Probe,
        ServerKind::Hypercorn if names_descriptor(command, 3 + sockets) => Way::Probe,
        ServerKind::Uwsgi | ServerKind::Notify => Way::Heard,
        ServerKind::Gunicorn
        | ServerKind::Hypercorn
        | ServerKind::Uvicorn
        | ServerKind::Daphne
        | ServerKind::Other => Way::Settle,
    }
}

fn names_descriptor(command: &[OsString], number: usize) -> bool {
    let wanted = format!("fd://{number}");
    command.iter().filter_map(|word| word.to_str()).any(|word| {
        word.strip_suffix(wanted.as_str())
            .is_some_and(|before| before.is_empty() || before.ends_with('=') || before == "-b")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn each_in_its_own_way() {
        let gunicorn = words("gunicorn app:app");
        assert_eq!(way(ServerKind::Gunicorn, &gunicorn, 1), Way::Probe);
        assert_eq!(way(ServerKind::Gunicorn, &gunicorn, 0), Way::Settle);
        assert_eq!(way(ServerKind::Uwsgi, &gunicorn, 1), Way::Heard);
        let both = words("hypercorn --bind fd://3 --bind=fd://4 app:app");
        assert_eq!(way(ServerKind::Hypercorn, &both, 1), Way::Probe);
        assert_eq!(way(ServerKind::Hypercorn, &both, 2), Way::Settle);
        assert_eq!(way(ServerKind::Uvicorn, &both, 1), Way::Settle);
    }
}
