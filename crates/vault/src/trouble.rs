//! Why the identity cannot be had, as one of the causes that the keychain screen knows.

use serde::{Deserialize, Serialize};

/// Why the identity is not available. Nothing here means that a key was lost or replaced: whoever
/// gets a `Trouble` still has the old identity or none, never a new one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum Trouble {
    /// The keychain is locked, or its prompt was dismissed. Asking again shows the prompt again.
    #[error("the keychain is locked")]
    Locked,
    /// The keychain did not answer in time. Asking again is safe.
    #[error("the keychain did not answer within {waited_ms} ms")]
    NoAnswer {
        /// How long we waited, milliseconds.
        waited_ms: u64,
    },
    /// The person pressed "Stop asking".
    #[error("stopped asking the keychain")]
    Stopped,
    /// There is no keychain, and this profile never had a key: a passphrase file may be offered.
    #[error("this computer has no keychain ({detail})")]
    Absent {
        /// What the system said. Holds no secret.
        detail: String,
    },
    /// There is no such keychain now, but this profile's key is in one. No new key may be offered
    /// lightly: it would be a new person.
    #[error("the key is in {backend}, which is not there now ({detail})")]
    BackendMissing {
        /// The keychain's name, as in "GNOME Keyring".
        backend: String,
        /// When the key was last known to be made there, milliseconds since 1970.
        since_ms: Option<u64>,
        /// What the system said. Holds no secret.
        detail: String,
    },
    /// The keychain answers, and our entry is gone from it.
    #[error("the key is no longer in {backend}")]
    EntryGone {
        /// The keychain's name.
        backend: String,
        /// When it was there, milliseconds since 1970.
        since_ms: Option<u64>,
    },
    /// Something is there that we cannot trust, and we do not guess.
    #[error("the key store is unclear: {what}")]
    Unclear {
        /// What exactly.
        what: Unclear,
    },
    /// This profile's key is in a file under a passphrase: ask for it.
    #[error("the key is in a file under a passphrase")]
    NeedsPassphrase {
        /// When the file was made, milliseconds since 1970.
        since_ms: Option<u64>,
    },
    /// The passphrase does not open the file.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// A new passphrase must have at least [`crate::PASSPHRASE_MIN`] characters.
    #[error("the passphrase is too short")]
    PassphraseTooShort,
    /// Refused to make a key because this profile has or had one.
    #[error("this profile already has a key")]
    KeyExists,
    /// The profile's own files could not be read or written.
    #[error("disk: {detail}")]
    Disk {
        /// Path and reason.
        detail: String,
    },
}

/// What is unclear about the key store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Unclear {
    /// Several entries match. Picking one would be guessing.
    #[error("{count} entries match")]
    Several {
        /// How many.
        count: usize,
    },
    /// The entry is not the base64 of 32 bytes.
    #[error("the entry is damaged")]
    DamagedEntry,
    /// The entry is a key, but not the one this profile was made with.
    #[error("the entry is another key than this profile's")]
    AnotherKey,
    /// The entry was written, and reading it back gave something else.
    #[error("the keychain did not keep what was written")]
    NotKept,
    /// The marker beside the profile is damaged and nothing else proves whose key it is.
    #[error("the profile's marker is damaged")]
    DamagedMarker,
    /// The passphrase file is damaged (its checksum is wrong, or it is cut short).
    #[error("the passphrase file is damaged")]
    DamagedFile,
    /// The passphrase file comes from a newer version.
    #[error("the passphrase file is of a newer version")]
    NewerFile,
    /// The keychain answered with an error that we do not know.
    #[error("the keychain answered: {detail}")]
    UnknownAnswer {
        /// Name and text of the error, at most 300 characters. Holds no secret.
        detail: String,
    },
}

impl From<crate::disk::DiskError> for Trouble {
    fn from(err: crate::disk::DiskError) -> Self {
        Self::Disk { detail: err.to_string() }
    }
}

impl From<Unclear> for Trouble {
    fn from(what: Unclear) -> Self {
        Self::Unclear { what }
    }
}
