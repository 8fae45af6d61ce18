use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;
use crate::config::{Credentials, Inherited, Selection};
use crate::exit::Exit;
use crate::files::scratch::Scratch;

fn spec(kind: SourceKind) -> SourceSpec {
    SourceSpec { kind, selection: Selection::default() }
}

fn env_file(path: &Path) -> SourceSpec {
    spec(SourceKind::EnvFile { path: path.to_owned() })
}

fn directory(path: &Path) -> SourceSpec {
    spec(SourceKind::Directory { path: path.to_owned() })
}

fn credentials(wanted: Credentials) -> SourceSpec {
    spec(SourceKind::SystemdCredentials { wanted })
}

fn environment(wanted: Inherited) -> SourceSpec {
    spec(SourceKind::Environment { wanted })
}

fn inherited(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn values(fetched: &Fetched) -> Vec<(&str, &str)> {
    fetched.entries.iter().map(|(n, e)| (n.as_str(), e.value.expose())).collect()
}

fn fetch(
    specs: &[SourceSpec],
    inherited: &BTreeMap<OsString, OsString>,
    credentials_directory: Option<&Path>,
) -> Result<Fetched, Error> {
    super::fetch(specs, &Keys::default(), inherited, credentials_directory, &Asked::nothing())
}

/// The message and the exit code; never a value.
fn refused(specs: &[SourceSpec], inherited: &BTreeMap<OsString, OsString>) -> (String, Exit) {
    match fetch(specs, inherited, None) {
        Ok(_) => panic!("fetched"),
        Err(error) => {
            let text = error.to_string();
            assert!(!format!("{text}{error:?}").contains("canary"), "{text}");
            (text, error.exit())
        }
    }
}

#[test]
fn a_later_source_wins_and_says_so() {
    let scratch = Scratch::new();
    let first = scratch.file("first.env", b"A=canary-1\nB=canary-2\nB=canary-3\n", 0o640);
    let second = scratch.directory("second", 0o755);
    scratch.file("second/B", b"from the directory\n", 0o440);
    let inherited = inherited(&[("A", "from the environment"), ("OTHER", "x")]);
    let a = "A".parse().expect("a name");
    let specs = [env_file(&first), directory(&second), environment(Inherited::Names(vec![a]))];
    let fetched = fetch(&specs, &inherited, None).expect("fetched");
    assert_eq!(values(&fetched), [("A", "from the environment"), ("B", "from the directory")]);
    assert_eq!(fetched.taken.iter().map(|n| n.as_str()).collect::<Vec<_>>(), ["A"]);
    let (first, second) = (quoted(&first), quoted(&second));
    assert_eq!(
        fetched.warnings,
        [
            format!("{first}: B is on line 2 and again on line 3; the last one counts"),
            format!("B from {first} is replaced by the one from directory {second}"),
            format!("A from {first} is replaced by the one from the environment"),
        ]
    );
    assert!(!format!("{fetched:?}").contains("canary"));
}

#[test]
fn what_rotation_keeps_is_not_lost_to_a_later_source() {
    let scratch = Scratch::new();
    let first = scratch.file("first.env", b"SECRET_KEY=a\nKEYBEARER_ROTATION=canary\n", 0o640);
    let second = scratch.file("second.env", b"B=b\nKEYBEARER_ROTATION=canary\n", 0o640);
    let specs = [env_file(&first), env_file(&second)];
    let fetched = fetch(&specs, &inherited(&[]), None).expect("fetched");
    assert!(fetched.warnings.is_empty(), "{:?}", fetched.warnings);
    let origin = |name: &str| fetched.entries[name].origin;
    assert_eq!((origin("SECRET_KEY"), origin("KEYBEARER_ROTATION")), (Some(0), Some(1)));
    let replaced: Vec<_> = fetched.replaced.iter().map(|(n, e)| (n.as_str(), e.origin)).collect();
    assert_eq!(replaced, [("KEYBEARER_ROTATION", Some(0))]);
}

#[test]
fn syntax_errors_are_reported_together_with_their_places() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", b"\xEF\xBB\xBFcanary\r\nexport A=canary\r\n", 0o640);
    let (shown, word) = (quoted(&path), path.display());
    let (text, exit) = refused(&[env_file(&path)], &inherited(&[]));
    assert_eq!(exit, Exit::Config);
    assert_eq!(
        text.lines().collect::<Vec<_>>(),
        [
            format!(r"{shown}:1:1: a byte order mark; run: sed -i '1s/^\xEF\xBB\xBF//' {word}"),
            format!(
                "{shown}:1:1: no '='; a line is NAME=value, and a value of several lines needs quotes"
            ),
            format!(r"{shown}:1:8: Windows line ends (CRLF); run: sed -i 's/\r$//' {word}"),
            format!(
                r"{shown}:2:1: 'export' belongs to a shell; run: sed -i 's/^[ \t]*export[ \t]*//' {word}"
            ),
        ]
    );
    fs::write(&path, "canary\n".repeat(23)).expect("written");
    let (text, _) = refused(&[env_file(&path)], &inherited(&[]));
    assert_eq!(text.lines().count(), 21);
    assert!(text.ends_with(&format!("{shown}: and 3 more")), "{text}");
}

