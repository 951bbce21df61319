//! People, the fingerprints pinned to them, and what was verified.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, check_text};

/// A fingerprint's 32 bytes, as in `standfast_crypto::Fingerprint`.
pub type FingerprintBytes = [u8; 32];

/// Loudest volume for one device, in percent of what it sends.
pub const VOLUME_MAX_PERCENT: u16 = 200;

const CONTACTS: &str = "contacts";
const DEVICES: &str = "devices";

/// A contact's random id; means nothing outside this database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContactId(pub [u8; 16]);

/// What this computer's user decided about one fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Trust {
    /// Known, never compared, or verification was withdrawn.
    NotVerified,
    /// Compared by the user.
    Verified {
        /// When, milliseconds since 1970.
        at_ms: u64,
    },
    /// A new device that a verified device vouched for; the user has not compared it.
    VouchedFor {
        /// The verified device.
        by: FingerprintBytes,
    },
}

/// One pinned fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The fingerprint.
    pub fingerprint: FingerprintBytes,
    /// How the device calls itself, if it does. At most [`super::TEXT_MAX`] bytes.
    pub label: Option<String>,
    /// What was verified.
    pub trust: Trust,
    /// When this computer first met it, milliseconds since 1970.
    pub first_seen_ms: u64,
    /// Its volume, 0 to [`VOLUME_MAX_PERCENT`]; 100 is as sent.
    pub volume_percent: u16,
}

impl Device {
    /// A device just met: not verified, as loud as sent.
    #[must_use]
    pub fn first_seen(fingerprint: FingerprintBytes, now_ms: u64) -> Self {
        Self {
            fingerprint,
            label: None,
            trust: Trust::NotVerified,
            first_seen_ms: now_ms,
            volume_percent: 100,
        }
    }
}

/// A person with the devices pinned to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The id.
    pub id: ContactId,
    /// The display name, stored as given.
    pub name: String,
    /// Pinned devices, oldest first.
    pub devices: Vec<Device>,
}

#[derive(Serialize, Deserialize)]
struct ContactRecord {
    name: String,
}

impl Store {
    /// Everyone, in no particular order.
    pub fn contacts(&self) -> Result<Vec<Contact>, StoreError> {
        let db = self.db.lock();
        let rows: Vec<([u8; 16], Vec<u8>)> = db
            .prepare_cached("SELECT id, sealed FROM contacts")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        rows.into_iter().map(|(id, sealed)| self.contact_of(&db, ContactId(id), &sealed)).collect()
    }

    /// One contact.
    pub fn contact(&self, id: ContactId) -> Result<Option<Contact>, StoreError> {
        let db = self.db.lock();
        let sealed: Option<Vec<u8>> = db
            .query_row("SELECT sealed FROM contacts WHERE id = ?1", params![id.0], |row| row.get(0))
            .optional()?;
        sealed.map(|sealed| self.contact_of(&db, id, &sealed)).transpose()
    }

    /// Who `fingerprint` is pinned to.
    pub fn contact_by_fingerprint(
        &self,
        fingerprint: &FingerprintBytes,
    ) -> Result<Option<Contact>, StoreError> {
        let owner = self.owner_of(&self.db.lock(), fingerprint)?;
        owner.map_or(Ok(None), |id| self.contact(id))
    }

    /// A new contact with one device.
    pub fn add_contact(&self, name: &str, device: &Device) -> Result<ContactId, StoreError> {
        let mut id = ContactId([0; 16]);
        getrandom::fill(&mut id.0).map_err(|_| StoreError::NoEntropy)?;
        let sealed = self.seal_contact(id, name)?;
        let mut db = self.db.lock();
        let change = db.transaction()?;
        change
            .execute("INSERT INTO contacts (id, sealed) VALUES (?1, ?2)", params![id.0, sealed])?;
        self.put_device(&change, id, device)?;
        change.commit()?;
        Ok(id)
    }

    /// Changes the display name.
    pub fn rename_contact(&self, id: ContactId, name: &str) -> Result<(), StoreError> {
        let sealed = self.seal_contact(id, name)?;
        let changed = self
            .db
            .lock()
            .execute("UPDATE contacts SET sealed = ?2 WHERE id = ?1", params![id.0, sealed])?;
        found(changed, "contact")
    }

    /// Forgets a contact and all its devices.
    pub fn delete_contact(&self, id: ContactId) -> Result<(), StoreError> {
        let changed =
            self.db.lock().execute("DELETE FROM contacts WHERE id = ?1", params![id.0])?;
        found(changed, "contact")
    }

    /// Pins a further device to a contact. Refuses a fingerprint that another contact has: moving
    /// it silently would move its verification.
    pub fn pin_device(&self, id: ContactId, device: &Device) -> Result<(), StoreError> {
        let db = self.db.lock();
        match self.owner_of(&db, &device.fingerprint)? {
            Some(owner) if owner != id => Err(StoreError::PinnedElsewhere),
            _ => self.put_device(&db, id, device),
        }
    }

