//! The passphrase of a meeting, "use my own key": it can only add to the link
//! (`docs/protocol.md` §3).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::enc::{Enc, kdf};
use crate::{Refused, Secret};

/// Argon2id, `docs/protocol.md` §2: 64 MiB, three passes, one lane.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// Brings a typed passphrase into the one form that is hashed: NFKC, then without white space at
/// either end.
///
/// NFKC and not NFC, because what looks alike should count alike whatever the keyboard sends:
/// full-width letters of an input method, the no-break space of a Mac, a ligature out of a
/// document. What it throws away is nothing that people choose to make a passphrase hard. Outer
/// white space comes along with what is copied out of a chat or a file.
#[must_use]
pub fn normalize_passphrase(typed: &str) -> Zeroizing<String> {
    // Reserved in full, for a growing string leaves unwiped copies behind.
    let room = typed.nfkc().map(char::len_utf8).sum();
    let mut whole = Zeroizing::new(String::with_capacity(room));
    whole.extend(typed.nfkc());
    let mut trimmed = Zeroizing::new(String::with_capacity(room));
    trimmed.push_str(whole.trim());
    trimmed
}

/// There is nothing to type but white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase is empty")]
pub struct EmptyPassphrase;

/// A passphrase in its normal form. Wiped on drop; cannot be printed, cloned or compared.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// What somebody typed. There is no other rule than that something must be there.
    ///
    /// # Errors
    /// [`EmptyPassphrase`].
    pub fn new(typed: &str) -> Result<Self, EmptyPassphrase> {
        let normal = normalize_passphrase(typed);
        if normal.is_empty() { Err(EmptyPassphrase) } else { Ok(Self(normal)) }
    }

    /// `Argon2id(passphrase, salt = meeting_id; 32 bytes)`. Takes some tenths of a second and
    /// 64 MiB, which are wiped: not for a thread that draws a window.
    ///
    /// # Errors
    /// [`Refused`] when the memory cannot be had.
    pub fn stretch(&self, meeting_id: &[u8; 16]) -> Result<PassphraseKey, Refused> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(|_| Refused)?;
        let mut memory = Zeroizing::new(Vec::new());
        memory.try_reserve_exact(params.block_count()).map_err(|_| Refused)?;
        memory.resize(params.block_count(), Block::default());
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut done = Ok(());
        let key = Secret::from_fn(|out| {
            let memory = memory.as_mut_slice();
            done = argon.hash_password_into_with_memory(
                self.0.as_bytes(),
                meeting_id,
                out.as_mut_slice(),
                memory,
            );
        });
        done.map_err(|_| Refused)?;
        Ok(PassphraseKey(key))
    }
}

/// A passphrase stretched for one meeting: for that meeting as good as the passphrase itself, for
/// anything else useless.
pub struct PassphraseKey(Secret<32>);

impl PassphraseKey {
    /// One that was stored.
    #[must_use]
    pub fn restore(key: Secret<32>) -> Self {
        Self(key)
    }

    /// To be stored sealed.
    #[must_use]
    pub fn secret(&self) -> &Secret<32> {
        &self.0
    }

    /// Tells later whether a passphrase is the same again, without being it. Whoever sees it can
    /// try passphrases at the price of [`Passphrase::stretch`].
    #[must_use]
    pub fn check(&self) -> [u8; 16] {
        *kdf::<16>(b"", self.0.expose(), Enc::new("SF1/pass-check")).expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(typed: &str) -> String {
        normalize_passphrase(typed).to_string()
    }

    #[test]
    fn what_looks_alike_counts_alike() {
        assert_eq!(normal("Cafe\u{301} am Meer"), "Caf\u{e9} am Meer", "composed");
        assert_eq!(normal("\u{ff43}orrect\u{a0}horse"), "correct horse", "full width, no-break");
        assert_eq!(normal("\u{fb01}sh"), "fish", "a ligature");
        assert_eq!(normal(" \tcorrect  horse\r\n"), "correct  horse", "outer white space only");
        assert_ne!(normal("Correct horse"), normal("correct horse"));
        let once = normal("\u{1e9b}\u{323} \u{fdfa}");
        assert_eq!(normal(&once), once);
    }

    #[test]
    fn only_nothing_is_refused() {
        for empty in ["", " ", "\u{a0}\n"] {
            assert!(Passphrase::new(empty).is_err());
        }
        assert!(Passphrase::new("1").is_ok());
    }
}
