/// By what a file is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A file that an operator wrote secrets into: nothing for others, no write for the group.
    EnvFile,
    /// A file that a platform mounted (Docker, Kubernetes, systemd): read for others is the
    /// platforms' default, and accepted in memory only.
    Mounted,
    /// Config and schema, which hold no secret: nobody else may write.
    Settings,
}
