//! How long a token lives: kept, renewed, replaced, given back.

use std::time::Duration;

use keybearer::config::VaultMethod;
use keybearer::helper::{Credential, Kind, SourceRequest};
use serde_json::{Value, json};

use super::{SourceExt, expect_failure, fetch, fetch_within, look, shown, token_of};
use crate::harness::{Bench, VaultServer, eventually, once, skip};

/// A userpass login, whose tokens are as `user` says, and the document that it opens.
struct Site {
    server: VaultServer,
    auth: String,
    mount: String,
}

impl Site {
    fn new(bench: &Bench, user: &Value) -> Option<Site> {
        let server = VaultServer::real_or_new(bench)?;
        let mount = server.mount_kv(2);
        server.post(&format!("{mount}/data/p"), &json!({ "data": { "A": "1" } }));
        let rules: &[&str] = &["read"];
        let data = format!("{mount}/data/p");
        let metadata = format!("{mount}/metadata/p");
        let policy = server.policy(&[(&data, rules), (&metadata, rules)]);
        let auth = server.enable("userpass");
        let mut body = json!({ "password": "x", "token_policies": [policy] });
        body.as_object_mut().unwrap().extend(user.as_object().unwrap().clone());
        server.post(&format!("auth/{auth}/users/site"), &body);
        let site = Site { server, auth, mount };
        site.forget();
        Some(site)
    }

    fn source(&self) -> SourceRequest {
        let source = self.server.source(&self.mount, "p").auth(VaultMethod::Userpass, &self.auth);
        let source = source.with(Credential::Password, "x");
        source.vault(|vault| vault.auth.username = Some("site".to_owned()))
    }

    /// What was asked so far.
    fn forget(&self) {
        if !self.server.is_real() {
            self.server.requests();
        }
    }

    fn login(&self) -> String {
        format!("POST /v1/auth/{}/login/site", self.auth)
    }

    fn read(&self) -> String {
        format!("GET /v1/{}/data/p", self.mount)
    }
}

const LOOKUP: &str = "GET /v1/auth/token/lookup-self";
const RENEW: &str = "POST /v1/auth/token/renew-self";

#[test]
fn a_login_serves_every_helper_until_its_time_runs_short() {
    once!();
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, &json!({ "token_ttl": 3600 })) else { return };
    let got = fetch(site.source()).unwrap();
    site.server.expect_requests([site.login(), site.read()]);
    let again = fetch(site.source().state(&got.state)).unwrap();
    site.server.expect_requests([site.read()]);
    assert!(again.state.is_some());
}

/// The state says that less than a third is left; the store is asked, and the token renewed.
#[test]
fn a_token_short_of_time_is_renewed() {
    once!();
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, &json!({ "token_ttl": 9 })) else { return };
    let got = fetch(site.source()).unwrap();
    let mut state: Value = serde_json::from_str(got.state.unwrap().expose()).unwrap();
    site.forget();
    let shortened = |state: &Value| Some(keybearer::secrets::Secret::new(state.to_string()));
    // It still has nearly all its time, so nothing is renewed for what an old state says.
    state["ends"] = json!(1);
    fetch(site.source().state(&shortened(&state))).unwrap();
    site.server.expect_requests([LOOKUP.to_owned(), site.read()]);
    let token = state["token"].as_str().unwrap().to_owned();
    let left = || {
        let header = [("X-Vault-Token", &token[..])];
        site.server.lookup(&header)["data"]["ttl"].as_u64().unwrap()
    };
    eventually("less than a third", || left() < 3);
    site.forget();
    let got = fetch(site.source().state(&shortened(&state))).unwrap();
    site.server.expect_requests([LOOKUP.to_owned(), RENEW.to_owned(), site.read()]);
    assert!(left() >= 3);
    assert!(got.state.unwrap().expose().contains(&token));
}

#[test]
fn a_dead_token_is_replaced_by_a_new_login() {
    once!();
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, &json!({ "token_ttl": 3600 })) else { return };
    let got = fetch(site.source()).unwrap();
    site.server.post("auth/token/revoke", &json!({ "token": token_of(&got) }));
    site.forget();
    let again = fetch(site.source().state(&got.state)).unwrap();
    assert_eq!(shown(&again.entries), [("A", "1")]);
    site.server.expect_requests([site.read(), LOOKUP.to_owned(), site.login(), site.read()]);
    assert_ne!(token_of(&again), token_of(&got));
}

