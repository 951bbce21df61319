//! Who this computer is, and what keeps it from knowing.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// A public fingerprint in every form that people compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Fingerprint {
    /// The handle that commands name it by. Never shown.
    pub id: String,
    /// Twelve words, in order.
    pub words: Vec<String>,
    /// Thirty digits without spaces.
    pub digits: String,
    /// The text inside the QR code: the whole fingerprint.
    pub qr: String,
}

/// What this computer knows about a person's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Compared by this user, on this computer.
    Verified,
    /// Known or new, never compared.
    NotVerified,
    /// Vouched for by a device that was verified.
    NewDevice,
    /// Not the key that is pinned under this name.
    KeyChanged,
}

/// The state of this device's own identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum IdentityView {
    /// Being read or, on the first run, made. Under a second as a rule.
    Making,
    /// There, and usable.
    Ready {
        /// This device's fingerprint.
        own: Fingerprint,
        /// When it was made, if known.
        made_at_ms: Option<u64>,
        /// Where the private half lies.
        place: KeyPlace,
    },
    /// Not usable: the keychain screen is shown.
    Trouble {
        /// What is wrong and what can be done.
        trouble: KeychainTrouble,
    },
}

/// Where the private half of the identity lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum KeyPlace {
    /// The system's keychain.
    Keychain {
        /// Its name, such as "Secret Service".
        backend: String,
    },
    /// A file under a passphrase, chosen by the user.
    File,
}

/// Why the identity cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum KeychainCause {
    /// The keychain is locked.
    Locked,
    /// The user closed the keychain's own window.
    Dismissed,
    /// A request is on its way; `asking` counts. Shown from the third second.
    Asking,
    /// No answer within the limit.
    NoAnswer,
    /// No keychain on this computer, and no identity was ever made here.
    AbsentFirstRun,
    /// No keychain now, though the identity lies in one.
    AbsentKeyWasThere,
    /// The keychain answers, the entry is not there, though it was.
    EntryGone,
    /// More than one entry, or one that cannot be read.
    Unclear,
    /// The identity lies in a file: its passphrase is asked for.
    PassphraseNeeded,
    /// The passphrase just given does not open the file.
    PassphraseWrong,
}

/// A request to the keychain that has not been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Asking {
    /// When it was made.
    pub since_ms: u64,
    /// After how many seconds it is given up.
    pub limit_s: u32,
}

/// The keychain's trouble, with what the screen needs to be of help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct KeychainTrouble {
    /// Which trouble it is.
    pub cause: KeychainCause,
    /// Details for whoever helps: backend, collection, profile. Holds no secret.
    pub detail: String,
    /// The running request, if there is one.
    pub asking: Option<Asking>,
    /// When it was last tried.
    pub last_try_at_ms: Option<u64>,
    /// The keychain's name, if known.
    pub backend: Option<String>,
    /// When the entry was last seen, if it ever was.
    pub last_seen_at_ms: Option<u64>,
}

/// A passphrase on its way from the keyboard to where it is stretched.
///
/// Zeroized on drop and never printed. The copies that the web view and the transport made are
/// beyond reach; see `docs/known-issues.md`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes over a passphrase.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The passphrase itself, to be stretched.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for Passphrase {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// A meeting's passphrase, as typed.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct TypedPassphrase {
    /// The passphrase.
    pub text: Passphrase,
    /// Remember it for this standup on this computer.
    pub remember: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_never_printed() {
        let secret = Passphrase::new("correct horse".into());
        assert!(!format!("{secret:?}").contains("horse"));
    }
}
