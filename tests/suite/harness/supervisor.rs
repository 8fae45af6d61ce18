use super::{Bench, Invocation, KEY};

/// Who stands between the test and the server. The generic cases run against tini too: a case that
/// tini fails is a wrong case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    Keybearer,
    Tini,
}

impl Supervisor {
    pub fn supervise<'a>(self, bench: &'a Bench, command: &[&str]) -> Invocation<'a> {
        match self {
            Supervisor::Keybearer => {
                let env_file = bench.env_file(&format!("SECRET_KEY={KEY}\n"));
                let run = bench.keybearer(["run", "--env-file"]).arg(env_file);
                run.user_flags().arg("--").args(command)
            }
            // -s: a subreaper, since here it is not the first process.
            Supervisor::Tini => bench.program("/usr/bin/tini").args(["-s", "--"]).args(command),
        }
    }
}

/// A test function of one argument, the supervisor, as one test for each.
macro_rules! for_each_supervisor {
    ($($case:ident),+ $(,)?) => {
        mod keybearer {
            $(#[test]
            fn $case() {
                super::$case($crate::harness::Supervisor::Keybearer);
            })+
        }
        mod tini {
            $(#[test]
            fn $case() {
                super::$case($crate::harness::Supervisor::Tini);
            })+
        }
    };
}
pub(crate) use for_each_supervisor;
