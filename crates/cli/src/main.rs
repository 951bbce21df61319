//! The `standfast` command; all of it is in the library beside this file.

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    standfast_cli::run()
}
