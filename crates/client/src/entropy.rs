//! The operating system's randomness.

use standfast_crypto::Entropy;

/// `getrandom(2)` and its kin.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// Fills `out`. Without randomness no key may be made, and going on would make guessable ones:
    /// the process ends. On the supported systems this does not happen after boot.
    fn fill(&mut self, out: &mut [u8]) {
        if getrandom::fill(out).is_err() {
            tracing::error!("no randomness from the operating system");
            std::process::abort();
        }
    }
}
