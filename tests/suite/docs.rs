//! What the pages say is what the program does: options, config keys and schema words are all in the
//! manual and nothing else is, and every block of README.md is parsed or run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keybearer::{config, schema};
use nix::sys::signal::Signal;

use crate::harness::{Bench, Demo, Mode, eventually, free_port, proc, requires_root, skip};

const README: &str = include_str!("../../README.md");
const SECURITY: &str = include_str!("../../SECURITY.md");
const MANUAL: &str = include_str!("../../packaging/man/keybearer.1");
const CONFIG_MANUAL: &str = include_str!("../../packaging/man/keybearer.toml.5");
const SCHEMA_MANUAL: &str = include_str!("../../packaging/man/keybearer.schema.5");
const HELPER_MANUAL: &str = include_str!("../../packaging/man/keybearer-store.8");

/// The shell blocks that are not run, by their first line, and why.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "packaging/demo/run",
        "builds keybearer and serves until it is stopped; demo_site.rs serves the same site",
    ),
    ("tests/run", "is what runs this"),
    ("packaging/release", "builds for minutes; tests/packages/run runs it"),
    ("git checkout COMMIT", "tests/long packages does it, twice"),
    (
        "cargo tree --locked --no-default-features -e normal",
        "lists what tests/run checks; the site's user has no cargo",
    ),
    (
        r#"printf '{"SECRET_KEY": "%s"}' "$(keybearer key)" | aws secretsmanager create-secret --name example/prod --secret-string file:///dev/stdin"#,
        "needs AWS and its own tool; aws.rs reads such a document",
    ),
    (
        r"keybearer key | tr -d '\n' | vault kv put -mount=secret example/prod SECRET_KEY=-",
        "needs Vault and its own tool; vault.rs reads such a document",
    ),
    (
        r#"printf '{"SECRET_KEY": "%s"}' "$(keybearer key)" | gcloud secrets create example --project example-prod --data-file=-"#,
        "needs Google and its own tool; google.rs reads such a document",
    ),
    (
        r#"printf '{"SECRET_KEY": "%s"}' "$(keybearer key)" | az keyvault secret set --vault-name example-prod --name example --file /dev/stdin --output none"#,
        "needs Azure and its own tool; azure.rs reads such a document",
    ),
    (
        "umask 077",
        "needs a cluster; tests/docker judges the manifests and starts a container as they say",
    ),
    (
        r"kubectl get secret example --output 'jsonpath={.data.django_secret_key}' | base64 -d | tr -d '\n' | vault kv put -mount=secret example/prod SECRET_KEY=-",
        "needs a cluster and Vault; tests/docker gives the tests' own Vault the same roles and rights",
    ),
    (
        "kubectl apply -f packaging/kubernetes/rotate.yaml",
        "needs a cluster; tests/docker judges the manifests and starts their containers",
    ),
];

/// A rotation boots the demo site twice.
const LONG: Duration = Duration::from_secs(120);

/// A fenced block: what follows the fence, and the text.
#[derive(Debug)]
struct Block {
    info: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => open = Some(Block { info: info.to_owned(), text: String::new() }),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

fn all_blocks() -> Vec<Block> {
    blocks(README).into_iter().chain(blocks(SECURITY)).collect()
}

/// The one block of README.md with this after its fence and this in its text.
fn block(info: &str, text: &str) -> String {
    let found: Vec<Block> = blocks(README)
        .into_iter()
        .filter(|block| block.info == info && block.text.contains(text))
        .collect();
    let [Block { text, .. }] = &found[..] else { panic!("{} blocks '{info}'", found.len()) };
    text.clone()
}

/// What `.Bd -literal` shows.
fn example(manual: &str) -> &str {
    let (_, after) = manual.split_once(".Bd -literal\n").unwrap();
    after.split_once(".Ed\n").unwrap().0
}

/// The `.It MACRO ...` lines of a manual, after the heading that each stands under.
fn items<'a>(manual: &'a str, macro_: &str) -> Vec<(&'a str, Vec<&'a str>)> {
    let mut heading = "";
    let mut items = Vec::new();
    for line in manual.lines() {
        if let Some(text) = line.strip_prefix(".Ss ").or_else(|| line.strip_prefix(".Sh ")) {
            heading = text;
        }
        let Some(item) = line.strip_prefix(".It ") else { continue };
        let words: Vec<&str> = item.split(' ').collect();
        if words[0] == macro_ {
            items.push((heading, words[1..].to_vec()));
        }
    }
    items
}

