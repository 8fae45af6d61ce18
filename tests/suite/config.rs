//! Arguments, variables and config files that are wrong, and the users whom they name.

use std::path::Path;

use crate::harness::{Bench, KEY, Mode, Outcome, requires_root};

const NO_SOURCE: &str = "no source of secrets; give --env-file PATH, or a [[source]] in \
                         '/etc/keybearer/keybearer.toml'";
const NO_ADDRESS: &str = "no address of Vault; set VAULT_ADDR, or give address = \"https://...\" in \
                          its [[source]]";

fn keybearer(bench: &Bench, arguments: &str) -> Outcome {
    bench.keybearer(arguments.split_whitespace()).nameless().run()
}

#[test]
fn help_and_version_go_to_stdout() {
    let bench = Bench::new();
    let version = format!(
        "keybearer {}\nstores: aws-secrets-manager, aws-parameter-store, vault, google-secret-manager, azure-key-vault",
        env!("CARGO_PKG_VERSION")
    );
    keybearer(&bench, "--version").expect_code(0).expect_stdout(&version).expect_stderr("");
    for arguments in ["--help", "-h", "help", "run --help", "exec -h", "check --help", "help init"]
    {
        let outcome = keybearer(&bench, arguments).expect_code(0).expect_stderr("");
        assert!(outcome.stdout.contains("Usage: keybearer"), "{arguments}: {outcome:?}");
    }
}

#[test]
fn no_arguments_show_the_help_and_fail() {
    let bench = Bench::new();
    let outcome = keybearer(&bench, "").expect_code(64).expect_stdout("");
    outcome.expect_stderr_contains("Usage: keybearer <COMMAND>");
}

#[test]
fn wrong_usage_is_64() {
    let bench = Bench::new();
    for (arguments, line) in [
        ("rnu", "unknown command 'rnu'; did you mean 'run'?"),
        ("chekc", "unknown command 'chekc'; did you mean 'check'?"),
        (
            "gunicorn",
            "unknown command 'gunicorn'; to start a server: keybearer run -- gunicorn ...",
        ),
        (
            "run gunicorn",
            "unexpected argument 'gunicorn'; the server's words come after '--', as in: \
             keybearer run -- gunicorn ...",
        ),
        ("run --usr x", "unexpected argument '--usr'; did you mean '--user'?"),
        ("exec --env-fiel x", "unexpected argument '--env-fiel'; did you mean '--env-file'?"),
        ("check --jsn", "unexpected argument '--jsn'; did you mean '--json'?"),
        ("run --secret-key x", "unexpected argument '--secret-key'; see keybearer --help"),
        (
            "--user x run",
            "unexpected argument '--user'; it belongs to run, exec, check and rotate, as in: \
             keybearer run --user ...",
        ),
        ("run --user", "--user needs a value: --user <USER[:GROUP]>"),
        ("run --user=", "--user: expected USER or USER:GROUP"),
        ("run --user a:b:c", "--user: expected USER or USER:GROUP"),
        ("run --user a --user b", "--user is given twice; leave one of them out"),
        ("run -v -q", "--verbose contradicts --quiet; leave one of them out"),
        ("run --verbose=3", "--verbose takes no value"),
        ("run --log-format xml", "--log-format: expected text or json"),
        (
            "run --listen nonsense",
            "--listen: expected an address such as 127.0.0.1:8000, [::1]:8000, 0.0.0.0:8000, \
             localhost:8000 or unix:/run/example/web.sock",
        ),
        (
            "run --ready-path x",
            "--ready-path: expected a path such as /healthz, in ASCII and without white space",
        ),
        (
            "run --name ../x",
            "--name: expected a name of at most 64 of A-Z a-z 0-9 _ . @ -, with no dot first",
        ),
        ("run --config=", "--config: expected a path"),
        ("run --vault secret", "--vault: expected MOUNT/PATH, such as secret/example/prod"),
        ("init", "missing DIR; see keybearer --help"),
        ("completions bassh", "SHELL: unknown value; did you mean 'bash'?"),
    ] {
        keybearer(&bench, arguments).expect_refusal(64, &format!("keybearer: {line}"));
    }
    let secrets = bench.env_file(&format!("SECRET_KEY={KEY}\nDATABASE_URL=sqlite:////srv/db\n"));
    for command in ["run", "exec"] {
        let without = bench.keybearer([command, "--env-file"]).arg(&secrets).user_flags().run();
        let line = "keybearer: no command given; name it after '--', or as command = [\"...\"] in \
                    the config";
        without.expect_refusal(64, line);
    }
}

