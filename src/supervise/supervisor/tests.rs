use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Supervisor;
use crate::config;
use crate::supervise::machine::{Cause, Event, RoundEnd, Rules, Which};
use crate::supervise::{Generation, Outcome, Signals, Step, Surroundings, Systemd, Watch};
use crate::sys::Ending;

/// With nothing that is started: what is decided is looked at, and no process is.
struct Around {
    signals: Signals,
    systemd: Systemd,
}

impl Around {
    fn new() -> Around {
        let signals = Signals::take().expect("signals");
        Around { signals, systemd: Systemd::from(&BTreeMap::new()) }
    }

    fn supervisor(&self, strategy: config::Strategy) -> Supervisor<'_> {
        let around =
            Surroundings { signals: &self.signals, systemd: &self.systemd, terminal: None };
        let drain = Duration::from_secs(35);
        let rules = Rules { strategy, drain, within: Some(Duration::from_secs(60)) };
        let (watch, _) = Watch::new(&config::Watch::default(), &[], Instant::now());
        Supervisor::new(around, rules, None, watch)
    }
}

/// What has been decided so far.
fn decided(supervisor: &mut Supervisor<'_>) -> Vec<Step> {
    std::iter::from_fn(|| supervisor.next_step()).collect()
}

fn serving(around: &Around, strategy: config::Strategy) -> Supervisor<'_> {
    let mut supervisor = around.supervisor(strategy);
    supervisor.gates_passed();
    let steps = decided(&mut supervisor);
    assert!(
        matches!(steps[..], [Step::RunGates, Step::Start(Generation::FIRST, Which::Next)]),
        "{steps:?}"
    );
    supervisor.step(Event::Ready(Generation::FIRST));
    let steps = decided(&mut supervisor);
    assert!(
        matches!(steps[..], [Step::Serves(_), Step::RoundEnds(RoundEnd::HandedOver)]),
        "{steps:?}"
    );
    supervisor
}

fn hand_over(supervisor: &mut Supervisor<'_>, steps: usize) {
    supervisor.ask();
    supervisor.fetched(steps);
    supervisor.gates_passed();
}

/// The end of the old one and a TERM come together: the new one would be started with nobody left to
/// tell it to end, and run until it is killed.
#[test]
fn nothing_is_started_for_which_a_term_came_in_between() {
    let around = Around::new();
    let mut supervisor = serving(&around, config::Strategy::Restart);
    hand_over(&mut supervisor, 1);
    supervisor.step(Event::Gone(Generation::FIRST, Ending::Code(0)));
    supervisor.step(Event::Signal(Signal::SIGTERM));
    let steps = decided(&mut supervisor);
    assert!(
        matches!(
            steps[..],
            [
                Step::Fetch,
                Step::RunGates,
                Step::RoundEnds(RoundEnd::Interrupted),
                Step::Ended(Outcome { cause: Some(Cause::Asked(Signal::SIGTERM)), .. }),
            ]
        ),
        "{steps:?}"
    );
}

/// Both die at once, as the kernel's memory killer has it.
#[test]
fn nothing_is_started_for_a_site_that_has_died_meanwhile() {
    let around = Around::new();
    let mut supervisor = serving(&around, config::Strategy::HandOver);
    hand_over(&mut supervisor, 2);
    decided(&mut supervisor);
    let two = Generation::FIRST.next();
    supervisor.step(Event::Ready(two));
    decided(&mut supervisor);
    let killed = Ending::Signal(9);
    supervisor.step(Event::Gone(Generation::FIRST, killed));
    supervisor.step(Event::Gone(two, killed));
    let steps = decided(&mut supervisor);
    assert!(
        matches!(
            &steps[..],
            [Step::RoundEnds(RoundEnd::Interrupted), Step::Ended(Outcome { ending, .. })]
                if *ending == Some(killed)
        ),
        "{steps:?}"
    );
}

#[test]
fn the_manager_is_kept_patient_between_the_hand_overs_of_a_pair() {
    let around = Around::new();
    let mut supervisor = serving(&around, config::Strategy::HandOver);
    assert!(!supervisor.is_waited_for());
    hand_over(&mut supervisor, 2);
    assert!(supervisor.is_waited_for());
    supervisor.step(Event::Ready(Generation::FIRST.next()));
    assert!(supervisor.is_waited_for());
    supervisor.step(Event::Gone(Generation::FIRST, Ending::Code(0)));
    assert!(supervisor.is_waited_for());
    supervisor.step(Event::Ready(Generation::FIRST.next().next()));
    assert!(!supervisor.is_waited_for());
}
