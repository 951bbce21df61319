//! Journals of past meetings: listed, exported, checked.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use standfast_client::call::CallView;
use standfast_client::clock::wall_ms;
use standfast_client::journal::{Kept, Whole, to_json, to_markdown, unpack, verify};
use standfast_client::profile::{Profile, hex};
use standfast_meeting::{JournalFault, SignedJournal};
use standfast_vault::{JournalHead, JournalId};

use crate::report;

/// Keeps the journal of a meeting that is over, sealed in the profile.
pub(crate) fn keep(profile: &Profile, title: &str, view: &CallView) -> Result<()> {
    let Some(journal) = view.journal.as_deref().filter(|j| !j.records().is_empty()) else {
        return Ok(());
    };
    let ended_ms = view.meeting.erased_ms.unwrap_or_else(wall_ms);
    Ok(profile.keep_journal(title, ended_ms, Value::Null, journal)?)
}

/// Writes a journal as JSON.
pub(crate) fn write_json(path: &Path, journal: &SignedJournal) -> Result<()> {
    let text = serde_json::to_vec_pretty(&to_json(journal))?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Prints every kept journal, newest first.
pub(crate) fn list(profile: &Profile) -> Result<()> {
    for (id, head) in profile.vault.store().journals()? {
        report::line(&json!({
            "event": "journal",
            "id": id.0,
            "title": head.title,
            "meeting_id": hex(&head.meeting_id),
            "began_ms": head.began_ms,
            "ended_ms": head.ended_ms,
            "epochs": head.entries,
        }));
    }
    Ok(())
}

/// Writes one journal, the newest unless told which, to a file or to standard output.
pub(crate) fn export(
    profile: &Profile,
    id: Option<i64>,
    markdown: bool,
    out: Option<&Path>,
) -> Result<()> {
    let (head, journal) = find(profile, id)?;
    let text = if markdown {
        to_markdown(&head.title, &journal)
    } else {
        serde_json::to_string_pretty(&to_json(&journal))? + "\n"
    };
    match out {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
        }
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

fn find(profile: &Profile, id: Option<i64>) -> Result<(JournalHead, SignedJournal)> {
    let store = profile.vault.store();
    let (id, head) = store
        .journals()?
        .into_iter()
        .find(|(at, _)| id.is_none_or(|id| *at == JournalId(id)))
        .context("there is no such journal")?;
    let row = store.journal(id)?.context("there is no such journal")?;
    match unpack(&row) {
        Some(Kept { journal: Some(journal), .. }) => Ok((head, journal)),
        _ => anyhow::bail!("this journal is of a version that did not sign"),
    }
}

/// Says whether a journal's JSON is whole, and of whom. The exit code says it too: 0 or 1.
pub(crate) fn check(path: &Path) -> Result<ExitCode> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(match verify(&text) {
        Ok(whole) => {
            println!("{}", complete(&whole)?);
            ExitCode::SUCCESS
        }
        Err(fault) => {
            println!("{}", broken(fault));
            ExitCode::FAILURE
        }
    })
}

fn complete(whole: &Whole) -> Result<String> {
    let shown = whole.by.display().context("64 MiB of memory are needed to show a fingerprint")?;
    let mut text = format!("Chain complete, {} entries", whole.entries);
    if whole.before > 0 {
        text += &format!(" ({} older ones had made room)", whole.before);
    }
    if whole.exhibits > 0 {
        text += &format!(", {} exhibits", whole.exhibits);
    }
    text += &format!(", signed by {}", shown.words.join(" "));
    Ok(text)
}

fn broken(fault: JournalFault) -> String {
    match fault {
        JournalFault::NotAJournal => "This is not a journal".into(),
        JournalFault::Broken(n) => format!("Chain broken at entry {n}"),
        JournalFault::Cut => "Chain cut off: entries are missing at the beginning".into(),
        JournalFault::NotSigned => "The signature does not fit".into(),
        JournalFault::Exhibit(at) => format!("Exhibit {at} does not hold"),
    }
}
