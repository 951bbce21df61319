//! One open keychain and its blocking calls, with errors turned into causes that hold no secret.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};
use zeroize::Zeroizing;

use super::{Failure, KEYCHAIN_ENTRY_MAX, KeychainSource, Stored, native};

/// The service under which all our entries stand.
const SERVICE: &str = "standfast";

/// An open keychain. Lives on the worker thread only.
pub(crate) struct Chain {
    store: Arc<CredentialStore>,
    backend: String,
    native: bool,
}

impl Chain {
    pub(super) fn open(source: &KeychainSource) -> Result<Self, Failure> {
        match source {
            KeychainSource::Native => {
                let (store, backend) = native::open()?;
                Ok(Self { store, backend, native: true })
            }
            KeychainSource::Given(store) => {
                let backend = "given store".to_owned();
                Ok(Self { store: Arc::clone(store), backend, native: false })
            }
        }
    }

    /// The keychain's name as a person knows it.
    pub(crate) fn backend(&self) -> &str {
        &self.backend
    }

    /// Makes "no such entry" a clear answer: unlocks the default collection if there is one, for
    /// some services find nothing in a locked one. With `may_create` a missing default collection
    /// is created, which asks the person.
    pub(crate) fn settle(&self, may_create: bool) -> Result<(), Failure> {
        if self.native { native::settle(may_create) } else { Ok(()) }
    }

    pub(crate) fn read(&self, user: &str) -> Result<Stored, Failure> {
        let stored = self.entry(user)?.get_secret().map(Zeroizing::new).map_err(failure)?;
        if stored.len() > KEYCHAIN_ENTRY_MAX { Err(Failure::Damaged) } else { Ok(stored) }
    }

    /// Creates or replaces the entry.
    pub(crate) fn write(&self, user: &str, stored: &[u8]) -> Result<(), Failure> {
        if stored.len() > KEYCHAIN_ENTRY_MAX {
            return Err(Failure::TooLong);
        }
        self.entry(user)?.set_secret(stored).map_err(failure)
    }

    pub(crate) fn delete(&self, user: &str) -> Result<(), Failure> {
        self.entry(user)?.delete_credential().map_err(failure)
    }

    fn entry(&self, user: &str) -> Result<Entry, Failure> {
        let label = format!("Standfast {user}");
        let modifiers: HashMap<&str, &str> =
            if self.native { native::modifiers(&label) } else { HashMap::new() };
        self.store.build(SERVICE, user, Some(&modifiers)).map_err(failure)
    }
}

/// Turns a keychain error into a cause. Never prints the error itself: `BadEncoding` and
/// `BadDataFormat` carry the secret, `Ambiguous` the entries.
pub(super) fn failure(err: Error) -> Failure {
    match err {
        Error::NoEntry => Failure::NoEntry,
        Error::Ambiguous(entries) => Failure::Several { count: entries.len() },
        Error::BadEncoding(bytes) => wiped(bytes),
        Error::BadDataFormat(bytes, _) => wiped(bytes),
        Error::BadStoreFormat(_) => Failure::Damaged,
        Error::TooLong(..) => Failure::TooLong,
        Error::PlatformFailure(err) => native::platform_failure(err.as_ref(), false),
        Error::NoStorageAccess(err) => native::platform_failure(err.as_ref(), true),
        Error::Invalid(name, _) => unknown(&format!("invalid {name}")),
        Error::NoDefaultStore => Failure::Absent { detail: "no store".to_owned() },
        Error::NotSupportedByStore(_) => unknown("not supported"),
        _ => unknown("an error of an unknown kind"),
    }
}

fn wiped(bytes: Vec<u8>) -> Failure {
    drop(Zeroizing::new(bytes));
    Failure::Damaged
}

/// At most 300 characters, printable ones only: the text goes to the screen and may be copied.
pub(super) fn unknown(detail: &str) -> Failure {
    Failure::Unknown { detail: plain(detail) }
}

pub(super) fn plain(detail: &str) -> String {
    detail.chars().filter(|c| !c.is_control()).take(300).collect()
}
