//! Generations of a real Gunicorn that the test hands over by itself, without keybearer: what the
//! load and the users say about a hand-over that is right, and about one that is not. The tests of
//! keybearer's own hand-over are worth what these show.

use serde_json::json;

use crate::harness::load::{Figures, Load, Mix, Users};
use crate::harness::{Bench, Fifo, Listen, Running, Sessions, TestSite, Worker, key, once, show};

/// How a new key comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Steps {
    /// First everybody verifies with it, then everybody signs with it.
    Two,
    /// At once: the old generation meets what the new one has signed.
    One,
}

struct ByHand {
    orders: Fifo,
    server: Running,
    seen: usize,
}

impl ByHand {
    /// Starts a generation beside what runs, and waits until it answers.
    /// The first key signs, all of them verify.
    fn start(&mut self, keys: &[String]) {
        let variables =
            json!({ "SECRET_KEY": keys[0], "SECRET_KEY_FALLBACKS": keys[1..].join(",") });
        self.order(&format!("start {variables}"), "ready");
    }

    fn stop_oldest(&mut self) {
        self.order("stop", "stopped");
    }

    fn order(&mut self, order: &str, answer: &str) {
        self.orders.say(order);
        self.seen += 1;
        self.server.wait_for_stdout(&format!("{} {answer}", self.seen));
    }
}

/// Five rotations under load, each with an overlap in which many users have clicked.
fn rotate(bench: &Bench, site: &TestSite<'_>, mix: Mix, steps: Steps) -> (Figures, Figures) {
    let orders = Fifo::new(bench, "orders");
    let server = site.by_hand(&orders);
    let mut hand = ByHand { orders, server, seen: 0 };
    hand.start(&[key(0), key(0)]);
    let load = Load::start(site.target(), mix);
    let users = Users::start(site.target(), TestSite::USERS);
    let mut hand_over = |keys: &[String]| {
        hand.start(keys);
        users.progress(50);
        load.progress(20);
        hand.stop_oldest();
    };
    let mut keys = vec![key(0)];
    for rotation in 1..=5 {
        keys.insert(0, key(rotation));
        if steps == Steps::Two {
            let mut learning = keys.clone();
            learning.swap(0, 1);
            hand_over(&learning);
        }
        hand_over(&keys);
    }
    (load.stop(), users.stop())
}

#[test]
fn in_two_steps_nobody_is_logged_out_and_no_request_is_lost() {
    once!();
    let bench = Bench::new();
    let Some(site) =
        TestSite::django(&bench, Worker::Gthread, Listen::Tcp, Sessions::SignedCookies)
    else {
        return;
    };
    let (load, users) = rotate(&bench, &site, Mix::BROAD, Steps::Two);
    show(&load.sums());
    show(&users.sums());
    load.expect_none_failed().expect_masters(11);
    users.expect_none_failed().expect_none_lost().expect_masters(11);
}

/// The same with the two steps collapsed into one: if this lost nobody, the other would prove
/// nothing.
#[test]
fn in_one_step_users_are_logged_out() {
    once!();
    for sessions in [Sessions::SignedCookies, Sessions::Database] {
        let bench = Bench::new();
        let Some(site) = TestSite::django(&bench, Worker::Gthread, Listen::Tcp, sessions) else {
            return;
        };
        let (load, users) = rotate(&bench, &site, Mix::BROAD, Steps::One);
        show(&load.sums());
        show(&users.sums());
        load.expect_none_failed();
        let logged_out = users.losses.iter().filter(|loss| loss.what == "logged out").count();
        assert!(logged_out > 0, "{users}");
    }
}
