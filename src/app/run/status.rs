use std::path::Path;

use nix::unistd::getpid;

use super::site::Site;
use crate::config::{SchemaChoice, SourceKind};
use crate::control::{Carried, KeyStatus, SourceStatus, State, Status};
use crate::environment::Environment;
use crate::moment::Moment;

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
        let schema = match &settings.schema {
            SchemaChoice::File(path) => Some(path.as_path()),
            SchemaChoice::Django => None,
        };
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
            document: self.document.as_ref().and_then(|known| known.identity.clone()),
            document_key: self.document.as_ref().and_then(|known| known.key_name.clone()),
            config: settings.config_file.as_deref().and_then(whole),
            schema: schema.and_then(whole),
            sources: settings
                .sources
                .iter()
                .enumerate()
                .map(|(at, s)| self.shown(at, &s.kind))
                .collect(),
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

    fn shown(&self, origin: usize, kind: &SourceKind) -> SourceStatus {
        let env_file = match kind {
            SourceKind::EnvFile { path } => whole(path),
            SourceKind::Directory { .. }
            | SourceKind::SystemdCredentials { .. }
            | SourceKind::Environment { .. }
            | SourceKind::Remote(_)
            | SourceKind::Command(_) => None,
        };
        let stores = self.prepared.stores.as_ref();
        let left = stores.and_then(|stores| stores.lease_left(origin));
        SourceStatus {
            source: kind.to_string(),
            version: stores.and_then(|stores| stores.version(origin)),
            lease_until: left.map(|left| Moment::now() + left),
            stale_since: stores.and_then(|stores| stores.stale_since(origin)),
            env_file,
        }
    }
}

/// For somebody who is in another directory.
fn whole(path: &Path) -> Option<String> {
    std::path::absolute(path).ok()?.into_os_string().into_string().ok()
}
