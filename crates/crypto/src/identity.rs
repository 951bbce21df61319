//! A device's identity: Ed25519 for signing, X25519 for agreement, cross-signed.

use core::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::enc::{Enc, kdf};
use crate::{Refused, Secret};

/// `H("SF1/fp", IKs, IKd)`: what people compare, and the name of a device everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Debug for Fingerprint {
    /// The first four bytes: enough for a test's message, too little to follow a person in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fp:{:02x}{:02x}{:02x}{:02x}", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// Where a signature counts: one session of one meeting. Zeros where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scope {
    /// The meeting.
    pub meeting_id: [u8; 16],
    /// The session.
    pub session_id: [u8; 32],
}

impl Scope {
    /// `enc("SF1/sig", type, meeting_id, session_id, from, body)`, the bytes that are signed.
    fn signed_bytes(&self, kind: &str, from: &Fingerprint, body: &[u8]) -> Vec<u8> {
        Enc::new("SF1/sig")
            .text(kind)
            .bytes(&self.meeting_id)
            .bytes(&self.session_id)
            .bytes(&from.0)
            .bytes(body)
            .finish()
    }
}

/// The public half of an identity whose cross-signature was checked. Nothing else makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicIdentity {
    verify: VerifyingKey,
    iks: [u8; 32],
    ikd: [u8; 32],
    cert: [u8; 64],
    fp: Fingerprint,
}

impl fmt::Debug for PublicIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fp.fmt(f)
    }
}

impl PublicIdentity {
    /// Checks keys and cross-signature.
    ///
    /// # Errors
    /// [`Refused`] for an invalid or weak key or a wrong signature.
    pub fn check(iks: [u8; 32], ikd: [u8; 32], cert: [u8; 64]) -> Result<Self, Refused> {
        let verify = VerifyingKey::from_bytes(&iks).map_err(|_| Refused)?;
        if verify.is_weak() {
            return Err(Refused);
        }
        check_agreement_key(&ikd)?;
        let fp = fingerprint(&iks, &ikd);
        let id = Self { verify, iks, ikd, cert, fp };
        id.verify(&Scope::default(), "identity", &ikd, &cert)?;
        Ok(id)
    }

    /// The fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fp
    }
    /// Ed25519 verification key.
    #[must_use]
    pub fn iks(&self) -> &[u8; 32] {
        &self.iks
    }
    /// X25519 public key.
    #[must_use]
    pub fn ikd(&self) -> &[u8; 32] {
        &self.ikd
    }
    /// The cross-signature.
    #[must_use]
    pub fn cert(&self) -> &[u8; 64] {
        &self.cert
    }

    /// Verifies strictly (no small-order keys, canonical encodings: `verify_strict`).
    ///
    /// # Errors
    /// [`Refused`] unless this identity signed `body` as `kind` in `scope`.
    pub fn verify(
        &self,
        scope: &Scope,
        kind: &str,
        body: &[u8],
        sig: &[u8; 64],
    ) -> Result<(), Refused> {
        let bytes = scope.signed_bytes(kind, &self.fp, body);
        self.verify.verify_strict(&bytes, &Signature::from_bytes(sig)).map_err(|_| Refused)
    }
}

fn fingerprint(iks: &[u8; 32], ikd: &[u8; 32]) -> Fingerprint {
    Fingerprint(Enc::new("SF1/fp").bytes(iks).bytes(ikd).hash())
}

/// A device's identity with its private keys, derived from one 32-byte seed in the keychain.
pub struct Identity {
    seed: Secret<32>,
    sign: Box<SigningKey>,
    agree: Box<StaticSecret>,
    public: PublicIdentity,
}

impl Identity {
    /// Derives both key pairs and cross-signs them.
    #[must_use]
    pub fn from_seed(seed: Secret<32>) -> Self {
        let sign_seed = kdf::<32>(b"", seed.expose(), Enc::new("SF1/identity/sign"));
        let agree_seed = kdf::<32>(b"", seed.expose(), Enc::new("SF1/identity/agree"));
        let sign = Box::new(SigningKey::from_bytes(sign_seed.expose()));
        let agree = Box::new(StaticSecret::from(*agree_seed.expose()));
        let (iks, ikd) = (sign.verifying_key().to_bytes(), PublicKey::from(&*agree).to_bytes());
        let fp = fingerprint(&iks, &ikd);
        let cert = sign.sign(&Scope::default().signed_bytes("identity", &fp, &ikd)).to_bytes();
        let public = PublicIdentity { verify: sign.verifying_key(), iks, ikd, cert, fp };
        Self { seed, sign, agree, public }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicIdentity {
        &self.public
    }

    /// The fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.public.fp
    }

    /// Signs `body` as `kind` in `scope`.
    #[must_use]
    pub fn sign(&self, scope: &Scope, kind: &str, body: &[u8]) -> [u8; 64] {
        self.sign.sign(&scope.signed_bytes(kind, &self.public.fp, body)).to_bytes()
    }

