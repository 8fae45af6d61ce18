//! Killed at each system call of a write: the file is whole, the old one or the new one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::host::{Document, Host};
use crate::harness::{KEY, Mode, Outcome};

/// One call, and the how-manieth of its name it was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    name: String,
    number: usize,
}

/// The calls from the lock on the document to the end.
fn calls_of_the_write(trace: &str) -> Vec<Call> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    let mut writes = false;
    for line in trace.lines() {
        let Some((name, rest)) = line.split_once('(') else { continue };
        let Some(name) = name.split_whitespace().next_back() else { continue };
        let number = counts.entry(name).or_default();
        *number += 1;
        writes |= name == "flock" && rest.contains("LOCK_EX");
        if writes && !name.starts_with("exit") {
            calls.push(Call { name: name.to_owned(), number: *number });
        }
    }
    calls
}

fn rotate(host: &Host, strace: &[&str]) -> Outcome {
    let trace = host.bench.path("trace");
    let mut words = vec!["/usr/bin/strace", "-o", trace.to_str().unwrap()];
    words.extend(strace);
    host.rotate("web", &["-q", "--blind"]).through(words).run()
}

fn facts(path: &Path) -> (u32, u32, u32) {
    let found = fs::metadata(path).unwrap();
    (found.mode(), found.uid(), found.gid())
}

#[test]
fn at_every_system_call() {
    if !nix::unistd::geteuid().is_root() && Mode::current() != Mode::User {
        return crate::harness::skip("needs tests that are root");
    }
    let env = format!("# first\nSECRET_KEY='{KEY}'\n# last\nTOKEN=x\n");
    let host = Host::new(&env);
    host.config("web", "");
    let file = host.env_path();
    let before = facts(&file);
    rotate(&host, &[]).expect_code(0);
    let calls = calls_of_the_write(&fs::read_to_string(host.bench.path("trace")).unwrap());
    let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
    for part_of_it in ["fsync", "fchmod"] {
        assert!(names.contains(&part_of_it), "{names:?}");
    }
    assert!(names.iter().any(|name| name.starts_with("rename")), "{names:?}");

    let (mut old, mut new) = (0, 0);
    for Call { name, number } in calls {
        host.bench.env_file(&env);
        let inject = format!("inject={name}:signal=KILL:when={number}");
        let outcome = rotate(&host, &["-e", &format!("trace={name}"), "-e", &inject]);
        assert_eq!(outcome.signal, Some(9), "{name} {number}: {outcome:?}");
        assert_eq!(facts(&file), before, "{name} {number}");
        let document = host.document();
        match document.key() == KEY {
            true => {
                assert_eq!(host.text(), env, "{name} {number}");
                old += 1;
            }
            false => {
                is_whole(&host, &document);
                new += 1;
            }
        }
        let left = host.bench.path(".site.env.keybearer-new");
        if left.exists() {
            // Nobody reads it who may not read the other.
            assert_eq!(facts(&left).0 & !before.0, 0, "{name} {number}");
            let is_same = facts(&left) == before;
            assert!(is_same || fs::read(&left).unwrap().is_empty(), "{name} {number}");
        }
        host.rotate("web", &["-q", "--blind"]).run().expect_code(0);
        is_whole(&host, &host.document());
        assert_eq!(facts(&file), before, "{name} {number}");
        assert!(!left.exists(), "{name} {number}");
    }
    assert!(old > 10 && new > 0, "{old} old ones and {new} new ones");
}

#[track_caller]
fn is_whole(host: &Host, document: &Document) {
    let text = host.text();
    assert!(text.starts_with("# first\nSECRET_KEY='"), "{text}");
    assert!(text.ends_with("# last\nTOKEN=x\n"), "{text}");
    assert_eq!(document.key().len(), 64);
    assert_eq!(document.fallbacks().last(), Some(&KEY));
    assert!(document.record().contains("\"until\""));
}
