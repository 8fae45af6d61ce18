/// The server that the command starts: it decides how readiness is known and how sockets go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    Gunicorn,
    Hypercorn,
    Uwsgi,
    Uvicorn,
    Daphne,
    /// Any server that says READY=1 itself when it is ready.
    Notify,
    Other,
}