fn help(bench: &Bench, command: &str) -> String {
    let words = if command.is_empty() { vec![] } else { vec![command] };
    bench.keybearer(words).arg("--help").run().expect_code(0).stdout
}

/// The long options that a help text has at the start of its lines.
fn long_options(help: &str) -> BTreeSet<String> {
    // The examples below have lines that begin with an option too.
    help.lines()
        .take_while(|line| !line.starts_with("Example"))
        .filter_map(|line| {
            let line = line.trim_start();
            let line = line.split_once(", ").filter(|(s, _)| s.len() == 2).map_or(line, |(_, l)| l);
            let name = line.strip_prefix("--")?.split([' ', '.']).next()?;
            Some(name.to_owned()).filter(|name| !name.is_empty())
        })
        .collect()
}

fn commands(help: &str) -> BTreeSet<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[test]
fn every_command_and_option_is_in_the_manual_and_no_other() {
    let bench = Bench::new();
    let top = help(&bench, "");
    let mut documented: BTreeSet<String> =
        items(MANUAL, "Cm").into_iter().map(|(_, words)| words[0].to_owned()).collect();
    assert_eq!(documented, commands(&top));
    documented.remove("help");

    let mut options: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (heading, words) in items(MANUAL, "Fl") {
        let at = words.windows(2).position(|pair| pair == ["Fl", "Fl"]).map_or(1, |at| at + 2);
        options.entry(heading).or_default().insert(words[at].to_owned());
    }
    let under = |heading: &str| options.get(heading).cloned().unwrap_or_default();
    let every = under("Options of every command");
    assert_eq!(long_options(&top), every);
    for command in documented {
        let mut expected = under(&format!("Options of {command}"));
        expected.extend(every.iter().filter(|option| *option != "version").cloned());
        if ["run", "exec", "check", "rotate"].contains(&command.as_str()) {
            expected.extend(under("Options of run, exec, check and rotate"));
        }
        assert_eq!(long_options(&help(&bench, &command)), expected, "{command}");
    }
    let shared = "run, exec, check and rotate";
    let headings = ["every command", shared, "check", "rotate", "status", "init"];
    let headings: BTreeSet<String> = headings.iter().map(|of| format!("Options of {of}")).collect();
    assert_eq!(
        options.keys().map(|heading| (*heading).to_owned()).collect::<BTreeSet<_>>(),
        headings
    );
}

#[test]
fn every_variable_is_in_the_manual_and_no_other() {
    let documented: Vec<&str> =
        items(MANUAL, "Ev").into_iter().map(|(_, words)| words[0]).collect();
    let variables: Vec<&str> = config::SHARED_VARIABLES.iter().map(|(_, name)| *name).collect();
    assert_eq!(documented, variables);
}

#[test]
fn every_config_key_is_in_the_manual_and_no_other() {
    let documented: BTreeSet<(String, &str)> = items(CONFIG_MANUAL, "Ic")
        .into_iter()
        .map(|(heading, words)| (heading.to_owned(), words[0]))
        .collect();
    let of_any_source = ["prefix", "rename", "only"];
    let mut known = BTreeSet::new();
    for (table, key) in config::keys_known() {
        let of_a_type = table.starts_with("[[source]] of type");
        // Said once for all types; 'environment' has a prefix in a sense of its own.
        if of_a_type && of_any_source.contains(&key) {
            known.insert(("[[source]]".to_owned(), key));
            if (key, table.contains("environment")) != ("prefix", true) {
                continue;
            }
        }
        known.insert((if table.is_empty() { "Top level".to_owned() } else { table }, key));
    }
    assert_eq!(documented, known);
}

#[test]
fn every_schema_word_is_in_the_manual_and_no_other() {
    let documented: BTreeSet<&str> =
        items(SCHEMA_MANUAL, "Ic").into_iter().map(|(_, words)| words[0]).collect();
    assert_eq!(documented, schema::words_known().collect());
}

