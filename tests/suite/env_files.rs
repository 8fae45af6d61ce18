//! Env files that are refused, each with its message, and those that are not.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::sys::stat::Mode as FileMode;
use nix::unistd::mkfifo;

use crate::harness::{Account, Bench, DEADLINE, KEY, Mode, Outcome, requires_root_tests};

/// With a database, so that the built-in schema has nothing to warn about.
fn good() -> String {
    format!("SECRET_KEY={KEY}\nDATABASE_URL=sqlite:////srv/site/db.sqlite3\n")
}

fn exec(bench: &Bench, path: impl AsRef<Path>) -> Outcome {
    bench.exec([OsStr::new("--env-file"), path.as_ref().as_os_str()]).run()
}

#[track_caller]
fn accepted(bench: &Bench, path: impl AsRef<Path>) {
    let outcome = exec(bench, path).expect_stderr("");
    assert_eq!(outcome.environment()["SECRET_KEY"], KEY);
}

/// That the command which a refusal ends in mends what was refused.
#[track_caller]
fn mended(bench: &Bench, path: &Path) {
    let refusal = exec(bench, path);
    let (_, command) = refusal.stderr.rsplit_once("; run: ").expect("a command that mends");
    let status = Command::new("/bin/sh").args(["-c", command]).status().unwrap();
    assert!(status.success(), "{command}");
    accepted(bench, path);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// As messages name whose files are believed beside root's.
fn believed(bench: &Bench) -> String {
    match Mode::current().is_root() {
        true => "root".to_owned(),
        false => format!("root or '{}'", bench.site().name),
    }
}

#[test]
fn as_the_guides_make_it() {
    let bench = Bench::new();
    let path = bench.env_file(&good());
    accepted(&bench, &path);
    set_mode(&path, 0o600);
    accepted(&bench, &path);
    set_mode(&path, 0o440);
    accepted(&bench, &path);
}

#[test]
fn modes_that_open_it() {
    let bench = Bench::new();
    for (mode, what, mend) in [
        (0o644, "readable by everyone", "640"),
        (0o604, "readable by everyone", "600"),
        (0o660, "writable by its group", "640"),
        (0o666, "readable and writable by everyone", "640"),
        (0o664, "readable by everyone and writable by its group", "640"),
        (0o641, "executable by everyone", "640"),
    ] {
        let path = bench.env_file(&good());
        set_mode(&path, mode);
        let refusal = format!(
            "keybearer: refusing '{{dir}}/site.env': {what} (mode {mode:04o}); \
             run: chmod {mend} {{dir}}/site.env"
        );
        exec(&bench, &path).expect_refusal(77, &refusal);
        mended(&bench, &path);
    }
}

#[test]
fn what_is_no_regular_file() {
    let bench = Bench::new();
    bench.env_file(&good());
    symlink("site.env", bench.path("link.env")).unwrap();
    symlink("nowhere", bench.path("dangling.env")).unwrap();
    mkfifo(&bench.path("pipe.env"), FileMode::from_bits_truncate(0o640)).unwrap();
    fs::create_dir(bench.path("dir.env")).unwrap();
    let _socket = UnixListener::bind(bench.path("socket.env")).unwrap();
    for (name, why) in [
        ("link.env", "a symbolic link; name its target: '{dir}/site.env'"),
        ("dangling.env", "a symbolic link; name its target: '{dir}/nowhere'"),
        ("pipe.env", "a named pipe, not a regular file"),
        ("dir.env", "a directory, not a regular file"),
        ("socket.env", "a socket, not a regular file"),
    ] {
        let refusal = format!("keybearer: refusing '{{dir}}/{name}': {why}");
        exec(&bench, bench.path(name)).expect_refusal(77, &refusal);
    }
    let device = "keybearer: refusing '/dev/null': a character device, not a regular file";
    exec(&bench, "/dev/null").expect_refusal(77, device);
}

#[test]
fn the_file_of_another_user() {
    requires_root_tests!();
    let bench = Bench::new();
    let path = bench.env_file(&good());
    let other = Account::other();
    chown(&path, Some(other.uid), Some(bench.site().gid)).unwrap();
    let (site, group) = (&bench.site().name, &bench.site().group);
    // Root has dropped DAC_OVERRIDE by now, and is somebody who is not in the group.
    let refusal = match Mode::current().is_root() {
        true => format!(
            "'root' may not read it (owner '{}', group '{group}', mode 0640); \
             run: chown root {{path}} && chmod u+rX {{path}}",
            other.name
        ),
        false => {
            format!("owned by '{}', not by root or '{site}'; run: chown root {{path}}", other.name)
        }
    };
    let refusal = refusal.replace("{path}", "{dir}/site.env");
    let refusal = format!("keybearer: refusing '{{dir}}/site.env': {refusal}");
    exec(&bench, &path).expect_refusal(77, &refusal);
    mended(&bench, &path);

    chown(&path, Some(other.uid), None).unwrap();
    set_mode(&path, 0o644);
    let refusal = format!(
        "keybearer: refusing '{{dir}}/site.env': owned by '{}', not by {}, readable by everyone \
         (mode 0644); run: chown root {{dir}}/site.env && chmod 640 {{dir}}/site.env",
        other.name,
        believed(&bench)
    );
    exec(&bench, &path).expect_refusal(77, &refusal);
    mended(&bench, &path);
}

#[test]
fn an_acl_that_opens_it() {
    let bench = Bench::new();
    let path = bench.env_file(&good());
    let entry = format!("u:{}:r", Account::other().name);
    let set = Command::new("setfacl").args(["-m", &entry]).arg(&path).status().unwrap();
    assert!(set.success());
    let refusal = "keybearer: refusing '{dir}/site.env': \
                   an ACL opens it to other users or groups; run: setfacl -b {dir}/site.env";
    exec(&bench, &path).expect_refusal(77, refusal);
    mended(&bench, &path);
}

#[test]
fn a_directory_above_that_anybody_may_write() {
    let bench = Bench::new();
    for name in ["open", "open/below"] {
        fs::create_dir(bench.path(name)).unwrap();
    }
    set_mode(&bench.path("open"), 0o777);
    for name in ["open/site.env", "open/below/site.env"] {
        let path = bench.file(name, good(), 0o640);
        let refusal = format!(
            "keybearer: refusing '{{dir}}/{name}': directory '{{dir}}/open' is writable by \
             everyone (mode 0777); run: chmod o-w {{dir}}/open"
        );
        exec(&bench, &path).expect_refusal(77, &refusal);
    }

    // In a sticky one nobody can put another file into the place of ours.
    set_mode(&bench.path("open"), 0o1777);
    accepted(&bench, bench.path("open/site.env"));
    set_mode(&bench.path("open"), 0o777);
    mended(&bench, &bench.path("open/below/site.env"));
}

#[test]
fn a_directory_above_that_is_somebody_elses() {
    requires_root_tests!();
    let bench = Bench::new();
    let other = Account::other();
    fs::create_dir(bench.path("theirs")).unwrap();
    let path = bench.file("theirs/site.env", good(), 0o640);
    other.owns(&bench.path("theirs"));
    let refusal = format!(
        "keybearer: refusing '{{dir}}/theirs/site.env': directory '{{dir}}/theirs' belongs to \
         '{}', not to {}; move the file, or run: chown root {{dir}}/theirs",
        other.name,
        believed(&bench)
    );
    exec(&bench, &path).expect_refusal(77, &refusal);

    // A link of theirs on the way leads wherever they like.
    fs::create_dir(bench.path("ours")).unwrap();
    bench.file("ours/site.env", good(), 0o640);
    symlink("ours", bench.path("way")).unwrap();
    accepted(&bench, bench.path("way/site.env"));
    std::os::unix::fs::lchown(bench.path("way"), Some(other.uid), None).unwrap();
    let refusal = format!(
        "keybearer: refusing '{{dir}}/way/site.env': the symbolic link '{{dir}}/way' belongs to \
         '{}'; run: rm {{dir}}/way",
        other.name
    );
    exec(&bench, bench.path("way/site.env")).expect_refusal(77, &refusal);
}

#[test]
fn a_second_name_in_a_directory_where_others_make_names() {
    let bench = Bench::new();
    fs::create_dir(bench.path("shared")).unwrap();
    set_mode(&bench.path("shared"), 0o1777);
    let path = bench.env_file(&good());
    fs::hard_link(&path, bench.path("shared/site.env")).unwrap();
    let refusal = "keybearer: refusing '{dir}/shared/site.env': it has 2 names in a directory \
                   where others may make them; run: cp -p {dir}/shared/site.env \
                   {dir}/shared/site.env.new && mv {dir}/shared/site.env.new {dir}/shared/site.env";
    exec(&bench, bench.path("shared/site.env")).expect_refusal(77, refusal);
    accepted(&bench, &path);
    mended(&bench, &bench.path("shared/site.env"));
}

/// Two files that must not be taken change places with the good one all the time: one behind a
/// symbolic link, one that everybody may write.
#[test]
fn a_file_swapped_between_check_and_read() {
    let evil = "evil_evil_EVIL_evil_0123456789_evil_evil_EVIL_evil_0123456789_ab";
    let bench = Bench::new();
    let wrong = good().replace(KEY, evil);
    let path = bench.path("swapped.env");
    bench.env_file(&good());
    bench.file("behind.env", &wrong, 0o640);
    bench.file("open.env", &wrong, 0o666);
    fs::hard_link(bench.path("site.env"), &path).unwrap();

    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let next = bench.path("next");
            let replace = || fs::rename(&next, &path).unwrap();
            while !enough.load(Ordering::Relaxed) {
                symlink("behind.env", &next).unwrap();
                replace();
                fs::hard_link(bench.path("site.env"), &next).unwrap();
                replace();
                fs::hard_link(bench.path("open.env"), &next).unwrap();
                replace();
                fs::hard_link(bench.path("site.env"), &next).unwrap();
                replace();
            }
        });
        let result = std::panic::catch_unwind(|| both_ways(&bench, &path, evil));
        enough.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Runs until both a right value and refusals were seen, and then on.
