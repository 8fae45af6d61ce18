//! What the kernel says about a process: proc(5).

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use nix::unistd::Pid;

/// `/proc/PID/status`
#[derive(Debug)]
pub struct Status {
    fields: BTreeMap<String, String>,
}

impl Status {
    #[track_caller]
    pub fn of(pid: Pid) -> Status {
        Status::parse(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap())
    }

    /// What a process has said of itself.
    pub fn parse(text: &str) -> Status {
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        Status {
            fields: fields
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
        }
    }

    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        match self.fields.get(name) {
            Some(value) => value,
            None => panic!("/proc/PID/status has no {name}"),
        }
    }

    /// `Uid` and `Gid`: real, effective, saved and of the file system; `Groups`: all of them.
    #[track_caller]
    pub fn ids(&self, name: &str) -> Vec<u32> {
        self.field(name).split_whitespace().map(|id| id.parse().unwrap()).collect()
    }

    /// `CapEff` and its like, `SigIgn`, `SigBlk`.
    #[track_caller]
    pub fn mask(&self, name: &str) -> u64 {
        u64::from_str_radix(self.field(name), 16).unwrap()
    }
}

/// The environment it was started with.
#[track_caller]
pub fn environ(pid: Pid) -> BTreeMap<String, String> {
    let variables = strings(pid, "environ").into_iter();
    variables
        .map(|variable| match variable.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => panic!("a variable without '=': {variable}"),
        })
        .collect()
}

/// One variable of a process that may end, or become another program, at any moment.
pub fn variable(pid: Pid, name: &str) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let found =
        text.split('\0').find_map(|variable| variable.strip_prefix(name)?.strip_prefix('='));
    found.map(str::to_owned)
}

#[track_caller]
pub fn cmdline(pid: Pid) -> Vec<String> {
    strings(pid, "cmdline")
}

/// Of a process that may end at any moment; a zombie has none.
pub fn cmdline_if_there(pid: Pid) -> Option<Vec<String>> {
    let text = String::from_utf8(fs::read(format!("/proc/{pid}/cmdline")).ok()?).ok()?;
    Some(text.split_terminator('\0').map(str::to_owned).collect())
}

#[track_caller]
fn strings(pid: Pid, file: &str) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// Its open descriptors and what they are.
#[track_caller]
pub fn descriptors(pid: Pid) -> BTreeMap<i32, PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    entries
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let number = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            // One that was closed since it was listed is not there.
            Some((number, fs::read_link(path).ok()?))
        })
        .collect()
}

/// One line of the process table.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub pid: Pid,
    pub parent: Pid,
    /// `R`, `S`, `Z` and the others of proc(5).
    pub state: char,
}

/// The children of a process, zombies among them.
pub fn children(pid: Pid) -> Vec<Process> {
    processes().into_iter().filter(|process| process.parent == pid).collect()
}

/// Its children, their children, and so on.
pub fn descendants(pid: Pid) -> Vec<Pid> {
    let processes = processes();
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(processes.iter().filter(|p| p.parent == parent).map(|p| p.pid));
        next += 1;
    }
    found.split_off(1)
}

pub fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(process).collect()
}

/// None: it is gone meanwhile.
fn process(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it is in parentheses and may itself hold some.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    Some(Process {
        state: fields.next()?.chars().next()?,
        parent: Pid::from_raw(fields.next()?.parse().ok()?),
        pid: Pid::from_raw(pid),
    })
}
