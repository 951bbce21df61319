//! Sealing what lies in the database: AES-256-GCM under a key derived from the identity seed.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use standfast_crypto::{Enc, Secret, hmac, kdf};
use zeroize::Zeroizing;

const VERSION: u8 = 1;

/// The sealed bytes do not open: damaged, moved to another row, or of another identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored value does not open")]
pub(crate) struct DoesNotOpen;

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub(crate) struct NoEntropy;

/// Seals single values, each bound to its place (table, column, row).
///
/// Nonces are random, 96 bits: NIST SP 800-38D §8.3 allows 2^32 of them per key, and a database of
/// standups never writes that often.
pub(crate) struct ColumnSealer {
    cipher: Box<Aes256Gcm>,
    tag_key: Secret<32>,
}

impl ColumnSealer {
    pub(crate) fn new(seed: &Secret<32>) -> Self {
        let key = kdf::<32>(b"", seed.expose(), Enc::new("SF1/store"));
        Self {
            cipher: Box::new(Aes256Gcm::new(key.expose().into())),
            tag_key: kdf::<32>(b"", seed.expose(), Enc::new("SF1/store-tag")),
        }
    }

    /// `version || nonce || ciphertext || tag`.
    pub(crate) fn seal(&self, place: Enc, plain: &[u8]) -> Result<Vec<u8>, NoEntropy> {
        seal_with(&self.cipher, &place.finish(), plain).map(|sealed| {
            let mut bytes = Vec::with_capacity(1 + sealed.len());
            bytes.push(VERSION);
            bytes.extend_from_slice(&sealed);
            bytes
        })
    }

    pub(crate) fn open(
        &self,
        place: Enc,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        match sealed.split_first() {
            Some((&VERSION, sealed)) => open_with(&self.cipher, &place.finish(), sealed),
            _ => Err(DoesNotOpen),
        }
    }

    /// A row key that shows nothing of `value` and is the same each time, so that one can look up.
    pub(crate) fn tag(&self, what: &str, value: &[u8]) -> [u8; 32] {
        hmac(self.tag_key.expose(), &Enc::new(what).bytes(value).finish())
    }
}

/// `nonce || ciphertext || tag` with a fresh random nonce.
pub(crate) fn seal_with(
    cipher: &Aes256Gcm,
    aad: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, NoEntropy> {
    let mut nonce = [0u8; 12];
    getrandom::fill(&mut nonce).map_err(|_| NoEntropy)?;
    // Encryption fails only above 64 GiB, which no caller can hold.
    let sealed =
        cipher.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad }).map_err(|_| NoEntropy)?;
    Ok([&nonce[..], &sealed].concat())
}

/// Opens what [`seal_with`] made.
pub(crate) fn open_with(
    cipher: &Aes256Gcm,
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
    let (nonce, sealed) = sealed.split_first_chunk::<12>().ok_or(DoesNotOpen)?;
    cipher
        .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad })
        .map(Zeroizing::new)
        .map_err(|_| DoesNotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> ColumnSealer {
        ColumnSealer::new(&Secret::from_fn(|out| out.fill(byte)))
    }

    fn place(row: u64) -> Enc {
        Enc::new("contacts").uint(row)
    }

    #[test]
    fn a_value_opens_only_where_it_was_sealed_and_only_whole() {
        let sealer = sealer(1);
        let sealed = sealer.seal(place(1), b"Mina").unwrap();
        assert_eq!(sealed.len(), 4 + 1 + 12 + 16);
        assert_eq!(&sealer.open(place(1), &sealed).unwrap()[..], b"Mina");
        assert!(sealer.open(place(2), &sealed).is_err());
        assert!(self::sealer(2).open(place(1), &sealed).is_err());
        for byte in 0..sealed.len() {
            let mut flipped = sealed.clone();
            flipped[byte] ^= 1;
            assert!(sealer.open(place(1), &flipped).is_err(), "byte {byte}");
            assert!(sealer.open(place(1), &sealed[..byte]).is_err(), "cut at {byte}");
        }
    }

    #[test]
    fn the_same_value_never_seals_to_the_same_bytes() {
        let sealer = sealer(1);
        assert_ne!(
            sealer.seal(place(1), b"Mina").unwrap(),
            sealer.seal(place(1), b"Mina").unwrap()
        );
    }
}
