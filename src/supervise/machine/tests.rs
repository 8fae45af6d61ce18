use proptest::prelude::*;

use crate::config::Strategy as Way;
use proptest::strategy::Strategy;

use super::{
    Action, Cause, Duration, End, Ending, Event, Generation, Instant, Machine, QUICK, RoundEnd,
    Rules, Signal, Which, Why,
};

const DRAIN: Duration = Duration::from_secs(35);
const WITHIN: Duration = Duration::from_secs(60);

/// What happens in the world around the machine, by itself or because somebody wants it.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Signal(Signal),
    TerminalGone,
    Asked,
    Fetched(usize),
    GatesPassed,
    Refused,
    /// The n-th of those that live is ready, or dies.
    Ready(usize),
    Dies(usize, u8),
    /// Of those that were told to end, the n-th obeys.
    Obeys(usize),
    Time(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        1 => prop_oneof![Just(Signal::SIGTERM), Just(Signal::SIGINT), Just(Signal::SIGQUIT)]
            .prop_map(Happens::Signal),
        1 => prop_oneof![Just(Signal::SIGUSR1), Just(Signal::SIGTTIN)].prop_map(Happens::Signal),
        1 => Just(Happens::TerminalGone),
        7 => Just(Happens::Asked),
        8 => (0..3usize).prop_map(Happens::Fetched),
        8 => Just(Happens::GatesPassed),
        1 => Just(Happens::Refused),
        10 => (0..3usize).prop_map(Happens::Ready),
        3 => (0..3usize, any::<u8>()).prop_map(|(n, code)| Happens::Dies(n, code)),
        8 => (0..3usize).prop_map(Happens::Obeys),
        6 => (0..50u64).prop_map(Happens::Time),
    ]
}

fn strategies() -> impl Strategy<Value = Rules> {
    let within = prop_oneof![Just(Some(WITHIN)), Just(None)];
    let strategy = prop_oneof![Just(Way::HandOver), Just(Way::Pause), Just(Way::Restart),];
    (strategy, within).prop_map(|(strategy, within)| Rules { strategy, drain: DRAIN, within })
}

/// A world that believes nothing of the machine and checks everything it does.
struct World {
    machine: Machine,
    now: Instant,
    alive: Vec<Generation>,
    /// By a TERM, which starts the clock.
    told: Vec<Generation>,
    /// By a signal of somebody else's.
    asked_to_end: Vec<Generation>,
    killed: Vec<Generation>,
    started: u64,
    fetching: bool,
    gate: bool,
    serving: Option<Generation>,
    asked: bool,
    fetches: usize,
    rounds_ended: usize,
    stopping: bool,
    end: Option<End>,
    last_death: Option<(Generation, Ending)>,
}

impl World {
    fn new(rules: Rules) -> World {
        let (machine, actions) = Machine::new(rules);
        let mut world = World {
            machine,
            now: Instant::now(),
            alive: Vec::new(),
            told: Vec::new(),
            asked_to_end: Vec::new(),
            killed: Vec::new(),
            started: 0,
            fetching: false,
            gate: false,
            serving: None,
            asked: false,
            fetches: 0,
            rounds_ended: 0,
            stopping: false,
            end: None,
            last_death: None,
        };
        world.carry_out(actions);
        world
    }