#[test]
fn an_empty_file_is_a_warning() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", b"", 0o640);
    let fetched = fetch(&[env_file(&path)], &inherited(&[]), None).expect("fetched");
    assert_eq!(fetched.warnings, [format!("{} gives no variable", quoted(&path))]);
}

#[test]
fn a_value_ends_where_the_kernel_ends_it() {
    let scratch = Scratch::new();
    // "A=" counts, the NUL at the end does not fit any more.
    let text = |length: usize| format!("A={}\n", "v".repeat(length - 2));
    let path = scratch.file("x.env", text(131_071).as_bytes(), 0o640);
    assert!(fetch(&[env_file(&path)], &inherited(&[]), None).is_ok());
    fs::write(&path, text(131_072)).expect("written");
    let (text, exit) = refused(&[env_file(&path)], &inherited(&[]));
    assert_eq!(exit, Exit::Config);
    assert!(text.contains("A is 131072 bytes long with its name"), "{text}");
}

#[test]
fn one_file_a_secret_less_one_line_end() {
    let scratch = Scratch::new();
    let path = scratch.directory("secrets", 0o755);
    for (name, content) in
        [("A", "x\n"), ("B", "x\r\n"), ("C", "x\n\n"), ("D", " x "), ("E", ""), (".hidden", "x")]
    {
        scratch.file(&format!("secrets/{name}"), content.as_bytes(), 0o400);
    }
    scratch.directory("secrets/sub", 0o755);
    let fetched = fetch(&[directory(&path)], &inherited(&[]), None).expect("fetched");
    assert_eq!(values(&fetched), [("A", "x"), ("B", "x"), ("C", "x\n"), ("D", " x "), ("E", "")]);
    let (source, sub) = (quoted(&path), quoted(&path.join("sub")));
    assert_eq!(fetched.warnings, [format!("directory {source}: the directory {sub} is skipped")]);
}

#[test]
fn a_directory_names_what_no_environment_can_carry() {
    let scratch = Scratch::new();
    let path = scratch.directory("secrets", 0o755);
    for (content, words) in
        [(&b"canary\0x"[..], "A holds a NUL byte"), (b"canary\xFF", "A is not valid UTF-8")]
    {
        let file = scratch.file("secrets/A", content, 0o600);
        let (text, exit) = refused(&[directory(&path)], &inherited(&[]));
        assert!(text.starts_with("directory '") && text.contains(words), "{text}");
        assert_eq!(exit, Exit::Config);
        fs::remove_file(file).expect("removed");
    }
    let strange = path.join(OsStr::from_bytes(b"\xFF"));
    fs::write(&strange, "canary").expect("written");
    let (text, exit) = refused(&[directory(&path)], &inherited(&[]));
    assert!(text.contains(r"run: mv $'") && text.contains(r"\xff' "), "{text}");
    assert_eq!(exit, Exit::Config);
    fs::remove_file(strange).expect("removed");
    scratch.file("secrets/api-key", b"canary", 0o600);
    let (text, exit) = refused(&[directory(&path)], &inherited(&[]));
    assert!(text.contains("'api-key', which is no variable name"), "{text}");
    assert_eq!(exit, Exit::Config);

    let missing = scratch.path("missing");
    let text = format!("{} does not exist", quoted(&missing));
    assert_eq!(refused(&[directory(&missing)], &inherited(&[])), (text, Exit::Config));
}

