use std::collections::BTreeMap;
use std::rc::Rc;

use crate::secrets::{Name, Secret};

/// What the sources held, overlaid in their order. It cannot be started: only `Validated` can.
#[derive(Debug, Default)]
pub struct Fetched {
    pub entries: BTreeMap<Name, Entry>,
    /// Variables of the inherited environment that an `environment` source has taken over: the
    /// server sees them as validated or not at all.
    pub taken: Vec<Name>,
    /// A staged key or a record of rotation whose place in `entries` a later source has taken: only
    /// the one beside the key counts.
    pub replaced: Vec<(Name, Entry)>,
    /// What a store knows the keys to have been before, newest first.
    pub earlier: Vec<Earlier>,
    /// One line each, without values: overlaps, duplicates, files readable by others on a tmpfs.
    pub warnings: Vec<String>,
}

/// An earlier value of a Django key.
#[derive(Debug)]
pub struct Earlier {
    pub name: Name,
    pub value: Secret,
    pub origin: usize,
}

#[derive(Debug)]
pub struct Entry {
    pub value: Secret,
    /// For messages: `'/etc/example/example.env'`, `directory '/run/secrets'`, `the environment`.
    pub source: Rc<str>,
    /// The index of its `[[source]]`; None for what the schema fills in.
    pub origin: Option<usize>,
}