#[test]
fn variables_are_judged_as_options_are() {
    let bench = Bench::new();
    let with = |variable: &str, value: &str| {
        bench.keybearer(["exec", "--", "/bin/true"]).nameless().env(variable, value).run()
    };
    for (variable, value, why) in [
        ("KEYBEARER_USER", "a:b:c", "expected USER or USER:GROUP"),
        ("KEYBEARER_LOG_FORMAT", "xml", "expected text or json"),
        ("KEYBEARER_QUIET", "yes", "expected true or false"),
        ("KEYBEARER_VERBOSE", "9", "expected a number from 0 to 3"),
        ("KEYBEARER_VAULT", KEY, "expected MOUNT/PATH, such as secret/example/prod"),
        ("KEYBEARER_AWS_SECRET", "a?b", "expected a secret's name or ARN, such as example/prod"),
        (
            "KEYBEARER_READY_PATH",
            KEY,
            "expected a path such as /healthz, in ASCII and without white space",
        ),
    ] {
        with(variable, value).expect_refusal(64, &format!("keybearer: {variable}: {why}"));
    }
    for (variable, value, line) in [
        ("KEYBEARER_CONFIG", "/none.toml", "'/none.toml' does not exist".to_owned()),
        ("KEYBEARER_VAULT", "secret/site", format!("Vault 'secret/site': {NO_ADDRESS}")),
        // A mistyped one may be why there is none.
        (
            "KEYBEARER_ENVFILE",
            KEY,
            format!(
                "{NO_SOURCE}\nkeybearer: unknown variable 'KEYBEARER_ENVFILE'; did you mean \
                 'KEYBEARER_ENV_FILE'?"
            ),
        ),
    ] {
        with(variable, value).expect_refusal(78, &format!("keybearer: {line}"));
    }
}

#[test]
fn a_variable_that_nobody_reads_is_warned_about() {
    let bench = Bench::new();
    let secrets = bench.env_file(&format!("SECRET_KEY={KEY}\nDATABASE_URL=sqlite:////srv/db\n"));
    let user = &bench.site().name;
    let exec = bench.keybearer(["exec", "--", "/usr/bin/env", "-0"]);
    let exec = exec.env("KEYBEARER_ENV_FILE", &secrets).env("KEYBEARER_USER", user);
    let warning = "keybearer: warning: unknown variable 'KEYBEARER_SHEMA'; did you mean \
                   'KEYBEARER_SCHEMA'?";
    let environment = exec.env("KEYBEARER_SHEMA", "x").run().expect_stderr(warning).environment();
    assert_eq!(environment["SECRET_KEY"], KEY);
    assert!(!environment.keys().any(|name| name.starts_with("KEYBEARER_")), "{environment:?}");
}

#[test]
fn sources_that_are_missing_or_lead_nowhere() {
    let bench = Bench::new();
    for (arguments, line) in [
        ("run", NO_SOURCE.to_owned()),
        ("run --name site", NO_SOURCE.replace("keybearer.toml", "site.toml")),
        ("exec --env-file /x --vault a/b", format!("Vault 'a/b': {NO_ADDRESS}")),
        (
            "run --env-file /x --listen 127.0.0.1:1 --listen 127.0.0.1:1",
            "the address '127.0.0.1:1' is given twice; leave one of them out".to_owned(),
        ),
    ] {
        keybearer(&bench, arguments).expect_refusal(78, &format!("keybearer: {line}"));
    }
}

