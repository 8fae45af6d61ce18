use std::time::Duration;

use nix::unistd::Pid;

use super::metrics::metrics;
use super::text::{age, text};
use crate::config::Strategy;
use crate::control::{Carried, FailedFetch, KeyStatus, LastHandOver, SourceStatus, State, Status};
use crate::moment::Moment;

fn at(seconds: u64) -> Moment {
    Moment::from_unix(1_795_246_461 - 1_000_000 + seconds)
}

fn now() -> Moment {
    at(1_000_000)
}

fn status() -> Status {
    Status {
        name: "example".to_owned(),
        pid: Pid::from_raw(812),
        keybearer: "0.1.0".to_owned(),
        state: State::Serving,
        generation: 3,
        pids: vec![Pid::from_raw(4711)],
        since: Some(at(900_000)),
        strategy: Strategy::HandOver,
        key: Some(KeyStatus {
            current: "0a1b2c3d".parse().unwrap(),
            since: Some(at(0)),
            fallbacks: vec!["4e5f6071".parse().unwrap(), "8293a4b5".parse().unwrap()],
            next: Some("c6d7e8f9".parse().unwrap()),
            carried: vec![Carried { key: "4e5f6071".parse().unwrap(), until: at(1_200_000) }],
        }),
        document: Some("'/etc/example/example.env'".to_owned()),
        document_key: Some("SECRET_KEY".to_owned()),
        config: Some("/etc/keybearer/example.toml".to_owned()),
        schema: None,
        sources: vec![
            SourceStatus {
                source: "'/etc/a.env'".to_owned(),
                version: Some("17".to_owned()),
                lease_until: Some(at(1_001_800)),
                stale_since: None,
                env_file: Some("/etc/a.env".to_owned()),
            },
            SourceStatus {
                source: "the environment".to_owned(),
                version: None,
                lease_until: None,
                stale_since: None,
                env_file: None,
            },
        ],
        hand_overs_ok: 4,
        hand_overs_failed: 1,
        last: Some(LastHandOver {
            at: at(999_900),
            took: Duration::from_millis(2_345),
            failed: Some("not ready within 60s; stopped it".to_owned()),
        }),
        fetched: Some(at(999_880)),
        fetch_failed: Some(FailedFetch { at: at(999_990), message: "it is gone".to_owned() }),
        restarts: 2,
        started: at(100),
        addresses: vec!["127.0.0.1:8000".to_owned(), "unix:/run/a".to_owned()],
    }
}

fn bare() -> Status {
    Status {
        state: State::Starting,
        pids: vec![Pid::from_raw(1), Pid::from_raw(2)],
        since: None,
        key: None,
        document: None,
        document_key: None,
        config: None,
        schema: None,
        sources: Vec::new(),
        last: None,
        fetched: None,
        fetch_failed: None,
        addresses: Vec::new(),
        ..status()
    }
}

#[test]
fn everything_for_people() {
    assert_eq!(
        text(&status(), now()),
        "\
example
state        serving since 2026-11-20T03:47:41Z (1d 3h)
supervisor   pid 812, keybearer 0.1.0, started 2026-11-09T17:49:21Z (11d 13h ago)
generation   3, pid 4711, strategy hand-over
addresses    127.0.0.1:8000, unix:/run/a
key          0a1b2c3d since 2026-11-09T17:47:41Z (11d 13h)
fallbacks    4e5f6071, 8293a4b5
next key     c6d7e8f9
carried      4e5f6071, not stored, until 2026-11-23T15:07:41Z (for 2d 7h)
document     '/etc/example/example.env'
source       '/etc/a.env', version 17, lease until 2026-11-21T08:04:21Z
source       the environment
fetched      2026-11-21T07:32:21Z (2m 0s ago)
not fetched  2026-11-21T07:34:11Z (10s ago): it is gone
hand-overs   4 done, 1 failed; the server was down in 2
last         2026-11-21T07:32:41Z (1m 40s ago), failed after 2.3s: not ready within 60s; stopped it
"
    );
    assert_eq!(
        text(&bare(), now()),
        "\
example
state        starting
supervisor   pid 812, keybearer 0.1.0, started 2026-11-09T17:49:21Z (11d 13h ago)
generation   3, pids 1, 2, strategy hand-over
key          none
hand-overs   4 done, 1 failed; the server was down in 2
"
    );
}

