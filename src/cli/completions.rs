//! `probity completions`: what a shell needs to complete commands, flags and values.

use std::io;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

/// Prints completions for a shell, to be put where it looks for them.
///
/// Exit status: 0 printed, 2 it could not be.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  probity completions bash > ~/.local/share/bash-completion/completions/probity\n  \
                        probity completions zsh > ~/.zfunc/_probity\n  \
                        probity completions fish > ~/.config/fish/completions/probity.fish"
)]
pub struct CompletionsArgs {
    /// Which shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Runs `probity completions` for a program of these arguments.
///
/// # Errors
///
/// They could not be printed.
pub fn run(arguments: &CompletionsArgs, mut program: clap::Command) -> io::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut program, "probity", &mut text);
    io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}
