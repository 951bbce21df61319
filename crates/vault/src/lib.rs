//! What stays on this computer.
//!
//! Owns: the identity seed (in the operating system's keychain, or, if the person chose that, in a
//! file under a passphrase), the secrets of prekey bundles beside it, and a database with contacts,
//! pinned fingerprints, meetings, settings and journals. Knows nothing of meetings' logic, of the
//! network or of any screen.
//!
//! **The rule that everything here serves: a failed read never makes a new identity.** A key is
//! made only when the keychain clearly answers "no such entry" *and* neither the marker beside the
//! profile nor the database says that there ever was one. Every other answer is a [`Trouble`] with
//! a cause that the person can act on.
//!
//! A profile is held by one process at a time. Opening it never waits; asking the keychain may, so
//! it runs on a thread of its own and can be stopped:
//!
//! ```no_run
//! use standfast_vault::{ProfileName, Vault, VaultOptions};
//!
//! let vault = Vault::open(VaultOptions::for_profile(ProfileName::new("leo")?))?;
//! let theme: Option<String> = vault.settings().get("theme")?; // works at once
//! let asking = vault.ask(1_760_000_000_000)?;
//! let stop = asking.stopper(); // for the "Stop asking" button, from any thread
//! let opened = asking.wait()?; // blocks for 30 s at most
//! let identity_seed = opened.seed;
//! opened.vault.store().contacts()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod disk;
mod file_vault;
mod keychain;
mod marker;
#[doc(hidden)]
pub mod parsing;
mod profile;
mod seal;
mod secrets;
mod store;
mod trouble;
mod vault;

pub use disk::DiskError;
pub use file_vault::PASSPHRASE_MIN;
pub use keychain::{KEYCHAIN_ENTRY_MAX, KEYCHAIN_TIMEOUT, KeychainSource};
pub use marker::KeptIn;
pub use profile::{BadProfileName, DATA_DIR_VARIABLE, PROFILE_NAME_MAX, ProfileName};
pub use secrets::{SECRET_MAX, SECRET_NAME_MAX, SecretEntry, SecretError};
pub use store::{
    Contact, ContactId, Device, FingerprintBytes, JOURNAL_MAX, JournalHead, JournalId, MeetingId,
    SETTING_MAX, Schedule, Settings, Store, StoreError, StoredMeeting, StoredPassphrase, TEXT_MAX,
    Trust, VOLUME_MAX_PERCENT,
};
pub use trouble::{Trouble, Unclear};
pub use vault::{
    Asking, OpenVault, Opened, StopAsking, Vault, VaultError, VaultOptions, Whereabouts,
};
