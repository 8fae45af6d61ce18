use std::time::Duration;

use crate::control::{KeyStatus, Status};
use crate::moment::Moment;

const DAY: u64 = 24 * HOUR;
const HOUR: u64 = 60 * MINUTE;
const MINUTE: u64 = 60;

/// For people: one fact a line, the name of each on the left.
pub(super) fn text(status: &Status, now: Moment) -> String {
    let mut lines = vec![("state", state(status, now))];
    if let Some(since) = status.stale_since() {
        lines.push(("STALE", format!("since {}: a store is away", ago(since, now))));
    }
    lines.extend([
        (
            "supervisor",
            format!(
                "pid {}, keybearer {}, started {}",
                status.pid,
                status.keybearer,
                ago(status.started, now)
            ),
        ),
        ("generation", generation(status)),
    ]);
    if !status.addresses.is_empty() {
        lines.push(("addresses", status.addresses.join(", ")));
    }
    match &status.key {
        Some(key) => lines.extend(keys(key, now)),
        None => lines.push(("key", "none".to_owned())),
    }
    if let Some(document) = &status.document {
        lines.push(("document", document.clone()));
    }
    for source in &status.sources {
        let version = source.version.as_ref().map(|version| format!(", version {version}"));
        let version = version.unwrap_or_default();
        let lease = source.lease_until.map(|until| format!(", lease until {until}"));
        let lease = lease.unwrap_or_default();
        let stale = source.stale_since.map(|since| format!(", STALE since {since}"));
        let stale = stale.unwrap_or_default();
        lines.push(("source", format!("{}{version}{lease}{stale}", source.source)));
    }
    if let Some(fetched) = status.fetched {
        lines.push(("fetched", ago(fetched, now)));
    }
    if let Some(failed) = &status.fetch_failed {
        lines.push(("not fetched", format!("{}: {}", ago(failed.at, now), failed.message)));
    }
    lines.push(("hand-overs", hand_overs(status)));
    if let Some(last) = &status.last {
        let took = last.took.as_secs_f64();
        let why = last.failed.as_ref().map(|why| format!("failed after {took:.1}s: {why}"));
        let outcome = why.unwrap_or_else(|| format!("done in {took:.1}s"));
        lines.push(("last", format!("{}, {outcome}", ago(last.at, now))));
    }
    let line = |(name, what): (&str, String)| format!("{name:12} {what}\n");
    format!("{}\n{}", status.name, lines.into_iter().map(line).collect::<String>())
}

fn state(status: &Status, now: Moment) -> String {
    match status.since {
        Some(since) => {
            format!("{} since {since} ({})", status.state, age(now.since(since)))
        }
        None => status.state.to_string(),
    }
}

fn generation(status: &Status) -> String {
    let pids: Vec<String> = status.pids.iter().map(ToString::to_string).collect();
    let pids = match pids.len() {
        0 => String::new(),
        1 => format!(", pid {}", pids[0]),
        _ => format!(", pids {}", pids.join(", ")),
    };
    format!("{}{pids}, strategy {}", status.generation, status.strategy_shown())
}

fn keys(key: &KeyStatus, now: Moment) -> Vec<(&'static str, String)> {
    let since = key.since.map(|since| format!(" since {since} ({})", age(now.since(since))));
    let mut lines = vec![("key", format!("{}{}", key.current, since.unwrap_or_default()))];
    let fallbacks: Vec<String> = key.fallbacks.iter().map(ToString::to_string).collect();
    lines.push(match fallbacks.is_empty() {
        true => ("fallbacks", "none".to_owned()),
        false => ("fallbacks", fallbacks.join(", ")),
    });
    if let Some(next) = key.next {
        lines.push(("next key", next.to_string()));
    }
    for carried in &key.carried {
        let until = carried.until;
        let left = match until > now {
            true => format!("for {}", age(until.since(now))),
            false => "its time is over".to_owned(),
        };
        lines.push(("carried", format!("{}, not stored, until {until} ({left})", carried.key)));
    }
    lines
}

fn hand_overs(status: &Status) -> String {
    let (ok, failed, restarts) = (status.hand_overs_ok, status.hand_overs_failed, status.restarts);
    format!("{ok} done, {failed} failed; the server was down in {restarts}")
}

fn ago(moment: Moment, now: Moment) -> String {
    format!("{moment} ({} ago)", age(now.since(moment)))
}

/// The two largest units.
pub(super) fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    let (large, small) = match seconds {
        DAY.. => ((seconds / DAY, "d"), (seconds % DAY / HOUR, "h")),
        HOUR.. => ((seconds / HOUR, "h"), (seconds % HOUR / MINUTE, "m")),
        MINUTE.. => ((seconds / MINUTE, "m"), (seconds % MINUTE, "s")),
        0.. => return format!("{seconds}s"),
    };
    format!("{}{} {}{}", large.0, large.1, small.0, small.1)
}
