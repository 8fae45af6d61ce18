use std::fs;
use std::os::unix::fs::MetadataExt;

use super::OTHER;
use super::host::{Host, end, print, runs, timeless};
use crate::harness::{KEY, Mode};

fn env() -> String {
    format!("# The site\nTOKEN='a b'\nSECRET_KEY={KEY}\nDEBUG=False\n")
}

#[test]
fn alone_it_does_all_of_it() {
    let host = Host::new(&env());
    let web = host.start("web", "");
    let before = fs::metadata(host.env_path()).unwrap();
    let outcome = host.holds_no_key(host.rotate("web", &["-vv"]).run()).expect_code(0);
    let document = host.document();
    let key = document.key();
    assert!(key != KEY && key.len() == 64);
    let (old, new) = (print(KEY), print(key));
    let said = format!(
        "staged key {new} in '{{dir}}/site.env'\n\
         web: generation 2 verifies {new}, after N s\n\
         promoted key {new} in '{{dir}}/site.env'; {old} verifies until T\n\
         web: generation 3 signs with {new}, after N s\n\
         instance  generation  key before  key after  seconds\n\
         web       3           {old}    {new} N\n"
    );
    let dir = host.bench.dir().to_str().unwrap();
    assert_eq!(timeless(&outcome.stdout), said.replace("{dir}", dir));
    assert_eq!(document.fallbacks(), [KEY]);
    assert_eq!(document.next(), None);
    assert!(host.text().starts_with("# The site\nTOKEN='a b'\nSECRET_KEY="));
    let after = fs::metadata(host.env_path()).unwrap();
    let facts = |found: &fs::Metadata| (found.mode(), found.uid(), found.gid());
    assert_eq!(facts(&before), facts(&after));
    // The record holds times and fingerprints.
    let record = document.record();
    assert!(record.contains(&new) && record.contains(&old), "{record}");
    assert!(!record.contains(key) && !record.contains(KEY), "{record}");

    runs(&web, key, &[KEY]);
    let status = host.status("web");
    assert_eq!(status["key"]["current"], new.as_str());
    assert_eq!(status["key"]["fallbacks"], serde_json::json!([old]));
    assert!(!status.to_string().contains(KEY) && !status.to_string().contains(key));
    let asked = end(web).expect_nowhere(KEY).expect_nowhere(key).stderr;
    assert!(asked.contains("(adopt from pid "), "{asked}");
}

#[test]
fn it_says_who_has_done_what() {
    let host = Host::new(&env());
    host.config("web", "[django]\n");
    let rotate = host.rotate("web", &[]).env("SUDO_UID", "1000").run().expect_code(0);
    let document = host.document();
    let (old, new) = (print(KEY), print(document.key()));
    let uid = if Mode::current().is_root() { 0 } else { host.bench.site().uid };
    let trace = format!(
        "keybearer: rotate: promoted key {new} over {old} in '{}', 0 instances, after N s (uid {uid}, by sudo of uid 1000)",
        host.env_path().display()
    );
    assert_eq!(timeless(rotate.stderr.lines().last().unwrap()), trace);
    let blind = "keybearer: warning: whether the settings read SECRET_KEY_FALLBACKS is not known, and if they do not, a new key logs everybody out; set manage = [\"python\", \"manage.py\"] under [django] in the config, and it is asked";
    assert_eq!(rotate.stderr.lines().next().unwrap(), blind);
    // Once is enough, and who knows what he does has said so.
    let again = host.rotate("web", &[]).run().expect_code(0);
    assert!(!again.stderr.contains("is not known"), "{again:?}");
    let other = Host::new(&env());
    other.config("web", "");
    let said = other.rotate("web", &["--blind"]).run().expect_code(0).stderr;
    assert!(!said.contains("is not known"), "{said}");
}

#[test]
fn two_instances_of_one_file() {
    let host = Host::new(&env());
    let running = ["api", "web"].map(|name| host.start(name, ""));
    // A third one reads another file, and is left alone.
    host.bench.file("other.env", format!("SECRET_KEY={OTHER}\n"), 0o640);
    let user = host.keybearer(&["run", "--name", "other", "--env-file"]);
    let user = user.arg(host.bench.path("other.env")).user_flags();
    let other = user.args(["--", "/bin/sleep", "1000"]).spawn();
    other.wait_for_line("serving");

    let outcome = host.rotate("web", &[]).run().expect_code(0);
    let document = host.document();
    let (old, new) = (print(KEY), print(document.key()));
    let said = timeless(&outcome.stdout);
    for line in [
        format!(
            "api: generation 2 verifies {new}, after N s\nweb: generation 2 verifies {new}, after N s\npromoted"
        ),
        format!(
            "api: generation 3 signs with {new}, after N s\nweb: generation 3 signs with {new}, after N s\n"
        ),
        format!("api       3           {old}    {new} N\nweb       3           {old}    {new} N\n"),
    ] {
        assert!(said.contains(&line), "{said}");
    }
    for running in running {
        runs(&running, document.key(), &[KEY]);
        end(running);
    }
    runs(&other, OTHER, &[OTHER]);
    end(other);
}

#[test]
fn where_none_runs_it_is_one_write() {
    let host = Host::new(&env());
    host.config("web", "");
    let outcome = host.rotate("web", &[]).run().expect_code(0);
    let document = host.document();
    let (old, new, dir) = (print(KEY), print(document.key()), host.bench.dir().display());
    let said = format!(
        "promoted key {new} in '{dir}/site.env'; {old} verifies until T\n\
         no instance uses '{dir}/site.env' here; the next one signs with key {new}\n"
    );
    assert_eq!(timeless(&outcome.stdout), said);
    assert_eq!(document.fallbacks(), [KEY]);
    let web = host.start("web", "");
    runs(&web, document.key(), &[KEY]);
    end(web);
}

