//! The `standfast` command; all of it is in the library beside this file.

use std::process::ExitCode;

#[global_allocator]
static WIPING: standfast_harden::Wiping = standfast_harden::WIPING;

fn main() -> anyhow::Result<ExitCode> {
    standfast_harden::quiet_panics();
    standfast_harden::process()?;
    standfast_cli::run()
}
