//! `keys.json`: what was measured here, and what other commands left beside it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::frames::FrameNs;
use crate::removed::Removed;
use crate::rotation::Row;
use crate::speech::Rotations;
use crate::takeover::Takeover;

/// Results of other commands that belong into the same file: field, file, and who writes it.
const OTHERS: [(&str, &str, &str); 3] = [
    ("simulation", "simulation.json", "cargo xtask sim"),
    ("evil_relay", "evil.json", "cargo xtask evil"),
    ("fuzz", "fuzz.json", "cargo xtask fuzz"),
];

/// When, on what and how was measured.
#[derive(Serialize)]
pub(crate) struct Run {
    machine: Machine,
    measured_at_unix_s: u64,
    command: String,
}

/// Everything. What was not measured is not there.
#[derive(Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    run: Run,
    openmls_suite: &'static str,
    pub(crate) rotation: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames_lost_at_rotation: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rotations_heard: Option<Rotations>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) removed_member: Option<Removed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) takeover_s: Option<Takeover>,
    /// The same in real time through a relay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) takeover_loopback_s: Option<Takeover>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frame_ns: Option<FrameNs>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Serialize)]
struct Machine {
    processor: String,
    cores: usize,
    /// Processes that wanted a core in the last minute, before this run.
    load_1_min: f64,
    system: String,
    rustc: String,
}

impl Run {
    /// Begins now.
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            machine: Machine::look(),
            measured_at_unix_s: since.map_or(0, |since| since.as_secs()),
            command: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
        }
    }
}

impl Report {
    /// Notes when and on what is measured. Nothing is measured yet.
    pub(crate) fn new() -> Self {
        Self {
            run: Run::new(),
            openmls_suite: crate::mls::SUITE_NAME,
            rotation: Vec::new(),
            frames_lost_at_rotation: None,
            rotations_heard: None,
            removed_member: None,
            takeover_s: None,
            takeover_loopback_s: None,
            frame_ns: None,
            others: Map::new(),
        }
    }

    /// Adds what other commands left in `out`, and says what is missing.
    ///
    /// # Errors
    /// When a file is there and is no JSON.
    pub(crate) fn add_others(&mut self, out: &Path) -> anyhow::Result<()> {
        for (field, file, command) in OTHERS {
            let path = out.join(file);
            let shown = path.display();
            match fs::read(&path) {
                Ok(text) => {
                    let value = serde_json::from_slice(&text).with_context(|| shown.to_string())?;
                    self.others.insert(field.to_owned(), value);
                }
                Err(_) => println!("left out: {field} (no {shown}; {command} writes it)"),
            }
        }
        Ok(())
    }

    /// Writes `keys.json`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&mut self, out: &Path) -> anyhow::Result<()> {
        self.frames_lost_at_rotation = self.rotations_heard.as_ref().map(|heard| heard.lost);
        fs::create_dir_all(out)?;
        let path = out.join("keys.json");
        fs::write(&path, serde_json::to_string_pretty(self)? + "\n")?;
        println!("wrote {}", path.display());
        Ok(())
    }
}

impl Machine {
    /// What the system says of itself; empty where it says nothing.
    fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key));
            let value = line.and_then(|line| line.split_once(['=', ':']));
            value.map(|(_, value)| value.trim().trim_matches('"').to_owned()).unwrap_or_default()
        };
        let load = read("/proc/loadavg");
        Self {
            processor: after(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            load_1_min: load.split(' ').next().and_then(|l| l.parse().ok()).unwrap_or_default(),
            system: after(&read("/etc/os-release"), "PRETTY_NAME"),
            rustc: rustc(),
        }
    }
}

fn rustc() -> String {
    let said = Command::new("rustc").arg("--version").output();
    said.ok().and_then(|said| String::from_utf8(said.stdout).ok()).unwrap_or_default().trim().into()
}
