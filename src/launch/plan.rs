use std::ffi::{CString, OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};

use super::LaunchError;
use crate::account::Account;
use crate::environment::Environment;

/// One string of an environment, its NUL included: MAX_ARG_STRLEN of execve(2).
const STRING_LIMIT: usize = 128 * 1024;

/// Where PATH is not set, as execvp(3) would search.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Everything that a process of the site is made from, checked and ready for fork.
pub struct Plan {
    pub account: Account,
    pub directory: Option<PathBuf>,
    pub umask: u32,
    pub(super) argv: Vec<CString>,
    pub(super) strings: Vec<CString>,
    /// The paths to try, in order.
    pub(super) candidates: Vec<CString>,
}

/// What is common to the server and to the commands that run before it.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    pub account: &'a Account,
    pub directory: Option<&'a Path>,
    pub umask: u32,
}

impl Plan {
    pub fn new(
        command: &[OsString],
        environment: &Environment,
        task: Task<'_>,
    ) -> Result<Plan, LaunchError> {
        let program = command.first().ok_or(LaunchError::NoCommand)?;
        let argv = command
            .iter()
            .enumerate()
            .map(|(index, argument)| {
                CString::new(argument.as_bytes()).map_err(|_| LaunchError::Nul(index))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let plan = Plan {
            account: task.account.clone(),
            directory: task.directory.map(Path::to_owned),
            umask: task.umask,
            candidates: candidates(program, environment.get("PATH")),
            strings: environment.strings(),
            argv,
        };
        plan.check_size()?;
        Ok(plan)
    }

    /// One variable more, which no source and no config can give.
    pub fn set(&mut self, name: &str, value: &str) {
        self.strings.extend(CString::new(format!("{name}={value}")));
    }

    /// The command's first word, as it was given.
    pub fn program(&self) -> String {
        self.argv.first().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn check_size(&self) -> Result<(), LaunchError> {
        if let Some(long) = self.strings.iter().find(|s| s.as_bytes_with_nul().len() > STRING_LIMIT)
        {
            let name = long.as_bytes().split(|b| *b == b'=').next().unwrap_or_default();
            return Err(LaunchError::StringTooLong {
                variable: String::from_utf8_lossy(name).into_owned(),
                size: long.as_bytes().len(),
                limit: STRING_LIMIT - 1,
            });
        }
        let (size, limit) = (self.size(), execve_limit());
        if size > limit { Err(LaunchError::TooLarge { size, limit }) } else { Ok(()) }
    }

    /// As execve(2) counts: every string with its NUL and its pointer, and the path once more. The
    /// socket variables, which are added last, are counted as the most that they can be.
    pub(super) fn size(&self) -> usize {
        let pointer = size_of::<usize>();
        let strings = self.argv.iter().chain(&self.strings);
        let counted: usize = strings.map(|s| s.as_bytes_with_nul().len() + pointer).sum();
        let path = self.candidates.iter().map(|p| p.as_bytes_with_nul().len()).max();
        counted + path.unwrap_or_default() + 4096
    }

    /// Whether the command is looked for in PATH.
    pub(super) fn searched(&self) -> bool {
        !self.program().contains('/')
    }

    /// Whether one of the candidates is a file: then ENOENT speaks of its interpreter.
    pub(super) fn somewhere(&self) -> bool {
        self.candidates.iter().any(|path| Path::new(OsStr::from_bytes(path.as_bytes())).is_file())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("argv", &self.argv)
            .field("account", &self.account)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// A quarter of the stack limit, but at least 128 KiB and at most three quarters of 8 MiB; execve(2),
/// "Limits on size of arguments and environment".
pub(super) fn execve_limit() -> usize {
    const LEAST: u64 = 128 * 1024;
    const MOST: u64 = 6 * 1024 * 1024;
    let stack = getrlimit(Resource::RLIMIT_STACK).map_or(8 * 1024 * 1024, |(soft, _)| soft);
    (stack / 4).clamp(LEAST, MOST) as usize
}

fn candidates(program: &OsStr, path: Option<&OsStr>) -> Vec<CString> {
    let bytes = program.as_bytes();
    if bytes.is_empty() || bytes.contains(&b'/') {
        return CString::new(bytes).into_iter().collect();
    }
    let path = path.unwrap_or(OsStr::new(DEFAULT_PATH));
    std::env::split_paths(path)
        // An empty element would be the working directory: root does not search that.
        .filter(|directory| directory.is_absolute())
        .filter_map(|directory| {
            CString::new(directory.join(program).into_os_string().into_vec()).ok()
        })
        .collect()
}
