use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, process, thread};

use keybearer::sys;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope,
};
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::sys::{memfd, prctl, signal};
use nix::unistd::{getppid, setsid};

/// What the process of the test's own is told, and that it is one.
const CONFINED: &str = "KEYBEARER_TEST_CONFINED";

/// Runs `attempt` in a process of its own that has given up the rest: nobody can take it back here.
/// `told` is what that process has to know of this one.
#[track_caller]
fn confined(test: &str, told: &str, attempt: impl FnOnce(&str)) {
    if let Ok(told) = env::var(CONFINED) {
        super::confine();
        return attempt(&told);
    }
    let child = Command::new(env::current_exe().unwrap())
        .args([&format!("confine::tests::{test}"), "--exact", "--nocapture", "--test-threads=1"])
        .env(CONFINED, told)
        .env("HOME", env::temp_dir())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("test result: ok. 1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

fn is_confined() -> bool {
    env::var_os(CONFINED).is_some()
}

/// Readable by everybody, and nowhere that the helper has business.
fn somebodys_file(name: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("keybearer-store-{name}-{}", process::id()));
    fs::write(&path, "a secret of somebody else's").unwrap();
    path
}

/// The filter does not know the call: what it answers differs from what a kernel would.
#[track_caller]
fn does_not_exist<T>(what: &str, result: io::Result<T>) {
    match result {
        Ok(_) => panic!("{what}: done"),
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::ENOSYS), "{what}"),
    }
}

#[test]
fn calls_that_it_does_not_need_do_not_exist() {
    let file = if is_confined() { PathBuf::new() } else { somebodys_file("calls") };
    let told = file.to_str().unwrap();
    confined("calls_that_it_does_not_need_do_not_exist", told, |path| {
        does_not_exist("a program", Err::<(), _>(Command::new("/bin/true").exec()));
        does_not_exist("a process", Command::new("/bin/true").spawn());
        does_not_exist("a copy of itself", sys::fork());
        does_not_exist("a signal", signal::kill(getppid(), None).map_err(io::Error::from));
        let packets = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None);
        does_not_exist("packets", packets.map_err(io::Error::from));
        does_not_exist("a session", setsid().map_err(io::Error::from));
        does_not_exist("to be looked into", prctl::set_dumpable(true).map_err(io::Error::from));
        let program = memfd::memfd_create(c"program", memfd::MFdFlags::empty());
        does_not_exist("a program in memory", program.map_err(io::Error::from));
        does_not_exist("the session's keys", sys::leave_session_keyring());
        does_not_exist("a file to write", OpenOptions::new().write(true).open(path));
        does_not_exist("a file to write to", OpenOptions::new().append(true).open(path));
        does_not_exist("a new file", File::create(format!("{path}-new")));
        does_not_exist("a directory", fs::create_dir(format!("{path}-new")));
        does_not_exist("no file", fs::remove_file(path));
        does_not_exist("another name", fs::rename(path, format!("{path}-new")));
        does_not_exist("a link", fs::hard_link(path, format!("{path}-new")));
        does_not_exist(
            "other rights",
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)),
        );
    });
    let _ = fs::remove_file(file);
}

#[test]
fn what_is_not_its_own_is_out_of_reach() {
    if !has_landlock() {
        return skip("no Landlock in this kernel", "what_is_not_its_own_is_out_of_reach");
    }
    let file = if is_confined() { PathBuf::new() } else { somebodys_file("files") };
    let name = format!("keybearer-store-{}", process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let listener = UnixListener::bind_addr(&address);
    let told = format!("{}\n{name}", file.display());
    confined("what_is_not_its_own_is_out_of_reach", &told, |told| {
        let (path, name) = told.split_once('\n').unwrap();
        let forbidden = |what: &str, error: io::Error, by: i32| {
            assert_eq!(error.raw_os_error(), Some(by), "{what}: {error}");
        };
        for path in [path, "/etc/shadow", "/etc/group", "/proc/1/environ"] {
            forbidden(path, File::open(path).unwrap_err(), libc::EACCES);
        }
        for path in ["/", "/etc", "/tmp", "/run", "/proc"] {
            forbidden(path, fs::read_dir(path).unwrap_err(), libc::EACCES);
        }
        let bound = TcpListener::bind("127.0.0.1:0").unwrap_err();
        forbidden("a port", bound, libc::EACCES);
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let connected = UnixStream::connect_addr(&address).unwrap_err();
        forbidden("a service without a file", connected, libc::EPERM);
    });
    drop(listener);
    let _ = fs::remove_file(file);
}

#[test]
fn what_it_needs_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").ok();
    let port = listener.as_ref().map_or(0, |listener| listener.local_addr().unwrap().port());
    let aws = env::temp_dir().join(".aws");
    if !is_confined() {
        fs::create_dir_all(&aws).unwrap();
        fs::write(aws.join("config"), "[default]\n").unwrap();
    }
    confined("what_it_needs_is_there", &port.to_string(), |port| {
        let port: u16 = port.parse().unwrap();
        let mut found = ("localhost", port).to_socket_addrs().unwrap();
        assert!(found.any(|address| address.ip().is_loopback()));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"hello").unwrap();
        for path in ["/etc/hosts", "/etc/passwd", "/proc/self/status"] {
            assert!(!fs::read(path).unwrap().is_empty(), "{path}");
        }
        let authorities = Path::new("/etc/ssl/certs");
        assert!(!authorities.exists() || fs::read_dir(authorities).unwrap().next().is_some());
        let home = PathBuf::from(env::var_os("HOME").unwrap());
        assert_eq!(fs::read_to_string(home.join(".aws/config")).unwrap(), "[default]\n");
        assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    });
}

/// All that is asked of it: an older kernel enforces a part.
fn has_landlock() -> bool {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::BindTcp))
        .and_then(|ruleset| ruleset.scope(Scope::AbstractUnixSocket));
    is_confined() || ruleset.is_ok_and(|ruleset| ruleset.create().is_ok())
}

/// Past the capture of the test runner: `tests/run` counts these lines.
fn skip(reason: &str, test: &str) {
    let line = format!("SKIPPED ({reason}): {test}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
