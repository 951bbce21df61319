//! Hashing and key derivation over `enc(label, fields…)`, one deterministic CBOR array
//! (RFC 8949 §4.2.1), so that no two uses can be confused. Labels start with `SF1/`.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use minicbor::Encoder;
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroize;

use crate::Secret;

/// Builds one `enc(label, a, b, …)`. For public values only: the buffer is not wiped.
pub struct Enc {
    items: u64,
    body: Encoder<Vec<u8>>,
}

impl Enc {
    /// Starts with the label, a text.
    #[must_use]
    pub fn new(label: &str) -> Self {
        let mut body = Encoder::new(Vec::with_capacity(128));
        let _ = body.str(label);
        Self { items: 1, body }
    }

    /// Adds a byte string.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        let _ = self.body.bytes(bytes);
        self.items += 1;
        self
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        let _ = self.body.str(text);
        self.items += 1;
        self
    }

    /// Adds an unsigned integer.
    #[must_use]
    pub fn uint(mut self, value: u64) -> Self {
        let _ = self.body.u64(value);
        self.items += 1;
        self
    }

    /// Adds an optional byte string; absent is null.
    #[must_use]
    pub fn maybe_bytes(mut self, bytes: Option<&[u8]>) -> Self {
        let _ = match bytes {
            Some(bytes) => self.body.bytes(bytes).map(|_| ()),
            None => self.body.null().map(|_| ()),
        };
        self.items += 1;
        self
    }

    /// Adds a list of byte strings.
    #[must_use]
    pub fn list<'a>(mut self, items: impl ExactSizeIterator<Item = &'a [u8]>) -> Self {
        let _ = self.body.array(items.len() as u64);
        for item in items {
            let _ = self.body.bytes(item);
        }
        self.items += 1;
        self
    }

    /// The finished array.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut whole = Encoder::new(Vec::with_capacity(160));
        let _ = whole.array(self.items);
        let mut bytes = whole.into_writer();
        bytes.extend_from_slice(self.body.writer());
        bytes
    }

    /// `SHA-256` of the finished array: the protocol's `H(label, …)`.
    #[must_use]
    pub fn hash(self) -> [u8; 32] {
        Sha256::digest(self.finish()).into()
    }
}

/// `H(label, bytes)`.
#[must_use]
pub fn hash(label: &str, bytes: &[u8]) -> [u8; 32] {
    Enc::new(label).bytes(bytes).hash()
}

/// Plain SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// `KDF(salt, ikm, info; N) = HKDF-SHA-512` (RFC 5869). `N` is at most 255 · 64.
#[must_use]
pub fn kdf<const N: usize>(salt: &[u8], ikm: &[u8], info: Enc) -> Secret<N> {
    let (mut prk, hkdf) = Hkdf::<Sha512>::extract(Some(salt), ikm);
    #[cfg(feature = "expose-secrets-to-tests")]
    crate::reveal::born("prk", &prk);
    prk.as_mut_slice().zeroize();
    fill(&hkdf, &info.finish())
}

/// `HKDF-Expand(prk, info, N)` (RFC 5869 §2.3) with a pseudorandom key of at least 32 bytes.
///
/// RustCrypto's `from_prk` wants a hash-sized key; the expansion is HMAC keyed with `prk`, which
/// takes any length, so a 32-byte chain key is expanded by the same formula here.
#[must_use]
pub fn expand<const N: usize>(prk: &[u8], info: Enc) -> Secret<N> {
    let info = info.finish();
    Secret::derived(&info, |out| {
        let mut previous = zeroize::Zeroizing::new([0u8; 64]);
        for (i, chunk) in out.chunks_mut(64).enumerate() {
            let mut mac = keyed(prk);
            if i > 0 {
                mac.update(&previous[..]);
            }
            mac.update(&info);
            mac.update(&[u8::try_from(i + 1).unwrap_or(u8::MAX)]);
            previous.copy_from_slice(&mac.finalize().into_bytes());
            chunk.copy_from_slice(&previous[..chunk.len()]);
        }
    })
}

/// `HMAC-SHA-256(key, message)`.
#[must_use]
pub fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = match <Hmac<Sha256> as KeyInit>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

fn keyed(prk: &[u8]) -> Hmac<Sha512> {
    match <Hmac<Sha512> as KeyInit>::new_from_slice(prk) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

fn fill<const N: usize>(hkdf: &Hkdf<Sha512>, info: &[u8]) -> Secret<N> {
    Secret::derived(info, |out| {
        if hkdf.expand(info, out).is_err() {
            unreachable!("N is a small constant, far below the limit of 16,320 bytes")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_the_shortest_cbor_array() {
        let bytes = Enc::new("a").bytes(&[1, 2]).uint(24).maybe_bytes(None).finish();
        assert_eq!(bytes, [0x84, 0x61, b'a', 0x42, 1, 2, 0x18, 24, 0xf6]);
    }

    #[test]
    fn expand_is_hkdf_expand() {
        let (prk, hk) = Hkdf::<Sha512>::extract(Some(b"salt"), b"ikm");
        let mut want = [0u8; 150];
        hk.expand(&Enc::new("x").finish(), &mut want).unwrap();
        assert!(expand::<150>(&prk, Enc::new("x")).ct_eq(&want));
    }

    #[test]
    fn hmac_matches_rfc_4231_case_2() {
        let mac = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(mac[..8], [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e]);
    }
}
