//! Celery, which has no sockets: a worker finishes what it is at, and there is never a second beat.

use std::path::PathBuf;

use nix::sys::signal::Signal;

use crate::harness::{
    Bench, DEADLINE, Fifo, KEY, Running, eventually_within, key, once, proc, venv,
};

const JOBS: &str = include_str!("../site/jobs.py");

struct Site<'a> {
    bench: &'a Bench,
    hold: Fifo,
    queue: PathBuf,
}

impl<'a> Site<'a> {
    fn new(bench: &'a Bench) -> Site<'a> {
        bench.file("jobs.py", JOBS, 0o644);
        Site { bench, hold: Fifo::new(bench, "hold"), queue: bench.site_dir("queue") }
    }

    fn start(&self, config: &str, arguments: &[&str]) -> Option<Running> {
        let celery = venv("celery")?;
        let run = self.bench.with_config("run", &format!("[ready]\nsettle = \"0s\"\n{config}"));
        let run = run.env("QUEUE", &self.queue).env("HOLD", self.hold.path()).arg("--");
        Some(run.arg(celery).args(["--app", "jobs"]).args(arguments).spawn())
    }

    fn worker(&self, config: &str) -> Option<Running> {
        let quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"];
        let worker =
            [&["worker", "--loglevel", "debug", "--concurrency", "1"][..], &quiet].concat();
        let running = self.start(config, &worker)?;
        running.wait_for_line(" ready.");
        Some(running)
    }

    /// As the site's views would do it.
    fn send(&self, name: &str) {
        let python = venv("python").expect("found before");
        let script = "import jobs, sys; jobs.work.delay(sys.argv[1])";
        let sender = self.bench.program(python).by_site().args(["-c", script, name]);
        let sender = sender.env("QUEUE", &self.queue).env("PYTHONPATH", self.bench.dir());
        let sender = sender.env("SECRET_KEY", KEY).env("SECRET_KEY_FALLBACKS", KEY);
        sender.run().expect_code(0);
    }

    fn hup_with_a_new_key(&self, running: &Running) {
        self.bench.env_file(&format!("SECRET_KEY={}\n", key(1)));
        running.signal(Signal::SIGHUP);
    }
}

fn ready(running: &Running, count: usize) {
    eventually_within(2 * DEADLINE, "another worker is ready", || {
        running.stderr().matches(" ready.").count() >= count
    });
}

/// A worker that was told to end may still take a task: it polls for two seconds at a time.
#[track_caller]
fn no_more_tasks(running: &Running) {
    running.wait_for_stdout("Warm shutdown");
    running.wait_for_line("Canceling task consumer...");
}

#[track_caller]
fn ends(running: Running) {
    running.signal(Signal::SIGTERM);
    let outcome = running.wait().expect_code(0);
    assert!(!outcome.stderr.contains(KEY) && !outcome.stderr.contains(&key(1)));
}

#[test]
fn a_task_in_flight_finishes_and_the_next_one_has_the_new_key() {
    let bench = Bench::new();
    let site = Site::new(&bench);
    let Some(running) = site.worker("") else { return };
    site.send("first");
    running.wait_for_stdout(&format!("first begins {KEY} {KEY}"));
    let worker = running.child_pid();
    site.hup_with_a_new_key(&running);
    no_more_tasks(&running);
    site.send("second");
    // Nothing is beside the one that finishes.
    assert_eq!(running.child_pids(), [worker]);
    site.hold.let_go();
    running.wait_for_stdout(&format!("first ends {KEY} {KEY}"));
    running.wait_for_line("generation 2 took over");
    running.wait_for_stdout(&format!("second begins {} {KEY}", key(1)));
    site.hold.let_go();
    running.wait_for_stdout(&format!("second ends {} {KEY}", key(1)));
    assert_eq!(running.stdout().matches(" begins ").count(), 2, "{}", running.report());
    assert_eq!(running.stdout().matches(" ends ").count(), 2, "{}", running.report());
    ends(running);
}

/// Two workers take each task once, so it may be asked for: nothing waits for the task in flight.
#[test]
fn workers_may_overlap() {
    once!();
    let bench = Bench::new();
    let site = Site::new(&bench);
    let Some(running) = site.worker("[reload]\nstrategy = \"hand-over\"\n") else { return };
    site.send("first");
    running.wait_for_stdout("first begins");
    site.hup_with_a_new_key(&running);
    ready(&running, 2);
    no_more_tasks(&running);
    site.send("second");
    // It verifies what it will sign with next.
    running.wait_for_stdout(&format!("second begins {KEY} {}", key(1)));
    assert_eq!(running.child_pids().len(), 2, "never a third beside the first");
    site.hold.let_go();
    site.hold.let_go();
    let line = running.wait_for_line("generation 3 took over");
    assert!(line.contains("key fed6028d -> "), "{line}");
    eventually_within(2 * DEADLINE, "it is alone", || running.child_pids().len() == 1);
    site.send("third");
    running.wait_for_stdout(&format!("third begins {} {KEY}", key(1)));
    site.hold.let_go();
    running.wait_for_stdout("third ends");
    let said = running.stdout();
    for name in ["first", "second", "third"] {
        assert_eq!(said.matches(&format!("{name} begins")).count(), 1, "{said}");
        assert_eq!(said.matches(&format!("{name} ends")).count(), 1, "{said}");
    }
    ends(running);
}

/// Its own file with a process id is one witness, the order of the ticks another.
#[test]
fn there_is_never_a_second_beat() {
    once!();
    let bench = Bench::new();
    let site = Site::new(&bench);
    let schedule = site.queue.join("schedule");
    let process_id = site.queue.join("beat.pid");
    let arguments = [
        "beat",
        "--schedule",
        schedule.to_str().unwrap(),
        "--pidfile",
        process_id.to_str().unwrap(),
    ];
    let Some(running) = site.start("", &arguments) else { return };
    let ticks_of = |pid| move |line: &&str| line.starts_with(&format!("tick of {pid} "));
    let mut beats = Vec::new();
    for (turn, secret) in [KEY.to_owned(), key(1), key(2)].into_iter().enumerate() {
        if turn > 0 {
            bench.env_file(&format!("SECRET_KEY={secret}\n"));
            running.signal(Signal::SIGHUP);
            running.wait_for_line(&format!("generation {} took over", turn + 1));
        }
        let beat = running.child_pid();
        eventually_within(2 * DEADLINE, "it ticks", || {
            running.stdout().lines().filter(ticks_of(beat)).count() >= 3
        });
        let line = running.wait_for_stdout(&format!("tick of {beat} "));
        assert!(line.starts_with(&format!("tick of {beat} {secret} ")), "{line}");
        beats.push(beat);
    }
    let said = running.stdout();
    let ticks = said.lines().filter_map(|line| line.strip_prefix("tick of "));
    let mut order: Vec<&str> = ticks.map(|tick| tick.split(' ').next().unwrap()).collect();
    order.dedup();
    assert_eq!(order, beats.iter().map(ToString::to_string).collect::<Vec<_>>(), "{said}");
    assert!(!running.stderr().contains("already exists"), "{}", running.report());
    assert_eq!(proc::environ(running.child_pid())["SECRET_KEY"], key(2));
    ends(running);
}
