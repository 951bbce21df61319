//! The stage: two real windows, a relay, and everything that they need around them.

fn main() -> anyhow::Result<()> {
    anyhow::bail!("the stage is not built yet")
}