#[test]
fn a_config_file_that_is_wrong() {
    let bench = Bench::new();
    let source = "[[source]]\ntype = \"env-file\"\n";
    let vault = "[[source]]\ntype = \"vault\"\nmount = \"secret\"\npath = \"site\"\n";
    for (config, place, why) in [
        ("comand = [\"x\"]", "1:1", "unknown key 'comand'; did you mean 'command'?"),
        ("[redy]\n", "1:2", "unknown key 'redy'; did you mean 'ready'?"),
        (
            "\n[ready]\n  wihtin = \"1s\"",
            "3:3",
            "unknown key 'wihtin' in [ready]; did you mean 'within'?",
        ),
        ("# Ä\nuser = \"ä\" x", "2:12", "unexpected key or value, expected newline, '#'"),
        (
            "command = \"gunicorn {KEY}\"",
            "1:11",
            "'command': expected an array of words, such as [\"gunicorn\", \"config.wsgi:application\"], found a string; no shell reads it",
        ),
        (
            "umask = 22",
            "1:9",
            "'umask': expected an octal mode in quotes, such as \"0022\", found an integer",
        ),
        (
            "directory = \"srv/app\"",
            "1:13",
            "'directory': expected an absolute path, such as \"/etc/example/example.env\"",
        ),
        ("schema = \"{KEY}\"", "1:10", "'schema': expected \"django\" or an absolute path"),
        ("user = \"{KEY}:x\"", "1:8", "'user': expected one user's or group's name"),
        ("group = \"{KEY}\"", "1:1", "'group' needs 'user' beside it"),
        (
            "[ready]\nwithin = \"{KEY}\"",
            "2:10",
            "'within' in [ready]: expected a duration such as \"500ms\", \"60s\", \"5m\", \"12h\", \"14d\" or \"2w\"",
        ),
        (
            "[keys]\nencoding = \"{KEY}\"",
            "2:12",
            "'encoding' in [keys]: expected \"comma\" or \"json\"",
        ),
        (
            "[keys]\nencoding = \"jsno\"",
            "2:12",
            "'encoding' in [keys]: expected \"comma\" or \"json\"; did you mean \"json\"?",
        ),
        (
            "[keys]\ncurrent = \"A\"\nfallbacks = \"A\"",
            "1:1",
            "'current' and 'fallbacks' in [keys] are the same",
        ),
        (
            "[[source]]\ntype = \"env-fiel\"\n",
            "2:8",
            "'type' in [[source]]: expected \"env-file\", \"directory\", \"systemd-credentials\", \"environment\", \"aws-secrets-manager\", \"aws-parameter-store\", \"vault\", \"google-secret-manager\", \"azure-key-vault\" or \"command\"; did you mean \"env-file\"?",
        ),
        (
            "[[source]]\ntype = \"vault\"\n",
            "1:1",
            "missing 'mount' in [[source]] of type \"vault\"",
        ),
        (
            "{vault}address = \"http://vault.internal:8200\"\n",
            "5:11",
            "'address' in [[source]] of type \"vault\": expected https: over http anybody on the way reads the secrets; only a loopback address may have it",
        ),
        (
            "{vault}auth = { method = \"approle\", secret-id = \"{KEY}\" }\n",
            "5:30",
            "'secret-id' in auth of [[source]] of type \"vault\": no secret belongs in this file; keep it in one of its own and name that: secret-id-file",
        ),
        (
            "[[source]]\ntype = \"azure-key-vault\"\n",
            "1:1",
            "missing 'vault' in [[source]] of type \"azure-key-vault\"",
        ),
        (
            "{source}pth = \"/{KEY}\"",
            "3:1",
            "unknown key 'pth' in [[source]] of type \"env-file\"; did you mean 'path'?",
        ),
        ("{source}", "1:1", "missing 'path' in [[source]] of type \"env-file\""),
        (
            "{source}path = \"{KEY}\"",
            "3:8",
            "'path' in [[source]] of type \"env-file\": expected an absolute path, such as \"/etc/example/example.env\"",
        ),
        (
            "[[source]]\ntype = \"environment\"\n",
            "1:1",
            "'names' or 'prefix' in [[source]] of type \"environment\": give one of the two",
        ),
        // An env file given as the config.
        ("SECRET_KEY=\"{KEY}\"\n", "1:1", "unknown key 'SECRET_KEY'"),
        ("SECRET_KEY={KEY}\n", "1:12", "string values must be quoted, expected literal string"),
        ("user = \"{KEY}\n", "1:73", "invalid basic string, expected '\"'"),
    ] {
        let path = bench.config(
            &config.replace("{source}", source).replace("{vault}", vault).replace("{KEY}", KEY),
        );
        let outcome = bench.exec([Path::new("--config"), &path]).run();
        let line = format!("keybearer: '{{dir}}/site.toml':{place}");
        outcome.expect_refusal(78, &format!("{line}: {why}"));
    }
}

