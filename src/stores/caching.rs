use std::collections::BTreeMap;
use std::ffi::OsStr;

use sha2::{Digest, Sha256};

use super::cache::{Cache, without_login};
use super::stores::Stores;
use super::{Asked, Error};
use crate::config::{Engine, Remote, SourceKind, SourceSpec, VaultMethod};
use crate::helper::{Failure, Kept, Kind};
use crate::moment::Moment;

/// What decides which of two secrets of one name is asked for, and as whom, beside the config.
const OF_AWS: &[&str] = &[
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "HOME",
];
const OF_GOOGLE: &[&str] =
    &["GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GCE_METADATA_HOST", "HOME"];
const OF_AZURE: &[&str] = &[
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_AUTHORITY_HOST",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
];

/// The credentials themselves. Without an answer nobody knows whether they were used, and the site must
/// not see them.
const AWS_CREDENTIALS: &[&str] =
    &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
const AZURE_CREDENTIALS: &[&str] = &["AZURE_CLIENT_SECRET", "IDENTITY_HEADER"];

/// What stores gave last is kept, and used when they are away: never when one says no.
impl Stores {
    pub fn use_cache(&self, cache: Cache) {
        *self.cache.borrow_mut() = Some(cache);
    }

    /// Holds on to what was fetched until it is known whether it is any good.
    pub fn may_keep(&self, asked: &Asked) {
        self.forget_unkept();
        if self.cache.borrow().is_none() {
            return;
        }
        let now = Moment::now();
        let mut fresh = self.fresh.borrow_mut();
        let stale = self.stale.borrow();
        for (origin, spec) in &self.sources {
            let is_stale = stale.fetched.contains_key(origin);
            let Some(got) = asked.of(*origin).filter(|_| !is_stale && !is_lease(spec)) else {
                continue;
            };
            let identity = self.cache_identity(*origin, spec);
            fresh.push((*origin, Kept { identity, at: now, got: without_login(got) }));
        }
    }

    /// The site runs with it, or is about to: that is worth keeping. Else why it is not kept.
    pub fn keep(&self) -> Result<(), String> {
        let (origins, fresh): (Vec<usize>, Vec<Kept>) = self.fresh.take().into_iter().unzip();
        let cache = self.cache.borrow();
        let Some(cache) = cache.as_ref().filter(|_| !fresh.is_empty()) else { return Ok(()) };
        let times = origins.into_iter().zip(fresh.iter().map(|one| one.at));
        self.stale.borrow_mut().kept.extend(times);
        cache.write(fresh, Moment::now())
    }

    /// It came to nothing.
    pub fn forget_unkept(&self) {
        self.fresh.take();
    }

    /// Every store has said that its version is the one that the site has.
    pub fn confirm_cache(&self) {
        let cache = self.cache.borrow();
        let Some(cache) = cache.as_ref() else { return };
        let now = Moment::now();
        let mut stale = self.stale.borrow_mut();
        // Of another version, or older than what was read since, is what somebody else has written.
        let is_confirmed = |origin: usize, one: &Kept| {
            let version = self.version(origin);
            let is_since = stale.kept.get(&origin).is_some_and(|ours| one.at >= *ours);
            version.is_some() && one.got.version == version && is_since
        };
        let sources = self.sources.iter().filter(|(_, spec)| !is_lease(spec));
        let identities: BTreeMap<String, usize> =
            sources.map(|(origin, spec)| (self.cache_identity(*origin, spec), *origin)).collect();
        let origin = |one: &Kept| {
            identities.get(&one.identity).copied().filter(|origin| is_confirmed(*origin, one))
        };
        // What is wrong with it is said when all of it is written again.
        for confirmed in cache.confirm(origin, now).unwrap_or_default() {
            stale.kept.insert(confirmed, now);
        }
    }

    /// Since when what the site runs with may be outdated, where a store was away.
    pub fn stale_since(&self, origin: usize) -> Option<Moment> {
        self.stale.borrow().running.get(&origin).copied()
    }

    /// The same of what was fetched last, of all sources, and why.
    pub fn fetched_stale(&self) -> Option<(Moment, String)> {
        let stale = self.stale.borrow();
        stale.fetched.values().min().map(|since| (*since, stale.why.clone()))
    }

