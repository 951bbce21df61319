//! The third participant: the command line, on the same engine, without a window.

use crate::child::Child;
use crate::session::Session;
use anyhow::Context as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;
use xtask::paths::release_binary;

/// How long a guest may take to say goodbye and erase its keys.
const LEAVE_LIMIT: Duration = Duration::from_secs(15);

/// A running `standfast join`.
pub(crate) struct Guest {
    child: Child,
    said: PathBuf,
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
        let said = session.logs().join(format!("{profile}.jsonl"));
        let mut command = session.command(release_binary("standfast"));
        command.args(["--profile", profile, "join", link, "--name", name, "--muted"]);
        command.arg("--record").arg(session.logs().join(format!("{profile}-heard.wav")));
        command.args(more).env("RUST_LOG", "info");
        let log = File::create(session.logs().join(format!("{profile}.log")))?;
        let child = Child::start_into(profile, &mut command, File::create(&said)?, log)?;
        Ok(Self { child, said })
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
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    roster: Vec<Person>,
}

#[derive(Deserialize)]
struct Person {
    name: String,
    fingerprint: String,
}
