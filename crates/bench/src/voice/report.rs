//! `voice.json`: what was measured here. What was not is not there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::drift::Drift;
use super::judge::Row;
use super::microphone::Erle;
use super::mumble::Server;
use super::scores::Processed;
use super::words::Words;
use crate::report::Run;

/// What the delays are of.
const DELAYS: &str = "simulated: from a sample's being spoken to its being handed to the \
    loudspeaker's buffer, by correlation of each second; coding, path, jitter buffer and mixing, \
    without devices and microphone processing";

/// Everything.
#[derive(Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    run: Run,
    quick: bool,
    speech: &'static str,
    seconds: usize,
    m2e_is: &'static str,
    #[serde(rename = "runs")]
    pub(crate) rows: Vec<Row>,
    /// What the peer's real server did before the simulated path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mumble_server: Option<Server>,
    /// Three others talk and the rest has muted; by participants.
    pub(crate) cpu_pct: BTreeMap<usize, f64>,
    /// When nobody has muted.
    pub(crate) cpu_pct_all_talk: BTreeMap<usize, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) callback_allocations: Option<u64>,
    /// A process with the voice of one device and nothing else, by participants.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) rss_mb: BTreeMap<usize, f64>,
    /// From a mute to the end of the sound at the listener, with a way of 20 ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mute_ms: Option<Mute>,
    /// In a room that is made up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) erle_db: Option<Erle>,
    /// There, by models: 1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) microphone_mos: Option<Processed>,
    /// A sender whose clock is too fast, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drift: Option<Drift>,
    /// … and one whose clock is too slow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drift_slow: Option<Drift>,
}

/// Of several trials.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Mute {
    trials: usize,
    p50: u64,
    max: u64,
}

impl Mute {
    /// Of sorted times; none of none.
    pub(crate) fn of(sorted: &[u64]) -> Option<Self> {
        let (p50, max) = (*sorted.get(sorted.len() / 2)?, *sorted.last()?);
        Some(Self { trials: sorted.len(), p50, max })
    }
}

impl Report {
    pub(crate) fn new(words: &Words, seconds: usize, quick: bool) -> Self {
        Self {
            run: Run::new(),
            quick,
            speech: words.origin,
            seconds,
            m2e_is: DELAYS,
            rows: Vec::new(),
            mumble_server: None,
            cpu_pct: BTreeMap::new(),
            cpu_pct_all_talk: BTreeMap::new(),
            callback_allocations: None,
            rss_mb: BTreeMap::new(),
            mute_ms: None,
            erle_db: None,
            microphone_mos: None,
            drift: None,
            drift_slow: None,
        }
    }

    /// Writes `voice.json`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, bench: &Path) -> anyhow::Result<()> {
        let path = bench.join("voice.json");
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        println!("wrote {}", path.display());
        Ok(())
    }
}

/// Prints a result.
///
/// # Errors
/// None with these types.
pub(crate) fn show<T: Serialize>(result: &T) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(result)?);
    Ok(())
}
