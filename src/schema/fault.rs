use std::borrow::Cow;

/// What is wrong with a value and how to mend it. Neither text holds anything of the value: what
/// is written here comes from the schema and from this program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub problem: Cow<'static, str>,
    pub mend: Cow<'static, str>,
}

impl Fault {
    pub fn new(problem: impl Into<Cow<'static, str>>, mend: impl Into<Cow<'static, str>>) -> Self {
        Fault { problem: problem.into(), mend: mend.into() }
    }

    /// The same fault, found in one item of a list; items count from 1.
    pub fn in_item(self, number: usize) -> Self {
        Fault { problem: format!("item {number} {}", self.problem).into(), mend: self.mend }
    }
}