fn both_ways(bench: &Bench, path: &Path, evil: &str) {
    let refusals = [
        "a symbolic link; name its target: '{dir}/behind.env'",
        "a symbolic link, not a regular file",
        "readable and writable by everyone (mode 0666); run: chmod 640 {dir}/swapped.env",
    ]
    .map(|why| format!("keybearer: refusing '{{dir}}/swapped.env': {why}\n"))
    .map(|line| line.replace("{dir}", bench.dir().to_str().unwrap()));
    let end = Instant::now() + DEADLINE;
    let mut seen = BTreeSet::new();
    let mut runs = 0;
    while runs < 100 || seen.len() < 2 {
        assert!(Instant::now() < end, "only {seen:?} in {runs} runs");
        let outcome = exec(bench, path).expect_nowhere(evil);
        seen.insert(outcome.code);
        match outcome.code {
            Some(0) => assert_eq!(outcome.environment()["SECRET_KEY"], KEY),
            Some(77) => assert!(refusals.contains(&outcome.stderr), "{outcome:?}"),
            _ => panic!("{outcome:?}"),
        }
        runs += 1;
    }
}

#[test]
fn what_is_not_there() {
    let bench = Bench::new();
    bench.env_file(&good());
    for (name, refusal) in [
        ("none.env", "'{dir}/none.env' does not exist"),
        ("no/site.env", "'{dir}/no/site.env' does not exist: no directory '{dir}/no'"),
    ] {
        exec(&bench, bench.path(name)).expect_refusal(78, &format!("keybearer: {refusal}"));
    }
    exec(&bench, bench.path("site.env/x")).expect_refusal(
        77,
        "keybearer: refusing '{dir}/site.env': a regular file, not a directory",
    );
}