#[test]
fn every_block_is_read_by_its_own_reader() {
    let nowhere = Path::new("a block");
    let variables = BTreeMap::from([("PR_NUMBER".into(), "123".into())]);
    let mut not_run: BTreeSet<&str> = NOT_RUN.iter().map(|(line, _)| *line).collect();
    for Block { info, text } in all_blocks() {
        match info.as_str() {
            "toml config" | "toml config part" => {
                config::parse_with(&text, nowhere, &variables)
                    .unwrap_or_else(|e| panic!("{e}\n{text}"));
            }
            "toml schema" | "toml schema part" => {
                schema::Schema::parse(&text, nowhere).unwrap_or_else(|e| panic!("{e}\n{text}"));
            }
            // Run or read by the tests below.
            "sh test" | "sh instance" | "text shown" | "env" | "ini before" | "ini unit"
            | "python" => {}
            // Run in a booted systemd, by tests/systemd/readme.py.
            "sh systemd" | "ini drop-in" => {}
            "sh" => {
                let line = text.lines().next().unwrap_or_default();
                assert!(not_run.remove(line), "not run, and no reason why:\n{text}");
            }
            // Run and compared by tests/docker.
            "sh docker" | "dockerfile" => {}
            // Nothing here reads these; what they start is shown in blocks that are run.
            "crontab" => {}
            // tests/packages/run runs these, in a throwaway root.
            "sh package" => {}
            other => panic!("a block of unknown kind '{other}'"),
        }
    }
    assert!(not_run.is_empty(), "no such blocks: {not_run:?}");

    let raw = config::parse(example(CONFIG_MANUAL), nowhere).unwrap();
    assert!(raw.command.is_some() && raw.sources.len() == 1);
    schema::Schema::parse(example(SCHEMA_MANUAL), nowhere).unwrap();
}

/// README's site on this machine: its paths, users and port are exchanged for this bench's, its
/// application for the demo, its database for a file. Everything else is as it is printed.
struct Site<'a> {
    bench: &'a Bench,
    demo: Demo<'a>,
    port: u16,
}

