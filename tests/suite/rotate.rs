//! `keybearer rotate`: a new key comes in while the old one still verifies.

mod cut;
mod cycle;
mod due;
mod host;
mod killed;
mod refusals;
mod steps;
mod value;

/// Another good key.
const OTHER: &str = "Aq3_7hTn-Vb1xKpLw9RsYc5JmGd0eFaUoXi2BtHk8NvQ4zCuMyW6EgSjDrPfAlO9";
