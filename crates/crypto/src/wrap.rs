//! Wrapping an epoch secret for one member, PQXDH-shaped (`docs/protocol.md` §6, *Wrap*).
//!
//! The asymmetric part runs once per pair and term ([`SendChain::contact`] and
//! [`ReceiveChain::contact`]); after that each epoch takes one step of a hash chain. Every wrap key
//! is used once and bound to the announce, so a zero nonce is safe.

use x25519_dalek::{PublicKey, StaticSecret};

use crate::bundle::{KEM_CIPHERTEXT, encapsulate};
use crate::enc::{Enc, expand, kdf};
use crate::epoch::EpochSecret;
use crate::identity::agree;
use crate::{
    Entropy, Fingerprint, Identity, PrivateBundle, PublicBundle, PublicIdentity, Refused, Secret,
    aead,
};

/// Chain positions that a receiver skips, at most: wraps that were lost on the way.
pub const MAX_SKIP: u32 = 64;

/// The generator's ephemeral X25519 key of one term.
pub struct GeneratorKey(Box<StaticSecret>);

impl GeneratorKey {
    /// A fresh key.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self(Box::new(StaticSecret::from(*Secret::<32>::random(entropy).expose())))
    }
    /// The public half, announced as `gen_ek`.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&*self.0).to_bytes()
    }
}

/// What both sides of a contact know beside the keys.
pub struct Contact<'a> {
    /// Meeting.
    pub meeting_id: &'a [u8; 16],
    /// Session.
    pub session_id: &'a [u8; 32],
    /// `link_psk`.
    pub link_psk: &'a Secret<32>,
    /// The recipient's join nonce, or its bundle id while it is invited.
    pub join_nonce: &'a [u8; 16],
    /// The term.
    pub term: u32,
}

/// One wrap as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// Position in the chain.
    pub n: u32,
    /// Until the first ack.
    pub kem_ct: Option<Box<[u8; KEM_CIPHERTEXT]>>,
    /// The sealed secret.
    pub ct: [u8; 48],
}

/// The generator's end of the chain to one member.
pub struct SendChain {
    chain: Chain,
    bundle_id: [u8; 16],
    kem_ct: Option<Box<[u8; KEM_CIPHERTEXT]>>,
}

impl SendChain {
    /// Runs the asymmetric part toward `bundle` of `peer`.
    ///
    /// # Errors
    /// [`Refused`] for unusable keys.
    pub fn contact(
        me: &Identity,
        gen_key: &GeneratorKey,
        peer: &PublicIdentity,
        bundle: &PublicBundle,
        contact: &Contact<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Refused> {
        let (kem_ct, ss) = encapsulate(bundle.pk(), entropy)?;
        let dh = [
            me.agree(bundle.ek())?,
            agree(&gen_key.0, peer.ikd())?,
            agree(&gen_key.0, bundle.ek())?,
        ];
        let gen_ek = gen_key.public();
        let ctx = context(contact, (me.public(), &gen_ek), (peer, bundle), &kem_ct);
        let chain = Chain::new(contact.link_psk, &dh, &ss, &ctx);
        Ok(Self { chain, bundle_id: bundle.bundle_id(), kem_ct: Some(kem_ct) })
    }

    /// The bundle that this chain was made for.
    #[must_use]
    pub fn bundle_id(&self) -> [u8; 16] {
        self.bundle_id
    }

    /// The recipient has acked: it has the KEM ciphertext.
    pub fn acked(&mut self) {
        self.kem_ct = None;
    }

    /// Wraps `secret` of the announce `h_e` and moves the chain.
    pub fn wrap(
        &mut self,
        h_e: &[u8; 32],
        from: Fingerprint,
        to: Fingerprint,
        secret: &EpochSecret,
    ) -> Wrapped {
        self.seal("SF1/wrapaad", h_e, (from, to), &secret.0)
    }

    /// Seals what deletes the relay's board in the next step of the chain. Never mistaken for an
    /// epoch secret: its associated data has a label of its own.
    pub fn wrap_end(
        &mut self,
        at_h: &[u8; 32],
        from: Fingerprint,
        to: Fingerprint,
        preimage: &Secret<32>,
    ) -> Wrapped {
        self.seal("SF1/endaad", at_h, (from, to), preimage)
    }

    fn seal(
        &mut self,
        label: &str,
        h: &[u8; 32],
        (from, to): (Fingerprint, Fingerprint),
        secret: &Secret<32>,
    ) -> Wrapped {
        let n = self.chain.n;
        let key = self.chain.step(h);
        let sealed = aead::seal(&key, &[0; 12], &aad(label, h, from, to, n), secret.expose());
        let mut ct = [0; 48];
        ct.copy_from_slice(&sealed);
        Wrapped { n, kem_ct: self.kem_ct.clone(), ct }
    }
}

/// A member's end of the chain from one generator.
pub struct ReceiveChain(Chain);

/// An opened wrap. The chain has moved only for those who [`commit`](Self::commit).
pub struct Unwrapped {
    secret: EpochSecret,
    next: Chain,
}

impl Unwrapped {
    /// The secret, to be checked against the announce's `key_commit`.
    #[must_use]
    pub fn secret(&self) -> &EpochSecret {
        &self.secret
    }
    /// The secret fits: gives it and the chain after it.
    #[must_use]
    pub fn commit(self) -> (EpochSecret, ReceiveChain) {
        (self.secret, ReceiveChain(self.next))
    }
}

impl ReceiveChain {
    /// Runs the asymmetric part with the private half of the bundle that the generator used.
    ///
    /// # Errors
    /// [`Refused`] for unusable keys. A wrong key shows only when a wrap does not open.
    pub fn contact(
        me: &Identity,
        bundle: &PrivateBundle,
        generator: &PublicIdentity,
        gen_ek: &[u8; 32],
        kem_ct: &[u8; KEM_CIPHERTEXT],
        contact: &Contact<'_>,
    ) -> Result<Self, Refused> {
        let ss = bundle.decapsulate(kem_ct);
        let dh = [bundle.agree(generator.ikd())?, me.agree(gen_ek)?, bundle.agree(gen_ek)?];
        let ctx = context(contact, (generator, gen_ek), (me.public(), &bundle.public()), kem_ct);
        Ok(Self(Chain::new(contact.link_psk, &dh, &ss, &ctx)))
    }

