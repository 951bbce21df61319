//! `cargo xtask setup`: finds what is missing and installs it. Running it again does nothing.

mod node;
mod packages;

/// Brings the machine to where everything else works.
///
/// # Errors
/// When something is missing that this program may not install. The text is the line to type.
pub(crate) fn run() -> anyhow::Result<()> {
    println!("setup: system packages");
    packages::ensure()?;
    println!("setup: node");
    node::ensure()?;
    println!("setup: done");
    Ok(())
}

/// Installs what the bench of voice can use. It goes on without, and says what it leaves out.
pub(crate) fn voice_bench() {
    println!("setup: packages of the bench");
    if let Err(why) = packages::ensure_for_voice_bench() {
        println!("  going on without: {why:#}");
    }
}

pub(crate) use node::npm;
