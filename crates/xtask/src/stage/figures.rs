//! What the apps and the guest say about a meeting when it is over, one JSON object each.

use crate::child::until;
use crate::summary::Epoch;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The figures of one meeting on one device.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Figures {
    /// Audio frames sealed and sent.
    pub(crate) frames_sealed: u64,
    /// Audio frames received and opened.
    pub(crate) frames_opened: u64,
    /// Frames missing where one epoch follows another.
    pub(crate) frames_lost_at_rekey: u64,
    /// From the start of the call to the first sound, milliseconds.
    pub(crate) first_audio_ms: Option<f64>,
    /// Every epoch, oldest first.
    pub(crate) journal: Vec<Record>,
}

/// One epoch of a journal.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Record {
    epoch: u32,
    reason: String,
    confirmed: usize,
    roster: Vec<String>,
    all_confirmed_after_ms: Option<f64>,
}

/// Reads what an app wrote: one line for each meeting. Waits until there are as many as expected,
/// for the last one comes a moment after the window says that the meeting is over.
///
/// # Errors
/// When they do not come or are not understood.
pub(crate) async fn read(path: &Path, meetings: usize) -> anyhow::Result<Vec<Figures>> {
    let written = || fs::read_to_string(path).ok().filter(|text| text.lines().count() == meetings);
    let what = format!("{meetings} lines in {}", path.display());
    let text = until(&what, Duration::from_secs(10), written).await?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

impl Figures {
    /// The epochs with the names of their people. `names` maps fingerprints to names.
    pub(crate) fn epochs(&self, names: &BTreeMap<String, String>) -> Vec<Epoch> {
        let name = |fp: &String| names.get(fp).unwrap_or(fp).clone();
        self.journal
            .iter()
            .map(|record| Epoch {
                epoch: record.epoch,
                reason: record.reason.clone(),
                confirmed: record.confirmed,
                roster: record.roster.iter().map(name).collect(),
            })
            .collect()
    }

    /// From the making of an epoch until all had confirmed: the median over those with company.
    pub(crate) fn rekey_ms(&self) -> Option<f64> {
        let mut times: Vec<f64> = self
            .journal
            .iter()
            .filter(|record| record.roster.len() > 1)
            .filter_map(|record| record.all_confirmed_after_ms)
            .collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    }
}
