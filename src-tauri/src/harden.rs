//! Keeps keys in memory out of core dumps and away from other processes of the same user.

/// Switches core dumps and reading by other processes off.
///
/// Development builds stay readable, so that a debugger works on them.
///
/// # Errors
/// When the system refuses. The program must not go on then: it would hold keys unprotected.
pub(crate) fn process() -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        return Ok(());
    }
    // No tracer detection: it fails in containers that trace for good reasons and stops nobody
    // who is already inside.
    let mut config = secmem_proc::Config::DEFAULT;
    config.set_anti_tracing(false);
    config.harden_process()?;
    Ok(())
}
