/// In what form `status` is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
    /// One line, and the exit code.
    Check,
    /// OpenMetrics
    Metrics,
}