#[test]
fn docker_and_kubernetes_mounts_are_taken_as_they_come() {
    let Some(scratch) = Scratch::in_memory() else {
        return;
    };
    let kubernetes = scratch.projected(&[("A", b"canary"), ("B", b"canary\n")]);
    let docker = scratch.directory("docker", 0o755);
    scratch.file("docker/C", b"canary", 0o444);
    let fetched =
        fetch(&[directory(&kubernetes), directory(&docker)], &inherited(&[]), None).expect("ok");
    assert_eq!(values(&fetched), [("A", "canary"), ("B", "canary"), ("C", "canary")]);
    let warning = |path| {
        format!("files in {} are readable by others, accepted on a tmpfs only", quoted(path))
    };
    assert_eq!(fetched.warnings, [warning(&kubernetes), warning(&docker)]);

    symlink("/etc/hostname", docker.join("D")).expect("a link");
    let (text, exit) = refused(&[directory(&docker)], &inherited(&[]));
    assert!(text.ends_with("a symbolic link; name its target: '/etc/hostname'"), "{text}");
    assert_eq!(exit, Exit::Refused);
    // A set that lacks what a link promises is read again, and then named.
    fs::remove_file(kubernetes.join("..data/A")).expect("removed");
    let (text, _) = refused(&[directory(&kubernetes)], &inherited(&[]));
    assert_eq!(text, format!("{} does not exist", quoted(&kubernetes.join("A"))));
}

#[test]
fn credentials_all_some_or_an_env_file() {
    let scratch = Scratch::new();
    let path = scratch.directory("credentials", 0o700);
    scratch.file("credentials/A", b"canary-a\n", 0o400);
    scratch.file("credentials/site", b"B=canary-b # c\n", 0o400);
    let take = |wanted| fetch(&[credentials(wanted)], &inherited(&[]), Some(&path));

    let all = take(Credentials::All).expect("fetched");
    assert_eq!(all.entries.len(), 2);
    let some = take(Credentials::Names(vec!["A".to_owned()])).expect("fetched");
    assert_eq!(values(&some), [("A", "canary-a")]);
    let file = take(Credentials::EnvFile("site".to_owned())).expect("fetched");
    assert_eq!(values(&file), [("B", "canary-b # c")]);
    assert!(file.warnings[0].contains("part of B"), "{:?}", file.warnings);
    for wanted in [Credentials::Names(vec!["C".to_owned()]), Credentials::EnvFile("C".to_owned())] {
        let error = take(wanted).expect_err("not held").to_string();
        assert_eq!(error, format!("credentials directory {} holds no 'C'", quoted(&path)));
    }
    for outside in ["../credentials/A", "/etc/passwd", "..", ".", ""] {
        let wanted = Credentials::Names(vec![outside.to_owned()]);
        assert!(take(wanted).is_err(), "{outside}");
        assert!(take(Credentials::EnvFile(outside.to_owned())).is_err(), "{outside}");
    }
    let (text, exit) = refused(&[credentials(Credentials::All)], &inherited(&[]));
    assert!(text.contains("LoadCredential="), "{text}");
    assert_eq!(exit, Exit::Config);
}

#[test]
fn inherited_variables_by_name_and_by_prefix() {
    let mut variables =
        inherited(&[("APP_A", "canary"), ("APP_B", "canary"), ("PATH", "/bin"), ("app-c", "x")]);
    let prefix = Inherited::Prefix("APP_".to_owned());
    let fetched = fetch(&[environment(prefix.clone())], &variables, None).expect("fetched");
    assert_eq!(values(&fetched), [("APP_A", "canary"), ("APP_B", "canary")]);
    assert_eq!(fetched.taken.len(), 2);

    let rename = [("A".parse().expect("a name"), "APP_A".to_owned())].into();
    let only = Some(["A".parse().expect("a name")].into());
    let selection = Selection { prefix: None, rename, only };
    let renamed = SourceSpec { kind: environment(prefix.clone()).kind, selection };
    let fetched = fetch(&[renamed], &variables, None).expect("fetched");
    assert_eq!(values(&fetched), [("A", "canary")]);
    assert_eq!(fetched.taken.iter().map(|n| n.as_str()).collect::<Vec<_>>(), ["APP_A"]);

    let missing = Inherited::Names(vec!["MISSING".parse().expect("a name")]);
    assert_eq!(
        refused(&[environment(missing)], &variables),
        ("the environment holds no 'MISSING'".to_owned(), Exit::Config)
    );
    variables.insert("APP_C".into(), OsStr::from_bytes(b"canary\xFF").to_owned());
    let (text, exit) = refused(&[environment(prefix)], &variables);
    assert!(text.starts_with("the environment: APP_C is not valid UTF-8"), "{text}");
    assert_eq!(exit, Exit::Config);
}
