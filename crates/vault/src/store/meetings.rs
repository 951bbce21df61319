//! Recurring standups and the secrets of their links.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use standfast_crypto::Secret;

use super::{FingerprintBytes, Store, StoreError, check_text};

/// A meeting's id, 16 bytes.
pub type MeetingId = [u8; 16];

/// Most scheduled members that a record may list. A standup has a tenth of them.
const MEMBERS_MAX: usize = 256;

/// Most bytes of a signed list of deputies: eight of them, the organizer's keys and signatures.
const DEPUTIES_MAX: usize = 1_024;

const MEETINGS: &str = "meetings";
const LINKS: &str = "meetings.link";

/// When a standup recurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Bit 0 is Monday, bit 6 is Sunday.
    pub weekdays: u8,
    /// Minutes after local midnight.
    pub minute_of_day: u16,
    /// IANA time zone of the organizer, as "Europe/Berlin".
    pub time_zone: String,
}

/// A meeting that this profile knows. Its link's secret is kept apart: [`Store::link_secret`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMeeting {
    /// From the link.
    pub meeting_id: MeetingId,
    /// The relay's address, from the link.
    pub relay: String,
    /// SHA-256 of the relay's certificate, from the link, for a relay on a local network.
    #[serde(default)]
    pub relay_cert: Option<[u8; 32]>,
    /// From the link; a new link raises it.
    pub link_epoch: u32,
    /// From the link.
    pub organizer: FingerprintBytes,
    /// What people call it.
    pub title: String,
    /// Fingerprints of the scheduled members.
    pub members: Vec<FingerprintBytes>,
    /// When it recurs, if it does.
    pub schedule: Option<Schedule>,
    /// When this profile was last in it, milliseconds since 1970.
    pub last_met_ms: Option<u64>,
    /// Who may open it when the organizer is away, as the organizer signed it last.
    #[serde(default)]
    pub deputies: Option<Vec<u8>>,
}

impl Store {
    /// All known meetings, in no particular order.
    pub fn meetings(&self) -> Result<Vec<StoredMeeting>, StoreError> {
        let rows: Vec<([u8; 32], Vec<u8>)> = self
            .db
            .lock()
            .prepare_cached("SELECT tag, sealed FROM meetings")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        rows.iter().map(|(tag, sealed)| self.open_record(MEETINGS, tag, sealed)).collect()
    }

    /// One meeting.
    pub fn meeting(&self, id: &MeetingId) -> Result<Option<StoredMeeting>, StoreError> {
        let tag = self.meeting_tag(id);
        let sealed: Option<Vec<u8>> = self
            .db
            .lock()
            .query_row("SELECT sealed FROM meetings WHERE tag = ?1", params![tag], |row| row.get(0))
            .optional()?;
        sealed.map(|sealed| self.open_record(MEETINGS, &tag, &sealed)).transpose()
    }

    /// The secret of the meeting's link.
    pub fn link_secret(&self, id: &MeetingId) -> Result<Option<Secret<16>>, StoreError> {
        let tag = self.meeting_tag(id);
        let sealed: Option<Vec<u8>> = self
            .db
            .lock()
            .query_row("SELECT sealed_link FROM meetings WHERE tag = ?1", params![tag], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(sealed) = sealed else { return Ok(None) };
        let plain = self.unseal(LINKS, &tag, &sealed)?;
        let bytes = <&[u8; 16]>::try_from(&plain[..])
            .map_err(|_| StoreError::DoesNotOpen { table: LINKS })?;
        Ok(Some(Secret::from_fn(|out| out.copy_from_slice(bytes))))
    }

    /// Adds or replaces a meeting together with its link's secret.
    pub fn put_meeting(
        &self,
        meeting: &StoredMeeting,
        link_secret: &Secret<16>,
    ) -> Result<(), StoreError> {
        let tag = self.meeting_tag(&meeting.meeting_id);
        let sealed = self.seal_meeting(&tag, meeting)?;
        let sealed_link = self.seal(LINKS, &tag, link_secret.expose())?;
        self.db.lock().execute(
            "INSERT INTO meetings (tag, sealed, sealed_link) VALUES (?1, ?2, ?3)
             ON CONFLICT (tag) DO UPDATE
             SET sealed = excluded.sealed, sealed_link = excluded.sealed_link",
            params![tag, sealed, sealed_link],
        )?;
        Ok(())
    }

    /// Replaces what is known of a meeting; the link's secret stays.
    pub fn update_meeting(&self, meeting: &StoredMeeting) -> Result<(), StoreError> {
        let tag = self.meeting_tag(&meeting.meeting_id);
        let sealed = self.seal_meeting(&tag, meeting)?;
        let changed = self
            .db
            .lock()
            .execute("UPDATE meetings SET sealed = ?2 WHERE tag = ?1", params![tag, sealed])?;
        if changed == 0 { Err(StoreError::NotFound { what: "meeting" }) } else { Ok(()) }
    }

    /// Forgets a meeting and its link.
    pub fn delete_meeting(&self, id: &MeetingId) -> Result<(), StoreError> {
        let tag = self.meeting_tag(id);
        self.db.lock().execute("DELETE FROM meetings WHERE tag = ?1", params![tag])?;
        Ok(())
    }

    fn seal_meeting(&self, tag: &[u8; 32], meeting: &StoredMeeting) -> Result<Vec<u8>, StoreError> {
        check_text("title", &meeting.title)?;
        check_text("relay", &meeting.relay)?;
        if meeting.deputies.as_ref().is_some_and(|signed| signed.len() > DEPUTIES_MAX) {
            return Err(StoreError::BadValue { what: "list of deputies" });
        }
        if meeting.members.len() > MEMBERS_MAX {
            return Err(StoreError::BadValue { what: "member list" });
        }
        self.seal_record(MEETINGS, tag, meeting)
    }

    pub(super) fn meeting_tag(&self, id: &MeetingId) -> [u8; 32] {
        self.sealer.tag("meeting", id)
    }
}