/// The unit of the guides, which kept User= and Group=: systemd read the file as root.
#[test]
fn what_an_ordinary_user_may_not_read() {
    requires_root_tests!();
    let bench = Bench::new();
    let (site, other) = (&bench.site().name, Account::other());
    let group = &other.group;
    let path = bench.file("site.env", good(), 0o640);
    chown(&path, Some(0), Some(other.gid)).unwrap();
    let run = |path: &Path| {
        let command = bench.keybearer(["exec", "--env-file"]).arg(path).args(["--", "/bin/true"]);
        command.by_site().run()
    };
    let mend = format!(
        "start keybearer as root (take User= and Group= out of the unit), \
         or give the unit SupplementaryGroups={group}"
    );
    let refusal = format!(
        "keybearer: refusing '{{dir}}/site.env': '{site}' may not read it \
         (owner 'root', group '{group}', mode 0640); {mend}"
    );
    run(&path).expect_refusal(77, &refusal);

    set_mode(&path, 0o600);
    let refusal = format!(
        "keybearer: refusing '{{dir}}/site.env': '{site}' may not read it \
         (owner 'root', group '{group}', mode 0600); {mend} and run: chmod g+r {{dir}}/site.env"
    );
    run(&path).expect_refusal(77, &refusal);

    fs::create_dir(bench.path("closed")).unwrap();
    chown(bench.path("closed"), Some(0), Some(other.gid)).unwrap();
    set_mode(&bench.path("closed"), 0o750);
    let refusal = format!(
        "keybearer: refusing '{{dir}}/closed/site.env': '{site}' may not enter directory \
         '{{dir}}/closed' (owner 'root', group '{group}', mode 0750); {mend}"
    );
    run(&bench.path("closed/site.env")).expect_refusal(77, &refusal);
}

