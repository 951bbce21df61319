//! The marker: proof beside the profile that a key was made, where it is kept and which one it is.

use std::path::Path;

use serde::{Deserialize, Serialize};
use standfast_crypto::{Enc, Secret, kdf};
use subtle::ConstantTimeEq;

use crate::disk::{self, DiskError};

/// The marker's file name.
pub(crate) const MARKER_FILE: &str = "identity.json";

/// A marker is about 200 bytes; anything this long is damaged.
const MARKER_MAX: u64 = 4096;

const VERSION: u32 = 1;

/// Where the identity is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptIn {
    /// In the operating system's keychain.
    Keychain,
    /// In a file under a passphrase.
    File,
}

/// What the marker says. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marker {
    pub(crate) version: u32,
    pub(crate) kept_in: KeptIn,
    /// The keychain's name as a person knows it, e.g. "GNOME Keyring".
    pub(crate) backend: String,
    /// When the key was made or first found, milliseconds since 1970.
    pub(crate) since_ms: u64,
    /// [`key_check`] in hex.
    pub(crate) key_check: String,
}

/// The file is there and is not a marker that we can read.
pub(crate) struct DamagedMarker;

impl Marker {
    pub(crate) fn new(kept_in: KeptIn, backend: &str, seed: &Secret<32>, since_ms: u64) -> Self {
        let key_check = hex(&key_check(seed));
        Self { version: VERSION, kept_in, backend: backend.to_owned(), since_ms, key_check }
    }

    /// Whether `seed` is the key that the marker was made for.
    pub(crate) fn is_for(&self, seed: &Secret<32>) -> bool {
        hex(&key_check(seed)).as_bytes().ct_eq(self.key_check.as_bytes()).into()
    }

    pub(crate) fn load(path: &Path) -> Result<Option<Result<Self, DamagedMarker>>, DiskError> {
        let Some(bytes) = disk::read(path, MARKER_MAX)? else { return Ok(None) };
        Ok(Some(Self::parse(&bytes).ok_or(DamagedMarker)))
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(bytes).ok().filter(|marker| marker.version == VERSION)
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), DiskError> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        disk::replace(path, &bytes)
    }
}

/// 16 bytes that tell two keys apart and reveal neither the key nor, without it, its owner.
fn key_check(seed: &Secret<32>) -> [u8; 16] {
    *kdf::<16>(b"", seed.expose(), Enc::new("SF1/marker")).expose()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(byte: u8) -> Secret<32> {
        Secret::from_fn(|out| out.fill(byte))
    }

    #[test]
    fn a_marker_knows_its_key_and_does_not_hold_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(MARKER_FILE);
        Marker::new(KeptIn::Keychain, "Test", &seed(0x5a), 7).save(&path).unwrap();
        let marker = Marker::load(&path).unwrap().unwrap().ok().unwrap();
        assert!(marker.is_for(&seed(0x5a)));
        assert!(!marker.is_for(&seed(0x5b)));
        assert!(!std::fs::read_to_string(&path).unwrap().contains("5a5a5a"));
    }

    #[test]
    fn an_unreadable_marker_is_damage_not_absence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(MARKER_FILE);
        assert!(Marker::load(&path).unwrap().is_none());
        for bad in ["", "{", "{\"version\":2}", "null"] {
            std::fs::write(&path, bad).unwrap();
            assert!(Marker::load(&path).unwrap().unwrap().is_err(), "{bad:?}");
        }
    }
}
