//! Listening sockets: bound by keybearer for the site, or handed over by systemd.

use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::harness::{Bench, Fifo, Invocation, Mode, Running, free_port};

/// Takes its sockets as systemd's documentation says and answers every connection with the name of
/// the socket it came over and with what is announced.
const SERVER: &str = r#"
import os, select, socket
assert int(os.environ["LISTEN_PID"]) == os.getpid()
names = os.environ["LISTEN_FDNAMES"].split(":")
sockets = [socket.socket(fileno=3 + n) for n in range(int(os.environ["LISTEN_FDS"]))]
print("serving", flush=True)
while True:
    for ready in select.select(sockets, [], [])[0]:
        connection, _ = ready.accept()
        connection.sendall(f"{names[sockets.index(ready)]} of {len(sockets)}".encode())
        connection.close()
"#;

/// systemd's part: binds, puts the sockets at 3 and upward, says whose they are and becomes it.
const MANAGER: &str = r#"
import os, socket, sys
count, pid, first = int(sys.argv[1]), sys.argv[2], sys.argv[3]
for n in range(count):
    listener = socket.create_server(("127.0.0.1", int(first) if n == 0 else 0))
    os.dup2(listener.fileno(), 100 + n, inheritable=True)
    listener.detach()
for n in range(count):
    os.dup2(100 + n, 3 + n, inheritable=True)
    os.close(100 + n)
os.closerange(3 + count, 100)
os.environ["LISTEN_FDS"] = str(count)
os.environ["LISTEN_PID"] = str(os.getpid()) if pid == "own" else pid
os.environ["LISTEN_FDNAMES"] = ":".join(["http", "other"][:count])
os.execv(sys.argv[4], sys.argv[4:])
"#;

fn run(bench: &Bench) -> Invocation<'_> {
    bench.with_config("run", "[ready]\nsettle = \"0s\"\n")
}

fn serve<'a>(invocation: Invocation<'a>) -> Running {
    let running = invocation.args(["--", "/usr/bin/python3", "-ISc", SERVER]).spawn();
    running.wait_for_stdout("serving");
    running
}

#[track_caller]
fn said(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn handed_over<'a>(invocation: Invocation<'a>, count: u8, pid: &str, port: u16) -> Invocation<'a> {
    let (count, port) = (count.to_string(), port.to_string());
    invocation.through(["/usr/bin/python3", "-ISc", MANAGER, &count, pid, &port])
}

#[test]
fn several_addresses_arrive_in_their_order() {
    let bench = Bench::new();
    let (four, six) = (free_port(), free_port());
    let unix = bench.site_dir("run").join("web.sock");
    let run = run(&bench).args(["--listen", &format!("127.0.0.1:{four}")]);
    let run = run.args(["--listen", &format!("[::1]:{six}")]);
    let running = serve(run.args(["--listen", &format!("unix:{}", unix.display())]));
    let line = running.wait_for_line("serving on");
    let all = format!("127.0.0.1:{four}, [::1]:{six}, unix:{}", unix.display());
    assert!(line.starts_with(&format!("keybearer: serving on {all}, key ")), "{line}");
    assert_eq!(said(TcpStream::connect((Ipv4Addr::LOCALHOST, four)).unwrap()), "web of 3");
    assert_eq!(said(TcpStream::connect((Ipv6Addr::LOCALHOST, six)).unwrap()), "web of 3");
    assert_eq!(said(UnixStream::connect(&unix).unwrap()), "web of 3");
}

#[test]
fn a_unix_socket_is_the_sites_and_goes_with_keybearer() {
    let bench = Bench::new();
    for (mode, config) in [(0o660, ""), (0o666, "[listen]\nmode = \"0666\"\n")] {
        let dir = bench.site_dir(&format!("run-{mode:o}"));
        let path = dir.join("web.sock");
        let run = bench.with_config("run", config);
        let running = serve(run.args(["--listen", &format!("unix:{}", path.display())]));
        let found = path.symlink_metadata().unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.mode() & 0o7777, mode);
        assert_eq!((found.uid(), found.gid()), (bench.site().uid, bench.site().gid));
        running.signal(Signal::SIGTERM);
        running.wait().expect_code(143);
        assert_eq!(dir.read_dir().unwrap().count(), 0);
    }
}