    fn step(&mut self, event: Event) {
        let actions = self.machine.step(event, self.now);
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            assert!(self.end.is_none(), "nothing happens after the end: {action:?}");
            match action {
                Action::Fetch => {
                    assert!(!self.fetching && !self.gate && !self.stopping);
                    assert!(self.serving.is_some_and(|one| self.alive.contains(&one)));
                    (self.fetching, self.asked) = (true, false);
                    self.fetches += 1;
                }
                Action::RunGates => {
                    assert!(!self.gate && !self.stopping);
                    self.gate = true;
                }
                Action::TellGate(_) => assert!(self.gate && self.stopping),
                Action::Start(generation, _) => self.start(generation),
                Action::Tell(generation, signal) => {
                    assert!(self.alive.contains(&generation));
                    if signal == Signal::SIGTERM {
                        assert!(!self.told.contains(&generation), "TERM once");
                    }
                    match signal {
                        Signal::SIGTERM => self.told.push(generation),
                        Signal::SIGINT | Signal::SIGQUIT => self.asked_to_end.push(generation),
                        _ => {}
                    }
                }
                Action::KillGroup(generation) => {
                    assert!(self.told.contains(&generation) && !self.killed.contains(&generation));
                    self.killed.push(generation);
                }
                Action::Serves(generation) => {
                    assert!(self.alive.contains(&generation) && !self.stopping);
                    self.serving = Some(generation);
                }
                Action::Fails(generation, _) => assert_ne!(self.serving, Some(generation)),
                Action::RoundEnds(_) => {
                    self.rounds_ended += 1;
                    self.fetching = false;
                }
                Action::Stops(_) => {
                    assert!(!self.stopping, "said once");
                    self.stopping = true;
                }
                Action::End(end) => {
                    assert!(self.alive.is_empty() && !self.gate, "{:?} live on", self.alive);
                    self.end = Some(end);
                }
            }
        }
        assert!(self.alive.len() <= 2, "never more than two: {:?}", self.alive);
        if let Some(at) = self.machine.deadline() {
            assert!(at > self.now || !self.alive.is_empty());
        }
    }

    fn start(&mut self, generation: Generation) {
        assert!(!self.stopping && !self.gate && !self.fetching);
        self.started += 1;
        assert_eq!(generation.number(), self.started);
        let overlap = self.machine.rules.strategy == Way::HandOver;
        // The one that serves, where they may overlap; nobody else, and nobody that was told to end.
        let others: Vec<_> =
            self.alive.iter().filter(|one| overlap.then_some(**one) != self.serving).collect();
        assert!(others.is_empty(), "{others:?} live on while {generation} starts");
        self.alive.push(generation);
    }

    fn is_told(&self, one: Generation) -> bool {
        self.told.contains(&one) || self.asked_to_end.contains(&one)
    }

    fn dies(&mut self, generation: Generation, ending: Ending) {
        self.alive.retain(|one| *one != generation);
        self.last_death = Some((generation, ending));
        self.step(Event::Gone(generation, ending));
    }

    fn happens(&mut self, what: Happens) {
        let pick = |list: &[Generation], n: usize| list.get(n % list.len().max(1)).copied();
        match what {
            Happens::Signal(signal) => self.step(Event::Signal(signal)),
            Happens::TerminalGone => self.step(Event::TerminalGone),
            Happens::Asked => {
                self.asked |= !self.stopping;
                self.step(Event::Asked);
            }
            Happens::Fetched(steps) if self.fetching => {
                self.fetching = false;
                self.step(Event::Fetched { steps });
            }
            Happens::GatesPassed if self.gate => {
                self.gate = false;
                self.step(Event::GatesPassed);
            }
            Happens::Refused if self.gate || self.fetching => {
                (self.gate, self.fetching) = (false, false);
                self.step(Event::Refused);
            }
            Happens::Ready(n) => {
                if let Some(one) = pick(&self.alive, n) {
                    self.step(Event::Ready(one));
                }
            }
            Happens::Dies(n, code) => {
                if let Some(one) = pick(&self.alive, n) {
                    self.dies(one, Ending::Code(code));
                }
            }
            Happens::Obeys(n) => {
                let told: Vec<_> =
                    self.alive.iter().filter(|one| self.is_told(**one)).copied().collect();
                if let Some(one) = pick(&told, n) {
                    self.dies(one, Ending::Code(0));
                }
            }
            Happens::Time(seconds) => {
                self.now += Duration::from_secs(seconds);
                self.step(Event::Clock);
            }
            Happens::Fetched(_) | Happens::GatesPassed | Happens::Refused => {}
        }
    }

    /// Everything that is waited for comes.
    fn settle(&mut self) {
        for _ in 0..100 {
            if self.end.is_some() {
                return;
            }
            let told = self.alive.iter().copied().find(|one| self.told.contains(one));
            if self.gate {
                self.happens(Happens::GatesPassed);
            } else if self.fetching {
                self.happens(Happens::Fetched(0));
            } else if let Some(one) = self.machine.coming() {
                self.step(Event::Ready(one));
            } else if let Some(one) = told {
                self.dies(one, Ending::Code(0));
            } else {
                return;
            }
        }
        panic!("it does not settle: {:?}", self.machine);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_nothing_is_lost_and_nobody_stays(
        rules in strategies(),
        events in prop::collection::vec(happens(), 0..60),
    ) {
        let mut world = World::new(rules);
        for event in events {
            if world.end.is_some() {
                break;
            }
            let serving = world.serving.filter(|one| world.alive.contains(one));
            let was_told = serving.is_some_and(|one| world.told.contains(&one));
            let (stopped, rounds) = (world.stopping, world.rounds_ended);
            world.happens(event);
            // Under hand-over somebody always serves who was not told to end, until the end.
            let overlap = rules.strategy == Way::HandOver;
            if overlap && !stopped && !was_told && serving.is_some() && !world.stopping {
                let now = world.serving.filter(|one| world.alive.contains(one));
                prop_assert!(now.is_some_and(|one| !world.told.contains(&one)
                    || matches!(event, Happens::Signal(_))));
            }
            prop_assert!(world.rounds_ended <= rounds + 1);
        }
        world.settle();
        if world.end.is_none() {
            // Who asked was heard, and one generation is left.
            prop_assert!(!world.asked, "{:?}", world.machine);
            prop_assert!(world.machine.is_idle());
            prop_assert_eq!(world.alive.len(), 1);
            prop_assert_eq!(world.machine.serving(), world.alive.first().copied());
            prop_assert_eq!(world.machine.deadline(), None);
            world.happens(Happens::Signal(Signal::SIGTERM));
            world.settle();
        }
        let end = world.end.expect("a TERM ends it");
        prop_assert!(world.alive.is_empty());
        if world.started > 0 {
            prop_assert!(end.cause.is_some());
        }
    }

    #[test]
    fn who_does_not_obey_is_killed(
        rules in strategies(),
        events in prop::collection::vec(happens(), 0..40),
    ) {
        let mut world = World::new(rules);
        for event in events {
            world.happens(event);
        }
        world.happens(Happens::Signal(Signal::SIGTERM));
        world.happens(Happens::Time(DRAIN.as_secs()));
        for one in world.alive.clone() {
            prop_assert!(world.killed.contains(&one));
            world.dies(one, Ending::Signal(9));
        }
        if world.gate {
            world.happens(Happens::Refused);
        }
        prop_assert!(world.end.is_some());
    }
}

