use nix::unistd::getpid;

use super::site::Site;
use crate::control::{Carried, KeyStatus, SourceStatus, State, Status};
use crate::environment::Environment;

impl Site<'_> {
    /// What `keybearer status` shows. It holds no secret.
    pub(super) fn status(&self) -> Status {
        let settings = &self.prepared.settings;
        let key = self.running.as_ref().and_then(Environment::keys).map(|keys| {
            let current = keys.current.fingerprint();
            let known = self.document.as_ref();
            let not_stored = known.into_iter().flat_map(|known| known.not_stored(&self.carried));
            let carried = not_stored
                .map(|carried| Carried { key: carried.key.fingerprint(), until: carried.until });
            let fallbacks = keys.fingerprints();
            KeyStatus {
                current,
                since: known.and_then(|known| known.record.since(current)),
                next: known.and_then(|known| known.staged).filter(|key| fallbacks.contains(key)),
                fallbacks,
                carried: carried.collect(),
            }
        });
        let state = match (self.supervisor.serving(), self.supervisor.is_idle()) {
            _ if self.supervisor.is_stopping() => State::Stopping,
            (None, _) if self.standing.since.is_none() => State::Starting,
            (Some(_), true) => State::Serving,
            (Some(_) | None, _) => State::HandingOver,
        };
        let shown = settings.sources.iter().map(|source| source.kind.to_string());
        Status {
            name: settings.name.clone(),
            pid: getpid(),
            keybearer: env!("CARGO_PKG_VERSION").to_owned(),
            state,
            generation: self.standing.generation.number(),
            pids: self.supervisor.processes().map(|(_, pid)| pid).collect(),
            since: self.standing.since,
            strategy: self.rules.strategy,
            key,
            document: None,
            sources: shown.map(|source| SourceStatus { source, version: None }).collect(),
            hand_overs_ok: self.standing.hand_overs_ok,
            hand_overs_failed: self.standing.hand_overs_failed,
            last: self.standing.last.clone(),
            fetched: self.standing.fetched,
            fetch_failed: self.standing.fetch_failed.clone(),
            restarts: self.standing.restarts,
            started: self.standing.started,
            addresses: self.sockets.addresses().into_iter().map(str::to_owned).collect(),
        }
    }
}
