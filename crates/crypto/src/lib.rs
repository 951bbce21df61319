//! Secrets, identities, prekeys, key wraps, the epoch key schedule and the codes people compare.
//!
//! Pure: randomness comes in through [`Entropy`], time is unknown here. Failures give no reason
//! ([`Refused`]). Everything is one suite, written down in `docs/protocol.md` §2.

mod enc;
mod secret;

pub use enc::{Enc, expand, hash, hmac, kdf};
pub use secret::Secret;

/// Where random bytes come from. The app passes the operating system, a test passes a seed.
pub trait Entropy {
    /// Fills `out` with unpredictable bytes.
    fn fill(&mut self, out: &mut [u8]);
}

/// A check failed. Which one is nobody's business but the debugger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("refused")]
pub struct Refused;
