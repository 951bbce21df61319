//! Small named secrets beside the identity: the private halves of prekey bundles.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base64ct::{Base64, Encoding};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::file_vault::FileVault;
use crate::keychain::{Failure, KEYCHAIN_ENTRY_MAX, Session, Stored};
use crate::store::StoreError;
use crate::trouble::{Trouble, Unclear};
use crate::vault::{OpenVault, SOME_KEYCHAIN};

/// Largest secret, in bytes: [`KEYCHAIN_ENTRY_MAX`] once it is base64.
pub const SECRET_MAX: usize = KEYCHAIN_ENTRY_MAX / 4 * 3;

/// Longest name of a secret, in characters.
pub const SECRET_NAME_MAX: usize = 64;

/// Where this profile's secrets lie.
pub(crate) enum Secrets {
    Keychain,
    File(Mutex<FileVault>),
}

/// A secret in the list. The name is not secret: use random ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretEntry {
    /// Its name.
    pub name: String,
    /// When it was put, milliseconds since 1970.
    pub made_ms: u64,
}

/// A secret cannot be stored or had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Names are 1 to [`SECRET_NAME_MAX`] of `a-z 0-9 . _ - /`.
    #[error("not a name for a secret")]
    BadName,
    /// More than [`SECRET_MAX`] bytes.
    #[error("the secret is too long")]
    TooLong,
    /// There is none of this name (any more).
    #[error("there is no such secret")]
    NotThere,
    /// The keychain or the passphrase file is in trouble.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// The list could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for SecretError {
    fn from(failure: Failure) -> Self {
        Self::Trouble(match failure {
            Failure::NoEntry => return Self::NotThere,
            Failure::TooLong => return Self::TooLong,
            Failure::Locked => Trouble::Locked,
            Failure::NoAnswer { waited_ms } => Trouble::NoAnswer { waited_ms },
            Failure::Stopped => Trouble::Stopped,
            Failure::Absent { detail } => {
                let backend = SOME_KEYCHAIN.to_owned();
                Trouble::BackendMissing { backend, since_ms: None, detail }
            }
            Failure::Several { count } => Unclear::Several { count }.into(),
            Failure::Damaged => Unclear::DamagedEntry.into(),
            Failure::Unknown { detail } => Unclear::UnknownAnswer { detail }.into(),
        })
    }
}

/// All of these may block as long as the keychain's time limit. They are listed in the database
/// before they are stored and until they are gone, so that none is ever forgotten in a keychain.
impl OpenVault {
    /// Stores or replaces a secret.
    pub fn put_secret(&self, name: &str, secret: &[u8], now_ms: u64) -> Result<(), SecretError> {
        check_name(name)?;
        if secret.len() > SECRET_MAX {
            return Err(SecretError::TooLong);
        }
        self.list_secret(name, now_ms)?;
        match &self.secrets {
            Secrets::File(file) => Ok(locked(file).put(name, secret)?),
            Secrets::Keychain => {
                let encoded = Zeroizing::new(Base64::encode_string(secret).into_bytes());
                self.on_keychain(name, move |session, user| {
                    session.write(|chain| chain.write(user, &encoded))
                })
            }
        }
    }

    /// Reads a secret and leaves it where it is.
    pub fn secret(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        check_name(name)?;
        let read = match &self.secrets {
            Secrets::File(file) => locked(file).secret(name).ok_or(SecretError::NotThere),
            Secrets::Keychain => {
                self.on_keychain(name, |session, user| decode(&session.chain()?.read(user)?))
            }
        };
        self.unlist_if_gone(name, read)
    }

    /// Takes a secret out: it is handed over only after its deletion is confirmed, so that nobody
    /// can take it twice.
    pub fn take_secret(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        check_name(name)?;
        let taken = match &self.secrets {
            Secrets::File(file) => {
                let mut file = locked(file);
                let secret = file.secret(name).ok_or(SecretError::NotThere);
                secret.and_then(|secret| Ok(file.delete(name).map(|_| secret)?))
            }
            Secrets::Keychain => self.on_keychain(name, |session, user| {
                let secret = decode(&session.chain()?.read(user)?)?;
                session.write(|chain| chain.delete(user))?;
                Ok(secret)
            }),
        };
        let taken = self.unlist_if_gone(name, taken)?;
        self.unlist_secret(name)?;
        Ok(taken)
    }

    /// Deletes a secret; fine if it is gone already.
    pub fn delete_secret(&self, name: &str) -> Result<(), SecretError> {
        check_name(name)?;
        match &self.secrets {
            Secrets::File(file) => drop(locked(file).delete(name)?),
            Secrets::Keychain => self.on_keychain(name, |session, user| {
                match session.write(|chain| chain.delete(user)) {
                    Err(Failure::NoEntry) => Ok(()),
                    done => done,
                }
            })?,
        }
        self.unlist_secret(name)
    }

    /// The secrets that are, or may be, stored; oldest first.
    pub fn secret_list(&self) -> Result<Vec<SecretEntry>, SecretError> {
        let db = self.shared.database.lock();
        let list = || -> rusqlite::Result<Vec<SecretEntry>> {
            db.prepare_cached("SELECT name, made_ms FROM secrets ORDER BY made_ms, name")?
                .query_map([], |row| {
                    let made_ms = row.get::<_, i64>(1)?.cast_unsigned();
                    Ok(SecretEntry { name: row.get(0)?, made_ms })
                })?
                .collect()
        };
        Ok(list().map_err(StoreError::from)?)
    }

    fn on_keychain<T: Send + 'static>(
        &self,
        name: &str,
        job: impl FnOnce(&mut Session, &str) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, SecretError> {
        let user = self.shared.secret_user(name);
        Ok(self.shared.keychain.start(move |session| job(session, &user)).wait()?)
    }

    fn list_secret(&self, name: &str, now_ms: u64) -> Result<(), SecretError> {
        let changed = self.shared.database.lock().execute(
            "INSERT INTO secrets (name, made_ms) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET made_ms = excluded.made_ms",
            params![name, now_ms.cast_signed()],
        );
        Ok(changed.map(drop).map_err(StoreError::from)?)
    }

    fn unlist_secret(&self, name: &str) -> Result<(), SecretError> {
        let changed = self
            .shared
            .database
            .lock()
            .execute("DELETE FROM secrets WHERE name = ?1", params![name]);
        Ok(changed.map(drop).map_err(StoreError::from)?)
    }

    fn unlist_if_gone<T>(
        &self,
        name: &str,
        result: Result<T, SecretError>,
    ) -> Result<T, SecretError> {
        if matches!(result, Err(SecretError::NotThere)) {
            self.unlist_secret(name)?;
        }
        result
    }
}

fn check_name(name: &str) -> Result<(), SecretError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-/".contains(&b);
    if name.is_empty() || name.len() > SECRET_NAME_MAX || !name.bytes().all(plain) {
        return Err(SecretError::BadName);
    }
    Ok(())
}

fn decode(stored: &Stored) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(vec![0; SECRET_MAX]);
    let len = Base64::decode(&stored[..], &mut bytes).map_err(|_| Failure::Damaged)?.len();
    bytes.truncate(len);
    Ok(bytes)
}

fn locked(file: &Mutex<FileVault>) -> MutexGuard<'_, FileVault> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}
