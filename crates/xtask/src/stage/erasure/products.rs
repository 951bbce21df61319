//! That what users get tells nobody its secrets.

use anyhow::{Context as _, ensure};
use xtask::paths::release_binary;

/// Part of the name, as compiled, of where telling begins: `standfast_crypto::reveal::SINK`.
const TELLING: &[u8] = b"6reveal4SINK";

/// Reads the programs themselves: however they were built, this must hold.
pub(crate) fn tell_nothing() -> anyhow::Result<()> {
    // The control: names are in the programs, and this one tells.
    ensure!(tells("standfast-revealing")?, "the revealing command does not seem to tell anything");
    for product in ["standfast", "standfast-app", "standfast-relay"] {
        ensure!(!tells(product)?, "{product} is built to tell its secrets");
    }
    Ok(())
}

fn tells(program: &str) -> anyhow::Result<bool> {
    let bytes = std::fs::read(release_binary(program)).with_context(|| program.to_owned())?;
    Ok(bytes.windows(TELLING.len()).any(|window| window == TELLING))
}
