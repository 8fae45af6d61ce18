/// By what a file is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A file that an operator wrote secrets into: nothing for others, no write for the group.
    EnvFile,
    /// A file that a platform mounted (Docker, Kubernetes, systemd): read for others is the
    /// platforms' default, and accepted in memory only.
    Mounted,
    /// keybearer's own config: root's or the invoking user's, and nobody else may write.
    Config,
    /// The application's schema, which lies in its repository and belongs to whoever deploys it. It
    /// holds no secret and decides nothing that its owner, the site, could not do anyway.
    Schema,
    /// A program that keybearer starts: root's or the invoking user's, and nobody else may write it, or
    /// put another one in its place.
    Executable,
    /// What keybearer itself has written, with secrets in it: its own user's, for nobody else, and in
    /// memory only.
    Own,
}