#[test]
fn an_empty_file() {
    let bench = Bench::new();
    for content in ["", "\n\n", "# only a comment\n; and another"] {
        let refusal = "keybearer: warning: '{dir}/site.env' gives no variable\n\
            keybearer: warning: no database is given, neither DATABASE_URL nor DB_NAME, DB_USER, \
            DB_PASSWORD and DB_HOST: the site's settings decide\n\
            keybearer: SECRET_KEY: is missing; put it into a source; make one with: keybearer key";
        exec(&bench, bench.env_file(content)).expect_refusal(78, refusal);
    }
}

#[test]
fn what_systemd_would_skip_in_silence() {
    let bench = Bench::new();
    let key = format!("SECRET_KEY={KEY}\n");
    let export =
        "'export' belongs to a shell; run: sed -i 's/^[ \\t]*export[ \\t]*//' {dir}/site.env";
    let no_name = "no variable name before the '='; \
                   a name has letters, digits and '_', and starts with no digit";
    let no_equals = "no '='; a line is NAME=value, and a value of several lines needs quotes";
    let unclosed = "this quote is never closed";
    let nul = "a NUL byte; environment variables cannot carry one";
    let not_utf8 = "invalid UTF-8; save the file as UTF-8";
    let crlf = "Windows line ends (CRLF); run: sed -i 's/\\r$//' {dir}/site.env";
    let bom = "a byte order mark; run: sed -i '1s/^\\xEF\\xBB\\xBF//' {dir}/site.env";
    for (content, place, why) in [
        (&b"A=b\0c\n"[..], "2:4", nul),
        (b"A=caf\xe9\n", "2:6", not_utf8),
        (b"A='\n\xff\n'\n", "3:1", not_utf8),
        (b"A=1\r\nB=2\r\n", "2:4", crlf),
        (b"A=\"1\r\n2\"\n", "2:5", crlf),
        (
            b"A=1\rB=2\n",
            "2:4",
            "a carriage return in the middle of a line, where systemd would end it; \
             put it in quotes or take it out",
        ),
        (b"A=1\n\nNOTHING\n", "4:1", no_equals),
        (b"  MII+LINE/OF/A/KEY", "2:3", no_equals),
        (b"A='one\ntwo\n", "2:3", unclosed),
        (b"A=1\nLONG_NAME = \"two\n", "3:13", unclosed),
        ("A='ä' \"".as_bytes(), "2:7", unclosed),
        (b"2FA=x\n", "2:1", no_name),
        (b"A-B=x\n", "2:1", no_name),
        (b"A.B=x\n", "2:1", no_name),
        (b"=x\n", "2:1", no_name),
        ("Ä=x\n".as_bytes(), "2:1", no_name),
        (b"export A=x\n", "2:1", export),
        (b"export A\n", "2:1", export),
        (
            b"A=x\\",
            "2:4",
            "a '\\' at the end of the file, with nothing after it; for one that counts write '\\\\'",
        ),
        (
            b"# not any more: \\\nA=x\n",
            "2:17",
            "a comment that ends with '\\': systemd before 254 takes the next line into it; \
             take the '\\' out",
        ),
    ] {
        let path = bench.env_file("");
        fs::write(&path, [key.as_bytes(), content].concat()).unwrap();
        let refusal = format!("keybearer: '{{dir}}/site.env':{place}: {why}");
        exec(&bench, &path).expect_refusal(78, &refusal);
        if why.contains("; run: ") {
            fs::write(&path, [good().as_bytes(), content].concat()).unwrap();
            if content != b"export A\n" {
                mended_text(&bench, &path);
            }
        }
    }

    let path = bench.env_file("");
    fs::write(&path, [b"\xEF\xBB\xBF", good().as_bytes()].concat()).unwrap();
    let refusal = format!("keybearer: '{{dir}}/site.env':1:1: {bom}");
    exec(&bench, &path).expect_refusal(78, &refusal);
    mended_text(&bench, &path);
}

