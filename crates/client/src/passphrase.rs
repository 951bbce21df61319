//! The passphrase of a standup: which one a call is started with, and what is remembered of it.

use std::sync::Arc;

use standfast_crypto::{Link, LinkKeys, PassphraseKey};

use crate::profile::{Profile, ProfileError};

/// With which passphrase to take part.
#[derive(Default)]
pub enum WithPassphrase {
    /// The one that is remembered, or none.
    #[default]
    Remembered,
    /// This one.
    Given(Arc<PassphraseKey>),
    /// None, whatever is remembered.
    Without,
}

/// What this profile knows of a standup's passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PassphraseMemory {
    /// It has none, as far as is known here.
    #[default]
    None,
    /// It has one, which is asked for each time.
    Asked,
    /// It has one, which is remembered.
    Remembered,
}

impl Profile {
    /// What is known of the standup's passphrase.
    ///
    /// # Errors
    /// [`ProfileError::Store`].
    pub fn passphrase_memory(
        &self,
        meeting_id: &[u8; 16],
    ) -> Result<PassphraseMemory, ProfileError> {
        Ok(match self.vault.store().passphrase(meeting_id)? {
            None => PassphraseMemory::None,
            Some(stored) if stored.key.is_none() => PassphraseMemory::Asked,
            Some(_) => PassphraseMemory::Remembered,
        })
    }

    /// Whether `key` is another passphrase than the one that this profile's own standup has. What
    /// a member remembers decides nothing: the organizer may have chosen anew.
    ///
    /// # Errors
    /// [`ProfileError::PassphraseOther`] if it is, and [`ProfileError::Store`].
    pub fn check_own_passphrase(
        &self,
        link: &Link,
        key: &PassphraseKey,
    ) -> Result<(), ProfileError> {
        let own = link.organizer == self.identity.fingerprint();
        match self.vault.store().passphrase(&link.meeting_id)? {
            Some(stored) if own && stored.check != key.check() => {
                Err(ProfileError::PassphraseOther)
            }
            _ => Ok(()),
        }
    }

    /// The keys of everyone with the link and the passphrase.
    ///
    /// # Errors
    /// The organizer opens a standup that has a passphrase with no other and never without:
    /// [`ProfileError::PassphraseMissing`], [`ProfileError::PassphraseOther`]. A member finds out
    /// from the board.
    pub(crate) fn link_keys(
        &self,
        link: &Link,
        with: &WithPassphrase,
    ) -> Result<LinkKeys, ProfileError> {
        let stored = self.vault.store().passphrase(&link.meeting_id)?;
        let has_one = stored.is_some() && link.organizer == self.identity.fingerprint();
        match (with, stored.and_then(|stored| stored.key)) {
            (WithPassphrase::Given(key), _) => {
                self.check_own_passphrase(link, key)?;
                Ok(link.keys_with(key))
            }
            (WithPassphrase::Remembered, Some(key)) => Ok(link.keys_with(&key)),
            _ if has_one => Err(ProfileError::PassphraseMissing),
            _ => Ok(link.keys()),
        }
    }

    /// Keeps what has proved right, or was chosen: the passphrase, only that there is one, or that
    /// there is none any more.
    ///
    /// # Errors
    /// [`ProfileError::Store`].
    pub fn keep_passphrase(
        &self,
        meeting_id: &[u8; 16],
        key: Option<&PassphraseKey>,
        remember: bool,
    ) -> Result<(), ProfileError> {
        let store = self.vault.store();
        match key {
            Some(key) => store.put_passphrase(meeting_id, key, remember)?,
            None => store.clear_passphrase(meeting_id)?,
        }
        Ok(())
    }
}
