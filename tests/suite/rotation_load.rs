//! New keys under load: real Gunicorn, connections of every kind, logged-in users. tests/long runs
//! the same with more rotations in a row.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::harness::load::{Load, Mix, Users};
use crate::harness::{Bench, Listen, Mode, Operated, Sessions, TestSite, Worker, key, once, show};

/// A rotation is two boots and two drains.
const LONG: Duration = Duration::from_secs(120);

/// These take the whole machine, each of them.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The default of `[keys] keep`: a token that is older than so many keys is bad by right.
const KEEP: usize = 5;

/// How many in a row: the suite's number, or what tests/long wants.
fn rotations(suite: usize) -> usize {
    match std::env::var("KEYBEARER_TEST_ROTATIONS") {
        Ok(number) => number.parse().expect("KEYBEARER_TEST_ROTATIONS is a number"),
        Err(_) => suite,
    }
}

fn mix(worker: Worker) -> Mix {
    match worker {
        Worker::Sync => Mix::GENTLE,
        Worker::Gthread => Mix::BROAD,
    }
}

/// `keybearer rotate` by an operator, again and again: no request fails, and the key in use is each
/// time one that the file did not have.
fn rotates(worker: Worker, listen: Listen, times: usize) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let bench = Bench::new();
    let Some(site) = TestSite::plain(&bench, worker, listen) else { return };
    let operated = Operated::start(&bench, &site, "[ready]\npath = \"/healthz\"\n");
    let load = Load::start(site.target(), mix(worker).dense());
    load.progress(20);
    let began = Instant::now();
    for _ in 0..times {
        rotate(&operated);
        load.progress(20);
    }
    load.progress_of_all();
    let took = began.elapsed();
    let figures = load.stop();
    show(&format_args!("{times} rotations in {} s: {}", took.as_secs(), figures.sums()));
    figures.expect_none_failed().expect_masters(1 + 2 * times);
    operated.stop().expect_code(0);
}

/// The same with logged-in users beside the load: nobody is logged out, and what was signed with
/// the first key is good under the last.
fn nobody_is_logged_out(worker: Worker, listen: Listen, sessions: Sessions, times: usize) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let bench = Bench::new();
    let Some(site) = TestSite::django(&bench, worker, listen, sessions) else { return };
    let operated = Operated::start(&bench, &site, "[ready]\npath = \"/healthz\"\n");
    let load = Load::start(site.target(), mix(worker));
    let users = Users::start(site.target(), TestSite::USERS);
    let began = Instant::now();
    for turn in 1..=times {
        rotate(&operated);
        users.progress(100);
        load.progress(20);
        if times > KEEP && turn % (KEEP - 2) == 0 {
            users.renew_tokens();
        }
    }
    load.progress_of_all();
    let took = began.elapsed();
    let (load, users) = (load.stop(), users.stop());
    show(&format_args!("{times} rotations in {} s: {}", took.as_secs(), load.sums()));
    show(&users.sums());
    load.expect_none_failed().expect_masters(1 + 2 * times);
    users.expect_none_failed().expect_none_lost().expect_masters(1 + 2 * times);
    operated.stop().expect_code(0);
}

#[track_caller]
fn rotate(operated: &Operated<'_>) {
    let old = operated.document()["SECRET_KEY"].clone();
    operated.rotate(&[]).spawn().wait_within(LONG).expect_code(0).expect_nowhere(&old);
    let document = operated.document();
    let new = &document["SECRET_KEY"];
    assert_ne!(*new, old);
    let fallbacks = &document["SECRET_KEY_FALLBACKS"];
    assert_eq!(fallbacks.split(',').next(), Some(old.as_str()), "the old key verifies");
    assert!(!document.contains_key("SECRET_KEY_NEXT"), "nothing is left half done");
    operated.wait_for_generation("SECRET_KEY", new);
}

/// An operator writes the new key into the file by hand and sends HUP.
fn rotates_by_hup(worker: Worker, listen: Listen, sessions: Sessions, times: usize) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let bench = Bench::new();
    let Some(site) = TestSite::django(&bench, worker, listen, sessions) else { return };
    let operated = Operated::start(&bench, &site, "[ready]\npath = \"/healthz\"\n");
    let load = Load::start(site.target(), mix(worker));
    let users = Users::start(site.target(), TestSite::USERS);
    for turn in 1..=times {
        operated.replace_key(&key(turn));
        operated.supervisor().signal(Signal::SIGHUP);
        operated.wait_for_generation("SECRET_KEY", &key(turn));
        users.progress(100);
        load.progress(20);
    }
    load.progress_of_all();
    let (load, users) = (load.stop(), users.stop());
    show(&load.sums());
    show(&users.sums());
    load.expect_none_failed().expect_masters(1 + 2 * times);
    users.expect_none_failed().expect_none_lost().expect_masters(1 + 2 * times);
    operated.stop().expect_code(0);
}

mod without_users {
    use super::*;

    #[test]
    fn sync_tcp() {
        once!();
        rotates(Worker::Sync, Listen::Tcp, rotations(1));
    }

    #[test]
    fn sync_unix() {
        once!();
        rotates(Worker::Sync, Listen::Unix, rotations(1));
    }

    #[test]
    fn gthread_tcp() {
        once!();
        rotates(Worker::Gthread, Listen::Tcp, rotations(1));
    }

    /// In every mode, because the commands reach the instance in ways that differ.
    #[test]
    fn gthread_unix() {
        rotates(Worker::Gthread, Listen::Unix, rotations(1));
    }
}

/// Each worker, each kind of address and each kind of session meets each of the others, in four runs
/// instead of eight.
mod with_users {
    use super::*;

    #[test]
    fn sync_tcp_signed_cookies() {
        once!();
        nobody_is_logged_out(Worker::Sync, Listen::Tcp, Sessions::SignedCookies, rotations(5));
    }

    #[test]
    fn sync_unix_database() {
        once!();
        nobody_is_logged_out(Worker::Sync, Listen::Unix, Sessions::Database, rotations(5));
    }

    #[test]
    fn gthread_tcp_database() {
        let times = if Mode::current().is_first() { 5 } else { 1 };
        nobody_is_logged_out(Worker::Gthread, Listen::Tcp, Sessions::Database, rotations(times));
    }

    #[test]
    fn gthread_unix_signed_cookies() {
        once!();
        nobody_is_logged_out(Worker::Gthread, Listen::Unix, Sessions::SignedCookies, rotations(5));
    }
}

mod by_hup {
    use super::*;

    #[test]
    fn sync_unix_signed_cookies() {
        once!();
        rotates_by_hup(Worker::Sync, Listen::Unix, Sessions::SignedCookies, 2);
    }

    #[test]
    fn gthread_tcp_database() {
        let times = if Mode::current().is_first() { 2 } else { 1 };
        rotates_by_hup(Worker::Gthread, Listen::Tcp, Sessions::Database, times);
    }
}