    /// Forgets one device.
    pub fn unpin_device(&self, fingerprint: &FingerprintBytes) -> Result<(), StoreError> {
        let tag = self.device_tag(fingerprint);
        let changed = self.db.lock().execute("DELETE FROM devices WHERE tag = ?1", params![tag])?;
        found(changed, "device")
    }

    /// Marks the fingerprint as compared by the user.
    pub fn verify(&self, fingerprint: &FingerprintBytes, now_ms: u64) -> Result<(), StoreError> {
        self.change_device(fingerprint, |d| d.trust = Trust::Verified { at_ms: now_ms })
    }

    /// Takes the verification back. Devices that this one vouched for lose that, too.
    pub fn withdraw_verification(&self, fingerprint: &FingerprintBytes) -> Result<(), StoreError> {
        self.change_device(fingerprint, |d| d.trust = Trust::NotVerified)?;
        let leaning =
            |d: &Device| matches!(&d.trust, Trust::VouchedFor { by } if by == fingerprint);
        for device in self.contacts()?.iter().flat_map(|c| &c.devices).filter(|d| leaning(d)) {
            self.change_device(&device.fingerprint, |d| d.trust = Trust::NotVerified)?;
        }
        Ok(())
    }

    /// Sets a device's volume, 0 to [`VOLUME_MAX_PERCENT`].
    pub fn set_volume(
        &self,
        fingerprint: &FingerprintBytes,
        percent: u16,
    ) -> Result<(), StoreError> {
        self.change_device(fingerprint, |d| d.volume_percent = percent.min(VOLUME_MAX_PERCENT))
    }

    fn change_device(
        &self,
        fingerprint: &FingerprintBytes,
        change: impl FnOnce(&mut Device),
    ) -> Result<(), StoreError> {
        let db = self.db.lock();
        let not_found = StoreError::NotFound { what: "device" };
        let id = self.owner_of(&db, fingerprint)?.ok_or(not_found)?;
        let tag = self.device_tag(fingerprint);
        let sealed: Vec<u8> =
            db.query_row("SELECT sealed FROM devices WHERE tag = ?1", params![tag], |row| {
                row.get(0)
            })?;
        let mut device = self.open_record(DEVICES, &device_row(&tag, id), &sealed)?;
        change(&mut device);
        self.put_device(&db, id, &device)
    }

    fn contact_of(
        &self,
        db: &Connection,
        id: ContactId,
        sealed: &[u8],
    ) -> Result<Contact, StoreError> {
        let record: ContactRecord = self.open_record(CONTACTS, &id.0, sealed)?;
        let rows: Vec<([u8; 32], Vec<u8>)> = db
            .prepare_cached("SELECT tag, sealed FROM devices WHERE contact = ?1")?
            .query_map(params![id.0], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut devices = rows
            .iter()
            .map(|(tag, sealed)| self.open_record(DEVICES, &device_row(tag, id), sealed))
            .collect::<Result<Vec<Device>, _>>()?;
        devices.sort_by_key(|d| (d.first_seen_ms, d.fingerprint));
        Ok(Contact { id, name: record.name, devices })
    }

    fn owner_of(
        &self,
        db: &Connection,
        fingerprint: &FingerprintBytes,
    ) -> Result<Option<ContactId>, StoreError> {
        let tag = self.device_tag(fingerprint);
        let id = db
            .query_row("SELECT contact FROM devices WHERE tag = ?1", params![tag], |row| row.get(0))
            .optional()?;
        Ok(id.map(ContactId))
    }

    fn put_device(
        &self,
        db: &Connection,
        id: ContactId,
        device: &Device,
    ) -> Result<(), StoreError> {
        check_text("device label", device.label.as_deref().unwrap_or_default())?;
        let tag = self.device_tag(&device.fingerprint);
        let sealed = self.seal_record(DEVICES, &device_row(&tag, id), device)?;
        let stored = db.execute(
            "INSERT INTO devices (tag, contact, sealed) VALUES (?1, ?2, ?3)
             ON CONFLICT (tag) DO UPDATE SET sealed = excluded.sealed
             WHERE devices.contact = excluded.contact",
            params![tag, id.0, sealed],
        )?;
        if stored == 1 { Ok(()) } else { Err(StoreError::PinnedElsewhere) }
    }

    fn seal_contact(&self, id: ContactId, name: &str) -> Result<Vec<u8>, StoreError> {
        check_text("name", name)?;
        self.seal_record(CONTACTS, &id.0, &ContactRecord { name: name.to_owned() })
    }

    fn device_tag(&self, fingerprint: &FingerprintBytes) -> [u8; 32] {
        self.sealer.tag("device", fingerprint)
    }
}

/// Binds a device to its contact, so that editing the file cannot move a verified device.
fn device_row(tag: &[u8; 32], contact: ContactId) -> Vec<u8> {
    [&tag[..], &contact.0].concat()
}

fn found(changed: usize, what: &'static str) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::NotFound { what }) } else { Ok(()) }
}
