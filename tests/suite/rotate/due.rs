use super::host::{Host, end, print, runs, timeless};
use crate::harness::KEY;

#[test]
fn what_is_due_and_nothing_otherwise() {
    let host = Host::new(&format!("SECRET_KEY={KEY}\n"));
    let web = host.start("web", "[keys]\nevery = \"30d\"\n");
    let due = || timeless(&host.rotate("web", &["--due", "--blind"]).run().expect_code(0).stdout);
    // Nobody knows how old it is.
    let said = due();
    let first = host.document().key().to_owned();
    let new = print(&first);
    assert!(said.starts_with(&format!("staged key {new} ")), "{said}");
    runs(&web, &first, &[KEY]);
    let text = host.text();
    assert_eq!(due(), "nothing is due; next: retire, from T on\n");
    assert_eq!(host.text(), text);
    assert_eq!(host.status("web")["generation"], 3);

    // The old one has been kept for as long as its sessions live.
    host.pass_days(15);
    let said = due();
    assert!(said.starts_with(&format!("retired key {} from ", print(KEY))), "{said}");
    assert!(said.contains("\nnext: prepare, from T on\n"), "{said}");
    runs(&web, &first, &[&first]);
    assert_eq!(due(), "nothing is due; next: prepare, from T on\n");

    host.pass_days(16);
    due();
    assert_ne!(host.document().key(), first);
    runs(&web, host.document().key(), &[&first]);
    end(web);
}

#[test]
fn one_that_was_cut_is_finished() {
    let host = Host::new(&format!("SECRET_KEY={KEY}\n"));
    let web = host.start("web", "");
    host.rotate("web", &["prepare"]).run().expect_code(0);
    let staged = host.document().next().unwrap().to_owned();
    host.rotate("web", &["--due"]).run().expect_code(0);
    runs(&web, &staged, &[KEY]);
    end(web);
}

/// Its timer runs on every host.
#[test]
fn another_host_has_done_it() {
    let host = Host::new(&format!("SECRET_KEY={KEY}\n"));
    let many = "[keys]\nhosts = \"many\"\n[watch]\nevery = \"1d\"\nfiles = false\n";
    let web = host.start("web", many);
    let before = host.text();
    // Where this instance does not run.
    end(web);
    host.rotate("web", &["--due"]).run().expect_code(0);
    let staged = host.text();
    host.bench.env_file(&before);
    let web = host.start("web", many);
    host.bench.env_file(&staged);
    let new = print(host.document().next().unwrap());
    let said = timeless(&host.rotate("web", &["--due"]).run().expect_code(0).stdout);
    let verifies = format!(
        "web: generation 2 verifies {new}, after N s\nnothing is due; next: promote key {new}, from T on\n"
    );
    assert!(said.starts_with(&verifies), "{said}");
    host.pass_days(2);
    let both = [(); 2].map(|()| host.rotate("web", &["--due"]).spawn());
    for rotate in both {
        rotate.wait().expect_code(0);
    }
    let document = host.document();
    assert_eq!((print(document.key()), document.fallbacks()), (new, vec![KEY]));
    runs(&web, document.key(), &[KEY]);
    end(web);
}
