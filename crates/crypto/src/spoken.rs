//! The spoken code: three words that are the same for all only if roster, history and key are
//! (`docs/protocol.md` §8, *Spoken code*).
//!
//! Short codes can be ground: who chooses its share last tries values until the words fit. So
//! everyone commits first, and shows its value only when all commitments are in hand.

use crate::enc::{Enc, kdf};
use crate::{Entropy, Fingerprint, Secret};

/// Bits of one word of the BIP39 list.
const WORD_BITS: u32 = 11;

/// One member's share in one run. Erased when dropped; never used again.
pub struct SpokenShare(Secret<32>);

impl SpokenShare {
    /// A fresh one.
    pub fn draw(entropy: &mut dyn Entropy) -> Self {
        Self(Secret::random(entropy))
    }

    /// One that somebody showed.
    #[must_use]
    pub fn shown(value: &[u8; 32]) -> Self {
        Self(Secret::from_fn(|share| share.copy_from_slice(value)))
    }

    /// `H("SF1/sasc", FP, run_id, sas_r)`: binds `of` to this share in this run.
    #[must_use]
    pub fn commitment(&self, of: Fingerprint, run_id: &[u8; 16]) -> [u8; 32] {
        Enc::new("SF1/sasc").bytes(&of.0).bytes(run_id).bytes(self.0.expose()).hash()
    }

    /// The value, to show it to everyone.
    #[must_use]
    pub fn reveal(&self) -> [u8; 32] {
        *self.0.expose()
    }
}

/// Three words of the English BIP39 list: 33 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpokenCode([&'static str; 3]);

impl SpokenCode {
    /// `KDF(H("SF1/sascs", h_e, commitments), shares, "SF1/sas"; 5)`, its top 33 bits. Commitments
    /// and shares are those of the whole roster, in idx order.
    #[must_use]
    pub fn derive(h_e: &[u8; 32], roster: &[([u8; 32], SpokenShare)]) -> Self {
        let commitments = roster.iter().map(|(commitment, _)| commitment.as_slice());
        let salt = Enc::new("SF1/sascs").bytes(h_e).list(commitments).hash();
        let mut shares = zeroize::Zeroizing::new(Vec::with_capacity(32 * roster.len()));
        for (_, share) in roster {
            shares.extend_from_slice(share.0.expose());
        }
        let code = kdf::<5>(&salt, &shares, Enc::new("SF1/sas"));
        let bits = code.expose().iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte)) >> 7;
        let words = bip39::Language::English.word_list();
        let word = |nth: u32| words[(bits >> (WORD_BITS * (2 - nth)) & 0x7ff) as usize];
        Self([word(0), word(1), word(2)])
    }

    /// The words, in the order in which they are spoken.
    #[must_use]
    pub fn words(&self) -> [&'static str; 3] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(shares: &[u8]) -> Vec<([u8; 32], SpokenShare)> {
        let one = |(idx, n): (u8, &u8)| {
            let share = SpokenShare::shown(&[*n; 32]);
            (share.commitment(Fingerprint([idx; 32]), &[1; 16]), share)
        };
        (0..).zip(shares).map(one).collect()
    }

    #[test]
    fn the_code_depends_on_history_and_on_every_share() {
        let code = SpokenCode::derive(&[5; 32], &roster(&[1, 2, 3]));
        assert_eq!(code, SpokenCode::derive(&[5; 32], &roster(&[1, 2, 3])));
        assert_ne!(code, SpokenCode::derive(&[6; 32], &roster(&[1, 2, 3])));
        assert_ne!(code, SpokenCode::derive(&[5; 32], &roster(&[2, 1, 3])));
        assert_ne!(code, SpokenCode::derive(&[5; 32], &roster(&[1, 2])));
        for at in 0..3 {
            let mut shares = [1, 2, 3];
            shares[at] = 9;
            assert_ne!(code, SpokenCode::derive(&[5; 32], &roster(&shares)), "share {at}");
            // The same share under another commitment.
            let mut others = roster(&[1, 2, 3]);
            others[at].0[31] ^= 1;
            assert_ne!(code, SpokenCode::derive(&[5; 32], &others), "commitment {at}");
        }
    }

    #[test]
    fn a_commitment_binds_member_run_and_share() {
        let share = SpokenShare::shown(&[1; 32]);
        let c = share.commitment(Fingerprint([2; 32]), &[3; 16]);
        assert_ne!(c, share.commitment(Fingerprint([3; 32]), &[3; 16]));
        assert_ne!(c, share.commitment(Fingerprint([2; 32]), &[4; 16]));
        let other = SpokenShare::shown(&[2; 32]);
        assert_ne!(c, other.commitment(Fingerprint([2; 32]), &[3; 16]));
    }

    /// All of the list, from its first word to its last, as often as any other.
    #[test]
    fn every_bit_of_the_code_is_spoken() {
        let words = bip39::Language::English.word_list();
        let mut seen = [[false; 2_048]; 3];
        for n in 0..40_000u32 {
            let mut h_e = [0; 32];
            h_e[..4].copy_from_slice(&n.to_be_bytes());
            let code = SpokenCode::derive(&h_e, &roster(&[1]));
            for (place, word) in code.words().iter().enumerate() {
                seen[place][words.binary_search(word).unwrap()] = true;
            }
        }
        assert!(seen.iter().all(|place| place.iter().all(|seen| *seen)));
    }
}
