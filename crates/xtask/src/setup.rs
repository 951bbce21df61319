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

pub(crate) use node::npm;