#[test]
fn a_socket_that_a_killed_supervisor_left_is_replaced() {
    let bench = Bench::new();
    let path = bench.site_dir("run").join("web.sock");
    drop(UnixListener::bind(&path).unwrap());
    bench.site().owns(&path);
    let _running = serve(run(&bench).args(["--listen", &format!("unix:{}", path.display())]));
    assert_eq!(said(UnixStream::connect(&path).unwrap()), "web of 1");
}

#[test]
fn a_socket_that_somebody_answers_is_left_alone() {
    let bench = Bench::new();
    let path = bench.site_dir("run").join("web.sock");
    let listener = UnixListener::bind(&path).unwrap();
    bench.site().owns(&path);
    let run = run(&bench).args(["--listen", &format!("unix:{}", path.display())]);
    run.args(["--", "/bin/true"]).run().expect_code(1).expect_stderr(
        "keybearer: cannot listen on unix:{dir}/run/web.sock: in use; stop what holds it (ss -ltnxp shows it)",
    );
    drop(listener);
    assert!(path.symlink_metadata().is_ok());
}

/// What was put in a socket's place meanwhile is not keybearer's to remove.
#[test]
fn a_file_that_took_the_sockets_place_stays() {
    let bench = Bench::new();
    let path = bench.site_dir("run").join("web.sock");
    let running = serve(run(&bench).args(["--listen", &format!("unix:{}", path.display())]));
    std::fs::rename(&path, bench.path("run/moved")).unwrap();
    std::fs::write(&path, "somebody else's").unwrap();
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(143);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody else's");
}

#[test]
fn what_is_no_socket_is_not_replaced() {
    let bench = Bench::new();
    let path = bench.site_dir("run").join("web.sock");
    std::fs::write(&path, "data").unwrap();
    bench.site().owns(&path);
    let run = run(&bench).args(["--listen", &format!("unix:{}", path.display())]);
    run.args(["--", "/bin/true"]).run().expect_code(78).expect_stderr(
        "keybearer: cannot make the socket '{dir}/run/web.sock': something that is no socket is there; move it away",
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
}

#[test]
fn a_unix_socket_needs_a_directory_that_the_site_may_write() {
    let bench = Bench::new();
    let user = bench.site().name.clone();
    let missing = bench.path("nowhere/web.sock");
    let run_in = |path: &PathBuf| {
        let run = run(&bench).args(["--listen", &format!("unix:{}", path.display())]);
        run.args(["--", "/bin/true"]).run()
    };
    run_in(&missing).expect_code(78).expect_stderr(&format!(
        "keybearer: cannot make the socket '{{dir}}/nowhere/web.sock': its directory is missing; make it: install -d -o {user} '{{dir}}/nowhere'"
    ));
    if nix::unistd::geteuid().is_root() {
        let closed = bench.path("closed");
        std::fs::create_dir(&closed).unwrap();
        run_in(&closed.join("web.sock")).expect_code(77).expect_stderr(&format!(
            "keybearer: cannot make the socket '{{dir}}/closed/web.sock' as user '{user}': permission denied; its directory must be writable by that user; run: install -d -o {user} '{{dir}}/closed'"
        ));
    }
}

#[test]
fn a_port_in_use_is_named() {
    let bench = Bench::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let run = run(&bench).args(["--listen", &address.to_string(), "--", "/bin/true"]).run();
    run.expect_code(1).expect_stderr(&format!(
        "keybearer: cannot listen on {address}: in use; stop what holds it (ss -ltnxp shows it)"
    ));
}

#[test]
fn a_privileged_port_takes_the_right_to_it() {
    // ip_unprivileged_port_start of ip(7) may have been lowered, as container engines do.
    let start = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if start.trim() == "0" {
        return crate::harness::skip("every port is unprivileged here");
    }
    let bench = Bench::new();
    let run = run(&bench).args(["--listen", "127.0.0.1:81"]);
    match Mode::current() {
        Mode::Root => {
            let _running = serve(run);
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, 81)).unwrap();
            assert_eq!(said(stream), "web of 1");
        }
        Mode::Three | Mode::User => {
            run.args(["--", "/bin/true"]).run().expect_code(77).expect_stderr(
                "keybearer: cannot listen on 127.0.0.1:81: permission denied; a port under 1024 needs root or CAP_NET_BIND_SERVICE, or let systemd hand the socket over",
            );
        }
    }
}

