use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Answer, Connection, Fault, Figures, Kind, Mix, Page, Tally};
use crate::harness::Target;

/// Clients of several kinds that ask one address until they are told to stop. Each asks for its
/// next answer when it has had the last one.
#[derive(Debug)]
pub struct Load {
    mix: Mix,
    tally: Arc<Tally>,
    clients: Vec<JoinHandle<()>>,
}

/// After a failure, so that a server that is down is not asked in a busy loop.
const AFTER_FAILURE: Duration = Duration::from_millis(5);
/// Shorter than the two seconds for which a stopping gthread worker keeps its connections, and the
/// five for which it waits for a first byte.
const REST: Duration = Duration::from_millis(700);
const SLOW: Duration = Duration::from_millis(3);

impl Load {
    pub fn start(target: &Target, mix: Mix) -> Load {
        let tally = Arc::new(Tally::new());
        let clients = mix.kinds().into_iter().map(|kind| {
            let (target, tally) = (target.clone(), Arc::clone(&tally));
            let client = Client { kind, pause: mix.pause, target, tally };
            thread::spawn(move || client.run())
        });
        Load { mix, clients: clients.collect(), tally }
    }

    /// Waits until so many more requests have been answered well.
    #[track_caller]
    pub fn progress(&self, count: u64) {
        let goal = self.tally.figures().all_answered() + count;
        self.tally.wait_until("progress of the load", |f| f.all_answered() >= goal);
    }

    /// Waits until every client may have had an answer that it asked for only now.
    #[track_caller]
    pub fn progress_of_all(&self) {
        let before = self.tally.figures().answered;
        let goals = [
            (Kind::New, self.mix.new),
            (Kind::KeptAlive, self.mix.kept_alive),
            (Kind::Idle, self.mix.idle),
            (Kind::Slow, self.mix.slow),
        ];
        self.tally.wait_until("progress of every kind", |figures| {
            goals.iter().all(|(kind, clients)| {
                let count = |answered: Option<&u64>| answered.copied().unwrap_or(0);
                let more = count(figures.answered.get(kind)) - count(before.get(kind));
                *clients == 0 || more > *clients as u64
            })
        });
    }

    /// Waits for that many failures: where the test itself breaks the server.
    #[track_caller]
    pub fn failures(&self, count: usize) {
        self.tally.wait_until("failures", |figures| figures.failures.len() >= count);
    }

    /// Every client ends after the request that it is at.
    pub fn stop(mut self) -> Figures {
        self.tally.stop();
        for client in self.clients.drain(..) {
            client.join().unwrap();
        }
        self.tally.figures()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Not joined: after a failed assertion nobody waits for them.
        self.tally.stop();
    }
}

struct Client {
    kind: Kind,
    pause: Duration,
    target: Target,
    tally: Arc<Tally>,
}

impl Client {
    fn run(self) {
        let mut kept = None;
        for turn in 0.. {
            if self.tally.is_stopped() {
                break;
            }
            let outcome = match self.kind {
                Kind::New => self.new_connection(turn),
                Kind::KeptAlive => self.kept_alive(&mut kept, turn),
                Kind::Idle => self.idle(),
                Kind::Slow => self.slow(turn),
                Kind::User => Ok(()),
            };
            if let Err(fault) = outcome {
                self.tally.failed(self.kind, fault);
                thread::sleep(AFTER_FAILURE);
            }
            thread::sleep(self.pause);
        }
    }

    fn new_connection(&self, turn: u32) -> Result<(), Fault> {
        let page = match turn % 16 {
            3 => Page::Work(150),
            5 | 13 => Page::Echo,
            _ => Page::Small,
        };
        let asked = Instant::now();
        let mut connection = Connection::open(&self.target)?;
        connection.send(&page.request(false))?;
        self.accept(page, asked, connection.receive(None)?)
    }

    /// A browser or a proxy: it sees a close before it sends, and asks again where that crossed
    /// with its request.
    fn kept_alive(&self, kept: &mut Option<Connection>, turn: u32) -> Result<(), Fault> {
        if turn % 64 == 7 {
            thread::sleep(REST);
        }
        if kept.as_ref().is_some_and(Connection::is_closed) {
            self.tally.closed_between();
            *kept = None;
        }
        let page = if turn % 32 == 3 { Page::Work(50) } else { Page::Small };
        let asked = Instant::now();
        let mut outcome = Err(Fault::Closed);
        if let Some(connection) = kept {
            outcome = exchange(connection, page);
            if outcome.as_ref().is_err_and(Fault::may_be_repeated) {
                self.tally.raced();
                *kept = None;
            }
        }
        if kept.is_none() {
            outcome = exchange(kept.insert(Connection::open(&self.target)?), page);
        }
        if outcome.as_ref().map_or(true, Answer::is_last) {
            *kept = None;
        }
        self.accept(page, asked, outcome?)
    }

    /// No second attempt, although nothing was sent yet when the server closed: the connection was
    /// never used, and somebody waits at its other end.
    fn idle(&self) -> Result<(), Fault> {
        let mut connection = Connection::open(&self.target)?;
        thread::sleep(REST);
        let asked = Instant::now();
        let answer = exchange(&mut connection, Page::Small)?;
        self.accept(Page::Small, asked, answer)
    }

    /// It offers to go on with the connection, as browsers do, and then leaves: a gthread worker
    /// that has said `Connection: close` does nothing else until the reader has gone, for two
    /// seconds at most.
    fn slow(&self, turn: u32) -> Result<(), Fault> {
        let page = if turn.is_multiple_of(2) { Page::Echo } else { Page::Large };
        let mut connection = Connection::open(&self.target)?.narrow();
        connection.send_slowly(&page.request(true), SLOW)?;
        let asked = Instant::now();
        let answer = connection.receive(Some(SLOW))?;
        self.accept(page, asked, answer)
    }

    fn accept(&self, page: Page, asked: Instant, answer: Answer) -> Result<(), Fault> {
        page.judge(&answer)?;
        self.tally.answered(self.kind, asked, &answer);
        Ok(())
    }
}

fn exchange(connection: &mut Connection, page: Page) -> Result<Answer, Fault> {
    connection.send(&page.request(true))?;
    connection.receive(None)
}
