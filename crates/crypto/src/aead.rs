//! AES-256-GCM over whole messages. Media frames have their own path in `standfast-frame`.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};

use crate::{Refused, Secret};

/// Bytes that sealing adds.
pub const TAG: usize = 16;

/// Seals `plaintext` under `key`; the caller never uses a nonce twice with one key.
#[must_use]
pub fn seal(key: &Secret<32>, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let cipher = Box::new(Aes256Gcm::new(key.expose().into()));
    match cipher.encrypt(nonce.into(), Payload { msg: plaintext, aad }) {
        Ok(sealed) => sealed,
        Err(_) => unreachable!("messages are far below the limit of 64 GiB"),
    }
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`Refused`] when key, nonce, `aad` or any bit differ.
pub fn open(
    key: &Secret<32>,
    nonce: &[u8; 12],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, Refused> {
    let cipher = Box::new(Aes256Gcm::new(key.expose().into()));
    cipher.decrypt(nonce.into(), Payload { msg: sealed, aad }).map_err(|_| Refused)
}
