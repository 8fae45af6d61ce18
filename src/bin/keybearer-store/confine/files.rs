use std::env;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    Scope, make_bitflags, path_beneath_rules,
};

/// As far as was known when this was written; an older kernel enforces what it knows.
const KNOWN: ABI = ABI::V6;

/// What the C library resolves names with, and which authorities this machine trusts. What is a symbolic
/// link is followed, so resolv.conf may be anybody's; the directories are there for links in directories.
const READ: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/passwd",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/var/lib/sss",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/usr/share/pki",
    "/var/lib/ca-certificates",
    "/nix/store",
    "/gnu/store",
    // Tokens that Kubernetes mounts, under a name that changes when they do.
    "/var/run/secrets",
    "/proc/self",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
];

/// Each names one file, or directories with `:` between them.
const NAMED: &[&str] = &[
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// It may read what is above and nothing else, write nowhere, execute nothing; no signal and no
/// abstract socket leads out of it, and nobody is listened to. landlock(7)
pub(super) fn restrict() -> Result<(), RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(paths(), make_bitflags!(AccessFs::{ReadFile | ReadDir})))?
        .restrict_self()?;
    Ok(())
}

/// What is not there is left out by the rules.
fn paths() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = READ.iter().map(PathBuf::from).collect();
    #[cfg(feature = "aws")]
    paths.extend(crate::aws::instance::FIRMWARE.map(PathBuf::from));
    // The SDK's own files, and its cache of tokens.
    paths.extend(env::var_os("HOME").map(|home| PathBuf::from(home).join(".aws")));
    for name in NAMED {
        if let Some(value) = env::var_os(name) {
            paths.extend(env::split_paths(&value));
        }
    }
    paths
}