/// `sed -i` makes a new file, and the new one must still be closed to others.
#[track_caller]
fn mended_text(bench: &Bench, path: &Path) {
    mended(bench, path);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o640);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let bench = Bench::new();
    let path = bench.env_file(&format!("{KEY}\nexport SECRET_KEY={KEY}\n{KEY}=1\nA='{KEY}\n"));
    let said = "keybearer: '{dir}/site.env':1:1: no '='; a line is NAME=value, and a value of \
        several lines needs quotes\n\
        keybearer: '{dir}/site.env':2:1: 'export' belongs to a shell; \
        run: sed -i 's/^[ \\t]*export[ \\t]*//' {dir}/site.env\n\
        keybearer: '{dir}/site.env':3:1: no variable name before the '='; a name has letters, \
        digits and '_', and starts with no digit\n\
        keybearer: '{dir}/site.env':4:3: this quote is never closed";
    exec(&bench, &path).expect_refusal(78, said);

    let path = bench.env_file(&"nothing\n".repeat(500));
    let outcome = exec(&bench, &path).expect_code(78);
    assert_eq!(outcome.stderr.lines().count(), 21);
    let last = "keybearer: '{dir}/site.env': and 480 more\n";
    outcome.expect_stderr_contains(last);
}

#[test]
fn values_arrive_as_systemd_would_read_them() {
    let bench = Bench::new();
    let pem = "-----BEGIN KEY-----\nab=\n-----END KEY-----\n";
    let content = r##"
DOLLAR=$HOME and ${HOME} and $$
HASH=#one#two
EQUALS=a=b==
MIDDLE=one # two
SINGLE='$HOME "x" \n # ='
DOUBLE="a\"b \$HOME \` \\ \n"
SPACES =  one two  
KEPT="  one two  "
CONTINUED=one \
two
ESCAPED=one\ two\$
JOINED="one"'two'
INNER=one"two"
EMPTY=
UNICODE=ключ-鍵
; a comment too
"##;
    let path = bench.env_file(&format!("{}{content}PEM='{pem}'\n", good()));
    let warning = "keybearer: warning: '{dir}/site.env': line 7: the '#' after white space is part \
                   of MIDDLE; a comment needs a line of its own";
    let environment = exec(&bench, &path).expect_stderr(warning).environment();
    for (name, value) in [
        ("DOLLAR", "$HOME and ${HOME} and $$"),
        ("HASH", "#one#two"),
        ("EQUALS", "a=b=="),
        ("MIDDLE", "one # two"),
        ("SINGLE", r#"$HOME "x" \n # ="#),
        ("DOUBLE", r#"a"b $HOME ` \ \n"#),
        ("SPACES", "one two"),
        ("KEPT", "  one two  "),
        ("CONTINUED", "one two"),
        ("ESCAPED", "one two$"),
        ("JOINED", "onetwo"),
        ("INNER", r#"one"two""#),
        ("EMPTY", ""),
        ("UNICODE", "ключ-鍵"),
        ("PEM", pem),
    ] {
        assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn the_last_of_duplicates_counts_with_a_warning() {
    let bench = Bench::new();
    let path = bench.env_file(&format!("A=one\nSECRET_KEY=x\n{}A=two\nA=three\n", good()));
    let file = "keybearer: warning: '{dir}/site.env':";
    let warnings = format!(
        "{file} SECRET_KEY is on line 2 and again on line 3; the last one counts\n\
         {file} A is on line 1 and again on line 5; the last one counts\n\
         {file} A is on line 5 and again on line 6; the last one counts"
    );
    let environment = exec(&bench, &path).expect_stderr(&warnings).environment();
    assert_eq!((environment["A"].as_str(), environment["SECRET_KEY"].as_str()), ("three", KEY));
}

#[test]
fn the_longest_string_that_the_kernel_takes() {
    let bench = Bench::new();
    let value = "x".repeat(131_071 - "BIG=".len());
    let path = bench.env_file(&format!("{}BIG={value}\n", good()));
    let environment = exec(&bench, &path).expect_stderr("").environment();
    assert!(environment["BIG"] == value);

    let path = bench.env_file(&format!("{}BIG={value}x\n", good()));
    let refusal = "keybearer: '{dir}/site.env': BIG is 131072 bytes long with its name, and the \
                   kernel takes 131071 (execve(2)); keep it in a file and name that instead";
    exec(&bench, &path).expect_refusal(78, refusal);
}

#[test]
fn ten_thousand_keys() {
    let bench = Bench::new();
    let many: String = (0..10_000).map(|n| format!("NAME_{n:05}={n:0100}\n")).collect();
    let path = bench.env_file(&(good() + &many));
    let environment = exec(&bench, &path).expect_stderr("").environment();
    assert_eq!(environment.keys().filter(|name| name.starts_with("NAME_")).count(), 10_000);
    assert_eq!(environment["NAME_09999"], format!("{:0100}", 9_999));
}

#[test]
fn more_than_execve_takes() {
    let bench = Bench::new();
    let big = "x".repeat(100_000);
    let many: String = (0..30).map(|n| format!("BIG_{n:02}={big}\n")).collect();
    let path = bench.env_file(&(good() + &many));
    let started = bench.path("started");
    for command in ["run", "exec"] {
        let command = bench.keybearer([command, "--env-file"]).arg(&path).user_flags();
        let outcome = command.args(["--", "/usr/bin/touch"]).arg(&started).run();
        // The size depends on what else is in the environment: PATH, HOME.
        let size = outcome.stderr.split_whitespace().find_map(|word| word.parse::<usize>().ok());
        let size = size.expect("the size");
        assert!((3_000_000..3_010_000).contains(&size), "{size}");
        let refusal = format!(
            "keybearer: the environment and arguments take {size} bytes, and execve takes 2097152 \
             here; name fewer secrets in the schema, or raise the stack limit (ulimit -s)"
        );
        let outcome = outcome.expect_code(78).expect_stdout("").expect_nowhere(KEY);
        let outcome = outcome.expect_nowhere(&big);
        // Before it `run` may have warned that so much cannot be locked in memory.
        assert_eq!(outcome.stderr.lines().last(), Some(refusal.as_str()));
        assert!(!started.exists());
    }

    // The mend.
    let command = bench.keybearer(["exec", "--env-file"]).arg(&path).user_flags();
    let command = command.through(["/usr/bin/prlimit", "--stack=16777216"]);
    command.args(["--", "/bin/echo", "started"]).run().expect_code(0).expect_stdout("started");
}

#[test]
fn a_file_that_no_secret_needs() {
    let bench = Bench::new();
    let path = bench.env_file("");
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(16 * 1024 * 1024 + 1).unwrap();
    let refusal =
        "keybearer: '{dir}/site.env' is 16777217 bytes long; at most 16777216 (16 MiB) are read";
    exec(&bench, &path).expect_refusal(78, refusal);
}

#[test]
fn a_later_file_wins_and_says_so() {
    let bench = Bench::new();
    let (first, second) = (bench.env_file(&good()), bench.path("more.env"));
    bench.file("more.env", "DATABASE_URL=sqlite:////srv/other\nA=1\n", 0o600);
    let options =
        [OsStr::new("--env-file"), first.as_os_str(), OsStr::new("--env-file"), second.as_os_str()];
    let warning = "keybearer: warning: DATABASE_URL from '{dir}/site.env' is replaced by the one \
                   from '{dir}/more.env'";
    let environment = bench.exec(options).run().expect_stderr(warning).environment();
    assert_eq!(environment["DATABASE_URL"], "sqlite:////srv/other");
    assert_eq!((environment["A"].as_str(), environment["SECRET_KEY"].as_str()), ("1", KEY));
}
