//! What is kept and shown again: journals, exhibits, the vault's files.

use std::sync::LazyLock;

use serde_json::Value;
use standfast_client::journal;
use standfast_meeting::{Exhibit, SignedJournal, Statement};
use standfast_vault::parsing;
use standfast_wire::codec::to_bytes;
use standfast_wire::control::{Kind, Sealed};

use crate::Tape;
use crate::stage::{Stage, ident, identity};

/// A journal of a short meeting, as the organizer's device signed it.
static JOURNAL: LazyLock<SignedJournal> = LazyLock::new(|| Stage::new().ines.signed_journal());

/// One exhibit of each kind, the first of them only seemingly one.
pub(crate) fn exhibits(stage: &Stage) -> Vec<Exhibit> {
    let statement = |sealed: &Sealed| {
        let sig = sealed.sig.unwrap_or([0; 64]);
        Statement { body: sealed.body.clone(), sig }
    };
    let (session_id, ident) = (stage.session_id, ident(&identity("ines")));
    let said = |kind| stage.newest(kind).map(statement);
    let two = said(Kind::Announce).map(|first| Exhibit::TwoAnnounces {
        session_id,
        ident: ident.clone(),
        second: first.clone(),
        first,
    });
    let open = said(Kind::Open);
    let other = open.map(|open| Exhibit::OtherSession { session_id, ident: ident.clone(), open });
    let frame_h = [2; 32];
    let forged =
        Exhibit::ForgedFrame { h_e: [0; 32], under: [1; 32], stream: 0, frame_h, bytes: 200 };
    [two, other, Some(forged)].into_iter().flatten().collect()
}

/// An exhibit: one encoding, one hash, and a judgement without a panic.
pub fn evidence(bytes: &[u8]) {
    let Some(exhibit) = Exhibit::from_bytes(bytes) else { return };
    assert!(exhibit.to_bytes() == bytes, "a second encoding was accepted");
    let _ = (exhibit.hash(), exhibit.charge(), exhibit.signed_by());
    let _ = exhibit.holds([1; 16]);
}

/// A journal of arbitrary bytes, and the row of the vault.
pub fn journal(bytes: &[u8]) {
    if let Some(kept) = journal::unpack(bytes) {
        let _ = kept.journal.map(|journal| journal.verify());
    }
    let Ok(read) = SignedJournal::from_bytes(bytes) else { return };
    assert!(read.to_bytes() == bytes, "a second encoding was accepted");
    drop(journal::to_markdown("standup", &read));
    // The two ways to check one journal agree.
    let shown = journal::to_json(&read).to_string();
    assert!(journal::verify(&shown).map(|whole| whole.by) == read.verify());
}

/// A journal's file. An input that is not text of its own is a sequence of changes to a whole
/// journal, its head signed again by the device that wrote it: what only the signature would have
/// refused is seen by everything behind it.
pub fn journal_text(bytes: &[u8]) {
    if bytes.first() == Some(&b'{') {
        if let Ok(text) = std::str::from_utf8(bytes) {
            drop(journal::verify(text));
        }
        return;
    }
    let mut tape = Tape::new(bytes);
    let mut journal = JOURNAL.clone();
    change_signed(&mut tape, &mut journal);
    let mut shown = journal::to_json(&journal);
    let signed = shown.clone();
    while !tape.is_over() {
        change_shown(&mut tape, &mut shown);
    }
    let verdict = journal::verify(&shown.to_string());
    assert!(verdict.is_err() || shown == signed, "something unsigned was accepted");
}

/// Numbers at which arithmetic breaks.
fn number(tape: &mut Tape<'_>) -> u64 {
    match tape.byte() % 6 {
        0 => 0,
        1 => u64::MAX,
        2 => u64::MAX - u64::from(tape.byte()),
        3 => u64::from(tape.byte()),
        4 => i64::MAX as u64,
        _ => tape.u64(),
    }
}

/// Changes that the device itself signs.
fn change_signed(tape: &mut Tape<'_>, journal: &mut SignedJournal) {
    if tape.chance(128) {
        journal.head.from = number(tape);
    }
    if tape.chance(64) {
        journal.head.entries = number(tape);
    }
    if tape.chance(64) {
        journal.head.signed_ms = number(tape);
    }
    let mut entries = journal.entries.clone().into_vec();
    for _ in 0..tape.byte() % 4 {
        if entries.is_empty() {
            break;
        }
        let at = tape.below(entries.len());
        match tape.byte() % 3 {
            0 => entries[at].n = number(tape),
            1 => entries[at].wall_ms = number(tape),
            _ => drop(entries.remove(at)),
        }
    }
    if tape.chance(128) {
        chain_again(journal.head.entries, &mut entries);
        journal.head.hash = entries.last().map_or([0; 32], |entry| entry.hash());
    }
    journal.entries = standfast_wire::codec::List::new(entries).unwrap_or_default();
    let ines = identity("ines");
    journal.sig = ines.sign(&journal.scope(), "journal", &to_bytes(&journal.head));
}

/// Makes a chain of what is left, so that it ends at `count`.
fn chain_again(count: u64, entries: &mut [standfast_meeting::JournalEntry]) {
    let mut n = count.wrapping_sub(entries.len() as u64);
    let mut prev = entries.first().map_or([0; 32], |entry| entry.prev);
    for entry in entries {
        (entry.n, entry.prev) = (n, prev);
        (n, prev) = (n.wrapping_add(1), entry.hash());
    }
}

/// A change that nobody signs, somewhere in the file.
fn change_shown(tape: &mut Tape<'_>, shown: &mut Value) {
    if tape.chance(16) {
        return replace(tape, shown);
    }
    match shown {
        Value::Object(map) if !map.is_empty() => {
            let nth = tape.below(map.len());
            if let Some(next) = map.values_mut().nth(nth) {
                change_shown(tape, next);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            let nth = tape.below(list.len());
            change_shown(tape, &mut list[nth]);
        }
        leaf => replace(tape, leaf),
    }
}

fn replace(tape: &mut Tape<'_>, value: &mut Value) {
    *value = match (tape.byte() % 5, value.as_str()) {
        (0, _) => number(tape).into(),
        (1, _) => Value::Null,
        (2, _) => String::from_utf8_lossy(&tape.blob(70)).into_owned().into(),
        (_, Some(text)) => text.get(1..).unwrap_or_default().to_owned().into(),
        _ => Value::Array(vec![]),
    };
}

/// The vault's files, as they lie on the disk.
pub fn vault(bytes: &[u8]) {
    let _ = (parsing::marker(bytes), parsing::file_header(bytes));
    if let Some(written) = parsing::file_content(bytes) {
        assert!(written.len() <= bytes.len(), "content grew");
        assert!(parsing::file_content(&written) == Some(written), "content changed when kept");
    }
}
