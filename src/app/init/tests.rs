use super::*;
use crate::config::{SchemaChoice, SourceKind, parse};
use crate::exit::Exit;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("keybearer-init-{}-{test}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_starter_is_complete_and_parses() {
    let scratch = Scratch::new("starter");
    let directory = scratch.0.join("it's \"quoted\" \\");
    let user = AccountSpec { user: "root".to_owned(), group: Some("root".to_owned()) };
    let mut out = Vec::new();
    run(&directory, Some("site"), Some(&user), &mut out).unwrap();

    let config = directory.join("site.toml");
    let (schema, env) = (directory.join("site.schema.toml"), directory.join("site.env"));
    assert_eq!((mode(&directory), mode(&config), mode(&schema)), (0o755, 0o644, 0o644));
    assert_eq!(mode(&env), 0o640);
    let text = fs::read_to_string(&config).unwrap();
    assert!(!text.contains('@'), "{text}");
    let raw = parse(&text, &config).unwrap();
    assert_eq!(raw.schema, Some(SchemaChoice::File(schema.clone())));
    assert_eq!(raw.sources[0].kind, SourceKind::EnvFile { path: env.clone() });
    assert_eq!((raw.user.as_deref(), raw.group.as_deref()), (Some("root"), Some("root")));
    toml::de::DeTable::parse(&fs::read_to_string(&schema).unwrap()).unwrap();

    let text = fs::read_to_string(&env).unwrap();
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let [line] = lines[..] else { panic!("{} lines", lines.len()) };
    assert_eq!(line.strip_prefix("SECRET_KEY=").map(str::len), Some(64));
    let out = String::from_utf8(out).unwrap();
    assert!(out.contains("    keybearer check --config '"), "{out}");
    assert!(!out.contains(&line[11..]));
}

/// What is commented out is meant to be used: it must parse too.
#[test]
fn the_config_parses_without_its_comment_signs() {
    let paths = ["/d/s.toml", "/d/s.schema.toml", "/d/s.env"].map(Path::new);
    let key = secrets::generate().unwrap();
    let texts = Texts::new(paths[0], paths[1], paths[2], None, &key).unwrap();
    let used: Vec<String> = texts
        .config
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let raw = parse(&used.join("\n"), paths[0]).unwrap();
    assert!(raw.command.is_some() && raw.user.is_some() && raw.directory.is_some());
    assert_eq!(raw.ready.path.as_deref(), Some("/healthz"));
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left() {
    let scratch = Scratch::new("exists");
    let env = scratch.0.join("keybearer.env");
    fs::write(&env, "mine").unwrap();
    let error = run(&scratch.0, None, None, &mut Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "'{}' is there already, and nothing is overwritten; give another directory or --name",
            env.display()
        )
    );
    assert_eq!(error.exit(), Exit::Failure);
    assert_eq!(fs::read_to_string(&env).unwrap(), "mine");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);

    // A link is neither followed nor replaced.
    fs::remove_file(&env).unwrap();
    std::os::unix::fs::symlink("/nowhere/keybearer", &env).unwrap();
    assert!(matches!(run(&scratch.0, None, None, &mut Vec::new()), Err(Error::Exists { .. })));
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);

    // What fails last takes everything with it, the directory too.
    let fresh = scratch.0.join("fresh");
    let mut full = fs::File::options().write(true).open("/dev/full").unwrap();
    assert!(matches!(run(&fresh, None, None, &mut full), Err(Error::Output(_))));
    assert!(!fresh.exists());
}

#[test]
fn a_missing_parent_and_a_file_in_the_way() {
    let scratch = Scratch::new("parent");
    let parent = scratch.0.join("a b");
    let error = run(&parent.join("c"), None, None, &mut Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("'{0}' is missing; run: mkdir -p '{0}'", parent.display())
    );
    fs::write(&parent, "").unwrap();
    let error = run(&parent, None, None, &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), format!("'{}' is no directory", parent.display()));
    let odd = run(&scratch.0.join("a\nb"), None, None, &mut Vec::new()).unwrap_err();
    assert_eq!(odd.exit(), Exit::Usage);
}

/// As root the group of the site's user may read the file; anybody else keeps their own.
#[test]
fn the_env_file_belongs_to_the_group_where_that_can_be() {
    let scratch = Scratch::new("group");
    let user = AccountSpec { user: "nobody".to_owned(), group: Some("1234".to_owned()) };
    run(&scratch.0, None, Some(&user), &mut Vec::new()).unwrap();
    let gid = scratch.0.join("keybearer.env").metadata().unwrap().gid();
    let expected = if geteuid().is_root() { 1234 } else { nix::unistd::getegid().as_raw() };
    assert_eq!(gid, expected);

    let unknown = AccountSpec { user: "no-such-user".to_owned(), group: None };
    let mut out = Vec::new();
    run(&scratch.0, Some("b"), Some(&unknown), &mut out).unwrap();
    let told = String::from_utf8(out).unwrap().contains("chgrp GROUP ");
    assert_eq!(told, geteuid().is_root());
}

/// The words of DESIGN's schema, until the whole file goes through the schema module itself.
#[test]
fn the_schema_names_what_the_env_file_offers() {
    let schema = toml::de::DeTable::parse(include_str!("../starter/schema.toml")).unwrap();
    let listed: BTreeSet<&str> =
        schema.get_ref().keys().map(|key| key.get_ref().as_ref()).collect();
    let env = include_str!("../starter/site.env");
    for name in env.lines().filter_map(|line| line.trim_start_matches('#').split_once('=')) {
        if name.0.parse::<secrets::Name>().is_ok() {
            assert!(listed.contains(name.0), "{}", name.0);
        }
    }
}
