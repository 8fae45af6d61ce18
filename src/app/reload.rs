use super::error::Error;
use super::instances;
use super::output::{Unbuffered, print};
use crate::config::{self, Overrides};
use crate::control::{self, Answer, Outcome, Request, RoundResult};
use crate::environment;
use crate::log;

/// Of many changed names the first are shown.
const SHOWN: usize = 12;

/// What HUP does, but waits until it is done and says what became of it.
pub fn reload(name: Option<String>) -> Result<u8, Error> {
    let inherited = environment::inherited();
    log::start(config::log_settings(&Overrides::default(), &inherited));
    let instance = instances::chosen(name, &inherited)?;
    let round = match control::ask(&instance, Request::Reload)? {
        Answer::Round(round) => round,
        Answer::Error { code, message } => return Err(Error::Answered { code, message }),
        Answer::Status(_) => {
            let asked = Request::Reload.command();
            return Err(control::Error::Unexpected { name: instance.name, asked }.into());
        }
    };
    print(&mut Unbuffered, line(&instance.name, round)?.as_bytes())?;
    Ok(0)
}

fn line(name: &str, round: RoundResult) -> Result<String, Error> {
    let generation = round.generation;
    let key = match (round.before, round.after) {
        (Some(before), Some(after)) if before != after => format!(", key {before} -> {after}"),
        (_, Some(after)) => format!(", key {after}"),
        (_, None) => String::new(),
    };
    match round.outcome {
        Outcome::Failed { code, message } => Err(Error::Answered { code, message }),
        Outcome::Unchanged => {
            Ok(format!("{name}: nothing changed; generation {generation} serves on{key}\n"))
        }
        Outcome::HandedOver => {
            let changed = match round.changed.len() {
                0 => String::new(),
                _ => format!(": {}", listed(&round.changed)),
            };
            let took = round.took.as_secs_f64();
            Ok(format!("{name}: generation {generation} serves after {took:.1}s{key}{changed}\n"))
        }
    }
}

fn listed(changed: &[String]) -> String {
    let (shown, more) = changed.split_at(changed.len().min(SHOWN));
    match more.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn round(outcome: Outcome, changed: &[&str]) -> RoundResult {
        RoundResult {
            outcome,
            generation: 4,
            before: "0a1b2c3d".parse().ok(),
            after: "4e5f6071".parse().ok(),
            changed: changed.iter().map(|name| (*name).to_owned()).collect(),
            took: Duration::from_millis(61_049),
        }
    }

    #[test]
    fn what_was_done_in_one_line() {
        let changed = ["SECRET_KEY changed", "ADDED is new"];
        assert_eq!(
            line("site", round(Outcome::HandedOver, &changed)).unwrap(),
            "site: generation 4 serves after 61.0s, key 0a1b2c3d -> 4e5f6071: SECRET_KEY changed, ADDED is new\n"
        );
        let same = RoundResult { before: None, ..round(Outcome::Unchanged, &[]) };
        assert_eq!(
            line("site", same).unwrap(),
            "site: nothing changed; generation 4 serves on, key 4e5f6071\n"
        );
        let many = line("site", round(Outcome::HandedOver, &["X changed"; 15])).unwrap();
        assert!(many.ends_with("X changed and 3 more\n"), "{many}");
        let failed = Outcome::Failed { code: 78, message: "SECRET_KEY: is too short".to_owned() };
        let error = line("site", round(failed, &[])).unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (78, "SECRET_KEY: is too short"));
    }
}
