//! A rotation that ended in the middle, or that an instance refused.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::OTHER;
use super::host::{Host, end, print, runs, timeless};
use crate::harness::{Fifo, KEY, Mode, Running, eventually};

fn env() -> String {
    format!("SECRET_KEY={KEY}\n")
}

/// A gate that is passed at once, held where there is a file `held`, refused where there is `refused`.
fn gate(host: &Host, name: &str) -> String {
    let dir = host.bench.dir().display();
    let script = format!(
        "if [ -e {dir}/held ]; then echo in the gate >&2; read line <{dir}/hold; fi; ! [ -e {dir}/refused-{name} ]"
    );
    format!("[reload]\nbefore = [[\"/bin/sh\", \"-c\", {script:?}]]\n")
}

#[test]
fn killed_after_the_first_step() {
    let host = Host::new(&env());
    let hold = Fifo::new(&host.bench, "hold");
    let web = host.start("web", &gate(&host, "web"));
    let held = host.bench.file("held", "", 0o644);
    let rotate = host.rotate("web", &[]).spawn();
    rotate.wait_for_stdout("staged key");
    web.wait_for_line("in the gate");
    rotate.signal(Signal::SIGKILL);
    assert_eq!(rotate.wait().signal, Some(9));
    let staged = host.document().next().unwrap().to_owned();
    fs::remove_file(held).unwrap();
    hold.let_go();

    let said = timeless(&host.rotate("web", &[]).run().expect_code(0).stdout);
    let new = print(&staged);
    assert!(
        said.starts_with(&format!("key {new} is staged since T; going on with it\n")),
        "{said}"
    );
    let document = host.document();
    assert_eq!((document.key(), document.fallbacks()), (staged.as_str(), vec![KEY]));
    runs(&web, &staged, &[KEY]);
    end(web);
}

/// What it has written stands, and its instance has not heard of it.
#[test]
fn killed_after_the_second_step() {
    let host = Host::new(&env());
    let hold = Fifo::new(&host.bench, "hold");
    let web = host.start("web", &gate(&host, "web"));
    host.rotate("web", &["prepare"]).run().expect_code(0);
    let held = host.bench.file("held", "", 0o644);
    let rotate = host.rotate("web", &["promote"]).spawn();
    rotate.wait_for_stdout("promoted key");
    web.wait_for_line("in the gate");
    rotate.signal(Signal::SIGKILL);
    rotate.wait();
    let refused = host.bench.file("refused-web", "", 0o644);
    hold.let_go();
    web.wait_for_line("the running server stays as it is");
    fs::remove_file(held).unwrap();
    fs::remove_file(refused).unwrap();
    assert_eq!(host.status("web")["key"]["current"], print(KEY).as_str());

    let text = host.text();
    let said = timeless(&host.rotate("web", &[]).run().expect_code(0).stdout);
    let document = host.document();
    let new = print(document.key());
    let expected = format!(
        "key {new} is to sign already; going on with that\nweb: generation 3 signs with {new}, after N s\n"
    );
    assert!(said.starts_with(&expected), "{said}");
    assert_eq!(host.text(), text, "no other key");
    runs(&web, document.key(), &[KEY]);
    end(web);
}

#[test]
fn told_to_end_while_it_waits() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129)] {
        let host = Host::new(&env());
        let hold = Fifo::new(&host.bench, "hold");
        let web = host.start("web", &gate(&host, "web"));
        let held = host.bench.file("held", "", 0o644);
        let rotate = host.rotate("web", &["-q", "--blind"]).spawn();
        rotate.wait_for_stdout("staged key");
        web.wait_for_line("in the gate");
        rotate.signal(signal);
        let staged = print(host.document().next().unwrap());
        let said = format!(
            "keybearer: told to end by {signal}; '{{dir}}/site.env' holds the staged key {staged}; to go on run: keybearer rotate"
        );
        rotate.wait().expect_code(code).expect_stderr(&said);
        fs::remove_file(held).unwrap();
        hold.let_go();
        host.rotate("web", &[]).run().expect_code(0);
        assert_eq!(print(host.document().key()), staged);
        end(web);
    }
}

