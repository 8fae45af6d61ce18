use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::thread;

use super::*;
use crate::config::{
    Credentials, Encoding, Inherited, Selection, SourceKind, SourceSpec, Tool, ToolFormat,
};
use crate::exit::Exit;
use crate::files::scratch::Scratch;
use crate::keyring::{Dated, Document, Record, Staged};
use crate::moment::Moment;
use crate::secrets::{Name, Secret};

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn fields(encoding: Encoding) -> Fields {
    Fields { current: name("SECRET_KEY"), fallbacks: name("SECRET_KEY_FALLBACKS"), encoding }
}

fn spec(path: &Path, rename: &[(&str, &str)]) -> SourceSpec {
    let rename = rename.iter().map(|(site, own)| (name(site), (*own).to_owned())).collect();
    let selection = Selection { rename, ..Selection::default() };
    SourceSpec { kind: SourceKind::EnvFile { path: path.to_owned() }, selection }
}

fn place_of(spec: &SourceSpec, fields: Fields) -> Result<Place, Error> {
    Place::of(spec, 0, &fields, None)
}

fn place(path: &Path) -> Place {
    place_of(&spec(path, &[]), fields(Encoding::Comma)).expect("a place")
}

/// The message and the exit code; never a value.
fn refused<T>(result: Result<T, Error>) -> (String, Exit) {
    let Err(error) = result else { panic!("not refused") };
    let text = error.to_string();
    assert!(!format!("{text}{error:?}").contains("canary"), "{text}");
    (text, error.exit())
}

fn record(key: &Secret) -> Record {
    let (key, at) = (key.fingerprint(), Moment::from_unix(1_795_246_461));
    Record {
        current: Some(Dated { key, at }),
        staged: Some(Staged { key, at, due: None }),
        ..Record::default()
    }
}

#[test]
fn a_document_is_read_by_its_fields() {
    let scratch = Scratch::new();
    let text = "SECRET_KEY='canary'\nSECRET_KEY_FALLBACKS=' b,, a ,b'\nDEBUG=False\n";
    let path = scratch.file("x.env", text.as_bytes(), 0o640);
    let (document, version) = place(&path).read().expect("read");
    let expected = Document {
        current: secret("canary"),
        fallbacks: vec![secret("b"), secret("a")],
        next: None,
        record: Record::default(),
    };
    assert_eq!(document, expected);
    assert_eq!(format!("{version:?}"), "Version(redacted)");

    let record = record(&secret("n"));
    let text = format!(
        "key=canary\nold=[\"a,b\"]\nSECRET_KEY_NEXT=n\nwhen='{record}'\nSECRET_KEY_FALLBACKS=x\n"
    );
    let path = scratch.file("y.env", text.as_bytes(), 0o640);
    let rename =
        [("SECRET_KEY", "key"), ("SECRET_KEY_FALLBACKS", "old"), ("KEYBEARER_ROTATION", "when")];
    let place = place_of(&spec(&path, &rename), fields(Encoding::Json)).expect("a place");
    let (document, _) = place.read().expect("read");
    let (current, next) = (secret("canary"), Some(secret("n")));
    assert_eq!(document, Document { current, fallbacks: vec![secret("a,b")], next, record });
}

#[test]
fn what_is_no_document_has_its_mend() {
    let scratch = Scratch::new();
    let path = scratch.path("x.env");
    let shown = path.display();
    for (text, expected) in [
        ("A=1\n", "holds no SECRET_KEY, or an empty one; put a key there: keybearer key"),
        ("SECRET_KEY=''\n", "holds no SECRET_KEY, or an empty one; put a key there: keybearer key"),
        (
            "SECRET_KEY=canary\nSECRET_KEY_FALLBACKS='[\"canary\"]'\n",
            ": SECRET_KEY_FALLBACKS is JSON where commas are expected; set [keys] encoding = \"json\" if the settings read JSON",
        ),
        (
            "SECRET_KEY=canary\nKEYBEARER_ROTATION=canary\n",
            ": KEYBEARER_ROTATION is not what rotate wrote; restore it, or take it out: the times that old keys may go are lost then",
        ),
    ] {
        scratch.file("x.env", text.as_bytes(), 0o640);
        let colon = if expected.starts_with(':') { "" } else { " " };
        let expected = format!("'{shown}'{colon}{expected}");
        assert_eq!(refused(place(&path).read()), (expected, Exit::Config));
    }
    scratch.file("x.env", b"canary\n", 0o640);
    let (text, exit) = refused(place(&path).read());
    assert_eq!(
        (&*text, exit),
        (
            &*format!(
                "'{shown}':1:1: no '='; a line is NAME=value, and a value of several lines needs quotes"
            ),
            Exit::Config
        )
    );
}

