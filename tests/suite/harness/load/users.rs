use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::user::User;
use super::{Fault, Figures, Kind, Tally};
use crate::harness::{DEADLINE, Target, eventually_within};

/// Logged-in users who click all the time, each one's clicks one after the other.
#[derive(Debug)]
pub struct Users {
    target: Target,
    tally: Arc<Tally>,
    renewals: Arc<Renewals>,
    hands: Vec<JoinHandle<Vec<User>>>,
}

/// Every user shall use the token and take a new one.
#[derive(Debug, Default)]
struct Renewals {
    /// How often.
    wanted: AtomicUsize,
    /// How many hands are through with that, over all times.
    done: AtomicUsize,
}

/// So many clicks at once. Fewer than there are users, so that the site's boot gets its share of
/// the machine.
const HANDS: usize = 4;
const PAUSE: Duration = Duration::from_millis(20);
const CLICKS: usize = 4;

impl Users {
    /// Logs all of them in, then lets them click.
    #[track_caller]
    pub fn start(target: &Target, count: usize) -> Users {
        let logins: Vec<_> = (0..HANDS)
            .map(|hand| {
                let target = target.clone();
                let numbers = (hand..count).step_by(HANDS);
                thread::spawn(move || -> Result<Vec<User>, Fault> {
                    numbers.map(|number| User::log_in(number, &target)).collect()
                })
            })
            .collect();
        let groups = logins.into_iter().map(|login| match login.join().unwrap() {
            Ok(users) => users,
            Err(fault) => panic!("cannot log in: {fault}"),
        });
        let groups: Vec<_> = groups.collect();
        let tally = Arc::new(Tally::new());
        let renewals = Arc::new(Renewals::default());
        let hands = groups.into_iter().map(|users| {
            let target = target.clone();
            let (tally, renewals) = (Arc::clone(&tally), Arc::clone(&renewals));
            thread::spawn(move || click(users, &target, &tally, &renewals))
        });
        Users { target: target.clone(), hands: hands.collect(), renewals, tally }
    }

    /// Every user uses the token once and takes a new one: where more keys come than are kept, the
    /// oldest token would be bad by right. Returns when all have: the next keys come at once.
    #[track_caller]
    pub fn renew_tokens(&self) {
        let wanted = self.renewals.wanted.fetch_add(1, Ordering::Relaxed) + 1;
        let done = || self.renewals.done.load(Ordering::Relaxed) == wanted * HANDS;
        eventually_within(4 * DEADLINE, "new tokens for everybody", done);
    }

    /// Waits for so many more clicks.
    #[track_caller]
    pub fn progress(&self, count: u64) {
        let goal = self.tally.figures().all_answered() + count;
        self.tally.wait_until("progress of the users", |f| f.all_answered() >= goal);
    }

    /// Ends the clicking and then uses every token that was given before it began.
    pub fn stop(mut self) -> Figures {
        self.tally.stop();
        let users: Vec<_> = self.hands.drain(..).flat_map(|hand| hand.join().unwrap()).collect();
        for mut user in users {
            if let Err(fault) = user.use_token(&self.target, &self.tally) {
                self.tally.failed(Kind::User, fault);
            }
        }
        self.tally.figures()
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.tally.stop();
    }
}

fn click(mut users: Vec<User>, target: &Target, tally: &Tally, renewals: &Renewals) -> Vec<User> {
    let mut renewed = 0;
    while !tally.is_stopped() {
        let wanted = renewals.wanted.load(Ordering::Relaxed);
        for user in &mut users {
            if tally.is_stopped() {
                break;
            }
            // Some in a row, as a page loads what belongs to it: an overlap of two generations shows
            // only to who asks twice within it.
            let mut outcome = (0..CLICKS).try_for_each(|_| {
                thread::sleep(PAUSE);
                user.click(target, tally)
            });
            if renewed != wanted {
                outcome = outcome.and_then(|()| user.renew_token(target, tally));
            }
            if let Err(fault) = outcome {
                tally.failed(Kind::User, fault);
            }
        }
        if renewed != wanted {
            renewed = wanted;
            renewals.done.fetch_add(1, Ordering::Relaxed);
        }
    }
    users
}