#[test]
fn an_instance_that_refuses() {
    let host = Host::new(&env());
    let web = host.start("web", &gate(&host, "web"));
    let refused = host.bench.file("refused-web", "", 0o644);
    let outcome = host.rotate("web", &["-q", "--blind"]).run().expect_code(1);
    let staged = host.document().next().unwrap().to_owned();
    let said = format!(
        "keybearer: '{{dir}}/site.env' holds the staged key {}; instance 'web' did not take it over: the 'before' command 1 failed with exit code 1; nothing was started; mend that and run: keybearer rotate",
        print(&staged)
    );
    outcome.expect_stderr(&said);
    runs(&web, KEY, &[KEY]);
    // The same once more, and then it is mended.
    host.rotate("web", &["-q"]).run().expect_code(1).expect_stderr(&said);
    fs::remove_file(refused).unwrap();
    host.rotate("web", &[]).run().expect_code(0);
    runs(&web, &staged, &[KEY]);
    end(web);
}

#[test]
fn one_of_two_refuses() {
    let host = Host::new(&env());
    let [api, web] = ["api", "web"].map(|name| host.start(name, &gate(&host, name)));
    let refused = host.bench.file("refused-api", "", 0o644);
    let outcome = host.rotate("web", &["-q", "--blind"]).run().expect_code(1);
    let staged = host.document().next().unwrap().to_owned();
    let said = format!(
        "keybearer: '{{dir}}/site.env' holds the staged key {}; taken over by 'web'; instance 'api' did not take it over: the 'before' command 1 failed with exit code 1; nothing was started; mend that and run: keybearer rotate",
        print(&staged)
    );
    outcome.expect_stderr(&said);
    runs(&web, KEY, &[&staged]);
    runs(&api, KEY, &[KEY]);
    fs::remove_file(refused).unwrap();
    let said = host.rotate("web", &[]).run().expect_code(0).stdout;
    assert!(!said.contains("web: generation 2"), "it had that already: {said}");
    runs(&api, &staged, &[KEY]);
    runs(&web, &staged, &[KEY]);
    end(api);
    end(web);
}

/// Its code is the instance's.
#[test]
fn an_instance_whose_schema_refuses() {
    let host = Host::new(&format!("{}STRICT=1\n", env()));
    let schema =
        host.bench.schema("[SECRET_KEY]\ntype = \"string\"\n[STRICT]\ntype = \"integer\"\n");
    let run = host.keybearer(&["run", "--name", "strict", "--schema"]).arg(&schema);
    let run = run.args(["--env-file", "site.env"]).user_flags();
    let strict = run.args(["--", "/bin/sleep", "1000"]).spawn();
    strict.wait_for_line("serving");
    host.config("web", "");
    host.bench.env_file(&format!("{}STRICT=secret-word\n", env()));
    let outcome = host.rotate("web", &["-q", "--blind"]).run().expect_code(78);
    let staged = print(host.document().next().unwrap());
    let said = format!(
        "keybearer: '{{dir}}/site.env' holds the staged key {staged}; instance 'strict' did not take it over: STRICT: is no whole number"
    );
    assert!(
        outcome.stderr.replace(host.bench.dir().to_str().unwrap(), "{dir}").starts_with(&said),
        "{outcome:?}"
    );
    outcome.expect_nowhere("secret-word");
    end(strict);
}

#[test]
fn an_instance_that_does_not_answer() {
    let host = Host::new(&env());
    let web = host.start("web", "");
    let text = host.text();
    web.signal(Signal::SIGSTOP);
    let silent = "keybearer: 'web' is there and does not answer; see what it does, or stop it";
    host.rotate("web", &["-q"]).run().expect_code(69).expect_stderr(silent).expect_stdout("");
    assert_eq!(host.text(), text);
    web.signal(Signal::SIGCONT);
    host.rotate("web", &[]).run().expect_code(0);
    end(web);
}