fn rules(strategy: Way) -> Rules {
    Rules { strategy, drain: DRAIN, within: Some(WITHIN) }
}

/// One that serves in generation 1.
fn serving(strategy: Way) -> (Machine, Instant) {
    let (mut machine, _) = Machine::new(rules(strategy));
    let now = Instant::now();
    machine.step(Event::GatesPassed, now);
    let actions = machine.step(Event::Ready(Generation::FIRST), now);
    assert_eq!(
        actions,
        [Action::Serves(Generation::FIRST), Action::RoundEnds(RoundEnd::HandedOver)]
    );
    (machine, now)
}

const ONE: Generation = Generation::FIRST;

fn two() -> Generation {
    ONE.next()
}

#[test]
fn a_hand_over_in_two_steps() {
    let (mut machine, now) = serving(Way::HandOver);
    let three = two().next();
    assert_eq!(machine.step(Event::Asked, now), [Action::Fetch]);
    assert_eq!(machine.step(Event::Fetched { steps: 2 }, now), [Action::RunGates]);
    assert_eq!(machine.step(Event::GatesPassed, now), [Action::Start(two(), Which::Next)]);
    assert_eq!(
        machine.step(Event::Ready(two()), now),
        [Action::Serves(two()), Action::Tell(ONE, Signal::SIGTERM)]
    );
    // The second waits until the one before last is gone, and two who asked get one round more.
    assert_eq!(machine.step(Event::Asked, now), []);
    assert_eq!(machine.step(Event::Asked, now), []);
    assert_eq!(
        machine.step(Event::Gone(ONE, Ending::Code(0)), now),
        [Action::Start(three, Which::Next)]
    );
    assert_eq!(
        machine.step(Event::Ready(three), now),
        [
            Action::Serves(three),
            Action::Tell(two(), Signal::SIGTERM),
            Action::RoundEnds(RoundEnd::HandedOver),
            Action::Fetch
        ]
    );
    assert_eq!(
        machine.step(Event::Fetched { steps: 0 }, now),
        [Action::RoundEnds(RoundEnd::Unchanged)]
    );
    assert_eq!(machine.step(Event::Clock, now + DRAIN), [Action::KillGroup(two())]);
}

