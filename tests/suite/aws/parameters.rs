use keybearer::config::{AwsParameters, Remote};
use keybearer::helper::{Answer, Failure, Got, Kind, Request, Work, Write};
use serde_json::json;

use super::{WITHIN, ask, fetched, pairs, refuses};
use crate::harness::{Bench, Moto, once};

fn put(moto: &Moto<'_>, name: &str, value: &str) {
    let input = json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
    moto.call("AmazonSSM.PutParameter", &input);
}

fn under(moto: &Moto<'_>, path: &str) -> AwsParameters {
    AwsParameters { path: Some(path.to_owned()), access: moto.access(), ..AwsParameters::default() }
}

fn fetch(moto: &Moto<'_>, parameters: AwsParameters) -> Result<Got, Failure> {
    fetched(moto.source(Remote::AwsParameters(parameters)), WITHIN, &moto.variables())
}

#[test]
fn a_path_of_several_pages() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    for number in 0..25 {
        put(&moto, &format!("/example/prod/NAME_{number:02}"), &format!("value-{number}"));
    }
    put(&moto, "/example/other/NAME", "x");
    let got = fetch(&moto, under(&moto, "/example/prod")).unwrap();
    let mut found = pairs(&got.entries);
    found.sort_unstable();
    assert_eq!(found.len(), 25);
    assert_eq!((found[0], found[24]), (("NAME_00", "value-0"), ("NAME_24", "value-24")));
    let before = got.version.unwrap();
    assert!(before.starts_with("NAME_00:1,NAME_01:1,") || before.len() == 32, "{before}");

    put(&moto, "/example/prod/NAME_07", "new");
    let source = moto.source(Remote::AwsParameters(under(&moto, "/example/prod")));
    let request = Request { within: WITHIN, work: Work::Look(vec![source]) };
    let Answer::Looked(looked) = ask(&request, &moto.variables()) else { panic!("no look") };
    assert_ne!(looked, [Ok(Some(before))]);
    assert!(matches!(looked[..], [Ok(Some(_))]));
}

#[test]
fn names() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let name = |number: usize| format!("/example/prod/NAME_{number:02}");
    (0..12).for_each(|number| put(&moto, &name(number), "x"));
    let named = |names: Vec<String>| AwsParameters {
        names,
        access: moto.access(),
        ..AwsParameters::default()
    };
    let got = fetch(&moto, named((0..12).map(name).collect())).unwrap();
    assert_eq!(got.entries.len(), 12);
    refuses(
        fetch(&moto, named(vec![name(0), name(77)])),
        Kind::Wrong,
        "AWS parameters '/example/prod/NAME_00', '/example/prod/NAME_77' in eu-west-1: not found: '/example/prod/NAME_77'",
    );
    let got = fetch(&moto, named(vec![name(3)])).unwrap();
    assert_eq!(got.version.as_deref(), Some("NAME_03:1"));
}

#[test]
fn what_cannot_be_read_or_written() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    put(&moto, "/example/a/NAME", "x");
    put(&moto, "/example/b/NAME", "y");
    refuses(
        fetch(&moto, under(&moto, "/example")),
        Kind::Wrong,
        "AWS parameters under '/example' in eu-west-1: two parameters end in 'NAME'; rename one of them",
    );
    refuses(
        fetch(&moto, under(&moto, "/nothing")),
        Kind::Wrong,
        "AWS parameters under '/nothing' in eu-west-1: there are none; check 'path' and the region",
    );
    let source = moto.source(Remote::AwsParameters(under(&moto, "/example/a")));
    let job = Write { source, changes: Vec::new(), version: "NAME:1".to_owned() };
    let request = Request { within: WITHIN, work: Work::Write(Box::new(job)) };
    let Answer::Written(result) = ask(&request, &moto.variables()) else { panic!("no write") };
    refuses(
        result,
        Kind::Wrong,
        "AWS parameters under '/example/a': parameters cannot be written conditionally; keep the Django keys in Secrets Manager",
    );
}
