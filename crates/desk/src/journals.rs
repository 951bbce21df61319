//! Journals: read from the vault or from the meeting that runs, written to a file of the user's.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use standfast_client::clock::wall_ms;
use standfast_client::journal::{to_json, to_markdown, unpack};
use standfast_client::profile::Profile;
use standfast_ipc::{ErrorCode, ExportForm, JournalView, Reply, TimelineEntry};
use standfast_meeting::SignedJournal;
use standfast_vault::JournalId;

use crate::call::Running;
use crate::desk::State;
use crate::errors::{Outcome, refuse};
use crate::journal_view::journal_view;

/// Files of one name beside each other, at most.
const COPIES_MAX: u32 = 1_000;

impl State {
    /// Of a meeting that is over, or of the one now.
    pub(crate) fn read_journal(&mut self, id: Option<&str>) -> Outcome<Reply> {
        let journal = match id {
            Some(id) => kept(&*self.profile()?, journal_id(id)?),
            None => {
                let active = self.active_epoch();
                let signed = self.signed_now()?;
                journal_view(&signed, active, wall_ms())
            }
        };
        Ok(Reply::Journal { journal })
    }

    pub(crate) fn export_journal(&mut self, id: Option<&str>, form: ExportForm) -> Outcome<Reply> {
        let (title, signed) = match id {
            Some(id) => self.kept_signed(journal_id(id)?)?,
            None => {
                let title = self.running.as_ref().map(|r| r.title.clone()).unwrap_or_default();
                (title, self.signed_now()?)
            }
        };
        let (text, ending) = match form {
            ExportForm::Json => (to_json(&signed).to_string(), "json"),
            ExportForm::Markdown => (to_markdown(&title, &signed), "md"),
        };
        let name = format!("{}-{}", slug(&title), date(signed.head.signed_ms));
        let path = write_new(&self.export_folder(), &name, ending, text.as_bytes());
        match path {
            Ok(path) => Ok(Reply::Saved { path: path.display().to_string() }),
            Err(err) => {
                tracing::warn!(%err, "a journal was not written");
                refuse(ErrorCode::StoreUnavailable)
            }
        }
    }

    fn active_epoch(&mut self) -> Option<u32> {
        let view = self.running.as_mut().and_then(Running::view)?;
        view.meeting.active.as_ref().map(|e| e.number)
    }

    /// The journal of the meeting that is shown.
    fn signed_now(&mut self) -> Outcome<Arc<SignedJournal>> {
        let running = self.running_mut()?;
        let over = running.view().and_then(|view| view.journal);
        let signed = over.or_else(|| running.call()?.journal());
        signed.ok_or_else(|| ErrorCode::NotInMeeting.into())
    }

    fn kept_signed(&self, id: JournalId) -> Outcome<(String, Arc<SignedJournal>)> {
        let profile = self.profile()?;
        let heads = profile.vault.store().journals().map_err(crate::errors::store)?;
        let head = heads.into_iter().find(|(at, _)| *at == id).ok_or(ErrorCode::Gone)?.1;
        let signed = stored(&profile, id).and_then(|kept| kept.journal).ok_or(ErrorCode::Gone)?;
        Ok((head.title, Arc::new(signed)))
    }

    /// The user's documents, where other programs find them.
    fn export_folder(&self) -> PathBuf {
        let given = self.options.data_dir.as_ref().map(|dir| dir.join("exports"));
        let documents = || directories::UserDirs::new()?.document_dir().map(Path::to_path_buf);
        given.or_else(documents).unwrap_or_else(|| self.vault.directory().to_owned())
    }
}

fn journal_id(id: &str) -> Outcome<JournalId> {
    Ok(JournalId(id.parse().map_err(|_| ErrorCode::BadRequest)?))
}

fn stored(profile: &Profile, id: JournalId) -> Option<standfast_client::journal::Kept> {
    unpack(&profile.vault.store().journal(id).ok().flatten()?)
}

/// Rows from before journals were signed hold the timeline only.
pub(crate) fn kept(profile: &Profile, id: JournalId) -> JournalView {
    match stored(profile, id) {
        Some(kept) => match kept.journal {
            Some(signed) => journal_view(&signed, None, wall_ms()),
            None => JournalView { timeline: timeline_of(kept.timeline), ..JournalView::default() },
        },
        None => JournalView::default(),
    }
}

fn timeline_of(kept: serde_json::Value) -> Vec<TimelineEntry> {
    serde_json::from_value(kept).unwrap_or_default()
}

/// A title as part of a file's name.
fn slug(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_lowercase();
    if slug.is_empty() { "standup".into() } else { slug }
}

/// `2026-11-26`, UTC: the days since 1970 as a date of the Gregorian calendar.
fn date(ms: u64) -> String {
    // Days since 0000-03-01, counted in eras of 400 years.
    let days = ms / 86_400_000 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, late) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year + era * 400 + late)
}

/// Writes a file that was not there before, readable by its owner only.
fn write_new(folder: &Path, name: &str, ending: &str, text: &[u8]) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    for copy in 1..=COPIES_MAX {
        let number = if copy == 1 { String::new() } else { format!("-{copy}") };
        let path = folder.join(format!("standfast-{name}{number}.{ending}"));
        match options.open(&path) {
            Ok(mut file) => return file.write_all(text).map(|()| path),
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
            Err(err) => return Err(err),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let day = |days: u64| date(days * 86_400_000 + 86_399_999);
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(59), "1970-03-01");
        assert_eq!(day(11_016), "2000-02-29");
        assert_eq!(day(20_783), "2026-11-26");
    }

    #[test]
    fn a_title_makes_a_harmless_file_name() {
        assert_eq!(slug("Harbour team"), "harbour-team");
        assert_eq!(slug("../../etc/Größe"), "etc-größe");
        assert_eq!(slug(" / "), "standup");
    }

    #[test]
    fn no_file_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &[u8]| write_new(folder.path(), "a", "json", text).unwrap();
        let (first, second) = (write(b"1"), write(b"2"));
        assert_ne!(first, second);
        assert_eq!(std::fs::read(first).unwrap(), b"1");
        assert_eq!(std::fs::read(second).unwrap(), b"2");
    }
}
