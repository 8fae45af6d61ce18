use nix::unistd::Pid;

use crate::exit::Exit;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error(
        "an instance named '{name}' runs already{}; stop it, or give this one another --name",
        shown(.pid)
    )]
    Running { name: String, pid: Option<Pid> },
}

impl Error {
    pub fn exit(&self) -> Exit {
        match self {
            Error::Running { .. } => Exit::Failure,
        }
    }
}

fn shown(pid: &Option<Pid>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}
