use std::fmt::Display;

/// `{ min = 1, max = 9 }`; either may be left out, not both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds<T> {
    pub min: Option<T>,
    pub max: Option<T>,
}

impl<T: PartialOrd + Display + Copy> Bounds<T> {
    /// What the bounds ask for, where `value` is outside of them.
    pub fn broken_by(&self, value: T) -> Option<String> {
        match (self.min, self.max) {
            (Some(min), _) if value < min => Some(format!("at least {min}")),
            (_, Some(max)) if value > max => Some(format!("at most {max}")),
            _ => None,
        }
    }
}
