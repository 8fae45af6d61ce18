use std::rc::Rc;

use crate::log;
use crate::stores::Stores;

/// Whatever way a command ends, what the stores gave it for a time goes back.
pub struct Returned(Option<Rc<Stores>>);

impl Returned {
    pub fn at_the_end(stores: Option<&Rc<Stores>>) -> Returned {
        Returned(stores.cloned())
    }
}

impl Drop for Returned {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(|stores| stores.revoke_all()) {
            log::warning(format_args!("a lease was not revoked, and ends by itself: {error}"));
        }
    }
}
