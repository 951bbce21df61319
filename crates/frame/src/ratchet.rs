//! One sender's ratchet: a base key that can only move forward.

use sframe::key::{GenericDecryptionKey, GenericEncryptionKey};

use standfast_crypto::Secret;

use crate::{
    context::KeyScheduleError,
    kid::Kid,
    suite::{BASE_BYTES, OpeningKey, SUITE, SealingKey, extract},
};

/// RFC 9605 §5.1. The `sframe` crate spells it "Sframe" in 2.1.0 and expands to `Nk` bytes, which
/// would make frames that no other implementation opens; hence our own ratchet.
const RATCHET_LABEL: &[u8] = b"SFrame 1.0 Ratchet";

/// The base key of one step. Stepping erases the key it came from.
pub(crate) struct Chain {
    base: Secret<BASE_BYTES>,
    step: u32,
}

impl Chain {
    /// The chain at step 0.
    pub(crate) fn new(base: Secret<BASE_BYTES>) -> Self {
        Self { base, step: 0 }
    }

    pub(crate) fn step(&self) -> u32 {
        self.step
    }

    /// `base[i+1] = HKDF-Expand(HKDF-Extract("", base[i]), "SFrame 1.0 Ratchet", Nh)`, beside
    /// this one.
    pub(crate) fn next(&self) -> Result<Self, KeyScheduleError> {
        let hkdf = extract(self.base.expose());
        let mut expanded = Ok(());
        let base = Secret::from_fn(|out: &mut [u8; BASE_BYTES]| {
            expanded = hkdf.expand(RATCHET_LABEL, out);
        });
        expanded.map_err(|_| KeyScheduleError)?;
        Ok(Self { base, step: self.step + 1 })
    }

    /// Moves on to `step` and erases every base key on the way; stays put if already there.
    pub(crate) fn advance_to(&mut self, step: u32) -> Result<(), KeyScheduleError> {
        while self.step < step {
            *self = self.next()?;
        }
        Ok(())
    }

    pub(crate) fn sealing_key(&self, sender: Kid) -> Result<SealingKey, KeyScheduleError> {
        GenericEncryptionKey::derive_from(SUITE, self.kid(sender), self.base.expose())
            .map_err(|_| KeyScheduleError)
    }

    pub(crate) fn opening_key(&self, sender: Kid) -> Result<OpeningKey, KeyScheduleError> {
        GenericDecryptionKey::derive_from(SUITE, self.kid(sender), self.base.expose())
            .map_err(|_| KeyScheduleError)
    }

    fn kid(&self, sender: Kid) -> u64 {
        u64::from(sender.at_step(self.step).to_bits())
    }
}

#[cfg(test)]
impl Chain {
    /// A chain that claims a step without having walked there.
    pub(crate) fn forged(base: Secret<BASE_BYTES>, step: u32) -> Self {
        Self { base, step }
    }

    pub(crate) fn expose_for_test(&self) -> &[u8; BASE_BYTES] {
        self.base.expose()
    }
}
