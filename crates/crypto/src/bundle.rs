//! Single-use key bundles: what a wrap is made for (`docs/protocol.md` §3).
//!
//! A *prekey bundle* lies at the relay for a meeting to come; a *contact bundle* travels in a join
//! request. Both are one X25519 and one ML-KEM-768 key pair under a random id.

use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};
use ml_kem::{B32, Decapsulate, KeyExport, Seed};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroize;

use crate::identity::{agree, check_agreement_key};
use crate::{Entropy, Refused, Secret};

/// Bytes of an ML-KEM-768 encapsulation key.
pub const KEM_PUBLIC: usize = 1184;
/// Bytes of an ML-KEM-768 ciphertext.
pub const KEM_CIPHERTEXT: usize = 1088;
/// Bytes of a private bundle at rest: id, X25519 key, ML-KEM seed.
pub const PRIVATE_BUNDLE: usize = 16 + 32 + 64;

/// The public half, its keys checked: a contact with it cannot fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicBundle {
    bundle_id: [u8; 16],
    ek: [u8; 32],
    pk: Box<[u8; KEM_PUBLIC]>,
}

impl PublicBundle {
    /// Checks keys that arrived, before anything depends on them: a generator that meets an
    /// unusable key only while it wraps has announced an epoch that it cannot hand out.
    ///
    /// # Errors
    /// [`Refused`] for an X25519 key of small order or an encapsulation key that is not reduced
    /// (FIPS 203 §7.2).
    pub fn check(
        bundle_id: [u8; 16],
        ek: [u8; 32],
        pk: Box<[u8; KEM_PUBLIC]>,
    ) -> Result<Self, Refused> {
        check_agreement_key(&ek)?;
        EncapsulationKey::new(&(*pk).into()).map_err(|_| Refused)?;
        Ok(Self { bundle_id, ek, pk })
    }

    /// Names the bundle in a wrap.
    #[must_use]
    pub fn bundle_id(&self) -> [u8; 16] {
        self.bundle_id
    }
    /// X25519.
    #[must_use]
    pub fn ek(&self) -> &[u8; 32] {
        &self.ek
    }
    /// ML-KEM-768.
    #[must_use]
    pub fn pk(&self) -> &[u8; KEM_PUBLIC] {
        &self.pk
    }
}

/// The private half. Opening one contact consumes it.
pub struct PrivateBundle {
    bundle_id: [u8; 16],
    ek: Secret<32>,
    seed: Secret<64>,
}

impl PrivateBundle {
    /// Draws a fresh bundle.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut bundle_id = [0; 16];
        entropy.fill(&mut bundle_id);
        Self { bundle_id, ek: Secret::random(entropy), seed: Secret::random(entropy) }
    }

    /// The id under which it is known.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.bundle_id
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicBundle {
        let ek = PublicKey::from(&*self.x25519()).to_bytes();
        let kem = self.kem();
        let mut pk = Box::new([0; KEM_PUBLIC]);
        pk.copy_from_slice(&kem.encapsulation_key().to_bytes());
        PublicBundle { bundle_id: self.bundle_id, ek, pk }
    }

    /// For the keychain.
    #[must_use]
    pub fn to_secret(&self) -> Secret<PRIVATE_BUNDLE> {
        Secret::from_fn(|out| {
            out[..16].copy_from_slice(&self.bundle_id);
            out[16..48].copy_from_slice(self.ek.expose());
            out[48..].copy_from_slice(self.seed.expose());
        })
    }

    /// From the keychain.
    #[must_use]
    pub fn from_secret(stored: &Secret<PRIVATE_BUNDLE>) -> Self {
        let (id, keys) = stored.expose().split_at(16);
        let (ek, seed) = keys.split_at(32);
        let mut bundle_id = [0; 16];
        bundle_id.copy_from_slice(id);
        Self {
            bundle_id,
            ek: Secret::from_fn(|out| out.copy_from_slice(ek)),
            seed: Secret::from_fn(|out| out.copy_from_slice(seed)),
        }
    }

    pub(crate) fn x25519(&self) -> Box<StaticSecret> {
        Box::new(StaticSecret::from(*self.ek.expose()))
    }

    pub(crate) fn agree(&self, with: &[u8; 32]) -> Result<Secret<32>, Refused> {
        agree(&self.x25519(), with)
    }

    pub(crate) fn decapsulate(&self, ct: &[u8; KEM_CIPHERTEXT]) -> Secret<32> {
        let mut shared = self.kem().decapsulate(&Ciphertext::from(*ct));
        let secret = Secret::from_fn(|out| out.copy_from_slice(&shared));
        shared.zeroize();
        secret
    }

    fn kem(&self) -> Box<DecapsulationKey> {
        let mut seed = Seed::from(*self.seed.expose());
        let kem = Box::new(DecapsulationKey::from_seed(seed));
        seed.zeroize();
        kem
    }
}

/// Encapsulates to `pk` with 32 hedged bytes as coins (FIPS 203 algorithm 20).
pub(crate) fn encapsulate(
    pk: &[u8; KEM_PUBLIC],
    entropy: &mut dyn Entropy,
) -> Result<(Box<[u8; KEM_CIPHERTEXT]>, Secret<32>), Refused> {
    let key = EncapsulationKey::new(&(*pk).into()).map_err(|_| Refused)?;
    let coins = Secret::<32>::random(entropy);
    let mut m = B32::from(*coins.expose());
    let (ct, mut shared) = key.encapsulate_deterministic(&m);
    m.zeroize();
    let mut boxed = Box::new([0; KEM_CIPHERTEXT]);
    boxed.copy_from_slice(&ct);
    let secret = Secret::from_fn(|out| out.copy_from_slice(&shared));
    shared.zeroize();
    Ok((boxed, secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn unusable_keys_are_refused_on_arrival() {
        let good = PrivateBundle::generate(&mut Seeded::new(1)).public();
        let check = |ek: [u8; 32], pk: [u8; KEM_PUBLIC]| {
            PublicBundle::check(good.bundle_id, ek, Box::new(pk)).is_ok()
        };
        assert!(check(good.ek, *good.pk));
        // The points of small order, RFC 7748 §6.1: nothing secret comes of them.
        let mut one = [0; 32];
        one[0] = 1;
        assert!(!check([0; 32], *good.pk));
        assert!(!check(one, *good.pk));
        // Coefficients above q.
        assert!(!check(good.ek, [0xff; KEM_PUBLIC]));
    }
}
