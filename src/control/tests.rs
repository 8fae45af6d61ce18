use std::time::Duration;

use nix::unistd::Pid;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fields::Malformed;
use super::*;
use crate::config::Strategy;
use crate::moment::Moment;
use crate::secrets::Fingerprint;

fn key(text: &str) -> Fingerprint {
    text.parse().expect("a fingerprint")
}

/// With something in every field.
pub(super) fn status() -> Status {
    let at = Moment::from_unix;
    Status {
        name: "example".to_owned(),
        pid: Pid::from_raw(812),
        keybearer: "0.1.0".to_owned(),
        state: State::HandingOver,
        generation: 3,
        pids: vec![Pid::from_raw(4711), Pid::from_raw(4712)],
        since: Some(at(1_795_246_461)),
        strategy: Strategy::Pause,
        key: Some(KeyStatus {
            current: key("0a1b2c3d"),
            since: Some(at(1_795_000_000)),
            fallbacks: vec![key("4e5f6071"), key("8293a4b5")],
            next: Some(key("c6d7e8f9")),
            carried: vec![Carried { key: key("4e5f6071"), until: at(1_796_000_000) }],
        }),
        document: Some("file:/etc/example/example.env".to_owned()),
        document_key: Some("SECRET_KEY".to_owned()),
        config: Some("/etc/keybearer/example.toml".to_owned()),
        schema: Some("/srv/example/keybearer.schema.toml".to_owned()),
        sources: vec![
            SourceStatus {
                source: "'/etc/a.env'".to_owned(),
                version: Some("17".to_owned()),
                lease_until: Some(at(1_795_248_261)),
                stale_since: Some(Moment::from_unix(1_795_246_000)),
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
            at: at(1_795_246_461),
            took: Duration::from_millis(2_345),
            failed: Some("not ready within 60s".to_owned()),
        }),
        fetched: Some(at(1_795_246_460)),
        fetch_failed: Some(FailedFetch { at: at(1), message: "it is not there".to_owned() }),
        restarts: 2,
        started: at(1_794_000_000),
        addresses: vec!["127.0.0.1:8000".to_owned(), "unix:/run/a".to_owned()],
    }
}

/// With nothing in every field that may be empty.
pub(super) fn bare_status() -> Status {
    Status {
        since: None,
        key: None,
        document: None,
        document_key: None,
        config: None,
        schema: None,
        sources: Vec::new(),
        pids: Vec::new(),
        last: None,
        fetched: None,
        fetch_failed: None,
        addresses: Vec::new(),
        ..status()
    }
}

fn round(outcome: Outcome) -> RoundResult {
    RoundResult {
        outcome,
        generation: 4,
        before: Some(key("0a1b2c3d")),
        after: None,
        changed: vec!["DATABASE_URL changed".to_owned()],
        took: Duration::from_millis(61_007),
    }
}

fn answers() -> Vec<Answer> {
    let mut answers: Vec<Answer> = State::ALL
        .into_iter()
        .map(|state| Answer::Status(Box::new(Status { state, ..status() })))
        .collect();
    let last = LastHandOver { failed: None, ..status().last.expect("it has one") };
    answers.push(Answer::Status(Box::new(bare_status())));
    answers.push(Answer::Status(Box::new(Status { last: Some(last), ..status() })));
    for strategy in [Strategy::HandOver, Strategy::Pause, Strategy::Restart] {
        answers.push(Answer::Status(Box::new(Status { strategy, ..status() })));
    }
    let failed = Outcome::Failed { code: 78, message: "one\ntwo".to_owned() };
    for outcome in [Outcome::HandedOver, Outcome::Unchanged, failed] {
        answers.push(Answer::Round(round(outcome)));
    }
    answers.push(Answer::Error { code: 1, message: "no \"such\" thing".to_owned() });
    answers
}

fn read(text: &str) -> Result<Answer, Malformed> {
    Answer::parse(text.as_bytes())
}

#[test]
fn requests_are_read_back() {
    for request in [Request::Status, Request::Reload, Request::Adopt] {
        let line = request.line();
        assert_eq!(Request::parse(line.trim_end().as_bytes()), Ok(request), "{line}");
    }
    let later = br#"{"version":1,"command":"reload","later":{}}"#;
    assert_eq!(Request::parse(later), Ok(Request::Reload));
}

