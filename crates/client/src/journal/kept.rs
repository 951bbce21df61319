//! Journals in the vault: the key timeline as it was shown, and the signed journal beside it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use standfast_meeting::SignedJournal;
use standfast_vault::JournalHead;

use super::bytes;
use crate::profile::{Profile, ProfileError, hex};

/// What lies in one row of the vault.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The key timeline, in the form of whoever kept it.
    pub timeline: Value,
    /// The journal. Rows from before journals were signed have none.
    pub journal: Option<SignedJournal>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    timeline: Value,
    journal: String,
}

/// The bytes of one row.
#[must_use]
pub fn pack(timeline: Value, journal: &SignedJournal) -> Vec<u8> {
    let row = Row { timeline, journal: hex(&journal.to_bytes()) };
    // Values and texts always serialize.
    serde_json::to_vec(&row).unwrap_or_default()
}

/// Reads what [`pack`] wrote, or a bare timeline of an earlier version.
#[must_use]
pub fn unpack(row: &[u8]) -> Option<Kept> {
    let value: Value = serde_json::from_slice(row).ok()?;
    if value.is_array() {
        return Some(Kept { timeline: value, journal: None });
    }
    let row: Row = serde_json::from_value(value).ok()?;
    let journal = SignedJournal::from_bytes(&bytes(&row.journal)?).ok()?;
    Some(Kept { timeline: row.timeline, journal: Some(journal) })
}

impl Profile {
    /// Keeps a meeting's journal, sealed.
    ///
    /// # Errors
    /// [`ProfileError::Store`].
    pub fn keep_journal(
        &self,
        title: &str,
        ended_ms: u64,
        timeline: Value,
        journal: &SignedJournal,
    ) -> Result<(), ProfileError> {
        let records = journal.records();
        let head = JournalHead {
            meeting_id: journal.meeting_id,
            title: title.to_owned(),
            began_ms: records.first().map_or(ended_ms, |record| record.made_ms),
            ended_ms,
            entries: u32::try_from(records.len()).unwrap_or(u32::MAX),
        };
        self.vault.store().add_journal(&head, &pack(timeline, journal))?;
        Ok(())
    }
}
