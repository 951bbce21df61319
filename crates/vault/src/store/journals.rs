//! Journals of past meetings: a sealed head for the list, a sealed body for the reader.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{MeetingId, Store, StoreError, check_text};

/// Largest journal body, in bytes: a day-long meeting with a key change each minute fits.
pub const JOURNAL_MAX: usize = 4 << 20;

const HEADS: &str = "journals.head";
const BODIES: &str = "journals.body";

/// A journal's number; grows with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JournalId(pub i64);

/// What a list of past meetings shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHead {
    /// Which meeting.
    pub meeting_id: MeetingId,
    /// Its title then.
    pub title: String,
    /// Milliseconds since 1970.
    pub began_ms: u64,
    /// Milliseconds since 1970.
    pub ended_ms: u64,
    /// How many entries the body has.
    pub entries: u32,
}

impl Store {
    /// Keeps a journal. The body is opaque here; at most [`JOURNAL_MAX`] bytes.
    pub fn add_journal(&self, head: &JournalHead, body: &[u8]) -> Result<JournalId, StoreError> {
        check_text("title", &head.title)?;
        if body.len() > JOURNAL_MAX {
            return Err(StoreError::BadValue { what: "journal" });
        }
        let mut db = self.db.lock();
        let change = db.transaction()?;
        // The row's number is part of what is sealed, so it is drawn first.
        change.execute("INSERT INTO journals (sealed_head, sealed_body) VALUES (x'', x'')", [])?;
        let id = JournalId(change.last_insert_rowid());
        change.execute(
            "UPDATE journals SET sealed_head = ?2, sealed_body = ?3 WHERE id = ?1",
            params![
                id.0,
                self.seal_record(HEADS, &row(id), head)?,
                self.seal(BODIES, &row(id), body)?
            ],
        )?;
        change.commit()?;
        Ok(id)
    }

    /// All journals, newest first.
    pub fn journals(&self) -> Result<Vec<(JournalId, JournalHead)>, StoreError> {
        let rows: Vec<(i64, Vec<u8>)> = self
            .db
            .lock()
            .prepare_cached("SELECT id, sealed_head FROM journals ORDER BY id DESC")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        rows.iter()
            .map(|(id, sealed)| {
                let id = JournalId(*id);
                Ok((id, self.open_record(HEADS, &row(id), sealed)?))
            })
            .collect()
    }

    /// One journal's body.
    pub fn journal(&self, id: JournalId) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let sealed: Option<Vec<u8>> = self
            .db
            .lock()
            .query_row("SELECT sealed_body FROM journals WHERE id = ?1", params![id.0], |row| {
                row.get(0)
            })
            .optional()?;
        sealed.map(|sealed| self.unseal(BODIES, &row(id), &sealed)).transpose()
    }

    /// Forgets one journal; its pages are overwritten.
    pub fn delete_journal(&self, id: JournalId) -> Result<(), StoreError> {
        self.db.lock().execute("DELETE FROM journals WHERE id = ?1", params![id.0])?;
        Ok(())
    }
}

fn row(id: JournalId) -> [u8; 8] {
    id.0.to_be_bytes()
}
