//! From an epoch secret to the keys that are used (`docs/protocol.md` §6 *Draw*, §7).

use crate::codes::MeetingCode;
use crate::enc::{Enc, expand, hmac, kdf};
use crate::{Entropy, Fingerprint, Refused, Secret};

/// The secret of one epoch. Everything of the epoch follows from it, then it is erased.
pub struct EpochSecret(pub(crate) Secret<32>);

/// What an epoch secret is bound to.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// `H("SF1/roster", roster)`.
    pub roster_h: &'a [u8; 32],
    /// Hash of the announce before.
    pub prev_h: &'a [u8; 32],
    /// Term.
    pub term: u32,
    /// Epoch.
    pub epoch: u32,
}

impl EpochSecret {
    /// Draws a secret: fresh randomness, hedged, salted by every member's liveness nonce.
    pub fn draw<'n>(
        entropy: &mut dyn Entropy,
        hedge: &Secret<32>,
        nonces: impl ExactSizeIterator<Item = &'n [u8; 16]>,
        binding: &Binding<'_>,
    ) -> Self {
        let salt = Enc::new("SF1/nonces").list(nonces.map(|n| &n[..])).hash();
        let ikm = Secret::<64>::from_fn(|out| {
            entropy.fill(&mut out[..32]);
            out[32..].copy_from_slice(hedge.expose());
        });
        let info = Enc::new("SF1/es")
            .bytes(binding.prev_h)
            .uint(binding.term.into())
            .uint(binding.epoch.into());
        Self(kdf(&salt, ikm.expose(), info))
    }

    /// `key_commit`: tells this secret from any other, and binds roster and history to it.
    #[must_use]
    pub fn commitment(&self, binding: &Binding<'_>) -> [u8; 32] {
        let info = Enc::new("SF1/commit")
            .bytes(binding.roster_h)
            .bytes(binding.prev_h)
            .uint(binding.term.into())
            .uint(binding.epoch.into());
        *kdf::<32>(b"SF1/kc", self.0.expose(), info).expose()
    }

    /// Checks a secret that arrived against the announce.
    ///
    /// # Errors
    /// [`Refused`] when it is another secret.
    pub fn check(&self, binding: &Binding<'_>, key_commit: &[u8; 32]) -> Result<(), Refused> {
        use subtle::ConstantTimeEq;
        if self.commitment(binding).ct_eq(key_commit).into() { Ok(()) } else { Err(Refused) }
    }

    /// Derives everything of the epoch `h_e` for the roster's `(idx, fingerprint)` and `streams`.
    #[must_use]
    pub fn keys(&self, h_e: &[u8; 32], roster: &[(u16, Fingerprint)], streams: &[u8]) -> EpochKeys {
        let m_e = extract(h_e, self.0.expose());
        let ack = expand(m_e.expose(), Enc::new("SF1/ack"));
        let senders = roster
            .iter()
            .flat_map(|(idx, fp)| streams.iter().map(move |stream| (*idx, *fp, *stream)))
            .map(|(idx, fp, stream)| PreKey { idx, stream, key: pre(&m_e, idx, stream, fp) })
            .collect();
        EpochKeys { ack, senders, code: MeetingCode::derive(&self.0, h_e) }
    }
}

fn pre(m_e: &Secret<64>, idx: u16, stream: u8, fp: Fingerprint) -> Secret<64> {
    let info = Enc::new("SF1/media").uint(idx.into()).uint(stream.into()).bytes(&fp.0);
    expand(m_e.expose(), info)
}

/// `HKDF-Extract(salt, ikm)` with SHA-512 (RFC 5869 §2.2).
fn extract(salt: &[u8], ikm: &[u8]) -> Secret<64> {
    let (mut prk, _) = hkdf::Hkdf::<sha2::Sha512>::extract(Some(salt), ikm);
    let secret = Secret::from_fn(|out| out.copy_from_slice(&prk));
    zeroize::Zeroize::zeroize(prk.as_mut_slice());
    secret
}

/// What is kept of an epoch.
pub struct EpochKeys {
    ack: Secret<32>,
    senders: Vec<PreKey>,
    code: MeetingCode,
}

