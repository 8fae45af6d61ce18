//! [`Status`] as JSON: what `status --json` prints, and what the socket carries.

use serde_json::{Value, json};

use super::fields::{Fields, Malformed, in_seconds, pid, seconds, text, word};
use super::{Carried, FailedFetch, KeyStatus, LastHandOver, SourceStatus, Status, VERSION};
use crate::config::Strategy;
use crate::moment::Moment;
use crate::secrets::Fingerprint;

const STRATEGIES: [(&str, Strategy); 3] =
    [("hand-over", Strategy::HandOver), ("pause", Strategy::Pause), ("restart", Strategy::Restart)];

impl Status {
    /// For machines; the version is that of the protocol.
    pub fn json(&self) -> Value {
        let mut status = self.fields();
        status["version"] = VERSION.into();
        status
    }

    pub(super) fn fields(&self) -> Value {
        json!({
            "name": self.name,
            "pid": self.pid.as_raw(),
            "keybearer": self.keybearer,
            "state": self.state.to_string(),
            "generation": self.generation,
            "pids": self.pids.iter().map(|pid| pid.as_raw()).collect::<Vec<_>>(),
            "since": self.since.map(shown),
            "strategy": self.strategy_shown(),
            "key": self.key.as_ref().map(KeyStatus::json),
            "document": self.document,
            "document-key": self.document_key,
            "config": self.config,
            "schema": self.schema,
            "sources": self.sources.iter().map(SourceStatus::json).collect::<Vec<_>>(),
            "hand-overs": {
                "ok": self.hand_overs_ok,
                "failed": self.hand_overs_failed,
                "last": self.last.as_ref().map(LastHandOver::json),
            },
            "fetched": self.fetched.map(shown),
            "stale-since": self.stale_since().map(shown),
            "fetch-failed": self.fetch_failed.as_ref().map(FailedFetch::json),
            "restarts": self.restarts,
            "started": shown(self.started),
            "addresses": self.addresses,
        })
    }

    pub fn strategy_shown(&self) -> &'static str {
        let named = STRATEGIES.iter().find(|(_, strategy)| *strategy == self.strategy);
        named.map_or("", |(name, _)| name)
    }

    pub(super) fn read(fields: Fields<'_>) -> Result<Status, Malformed> {
        let count = |name, fields: Fields<'_>| fields.get(name, Value::as_u64);
        let strategy = |value: &Value| {
            let name = value.as_str()?;
            STRATEGIES.iter().find(|(known, _)| *known == name).map(|(_, strategy)| *strategy)
        };
        let (hand_overs_ok, hand_overs_failed, last) = fields.object("hand-overs", |fields| {
            let last = fields.maybe_object("last", LastHandOver::read)?;
            Ok((count("ok", fields)?, count("failed", fields)?, last))
        })?;
        // Said once more of each source.
        fields.maybe::<Moment>("stale-since", word)?;
        Ok(Status {
            name: fields.get("name", text)?,
            pid: fields.get("pid", pid)?,
            keybearer: fields.get("keybearer", text)?,
            state: fields.get("state", word)?,
            generation: count("generation", fields)?,
            pids: fields.list("pids", pid)?,
            since: fields.maybe("since", word)?,
            strategy: fields.get("strategy", strategy)?,
            key: fields.maybe_object("key", KeyStatus::read)?,
            document: fields.maybe("document", text)?,
            document_key: fields.maybe("document-key", text)?,
            config: fields.maybe("config", text)?,
            schema: fields.maybe("schema", text)?,
            sources: fields.objects("sources", SourceStatus::read)?,
            hand_overs_ok,
            hand_overs_failed,
            last,
            fetched: fields.maybe("fetched", word)?,
            fetch_failed: fields.maybe_object("fetch-failed", FailedFetch::read)?,
            restarts: count("restarts", fields)?,
            started: fields.get("started", word)?,
            addresses: fields.list("addresses", text)?,
        })
    }
}

impl KeyStatus {
    fn json(&self) -> Value {
        let carried: Vec<Value> = self
            .carried
            .iter()
            .map(|carried| json!({ "key": carried.key.to_string(), "until": shown(carried.until) }))
            .collect();
        json!({
            "current": self.current.to_string(),
            "since": self.since.map(shown),
            "fallbacks": self.fallbacks.iter().map(Fingerprint::to_string).collect::<Vec<_>>(),
            "next": self.next.map(|key| key.to_string()),
            "carried": carried,
        })
    }

    fn read(fields: Fields<'_>) -> Result<KeyStatus, Malformed> {
        Ok(KeyStatus {
            current: fields.get("current", word)?,
            since: fields.maybe("since", word)?,
            fallbacks: fields.list("fallbacks", word)?,
            next: fields.maybe("next", word)?,
            carried: fields.objects("carried", |fields| {
                Ok(Carried { key: fields.get("key", word)?, until: fields.get("until", word)? })
            })?,
        })
    }
}

impl SourceStatus {
    fn json(&self) -> Value {
        json!({
            "source": self.source,
            "version": self.version,
            "lease-until": self.lease_until.map(|until| until.to_string()),
            "stale-since": self.stale_since.map(shown),
            "env-file": self.env_file,
        })
    }

    fn read(fields: Fields<'_>) -> Result<SourceStatus, Malformed> {
        Ok(SourceStatus {
            source: fields.get("source", text)?,
            version: fields.maybe("version", text)?,
            lease_until: fields.maybe("lease-until", word)?,
            stale_since: fields.maybe("stale-since", word)?,
            env_file: fields.maybe("env-file", text)?,
        })
    }
}

impl LastHandOver {
    fn json(&self) -> Value {
        let outcome = if self.failed.is_none() { "ok" } else { "failed" };
        json!({
            "outcome": outcome,
            "at": shown(self.at),
            "seconds": in_seconds(self.took),
            "message": self.failed,
        })
    }

    fn read(fields: Fields<'_>) -> Result<LastHandOver, Malformed> {
        let message = fields.maybe("message", text)?;
        let failed = match fields.get("outcome", Value::as_str)? {
            "ok" => None,
            "failed" => Some(message.unwrap_or_default()),
            _ => return Err(Malformed("outcome")),
        };
        Ok(LastHandOver {
            at: fields.get("at", word)?,
            took: fields.get("seconds", seconds)?,
            failed,
        })
    }
}

impl FailedFetch {
    fn json(&self) -> Value {
        json!({ "at": shown(self.at), "message": self.message })
    }

    fn read(fields: Fields<'_>) -> Result<FailedFetch, Malformed> {
        Ok(FailedFetch { at: fields.get("at", word)?, message: fields.get("message", text)? })
    }
}

fn shown(moment: Moment) -> String {
    moment.to_string()
}