#[test]
fn a_new_one_that_is_late_leaves_and_the_old_one_serves_on() {
    let (mut machine, now) = serving(Way::HandOver);
    machine.step(Event::Asked, now);
    machine.step(Event::Fetched { steps: 1 }, now);
    machine.step(Event::GatesPassed, now);
    assert_eq!(
        machine.step(Event::Clock, now + WITHIN),
        [
            Action::Tell(two(), Signal::SIGTERM),
            Action::Fails(two(), Why::NotReady),
            Action::RoundEnds(RoundEnd::Failed)
        ]
    );
    assert_eq!(machine.serving(), Some(ONE));
    // It is too late to be ready now.
    assert_eq!(machine.step(Event::Ready(two()), now + WITHIN), []);
    // The next round fetches, and starts nothing while the failed one is still there.
    assert_eq!(machine.step(Event::Asked, now), [Action::Fetch]);
    machine.step(Event::Fetched { steps: 1 }, now);
    assert_eq!(machine.step(Event::GatesPassed, now), []);
    assert_eq!(
        machine.step(Event::Gone(two(), Ending::Signal(9)), now),
        [Action::Start(two().next(), Which::Next)]
    );
}

#[test]
fn where_they_must_not_overlap_the_old_environment_comes_back() {
    let (mut machine, now) = serving(Way::Restart);
    let (three, failed) = (two().next(), Ending::Code(3));
    machine.step(Event::Asked, now);
    machine.step(Event::Fetched { steps: 1 }, now);
    assert_eq!(machine.step(Event::GatesPassed, now), [Action::Tell(ONE, Signal::SIGTERM)]);
    assert_eq!(
        machine.step(Event::Gone(ONE, Ending::Code(0)), now),
        [Action::Start(two(), Which::Next)]
    );
    assert_eq!(
        machine.step(Event::Gone(two(), failed), now),
        [Action::Fails(two(), Why::Ended(failed)), Action::Start(three, Which::Before)]
    );
    assert_eq!(
        machine.step(Event::Ready(three), now),
        [Action::Serves(three), Action::RoundEnds(RoundEnd::Failed)]
    );
}