/// It ends while it is waited for: what is started after it reads the document as it is.
#[test]
fn an_instance_that_ends_meanwhile() {
    let host = Host::new(&env());
    let hold = Fifo::new(&host.bench, "hold");
    let web = host.start("web", &gate(&host, "web"));
    let held = host.bench.file("held", "", 0o644);
    let rotate = host.rotate("web", &["-q"]).spawn();
    web.wait_for_line("in the gate");
    web.signal(Signal::SIGTERM);
    hold.let_go();
    web.wait();
    let outcome = rotate.wait().expect_code(0);
    assert!(outcome.stdout.contains("\nweb: has ended\npromoted key "), "{outcome:?}");
    assert_eq!(host.document().fallbacks(), [KEY]);
    fs::remove_file(held).unwrap();
    let web = host.start("web", "");
    runs(&web, host.document().key(), &[KEY]);
    end(web);
}

#[test]
fn an_instance_with_another_key() {
    let host = Host::new(&env());
    let web = host.start("web", "");
    host.bench.env_file(&format!("SECRET_KEY={OTHER}\n"));
    let text = host.text();
    let said = format!(
        "keybearer: instance 'web' runs key {}, '{{dir}}/site.env' has {}; run: keybearer reload web",
        print(KEY),
        print(OTHER)
    );
    for words in [&["-q"][..], &["-q", "prepare"], &["-q", "revoke"], &["-q", "--due"]] {
        host.rotate("web", words).run().expect_code(1).expect_stderr(&said).expect_stdout("");
        assert_eq!(host.text(), text);
    }
    host.keybearer(&["reload", "web"]).run().expect_code(0);
    host.rotate("web", &[]).run().expect_code(0);
    runs(&web, host.document().key(), &[OTHER, KEY]);
    end(web);
}

/// What runs as the site's user may be the site that was broken into: it must not keep its key.
#[test]
fn an_instance_of_another_user_that_does_not_answer_holds_nothing_up() {
    if Mode::current() != Mode::Root {
        return crate::harness::skip("needs root with every capability");
    }
    let host = Host::new(&env());
    let web = host.start("web", "");
    let (theirs, _) = of_the_site(&host);
    theirs.signal(Signal::SIGSTOP);
    let revoke = host.rotate("web", &["revoke", "--blind"]).run().expect_code(0);
    let said = format!(
        "it is run by uid {}, who cannot hold up a rotation, so it is left alone",
        host.bench.site().uid
    );
    assert!(revoke.stderr.contains(&said), "{}", revoke.stderr);
    let key = host.document().key().to_owned();
    assert_ne!(key, KEY);
    runs(&web, &key, &[&key]);
    theirs.signal(Signal::SIGCONT);
    end(theirs);
    end(web);
}

/// As where a unit keeps User=: its socket is its user's.
#[test]
fn an_instance_of_another_user_decides_nothing_for_root() {
    if Mode::current() != Mode::Root {
        return crate::harness::skip("needs root with every capability");
    }
    let host = Host::new(&env());
    let (running, own) = of_the_site(&host);
    let said = format!(
        "keybearer: 'theirs' is run by uid {}, who cannot say what is rotated here; name it: --config FILE, or --env-file PATH, or run this as that user",
        host.bench.site().uid
    );
    host.keybearer(&["rotate"]).run().expect_code(64).expect_stderr(&said);
    eventually("it is as it was", || fs::read_to_string(&own).unwrap() == env());
    end(running);
}

/// One that is run by the site's own user, and its env file.
fn of_the_site(host: &Host) -> (Running, PathBuf) {
    let directory = host.bench.site_dir("theirs");
    let own = directory.join("own.env");
    fs::write(&own, env()).unwrap();
    host.bench.program("/bin/chown").arg(&host.bench.site().name).arg(&own).run().expect_code(0);
    host.bench.program("/bin/chmod").arg("640").arg(&own).run().expect_code(0);
    host.in_its_place(&[
        "/usr/bin/install",
        "-d",
        "-o",
        &host.bench.site().name,
        "/run/keybearer/theirs",
    ]);
    let run = host.keybearer(&["run", "--name", "theirs", "--env-file"]).arg(&own);
    let running = run.args(["--", "/bin/sleep", "1000"]).by_site().spawn();
    running.wait_for_line("serving");
    (running, own)
}