struct PreKey {
    idx: u16,
    stream: u8,
    key: Secret<64>,
}

impl EpochKeys {
    /// The code that everyone in this epoch sees.
    #[must_use]
    pub fn code(&self) -> &MeetingCode {
        &self.code
    }

    /// `HMAC(ack key, enc(FP, h_e))`.
    #[must_use]
    pub fn ack_mac(&self, fp: Fingerprint, h_e: &[u8; 32]) -> [u8; 32] {
        hmac(self.ack.expose(), &Enc::new("SF1/ackmac").bytes(&fp.0).bytes(h_e).finish())
    }

    /// Checks an ack's MAC in constant time.
    ///
    /// # Errors
    /// [`Refused`] unless its maker held this epoch's secret.
    pub fn check_ack(
        &self,
        fp: Fingerprint,
        h_e: &[u8; 32],
        mac: &[u8; 32],
    ) -> Result<(), Refused> {
        use subtle::ConstantTimeEq;
        if self.ack_mac(fp, h_e).ct_eq(mac).into() { Ok(()) } else { Err(Refused) }
    }

    /// Takes a sender's base key, salted by the join that is live. It can be taken once: what a
    /// sender or receiver is made from does not stay behind.
    pub fn take_base(&mut self, idx: u16, stream: u8, join_nonce: &[u8; 16]) -> Option<Secret<64>> {
        let at = self.senders.iter().position(|p| p.idx == idx && p.stream == stream)?;
        let pre = self.senders.swap_remove(at);
        Some(kdf(join_nonce, pre.key.expose(), Enc::new("SF1/sender")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    fn binding() -> Binding<'static> {
        Binding { roster_h: &[1; 32], prev_h: &[2; 32], term: 1, epoch: 2 }
    }

    fn secret() -> EpochSecret {
        EpochSecret(Secret::from_fn(|b| b.fill(5)))
    }

    #[test]
    fn commitment_binds_roster_history_term_and_epoch() {
        let kc = secret().commitment(&binding());
        assert!(secret().check(&binding(), &kc).is_ok());
        for other in [
            Binding { roster_h: &[9; 32], ..binding() },
            Binding { prev_h: &[9; 32], ..binding() },
            Binding { term: 9, ..binding() },
            Binding { epoch: 9, ..binding() },
        ] {
            assert!(secret().check(&other, &kc).is_err());
        }
        assert!(EpochSecret(Secret::from_fn(|b| b.fill(6))).check(&binding(), &kc).is_err());
    }

    #[test]
    fn keys_differ_by_history_sender_stream_and_join() {
        let roster = [(0, Fingerprint([1; 32])), (1, Fingerprint([2; 32]))];
        let base = |h: u8, idx, stream, nonce: u8| {
            let mut keys = secret().keys(&[h; 32], &roster, &[0, 3]);
            *keys.take_base(idx, stream, &[nonce; 16]).unwrap().expose()
        };
        let all = [
            base(1, 0, 0, 1),
            base(2, 0, 0, 1),
            base(1, 1, 0, 1),
            base(1, 0, 3, 1),
            base(1, 0, 0, 2),
        ];
        for (i, x) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|y| x != y));
        }
        assert_eq!(base(1, 0, 0, 1), all[0]);
    }

    #[test]
    fn a_base_key_is_taken_once() {
        let mut keys = secret().keys(&[1; 32], &[(0, Fingerprint([1; 32]))], &[0]);
        assert!(keys.take_base(0, 0, &[1; 16]).is_some());
        assert!(keys.take_base(0, 0, &[1; 16]).is_none());
        assert!(keys.take_base(7, 0, &[1; 16]).is_none());
    }

    #[test]
    fn the_draw_depends_on_every_liveness_nonce() {
        let draw = |last: u8| {
            let nonces = [[1; 16], [last; 16]];
            EpochSecret::draw(
                &mut Seeded::new(1),
                &Secret::from_fn(|b| b.fill(1)),
                nonces.iter(),
                &binding(),
            )
        };
        assert!(draw(2).0.ct_eq(draw(2).0.expose()));
        assert!(!draw(2).0.ct_eq(draw(3).0.expose()));
    }
}
