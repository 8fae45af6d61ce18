//! keybearer-store and Vault: each login, each engine, each way in which it can fail.
