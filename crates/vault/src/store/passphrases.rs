//! Passphrases of meetings. The words themselves are never stored: what opens a meeting is the
//! passphrase stretched for it, and that is kept only if the user wants it remembered.

use rusqlite::{OptionalExtension, params};
use standfast_crypto::{PassphraseKey, Secret};

use super::{MeetingId, Store, StoreError};

const PASSPHRASES: &str = "meetings.passphrase";

const CHECK: usize = 16;
const KEY: usize = 32;

/// What is known of a meeting's passphrase.
pub struct StoredPassphrase {
    /// [`PassphraseKey::check`] of the one that counted last: tells whether one that is typed is
    /// the same again.
    pub check: [u8; CHECK],
    /// The stretched passphrase, if it is remembered.
    pub key: Option<PassphraseKey>,
}

impl Store {
    /// The meeting's passphrase. `None`: it has none, as far as this profile knows.
    pub fn passphrase(&self, id: &MeetingId) -> Result<Option<StoredPassphrase>, StoreError> {
        let tag = self.meeting_tag(id);
        let sealed: Option<Option<Vec<u8>>> = self
            .db
            .lock()
            .query_row("SELECT sealed_passphrase FROM meetings WHERE tag = ?1", params![tag], |r| {
                r.get(0)
            })
            .optional()?;
        let Some(sealed) = sealed.flatten() else { return Ok(None) };
        let plain = self.unseal(PASSPHRASES, &tag, &sealed)?;
        let (check, key) = plain
            .split_first_chunk::<CHECK>()
            .ok_or(StoreError::DoesNotOpen { table: PASSPHRASES })?;
        let key = <&[u8; KEY]>::try_from(key).ok();
        let restore = |key: &[u8; KEY]| PassphraseKey::restore(Secret::from_fn(|out| *out = *key));
        Ok(Some(StoredPassphrase { check: *check, key: key.map(restore) }))
    }

    /// The meeting has this passphrase. It is asked for each time unless it is to be remembered.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a meeting that this profile does not know.
    pub fn put_passphrase(
        &self,
        id: &MeetingId,
        key: &PassphraseKey,
        remember: bool,
    ) -> Result<(), StoreError> {
        let plain = Secret::<{ CHECK + KEY }>::from_fn(|out| {
            let (check, rest) = out.split_at_mut(CHECK);
            check.copy_from_slice(&key.check());
            rest.copy_from_slice(key.secret().expose());
        });
        let len = if remember { CHECK + KEY } else { CHECK };
        self.write_passphrase(id, Some(&plain.expose()[..len]))
    }

    /// Forgets the passphrase; that there is one stays known.
    pub fn forget_passphrase(&self, id: &MeetingId) -> Result<(), StoreError> {
        let Some(known) = self.passphrase(id)? else { return Ok(()) };
        self.write_passphrase(id, Some(&known.check))
    }

    /// The meeting has no passphrase any more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a meeting that this profile does not know.
    pub fn clear_passphrase(&self, id: &MeetingId) -> Result<(), StoreError> {
        self.write_passphrase(id, None)
    }

    fn write_passphrase(&self, id: &MeetingId, plain: Option<&[u8]>) -> Result<(), StoreError> {
        let tag = self.meeting_tag(id);
        let sealed = plain.map(|plain| self.seal(PASSPHRASES, &tag, plain)).transpose()?;
        let changed = self.db.lock().execute(
            "UPDATE meetings SET sealed_passphrase = ?2 WHERE tag = ?1",
            params![tag, sealed],
        )?;
        if changed == 0 { Err(StoreError::NotFound { what: "meeting" }) } else { Ok(()) }
    }
}