#[test]
fn ages() {
    for (seconds, shown) in [
        (0, "0s"),
        (59, "59s"),
        (60, "1m 0s"),
        (3_599, "59m 59s"),
        (3_600, "1h 0m"),
        (86_399, "23h 59m"),
        (86_400, "1d 0h"),
        (8_640_000 + 3_600 * 5, "100d 5h"),
    ] {
        assert_eq!(age(Duration::from_secs(seconds)), shown);
    }
}

#[test]
fn what_is_stale_is_said_at_once() {
    let mut stale = status();
    stale.sources[0].stale_since = Some(at(999_000));
    let said = text(&stale, now());
    let lines: Vec<&str> = said.lines().skip(2).take(1).collect();
    assert_eq!(lines, ["STALE        since 2026-11-21T07:17:41Z (16m 40s ago): a store is away"]);
    assert!(said.contains(
        "\nsource       '/etc/a.env', version 17, lease until 2026-11-21T08:04:21Z, STALE since 2026-11-21T07:17:41Z\n"
    ));
    assert!(metrics(&stale, now()).contains("keybearer_stale{instance=\"example\"} 1\n"));
}

#[test]
fn everything_for_prometheus() {
    assert_eq!(
        metrics(&status(), now()),
        "\
# TYPE keybearer_serving gauge
# HELP keybearer_serving 1 where the site is served.
keybearer_serving{instance=\"example\"} 1
# TYPE keybearer_generation gauge
# HELP keybearer_generation The number of the generation.
keybearer_generation{instance=\"example\"} 3
# TYPE keybearer_hand_overs counter
# HELP keybearer_hand_overs Hand-overs by their outcome.
keybearer_hand_overs_total{instance=\"example\",outcome=\"ok\"} 4
keybearer_hand_overs_total{instance=\"example\",outcome=\"failed\"} 1
# TYPE keybearer_last_hand_over_seconds gauge
# UNIT keybearer_last_hand_over_seconds seconds
# HELP keybearer_last_hand_over_seconds How long the last hand-over took.
keybearer_last_hand_over_seconds{instance=\"example\"} 2.345
# TYPE keybearer_key_age_seconds gauge
# UNIT keybearer_key_age_seconds seconds
# HELP keybearer_key_age_seconds How long the current key has signed.
keybearer_key_age_seconds{instance=\"example\"} 1000000
# TYPE keybearer_key_fallbacks gauge
# HELP keybearer_key_fallbacks Keys that only verify.
keybearer_key_fallbacks{instance=\"example\"} 2
# TYPE keybearer_fetch_age_seconds gauge
# UNIT keybearer_fetch_age_seconds seconds
# HELP keybearer_fetch_age_seconds How long ago the secrets were read.
keybearer_fetch_age_seconds{instance=\"example\"} 120
# TYPE keybearer_stale gauge
# HELP keybearer_stale 1 where a store is away and its cache is used.
keybearer_stale{instance=\"example\"} 0
# TYPE keybearer_restarts counter
# HELP keybearer_restarts Hand-overs in which the server was down in between.
keybearer_restarts_total{instance=\"example\"} 2
# EOF
"
    );
    let bare = metrics(&bare(), now());
    for missing in ["seconds", "fallbacks"] {
        assert!(!bare.contains(missing), "{bare}");
    }
    assert!(bare.contains("keybearer_serving{instance=\"example\"} 0\n"), "{bare}");
    let odd = Status { name: "a\"b\\c".to_owned(), ..status() };
    assert!(metrics(&odd, now()).contains(r#"{instance="a\"b\\c"}"#));
}