    /// Opens a wrap without moving this chain.
    ///
    /// # Errors
    /// [`Refused`] for a position behind or more than [`MAX_SKIP`] ahead, or a wrong seal.
    pub fn open(
        &self,
        wrapped: (u32, &[u8; 48]),
        h_e: &[u8; 32],
        from: Fingerprint,
        to: Fingerprint,
    ) -> Result<Unwrapped, Refused> {
        let (secret, next) = self.unseal("SF1/wrapaad", wrapped, h_e, (from, to))?;
        Ok(Unwrapped { secret: EpochSecret(secret), next })
    }

    /// Opens what [`SendChain::wrap_end`] sealed, without moving this chain.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_end(
        &self,
        wrapped: (u32, &[u8; 48]),
        at_h: &[u8; 32],
        from: Fingerprint,
        to: Fingerprint,
    ) -> Result<Secret<32>, Refused> {
        self.unseal("SF1/endaad", wrapped, at_h, (from, to)).map(|(secret, _)| secret)
    }

    fn unseal(
        &self,
        label: &str,
        (n, ct): (u32, &[u8; 48]),
        h: &[u8; 32],
        (from, to): (Fingerprint, Fingerprint),
    ) -> Result<(Secret<32>, Chain), Refused> {
        let skip = n.checked_sub(self.0.n).filter(|skip| *skip <= MAX_SKIP).ok_or(Refused)?;
        let mut next = self.0.fork();
        for _ in 0..skip {
            drop(next.step(h));
        }
        let key = next.step(h);
        let opened = aead::open(&key, &[0; 12], &aad(label, h, from, to, n), ct)?;
        let mut plain = zeroize::Zeroizing::new(opened);
        let bytes: &mut [u8; 32] = plain.as_mut_slice().try_into().map_err(|_| Refused)?;
        #[cfg(feature = "expose-secrets-to-tests")]
        crate::reveal::born("SF1/es", bytes);
        Ok((Secret::from_slice_wiping(bytes), next))
    }
}

/// `chain_n` and its position.
struct Chain {
    key: Secret<32>,
    n: u32,
}

impl Chain {
    fn new(psk: &Secret<32>, dh: &[Secret<32>; 3], ss: &Secret<32>, ctx: &[u8; 32]) -> Self {
        let ikm = Secret::<128>::from_fn(|out| {
            for (i, part) in dh.iter().chain([ss]).enumerate() {
                out[32 * i..32 * (i + 1)].copy_from_slice(part.expose());
            }
        });
        Self { key: kdf(psk.expose(), ikm.expose(), Enc::new("SF1/kek").bytes(ctx)), n: 0 }
    }

    /// The wrap key at `n`; the chain key behind it is erased.
    fn step(&mut self, h_e: &[u8; 32]) -> Secret<32> {
        let wrap_key =
            expand(self.key.expose(), Enc::new("SF1/wrap").uint(self.n.into()).bytes(h_e));
        self.key = expand(self.key.expose(), Enc::new("SF1/chain"));
        self.n += 1;
        wrap_key
    }

