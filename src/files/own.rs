//! Files that keybearer itself writes and reads back: in memory alone, and for nobody else.

use std::path::Path;

use zeroize::Zeroizing;

use super::successor::Successor;
use super::way::Way;
use super::{Refusal, Rule, Unwritten, open};

pub fn read_own(path: &Path) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let (opened, _) = Way::to(path, Rule::Own)?.open()?;
    open::read(opened, path)
}

/// At every moment the name stands for what was there before or for all of this.
pub fn write_own(path: &Path, bytes: &[u8]) -> Result<(), Unwritten> {
    let way = Way::to(path, Rule::Own)?;
    let mut successor = Successor::make(&way)?;
    successor.must_be_in_memory()?;
    successor.fill(bytes)?;
    successor.take_place()
}