/// At its longest life nothing is to be had by renewing it.
#[test]
fn when_renewal_ends_there_is_a_new_login() {
    once!();
    let bench = Bench::new();
    let user = json!({ "token_ttl": 2, "token_max_ttl": 2 });
    let Some(site) = Site::new(&bench, &user) else { return };
    let first = fetch(site.source()).unwrap();
    eventually("a new login", || {
        let got = fetch(site.source().state(&first.state)).unwrap();
        assert_eq!(shown(&got.entries), [("A", "1")]);
        token_of(&got) != token_of(&first)
    });
}

/// Another store, another role: a token that another one gave is not shown to it.
#[test]
fn a_kept_token_is_for_the_store_that_gave_it() {
    once!();
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, &json!({})) else { return };
    if site.server.is_real() {
        return skip("needs a server with two names");
    }
    let got = fetch(site.source()).unwrap();
    site.forget();
    let other = site.source().state(&got.state).vault(|vault| {
        vault.address = vault.address.replace("127.0.0.1", "localhost");
    });
    fetch(other).unwrap();
    site.server.expect_requests([site.login(), site.read()]);
}

#[test]
fn a_look_that_had_to_log_in_leaves_no_token_behind() {
    once!();
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, &json!({})) else { return };
    assert_eq!(look(site.source()), Ok(Some("1".to_owned())));
    let metadata = format!("GET /v1/{}/metadata/p", site.mount);
    let revoked = "POST /v1/auth/token/revoke-self".to_owned();
    site.server.expect_requests([site.login(), metadata.clone(), revoked]);
    // One that was kept is left alone.
    let got = fetch(site.source()).unwrap();
    site.forget();
    assert_eq!(look(site.source().state(&got.state)), Ok(Some("1".to_owned())));
    site.server.expect_requests([metadata]);
}

/// The operator's token is renewed where it runs short, and never kept.
#[test]
fn a_given_token_is_renewed_where_that_can_be_done() {
    once!();
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, &json!({})) else { return };
    let data = format!("{}/data/p", site.mount);
    let rules: [(&str, &[&str]); 1] = [(&data, &["read"])];
    let given = |more: &Value| {
        let token = site.server.token(more, &rules);
        site.forget();
        token
    };
    let source = |token: &str| site.server.source(&site.mount, "p").with(Credential::Token, token);
    let got = fetch(source(&given(&json!({ "ttl": "1h" })))).unwrap();
    assert_eq!(got.state, None);
    site.server.expect_requests([site.read(), LOOKUP.to_owned()]);
    let token = given(&json!({ "ttl": "9s", "period": "9s" }));
    let left = || {
        let header = [("X-Vault-Token", &token[..])];
        site.server.lookup(&header)["data"]["ttl"].as_u64().unwrap()
    };
    eventually("less than a third", || left() < 3);
    site.forget();
    fetch(source(&token)).unwrap();
    site.server.expect_requests([site.read(), LOOKUP.to_owned(), RENEW.to_owned()]);
    assert!(left() >= 3);
}

/// What was fetched is there: nobody waits for what may be done as well.
#[test]
fn what_changes_nothing_now_is_tried_once() {
    once!();
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, &json!({})) else { return };
    if site.server.is_real() {
        return skip("needs a server that fails when it is told to");
    }
    site.server.fault("lookup-self", 429, &json!({}));
    let given = site.server.source(&site.mount, "p");
    assert_eq!(shown(&fetch(given).unwrap().entries), [("A", "1")]);
    site.server.expect_requests([site.read(), LOOKUP.to_owned()]);
    site.server.fault("revoke-self", 429, &json!({}));
    assert_eq!(look(site.source()), Ok(Some("1".to_owned())));
    let metadata = format!("GET /v1/{}/metadata/p", site.mount);
    let revoked = "POST /v1/auth/token/revoke-self".to_owned();
    site.server.expect_requests([site.login(), metadata, revoked]);
}

/// Whether the token is what it said no to, the store does not tell: then it has said no, and no cache is
/// used in spite of it.
#[test]
fn a_no_stands_where_the_store_cannot_say_more() {
    once!();
    let bench = Bench::new();
    let Some(site) = Site::new(&bench, &json!({})) else { return };
    if site.server.is_real() {
        return skip("needs a server that fails when it is told to");
    }
    let got = fetch(site.source()).unwrap();
    site.server.post("auth/token/revoke", &json!({ "token": token_of(&got) }));
    site.forget();
    site.server.fault("lookup-self", 503, &json!({}));
    let result = fetch_within(Duration::from_secs(4), site.source().state(&got.state));
    let message = format!(
        "Vault '{0}/p': {{at}} refuses to read it (HTTP 403); the token may have ended, or its policies lack read on '{0}/data/p'",
        site.mount
    );
    expect_failure(&site.server, result, Kind::Refused, &message);
    assert!(!site.server.requests().contains(&site.login()));
}
