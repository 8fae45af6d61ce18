use std::thread;
use std::time::Duration;

use keybearer::config::AwsSecret;
use keybearer::helper::Kind;
use serde_json::{Value, json};

use super::{fetch, pairs, refuses, write, write_within};
use crate::harness::{Bench, KEY, Moto, key, once};

#[test]
fn a_document_keeps_what_is_not_changed() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let before = "{\n  \"Z\": 1.50,\n  \"SECRET_KEY\": \"old\",\n  \"GONE\": \"x\"\n}\n";
    let old = moto.create("example/prod", before);
    let changes =
        [("SECRET_KEY", Some(KEY)), ("GONE", None), ("SECRET_KEY_FALLBACKS", Some("old"))];
    let written = write(&moto, moto.secret("example/prod"), &changes, &old).unwrap();
    let after = format!(
        "{{\n  \"Z\": 1.50,\n  \"SECRET_KEY\": \"{KEY}\",\n  \"SECRET_KEY_FALLBACKS\": \"old\"\n}}\n"
    );
    assert_eq!(moto.value("example/prod", "AWSCURRENT"), after);
    assert_eq!(moto.value("example/prod", "AWSPREVIOUS"), before);
    let got = fetch(&moto, moto.secret("example/prod")).unwrap();
    assert_eq!(got.version, Some(written.version.clone()));
    let stages = stages(&moto);
    assert_eq!(stages[&written.version], json!(["AWSCURRENT"]));
    assert_eq!(stages[&old], json!(["AWSPREVIOUS"]));

    // Once more from there, and once with nothing to do.
    let again =
        write(&moto, moto.secret("example/prod"), &[("Z", None)], &written.version).unwrap();
    let same = write(&moto, moto.secret("example/prod"), &[("Z", None)], &again.version).unwrap();
    assert_eq!(same, again);
    let conflict = "AWS secret 'example/prod' in eu-west-1: somebody else has written it meanwhile; nothing was changed";
    refuses(write(&moto, moto.secret("example/prod"), &changes, &old), Kind::Conflict, conflict);
}

fn stages(moto: &Moto<'_>) -> Value {
    let input = json!({"SecretId": "example/prod"});
    moto.call("secretsmanager.DescribeSecret", &input)["VersionIdsToStages"].clone()
}

#[test]
fn a_plain_value_is_written_and_others_have_no_place() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let secret =
        AwsSecret { variable: Some("SECRET_KEY".parse().unwrap()), ..moto.secret("example/prod") };
    let old = moto.create("example/prod", "old");
    let written = write(&moto, secret.clone(), &[("SECRET_KEY", Some(KEY))], &old).unwrap();
    assert_eq!(moto.value("example/prod", "AWSCURRENT"), KEY);
    refuses(
        write(&moto, secret.clone(), &[("SECRET_KEY_NEXT", Some(KEY))], &written.version),
        Kind::Wrong,
        "AWS secret 'example/prod' in eu-west-1: it holds the value of SECRET_KEY alone; make it a JSON document to keep more in it",
    );
    let secret = AwsSecret { stage: Some("AWSCURRENT".to_owned()), ..secret };
    refuses(
        write(&moto, secret, &[("SECRET_KEY", Some("x"))], &written.version),
        Kind::Wrong,
        "AWS secret 'example/prod': only the current version is written; leave 'stage' and 'version' out",
    );
    assert_eq!(moto.value("example/prod", "AWSCURRENT"), KEY);
}

/// Each adds a field of its own to the document it has read. Whoever loses reads again.
#[test]
fn of_two_writers_one_wins_and_nothing_is_lost() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    moto.create("example/prod", "{}");
    for round in 0..4 {
        let version = fetch(&moto, moto.secret("example/prod")).unwrap().version.unwrap();
        let names = [format!("A{round}"), format!("B{round}")];
        let results = thread::scope(|scope| {
            let writers = names.each_ref().map(|name| {
                let (moto, version) = (&moto, &version);
                scope.spawn(move || {
                    let changes = [(name.as_str(), Some("x"))];
                    write(moto, moto.secret("example/prod"), &changes, version)
                })
            });
            writers.map(|writer| writer.join().unwrap())
        });
        let won: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{results:?}");
        let lost = results.into_iter().find_map(Result::err).unwrap();
        assert_eq!(lost.kind, Kind::Conflict, "{lost:?}");
        let got = fetch(&moto, moto.secret("example/prod")).unwrap();
        let found = names.each_ref().map(|name| got.entries.iter().any(|(other, _)| other == name));
        assert_eq!(found.to_vec(), won);
        assert_eq!(got.entries.len(), round + 1);
        // The loser's version is left without a stage, and AWS takes it away.
        let pending = stages(&moto).to_string().matches("KEYBEARERPENDING").count();
        assert_eq!(pending, 0);
    }
}

/// The store did what it was asked and could not say so: the second try sees that it is done.
#[test]
fn a_lost_answer_is_no_conflict() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let old = moto.create("lossy", "{}");
    let written = write(&moto, moto.secret("lossy"), &[("A", Some("a"))], &old).unwrap();
    assert_eq!(moto.value("lossy", "AWSCURRENT"), "{\"A\": \"a\"}");
    let input = json!({"SecretId": "lossy"});
    let stages = &moto.call("secretsmanager.DescribeSecret", &input)["VersionIdsToStages"];
    assert_eq!(stages[&written.version], json!(["AWSCURRENT"]));
    assert_eq!(stages[&old], json!(["AWSPREVIOUS"]));
    let asked = moto.asked();
    let times = |what: &str| asked.iter().filter(|line| line.ends_with(what)).count();
    // One more of these takes the stage of what is being written away.
    assert_eq!((times("PutSecretValue"), times("UpdateSecretVersionStage")), (2, 3));
}

/// Who is cut off cannot tell what he had done by then.
#[test]
fn silence_tells_nothing() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    let mut secret = moto.secret("example/prod");
    secret.access.endpoint = Some(moto.wrong_url("silent"));
    let within = Duration::from_secs(2);
    refuses(
        write_within(within, &moto, secret, &[("A", Some("a"))], "1"),
        Kind::Unreachable,
        "AWS secret 'example/prod': no answer within 2s; whether it was written is not known",
    );
}

#[test]
fn bytes_stay_bytes() {
    once!();
    let bench = Bench::new();
    let Some(moto) = Moto::new(&bench) else { return };
    // {"A":"a"}
    let input = json!({"Name": "example/prod", "SecretBinary": "eyJBIjoiYSJ9"});
    let answer = moto.call("secretsmanager.CreateSecret", &input);
    let old = answer["VersionId"].as_str().unwrap();
    write(&moto, moto.secret("example/prod"), &[("A", Some(&key(1)))], old).unwrap();
    let got = fetch(&moto, moto.secret("example/prod")).unwrap();
    assert_eq!(pairs(&got.entries), [("A", key(1).as_str())]);
    let input = json!({"SecretId": "example/prod", "VersionStage": "AWSCURRENT"});
    let answer = moto.call("secretsmanager.GetSecretValue", &input);
    assert!(answer["SecretBinary"].is_string() && answer["SecretString"].is_null());
}
