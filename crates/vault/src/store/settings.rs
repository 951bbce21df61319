//! Settings: small JSON values by name.

use rusqlite::{OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{Database, SETTING_MAX, Store, StoreError, TEXT_MAX};

const PRIVATE: &str = "private_settings";

/// Settings in clear: theme, language, devices. Work before the identity is there; put nothing
/// in that names a person (use [`Store::set_private_setting`]).
#[derive(Clone)]
pub struct Settings {
    pub(crate) db: Database,
}

impl Settings {
    /// The setting, `None` if it was never set or has another shape than `T` now.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let value: Option<String> = self
            .db
            .lock()
            .query_row("SELECT value FROM settings WHERE name = ?1", params![name], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(value.and_then(|value| serde_json::from_str(&value).ok()))
    }

    /// Sets it; at most [`SETTING_MAX`] bytes of JSON.
    pub fn set<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let value = encode(name, value)?;
        self.db.lock().execute(
            "INSERT INTO settings (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![name, value.as_str()],
        )?;
        Ok(())
    }

    /// Back to the default.
    pub fn clear(&self, name: &str) -> Result<(), StoreError> {
        self.db.lock().execute("DELETE FROM settings WHERE name = ?1", params![name])?;
        Ok(())
    }
}

impl Store {
    /// A sealed setting, such as one's own display name.
    pub fn private_setting<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, StoreError> {
        let tag = self.sealer.tag(PRIVATE, name.as_bytes());
        let sealed: Option<Vec<u8>> = self
            .db
            .lock()
            .query_row("SELECT sealed FROM private_settings WHERE tag = ?1", params![tag], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = self.unseal(PRIVATE, &tag, &sealed)?;
        Ok(serde_json::from_slice(&plain).ok())
    }

    /// Sets it; at most [`SETTING_MAX`] bytes of JSON.
    pub fn set_private_setting<T: Serialize>(
        &self,
        name: &str,
        value: &T,
    ) -> Result<(), StoreError> {
        let value = encode(name, value)?;
        let tag = self.sealer.tag(PRIVATE, name.as_bytes());
        let sealed = self.seal(PRIVATE, &tag, value.as_bytes())?;
        self.db.lock().execute(
            "INSERT INTO private_settings (tag, sealed) VALUES (?1, ?2)
             ON CONFLICT (tag) DO UPDATE SET sealed = excluded.sealed",
            params![tag, sealed],
        )?;
        Ok(())
    }
}

fn encode<T: Serialize>(name: &str, value: &T) -> Result<Zeroizing<String>, StoreError> {
    let bad = || StoreError::BadValue { what: "setting" };
    let value = Zeroizing::new(serde_json::to_string(value).map_err(|_| bad())?);
    if value.len() > SETTING_MAX || name.len() > TEXT_MAX { Err(bad()) } else { Ok(value) }
}
