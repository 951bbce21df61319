//! The profile's database: contacts, meetings, settings, journals. No secret key lies here.
//!
//! Whatever names a person, a meeting or a link is sealed under a key derived from the identity
//! seed, bound to its row. In clear lie counts, random ids, settings that the window needs before
//! the keychain opens, marks (plain counters under keyed tags), and how many meetings have a
//! passphrase.

mod contacts;
mod journals;
mod meetings;
mod passphrases;
mod settings;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use standfast_crypto::{Enc, Secret};
use zeroize::Zeroizing;

use crate::disk::{self, DiskError};
use crate::seal::{ColumnSealer, NoEntropy};

pub use contacts::{Contact, ContactId, Device, FingerprintBytes, Trust, VOLUME_MAX_PERCENT};
pub use journals::{JOURNAL_MAX, JournalHead, JournalId};
pub use meetings::{MeetingId, Schedule, StoredMeeting};
pub use passphrases::StoredPassphrase;
pub use settings::Settings;

/// The database's file name.
pub(crate) const DATABASE_FILE: &str = "standfast.db";

/// Longest text that a record may hold, in bytes: names, titles, relay addresses.
pub const TEXT_MAX: usize = 256;

/// Longest setting, in bytes of JSON.
pub const SETTING_MAX: usize = 16 * 1024;

/// One step per release that changed the schema; never edit one that was released.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// A database operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite: damaged file, full disk, locked by another program.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// The file could not be created with private permissions.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The database was written by a newer version.
    #[error("the database is of a newer version ({found})")]
    Newer {
        /// Its schema version.
        found: u32,
    },
    /// A sealed value does not open: damaged, moved to another row, or of another identity.
    #[error("a sealed value in {table} does not open")]
    DoesNotOpen {
        /// Where it lies.
        table: &'static str,
    },
    /// There is no such record.
    #[error("no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// A value is longer than its limit, or does not fit its type.
    #[error("{what} is too long or malformed")]
    BadValue {
        /// What was to be stored.
        what: &'static str,
    },
    /// The fingerprint already belongs to another contact.
    #[error("the fingerprint belongs to another contact")]
    PinnedElsewhere,
    /// The operating system gave no random bytes.
    #[error("the system gave no random bytes")]
    NoEntropy,
}

impl From<NoEntropy> for StoreError {
    fn from(_: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

/// The open database, shared by what works before the identity is there and what needs it.
#[derive(Clone)]
pub(crate) struct Database(Arc<Mutex<Connection>>);

impl Database {
    /// Opens or creates the file (0600) and brings its schema up to date.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        // Created by us first, so that it is private; SQLite gives its journal the same mode.
        drop(disk::open_private(path)?);
        Self::prepare(Connection::open(path)?)
    }

    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Self::prepare(Connection::open_in_memory().unwrap()).unwrap()
    }

    fn prepare(mut db: Connection) -> Result<Self, StoreError> {
        // secure_delete overwrites what was deleted; TRUNCATE leaves no old pages in a WAL.
        db.pragma_update(None, "secure_delete", true)?;
        db.pragma_update_and_check(None, "journal_mode", "TRUNCATE", |_| Ok(()))?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.pragma_update(None, "trusted_schema", false)?;
        migrate(&mut db)?;
        Ok(Self(Arc::new(Mutex::new(db))))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether some identity has sealed into this database.
    pub(crate) fn is_bound(&self) -> Result<bool, StoreError> {
        Ok(self.lock().query_row("SELECT EXISTS (SELECT 1 FROM owner)", [], |row| row.get(0))?)
    }
}

fn migrate(db: &mut Connection) -> Result<(), StoreError> {
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let steps = (1u32..).zip(MIGRATIONS);
    if steps.clone().last().is_none_or(|(newest, _)| version > newest) {
        return Err(StoreError::Newer { found: version });
    }
    for (step, sql) in steps.filter(|(step, _)| *step > version) {
        let change = db.transaction()?;
        change.execute_batch(sql)?;
        change.pragma_update(None, "user_version", step)?;
        change.commit()?;
    }
    Ok(())
}

/// Contacts, meetings, private settings and journals of one identity.
pub struct Store {
    db: Database,
    sealer: ColumnSealer,
}

impl Store {
    /// Opens the sealed part with the identity that it belongs to. A fresh database becomes this
    /// identity's; that of another is [`StoreError::DoesNotOpen`].
    pub(crate) fn open(db: Database, seed: &Secret<32>) -> Result<Self, StoreError> {
        let store = Self { db, sealer: ColumnSealer::new(seed) };
        store.bind()?;
        Ok(store)
    }

    fn bind(&self) -> Result<(), StoreError> {
        let found = self
            .db
            .lock()
            .query_row("SELECT sealed FROM owner", [], |row| row.get::<_, Vec<u8>>(0))
            .optional()?;
        if let Some(sealed) = found {
            return self.unseal(OWNER, &[], &sealed).map(drop);
        }
        let sealed = self.seal(OWNER, &[], b"owner")?;
        self.db.lock().execute("INSERT INTO owner (id, sealed) VALUES (1, ?1)", params![sealed])?;
        Ok(())
    }

    fn seal(&self, table: &'static str, row: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        Ok(self.sealer.seal(place(table, row), plain)?)
    }

    fn unseal(
        &self,
        table: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.sealer.open(place(table, row), sealed).map_err(|_| StoreError::DoesNotOpen { table })
    }

    fn seal_record<T: Serialize>(
        &self,
        table: &'static str,
        row: &[u8],
        record: &T,
    ) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(record).map_err(|_| StoreError::BadValue { what: table })?;
        self.seal(table, row, &Zeroizing::new(plain))
    }

    fn open_record<T: DeserializeOwned>(
        &self,
        table: &'static str,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<T, StoreError> {
        let plain = self.unseal(table, row, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| StoreError::DoesNotOpen { table })
    }

    /// The highest value that was [raised](Self::raise_mark) under `name`, e.g. the `seq` of a
    /// member's prekey bundles. The name itself is not stored.
    pub fn mark(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let tag = self.sealer.tag("mark", name.as_bytes());
        let value = self
            .db
            .lock()
            .query_row("SELECT value FROM marks WHERE tag = ?1", params![tag], |row| {
                row.get::<_, i64>(0)
            })
            .optional()?;
        Ok(value.map(i64::cast_unsigned))
    }

    /// Raises the mark to `value`. `false`, and nothing changes, if it is not higher than before.
    pub fn raise_mark(&self, name: &str, value: u64) -> Result<bool, StoreError> {
        let stored = i64::try_from(value).map_err(|_| StoreError::BadValue { what: "mark" })?;
        let tag = self.sealer.tag("mark", name.as_bytes());
        let changed = self.db.lock().execute(
            "INSERT INTO marks (tag, value) VALUES (?1, ?2)
             ON CONFLICT (tag) DO UPDATE SET value = excluded.value
             WHERE excluded.value > marks.value",
            params![tag, stored],
        )?;
        Ok(changed == 1)
    }
}

const OWNER: &str = "owner";

fn place(table: &'static str, row: &[u8]) -> Enc {
    Enc::new("SF1/store").text(table).bytes(row)
}

fn check_text(what: &'static str, text: &str) -> Result<(), StoreError> {
    if text.len() > TEXT_MAX { Err(StoreError::BadValue { what }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
