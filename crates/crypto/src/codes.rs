//! What people compare: fingerprints as words and digits, and the meeting code
//! (`docs/protocol.md` §8).

use argon2::{Algorithm, Argon2, Params, Version};

use crate::enc::{Enc, kdf};
use crate::{Fingerprint, Refused, Secret};

/// 10^30: thirty digits.
const THIRTY_DIGITS: u128 = 1_000_000_000_000_000_000_000_000_000_000;

fn thirty_digits(bytes: &[u8; 16]) -> String {
    format!("{:030}", u128::from_be_bytes(*bytes) % THIRTY_DIGITS)
}

/// A fingerprint in the forms that people can read.
///
/// Making one takes about 0.1 s and 64 MiB: Argon2id makes it dear to look for a key whose words
/// resemble another's. Cache it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FingerprintDisplay {
    /// Twelve words of the English BIP39 list, the last carrying a checksum.
    pub words: [&'static str; 12],
    /// Thirty digits, zero-padded; shown in groups of five.
    pub digits: String,
}

impl Fingerprint {
    /// Words and digits of this fingerprint.
    ///
    /// # Errors
    /// [`Refused`] when the 64 MiB cannot be had.
    pub fn display(&self) -> Result<FingerprintDisplay, Refused> {
        let params = Params::new(64 * 1024, 3, 1, Some(16)).map_err(|_| Refused)?;
        let mut stretched = [0u8; 16];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&self.0, b"SF1/fp-display", &mut stretched)
            .map_err(|_| Refused)?;
        let mnemonic = bip39::Mnemonic::from_entropy(&stretched).map_err(|_| Refused)?;
        let mut words = [""; 12];
        for (slot, word) in words.iter_mut().zip(mnemonic.words()) {
            *slot = word;
        }
        Ok(FingerprintDisplay { words, digits: thirty_digits(&stretched) })
    }

    /// The text inside the QR code: the full fingerprint.
    #[must_use]
    pub fn qr_text(&self) -> String {
        use base64::Engine;
        let coded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.0);
        format!("standfast-key:1.{coded}")
    }

    /// Reads what [`qr_text`](Self::qr_text) wrote.
    ///
    /// # Errors
    /// [`Refused`] for any other text.
    pub fn from_qr_text(text: &str) -> Result<Self, Refused> {
        use base64::Engine;
        let coded = text.trim().strip_prefix("standfast-key:1.").ok_or(Refused)?;
        let bytes =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(coded).map_err(|_| Refused)?;
        bytes.try_into().map(Self).map_err(|_| Refused)
    }
}

/// Thirty digits that are the same for all only if roster, history and key are the same.
#[derive(Clone, PartialEq, Eq)]
pub struct MeetingCode(String);

impl MeetingCode {
    pub(crate) fn derive(epoch_secret: &Secret<32>, h_e: &[u8; 32]) -> Self {
        let code = kdf::<16>(b"", epoch_secret.expose(), Enc::new("SF1/code").bytes(h_e));
        Self(thirty_digits(code.expose()))
    }

    /// The digits.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_stable() {
        let shown = Fingerprint([7; 32]).display().unwrap();
        assert_eq!(shown.digits.len(), 30);
        assert!(bip39::Mnemonic::parse(shown.words.join(" ")).is_ok(), "checksum word");
        assert_eq!(shown, Fingerprint([7; 32]).display().unwrap());
        assert_ne!(shown, Fingerprint([8; 32]).display().unwrap());
        // Frozen, and checked with the reference C implementation of Argon2: a change here changes
        // what people wrote down.
        assert_eq!(shown.digits, "904618780626821413361430867075");
    }

    #[test]
    fn qr_round_trip() {
        let fp = Fingerprint([9; 32]);
        assert_eq!(Fingerprint::from_qr_text(&fp.qr_text()), Ok(fp));
        assert!(Fingerprint::from_qr_text("https://example.org").is_err());
        assert!(Fingerprint::from_qr_text("standfast-key:1.AAAA").is_err());
    }
}