/// A unit that was started with options alone says itself what it reads.
#[test]
fn an_instance_without_a_config_says_what_it_reads() {
    let host = Host::new(&env());
    let more = host.bench.file("more.env", "EMAIL_PASSWORD=first\n", 0o640);
    let start = |name: &str| {
        let run = host.keybearer(&["run", "--name", name, "--env-file", "site.env", "--env-file"]);
        let running = run.arg(&more).user_flags().args(["--", "/bin/sleep", "1000"]).spawn();
        running.wait_for_line("serving");
        running
    };
    let web = start("web");
    // From another directory: it knows the whole path.
    host.keybearer(&["rotate"]).cwd("/").run().expect_code(0);
    let first = host.document();
    assert_ne!(first.key(), KEY);
    runs(&web, first.key(), &[KEY]);

    let api = start("api");
    let several = "keybearer: several instances run: api, web; name one";
    host.keybearer(&["rotate"]).run().expect_code(64).expect_stderr(several);
    host.keybearer(&["rotate", "--name", "api"]).run().expect_code(0);
    let second = host.document();
    for running in [web, api] {
        runs(&running, second.key(), &[first.key(), KEY]);
        end(running);
    }
    let none = "keybearer: no instance runs here that could say what to rotate; name it: --config FILE, or --env-file PATH";
    host.keybearer(&["rotate"]).run().expect_code(69).expect_stderr(none).expect_stdout("");
    let nobody = "keybearer: no instance named 'web' answers; start it, or ask as root or as the user that it runs as";
    host.keybearer(&["rotate", "--name", "web"]).run().expect_code(69).expect_stderr(nobody);
}

/// Its config knows more than its options say.
#[test]
fn an_instance_with_a_config_says_which() {
    let host = Host::new(&env());
    let config = host.config("web", "[keys]\nkeep = 1\n");
    let other = host.bench.file("other.env", format!("SECRET_KEY={OTHER}\n"), 0o640);
    let run = host.keybearer(&["run", "--config"]).arg(&config).arg("--env-file").arg(&other);
    let web = run.spawn();
    web.wait_for_line("serving on");
    for _ in 0..2 {
        host.keybearer(&["rotate", "--name", "web"]).run().expect_code(0);
    }
    assert_eq!(host.document().key(), KEY, "the config's own file");
    let text = fs::read_to_string(other).unwrap();
    let fallbacks = text.lines().find_map(|line| line.strip_prefix("SECRET_KEY_FALLBACKS="));
    assert!(!fallbacks.unwrap().contains(','), "keep = 1: {fallbacks:?}");
    let left = "keybearer: warning: instance 'web' does not use";
    let said = host.rotate("web", &["--dry-run"]).run().expect_code(0).stderr;
    assert!(said.starts_with(left), "{said}");
    end(web);
}

#[test]
fn a_dry_run_writes_nothing() {
    let host = Host::new(&env());
    let web = host.start("web", "");
    let before = host.text();
    let outcome = host.rotate("web", &["--dry-run", "-q"]).run().expect_code(0);
    let (old, dir) = (print(KEY), host.bench.dir().display());
    let said = format!(
        "would stage a new key in '{dir}/site.env'\n\
         would have 'web' take it over (generation 1, key {old})\n\
         would promote the new key in '{dir}/site.env'; {old} would verify until T\n\
         would have 'web' take it over (generation 1, key {old})\n"
    );
    assert_eq!(timeless(&outcome.stdout), said);
    for words in [&["prepare"][..], &["revoke"], &["retire"], &["--due"]] {
        host.rotate("web", words).arg("--dry-run").run().expect_code(0);
    }
    assert_eq!(host.text(), before);
    runs(&web, KEY, &[KEY]);
    assert_eq!(host.status("web")["generation"], 1);
    let said = end(web).stderr;
    assert!(!said.contains("adopt"), "{said}");
}

/// Ten rounds of two at once: no key is lost that ever signed, and the file is whole at every moment.
#[test]
fn two_at_once() {
    let host = Host::new(&env());
    let web = host.start("web", "[keys]\nkeep = 100\n");
    let mut signed = vec![KEY.to_owned()];
    for round in 0..10 {
        let words: &[&str] = if round % 2 == 0 { &[] } else { &["--due"] };
        let both = [host.rotate("web", words).spawn(), host.rotate("web", words).spawn()];
        let outcomes = both.map(|rotate| rotate.wait());
        let codes = outcomes.each_ref().map(|outcome| outcome.code);
        assert!(codes.contains(&Some(0)), "{outcomes:?}");
        for outcome in &outcomes {
            let lost = "was changed by something else in the meantime; ";
            let is_good = outcome.code == Some(0)
                || (round % 2 == 0 && outcome.code == Some(1) && outcome.stderr.contains(lost));
            assert!(is_good, "{outcomes:?}");
        }
        let document = host.document();
        assert_eq!(document.next(), None, "{outcomes:?}");
        let mut known = document.keys();
        known.dedup();
        for key in &signed {
            assert!(known.contains(key), "{outcomes:?}");
        }
        let new = known.len() - signed.len();
        let most = if round % 2 == 0 { 2 } else { 1 };
        assert!((1..=most).contains(&new), "{new} new keys: {outcomes:?}");
        signed = known;
        let fallbacks = document.fallbacks();
        runs(&web, document.key(), &fallbacks);
        host.pass_days(100);
        // What is past its time would go; here all of them stay.
        let kept = host.text().replace("\"until\":\"2", "\"until\":\"3");
        fs::write(host.env_path(), kept).unwrap();
    }
    end(web);
}