#[test]
fn a_whole_rotation_touches_its_own_lines_alone() {
    let scratch = Scratch::new();
    let before = "# keys\nSECRET_KEY=\"old\" \n# the rest\nDEBUG=False";
    let path = scratch.file("x.env", before.as_bytes(), 0o640);
    let place = place(&path);
    let (mut document, version) = place.read().expect("read");
    let text = || fs::read_to_string(&path).expect("text");

    document.next = Some(secret("new"));
    document.record = record(&secret("new"));
    let json = document.record.to_string();
    let version = place.write(&document, &version).expect("written");
    let escaped = json.replace('"', "\\\"");
    assert_eq!(
        text(),
        format!(
            "# keys\nSECRET_KEY=\"old\" \nSECRET_KEY_NEXT=\"new\"\nKEYBEARER_ROTATION=\"{escaped}\"\n# the rest\nDEBUG=False"
        )
    );
    assert_eq!(place.read().expect("read"), (document.duplicate(), version.clone()));

    document.current = secret("new");
    document.fallbacks = vec![secret("old")];
    document.next = None;
    let version = place.write(&document, &version).expect("written");
    assert_eq!(
        text(),
        format!(
            "# keys\nSECRET_KEY=\"new\"\nSECRET_KEY_FALLBACKS=\"old\"\nKEYBEARER_ROTATION=\"{escaped}\"\n# the rest\nDEBUG=False"
        )
    );

    document.fallbacks = Vec::new();
    document.record = Record::default();
    let version = place.write(&document, &version).expect("written");
    assert_eq!(text(), "# keys\nSECRET_KEY=\"new\"\n# the rest\nDEBUG=False");

    let inode = || fs::metadata(&path).expect("there").ino();
    let unchanged = inode();
    assert_eq!(place.write(&document, &version).expect("equal"), version);
    assert_eq!(inode(), unchanged);
}

#[test]
fn json_lists_stay_json_and_names_stay_the_documents() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", b"key=a,b\nold=[\"x\", \"y\"]\n", 0o640);
    let rename =
        [("SECRET_KEY", "key"), ("SECRET_KEY_FALLBACKS", "old"), ("SECRET_KEY_NEXT", "next")];
    let place = place_of(&spec(&path, &rename), fields(Encoding::Json)).expect("a place");
    let (mut document, version) = place.read().expect("read");
    document.next = Some(secret("n"));
    let version = place.write(&document, &version).expect("written");
    assert_eq!(fs::read_to_string(&path).expect("text"), "key=a,b\nold=[\"x\", \"y\"]\nnext=n\n");
    document.fallbacks.insert(0, secret("a,b"));
    place.write(&document, &version).expect("written");
    assert_eq!(
        fs::read_to_string(&path).expect("text"),
        "key=a,b\nold=[\"a,b\",\"x\",\"y\"]\nnext=n\n"
    );
}

#[test]
fn an_old_version_is_a_conflict() {
    let scratch = Scratch::new();
    let path = scratch.file("x.env", b"SECRET_KEY=canary-1\n", 0o640);
    let place = place(&path);
    let (mut document, version) = place.read().expect("read");
    // The same content under another inode is the same document.
    fs::rename(scratch.file("same", b"SECRET_KEY=canary-1\n", 0o640), &path).expect("renamed");
    document.next = Some(secret("n"));
    place.write(&document, &version).expect("written");
    let text =
        format!("'{}' was changed by something else meanwhile; run it again", path.display());
    assert_eq!(refused(place.write(&document, &version)), (text, Exit::Failure));
}

#[test]
fn what_would_not_be_read_back_is_not_written() {
    let scratch = Scratch::new();
    let before = "SECRET_KEY=canary-1\nSECRET_KEY=canary-2\n";
    let path = scratch.file("x.env", before.as_bytes(), 0o640);
    let place = place(&path);
    let shown = path.display();
    let (document, version) = place.read().expect("read");
    assert_eq!(document.current.expose(), "canary-2");

    let changed = |change: fn(&mut Document)| {
        let mut document = document.duplicate();
        change(&mut document);
        refused(place.write(&document, &version))
    };
    let twice = format!(
        "'{shown}': SECRET_KEY is on lines 1 and 2; only the last counts: take the others out"
    );
    assert_eq!(changed(|d| d.current = secret("canary")), (twice, Exit::Config));
    let no_item = format!(
        "'{shown}': SECRET_KEY_FALLBACKS cannot hold a key with a comma, white space around it or nothing in it; for a comma set [keys] encoding = \"json\", else make another: keybearer key"
    );
    for bad in ["canary,", " canary", "canary\t", ""] {
        let mut document = document.duplicate();
        document.fallbacks = vec![secret(bad)];
        let result = refused(place.write(&document, &version));
        assert_eq!(result, (no_item.clone(), Exit::Config), "{bad}");
    }
    let not_back = |name| {
        let text = format!(
            "'{shown}': {name} would not be read back as it is to be written; make another key: keybearer key"
        );
        (text, Exit::Failure)
    };
    assert_eq!(changed(|d| d.next = Some(secret("canary\0"))), not_back("SECRET_KEY_NEXT"));
    assert_eq!(
        changed(|d| d.fallbacks = vec![secret("canary"), secret("canary")]),
        not_back("SECRET_KEY_FALLBACKS")
    );
    assert_eq!(fs::read_to_string(&path).expect("text"), before);
}