impl<'a> Site<'a> {
    fn new(bench: &'a Bench) -> Option<Site<'a>> {
        let site = Site { bench, demo: Demo::new(bench)?, port: free_port() };
        for directory in ["etc", "etc/keybearer", "etc/example"] {
            fs::create_dir(bench.path(directory)).unwrap();
            if !Mode::current().is_root() {
                bench.site().owns(&bench.path(directory));
            }
        }
        bench.schema(&block("toml schema", "[SECRET_KEY]"));
        bench.file(
            "etc/keybearer/example.toml",
            site.here(&block("toml config", "manage.py")),
            0o644,
        );
        bench.file("etc/example/example.env", site.here(&block("env", "SECRET_KEY")), 0o640);
        Some(site)
    }

    fn here(&self, text: &str) -> String {
        let (dir, site) = (self.bench.dir().display(), self.bench.site());
        let app = self.demo.app();
        let venv = app.with_file_name("venv");
        [
            ("/srv/example/app/keybearer.schema.toml", format!("{dir}/keybearer.schema.toml")),
            ("/srv/example/app", app.display().to_string()),
            ("/srv/example/venv", venv.display().to_string()),
            ("config.wsgi", "demo.wsgi".to_owned()),
            ("/usr/bin/keybearer", app.with_file_name("bin/keybearer").display().to_string()),
            ("/etc/", format!("{dir}/etc/")),
            ("example:www-data", format!("{}:{}", site.name, site.group)),
            ("--user example\n", format!("--user {}\n", site.name)),
            ("\"example\"", format!("\"{}\"", site.name)),
            ("\"www-data\"", format!("\"{}\"", site.group)),
            ("127.0.0.1:8000", format!("127.0.0.1:{}", self.port)),
            (
                "postgres://example:a%2Fpassword@127.0.0.1:5432/example",
                format!("sqlite:///{dir}/data/db.sqlite3"),
            ),
        ]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    fn path(&self) -> String {
        format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.demo.app().with_file_name("bin").display())
    }
}

#[test]
fn the_shell_blocks_do_what_they_say() {
    if Mode::current() == Mode::Three {
        return skip("an operator types these, not a confined service");
    }
    let bench = Bench::new();
    let Some(site) = Site::new(&bench) else { return };
    let mut run = 0;
    for block in all_blocks().into_iter().filter(|block| block.info == "sh test") {
        let text = site.here(&block.text);
        let bash = bench.program("/bin/bash").args(["-euxc", &text]).env("PATH", site.path());
        bash.run().expect_code(0);
        run += 1;
    }
    assert!(run >= 5, "{run} blocks");
    // What the blocks are there for has happened.
    for made in ["starter.toml", "starter.schema.toml", "starter.env"] {
        assert!(bench.path("etc/keybearer").join(made).is_file(), "{made}");
    }
    let mode = |name| bench.path(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("etc/keybearer/starter.env"), 0o640);
    assert_eq!(mode("etc/example/new.env"), 0o640);
}

/// What a running instance is told, in the order of README.md, and what comes of it.
#[test]
fn the_instance_does_what_is_shown() {
    if Mode::current() == Mode::Three {
        return skip("an operator types these, not a confined service");
    }
    let bench = Bench::new();
    let Some(site) = Site::new(&bench) else { return };
    let run = bench.keybearer(["run", "--config"]).arg(bench.path("etc/keybearer/example.toml"));
    let running = run.nameless().spawn();
    running.wait_for_line("serving on");
    let session = bench.session().unwrap_or_default();
    let mut said: Option<String> = None;
    let (mut run, mut shown) = (0, 0);
    for block in blocks(README) {
        let text = site.here(&block.text);
        match block.info.as_str() {
            "sh instance" => {
                // Else the last generation of the block before is among the processes shown.
                eventually("one generation", || proc::children(running.pid()).len() == 1);
                let bash = bench.program("/bin/bash").args(["-euc", &text]);
                let bash = bash.env("PATH", site.path()).env("XDG_RUNTIME_DIR", &session);
                let outcome = bash.spawn().wait_within(LONG).expect_code(0);
                said = Some(outcome.stdout);
                run += 1;
            }
            "text shown" => {
                let real = said.take().expect("the commands stand before what they print");
                assert_eq!(timeless(&real), timeless(&text), "{real}");
                shown += 1;
            }
            _ => {}
        }
    }
    assert!(run >= 6 && shown >= 3, "{run} blocks, {shown} outputs");
    running.signal(Signal::SIGTERM);
    running.wait().expect_code(0);
}

/// What differs between two runs of a command: keys, moments, durations, processes.
fn timeless(text: &str) -> String {
    let replace = |text: String, (pattern, stand_in): (&str, &str)| {
        regex_lite::Regex::new(pattern).unwrap().replace_all(&text, stand_in).into_owned()
    };
    [
        (r"\b[0-9a-f]{8}\b", "KEY"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "MOMENT"),
        (r"\bpid \d+", "pid N"),
        (r"\b\d+\.\d+( ?s)?\b", "SECONDS"),
        (r"\((\d+[dhms] ?)+( ago)?\)", "(AGE)"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
    ]
    .into_iter()
    .fold(text.to_owned(), replace)
}

#[test]
fn the_env_file_means_what_its_comments_say() {
    let bench = Bench::new();
    let file = bench.env_file(&block("env", "SECRET_KEY"));
    let exec = bench.keybearer(["exec", "--env-file"]).arg(file).user_flags();
    let seen = exec.args(["--", "/usr/bin/env"]).run().expect_code(0);
    let lines: Vec<&str> = seen.stdout.lines().collect();
    for line in [
        "DEBUG=False",
        "DATABASE_URL=postgres://example:a%2Fpassword@127.0.0.1:5432/example",
        r#"EMAIL_HOST_PASSWORD=spaces, "quotes" and \ are safe in single quotes"#,
    ] {
        assert!(lines.contains(&line), "{line}\n{}", seen.stdout);
    }
}

#[test]
fn the_settings_read_what_keybearer_sets() {
    let bench = Bench::new();
    let show = "print(SECRET_KEY_FALLBACKS)\n";
    let python =
        |code: &str| bench.program("/usr/bin/python3").args(["-ISc", &format!("{code}{show}")]);
    let blocks: Vec<Block> = blocks(README).into_iter().filter(|b| b.info == "python").collect();
    assert_eq!(blocks.len(), 3);
    for block in &blocks {
        let given = python(&block.text).env("SECRET_KEY", "a").env("SECRET_KEY_FALLBACKS", "b,c");
        given.run().expect_code(0).expect_stdout("['b', 'c']");
    }
    let lenient = &block("python", "os.environ.get(");
    for fallbacks in ["", ","] {
        let lenient = python(lenient).env("SECRET_KEY_FALLBACKS", fallbacks);
        lenient.run().expect_code(0).expect_stdout("[]");
    }
    python(lenient).run().expect_code(0).expect_stdout("[]");
}

#[test]
fn the_units_are_units() {
    let bench = Bench::new();
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        return skip("needs systemd-analyze");
    }
    let Some(site) = Site::new(&bench) else { return };
    for (info, name) in [("ini before", "before.service"), ("ini unit", "after.service")] {
        let unit = bench.file(name, site.here(&block(info, "[Service]")), 0o644);
        let verify = Command::new("/usr/bin/systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(&unit)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&verify.stderr);
        assert!(verify.status.success() && !said.contains(name), "{said}");
    }
}

/// The numbered refusals of README.md, each made to happen.
#[test]
fn the_refusals_are_the_real_ones() {
    let bench = Bench::new();
    let Some(site) = Site::new(&bench) else { return };
    let shown = |number: usize| {
        let start = format!("{number}. `");
        let line = README.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap();
        site.here(line.strip_suffix('`').unwrap())
    };
    let config = bench.path("etc/keybearer/example.toml");
    let env = bench.path("etc/example/example.env");
    let refused = |code: i32, number: usize| {
        let exec = bench.keybearer(["exec", "--config"]).arg(&config).args(["--", "true"]);
        let outcome = exec.run().expect_code(code);
        outcome.expect_stderr_contains(&neutral(&bench, &shown(number)));
    };
    fs::set_permissions(&env, fs::Permissions::from_mode(0o644)).unwrap();
    refused(77, 1);
    bench.file("etc/example/example.env", "SECRET_KEY=short\nALLOWED_HOSTS=a.com\n", 0o640);
    refused(78, 4);

    let taken = std::net::TcpListener::bind(("127.0.0.1", site.port)).unwrap();
    let check = bench.keybearer(["check", "--config"]).arg(&config).run();
    let said = check.expect_code(1).stdout;
    assert!(said.contains(&shown(5)), "{said}");
    drop(taken);
}

/// As an outcome shows a text: with the bench's directory left open.
fn neutral(bench: &Bench, text: &str) -> String {
    text.replace(bench.dir().to_str().unwrap(), "{dir}")
}

#[test]
fn the_refusals_of_a_user_are_the_real_ones() {
    requires_root!();
    let bench = Bench::new();
    let shown = |number: usize| {
        let start = format!("{number}. `");
        let line = README.lines().find_map(|line| line.strip_prefix(start.as_str())).unwrap();
        line.strip_suffix('`').unwrap().to_owned()
    };
    let env = bench.env_file("SECRET_KEY=x\n");
    let as_root = bench.keybearer(["exec", "--env-file"]).arg(&env).args(["--", "true"]);
    as_root.run().expect_code(78).expect_stderr_contains(&shown(3));

    // The file is root's own, and the unit has User= without the file's group.
    std::os::unix::fs::chown(&env, Some(0), Some(0)).unwrap();
    let by_site = bench.keybearer(["exec", "--env-file"]).arg(&env).args(["--", "true"]).by_site();
    let example = shown(2).replace("/etc/example/example.env", "{dir}/site.env");
    let example = example.replace("'example' may", &format!("'{}' may", bench.site().name));
    let example = example.strip_suffix(" ...").unwrap();
    let outcome = by_site.run().expect_code(77).expect_stderr_contains(example);
    outcome.expect_stderr_contains("SupplementaryGroups=root");
}

#[test]
fn every_file_with_unsafe_code_is_in_the_security_page() {
    let modules = include_str!("../../src/sys/mod.rs");
    let files: BTreeSet<String> = modules
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .map(|name| format!("{name}.rs"))
        .collect();
    let (_, section) = SECURITY.split_once("## Unsafe code").unwrap();
    let listed: BTreeSet<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(listed, files);
}

#[test]
fn the_manual_is_well_formed() {
    if !Path::new("/usr/bin/mandoc").exists() {
        return skip("needs mandoc");
    }
    let bench = Bench::new();
    for (name, text) in [
        ("keybearer.1", MANUAL),
        ("keybearer.toml.5", CONFIG_MANUAL),
        ("keybearer.schema.5", SCHEMA_MANUAL),
        ("keybearer-store.8", HELPER_MANUAL),
    ] {
        let page = bench.file(name, text, 0o644);
        let mut lint = Command::new("/usr/bin/mandoc");
        lint.args(["-T", "lint", "-W", "warning"]).arg(&page);
        let output = lint.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// A promise whose test is gone is none.
#[test]
fn every_test_that_the_security_page_names_is_there() {
    let suite = include_str!("main.rs");
    let library = include_str!("../../src/lib.rs");
    let list = Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let tests: BTreeSet<&str> =
        list.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let (_, section) = SECURITY.split_once("## What is promised").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows: Vec<&str> =
        section.lines().filter(|line| line.starts_with("| ") && !line.contains("---")).collect();
    assert!(rows.len() > 20, "{rows:?}");
    for row in rows.iter().skip(1) {
        let column = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names: Vec<&str> = column.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            let is_there = match (name.strip_prefix("src/"), name.strip_suffix(".rs")) {
                (Some(module), _) => {
                    let module = module.trim_end_matches(".rs");
                    library.contains(&format!("pub mod {module};"))
                }
                (None, Some(file)) => suite.contains(&format!("mod {file};")),
                (None, None) if name.contains("::") => tests.contains(name),
                // Another script of tests/, which tests/run runs.
                (None, None) => name.starts_with("tests/"),
            };
            assert!(is_there, "{name} in {row}");
        }
    }
}
