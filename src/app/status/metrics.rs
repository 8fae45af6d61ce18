use std::fmt::Write;
use std::time::Duration;

use crate::control::Status;
use crate::moment::Moment;

/// OpenMetrics text, version 1.0.0. What is not known has no sample.
pub(super) fn metrics(status: &Status, now: Moment) -> String {
    let age = |moment: Moment| now.since(moment);
    let key = status.key.as_ref();
    let mut page = Page { instance: escaped(&status.name), text: String::new() };
    page.gauge("serving", "1 where the site is served.", Some(u8::from(status.state.serves())));
    page.gauge("generation", "The number of the generation.", Some(status.generation));
    page.family("hand_overs", "counter", "", "Hand-overs by their outcome.");
    page.sample("hand_overs_total", ",outcome=\"ok\"", status.hand_overs_ok);
    page.sample("hand_overs_total", ",outcome=\"failed\"", status.hand_overs_failed);
    let last = status.last.as_ref().map(|last| last.took);
    page.seconds("last_hand_over_seconds", "How long the last hand-over took.", last);
    let since = key.and_then(|key| key.since);
    page.seconds("key_age_seconds", "How long the current key has signed.", since.map(age));
    let fallbacks = key.map(|key| key.fallbacks.len());
    page.gauge("key_fallbacks", "Keys that only verify.", fallbacks);
    let fetched = status.fetched.map(age);
    page.seconds("fetch_age_seconds", "How long ago the secrets were read.", fetched);
    let stale = u8::from(status.stale_since().is_some());
    page.gauge("stale", "1 where a store is away and its cache is used.", Some(stale));
    page.family("restarts", "counter", "", "Hand-overs in which the server was down in between.");
    page.sample("restarts_total", "", status.restarts);
    page.text.push_str("# EOF\n");
    page.text
}

struct Page {
    instance: String,
    text: String,
}

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.family(name, "gauge", "", help);
            self.sample(name, "", value);
        }
    }

    fn seconds(&mut self, name: &str, help: &str, value: Option<Duration>) {
        if let Some(value) = value {
            self.family(name, "gauge", "seconds", help);
            self.sample(name, "", value.as_millis() as f64 / 1_000.0);
        }
    }

    fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        let _ = writeln!(self.text, "# TYPE keybearer_{name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT keybearer_{name} {unit}");
        }
        let _ = writeln!(self.text, "# HELP keybearer_{name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let instance = &self.instance;
        let _ = writeln!(self.text, "keybearer_{name}{{instance=\"{instance}\"{labels}}} {value}");
    }
}

/// As a label's value.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
