//! Secrets, identities, bundles, key wraps, the epoch key schedule and the codes people compare.
//!
//! Pure: randomness comes in through [`Entropy`], time is unknown here. Failures give no reason
//! ([`Refused`]). There is one suite and no negotiation; `docs/protocol.md` §2 and §3 are the
//! normative text.
//!
//! What this crate does not do: it decides nothing about who may hold a key (`standfast-meeting`),
//! seals no media frame (`standfast-frame`) and stores nothing (`standfast-vault`).
//!
//! The contract: a [`Secret`] is exposed only for the one computation at hand.
//!
//! ```
//! use standfast_crypto::{Identity, Scope, Secret};
//!
//! let me = Identity::from_seed(Secret::from_fn(|seed| seed.fill(7))); // a real seed is random
//! let scope = Scope { meeting_id: [1; 16], session_id: [2; 32] };
//! let sig = me.sign(&scope, "leave", b"body");
//! assert!(me.public().verify(&scope, "leave", b"body", &sig).is_ok());
//! assert!(me.public().verify(&scope, "end", b"body", &sig).is_err());
//! ```

pub mod aead;
mod bundle;
mod codes;
mod enc;
mod entropy;
mod epoch;
mod identity;
#[cfg(test)]
mod known_answers;
mod link;
mod pairing;
mod passphrase;
#[cfg(feature = "expose-secrets-to-tests")]
pub mod reveal;
mod secret;
mod slots;
mod spoken;
mod stack;
#[cfg(test)]
mod testing;
mod wrap;

pub use bundle::{KEM_CIPHERTEXT, KEM_PUBLIC, PRIVATE_BUNDLE, PrivateBundle, PublicBundle};
pub use codes::{FingerprintDisplay, MeetingCode};
pub use enc::{Enc, expand, hash, hmac, kdf, sha256};
pub use entropy::Hedged;
pub use epoch::{Binding, EpochKeys, EpochSecret};
pub use identity::{Fingerprint, Identity, Pseudonym, PublicIdentity, Scope, checkpoint_public};
pub use link::{BOX_STEP, ControlKey, Link, LinkError, LinkKeys};
pub use pairing::PairingCode;
pub use passphrase::{EmptyPassphrase, Passphrase, PassphraseKey, normalize_passphrase};
pub use secret::Secret;
pub use slots::{SLOT, Slot, keep_in};
pub use spoken::{SpokenCode, SpokenShare};
pub use stack::{on_wiped_stack, wipe_stack};
pub use wrap::{Contact, GeneratorKey, MAX_SKIP, ReceiveChain, SendChain, Unwrapped, Wrapped};

/// Where random bytes come from. The app passes the operating system, a test passes a seed.
pub trait Entropy {
    /// Fills `out` with unpredictable bytes.
    fn fill(&mut self, out: &mut [u8]);
}

impl<E: Entropy + ?Sized> Entropy for Box<E> {
    fn fill(&mut self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

/// A check failed. Which one is nobody's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("refused")]
pub struct Refused;
