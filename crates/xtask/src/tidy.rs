//! `cargo xtask tidy`: the architecture's promises that a machine can check.

mod arrows;
mod layout;
mod promises;
mod revealing;

use anyhow::bail;

/// Checks everything and names every breach.
///
/// # Errors
/// When there is at least one breach, or the workspace cannot be read.
pub(crate) fn run() -> anyhow::Result<()> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .current_dir(xtask::paths::root())
        .other_options(vec!["--locked".to_owned()])
        .exec()?;
    let mut breaches = arrows::breaches(&metadata);
    breaches.extend(layout::breaches()?);
    breaches.extend(promises::breaches()?);
    breaches.extend(revealing::breaches(&metadata));
    for breach in &breaches {
        println!("tidy: {breach}");
    }
    if !breaches.is_empty() {
        bail!("{} breaches of ARCHITECTURE.md", breaches.len());
    }
    println!("tidy: clean");
    Ok(())
}
