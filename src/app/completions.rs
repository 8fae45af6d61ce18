use std::io::Write;

use clap_complete::{Shell, generate};

use crate::cli;

use super::output::{Unwritable, print};

/// `keybearer completions SHELL`
pub fn run(shell: Shell, out: &mut impl Write) -> Result<(), Unwritable> {
    let mut script = Vec::new();
    generate(shell, &mut cli::command(), "keybearer", &mut script);
    print(out, &script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_learns_the_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            run(shell, &mut script).unwrap();
            assert!(String::from_utf8(script).unwrap().contains("env-file"), "{shell}");
        }
    }
}