    /// `KDF("", IKd private, "SF1/hedge"; 32)`, for [`Hedged`](crate::Hedged).
    #[must_use]
    pub fn hedge(&self) -> Secret<32> {
        kdf(b"", self.agree.as_bytes(), Enc::new("SF1/hedge"))
    }

    /// This device's name and signing key at one relay for one meeting. Two meetings, or two
    /// relays, cannot be linked by it.
    #[must_use]
    pub fn pseudonym(&self, relay: &str, meeting_id: &[u8; 16]) -> Pseudonym {
        let info = Enc::new("SF1/relay").text(relay).bytes(meeting_id);
        let seed = kdf::<32>(b"", self.seed.expose(), info);
        Pseudonym(Box::new(SigningKey::from_bytes(seed.expose())))
    }

    /// X25519 with the identity key.
    pub(crate) fn agree(&self, with: &[u8; 32]) -> Result<Secret<32>, Refused> {
        agree(&self.agree, with)
    }
}

/// X25519; refuses an all-zero result (RFC 7748 §6.1).
pub(crate) fn agree(private: &StaticSecret, public: &[u8; 32]) -> Result<Secret<32>, Refused> {
    let shared = private.diffie_hellman(&PublicKey::from(*public));
    if !shared.was_contributory() {
        return Err(Refused);
    }
    Ok(Secret::from_fn(|out| out.copy_from_slice(shared.as_bytes())))
}

/// Refuses an X25519 key of small order: with it every private key agrees on zeros. Clamped private
/// keys are multiples of the cofactor, so one of them speaks for all.
pub(crate) fn check_agreement_key(public: &[u8; 32]) -> Result<(), Refused> {
    agree(&StaticSecret::from([1; 32]), public).map(drop)
}

/// The public half of a checkpoint key (`MSK`), which signs what its owner sent in one join.
#[must_use]
pub fn checkpoint_public(private: &Secret<32>) -> [u8; 32] {
    SigningKey::from_bytes(private.expose()).verifying_key().to_bytes()
}

/// An Ed25519 key for logging in at one relay for one meeting.
pub struct Pseudonym(Box<SigningKey>);

impl Pseudonym {
    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
    /// Signs exactly `bytes`.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(n: u8) -> Identity {
        Identity::from_seed(Secret::from_fn(|b| b.fill(n)))
    }

    #[test]
    fn cross_signature_checks_and_binds_both_keys() {
        let (a, b) = (identity(1), identity(2));
        let p = a.public();
        assert_eq!(PublicIdentity::check(*p.iks(), *p.ikd(), *p.cert()).as_ref(), Ok(p));
        assert_eq!(PublicIdentity::check(*p.iks(), *b.public().ikd(), *p.cert()), Err(Refused));
        assert_eq!(PublicIdentity::check(*b.public().iks(), *p.ikd(), *p.cert()), Err(Refused));
    }

    #[test]
    fn a_signature_counts_for_one_kind_scope_and_body() {
        let a = identity(1);
        let scope = Scope { meeting_id: [1; 16], session_id: [2; 32] };
        let sig = a.sign(&scope, "leave", b"body");
        assert!(a.public().verify(&scope, "leave", b"body", &sig).is_ok());
        assert!(a.public().verify(&scope, "end", b"body", &sig).is_err());
        assert!(a.public().verify(&scope, "leave", b"bodY", &sig).is_err());
        assert!(a.public().verify(&Scope::default(), "leave", b"body", &sig).is_err());
        assert!(identity(2).public().verify(&scope, "leave", b"body", &sig).is_err());
    }

    #[test]
    fn weak_keys_are_refused() {
        // The identity point verifies anything for lax verifiers.
        let mut weak = [0u8; 32];
        weak[0] = 1;
        assert!(PublicIdentity::check(weak, [9; 32], [0; 64]).is_err());
        // A well signed agreement key of small order.
        let a = identity(1);
        for small in [[0; 32], weak] {
            let fp = fingerprint(a.public().iks(), &small);
            let cert = a.sign.sign(&Scope::default().signed_bytes("identity", &fp, &small));
            let checked = PublicIdentity::check(*a.public().iks(), small, cert.to_bytes());
            assert_eq!(checked, Err(Refused));
        }
        assert!(agree(&StaticSecret::from([7; 32]), &[0; 32]).is_err());
    }

    #[test]
    fn pseudonyms_differ_by_relay_and_meeting() {
        let a = identity(1);
        let names = [
            a.pseudonym("r1", &[1; 16]).public(),
            a.pseudonym("r2", &[1; 16]).public(),
            a.pseudonym("r1", &[2; 16]).public(),
            identity(2).pseudonym("r1", &[1; 16]).public(),
        ];
        for (i, x) in names.iter().enumerate() {
            assert!(names[i + 1..].iter().all(|y| x != y));
        }
    }
}