fn tool() -> Tool {
    let argv = vec!["/usr/bin/sops".into(), "canary".into()];
    Tool { argv, user: None, format: ToolFormat::Json, within: None, keep: Vec::new() }
}

#[test]
fn not_every_source_can_be_written() {
    let of = |kind| {
        place_of(&SourceSpec { kind, selection: Selection::default() }, fields(Encoding::Comma))
    };
    for (kind, text) in [
        (
            SourceKind::Directory { path: "/run/secrets".into() },
            "keys cannot be written to directory '/run/secrets': what is in there is the platform's; rotate the secret where the platform keeps it (Docker, Kubernetes), or keep the key in an env file",
        ),
        (
            SourceKind::SystemdCredentials { wanted: Credentials::All },
            "keys cannot be written to systemd's credentials: they are copied when the unit starts and cannot change; change the credential and restart the unit, or keep the key in an env file",
        ),
        (
            SourceKind::Environment { wanted: Inherited::Prefix("A".to_owned()) },
            "keys cannot be written to the environment: what was inherited cannot change while keybearer runs; keep the key in an env file",
        ),
        (
            SourceKind::Command(Box::new(tool())),
            "keys cannot be written to command '/usr/bin/sops': it is what a command prints; change the key with the tool that keeps it and run keybearer reload, or keep the key in an env file",
        ),
    ] {
        assert_eq!(refused(of(kind)), (text.to_owned(), Exit::Config));
    }
}

#[test]
fn a_field_has_a_name_of_its_own_that_an_env_file_can_hold() {
    let of = |rename: &[(&str, &str)]| {
        refused(place_of(&spec(Path::new("/x.env"), rename), fields(Encoding::Comma)))
    };
    for (rename, text) in [
        (
            ("SECRET_KEY_NEXT", "next-key"),
            "'/x.env': SECRET_KEY_NEXT is renamed from 'next-key', which no env file can hold; choose a name of letters, digits and '_'",
        ),
        (
            ("OTHER", "SECRET_KEY_FALLBACKS"),
            "'/x.env': SECRET_KEY_FALLBACKS stands for two things; give each its own name: rename = { ... }",
        ),
        (
            ("SECRET_KEY_NEXT", "SECRET_KEY"),
            "'/x.env': SECRET_KEY stands for two things; give each its own name: rename = { ... }",
        ),
    ] {
        assert_eq!(of(&[rename]), (text.to_owned(), Exit::Config));
    }
}

#[test]
fn two_ways_to_one_file_are_one_identity() {
    let scratch = Scratch::new();
    scratch.directory("a", 0o755);
    symlink("a", scratch.path("link")).expect("a link");
    let identity = |path: &Path| place(path).identity();
    // Neither the file nor the right to read it is needed.
    let expected = format!("file:{}", scratch.path("a/x.env").display());
    for way in ["a/x.env", "link/x.env", "a/../link/./x.env"] {
        assert_eq!(identity(&scratch.path(way)), expected, "{way}");
    }
    assert_eq!(identity(Path::new("/nowhere/x.env")), "file:/nowhere/x.env");
    let here = std::env::current_dir().expect("a directory").canonicalize().expect("a path");
    assert_eq!(identity(Path::new("x.env")), format!("file:{}", here.join("x.env").display()));
    assert_eq!(identity(Path::new("/a\nb")), r"file:/a\nb");
}

#[test]
fn of_two_writers_none_loses_anything() {
    const TIMES: usize = 200;
    let scratch = Scratch::in_memory().unwrap_or_else(Scratch::new);
    let path = scratch.file("x.env", b"# kept\nSECRET_KEY=key\nSECRET_KEY_NEXT=0\n", 0o640);
    let count = || {
        let place = place(&path);
        let mut done = 0;
        while done < TIMES {
            let (mut document, version) = place.read().expect("whole at every moment");
            let number: usize = document.next.expect("there").expose().parse().expect("a number");
            document.next = Some(Secret::new((number + 1).to_string()));
            match place.write(&document, &version) {
                Ok(_) => done += 1,
                Err(Error::Conflict { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(count);
        scope.spawn(count);
    });
    let text = fs::read_to_string(&path).expect("text");
    assert_eq!(text, format!("# kept\nSECRET_KEY=key\nSECRET_KEY_NEXT={}\n", 2 * TIMES));
}
