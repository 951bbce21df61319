//! Scores and plots, which are made by Python in an environment of its own under `target`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

/// What scoring and plotting need.
const NEEDED: [&str; 5] = ["numpy", "soundfile", "matplotlib", "pesq==0.0.4", "pystoi==0.4.1"];
/// What scores without a reference; they are left out where it does not install.
const WELCOME: [&str; 6] =
    ["speechmos==0.0.1.1", "librosa", "onnxruntime", "pandas", "tqdm", "requests"];
/// The programs, beside the sources of this crate.
const SCORE: &str = include_str!("../../voice/score.py");
const PLOT: &str = include_str!("../../voice/plot.py");
const MICROPHONE: &str = include_str!("../../voice/microphone.py");

/// Scores of the microphone's processing, by what is rated and what of it.
pub(crate) type Processed = BTreeMap<String, BTreeMap<String, f64>>;

/// How a recording was rated. What could not be rated is not there.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Scores {
    /// Wideband, mean of segments of 8 s; punishes a delay that changes within one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pesq: Option<f64>,
    /// Of the same segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    stoi: Option<f64>,
    /// 1 to 5, without a reference: knows nothing of delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    plcmos: Option<f64>,
}

/// A Python that can rate.
pub(crate) struct Python {
    program: PathBuf,
    dir: PathBuf,
}

impl Python {
    /// Makes the environment, or finds it made, under `bench`.
    ///
    /// # Errors
    /// When there is no Python or the packages do not install.
    pub(crate) fn set_up(bench: &Path) -> anyhow::Result<Self> {
        let venv = bench.join("venv");
        let program = venv.join("bin/python");
        let found = Self { program, dir: bench.join("voice") };
        if !found.can("import pesq, pystoi, soundfile, matplotlib") {
            let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).status();
            ensure!(made.context("python3")?.success(), "no virtual environment");
            found.install(&NEEDED)?;
        }
        if !found.can("import speechmos.plcmos") && found.install(&WELCOME).is_err() {
            println!("left out: plcmos, aecmos, dnsmos (their package does not install)");
        }
        Ok(found)
    }

    fn can(&self, code: &str) -> bool {
        let output = Command::new(&self.program).args(["-c", code]).output();
        output.is_ok_and(|output| output.status.success())
    }

    fn install(&self, packages: &[&str]) -> anyhow::Result<()> {
        let mut pip = Command::new(&self.program);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        ensure!(pip.args(packages).status()?.success(), "pip could not install {packages:?}");
        Ok(())
    }

    /// Rates recordings by their names; all were made of `spoken`. Not `thorough` means
    /// every second segment, and no PLCMOS, which takes longest.
    ///
    /// # Errors
    /// When the program fails.
    pub(crate) fn score(
        &self,
        spoken: &str,
        names: &[&str],
        thorough: bool,
    ) -> anyhow::Result<BTreeMap<String, Scores>> {
        let task = self.dir.join("score.json");
        let job = serde_json::json!({ "spoken": spoken, "heard": names, "thorough": thorough });
        fs::write(&task, job.to_string())?;
        let output = self.run("score.py", SCORE)?;
        Ok(serde_json::from_slice(&output)?)
    }

    /// Rates what the microphone's processing left.
    ///
    /// # Errors
    /// When the program fails, as without its models.
    pub(crate) fn microphone(&self) -> anyhow::Result<Processed> {
        Ok(serde_json::from_slice(&self.run("microphone.py", MICROPHONE)?)?)
    }

    /// Draws every time line.
    ///
    /// # Errors
    /// When the program fails.
    pub(crate) fn plot(&self) -> anyhow::Result<()> {
        self.run("plot.py", PLOT).map(|_| ())
    }

    fn run(&self, name: &str, text: &str) -> anyhow::Result<Vec<u8>> {
        let program = self.dir.join(name);
        fs::write(&program, text)?;
        let output = Command::new(&self.program).arg(&program).arg(&self.dir).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name}: {said}");
        Ok(output.stdout)
    }
}
