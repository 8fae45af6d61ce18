/// One step of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Prepare,
    Promote,
    Retire,
    Abort,
    Revoke,
}
