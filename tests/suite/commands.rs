//! Commands that cannot be started, in `run` and in `exec`, with the codes of a shell.

use std::os::unix::fs::PermissionsExt;

use crate::harness::{Bench, requires_root};

#[track_caller]
fn cannot(bench: &Bench, command: &[&str], code: i32, message: &str) {
    for keybearer in ["run", "exec"] {
        let invocation = bench.with_config(keybearer, "").arg("-q").arg("--").args(command);
        let outcome = invocation.run().expect_code(code).expect_stdout("");
        let last = outcome.stderr.lines().last().unwrap_or_default();
        let last = last.replace(bench.dir().to_str().unwrap(), "{dir}");
        assert_eq!(
            last,
            bench
                .fill(&format!("keybearer: {message}"))
                .replace(bench.dir().to_str().unwrap(), "{dir}"),
            "{keybearer}"
        );
    }
}

#[test]
fn a_name_that_is_not_in_path() {
    let bench = Bench::new();
    cannot(
        &bench,
        &["no-such-program"],
        127,
        "cannot find 'no-such-program' in PATH; give its whole path",
    );
}

#[test]
fn a_path_where_nothing_is() {
    let bench = Bench::new();
    let path = bench.path("nothing");
    let message = "cannot find '{dir}/nothing'; check the path of the command";
    cannot(&bench, &[path.to_str().unwrap()], 127, message);
}

#[test]
fn a_script_whose_interpreter_is_missing() {
    let bench = Bench::new();
    let path = bench.file("script", "#!/no/such/python\n", 0o755);
    let message = "cannot execute '{dir}/script': its interpreter is missing; check its first line";
    cannot(&bench, &[path.to_str().unwrap()], 126, message);
}

#[test]
fn a_text_without_an_interpreter() {
    let bench = Bench::new();
    let path = bench.file("script", "echo hello\n", 0o755);
    let message =
        "cannot execute '{dir}/script': not a program, and no '#!' line says what runs it";
    cannot(&bench, &[path.to_str().unwrap()], 126, message);
}

#[test]
fn a_file_that_nobody_may_execute() {
    let bench = Bench::new();
    let path = bench.file("script", "#!/bin/sh\n", 0o644);
    let message = "cannot execute '{dir}/script' as user '{user}': permission denied; it must be \
                   executable by that user, and every directory above it searchable";
    cannot(&bench, &[path.to_str().unwrap()], 126, message);
    let directory = bench.dir().to_str().unwrap();
    let message = "cannot execute '{dir}' as user '{user}': permission denied; it must be \
                   executable by that user, and every directory above it searchable";
    cannot(&bench, &[directory], 126, message);
}

/// Root could, but it is the site's user who must.
#[test]
fn a_file_that_only_root_may_execute() {
    requires_root!();
    let bench = Bench::new();
    let path = bench.file("script", "#!/bin/sh\n", 0o700);
    let message = "cannot execute '{dir}/script' as user '{user}': permission denied; it must be \
                   executable by that user, and every directory above it searchable";
    cannot(&bench, &[path.to_str().unwrap()], 126, message);

    let closed = bench.path("closed");
    std::fs::create_dir(&closed).unwrap();
    let path = bench.file("closed/script", "#!/bin/sh\n", 0o755);
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    let message = "cannot execute '{dir}/closed/script' as user '{user}': permission denied; it must \
                   be executable by that user, and every directory above it searchable";
    cannot(&bench, &[path.to_str().unwrap()], 126, message);
}

#[test]
fn a_directory_that_cannot_be_entered() {
    let bench = Bench::new();
    let config = "directory = \"/no/such/place\"\n";
    for keybearer in ["run", "exec"] {
        let run = bench.with_config(keybearer, config).args(["-q", "--", "/bin/true"]).run();
        let outcome = run.expect_code(78);
        assert_eq!(
            outcome.stderr.lines().last().unwrap(),
            bench.fill("keybearer: cannot enter '/no/such/place' as user '{user}': ENOENT: No such file or directory; check that it is there and that this user may search it")
        );
    }
}

#[test]
fn no_command_at_all() {
    let bench = Bench::new();
    for keybearer in ["run", "exec"] {
        bench.with_config(keybearer, "").run().expect_code(64).expect_stderr(
            "keybearer: no command given; name it after '--', or as command = [\"...\"] in the config",
        );
    }
}

/// PATH is the site's, as config and sources make it.
#[test]
fn a_name_is_searched_in_the_servers_path() {
    let bench = Bench::new();
    let bin = bench.path("bin");
    std::fs::create_dir(&bin).unwrap();
    bench.file("bin/serve", "#!/bin/sh\necho from the right place\n", 0o755);
    let config = bench.fill("[environment]\nset = { PATH = \"/nowhere:{dir}/bin\" }\n");
    for keybearer in ["run", "exec"] {
        let run = bench.with_config(keybearer, &config).args(["--", "serve"]).run();
        run.expect_code(0).expect_stdout("from the right place");
    }
}
