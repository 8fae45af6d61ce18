use std::time::Duration;

use super::steps::{abort, carry, prepare, promote, retire, revoke};
use super::*;
use crate::exit::Exit;
use crate::moment::Moment;
use crate::secrets::{Fingerprint, Secret};

const DAY: u64 = 86_400;
const GRACE: Duration = Duration::from_secs(14 * DAY);
const EVERY: Duration = Duration::from_secs(90 * DAY);

fn day(day: u64) -> Moment {
    Moment::from_unix(day * DAY)
}

fn secret(name: &str) -> Secret {
    Secret::new(name.to_owned())
}

fn print(name: &str) -> Fingerprint {
    secret(name).fingerprint()
}

fn document(current: &str, fallbacks: &str) -> Document {
    Document {
        current: secret(current),
        fallbacks: fallbacks.split_whitespace().map(secret).collect(),
        next: None,
        record: Record::default(),
    }
}

fn dated(name: &str, at: Moment) -> Dated {
    Dated { key: print(name), at }
}

/// `current, fallbacks`, and the staged key behind a plus.
fn shown(document: &Document) -> String {
    let fallbacks: Vec<&str> = document.fallbacks.iter().map(Secret::expose).collect();
    let next = document.next.as_ref().map(|next| format!(" + {}", next.expose()));
    format!("{}: {}{}", document.current.expose(), fallbacks.join(" "), next.unwrap_or_default())
}

#[test]
fn a_rotation() {
    let before = document("a", "z");
    assert_eq!(due(&before, EVERY, 5, day(1)), Due::Prepare { age: None });

    let prepared = prepare(&before, secret("b"), day(1), Some(day(2))).unwrap();
    assert_eq!(shown(&prepared), "a: z + b");
    let waiting = Due::Waiting { key: print("b"), until: Some(day(2)) };
    assert_eq!(due(&prepared, EVERY, 5, day(1)), waiting);
    assert_eq!(due(&prepared, EVERY, 5, day(2)), Due::Promote { key: print("b") });

    let promoted = promote(&prepared, 5, GRACE, day(2)).unwrap();
    assert_eq!(shown(&promoted), "b: a z");
    let record = Record {
        current: Some(dated("b", day(2))),
        fallbacks: vec![dated("a", day(16))],
        ..Record::default()
    };
    assert_eq!(promoted.record, record);
    let second = Duration::from_secs(1);
    let retire_next = Due::Nothing { next: Step::Retire, at: day(16) + second };
    assert_eq!(due(&promoted, EVERY, 5, day(2)), retire_next);
    assert_eq!(due(&promoted, EVERY, 5, day(16)), retire_next);

    let end = day(16) + second;
    assert_eq!(due(&promoted, EVERY, 5, end), Due::Retire { keys: vec![print("a")] });
    let (retired, dropped) = retire(&promoted, 5, end);
    assert_eq!((shown(&retired).as_str(), dropped), ("b: z", vec![print("a")]));
    assert_eq!(retired.record.fallbacks, []);
    assert_eq!(due(&retired, EVERY, 5, end), Due::Nothing { next: Step::Prepare, at: day(92) });
    assert_eq!(due(&retired, EVERY, 5, day(92)), Due::Prepare { age: Some(EVERY) });
}

#[test]
fn one_key_is_staged_at_a_time() {
    let staged = prepare(&document("a", ""), secret("b"), day(1), None).unwrap();
    let refused = prepare(&staged, secret("c"), day(2), None).unwrap_err();
    assert_eq!(refused, Refused::Staged { key: print("b"), at: Some(day(1)) });
    assert_eq!(refused.exit(), Exit::Failure);
    assert_eq!(
        refused.to_string(),
        format!(
            "key {} is staged already since 1970-01-02T00:00:00Z; promote it or abort it: \
             keybearer rotate promote, keybearer rotate abort",
            print("b")
        )
    );
    let mut by_hand = staged.duplicate();
    by_hand.record = Record::default();
    let refused = prepare(&by_hand, secret("c"), day(2), None).unwrap_err();
    assert_eq!(refused, Refused::Staged { key: print("b"), at: None });
    // When it is promoted nobody can tell.
    assert_eq!(due(&by_hand, EVERY, 5, day(99)), Due::Waiting { key: print("b"), until: None });
}

#[test]
fn nothing_is_promoted_or_aborted_where_nothing_is_staged() {
    let plain = document("a", "z");
    assert_eq!(promote(&plain, 5, GRACE, day(1)), Err(Refused::NothingStaged));
    assert_eq!(abort(&plain), Err(Refused::NothingStaged));
}

/// Somebody copied X_NEXT to X by hand and left it where it was.
#[test]
fn a_staged_key_that_signs_already_is_in_nobodys_way() {
    let mut copied = document("b", "a");
    copied.next = Some(secret("b"));
    assert_eq!(promote(&copied, 5, GRACE, day(1)), Err(Refused::NothingStaged));
    assert_eq!(due(&copied, EVERY, 5, day(1)), Due::Prepare { age: None });
    assert_eq!(shown(&prepare(&copied, secret("c"), day(1), None).unwrap()), "b: a + c");
    assert_eq!(shown(&abort(&copied).unwrap()), "b: a");
}

#[test]
fn a_revoked_key_is_not_promoted() {
    let mut staged = document("a", "");
    staged.next = Some(secret("leaked"));
    staged.record.revoked = vec![print("leaked")];
    let refused = promote(&staged, 5, GRACE, day(1)).unwrap_err();
    assert_eq!(refused, Refused::Revoked { key: print("leaked") });
    assert_eq!(shown(&prepare(&staged, secret("b"), day(1), None).unwrap()), "a:  + b");
}

