//! Suite 5 of RFC 9605, `AES_256_GCM_SHA512_128`: our backend for the `sframe` crate's keys.
//!
//! The crate's own backends keep the raw key and expand it anew for every frame. This one keeps
//! the expanded AES and GHASH key, in one box that is zeroized where it lies.

use aes_gcm::{
    AeadInOut, Aes256Gcm, KeyInit, Nonce, Tag,
    aead::consts::{U12, U16},
};
use hkdf::Hkdf;
use sframe::{
    CipherSuite,
    crypto::{
        AeadDecrypt, AeadEncrypt, DecryptionBufferView, EncryptionBufferView, KeyDerivation,
        get_hkdf_key_expand_label, get_hkdf_salt_expand_label,
    },
    error::SframeError,
    header::{Counter, KeyId},
    key::{GenericDecryptionKey, GenericEncryptionKey},
};
use sha2::Sha512;
use zeroize::{Zeroize, Zeroizing};

use crate::context::TAG_BYTES;

pub(crate) const SUITE: CipherSuite = CipherSuite::AesGcm256Sha512;

/// `Nk` and `Nn` of the suite.
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// Bytes of the base secret, `Nh`.
pub const BASE_BYTES: usize = 64;

pub(crate) type SealingKey = GenericEncryptionKey<Suite5, Suite5>;
pub(crate) type OpeningKey = GenericDecryptionKey<Suite5, Suite5>;

/// The algorithms, without any key.
pub(crate) struct Suite5;

/// `sframe_key`, expanded, and `sframe_salt` of one ratchet step.
pub(crate) struct StepKey {
    cipher: Box<Aes256Gcm>,
    salt: Zeroizing<[u8; NONCE_BYTES]>,
}

impl StepKey {
    /// RFC 9605 §4.4.3: the salt XORed with the counter, big-endian and padded on the left.
    fn nonce(&self, ctr: Counter) -> Nonce<U12> {
        let mut nonce = *self.salt;
        for (byte, ctr) in nonce[NONCE_BYTES - 8..].iter_mut().zip(ctr.to_be_bytes()) {
            *byte ^= ctr;
        }
        nonce.into()
    }
}

impl TryFrom<CipherSuite> for Suite5 {
    type Error = SframeError;

    fn try_from(suite: CipherSuite) -> Result<Self, SframeError> {
        (suite == SUITE).then_some(Self).ok_or(SframeError::KeyDerivationFailure)
    }
}

impl KeyDerivation for Suite5 {
    type Secret = StepKey;

    /// RFC 9605 §4.4.2.
    fn expand_from<M, K>(suite: CipherSuite, base: M, kid: K) -> Result<StepKey, SframeError>
    where
        M: AsRef<[u8]>,
        K: Into<KeyId>,
    {
        let kid = kid.into();
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let mut salt = Zeroizing::new([0; NONCE_BYTES]);
        let hkdf = extract(base.as_ref());
        expand(&hkdf, &get_hkdf_key_expand_label(kid, suite), &mut *key)?;
        expand(&hkdf, &get_hkdf_salt_expand_label(kid, suite), &mut *salt)?;
        #[cfg(feature = "expose-secrets-to-tests")]
        standfast_crypto::reveal::born("sframe key", &*key);
        let cipher = Box::new(Aes256Gcm::new((&*key).into()));
        Ok(StepKey { cipher, salt })
    }
}

impl AeadEncrypt for Suite5 {
    type Secret = StepKey;

    fn encrypt<'a, B>(&self, key: &StepKey, buffer: B, ctr: Counter) -> Result<(), SframeError>
    where
        B: Into<EncryptionBufferView<'a>>,
    {
        let EncryptionBufferView { aad, data, tag } = buffer.into();
        let made = key
            .cipher
            .encrypt_inout_detached(&key.nonce(ctr), aad, data.into())
            .map_err(|_| SframeError::EncryptionFailure)?;
        if tag.len() != TAG_BYTES {
            return Err(SframeError::EncryptionFailure);
        }
        tag.copy_from_slice(&made);
        Ok(())
    }
}

impl AeadDecrypt for Suite5 {
    type Secret = StepKey;

    fn decrypt<'a, B>(&self, key: &StepKey, buffer: B, ctr: Counter) -> Result<(), SframeError>
    where
        B: Into<DecryptionBufferView<'a>>,
    {
        let DecryptionBufferView { aad, data } = buffer.into();
        let (ciphertext, tag) =
            data.split_last_chunk_mut::<TAG_BYTES>().ok_or(SframeError::DecryptionFailure)?;
        let tag: Tag<U16> = (*tag).into();
        key.cipher
            .decrypt_inout_detached(&key.nonce(ctr), aad, ciphertext.into(), &tag)
            .map_err(|_| SframeError::DecryptionFailure)
    }
}

/// HKDF-Extract with the empty salt that RFC 9605 prescribes.
pub(crate) fn extract(base: &[u8]) -> Hkdf<Sha512> {
    let (mut prk, hkdf) = Hkdf::<Sha512>::extract(Some(&[]), base);
    #[cfg(feature = "expose-secrets-to-tests")]
    standfast_crypto::reveal::born("prk", &prk);
    prk.as_mut_slice().zeroize();
    hkdf
}

fn expand(hkdf: &Hkdf<Sha512>, label: &[u8], out: &mut [u8]) -> Result<(), SframeError> {
    hkdf.expand(label, out).map_err(|_| SframeError::KeyDerivationFailure)
}