    /// Fills in what came to nothing because a store is away. All of it, or none.
    pub(super) fn fill_from_cache(
        &self,
        asked: &mut Asked,
        failures: Vec<(usize, Failure)>,
    ) -> Result<BTreeMap<usize, Moment>, Error> {
        let failed = |why: Vec<Failure>| {
            let failures = failures.iter().map(|(_, failure)| failure.again());
            Err(Error::Failed(failures.chain(why).collect()))
        };
        let all_of = |failures: &[(usize, Failure)]| {
            let failures = failures.iter().map(|(_, failure)| failure.again());
            Error::Failed(failures.collect()).to_string()
        };
        let cache = self.cache.borrow();
        let all_are_away = failures.iter().all(|(_, failure)| failure.kind == Kind::Unreachable);
        let Some(cache) = cache.as_ref().filter(|_| all_are_away && !failures.is_empty()) else {
            return if failures.is_empty() { Ok(BTreeMap::new()) } else { failed(Vec::new()) };
        };
        // Why not is said with why there is nothing else.
        let not_used = |why: String| Failure::new(Kind::Unreachable, why);
        let mut kept = match cache.read() {
            Ok(kept) => kept,
            Err(why) => return failed(vec![not_used(why)]),
        };
        if kept.is_empty() {
            return failed(Vec::new());
        }
        let (mut found, mut refused) = (Vec::new(), Vec::new());
        for (origin, failure) in &failures {
            match self.kept_of(*origin, cache, &mut kept) {
                Ok(one) => found.push((*origin, failure, one)),
                Err(why) => refused.push(not_used(why)),
            }
        }
        if !refused.is_empty() {
            return failed(refused);
        }
        let mut stale = BTreeMap::new();
        self.stale.borrow_mut().why = all_of(&failures);
        for (origin, failure, Kept { at, mut got, .. }) in found {
            self.memory.borrow_mut().note_fetched(origin, &got);
            if let Some(supplied) = self.supplied.borrow().get(&origin) {
                got.used.extend_from_slice(&supplied.used);
            }
            got.used.extend(self.may_have_used(origin));
            got.warnings.push(format!(
                "{}; STALE since {at}: using what it held then, from the cache {}",
                failure.message,
                cache.shown()
            ));
            stale.insert(origin, at);
            asked.0.insert(origin, got);
        }
        Ok(stale)
    }

    /// What the cache has of one source, where that can be used.
    fn kept_of(&self, origin: usize, cache: &Cache, kept: &mut Vec<Kept>) -> Result<Kept, String> {
        let path = cache.shown();
        let spec = self.sources.iter().find(|(at, _)| *at == origin).map(|(_, spec)| spec);
        let Some(spec) = spec.filter(|spec| !is_lease(spec)) else {
            return Err("credentials under a lease are in no cache".to_owned());
        };
        let identity = self.cache_identity(origin, spec);
        let Some(at) = kept.iter().position(|one| one.identity == identity) else {
            let source = &spec.kind;
            return Err(format!(
                "not using the cache {path}: it holds nothing of {source} as it is configured now"
            ));
        };
        let one = kept.swap_remove(at);
        cache.age_of(&one, Moment::now())?;
        match self.stale.borrow().kept.get(&origin) {
            Some(ours) if one.at < *ours => {
                Err(format!("not using the cache {path}: it is older than what was read since"))
            }
            Some(_) | None => Ok(one),
        }
    }

    /// Credentials that a source would have been asked with: a site that starts from the cache sees no more
    /// of them than one that does not.
    fn may_have_used(&self, origin: usize) -> Vec<String> {
        if let Some(tool) = self.tools.get(&origin) {
            return tool.used().to_vec();
        }
        let spec = self.sources.iter().find(|(at, _)| *at == origin).map(|(_, spec)| &spec.kind);
        let Some(SourceKind::Remote(remote)) = spec else { return Vec::new() };
        let names = match &**remote {
            Remote::AwsSecret(aws) if aws.access.profile.is_none() => AWS_CREDENTIALS,
            Remote::AwsParameters(aws) if aws.access.profile.is_none() => AWS_CREDENTIALS,
            Remote::Vault(vault) if vault.auth.method == VaultMethod::AwsIam => AWS_CREDENTIALS,
            Remote::AzureSecret(_) => AZURE_CREDENTIALS,
            // Google's are in files, and Vault's own were supplied.
            Remote::AwsSecret(_)
            | Remote::AwsParameters(_)
            | Remote::Vault(_)
            | Remote::GoogleSecret(_) => &[],
        };
        let is_set = |name: &&&str| self.inherited.contains_key(OsStr::new(**name));
        names.iter().filter(is_set).map(|name| (*name).to_owned()).collect()
    }

    /// Another one for every change of its config. A digest, since nobody has to read it there.
    fn cache_identity(&self, origin: usize, spec: &SourceSpec) -> String {
        let mut digest = Sha256::new();
        let mut add = |text: &[u8]| {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text);
        };
        add(format!("{:?}", spec.kind).as_bytes());
        for name in chosen_by(&spec.kind) {
            let value = self.inherited.get(OsStr::new(name));
            add(format!("{name}={value:?}").as_bytes());
        }
        if let Some(tool) = self.tools.get(&origin) {
            tool.chosen_by().for_each(|part| add(&part));
        }
        digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The variables that a store is asked by, and that its config does not name.
fn chosen_by(kind: &SourceKind) -> &'static [&'static str] {
    let SourceKind::Remote(remote) = kind else { return &[] };
    match &**remote {
        Remote::AwsSecret(_) | Remote::AwsParameters(_) => OF_AWS,
        Remote::GoogleSecret(_) => OF_GOOGLE,
        Remote::AzureSecret(_) => OF_AZURE,
        Remote::Vault(_) => &[],
    }
}

/// It ends by itself, and whoever starts with it later has nothing.
fn is_lease(spec: &SourceSpec) -> bool {
    match &spec.kind {
        SourceKind::Remote(remote) => {
            matches!(&**remote, Remote::Vault(vault) if vault.engine == Engine::Database)
        }
        _ => false,
    }
}
