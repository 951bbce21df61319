//! The third participant: the command line, on the same engine, without a window.

use crate::child::Child;
use crate::session::Session;
use crate::sound::RATE;
use anyhow::Context as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;
use xtask::paths::release_binary;

/// How long a guest may take to say goodbye and erase its keys.
const LEAVE_LIMIT: Duration = Duration::from_secs(15);

/// A sample above it is not silence: a hundredth of full scale.
const LOUD: u16 = 328;

/// A running `standfast join`.
pub(crate) struct Guest {
    child: Child,
    said: PathBuf,
    heard: PathBuf,
}

impl Guest {
    /// Joins by a link with a profile, under a name, and records what is heard. A guest who spoke
    /// as well would spoil the measurement of the one who does.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) fn join(
        session: &Session,
        profile: &str,
        name: &str,
        link: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        Self::start(session, profile, name, link, &[&["--muted"], more].concat())
    }

    /// The same for one who says what a WAV holds, again and again.
    ///
    /// # Errors
    /// As [`Guest::join`].
    pub(crate) fn join_speaking(
        session: &Session,
        profile: &str,
        name: &str,
        link: &str,
        wav: &Path,
    ) -> anyhow::Result<Self> {
        let wav = wav.to_string_lossy();
        Self::start(session, profile, name, link, &["--repeat", "--speak", &wav])
    }

    fn start(
        session: &Session,
        profile: &str,
        name: &str,
        link: &str,
        more: &[&str],
    ) -> anyhow::Result<Self> {
        let said = session.logs().join(format!("{profile}.jsonl"));
        let heard = session.logs().join(format!("{profile}-heard.wav"));
        let mut command = session.command(release_binary("standfast"));
        command.args(["--profile", profile, "join", link, "--name", name]);
        command.arg("--record").arg(&heard);
        command.args(more).env("RUST_LOG", "info");
        let log = File::create(session.logs().join(format!("{profile}.log")))?;
        let child = Child::start_into(profile, &mut command, File::create(&said)?, log)?;
        Ok(Self { child, said, heard })
    }

    /// The meeting as the guest saw it last, once it has said anything.
    pub(crate) fn sees(&self) -> Option<Said> {
        let said = fs::read_to_string(&self.said).ok()?;
        // A line may be half written.
        said.lines().rev().find_map(|line| serde_json::from_str(line).ok())
    }

    /// Whether the guest hears anything now: its recording grows by a tenth of a second that is not
    /// silent after `from`, in bytes.
    pub(crate) fn heard_after(&self, from: usize) -> bool {
        let bytes = fs::read(&self.heard).unwrap_or_default();
        let samples = bytes.get(from..).unwrap_or_default().chunks_exact(2);
        let loud = samples.filter(|s| i16::from_le_bytes([s[0], s[1]]).unsigned_abs() > LOUD);
        loud.count() > RATE as usize / 10
    }

    /// How much the guest has recorded so far, in bytes; always whole samples.
    pub(crate) fn recorded(&self) -> usize {
        let bytes = fs::metadata(&self.heard).map_or(0, |file| file.len());
        usize::try_from(bytes).unwrap_or(0) & !1
    }

    /// Asks the guest to leave, waits for its end, and gives whom it met: names by fingerprint.
    ///
    /// # Errors
    /// When it does not end well.
    pub(crate) async fn leave(self) -> anyhow::Result<BTreeMap<String, String>> {
        self.child.interrupt();
        self.child.finish(LEAVE_LIMIT).await.context("the guest leaves; see its log")?;
        let mut met = BTreeMap::new();
        for line in fs::read_to_string(&self.said)?.lines() {
            let said: Said = serde_json::from_str(line)?;
            met.extend(said.roster.into_iter().map(|person| (person.fingerprint, person.name)));
        }
        Ok(met)
    }
}

/// The part of a line of the guest's that matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    roster: Vec<Person>,
    /// The epoch in use.
    pub(crate) epoch: Option<u32>,
    /// How many have confirmed it.
    pub(crate) confirmed: Option<usize>,
    /// Of how many.
    pub(crate) members: Option<usize>,
    /// The meeting code.
    pub(crate) code: Option<String>,
    /// Who looks after the key.
    pub(crate) looks_after_key: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Person {
    name: String,
    fingerprint: String,
}