/// One config for many sites of a kind.
#[test]
fn a_source_is_called_by_a_variable() {
    let bench = Bench::new();
    bench.file("pr-123.env", format!("SECRET_KEY={KEY}\n"), 0o640);
    let user = if Mode::current().is_root() { "user = \"{user}\"\n" } else { "" };
    let source = "[[source]]\ntype = \"env-file\"\npath = \"{dir}/pr-${PR_NUMBER}.env\"\n";
    let config = bench.config(&format!("{user}{source}"));
    let exec = || bench.keybearer(["exec", "--config"]).arg(&config);
    let started =
        exec().env("PR_NUMBER", "123").args(["--", "/usr/bin/env", "-0"]).run().expect_code(0);
    assert_eq!(started.environment()["SECRET_KEY"], KEY);
    let line = if user.is_empty() { 3 } else { 4 };
    let refused = |said: &str| {
        format!(
            "keybearer: '{{dir}}/site.toml':{line}:8: 'path' in [[source]] of type \"env-file\": {said}"
        )
    };
    let unset = "${PR_NUMBER} is not set in keybearer's environment; set it, for systemd: Environment=PR_NUMBER=...";
    exec().args(["--", "/usr/bin/env", "-0"]).run().expect_refusal(78, &refused(unset));
    let other = "${PR_NUMBER} holds more than letters, digits, '.', '_' and '-'; it may be no path of its own";
    let up = exec().env("PR_NUMBER", "../pr-123").args(["--", "/usr/bin/env", "-0"]).run();
    up.expect_refusal(78, &refused(other));
}

#[test]
fn a_config_file_that_cannot_be_believed_or_read() {
    let bench = Bench::new();
    for (mode, what) in [(0o664, "writable by its group"), (0o646, "writable by everyone")] {
        let path = bench.file("a.toml", "", mode);
        let refusal = format!(
            "keybearer: refusing '{{dir}}/a.toml': {what} (mode {mode:04o}); \
             run: chmod 644 {{dir}}/a.toml"
        );
        bench.exec([Path::new("--config"), &path]).run().expect_refusal(77, &refusal);
    }
    let path = bench.file("b.toml", b"# \xc3\xa4\nuser = \"caf\xe9\"\n", 0o644);
    let outcome = bench.exec([Path::new("--config"), &path]).run();
    outcome.expect_refusal(78, "keybearer: '{dir}/b.toml':2:12: not UTF-8");
    let path = bench.file(".toml", "", 0o644);
    let outcome = bench.exec([Path::new("--config"), &path]).nameless().run();
    let line = "keybearer: '{dir}/.toml': its file name makes no instance name; give --name NAME";
    outcome.expect_refusal(78, line);
}

#[test]
fn what_no_source_can_do() {
    let bench = Bench::new();
    bench.env_file(&format!("SECRET_KEY={KEY}\nDATABASE_URL=sqlite:////srv/db\n"));
    let source = "[[source]]\ntype = \"env-file\"\npath = \"{dir}/site.env\"\n";
    let config =
        bench.config(&format!("{source}[keys]\nhistory = true\n[watch]\nevery = \"5m\"\n"));
    let warning = "keybearer: warning: '{dir}/site.toml': [keys] history has no effect: none of \
                   the sources keeps older values; take it out";
    bench.exec([Path::new("--config"), &config]).run().expect_code(0).expect_stderr(warning);
    let config =
        bench.config(&format!("{source}[keys]\nhosts = \"many\"\non-hup = \"generate\"\n"));
    let line = "keybearer: '{dir}/site.toml':4:1: on-hup = \"generate\" in [keys] rotates at once, \
                and with hosts = \"many\" the other hosts would not know the key; leave it out and \
                use keybearer rotate, or set hosts = 1";
    bench.exec([Path::new("--config"), &config]).run().expect_refusal(78, line);
}

