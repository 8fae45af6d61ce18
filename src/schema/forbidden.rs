//! Names that steer the loader, the interpreter, the shell or the supervisor's dealings with the
//! server. Whoever can set one of these runs code as the site, so that a store full of strings is
//! no place for them. (ld.so(8), glibc's unsecvars.h, bash(1), python(1), perlrun(1), systemd.exec(5))

const NAMES: &[&str] = &[
    "BASHOPTS",
    "BASH_ENV",
    "BASH_LOADABLES_PATH",
    "CDPATH",
    "CELERY_CONFIG_MODULE",
    "CELERY_LOADER",
    "CREDENTIALS_DIRECTORY",
    "ENV",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "GUNICORN_CMD_ARGS",
    "HOME",
    "HOSTALIASES",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "LOCALDOMAIN",
    "LOCPATH",
    "LOGNAME",
    "NIS_PATH",
    "NLSPATH",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NOTIFY_SOCKET",
    "OPENSSL_CONF",
    "OPENSSL_ENGINES",
    "OPENSSL_MODULES",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLLIB",
    "PROMPT_COMMAND",
    "PS4",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SSLKEYLOGFILE",
    "TERMCAP",
    "TMPDIR",
    "TZDIR",
    "USER",
    "ZDOTDIR",
];

const PREFIXES: &[&str] = &[
    "BASH_FUNC_",
    "GRANIAN_",
    "LD_",
    "LISTEN_",
    "MALLOC_",
    "PYTHON",
    "TERMINFO",
    "UVICORN_",
    "UWSGI_",
    "WATCHDOG_",
];

pub(super) fn is_forbidden(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok() || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// keybearer's own variables never reach the site, whatever is allowed.
pub(super) fn is_own(name: &str) -> bool {
    name.starts_with("KEYBEARER_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(NAMES.is_sorted());
        for bad in ["PATH", "LD_PRELOAD", "PYTHONSTARTUP", "IFS", "USER", "LISTEN_FDS", "ENV"] {
            assert!(is_forbidden(bad), "{bad}");
        }
        for good in ["SECRET_KEY", "ENVIRONMENT", "USERS", "PATH_PREFIX", "LDAP_URL", "HOSTNAME"] {
            assert!(!is_forbidden(good), "{good}");
        }
    }
}