#[test]
fn the_serving_one_dies_in_the_middle_and_nothing_is_promoted() {
    let (mut machine, now) = serving(Way::HandOver);
    machine.step(Event::Asked, now);
    machine.step(Event::Fetched { steps: 1 }, now);
    machine.step(Event::GatesPassed, now);
    let killed = Ending::Signal(9);
    assert_eq!(
        machine.step(Event::Gone(ONE, killed), now),
        [
            Action::Stops(Cause::Ended(ONE, killed)),
            Action::RoundEnds(RoundEnd::Interrupted),
            Action::Tell(two(), Signal::SIGTERM)
        ]
    );
    assert_eq!(machine.step(Event::Ready(two()), now), []);
    assert_eq!(
        machine.step(Event::Gone(two(), Ending::Code(0)), now),
        [Action::End(End { cause: Some(Cause::Ended(ONE, killed)), ending: Some(killed) })]
    );
}

#[test]
fn a_term_in_the_middle_ends_both() {
    let (mut machine, now) = serving(Way::HandOver);
    machine.step(Event::Asked, now);
    machine.step(Event::Fetched { steps: 2 }, now);
    machine.step(Event::GatesPassed, now);
    assert_eq!(
        machine.step(Event::Signal(Signal::SIGTERM), now),
        [
            Action::Stops(Cause::Asked(Signal::SIGTERM)),
            Action::RoundEnds(RoundEnd::Interrupted),
            Action::Tell(ONE, Signal::SIGTERM),
            Action::Tell(two(), Signal::SIGTERM)
        ]
    );
    // A QUIT cuts the drain short for both, and is passed on.
    assert_eq!(
        machine.step(Event::Signal(Signal::SIGQUIT), now),
        [Action::Tell(ONE, Signal::SIGQUIT), Action::Tell(two(), Signal::SIGQUIT)]
    );
    assert_eq!(machine.deadline(), Some(now + QUICK));
    assert_eq!(machine.step(Event::Gone(two(), Ending::Signal(15)), now), []);
    let end = End { cause: Some(Cause::Asked(Signal::SIGTERM)), ending: Some(Ending::Code(0)) };
    assert_eq!(machine.step(Event::Gone(ONE, Ending::Code(0)), now), [Action::End(end)]);
}

#[test]
fn a_first_one_that_is_late_is_stopped() {
    let (mut machine, _) = Machine::new(rules(Way::HandOver));
    let now = Instant::now();
    assert_eq!(machine.step(Event::GatesPassed, now), [Action::Start(ONE, Which::Next)]);
    assert_eq!(
        machine.step(Event::Clock, now + WITHIN),
        [
            Action::Tell(ONE, Signal::SIGTERM),
            Action::Fails(ONE, Why::NotReady),
            Action::Stops(Cause::NotReady),
            Action::RoundEnds(RoundEnd::Interrupted)
        ]
    );
    let end = End { cause: Some(Cause::NotReady), ending: Some(Ending::Code(0)) };
    assert_eq!(machine.step(Event::Gone(ONE, Ending::Code(0)), now), [Action::End(end)]);
}

#[test]
fn a_hup_during_the_start_is_acted_upon_when_it_serves() {
    let (mut machine, _) = Machine::new(rules(Way::HandOver));
    let now = Instant::now();
    machine.step(Event::Asked, now);
    machine.step(Event::GatesPassed, now);
    assert_eq!(
        machine.step(Event::Ready(ONE), now),
        [Action::Serves(ONE), Action::RoundEnds(RoundEnd::HandedOver), Action::Fetch]
    );
}

/// An INT may be nothing to a command that a shell put into the background.
#[test]
fn a_gate_that_does_not_mind_the_int_is_told_the_term() {
    let (mut machine, _) = Machine::new(rules(Way::HandOver));
    let now = Instant::now();
    assert_eq!(
        machine.step(Event::Signal(Signal::SIGINT), now),
        [
            Action::Stops(Cause::Asked(Signal::SIGINT)),
            Action::TellGate(Signal::SIGINT),
            Action::RoundEnds(RoundEnd::Interrupted)
        ]
    );
    assert_eq!(
        machine.step(Event::Signal(Signal::SIGTERM), now),
        [Action::TellGate(Signal::SIGTERM)]
    );
}