#[test]
fn the_sites_user() {
    let bench = Bench::new();
    let secrets = bench.env_file(&format!("SECRET_KEY={KEY}\nDATABASE_URL=sqlite:////srv/db\n"));
    let as_user = |user: &str| {
        let command = bench.keybearer(["exec", "--env-file"]).arg(&secrets);
        command.args(["--user", user, "--", "/bin/true"]).run()
    };
    for (user, line) in [
        ("no-such", "there is no user 'no-such'; make it: useradd --system no-such"),
        ("4294967295", "there is no user '4294967295'; make it: useradd --system 4294967295"),
        (
            "root",
            "refusing to run the site as root: user 'root' has uid 0; name the site's own user",
        ),
        ("0", "refusing to run the site as root: user '0' has uid 0; name the site's own user"),
        (
            "54321",
            "uid 54321 has no entry in the user database, so its group is not known; name it: \
             --user 54321:GROUP",
        ),
    ] {
        as_user(user).expect_refusal(78, &format!("keybearer: {line}"));
    }
    let site = &bench.site().name;
    let line = "keybearer: there is no group 'no-such'; make it: groupadd --system no-such";
    as_user(&format!("{site}:no-such")).expect_refusal(78, line);
    as_user(site).expect_code(0).expect_stderr("");
    as_user(&format!("{}:{}", bench.site().uid, bench.site().gid)).expect_code(0);

    if Mode::current() == Mode::User {
        let line = "keybearer: cannot become 'daemon': keybearer was not started as root; start \
                    it as root, or as 'daemon' itself";
        as_user("daemon").expect_refusal(77, line);
    }
}

#[test]
fn root_needs_a_user_and_no_group_of_roots() {
    requires_root!();
    let bench = Bench::new();
    let secrets = bench.env_file(&format!("SECRET_KEY={KEY}\n"));
    let exec = || bench.keybearer(["exec", "--env-file"]).arg(&secrets);
    let line = "keybearer: refusing to run the site as root; name its user: --user USER, or \
                user = \"USER\" in the config";
    exec().args(["--", "/bin/true"]).run().expect_refusal(78, line);
    let line = "keybearer: refusing to run the site under group 'root', which is root's; name \
                the site's own group";
    let user = format!("{}:root", bench.site().name);
    exec().args(["--user", &user, "--", "/bin/true"]).run().expect_refusal(78, line);
}

#[test]
fn root_without_capabilities_cannot_become_anybody() {
    requires_root!();
    let bench = Bench::new();
    let secrets = bench.env_file(&format!("SECRET_KEY={KEY}\n"));
    let site = bench.site().name.clone();
    let exec = bench.keybearer(["exec", "--env-file"]).arg(&secrets).user_flags();
    let exec = exec.args(["--", "/bin/true"]);
    let exec = match Mode::current() {
        // The wrapper of this mode would ask for capabilities that are not there any more.
        Mode::Three => return,
        Mode::Root | Mode::User => {
            exec.through(["/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"])
        }
    };
    let line = format!(
        "keybearer: cannot become '{site}': root here lacks the capabilities SETUID and SETGID; \
         give them: CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL, or --cap-add=SETUID \
         --cap-add=SETGID --cap-add=KILL"
    );
    exec.run().expect_refusal(77, &line);
}

#[test]
fn a_command_that_cannot_be_executed() {
    let bench = Bench::new();
    let secrets = bench.env_file(&format!("SECRET_KEY={KEY}\nDATABASE_URL=sqlite:////srv/db\n"));
    bench.file("script", "#!/no/interpreter\n", 0o755);
    bench.file("text", "no program\n", 0o755);
    bench.file("plain", "#!/bin/sh\n", 0o644);
    let user = bench.site().name.clone();
    let denied = format!(
        "cannot execute '{{dir}}/plain' as user '{user}': permission denied; it must be \
         executable by that user, and every directory above it searchable"
    );
    for (command, code, line) in [
        ("no-such-program", 127, "cannot find 'no-such-program' in PATH; give its whole path"),
        ("/no/such/program", 127, "cannot find '/no/such/program'; check the path of the command"),
        ("{dir}/plain", 126, denied.as_str()),
        (
            "{dir}/script",
            126,
            "cannot execute '{dir}/script': its interpreter is missing; check its first line",
        ),
        (
            "{dir}/text",
            126,
            "cannot execute '{dir}/text': not a program, and no '#!' line says what runs it",
        ),
    ] {
        for keybearer in ["run", "exec"] {
            let start = bench.keybearer([keybearer, "--env-file"]).arg(&secrets).user_flags();
            let outcome = start.args(["--", &bench.fill(command)]).run().expect_code(code);
            let outcome = outcome.expect_nowhere(KEY).expect_stdout("");
            // `run` may have warned that memory could not be locked.
            outcome.expect_stderr_contains(&format!("keybearer: {line}\n"));
        }
    }
}
