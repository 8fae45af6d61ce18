use super::host::{Host, end, print, runs, timeless};
use crate::harness::KEY;

fn env() -> String {
    format!("SECRET_KEY={KEY}\n")
}

#[test]
fn each_step_alone() {
    let host = Host::new(&env());
    let web = host.start("web", "");
    let dir = host.bench.dir().display().to_string();
    let said = |words: &[&str]| timeless(&host.rotate("web", words).run().expect_code(0).stdout);

    let prepared = said(&["prepare"]);
    let document = host.document();
    let first = document.next().unwrap().to_owned();
    let (old, new) = (print(KEY), print(&first));
    assert_eq!(document.key(), KEY);
    let table = "instance  generation  key before  key after  seconds\n";
    let expected = format!(
        "staged key {new} in '{dir}/site.env'\nweb: generation 2 verifies {new}, after N s\n\
         {table}web       2           {old}    {old} N\n"
    );
    assert_eq!(prepared, expected);
    runs(&web, KEY, &[&first]);

    let staged = format!(
        "keybearer: key {new} is staged already since T; promote it or abort it: keybearer rotate promote, keybearer rotate abort"
    );
    let again = host.rotate("web", &["prepare", "-q"]).run().expect_code(1).expect_stdout("");
    assert_eq!(timeless(again.stderr.trim_end()), staged);

    let expected = format!(
        "dropped the staged key {new} from '{dir}/site.env'\n\
         web: generation 3 signs with {old}, after N s\n{table}web       3           {old}    {old} N\n"
    );
    assert_eq!(said(&["abort"]), expected);
    runs(&web, KEY, &[KEY]);
    let nothing = "keybearer: no key is staged; run: keybearer rotate prepare";
    for step in ["abort", "promote"] {
        host.rotate("web", &[step, "-q"]).run().expect_code(1).expect_stderr(nothing);
    }

    said(&["prepare"]);
    let second = host.document().next().unwrap().to_owned();
    let promoted = said(&["promote"]);
    let new = print(&second);
    let expected = format!(
        "promoted key {new} in '{dir}/site.env'; {old} verifies until T\n\
         web: generation 5 signs with {new}, after N s\n{table}web       5           {old}    {new} N\n"
    );
    assert_eq!(promoted, expected);
    runs(&web, &second, &[KEY]);

    let nothing = "no key is past its time, nor are there more than are kept\n";
    assert_eq!(said(&["retire"]), nothing);
    host.pass_days(15);
    let expected = format!(
        "retired key {old} from '{dir}/site.env'\n\
         web: generation 6 signs with {new}, after N s\n{table}web       6           {new}    {new} N\n"
    );
    assert_eq!(said(&["retire"]), expected);
    runs(&web, &second, &[&second]);
    assert_eq!(host.document().fallbacks(), [""; 0]);
    end(web);
}

/// The instance came after the step: it is brought up to it first.
#[test]
fn promote_goes_by_evidence() {
    let host = Host::new(&env());
    host.config("web", "");
    host.rotate("web", &["prepare"]).run().expect_code(0);
    let text = host.text();
    host.bench.env_file(&env());
    let web = host.start("web", "");
    host.bench.env_file(&text);
    let said = timeless(&host.rotate("web", &["promote"]).run().expect_code(0).stdout);
    let new = print(host.document().key());
    let line = format!("web: generation 2 verifies {new}, after N s\npromoted key {new}");
    assert!(said.starts_with(&line), "{said}");
    end(web);
}

#[test]
fn revoke_is_one_hand_over() {
    let host = Host::new(&env());
    let web = host.start("web", "");
    host.rotate("web", &[]).run().expect_code(0);
    let leaked = host.document().key().to_owned();
    host.rotate("web", &["prepare"]).run().expect_code(0);
    let staged = host.document().next().unwrap().to_owned();

    let outcome = host.rotate("web", &["revoke"]).run().expect_code(0);
    let document = host.document();
    let (bad, new, dir) = (print(&leaked), print(document.key()), host.bench.dir().display());
    let expected = format!(
        "revoked key {bad} in '{dir}/site.env'; key {new} signs, and everybody signs in again\n\
         web: generation 5 signs with {new}, after N s\n"
    );
    let said = timeless(&outcome.stdout);
    assert!(said.starts_with(&expected), "{said}");
    // The one before was not leaked.
    assert_eq!((document.fallbacks(), document.next()), (vec![KEY], None));
    runs(&web, document.key(), &[KEY]);
    assert!(![document.key(), KEY].contains(&staged.as_str()));
    // Nor does it come back.
    let text = host.text().replace(document.key(), &leaked);
    host.bench.env_file(&text);
    host.rotate("web", &[]).run().expect_code(78).expect_stderr_contains("is a revoked key");
    end(web);
}

#[test]
fn many_hosts_wait_for_each_other() {
    let host = Host::new(&env());
    let many = "[keys]\nhosts = \"many\"\n[watch]\nevery = \"1d\"\nfiles = false\n";
    let web = host.start("web", many);
    let said = timeless(&host.rotate("web", &[]).run().expect_code(0).stdout);
    let first = host.document().next().unwrap().to_owned();
    let new = print(&first);
    let next = format!("next: promote key {new}, from T on\n");
    assert!(said.starts_with(&format!("staged key {new} ")), "{said}");
    assert!(
        said.contains(&format!("web: generation 2 verifies {new}, after N s\n{next}")),
        "{said}"
    );
    // Once more: it is not due.
    assert_eq!(timeless(&host.rotate("web", &[]).run().expect_code(0).stdout), next);
    let early = format!(
        "keybearer: the staged key {new} may sign from T on, when every host has had the time to take it over; before that: keybearer rotate promote --now"
    );
    let refused = host.rotate("web", &["promote", "-q"]).run().expect_code(1).expect_stdout("");
    assert_eq!(timeless(refused.stderr.trim_end()), early);
    // Two times the watch.
    host.pass_days(1);
    assert_eq!(timeless(&host.rotate("web", &[]).run().expect_code(0).stdout), next);
    host.pass_days(1);
    let said = timeless(&host.rotate("web", &[]).run().expect_code(0).stdout);
    assert!(said.starts_with(&format!("promoted key {new} ")), "{said}");
    runs(&web, &first, &[KEY]);

    host.rotate("web", &["prepare"]).run().expect_code(0);
    let second = host.document().next().unwrap().to_owned();
    host.rotate("web", &["promote", "--now"]).run().expect_code(0);
    runs(&web, &second, &[&first, KEY]);
    end(web);
}

#[test]
fn without_a_watch_nobody_can_tell() {
    let host = Host::new(&env());
    host.config("web", "[keys]\nhosts = \"many\"\n");
    let said = host.rotate("web", &[]).run().expect_code(0).stdout;
    let new = print(host.document().next().unwrap());
    let next = format!(
        "key {new} is staged, and nobody can tell when every host has taken it over; when they have: keybearer rotate promote --now\n"
    );
    assert!(said.contains(&next), "{said}");
    let never = format!(
        "keybearer: nobody can tell when every host has taken over the staged key {new}, since no [watch] every is set; when they have: keybearer rotate promote --now"
    );
    host.rotate("web", &["promote", "-q"]).run().expect_code(1).expect_stderr(&never);
    host.rotate("web", &["promote", "--now"]).run().expect_code(0);
    assert_eq!(print(host.document().key()), new);
}