#[test]
fn sockets_that_systemd_hands_over_go_on_under_their_names() {
    let bench = Bench::new();
    let port = free_port();
    let running = serve(handed_over(run(&bench), 2, "own", port));
    assert_eq!(said(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()), "http of 2");
    let line = running.wait_for_line("serving on");
    assert!(line.starts_with(&format!("keybearer: serving on 127.0.0.1:{port}, 127.0.0.1:")));
}

/// The port is bound already: a second bind would fail.
#[test]
fn a_configured_address_that_was_handed_over_is_not_bound_again() {
    let bench = Bench::new();
    let port = free_port();
    let other = free_port();
    let run = run(&bench).args(["--listen", &format!("127.0.0.1:{port}")]);
    let run = run.args(["--listen", &format!("127.0.0.1:{other}")]);
    let _running = serve(handed_over(run, 1, "own", port));
    assert_eq!(said(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()), "http of 2");
    assert_eq!(said(TcpStream::connect((Ipv4Addr::LOCALHOST, other)).unwrap()), "web of 2");
}

#[test]
fn sockets_for_another_process_are_none() {
    let bench = Bench::new();
    let (theirs, ours) = (free_port(), free_port());
    let run = run(&bench).args(["--listen", &format!("127.0.0.1:{ours}")]);
    let _running = serve(handed_over(run, 1, "1", theirs));
    assert_eq!(said(TcpStream::connect((Ipv4Addr::LOCALHOST, ours)).unwrap()), "web of 1");
}

#[test]
fn sockets_that_are_announced_and_not_there_are_an_error() {
    let bench = Bench::new();
    // The shell keeps its process id when it becomes keybearer.
    let script = "LISTEN_FDS=3 LISTEN_PID=$$ exec \"$0\" \"$@\"";
    let run = run(&bench).through(["/bin/sh", "-c", script]).args(["--", "/bin/true"]);
    run.run().expect_code(78).expect_stderr(
        "keybearer: systemd says that it handed over 3 sockets, and what is there is no socket; check the socket unit",
    );
}

#[test]
fn exec_passes_sockets_on_and_binds_none() {
    let bench = Bench::new();
    let (port, bound) = (free_port(), free_port());
    let exec = bench.with_config("exec", "").args(["--listen", &format!("127.0.0.1:{bound}")]);
    let _running = serve(handed_over(exec, 1, "own", port));
    assert_eq!(said(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()), "http of 1");
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, bound)).is_err());
}

/// A connection that arrives before the server takes it waits in the socket, and is not refused.
#[test]
fn a_connection_waits_until_the_server_is_there() {
    let bench = Bench::new();
    let hold = crate::harness::Fifo::new(&bench, "hold");
    let port = free_port();
    let script = format!("read line <{}", hold.path().display());
    let config = format!("[reload]\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n");
    let run = bench.with_config("run", &config).args(["--listen", &format!("127.0.0.1:{port}")]);
    let running = run.args(["--", "/usr/bin/python3", "-ISc", SERVER]).spawn();
    running.wait_for_line("running the 'before' command 1");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    hold.let_go();
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"web of 1");
}

/// connect(2) to it would wait for ever.
#[test]
fn a_unix_socket_with_a_full_backlog_is_in_use() {
    let bench = Bench::new();
    let path = bench.site_dir("web").join("web.sock");
    let holder = "import os, socket, sys\n\
                  held = socket.socket(socket.AF_UNIX)\nheld.bind(sys.argv[1])\nheld.listen(0)\n\
                  one = socket.socket(socket.AF_UNIX)\none.connect(sys.argv[1])\n\
                  os.chmod(sys.argv[1], 0o666)\nprint('full', flush=True)\ninput()";
    let hold = Fifo::new(&bench, "hold");
    let held = bench
        .program("/bin/sh")
        .args(["-c", "exec /usr/bin/python3 -ISc \"$0\" \"$1\" <\"$2\"", holder])
        .args([&path, hold.path()])
        .by_site()
        .spawn();
    held.wait_for_stdout("full");
    let address = format!("unix:{}", path.display());
    run(&bench).args(["--listen", &address, "--", "/bin/true"]).run().expect_code(1).expect_stderr(
        "keybearer: cannot listen on unix:{dir}/web/web.sock: in use; stop what holds it (ss -ltnxp shows it)",
    );
    hold.let_go();
    held.wait().expect_code(0);
}