#[test]
fn a_promotion_keeps_no_more_than_is_kept() {
    let mut staged = document("a", "past z y");
    staged.next = Some(secret("y"));
    staged.record.fallbacks = vec![dated("past", day(1))];
    assert_eq!(shown(&promote(&staged, 2, GRACE, day(2)).unwrap()), "y: a z");
}

#[test]
fn retire_drops_what_is_past_revoked_or_too_much_and_nothing_else() {
    let mut full = document("a", "past a leaked z y x");
    full.record.fallbacks = vec![dated("past", day(1)), dated("z", day(3))];
    full.record.revoked = vec![print("leaked")];
    let (retired, dropped) = retire(&full, 2, day(2));
    assert_eq!(shown(&retired), "a: z y");
    assert_eq!(dropped, ["past", "a", "leaked", "x"].map(print));
    assert_eq!(retired.record.fallbacks, [dated("z", day(3))]);
    assert_eq!(retired.record.revoked, [print("leaked")]);

    // Not even what the record says of others goes, so that nothing needs to be written.
    let mut stale = document("a", "z");
    stale.record.fallbacks = vec![dated("gone", day(1))];
    assert_eq!(retire(&stale, 2, day(2)), (stale.duplicate(), vec![]));
}

#[test]
fn a_leaked_key_goes_with_the_staged_one() {
    let staged = prepare(&document("leaked", "z"), secret("b"), day(1), None).unwrap();
    let revoked = revoke(&staged, secret("new"), day(2)).unwrap();
    assert_eq!(shown(&revoked), "new: z");
    let record = Record {
        current: Some(dated("new", day(2))),
        revoked: vec![print("leaked"), print("b")],
        ..Record::default()
    };
    assert_eq!(revoked.record, record);
    let again = revoke(&revoked, secret("newer"), day(3)).unwrap();
    assert_eq!(again.record.revoked, ["new", "leaked", "b"].map(print));
}

#[test]
fn twenty_revoked_keys_are_remembered() {
    let mut document = document("0", "");
    for number in 1..=25 {
        document = revoke(&document, secret(&number.to_string()), day(number)).unwrap();
    }
    let remembered: Vec<Fingerprint> = (5..25).rev().map(|n| print(&n.to_string())).collect();
    assert_eq!(document.record.revoked, remembered);
}

#[test]
fn a_new_key_is_new() {
    let mut full = document("a", "z");
    full.record.revoked = vec![print("leaked")];
    for known in ["a", "z", "leaked"] {
        let not_new = Refused::NotNew { key: print(known) };
        assert_eq!(prepare(&full, secret(known), day(1), None), Err(not_new));
        assert_eq!(revoke(&full, secret(known), day(1)), Err(not_new));
    }
}

#[test]
fn what_was_carried_is_written_down() {
    let carried = |name: &str, at| Carried { key: secret(name), until: at };
    let mut by_hand = document("new", "older");
    by_hand.record.current = Some(dated("old", day(1)));
    by_hand.record.revoked = vec![print("leaked")];
    let keys = [
        carried("old", day(20)),
        carried("leaked", day(20)),
        carried("past", day(4)),
        carried("new", day(20)),
        carried("before", day(10)),
    ];
    let written = carry(&by_hand, &keys, 5, day(5));
    assert_eq!(shown(&written), "new: old before older");
    assert_eq!(written.record.fallbacks, [dated("old", day(20)), dated("before", day(10))]);
    assert_eq!(written.record.current, Some(dated("new", day(5))));
    assert_eq!(shown(&carry(&by_hand, &keys, 2, day(5))), "new: old before");

    // Nothing more to write.
    assert_eq!(carry(&written, &[], 5, day(6)), written);
    assert_eq!(carry(&written, &keys, 5, day(6)), written);
}

#[test]
fn a_carried_key_that_the_document_has_gets_the_later_time() {
    let carried = |name: &str| [Carried { key: secret(name), until: day(20) }];
    let mut known = document("a", "z y");
    known.record.fallbacks = vec![dated("z", day(30)), dated("y", day(1))];
    let until = |document: &Document, name: &str| document.record.until(print(name));
    assert_eq!(until(&carry(&known, &carried("z"), 5, day(5)), "z"), Some(day(30)));
    assert_eq!(until(&carry(&known, &carried("y"), 5, day(5)), "y"), Some(day(20)));
    // Without a time: the operator's, who takes it out.
    let plain = document("a", "z");
    assert_eq!(until(&carry(&plain, &carried("z"), 5, day(5)), "z"), None);
}

/// What the record says of the current key is of another one: somebody edited the file.
#[test]
fn a_key_put_there_by_hand_is_of_unknown_age() {
    let mut by_hand = document("b", "");
    by_hand.record.current = Some(dated("a", day(1)));
    assert_eq!(due(&by_hand, EVERY, 5, day(1)), Due::Prepare { age: None });
    let staged = prepare(&by_hand, secret("c"), day(2), None).unwrap();
    assert_eq!(staged.record.current, None);
}

#[test]
fn fallbacks_are_retired_while_a_staged_key_waits() {
    let mut staged = prepare(&document("a", "z"), secret("b"), day(1), Some(day(3))).unwrap();
    staged.record.fallbacks = vec![dated("z", day(1))];
    assert_eq!(due(&staged, EVERY, 5, day(2)), Due::Retire { keys: vec![print("z")] });
    assert_eq!(due(&staged, EVERY, 5, day(3)), Due::Promote { key: print("b") });
}