    fn fork(&self) -> Self {
        Self { key: Secret::from_fn(|out| out.copy_from_slice(self.key.expose())), n: self.n }
    }
}

fn aad(label: &str, h: &[u8; 32], from: Fingerprint, to: Fingerprint, n: u32) -> Vec<u8> {
    Enc::new(label).bytes(h).bytes(&from.0).bytes(&to.0).uint(n.into()).finish()
}

fn context(
    contact: &Contact<'_>,
    generator: (&PublicIdentity, &[u8; 32]),
    peer: (&PublicIdentity, &PublicBundle),
    kem_ct: &[u8; KEM_CIPHERTEXT],
) -> [u8; 32] {
    let ((g, gen_ek), (p, bundle)) = (generator, peer);
    Enc::new("SF1/ctx")
        .bytes(contact.meeting_id)
        .bytes(contact.session_id)
        .bytes(&g.fingerprint().0)
        .bytes(&p.fingerprint().0)
        .bytes(g.ikd())
        .bytes(p.ikd())
        .bytes(gen_ek)
        .bytes(bundle.ek())
        .bytes(bundle.pk())
        .bytes(kem_ct)
        .bytes(contact.join_nonce)
        .uint(contact.term.into())
        .hash()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    struct Pair {
        g: Identity,
        p: Identity,
        gen_ek: [u8; 32],
        send: SendChain,
        receive: ReceiveChain,
    }

    fn pair() -> Pair {
        let mut rng = Seeded::new(1);
        let (g, p) = (
            Identity::from_seed(Secret::random(&mut rng)),
            Identity::from_seed(Secret::random(&mut rng)),
        );
        let (gen_key, bundle) =
            (GeneratorKey::generate(&mut rng), PrivateBundle::generate(&mut rng));
        let psk = Secret::random(&mut rng);
        let contact = Contact {
            meeting_id: &[1; 16],
            session_id: &[2; 32],
            link_psk: &psk,
            join_nonce: &[3; 16],
            term: 1,
        };
        let send =
            SendChain::contact(&g, &gen_key, p.public(), &bundle.public(), &contact, &mut rng)
                .unwrap();
        let kem_ct = send.kem_ct.clone().unwrap();
        let receive =
            ReceiveChain::contact(&p, &bundle, g.public(), &gen_key.public(), &kem_ct, &contact)
                .unwrap();
        Pair { gen_ek: gen_key.public(), g, p, send, receive }
    }

    fn secret(n: u8) -> EpochSecret {
        EpochSecret(Secret::from_fn(|b| b.fill(n)))
    }

    #[test]
    fn wraps_open_in_order_and_after_losses() {
        let mut t = pair();
        let (g, p) = (t.g.fingerprint(), t.p.fingerprint());
        for n in 0..5u8 {
            let w = t.send.wrap(&[n; 32], g, p, &secret(n));
            if n == 2 {
                continue; // lost
            }
            let opened = t.receive.open((w.n, &w.ct), &[n; 32], g, p).unwrap();
            let (got, next) = opened.commit();
            assert!(got.0.ct_eq(&[n; 32]));
            t.receive = next;
        }
        assert_ne!(t.gen_ek, [0; 32]);
    }

    #[test]
    fn a_wrap_opens_once_for_one_announce_and_one_member() {
        let mut t = pair();
        let (g, p) = (t.g.fingerprint(), t.p.fingerprint());
        let w = t.send.wrap(&[1; 32], g, p, &secret(1));
        assert!(t.receive.open((w.n, &w.ct), &[2; 32], g, p).is_err(), "another announce");
        assert!(t.receive.open((w.n, &w.ct), &[1; 32], p, g).is_err(), "reflected");
        assert!(t.receive.open((w.n + 1, &w.ct), &[1; 32], g, p).is_err(), "another position");
        for bit in 0..48 * 8 {
            let mut ct = w.ct;
            ct[bit / 8] ^= 1 << (bit % 8);
            assert!(t.receive.open((w.n, &ct), &[1; 32], g, p).is_err());
        }
        let (_, next) = t.receive.open((w.n, &w.ct), &[1; 32], g, p).unwrap().commit();
        assert!(next.open((w.n, &w.ct), &[1; 32], g, p).is_err(), "replayed");
    }

    #[test]
    fn too_far_ahead_is_refused() {
        let mut t = pair();
        let (g, p) = (t.g.fingerprint(), t.p.fingerprint());
        for _ in 0..=MAX_SKIP {
            t.send.wrap(&[0; 32], g, p, &secret(0));
        }
        let w = t.send.wrap(&[1; 32], g, p, &secret(1));
        assert!(t.receive.open((w.n, &w.ct), &[1; 32], g, p).is_err());
    }
}
