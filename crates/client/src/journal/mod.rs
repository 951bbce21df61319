//! Journals outside the engine: as JSON that anyone can check, as Markdown for people, and in the
//! vault.
//!
//! Each entry of the JSON stands twice: under names that people can read, and under `coded` as the
//! bytes that are hashed. [`verify`] holds the one against the other, so that nothing that is read
//! is unsigned.

mod fields;
mod kept;
#[cfg(test)]
mod tests;
mod words;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use standfast_crypto::Fingerprint;
use standfast_meeting::{Exhibit, JournalEntry, JournalFault, JournalHead, SignedJournal};
use standfast_wire::codec::List;
use standfast_wire::control::Ident;

pub use kept::{Kept, pack, unpack};
pub use words::to_markdown;

use crate::profile::hex;

/// What the file calls itself.
const FORMAT: &str = "standfast-journal-1";

/// The journal as JSON.
#[must_use]
pub fn to_json(journal: &SignedJournal) -> Value {
    let (ident, head) = (&journal.ident, &journal.head);
    json!({
        "format": FORMAT,
        "meeting_id": hex(&journal.meeting_id),
        "session_id": hex(&journal.session_id),
        "device": {
            "fingerprint": journal.author().map(|fp| hex(&fp.0)),
            "iks": hex(&ident.iks),
            "ikd": hex(&ident.ikd),
            "cert": hex(&ident.cert),
        },
        "entries": journal.entries.as_slice().iter().map(entry).collect::<Vec<_>>(),
        "evidence": journal.evidence.as_slice().iter().map(exhibit).collect::<Vec<_>>(),
        "head": {
            "from": head.from,
            "entries": head.entries,
            "hash": hex(&head.hash),
            "signed_ms": head.signed_ms,
        },
        "signature": hex(&journal.sig),
    })
}

fn entry(entry: &JournalEntry) -> Value {
    let mut value = Map::new();
    value.insert("n".into(), entry.n.into());
    value.insert("prev".into(), hex(&entry.prev).into());
    value.insert("at_ms".into(), entry.wall_ms.into());
    value.extend(object(fields::event(&entry.event)));
    value.insert("hash".into(), hex(&entry.hash()).into());
    value.insert("coded".into(), hex(&entry.to_bytes()).into());
    Value::Object(value)
}

fn exhibit(exhibit: &Exhibit) -> Value {
    let mut value = object(fields::exhibit(exhibit));
    value.insert("hash".into(), hex(&exhibit.hash()).into());
    value.insert("coded".into(), hex(&exhibit.to_bytes()).into());
    Value::Object(value)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// A journal that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// Whose device wrote and signed it.
    pub by: Fingerprint,
    /// Entries in the file.
    pub entries: usize,
    /// Entries that had made room before the first of them.
    pub before: u64,
    /// Exhibits, their signatures checked.
    pub exhibits: usize,
    /// When it was signed, ms since 1970.
    pub signed_ms: u64,
}

/// Checks a journal's JSON: signature, chain, exhibits, and that everything readable is what was
/// signed.
///
/// # Errors
/// [`JournalFault`]: the first thing that is wrong.
pub fn verify(text: &str) -> Result<Whole, JournalFault> {
    let shown: Value = serde_json::from_str(text).map_err(|_| JournalFault::NotAJournal)?;
    let journal = from_json(&shown)?;
    let by = journal.verify()?;
    compare(&shown, &to_json(&journal), journal.head.from)?;
    Ok(Whole {
        by,
        entries: journal.entries.as_slice().len(),
        before: journal.head.from,
        exhibits: journal.evidence.as_slice().len(),
        signed_ms: journal.head.signed_ms,
    })
}

/// What is shown must be what the signed bytes say.
fn compare(shown: &Value, signed: &Value, from: u64) -> Result<(), JournalFault> {
    let differs = |list: &str| {
        let (Some(a), Some(b)) = (shown[list].as_array(), signed[list].as_array()) else {
            return Some(0);
        };
        a.iter().zip(b).position(|(a, b)| a != b)
    };
    if let Some(at) = differs("entries") {
        return Err(JournalFault::Broken(from.saturating_add(at as u64)));
    }
    if let Some(at) = differs("evidence") {
        return Err(JournalFault::Exhibit(at));
    }
    if shown == signed { Ok(()) } else { Err(JournalFault::NotSigned) }
}

/// The parts of the file that everything else is made from.
#[derive(Deserialize)]
struct File {
    format: String,
    meeting_id: String,
    session_id: String,
    device: Device,
    entries: Vec<Coded>,
    evidence: Vec<Coded>,
    head: Head,
    signature: String,
}

#[derive(Deserialize)]
struct Device {
    iks: String,
    ikd: String,
    cert: String,
}

#[derive(Deserialize)]
struct Coded {
    coded: String,
}

#[derive(Deserialize)]
struct Head {
    from: u64,
    entries: u64,
    hash: String,
    signed_ms: u64,
}

fn from_json(shown: &Value) -> Result<SignedJournal, JournalFault> {
    let file = File::deserialize(shown).map_err(|_| JournalFault::NotAJournal)?;
    if file.format != FORMAT {
        return Err(JournalFault::NotAJournal);
    }
    let mut entries = Vec::new();
    for (at, coded) in file.entries.iter().enumerate() {
        let entry = bytes(&coded.coded).and_then(|b| JournalEntry::from_bytes(&b));
        // Nothing is signed yet: the file may count from anywhere.
        let n = file.head.from.saturating_add(at as u64);
        entries.push(entry.ok_or(JournalFault::Broken(n))?);
    }
    let mut evidence = Vec::new();
    for (at, coded) in file.evidence.iter().enumerate() {
        let exhibit = bytes(&coded.coded).and_then(|b| Exhibit::from_bytes(&b));
        evidence.push(exhibit.ok_or(JournalFault::Exhibit(at))?);
    }
    let Head { from, entries: count, hash, signed_ms } = file.head;
    Ok(SignedJournal {
        meeting_id: array(&file.meeting_id)?,
        session_id: array(&file.session_id)?,
        ident: Ident {
            iks: array(&file.device.iks)?,
            ikd: array(&file.device.ikd)?,
            cert: array(&file.device.cert)?,
        },
        entries: List::new(entries).map_err(|_| JournalFault::NotAJournal)?,
        evidence: List::new(evidence).map_err(|_| JournalFault::NotAJournal)?,
        head: JournalHead { from, entries: count, hash: array(&hash)?, signed_ms },
        sig: array(&file.signature)?,
    })
}

fn array<const N: usize>(text: &str) -> Result<[u8; N], JournalFault> {
    bytes(text).and_then(|b| b.try_into().ok()).ok_or(JournalFault::NotAJournal)
}

/// Lower-case hexadecimal; nothing else is accepted, so that one journal has one form.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