#[test]
fn a_bad_request_is_told_what_is_wrong_with_it() {
    let own = env!("CARGO_PKG_VERSION");
    let with = "restart it, or ask with that keybearer";
    let form = r#"expected a request, such as {"version":1,"command":"status"}"#;
    for (line, code, message) in [
        ("", 64, form.to_owned()),
        ("GET / HTTP/1.1\r", 64, form.to_owned()),
        ("[]", 64, form.to_owned()),
        (r#"{"version":1}"#, 64, form.to_owned()),
        (r#"{"version":1,"command":7}"#, 64, form.to_owned()),
        (
            r#"{"version":2,"command":"status"}"#,
            69,
            format!(
                "this instance runs keybearer {own}, which does not know version 2 of its requests; {with}"
            ),
        ),
        (
            r#"{"version":1,"command":"st\u001batus"}"#,
            69,
            format!(
                "this instance runs keybearer {own}, which does not know the request 'st\u{fffd}atus'; {with}"
            ),
        ),
    ] {
        let bad = Request::parse(line.as_bytes()).unwrap_err();
        assert_eq!((bad.exit().code(), bad.to_string()), (code, message), "{line}");
    }
    let long = format!(r#"{{"version":1,"command":"{}"}}"#, "é".repeat(1_000));
    let bad = Request::parse(long.as_bytes()).unwrap_err().to_string();
    assert!(bad.contains(&format!("'{}...'", "é".repeat(40))), "{bad}");
}

#[test]
fn answers_are_read_back() {
    for answer in answers() {
        let line = answer.line();
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert_eq!(read(line.trim_end()).as_ref(), Ok(&answer), "{line}");
    }
}

#[test]
fn what_the_status_is_called() {
    let names: Vec<String> =
        status().json().as_object().unwrap().keys().map(String::clone).collect();
    assert_eq!(
        names.join(" "),
        "addresses config document document-key fetch-failed fetched generation hand-overs key \
         keybearer name pid pids restarts schema since sources stale-since started state strategy version"
    );
    // Nothing goes missing because there is none of it.
    assert_eq!(bare_status().json().as_object().unwrap().len(), names.len());
}

/// Every field of every answer is taken away once, and once replaced by each of these.
#[test]
fn another_type_is_no_answer_and_an_unknown_field_is_no_fault() {
    let others = [json!(true), json!(-1), json!(1e300), json!("\u{1b}"), json!([true]), json!({})];
    for answer in answers() {
        let whole: Value = serde_json::from_str(&answer.line()).unwrap();
        let mut pointers = Vec::new();
        every_pointer(&whole, "", &mut pointers);
        for pointer in pointers {
            for other in &others {
                let mut changed = whole.clone();
                *changed.pointer_mut(&pointer).unwrap() = other.clone();
                let read = read(&changed.to_string());
                if let Ok(read) = &read {
                    // Free text may be any text, and never as it came.
                    let line = read.line();
                    assert!(other.is_string(), "{pointer} as {other}: {line}");
                    assert!(!line.contains("\\u001b"), "{pointer}: {line}");
                }
            }
        }
        let mut later = whole;
        later["later"] = json!(1);
        later["status"]["later"] = json!({});
        if matches!(answer, Answer::Status(_)) {
            assert_eq!(read(&later.to_string()).as_ref(), Ok(&answer));
        }
    }
}

fn every_pointer(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let pointer = format!("{at}/{name}");
                every_pointer(field, &pointer, found);
                found.push(pointer);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let pointer = format!("{at}/{index}");
                every_pointer(item, &pointer, found);
                found.push(pointer);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_fault_is_named_by_its_field() {
    for (text, field) in [
        ("", "JSON"),
        ("[]", "JSON"),
        ("{}", "version"),
        (r#"{"version":2,"status":{}}"#, "version"),
        (r#"{"version":1}"#, "error"),
        (r#"{"version":1,"status":{}}"#, "hand-overs"),
        (r#"{"version":1,"round":{"outcome":"great"}}"#, "outcome"),
        (r#"{"version":1,"round":{"outcome":"failed","code":0}}"#, "code"),
        (r#"{"version":1,"error":{"code":256,"message":""}}"#, "code"),
    ] {
        assert_eq!(read(text), Err(Malformed(field)), "{text}");
    }
}

/// It keeps its lines, and nothing else that a terminal would act on.
#[test]
fn the_text_of_an_answer_can_be_printed() {
    let answer = read(r#"{"version":1,"error":{"code":1,"message":"a\u001b[2J\nb\u202e"}}"#);
    let message = "a\u{fffd}[2J\nb\u{fffd}".to_owned();
    assert_eq!(answer, Ok(Answer::Error { code: 1, message }));
}

#[test]
fn an_answer_that_would_not_be_read_is_replaced() {
    let changed = vec!["A_LONG_NAME is new".to_owned(); 100_000];
    let long = Answer::Round(RoundResult { changed, ..round(Outcome::HandedOver) });
    let line = long.line();
    assert!(line.len() < ANSWER_LIMIT);
    assert!(matches!(read(line.trim_end()), Ok(Answer::Error { code: 1, .. })), "{line}");
}

proptest! {
    #[test]
    fn garbage_is_no_request_and_no_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Request::parse(&bytes).is_err());
        prop_assert!(Answer::parse(&bytes).is_err());
    }

    #[test]
    fn a_broken_answer_is_no_answer(which in 0..14_usize, at in any::<prop::sample::Index>()) {
        let line = answers()[which % answers().len()].line();
        let line = line.trim_end().as_bytes();
        prop_assert!(Answer::parse(&line[..at.index(line.len())]).is_err());
    }

    #[test]
    fn any_number_is_read_without_a_panic(number in any::<f64>(), name in "[a-z-]{1,12}") {
        let mut answer = Answer::Status(Box::new(status())).line().parse::<Value>().unwrap();
        answer["status"][name] = json!(number);
        answer["status"]["hand-overs"]["last"]["seconds"] = json!(number);
        let _ = read(&answer.to_string());
    }
}
